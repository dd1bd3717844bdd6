//! JavaScript guests.
//!
//! Each actor has a machine of its own: one QuickJS runtime with one context, entered under a mutex by
//! the driver of one event at a time. Guest code runs only inside [`vm::Vm::run`]. Natives copy what
//! they are given and begin operations; they never wait and never call the guest, save for the hooks of
//! the prelude, and hold no lock meanwhile.

mod api;
mod atoms;
mod background;
mod bounds;
mod callback;
mod compiler;
mod conversions;
mod countdown;
mod driver;
mod entry;
mod errors;
mod evaluation;
mod expressions;
mod field;
mod give;
mod guard;
mod heap;
mod instance;
mod kinds;
mod late;
mod methods;
mod modules;
mod names;
mod native;
mod numbers;
mod operations;
mod outcome;
mod patterns;
mod program;
mod read;
mod rejections;
mod rows;
mod task;
mod variables;
mod vm;
mod waiting;

pub(crate) use instance::{exports, start};
pub(crate) use program::Program;

use std::sync::OnceLock;

use crate::error::Result;
use crate::guest::Engines;
use crate::guest::cache::Cache;
use crate::guest::pool::{LARGE_BYTES, Machines, Pool};
use compiler::{Bytecode, Parser};
use program::Prelude;
use vm::Vm;

/// What the JavaScript guests of one runtime share.
#[derive(Default)]
pub(crate) struct Engine {
    prelude: OnceLock<Prelude>,
    pub code: Cache<Bytecode>,
    ready: Pool<Vm>,
    parsers: Pool<Parser>,
}

impl Engine {
    /// Drops what is kept for guests to come.
    pub fn stop(&self) {
        self.ready.clear();
        self.parsers.clear();
        self.code.clear();
    }
}

impl Machines for Vm {
    fn pool(engines: &Engines) -> &Pool<Vm> {
        &engines.js.ready
    }

    fn make(engines: &Engines) -> Result<Vm> {
        Vm::new(engines.js.prelude.get_or_init(Prelude::new))
    }

    fn is_large(&self) -> bool {
        self.shared.guard.used() > LARGE_BYTES
    }

    fn complete(engines: &Engines) {
        engines.js.prelude.get_or_init(Prelude::new).complete();
    }
}

impl Machines for Parser {
    fn pool(engines: &Engines) -> &Pool<Parser> {
        &engines.js.parsers
    }

    fn make(_engines: &Engines) -> Result<Parser> {
        Parser::new()
    }
}
