//! The compiler: source of one module in, bytecode and imports out.

#![expect(unsafe_code, reason = "loading bytecode, which the engine doesn't check; its runtime")]

use std::cell::RefCell;
use std::ptr::null_mut;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rquickjs::context::intrinsic;
use rquickjs::loader::{ImportAttributes, Loader, Resolver};
use rquickjs::module::{Declared, WriteOptions};
use rquickjs::{Context, Ctx, Module as JsModule, Runtime, qjs};

use super::errors::{cut, internal};
use super::expressions::Expressions;
use super::guard::Guard;
use super::heap::Heap;
use crate::error::{Error, ErrorCode, Result, TEXT_BYTES};
use crate::guest::cache::Code;
use crate::guest::pool::{self, Taken};
use crate::guest::source;
use crate::guest::watchdog::{Interrupt, Stop};
use crate::runtime::RuntimeInner;

/// Stack of the compiler: source of 2 KB nests deep enough to need much.
const STACK_BYTES: usize = 4 << 20;
const STACK_LEFT: usize = STACK_BYTES + (1 << 20);
/// Memory that compiling one module may take, of the regular expressions that it contains too.
const COMPILER_BYTES: usize = 512 << 20;
/// An engine that keeps more of what it has compiled isn't used again; a new one takes 140 KB.
const PARSER_BYTES: usize = 512 << 10;
const WALL: Duration = Duration::from_secs(60);

/// What the compiler needs of the language.
type Language = (intrinsic::Eval, intrinsic::RegExpCompiler);

/// A compiled module: its bytecode, made by this process, and the names that it imports.
#[derive(Clone)]
pub(crate) struct Bytecode {
    code: Arc<[u8]>,
    pub(super) imports: Arc<[String]>,
}

impl Code for Bytecode {
    fn bytes(&self) -> usize {
        self.code.len() + self.imports.iter().map(String::len).sum::<usize>()
    }
}

/// Loads a module that was compiled here.
pub(super) fn load<'js>(
    ctx: &Ctx<'js>,
    code: &Bytecode,
) -> rquickjs::Result<JsModule<'js, Declared>> {
    // SAFETY: only `compile` makes bytecode, with the engine that this build contains.
    unsafe { JsModule::load(ctx.clone(), &code.code) }
}

/// Compiles the modules of one code, with an engine that is taken for the first of them. That runs and links nothing, so
/// if it has done all that it was given, it compiles the next code as well.
pub(super) struct Compiler<'a> {
    runtime: &'a Arc<RuntimeInner>,
    engine: Option<Taken<Parser>>,
    cpu_left: Duration,
    deadline: Instant,
}

impl Compiler<'_> {
    pub fn new(runtime: &Arc<RuntimeInner>) -> Compiler<'_> {
        Compiler { runtime, engine: None, cpu_left: source::CPU, deadline: Instant::now() + WALL }
    }

    /// Compiles a module of a guest; what takes too long is stopped.
    ///
    /// # Errors
    /// LOAD_ERROR: a `SyntaxError` with `module:line:column:`, or a `RangeError` for what takes too much.
    pub fn compile(&mut self, name: &str, source: &str) -> Result<Bytecode> {
        source::check_js(source.as_bytes(), source::MODULE_LOOKUPS)
            .map_err(|what| source::refused(name, &what))?;
        let options = WriteOptions { strip_source: true, ..WriteOptions::default() };
        let runtime = self.runtime;
        let engine = match self.engine.take().filter(|engine| engine.is_small()) {
            Some(engine) => engine,
            None => pool::take::<Parser>(runtime)?,
        };
        let engine = self.engine.insert(engine);
        let watchdog = &runtime.engines.watchdog;
        let (budget, deadline) = (self.cpu_left, self.deadline);
        let (done, used, _) =
            watchdog.watch(engine.guard.clone(), Instant::now(), budget, deadline, || {
                engine.compile(name, source, options)
            });
        self.cpu_left = self.cpu_left.saturating_sub(used);
        let (stopped, refused) = (engine.guard.stopped(), engine.guard.refused());
        if done.is_err() || stopped.is_some() {
            self.engine = None;
        }
        let message = match stopped {
            None => {
                let done = done?;
                return match source::is_crowded_js(&done.code) {
                    true => Err(source::refused(name, source::CROWDED)),
                    false => Ok(done),
                };
            }
            Some(Stop::Memory) => match refused {
                Some(what) => format!("{name}: {what}."),
                None => format!(
                    "Compiling the modules took more than {COMPILER_BYTES} bytes of memory."
                ),
            },
            Some(_) => return Err(source::too_slow()),
        };
        Err(Error::named(ErrorCode::LoadError, "RangeError", message))
    }
}

