//! Guest engines: what makes an instance from a guest class.

mod cache;
mod crowd;
mod ending;
mod engine;
#[cfg(feature = "quickjs")]
mod js;
mod luau;
mod outside;
mod pool;
mod rare;
mod rows;
mod source;
mod stop;
mod timers;
mod watchdog;
mod web;

use std::sync::Arc;

use crate::actor::{Actor, Event, GuestClass, Hold, Instance};
use crate::error::Result;
use crate::executor::Executor;
use crate::loader::{Module, WorkerCode, WorkerStub};
use crate::runtime::RuntimeInner;
use crate::value::Value;
pub use engine::Engine;
pub use luau::Allocator;
use watchdog::Watchdog;

/// What the engines of one runtime share.
pub(crate) struct Engines {
    allowed: Vec<Engine>,
    watchdog: Watchdog,
    maker: pool::Maker,
    luau: luau::Engine,
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
    /// Compiles every module that the runtime hasn't compiled before.
    pub fn new(code: &WorkerCode, runtime: &Arc<RuntimeInner>) -> Result<Compiled> {
        let main = code.modules.iter().find(|(name, _)| *name == code.main_module);
        match main {
            #[cfg(feature = "quickjs")]
            Some((_, Module::Js(_))) => {
                Ok(Compiled::Js(Arc::new(js::Program::compile(code, runtime)?)))
            }
            _ => {
                let program = luau::Program::compile(code, &runtime.engines.luau.code)?;
                Ok(Compiled::Luau(Arc::new(program)))
            }
        }
    }
}

impl Engines {
    /// Engines that run modules for `allowed` only, on the executor's threads and those of callers.
    pub fn new(allowed: Vec<Engine>, executor: &Executor) -> Engines {
        Engines {
            allowed,
            watchdog: Watchdog::new(executor.tasks()),
            maker: pool::Maker::default(),
            luau: luau::Engine::default(),
            #[cfg(feature = "quickjs")]
            js: js::Engine::default(),
        }
    }

    /// Refuses code that these engines don't run, by the types of its modules.
    pub fn check(&self, code: &WorkerCode, main: &Module) -> Result<()> {
        engine::check(code, main, &self.allowed)
    }

    pub fn stop(&self) {
        self.watchdog.stop();
        self.maker.stop();
        self.luau.stop();
        #[cfg(feature = "quickjs")]
        self.js.stop();
    }
}

/// Starts an instance of a guest class; its constructor runs with the turn held.
pub(crate) async fn start(
    actor: &Arc<Actor>,
    class: &GuestClass,
    event: &Arc<Event>,
    hold: &mut Hold,
) -> Result<Arc<dyn Instance>> {
    match class.worker.compiled(event)? {
        Compiled::Luau(program) => luau::start(program, actor, class, event, hold).await,
        #[cfg(feature = "quickjs")]
        Compiled::Js(program) => js::start(program, actor, class, event, hold).await,
    }
}

/// What a main module exports under one name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Export {
    pub name: String,
    /// A class of objects; else an entrypoint.
    pub is_class: bool,
    pub has_fetch: bool,
}

impl Export {
    /// Reads what the prelude lists: name, kind, whether it has a fetch handler.
    fn from_value(value: Value) -> Option<Export> {
        let Value::List(parts) = value else { return None };
        let [Value::String(name), Value::String(kind), Value::Bool(has_fetch)] = &parts[..] else {
            return None;
        };
        Some(Export { name: name.clone(), is_class: kind == "class", has_fetch: *has_fetch })
    }
}

/// Evaluates the main module and lists what it exports, sorted by name.
pub(crate) async fn exports(
    worker: &WorkerStub,
    event: &Arc<Event>,
    hold: &mut Hold,
) -> Result<Vec<Export>> {
    let listed = match worker.compiled(event)? {
        Compiled::Luau(program) => luau::exports(program, event, hold).await?,
        #[cfg(feature = "quickjs")]
        Compiled::Js(program) => js::exports(worker, program, event, hold).await?,
    };
    let Value::List(listed) = listed else { return Ok(Vec::new()) };
    let mut exports: Vec<_> = listed.into_iter().filter_map(Export::from_value).collect();
    exports.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(exports)
}
