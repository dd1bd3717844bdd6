//! Guest code compiled: the modules of one WorkerCode by name.

use std::collections::HashMap;
use std::sync::Arc;

use mlua::chunk::Compiler;

use super::errors::error_from_mlua;
use crate::cpu::ThreadClock;
use crate::error::{Error, ErrorCode, Result};
use crate::guest::cache::{Cache, Code};
use crate::guest::source;
use crate::loader::{Module, WorkerCode, module_name};
use crate::value::Value;

/// The compiler's stack: source of 2 KB nests deep enough to need more than 512 KiB.
const STACK_BYTES: usize = 8 << 20;

/// The modules of one WorkerCode, ready to be loaded into any number of machines.
pub(crate) struct Program {
    pub main: String,
    modules: HashMap<String, CompiledModule>,
}

/// Bytecode of a module, made by this process.
#[derive(Clone)]
pub(crate) struct Bytecode(pub(super) Arc<[u8]>);

impl Code for Bytecode {
    fn bytes(&self) -> usize {
        self.0.len()
    }
}

/// One module.
pub(super) enum CompiledModule {
    Luau(Bytecode),
    Text(String),
    Data(Vec<u8>),
    Json(Value),
    Js,
}

impl Program {
    /// Compiles every Luau module that isn't in the cache.
    ///
    /// # Errors
    /// LOAD_ERROR: a `SyntaxError` with `module:line:` for the first module that doesn't compile, or a `RangeError` for
    /// what would take too long.
    pub fn compile(code: &WorkerCode, cache: &Cache<Bytecode>) -> Result<Program> {
        let mut modules = HashMap::with_capacity(code.modules.len());
        let clock = ThreadClock::current();
        let begun = clock.read();
        let compile = |name: &str, source: &str| match (begun, clock.read()) {
            (Some(begun), Some(now)) if now.saturating_sub(begun) > source::CPU => {
                Err(source::too_slow())
            }
            _ => compile(name, source),
        };
        for (name, module) in &code.modules {
            let compiled = match module {
                Module::Luau(source) => {
                    CompiledModule::Luau(
                        cache.get(name, source.as_bytes(), || compile(name, source))?,
                    )
                }
                Module::Text(text) => CompiledModule::Text(text.clone()),
                Module::Data(bytes) => CompiledModule::Data(bytes.clone()),
                Module::Json(value) => CompiledModule::Json(value.clone()),
                Module::Js(_) => CompiledModule::Js,
            };
            modules.insert(name.clone(), compiled);
        }
        Ok(Program { main: code.main_module.clone(), modules })
    }

    pub(super) fn module(&self, name: &str) -> Option<&CompiledModule> {
        self.modules.get(name)
    }

    /// The module that `require(path)` in module `from` means: relative to it, with or without the
    /// extension.
    ///
    /// # Errors
    /// LOAD_ERROR if there is none.
    pub(super) fn resolve(&self, from: &str, path: &str) -> Result<String> {
        let name = module_name(from, path);
        let candidates = [name.clone(), format!("{name}.luau"), format!("{name}.lua")];
        let found = candidates.into_iter().find(|name| self.modules.contains_key(name));
        found.ok_or_else(|| {
            let message = format!("No such module: \"{path}\", required by \"{from}\".");
            Error::named(ErrorCode::LoadError, "Error", message)
        })
    }
}

fn compile(name: &str, source: &str) -> Result<Bytecode> {
    source::check_luau(source).map_err(|what| source::refused(name, &what))?;
    let compiler = Compiler::new().set_optimization_level(1).set_debug_level(1);
    let compiled = stacker::maybe_grow(STACK_BYTES, STACK_BYTES, || compiler.compile(source));
    if compiled.as_ref().is_ok_and(|code| source::is_crowded_luau(code)) {
        return Err(source::refused(name, source::CROWDED));
    }
    compiled.map(|code| Bytecode(code.into())).map_err(|error| {
        let message = match &error {
            mlua::Error::SyntaxError { message, .. } => message.as_str(),
            _ => return error_from_mlua(error),
        };
        let (line, text) = message
            .trim_start_matches(':')
            .split_once(':')
            .filter(|(line, _)| line.bytes().all(|byte| byte.is_ascii_digit()))
            .unwrap_or(("1", message));
        let place = format!("{name}:{line}");
        Error::new(ErrorCode::LoadError, format!("{place}: {}", text.trim())).with_stack(place)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(modules: &[(&str, &str)]) -> Result<Program> {
        let modules = modules
            .iter()
            .map(|(name, source)| (name.to_string(), Module::Luau(source.to_string())))
            .collect();
        Program::compile(&WorkerCode { modules, ..WorkerCode::default() }, &Cache::default())
    }

    #[test]
    fn paths_are_relative_to_the_requiring_module() {
        let program = program(&[("a.luau", ""), ("lib/b.luau", ""), ("lib/c.lua", "")]).unwrap();
        for (from, path, found) in [
            ("lib/b.luau", "./c", "lib/c.lua"),
            ("lib/b.luau", "../a", "a.luau"),
            ("lib/b.luau", "a.luau", "a.luau"),
            ("a.luau", "./lib/b.luau", "lib/b.luau"),
            ("a.luau", "../../lib/b", "lib/b.luau"),
        ] {
            assert_eq!(program.resolve(from, path).unwrap(), found, "{from} {path}");
        }
        let error = program.resolve("a.luau", "./nope").unwrap_err();
        assert_eq!(error.code(), ErrorCode::LoadError);
        assert!(error.message().contains("./nope"), "{error}");
    }

    #[test]
    fn syntax_errors_name_module_and_line() {
        let error = program(&[("app.luau", "local x = 1\nreturn {")]).err().unwrap();
        assert_eq!((error.code(), error.name()), (ErrorCode::LoadError, "SyntaxError"));
        assert!(error.message().starts_with("app.luau:2: "), "{error}");
    }

    #[test]
    fn deeply_nested_source_is_refused_or_compiled_but_never_overflows() {
        let nested =
            |open: &str, close: &str, n| format!("return {}1{}", open.repeat(n), close.repeat(n));
        for source in
            [nested("(", ")", 100_000), nested("{", "}", 100_000), nested("not ", "", 100_000)]
        {
            assert!(program(&[("app.luau", &source)]).is_err());
        }
        assert!(program(&[("app.luau", &nested("{", "}", 150))]).is_ok());
    }
}
