//! Luau guests.

mod api;
mod bytes;
mod convert;
mod coroutine;
mod driver;
mod errors;
mod exhaustion;
mod guard;
mod instance;
mod json;
mod messages;
mod native;
mod pages;
mod program;
mod rows;
mod stack;
mod texts;
mod trace;
mod urls;
mod vm;
mod web;

pub(crate) use instance::{exports, start};
pub use pages::Allocator;
pub(crate) use program::Program;

use std::sync::OnceLock;

use crate::error::Result;
use crate::guest::Engines;
use crate::guest::cache::Cache;
use crate::guest::pool::{LARGE_BYTES, Machines, Pool};
use program::Bytecode;
use vm::{PreludeCode, Vm};

/// What the Luau guests of one runtime share.
#[derive(Default)]
pub(crate) struct Engine {
    prelude: OnceLock<PreludeCode>,
    pub code: Cache<Bytecode>,
    ready: Pool<Vm>,
}

impl Engine {
    /// Drops what is kept for guests to come.
    pub fn stop(&self) {
        self.ready.clear();
        self.code.clear();
    }
}

impl Machines for Vm {
    fn pool(engines: &Engines) -> &Pool<Vm> {
        &engines.luau.ready
    }

    fn make(engines: &Engines) -> Result<Vm> {
        Vm::new(engines.luau.prelude.get_or_init(PreludeCode::compile))
    }

    fn is_large(&self) -> bool {
        self.lua.used_memory() > LARGE_BYTES
    }
}
