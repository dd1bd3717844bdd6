//! The C library of Facetbox. `include/facetbox.h`, made from these files, is its documentation.
//!
//! Every function converts its arguments, calls core once and converts the answer back. `handle`,
//! `slice` and `callback` are the only files that touch raw pointers; `guard` is how each function
//! keeps panics inside.

#![deny(clippy::missing_safety_doc)]
#![expect(non_camel_case_types, reason = "types and constants have their C names")]

mod callback;
mod cancel;
mod class;
mod clock;
mod ctx;
mod deployment;
mod error;
mod facets;
mod guard;
mod guide;
mod handle;
mod headers;
mod loader;
mod metrics;
mod namespace;
mod object_id;
mod objects;
mod operations;
mod options;
mod request;
mod response;
mod revoker;
mod runtime;
mod slice;
mod sql;
mod storage;
mod stub;
mod value;
mod value_call;
mod value_capability;
mod value_message;
mod value_read;
mod worker;
mod worker_code;

pub use error::facetbox_error_code_t;
pub use options::{facetbox_alarms_t, facetbox_durability_t};

#[global_allocator]
static ALLOCATOR: facetbox::Allocator = facetbox::Allocator;
