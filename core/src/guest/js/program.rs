//! Code compiled: the modules of one WorkerCode, and the prelude.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use super::atoms::Atoms;
use super::compiler::{Bytecode, Compiler, Parser};
use super::countdown::Countdown;
use super::evaluation::Evaluation;
use super::expressions::Expressions;
use crate::error::{Error, ErrorCode, Result};
use crate::guest::cache::Cache;
use crate::loader::{Module, WorkerCode, module_name};
use crate::runtime::RuntimeInner;
use crate::value::Value;

/// The name that the guest API has for guests.
pub(super) const WORKERS: &str = "cloudflare:workers";
/// Its other name.
pub(super) const ALIAS: &str = "facetbox";
/// What the names of the prelude's own modules begin with.
pub(super) const INTERNAL: &str = "facetbox:";

const PRELUDE: [(&str, &str); 44] = [
    ("facetbox:base", include_str!("prelude/base.js")),
    ("facetbox:errors", include_str!("prelude/errors.js")),
    ("facetbox:bounds", include_str!("prelude/bounds.js")),
    ("facetbox:likes", include_str!("prelude/likes.js")),
    ("facetbox:lists", include_str!("prelude/lists.js")),
    ("facetbox:weak", include_str!("prelude/weak.js")),
    ("facetbox:sets", include_str!("prelude/sets.js")),
    ("facetbox:proxies", include_str!("prelude/proxies.js")),
    ("facetbox:texts", include_str!("prelude/texts.js")),
    ("facetbox:references", include_str!("prelude/references.js")),
    ("facetbox:console", include_str!("prelude/console.js")),
    ("facetbox:absent", include_str!("prelude/absent.js")),
    ("facetbox:urls", include_str!("prelude/urls.js")),
    ("facetbox:patterns", include_str!("prelude/patterns.js")),
    ("facetbox:web", include_str!("prelude/web.js")),
    ("facetbox:crypto", include_str!("prelude/crypto.js")),
    ("facetbox:ciphers", include_str!("prelude/ciphers.js")),
    ("facetbox:signatures", include_str!("prelude/signatures.js")),
    ("facetbox:compression", include_str!("prelude/compression.js")),
    ("facetbox:bodies", include_str!("prelude/bodies.js")),
    ("facetbox:fetch", include_str!("prelude/fetch.js")),
    ("facetbox:streams", include_str!("prelude/streams.js")),
    ("facetbox:byob", include_str!("prelude/byob.js")),
    ("facetbox:pipes", include_str!("prelude/pipes.js")),
    ("facetbox:events", include_str!("prelude/events.js")),
    ("facetbox:forms", include_str!("prelude/forms.js")),
    ("facetbox:intl", include_str!("prelude/intl.js")),
    ("facetbox:intl-base", include_str!("prelude/intl-base.js")),
    ("facetbox:intl-dates", include_str!("prelude/intl-dates.js")),
    ("facetbox:intl-numbers", include_str!("prelude/intl-numbers.js")),
    ("facetbox:locales", include_str!("prelude/locales.js")),
    ("facetbox:locale-data", include_str!("prelude/locale-data.js")),
    ("facetbox:zones", include_str!("prelude/zones.js")),
    ("facetbox:lazy", include_str!("prelude/lazy.js")),
    ("facetbox:operations", include_str!("prelude/operations.js")),
    ("facetbox:held", include_str!("prelude/held.js")),
    ("facetbox:capabilities", include_str!("prelude/capabilities.js")),
    ("facetbox:loaders", include_str!("prelude/loaders.js")),
    ("facetbox:stubs", include_str!("prelude/stubs.js")),
    ("facetbox:timers", include_str!("prelude/timers.js")),
    ("facetbox:cursors", include_str!("prelude/cursors.js")),
    ("facetbox:transactions", include_str!("prelude/transactions.js")),
    ("facetbox:storage", include_str!("prelude/storage.js")),
    (WORKERS, include_str!("prelude/workers.js")),
];

/// What the names begin with under which modules that are data are loaded.
pub(super) const DATA: &str = "facetbox:data/";

/// The part of the guest API that is written in JavaScript: each module is compiled at its first use, once for
/// all machines of a runtime.
#[derive(Clone)]
pub(super) struct Prelude {
    modules: Arc<[OnceLock<Bytecode>; PRELUDE.len()]>,
    pub countdown: Option<Countdown>,
    pub atoms: Option<Atoms>,
    pub evaluation: Option<Evaluation>,
    pub expressions: Option<Expressions>,
}

impl Prelude {
    pub fn new() -> Prelude {
        let modules = Arc::new([const { OnceLock::new() }; PRELUDE.len()]);
        Prelude {
            modules,
            countdown: Countdown::find().unwrap_or_default(),
            atoms: Atoms::find().unwrap_or_default(),
            evaluation: Evaluation::find(),
            expressions: Expressions::find(),
        }
    }

    pub fn module(&self, name: &str) -> Option<&Bytecode> {
        let at = PRELUDE.iter().position(|(known, _)| *known == name)?;
        let compile = || {
            let compiled =
                Parser::new().and_then(|parser| parser.compile_prelude(name, PRELUDE[at].1));
            compiled.unwrap_or_else(|error| panic!("the guest API compiles: {error}"))
        };
        Some(self.modules[at].get_or_init(compile))
    }

