//! Code compiled: the modules of one WorkerCode, and the prelude.

#![expect(unsafe_code, reason = "loading bytecode, which the engine doesn't check")]

use std::collections::HashMap;
use std::sync::Arc;

use rquickjs::loader::{ImportAttributes, Loader, Resolver};
use rquickjs::module::{Declared, WriteOptions};
use rquickjs::{Context, Ctx, Module as JsModule, Runtime};

use super::errors::cut;
use crate::error::{Error, ErrorCode, Result};
use crate::loader::{Module, WorkerCode};
use crate::value::Value;

/// The name that the guest API has for guests.
pub(super) const WORKERS: &str = "cloudflare:workers";
/// Its other name.
pub(super) const ALIAS: &str = "facetbox";
/// What the names of the prelude's own modules begin with.
pub(super) const INTERNAL: &str = "facetbox:";

const PRELUDE: [(&str, &str); 9] = [
    ("facetbox:base", include_str!("prelude/base.js")),
    ("facetbox:bounds", include_str!("prelude/bounds.js")),
    ("facetbox:urls", include_str!("prelude/urls.js")),
    ("facetbox:web", include_str!("prelude/web.js")),
    ("facetbox:fetch", include_str!("prelude/fetch.js")),
    ("facetbox:operations", include_str!("prelude/operations.js")),
    ("facetbox:stubs", include_str!("prelude/stubs.js")),
    ("facetbox:storage", include_str!("prelude/storage.js")),
    (WORKERS, include_str!("prelude/workers.js")),
];

/// Stack of the compiler: source of 2 KB nests deep enough to need much.
const STACK_BYTES: usize = 4 << 20;
const STACK_LEFT: usize = STACK_BYTES + (1 << 20);
/// Memory that compiling one module may take.
const COMPILER_BYTES: usize = 512 << 20;

/// Bytecode of a module, made by this build.
#[derive(Clone)]
pub(super) struct Bytecode(Arc<[u8]>);

/// Loads a module that was compiled here.
pub(super) fn load<'js>(
    ctx: &Ctx<'js>,
    code: &Bytecode,
) -> rquickjs::Result<JsModule<'js, Declared>> {
    // SAFETY: only `compile` makes bytecode, with the engine that this build contains.
    unsafe { JsModule::load(ctx.clone(), &code.0) }
}

/// The part of the guest API that is written in JavaScript, compiled once for all machines of a runtime.
#[derive(Clone)]
pub(super) struct Prelude(Arc<HashMap<&'static str, Bytecode>>);

impl Prelude {
    pub fn compile() -> Prelude {
        let code = PRELUDE.map(|(name, source)| {
            (
                name,
                compile(name, source)
                    .unwrap_or_else(|error| panic!("the guest API compiles: {error}")),
            )
        });
        Prelude(Arc::new(HashMap::from(code)))
    }

    pub fn main(&self) -> &Bytecode {
        &self.0[WORKERS]
    }

    pub fn module(&self, name: &str) -> Option<&Bytecode> {
        self.0.get(name)
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
    /// Compiles every module.
    ///
    /// # Errors
    /// LOAD_ERROR (a `SyntaxError`) with `module:line:column:` for the first module that doesn't compile.
    pub fn compile(code: &WorkerCode) -> Result<Program> {
        let mut modules = HashMap::with_capacity(code.modules.len());
        for (name, module) in &code.modules {
            let compiled = match module {
                Module::Js(source) => Compiled::Js(compile(name, source)?),
                Module::Text(text) => Compiled::value(name, text.as_str().into())?,
                Module::Data(bytes) => Compiled::value(name, bytes.clone().into())?,
                Module::Json(value) => Compiled::value(name, value.clone())?,
                Module::Luau(_) => Compiled::Luau,
            };
            modules.insert(name.clone(), compiled);
        }
        Ok(Program { main: code.main_module.clone(), modules })
    }

    pub(super) fn module(&self, name: &str) -> Option<&Compiled> {
        self.modules.get(name)
    }

    /// The module that `import "path"` in module `from` means.
    pub(super) fn resolve(&self, from: &str, path: &str) -> Option<String> {
        let name = join(from, path);
        self.modules.contains_key(&name).then_some(name)
    }
}

impl Compiled {
    fn value(name: &str, value: Value) -> Result<Compiled> {
        let quoted = serde_json::Value::String(name.to_owned());
        let source = format!(
            "import {{ native }} from \"facetbox:base\";\nexport default native.module_value({quoted});\n"
        );
        Ok(Compiled::Value(compile(name, &source)?, value))
    }
}

/// Follows a relative path from the folder of `from`; other paths start at the root.
fn join(from: &str, path: &str) -> String {
    let relative = path.starts_with("./") || path.starts_with("../");
    let folder = match from.rsplit_once('/') {
        Some((folder, _)) if relative => folder,
        _ => "",
    };
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn compile(name: &str, source: &str) -> Result<Bytecode> {
    if name.contains('\0') || source.contains('\0') {
        return Err(Error::new(
            ErrorCode::LoadError,
            format!("Module {name:?} contains a NUL character."),
        ));
    }
    stacker::maybe_grow(STACK_LEFT, STACK_LEFT, || compile_here(name, source))
}

fn compile_here(name: &str, source: &str) -> Result<Bytecode> {
    let failed = |error: rquickjs::Error| {
        Error::new(ErrorCode::Panic, format!("JavaScript engine: {error}"))
    };
    let runtime = Runtime::new().map_err(failed)?;
    runtime.set_memory_limit(COMPILER_BYTES);
    runtime.set_max_stack_size(STACK_BYTES);
    runtime.set_loader(Anything, Anything);
    let context = Context::full(&runtime).map_err(failed)?;
    context.with(|ctx| {
        let compiled = JsModule::declare(ctx.clone(), name, source).and_then(|module| {
            module.write(WriteOptions { strip_source: true, ..WriteOptions::default() })
        });
        compiled.map(|code| Bytecode(code.into())).map_err(|_| syntax_error(&ctx, name))
    })
}

/// The engine looks for imports while it compiles; what they are shows when the module is loaded.
struct Anything;

impl Resolver for Anything {
    fn resolve<'js>(
        &mut self,
        _: &Ctx<'js>,
        _: &str,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> rquickjs::Result<String> {
        Ok(name.to_owned())
    }
}

impl Loader for Anything {
    fn load<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> rquickjs::Result<JsModule<'js, Declared>> {
        JsModule::declare(ctx.clone(), name, "")
    }
}

fn syntax_error(ctx: &Ctx<'_>, name: &str) -> Error {
    let thrown = ctx.catch();
    let exception = thrown.as_exception();
    let message =
        exception.and_then(|e| e.message()).unwrap_or_else(|| "it can't be compiled".to_owned());
    let stack = exception.and_then(|e| e.stack()).unwrap_or_default();
    let place = stack.lines().next().map(|line| line.trim().trim_start_matches("at ").to_owned());
    let place = place.filter(|place| place.starts_with(name)).unwrap_or_else(|| name.to_owned());
    let message = cut(&message, super::errors::TEXT_BYTES);
    Error::new(ErrorCode::LoadError, format!("{place}: {message}")).with_stack(place)
}
