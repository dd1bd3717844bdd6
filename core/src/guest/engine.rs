//! Engine: which languages guests may be written in.

use crate::error::{Error, ErrorCode, Result};
use crate::loader::{Module, WorkerCode};

/// An engine that runs guest code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Engine {
    /// Runs `.luau` and `.lua` modules.
    Luau,
    /// Runs `.js` and `.mjs` modules; in builds with the feature `quickjs`.
    JavaScript,
}

impl Engine {
    /// Every engine, whether this build contains it or not.
    pub const ALL: [Engine; 2] = [Engine::Luau, Engine::JavaScript];

    /// Its name in the options of every language: `"luau"` or `"javascript"`.
    pub fn name(self) -> &'static str {
        match self {
            Engine::Luau => "luau",
            Engine::JavaScript => "javascript",
        }
    }

    /// The engine with a name.
    ///
    /// # Errors
    /// INVALID_ARGUMENT (a `TypeError`) for other names than `"luau"` and `"javascript"`.
    pub fn from_name(name: &str) -> Result<Engine> {
        Engine::ALL.into_iter().find(|engine| engine.name() == name).ok_or_else(|| {
            Error::type_error(format!("An engine is 'luau' or 'javascript', got '{name}'."))
        })
    }

    /// What runs a module; `None` for those that aren't code.
    fn of(module: &Module) -> Option<Engine> {
        match module {
            Module::Luau(_) => Some(Engine::Luau),
            Module::Js(_) => Some(Engine::JavaScript),
            Module::Text(_) | Module::Data(_) | Module::Json(_) => None,
        }
    }

    fn language(self) -> &'static str {
        match self {
            Engine::Luau => "Luau",
            Engine::JavaScript => "JavaScript",
        }
    }
}

/// Refuses code with a main module that no engine runs, or with any module for an engine that this build
/// lacks or that isn't among `allowed`.
pub(super) fn check(code: &WorkerCode, main: &Module, allowed: &[Engine]) -> Result<()> {
    if Engine::of(main).is_none() {
        let name = &code.main_module;
        let message = format!("The main module '{name}' must be Luau or JavaScript.");
        return Err(Error::named(ErrorCode::LoadError, "TypeError", message));
    }
    for (name, module) in &code.modules {
        let Some(engine) = Engine::of(module) else { continue };
        let language = engine.language();
        let refused = if engine == Engine::JavaScript && !cfg!(feature = "quickjs") {
            format!("Module '{name}' is {language}, which this build does not include.")
        } else if !allowed.contains(&engine) {
            format!(
                "Module '{name}' is {language}, which the runtime's option `engines` does not allow."
            )
        } else {
            continue;
        };
        return Err(Error::new(ErrorCode::Unsupported, refused));
    }
    Ok(())
}
