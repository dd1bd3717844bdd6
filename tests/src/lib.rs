//! The conformance runner: executes the vectors of `tests/conformance` through the Rust API.
//!
//! Every host language's runner reads the same files; their format is `conformance/README.md`.

mod aftermath;
mod compare;
mod execute;
pub mod fairness;
pub mod memory;
mod pending;
mod vector;
mod world;

pub use execute::execute;
pub use pending::Pending;
pub use vector::{Case, Guest, read_cases};
