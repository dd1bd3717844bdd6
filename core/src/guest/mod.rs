//! Guest engines: what makes an instance from a guest class.

#[cfg(feature = "quickjs")]
mod js;
mod luau;
mod stop;
mod watchdog;

use std::sync::Arc;

use parking_lot::Mutex;

use crate::actor::{Actor, Event, GuestClass, Hold, Instance};
use crate::error::{Error, ErrorCode, Result};
use crate::loader::{Module, WorkerCode};
use watchdog::Watchdog;

/// Machines kept ready for the next guest that starts.
const READY: usize = 2;

/// What the engines of one runtime share.
#[derive(Default)]
pub(crate) struct Engines {
    watchdog: Watchdog,
    prelude: luau::PreludeCode,
    ready: Mutex<Vec<luau::Vm>>,
    #[cfg(feature = "quickjs")]
    js: js::Engine,
}

/// Guest code after compilation. The main module's type chooses the engine.
pub(crate) enum Compiled {
    Luau(Arc<luau::Program>),
    #[cfg(feature = "quickjs")]
    Js(Arc<js::Program>),
}

impl Compiled {
    /// Compiles every module.
    pub fn new(code: &WorkerCode) -> Result<Compiled> {
        let main = code.modules.iter().find(|(name, _)| *name == code.main_module);
        match main {
            #[cfg(feature = "quickjs")]
            Some((_, Module::Js(_))) => {
                js::Program::compile(code).map(|program| Compiled::Js(Arc::new(program)))
            }
            _ => luau::Program::compile(code).map(|program| Compiled::Luau(Arc::new(program))),
        }
    }
}

/// Refuses a main module that no engine of this build can run.
pub(crate) fn check_main(name: &str, module: &Module) -> Result<()> {
    match module {
        Module::Luau(_) => Ok(()),
        Module::Js(_) if cfg!(feature = "quickjs") => Ok(()),
        Module::Js(_) => Err(Error::new(
            ErrorCode::Unsupported,
            format!("Module '{name}' is JavaScript, which this build does not include."),
        )),
        _ => Err(Error::named(
            ErrorCode::LoadError,
            "TypeError",
            format!("The main module '{name}' must be Luau or JavaScript."),
        )),
    }
}

impl Engines {
    pub fn stop(&self) {
        self.watchdog.stop();
        self.ready.lock().clear();
        #[cfg(feature = "quickjs")]
        self.js.stop();
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
    match class.worker.compiled()? {
        Compiled::Luau(program) => {
            let vm = actor.runtime.engines.take(actor)?;
            luau::start(vm, program, actor, class, event, hold).await
        }
        #[cfg(feature = "quickjs")]
        Compiled::Js(program) => js::start(program, actor, class, event, hold).await,
    }
}
