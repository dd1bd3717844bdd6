//! The Node binding of Facetbox: the native half of the npm package.
//!
//! Classes here convert, call the core once and convert back; the JavaScript half (`lib/`) gives them
//! the shape that users see. Three rules hold throughout:
//!
//! * Values cross as one buffer ([`codec`]), with functions, stubs and the like in a list beside it.
//! * Whatever has to reach JavaScript from another thread is a message to the environment's
//!   [`mailbox`], so no thread ever waits for the event loop and the event loop for no thread.
//! * Core errors become JavaScript exceptions in one function of the JavaScript half, which gets
//!   them packed like any other value.

// Whether a class may go to another thread depends on all that a value may hold, which nests deep.
#![recursion_limit = "256"]
#![deny(unsafe_code)]
// There are no tests here, but linting all targets builds some, in which napi exports no functions. Its macros hide what they
// are from `expect`.
#![cfg_attr(test, allow(dead_code, reason = "functions that napi exports elsewhere"))]

mod batch;
mod bridge;
mod capability;
mod class;
mod clock;
mod codec;
mod ctx;
mod deployment;
mod facets;
mod id;
mod loader;
mod mailbox;
mod metrics;
mod namespace;
mod reference;
mod revoker;
mod rpc;
mod runtime;
mod storage;
mod stub;
mod task;
mod transaction;
mod usage;

#[global_allocator]
static ALLOCATOR: facetbox::Allocator = facetbox::Allocator;
