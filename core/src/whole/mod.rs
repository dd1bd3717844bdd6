//! Objects as a whole, for hosts and operators: list, measure, delete, export, import, query, verify.

mod export;
mod import;
mod objects;
mod query;
mod turn;
mod verify;

pub use objects::{ObjectInfo, Usage};
pub use verify::{Problem, Report};
