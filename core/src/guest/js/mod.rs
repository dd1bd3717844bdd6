//! JavaScript guests.
//!
//! Each actor has a machine of its own: one QuickJS runtime with one context, entered under a mutex by
//! the driver of one event at a time. Guest code runs only inside [`vm::Vm::run`]. Natives copy what
//! they are given and begin operations; they never wait and never call the guest, save for the hooks of
//! the prelude, and hold no lock meanwhile.

mod api;
mod callback;
mod compiler;
mod errors;
mod give;
mod guard;
mod heap;
mod instance;
mod modules;
mod native;
mod outcome;
mod program;
mod read;
mod rejections;
mod task;
mod vm;

use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

pub(crate) use instance::{exports, start};
pub(crate) use program::Program;

use crate::actor::Actor;
use crate::error::Result;
use crate::guest::cache::Cache;
use compiler::Bytecode;
use program::Prelude;
use vm::Vm;

/// Machines kept ready for the next guest that starts.
const READY: usize = 2;

/// What the JavaScript guests of one runtime share.
#[derive(Default)]
pub(crate) struct Engine {
    prelude: OnceLock<Prelude>,
    pub code: Cache<Bytecode>,
    ready: Mutex<Vec<Vm>>,
}

impl Engine {
    /// Drops the machines that nobody has taken.
    pub fn stop(&self) {
        let ready = std::mem::take(&mut *self.ready.lock());
        drop(ready);
        self.code.clear();
    }

    fn make(&self) -> Result<Vm> {
        Vm::new(self.prelude.get_or_init(Prelude::compile))
    }

    /// A fresh machine, from those that are ready if there is one; more are made in the background.
    fn take(&self, actor: &Arc<Actor>) -> Result<Vm> {
        let ready = self.ready.lock().pop();
        let runtime = Arc::downgrade(&actor.runtime);
        actor.runtime.executor.spawn(async move {
            while let Some(runtime) = runtime.upgrade() {
                let engine = &runtime.engines.js;
                if engine.ready.lock().len() >= READY || runtime.check_open().is_err() {
                    break;
                }
                let Ok(vm) = engine.make() else { break };
                engine.ready.lock().push(vm);
            }
        });
        ready.map_or_else(|| self.make(), Ok)
    }
}
