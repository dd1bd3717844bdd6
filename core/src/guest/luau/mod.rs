//! Luau guests.

mod api;
mod bytes;
mod convert;
mod guard;
mod instance;
mod json;
mod native;
mod program;
mod urls;
mod vm;
mod web;

pub(crate) use instance::{exports, start};
pub(crate) use program::{Bytecode, Program};
pub(crate) use vm::{PreludeCode, Vm};