    /// Compiles the modules that no machine has used yet.
    pub fn complete(&self) {
        for (name, _) in PRELUDE {
            self.module(name);
        }
    }
}

/// The modules of one WorkerCode, ready to be loaded into any number of machines.
pub(crate) struct Program {
    pub main: String,
    modules: HashMap<String, Compiled>,
}

/// One module.
pub(super) enum Compiled {
    Js(Bytecode),
    /// Its bytecode asks for the value.
    Value(Bytecode, Value),
    Luau,
}

impl Program {
    /// Compiles every module that isn't in the cache.
    ///
    /// # Errors
    /// LOAD_ERROR (a `SyntaxError`) with `module:line:column:` for the first module that doesn't compile,
    /// and for imports of modules that aren't there; for names that the guest API has itself.
    pub fn compile(code: &WorkerCode, runtime: &Arc<RuntimeInner>) -> Result<Program> {
        let (cache, mut compiler) = (&runtime.engines.js.code, Compiler::new(runtime));
        let mut modules = HashMap::with_capacity(code.modules.len());
        for (name, module) in &code.modules {
            check_name(name)?;
            let compiled = match module {
                Module::Js(source) => {
                    let compile = || compiler.compile(name, source);
                    Compiled::Js(cache.get(name, source.as_bytes(), compile)?)
                }
                Module::Text(text) => {
                    Compiled::value(name, text.as_str().into(), cache, &mut compiler)?
                }
                Module::Data(bytes) => {
                    Compiled::value(name, bytes.clone().into(), cache, &mut compiler)?
                }
                Module::Json(json) => Compiled::value(name, json.clone(), cache, &mut compiler)?,
                Module::Luau(_) => Compiled::Luau,
            };
            modules.insert(name.clone(), compiled);
        }
        let program = Program { main: code.main_module.clone(), modules };
        program.check_imports(code)?;
        Ok(program)
    }

    /// Follows the imports from the main module on.
    fn check_imports(&self, code: &WorkerCode) -> Result<()> {
        let (mut left, mut seen) = (vec![self.main.clone()], HashSet::new());
        while let Some(from) = left.pop() {
            let Some(Compiled::Js(compiled)) = self.modules.get(&from) else { continue };
            for path in compiled.imports.iter().filter(|path| !is_api(path)) {
                let name = self.resolve(&from, path);
                let refused = match name.as_ref().and_then(|name| self.modules.get(name)) {
                    Some(Compiled::Luau) => "A JavaScript module can't import the Luau module",
                    Some(_) => {
                        left.extend(name.filter(|name| seen.insert(name.clone())));
                        continue;
                    }
                    None => "No such module:",
                };
                let place = place_of(code, &from, path);
                let message = format!("{place}: {refused} {path:?}.");
                let error = Error::named(ErrorCode::LoadError, "Error", message);
                return Err(error.with_stack(place));
            }
        }
        Ok(())
    }

    pub(super) fn module(&self, name: &str) -> Option<&Compiled> {
        self.modules.get(name)
    }

    /// The module that `import "path"` in module `from` means.
    pub(super) fn resolve(&self, from: &str, path: &str) -> Option<String> {
        let name = module_name(from, path);
        self.modules.contains_key(&name).then_some(name)
    }
}

impl Compiled {
    fn value(
        name: &str,
        value: Value,
        cache: &Cache<Bytecode>,
        compiler: &mut Compiler<'_>,
    ) -> Result<Compiled> {
        let quoted = serde_json::Value::String(name.to_owned());
        let source = format!(
            "import {{ native }} from \"facetbox:base\";\nexport default native.module_value({quoted});\n"
        );
        let name = format!("{DATA}{name}");
        let code = cache.get(&name, source.as_bytes(), || compiler.compile(&name, &source))?;
        Ok(Compiled::Value(code, value))
    }
}

/// Whether a path means the guest API.
pub(super) fn is_api(path: &str) -> bool {
    path == WORKERS || path == ALIAS
}

/// Refuses the names of the guest API's own modules: code under such a name would pass for one of them.
fn check_name(name: &str) -> Result<()> {
    if is_api(name) || name.starts_with(INTERNAL) {
        let message = format!("The module name {name:?} is reserved.");
        return Err(Error::named(ErrorCode::LoadError, "TypeError", message));
    }
    Ok(())
}

/// `module:line:column` of the first place where a module names `path`.
fn place_of(code: &WorkerCode, module: &str, path: &str) -> String {
    let source = code.modules.iter().find_map(|(name, content)| match content {
        Module::Js(source) if name == module => Some(source),
        _ => None,
    });
    let quotes = ['"', '\''].map(|quote| format!("{quote}{path}{quote}"));
    let found = source.and_then(|source| {
        let at = quotes.iter().filter_map(|quoted| source.find(quoted.as_str())).min()?;
        let (before, column) =
            (&source[..at], at - source[..at].rfind('\n').map_or(0, |end| end + 1));
        Some(format!("{module}:{}:{}", before.matches('\n').count() + 1, column + 1))
    });
    found.unwrap_or_else(|| module.to_owned())
}
