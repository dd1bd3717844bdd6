//! What Facetbox costs: one program in every host language, on a peer and on the bare engines.
//!
//! Each of them is a process that reads what to measure from its standard input, one [`Job`] a line, and
//! answers how long it took. So the driver can interleave all of them, and a slow moment of the machine hits all.

mod budgets;
mod floors;
mod guests;
mod host;
mod job;
mod programs;
mod suite;
mod summary;

pub use budgets::{Budgets, Comparison, Counts, compare_counts};
pub use floors::Floors;
pub use guests::Guest;
pub use host::Host;
pub use job::{Answer, Job, Loop, map_of_1_kib, serve};
pub use programs::{Program, Who};
pub use suite::{Row, Target, Task, rows};
pub use summary::{Measured, Summary, machine};

/// What a host in Rust is advised to use; the packages of the other languages do.
#[global_allocator]
static ALLOCATOR: facetbox::Allocator = facetbox::Allocator;
