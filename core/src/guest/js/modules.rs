//! How imports find modules: those of the actor's code, and the guest API.

use std::sync::Arc;

use rquickjs::loader::{ImportAttributes, Loader, Resolver};
use rquickjs::module::Declared;
use rquickjs::{Ctx, Error, Module, Result};

use super::program::{ALIAS, Compiled, INTERNAL, Prelude, WORKERS, load};
use super::task::Shared;

/// The modules of one machine.
#[derive(Clone)]
pub(super) struct Modules {
    pub shared: Arc<Shared>,
    pub prelude: Prelude,
}

impl Modules {
    /// Whether a module may import the parts of the guest API that guests can't.
    fn is_ours(&self, base: &str) -> bool {
        let program = self.shared.program.get();
        let module = program.and_then(|program| program.module(base));
        match module {
            Some(module) => matches!(module, Compiled::Value(..)),
            None => base == WORKERS || base.starts_with(INTERNAL),
        }
    }
}

impl Resolver for Modules {
    fn resolve<'js>(
        &mut self,
        _: &Ctx<'js>,
        base: &str,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> Result<String> {
        if name == WORKERS || name == ALIAS {
            return Ok(WORKERS.to_owned());
        }
        if name.starts_with(INTERNAL) && self.is_ours(base) {
            return Ok(name.to_owned());
        }
        let found = self.shared.program.get().and_then(|program| program.resolve(base, name));
        found.ok_or_else(|| {
            let message = format!("No such module: \"{name}\", imported by \"{base}\".");
            Error::new_resolving_message(base, name, message)
        })
    }
}

impl Loader for Modules {
    fn load<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> Result<Module<'js, Declared>> {
        if let Some(code) = self.prelude.module(name) {
            return load(ctx, code);
        }
        let refused = |message: String| Error::new_loading_message(name, message);
        let program =
            self.shared.program.get().ok_or_else(|| refused("No code is loaded.".to_owned()))?;
        match program.module(name) {
            Some(Compiled::Js(code) | Compiled::Value(code, _)) => load(ctx, code),
            Some(Compiled::Luau) => Err(refused(format!(
                "Module \"{name}\" is Luau; a JavaScript module can't import it."
            ))),
            None => Err(refused(format!("No such module: \"{name}\"."))),
        }
    }
}