impl Drop for Compiler<'_> {
    fn drop(&mut self) {
        if let Some(engine) = self.engine.take().filter(|engine| engine.is_small()) {
            engine.give_back();
        }
    }
}

/// An engine that runs nothing.
pub(super) struct Parser {
    context: Context,
    guard: Arc<Guard>,
    /// What the module that is being compiled imports.
    imports: Rc<RefCell<Vec<String>>>,
}

// SAFETY: the context, its runtime and the list share counters without atomics. All of them are reached
// through this struct only, by its only owner.
unsafe impl Send for Parser {}

impl Parser {
    pub fn new() -> Result<Parser> {
        let guard = Arc::new(Guard::new());
        guard.set_memory_limit(COMPILER_BYTES);
        let runtime = Runtime::new_with_alloc(Heap::new(guard.clone())).map_err(internal)?;
        runtime.set_max_stack_size(STACK_BYTES);
        let imports = Rc::default();
        runtime.set_loader(Anything(Rc::clone(&imports)), Anything::default());
        let context = Context::custom::<Language>(&runtime).map_err(internal)?;
        if let Some(expressions) = Expressions::find() {
            context.with(|ctx| expressions.bound(&ctx));
        }
        Ok(Parser { context, guard, imports })
    }

    /// Whether it can compile more without much of what it has compiled before.
    fn is_small(&self) -> bool {
        self.guard.used() <= PARSER_BYTES
    }

    /// Compiles a module of the prelude, whose places nobody is shown.
    pub fn compile_prelude(&self, name: &str, source: &str) -> Result<Bytecode> {
        let options = WriteOptions { strip_debug: true, strip_source: true, ..Default::default() };
        self.compile(name, source, options)
    }

    fn compile(&self, name: &str, source: &str, options: WriteOptions) -> Result<Bytecode> {
        if name.contains('\0') || source.contains('\0') {
            return Err(Error::new(
                ErrorCode::LoadError,
                format!("Module {name:?} contains a NUL character."),
            ));
        }
        stacker::maybe_grow(STACK_LEFT, STACK_LEFT, || self.compile_here(name, source, options))
    }

    fn compile_here(&self, name: &str, source: &str, options: WriteOptions) -> Result<Bytecode> {
        self.context.with(|ctx| {
            let _stoppable = Stoppable::new(&self.guard, &ctx);
            let compiled = JsModule::declare(ctx.clone(), name, source)
                .and_then(|module| module.write(options));
            let code = compiled.map_err(|_| syntax_error(&ctx, name))?;
            Ok(Bytecode { code: code.into(), imports: self.imports.take().into() })
        })
    }
}

/// While it lives, the guard may stop the engine.
struct Stoppable<'a>(&'a Guard);

impl Stoppable<'_> {
    fn new<'a>(guard: &'a Guard, ctx: &Ctx<'_>) -> Stoppable<'a> {
        // SAFETY: the context is alive, so its runtime is.
        let runtime = unsafe { qjs::JS_GetRuntime(ctx.as_raw().as_ptr()) };
        // SAFETY: the runtime is alive, and only this thread uses it now.
        unsafe { qjs::JS_UpdateStackTop(runtime) };
        guard.set_runtime(runtime);
        Stoppable(guard)
    }
}

impl Drop for Stoppable<'_> {
    fn drop(&mut self) {
        self.0.set_runtime(null_mut());
    }
}

/// The engine looks for imports while it compiles. They are noted, and are empty modules meanwhile.
#[derive(Default)]
struct Anything(Rc<RefCell<Vec<String>>>);

impl Resolver for Anything {
    fn resolve<'js>(
        &mut self,
        _: &Ctx<'js>,
        _: &str,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> rquickjs::Result<String> {
        self.0.borrow_mut().push(name.to_owned());
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
    let message = cut(&message, TEXT_BYTES);
    Error::new(ErrorCode::LoadError, format!("{place}: {message}")).with_stack(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_that_is_used_again_compiles_as_a_new_one_does() {
        let compile = |parser: &Parser, source| {
            let options = WriteOptions { strip_source: true, ..WriteOptions::default() };
            parser.compile("a.js", source, options).unwrap()
        };
        let (first, again) =
            ("import './b.js'; export let x = 1", "import './c.js'; import './a.js'");
        let parser = Parser::new().unwrap();
        compile(&parser, first);
        let second = compile(&parser, again);
        assert_eq!(*second.imports, ["./c.js", "./a.js"]);
        assert_eq!(second.code, compile(&Parser::new().unwrap(), again).code);
    }
}
