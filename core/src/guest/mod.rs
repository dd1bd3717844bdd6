//! Guest engines: what makes an instance from a guest class.

mod luau;
mod watchdog;

use std::sync::Arc;

use parking_lot::Mutex;

use crate::actor::{Actor, Event, GuestClass, Hold, Instance};
use crate::error::Result;
use crate::loader::WorkerCode;
use watchdog::Watchdog;

/// Machines kept ready for the next guest that starts.
const READY: usize = 2;

/// What the engines of one runtime share.
#[derive(Default)]
pub(crate) struct Engines {
    watchdog: Watchdog,
    prelude: luau::PreludeCode,
    ready: Mutex<Vec<luau::Vm>>,
}

/// Guest code after compilation.
pub(crate) struct Compiled(Arc<luau::Program>);

impl Compiled {
    /// Compiles every module.
    pub fn new(code: &WorkerCode) -> Result<Compiled> {
        luau::Program::compile(code).map(|program| Compiled(Arc::new(program)))
    }
}

impl Engines {
    pub fn stop(&self) {
        self.watchdog.stop();
        self.ready.lock().clear();
    }

    /// A fresh machine, from those that are ready if there is one.
    fn take(&self, actor: &Arc<Actor>) -> Result<luau::Vm> {
        let ready = self.ready.lock().pop();
        let runtime = Arc::downgrade(&actor.runtime);
        actor.runtime.executor.spawn(async move {
            while let Some(runtime) = runtime.upgrade() {
                if runtime.engines.ready.lock().len() >= READY || runtime.check_open().is_err() {
                    break;
                }
                let Ok(vm) = luau::Vm::new(&runtime.engines.prelude) else { break };
                runtime.engines.ready.lock().push(vm);
            }
        });
        ready.map_or_else(|| luau::Vm::new(&actor.runtime.engines.prelude), Ok)
    }
}

/// Starts an instance of a guest class; its constructor runs with the turn held.
pub(crate) async fn start(
    actor: &Arc<Actor>,
    class: &GuestClass,
    event: &Arc<Event>,
    hold: &mut Hold,
) -> Result<Arc<dyn Instance>> {
    let Compiled(program) = class.worker.compiled()?;
    let vm = actor.runtime.engines.take(actor)?;
    luau::start(vm, program, actor, class, event, hold).await
}
