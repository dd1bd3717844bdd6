//! How imports find modules: those of the actor's code, and the guest API.

use std::sync::Arc;

use rquickjs::loader::{ImportAttributes, Loader, Resolver};
use rquickjs::module::Declared;
use rquickjs::{Ctx, Error, Exception, Module, Result};

use super::compiler::load;
use super::program::{Compiled, DATA, INTERNAL, Prelude, WORKERS, is_api};
use super::task::Shared;
use crate::loader::module_name;

/// The modules of one machine.
#[derive(Clone)]
pub(super) struct Modules {
    pub shared: Arc<Shared>,
    pub prelude: Prelude,
}

/// Whether a module may import the parts of the guest API that guests can't. No module of a guest has
/// such a name.
fn is_ours(base: &str) -> bool {
    base == WORKERS || base.starts_with(INTERNAL)
}

impl Resolver for Modules {
    fn resolve<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        base: &str,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> Result<String> {
        self.shared.guard.imports();
        if is_api(name) {
            return Ok(WORKERS.to_owned());
        }
        if name.starts_with(INTERNAL) && is_ours(base) {
            return Ok(name.to_owned());
        }
        let program = self.shared.program.get();
        let found = program.and_then(|program| {
            let name = program.resolve(base, name)?;
            let data = matches!(program.module(&name), Some(Compiled::Value(..)));
            Some(if data { format!("{DATA}{name}") } else { name })
        });
        found.ok_or_else(|| {
            let message = format!("No such module \"{}\".", module_name(base, name));
            Exception::throw_message(ctx, &message)
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
        match program.module(name.strip_prefix(DATA).unwrap_or(name)) {
            Some(Compiled::Js(code) | Compiled::Value(code, _)) => load(ctx, code),
            Some(Compiled::Luau) => Err(refused(format!(
                "Module \"{name}\" is Luau; a JavaScript module can't import it."
            ))),
            None => Err(refused(format!("No such module: \"{name}\"."))),
        }
    }
}
