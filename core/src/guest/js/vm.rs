//! One machine with the guest API installed, not yet bound to an actor.

#![expect(unsafe_code, reason = "a machine moves between threads, which the binding doesn't know")]

use std::cell::OnceCell;
use std::mem::MaybeUninit;
use std::ptr::{NonNull, null_mut};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use parking_lot::Mutex;
use rquickjs::context::intrinsic;
use rquickjs::loader::{BuiltinLoader, BuiltinResolver};
use rquickjs::{Class, Context, Ctx, Function, JsLifetime, Object, Runtime, qjs};

use super::api;
use super::bounds::{bound_arrays, give_replace};
use super::compiler::load;
use super::conversions::{bound_numbers, bound_typed};
use super::errors::{internal, note_place};
use super::guard::{Guard, STACK_BYTES};
use super::heap::Heap;
use super::kinds::Kinds;
use super::late;
use super::modules::Modules;
use super::names::Names;
use super::native::Cap;
use super::program::{Prelude, Program, WORKERS};
use super::rejections::{Rejections, track};
use super::task::Shared;
use super::waiting::Waiting;
use crate::error::{Error, ErrorCode, Result};
use crate::limits::Limits;

/// How large the heap may grow before garbage is collected for the first time.
const GC_BYTES: usize = 1 << 20;

/// What guests get of the language.
type Language = (
    intrinsic::Eval,
    intrinsic::Date,
    intrinsic::RegExpCompiler,
    intrinsic::RegExp,
    intrinsic::Json,
    intrinsic::Proxy,
    intrinsic::MapSet,
    intrinsic::TypedArrays,
    intrinsic::Promise,
    intrinsic::Performance,
    intrinsic::WeakRef,
    intrinsic::DOMException,
);

/// A virtual machine.
pub(super) struct Vm {
    machine: Mutex<Machine>,
    pub shared: Arc<Shared>,
}

struct Machine {
    /// None while it is dropped.
    context: Option<Context>,
    guard: Arc<Guard>,
}

// SAFETY: the context, its runtime and every value of it share counters without atomics. All of them are
// reached through this struct only, which is used under one mutex or by its only owner.
unsafe impl Send for Machine {}

impl Drop for Machine {
    fn drop(&mut self) {
        let raw = self.enter(|ctx| {
            // What the runtime keeps for us holds values, which must go before it.
            drop(ctx.remove_userdata::<Hooks<'_>>());
            // SAFETY: the context is alive, so its runtime is.
            unsafe { qjs::JS_GetRuntime(ctx.as_raw().as_ptr()) }
        });
        let starved = self.guard.is_starved();
        if starved {
            self.drop_jobs(raw);
        }
        let held = starved.then(|| self.enter(Held::of));
        self.guard.set_runtime(null_mut());
        let runtime = self.context.take().map(|context| context.runtime().clone());
        if let (Some(held), Some(runtime)) = (held, runtime) {
            held.free(runtime, raw);
        }
    }
}

/// What the binding holds of a machine without anybody's having asked for it: the prototype of the class that is
/// Rust's, with the context.
struct Held {
    context: NonNull<qjs::JSContext>,
    prototype: Option<qjs::JSValue>,
}

impl Held {
    fn of(ctx: &Ctx<'_>) -> Held {
        let prototype = Class::<Cap>::prototype(ctx).ok().flatten();
        Held { context: ctx.as_raw(), prototype: prototype.map(|prototype| prototype.as_raw()) }
    }

    /// Frees the runtime of a machine that ran out of memory, unless the engine has lost track of objects where it got none: it
    /// would abort the process. Either way the binding's part stays, which is small without what it was told to call.
    fn free(self, runtime: Runtime, raw: *mut qjs::JSRuntime) {
        // The handler of interrupts stays: it ends what jobs that are left would still run.
        runtime.set_host_promise_rejection_tracker(None);
        runtime.set_loader(BuiltinResolver::default(), BuiltinLoader::default());
        std::mem::forget(runtime);
        let context = self.context.as_ptr();
        if let Some(prototype) = self.prototype {
            // SAFETY: the reference is the binding's, which never comes back to it. It keeps the context, too.
            unsafe { qjs::JS_FreeValue(context, prototype) };
            // SAFETY: as above; it is the last reference from outside of the machine.
            unsafe { qjs::JS_FreeContext(context) };
        }
        if is_empty(raw) {
            // SAFETY: nothing is left in it, and nobody has it any more.
            unsafe { qjs::JS_FreeRuntime(raw) };
        } else {
            tracing::warn!(target: "facetbox::guest", "a machine that ran out of memory keeps some");
        }
    }
}

/// Whether all objects of a runtime without a context have gone. Those that have a finalizer leave a job behind.
fn is_empty(runtime: *mut qjs::JSRuntime) -> bool {
    for _ in 0..2 {
        // SAFETY: the runtime is alive, and only this thread uses it.
        unsafe { qjs::JS_RunGC(runtime) };
        drop_last_jobs(runtime);
    }
    let mut usage = MaybeUninit::zeroed();
    // SAFETY: as above; the numbers are written to the place that is given.
    unsafe { qjs::JS_ComputeMemoryUsage(runtime, usage.as_mut_ptr()) };
    // SAFETY: all its fields are numbers.
    let usage = unsafe { usage.assume_init() };
    usage.obj_count == 0 && usage.shape_count == 0 && usage.js_func_count == 0
}

/// Takes the jobs of a runtime that has no stack: they fail.
fn drop_last_jobs(runtime: *mut qjs::JSRuntime) {
    loop {
        let mut context = null_mut();
        // SAFETY: the runtime is alive, and only this thread uses it.
        let done = unsafe { qjs::JS_ExecutePendingJob(runtime, &raw mut context) };
        if done == 0 {
            return;
        }
        if done < 0 {
            // SAFETY: the error that is pending keeps the context that it was thrown in alive.
            let error = unsafe { qjs::JS_GetException(context) };
            // SAFETY: as above; the reference is ours.
            unsafe { qjs::JS_FreeValue(context, error) };
        }
    }
}

/// Runs a job that is due; answers whether there was one.
pub(super) fn run_job<'js>(ctx: &Ctx<'js>, hooks: &Hooks<'js>) -> bool {
    // SAFETY: the context is alive, so its runtime is.
    let runtime = unsafe { qjs::JS_GetRuntime(ctx.as_raw().as_ptr()) };
    let mut context = null_mut();
    // SAFETY: the runtime is alive, and only this thread uses it.
    let done = unsafe { qjs::JS_ExecutePendingJob(runtime, &raw mut context) };
    if done < 0 {
        // A machine has one context.
        note_place(ctx, hooks, &ctx.catch());
    }
    done != 0
}

impl Machine {
    fn enter<T>(&self, code: impl for<'a, 'js> FnOnce(&'a Ctx<'js>) -> T) -> T {
        let context = self.context.as_ref().expect("it is there until the machine is dropped");
        context.with(|ctx| {
            self.guard.enters();
            // SAFETY: the context is alive, so its runtime is.
            let runtime = unsafe { qjs::JS_GetRuntime(ctx.as_raw().as_ptr()) };
            // SAFETY: the runtime is alive, and only this thread uses it now.
            unsafe { qjs::JS_UpdateStackTop(runtime) };
            code(&ctx)
        })
    }

    /// Takes the jobs of a stopped guest, which hold values. Without stack they run no code.
    fn drop_jobs(&self, runtime: *mut qjs::JSRuntime) {
        self.enter(|ctx| {
            // SAFETY: the runtime is alive, and only this thread uses it now.
            unsafe { qjs::JS_SetMaxStackSize(runtime, 1) };
            while ctx.execute_pending_job() {}
            // What has ended the guest may still be pending, and keeps the context.
            drop(ctx.catch());
        });
    }
}

impl Vm {
    /// Makes a machine with the whole guest API.
    ///
    /// # Errors
    /// PANIC if the prelude fails, which a test would have shown.
    pub fn new(prelude: &Prelude) -> Result<Vm> {
        let guard = Arc::new(Guard::new());
        let shared = Arc::new(Shared::new(guard.clone()));
        let runtime = Runtime::new_with_alloc(Heap::new(guard.clone())).map_err(internal)?;
        runtime.set_max_stack_size(STACK_BYTES);
        // There is no garbage yet that would be worth a look.
        runtime.set_gc_threshold(usize::MAX);
        let stopped = guard.clone();
        runtime.set_interrupt_handler(Some(Box::new(move || stopped.poll())));
        runtime.set_host_promise_rejection_tracker(Some(Box::new(
            |ctx, promise, reason, handled| {
                track(&ctx, promise, reason, handled);
            },
        )));
        let modules = Modules { shared: shared.clone(), prelude: prelude.clone() };
        runtime.set_loader(modules.clone(), modules);
        let context = Context::custom::<Language>(&runtime).map_err(internal)?;
        let machine = Machine { context: Some(context), guard };
        machine.enter(|ctx| {
            // SAFETY: the context is alive, so its runtime is.
            let raw = unsafe { qjs::JS_GetRuntime(ctx.as_raw().as_ptr()) };
            machine.guard.set_runtime(raw);
            if let Some(countdown) = prelude.countdown {
                machine.guard.set_countdown(countdown.of(ctx).as_ptr());
            }
            if let Some(atoms) = prelude.atoms {
                machine.guard.set_atoms(atoms);
            }
            if let Some(evaluation) = prelude.evaluation {
                evaluation.bound(ctx);
            }
            if let Some(expressions) = prelude.expressions {
                expressions.bound(ctx);
            }
            install(ctx, &shared, prelude).map_err(|error| failed(ctx, error))
        })?;
        runtime.set_gc_threshold(GC_BYTES);
        Ok(Vm { machine: Mutex::new(machine), shared })
    }

    /// Gives the machine to an actor: its code and what it may use.
    pub fn bind(&self, program: Arc<Program>, limits: &Limits, sql_interrupt: Arc<AtomicBool>) {
        let _ = self.shared.program.set(program);
        let guard = &self.shared.guard;
        guard.set_memory_limit(usize::try_from(limits.memory_bytes).unwrap_or(usize::MAX));
        guard.set_sql_interrupt(sql_interrupt);
    }

    /// Runs code in the machine.
    pub fn run<T>(&self, code: impl for<'a, 'js> FnOnce(&'a Ctx<'js>, &'a Hooks<'js>) -> T) -> T {
        let machine = self.machine.lock();
        machine.enter(|ctx| {
            let hooks =
                ctx.userdata::<Hooks<'_>>().expect("a machine has its hooks until it is dropped");
            code(ctx, &hooks)
        })
    }
}

fn install(ctx: &Ctx<'_>, shared: &Arc<Shared>, prelude: &Prelude) -> rquickjs::Result<()> {
    let native = Object::new(ctx.clone())?;
    api::natives().set_on(&native, api::COMMON)?;
    give_replace(ctx, &native)?;
    ctx.globals().set("facetboxNative", native.clone())?;
    let main = prelude.module(WORKERS).ok_or(rquickjs::Error::Unknown)?;
    let (_, evaluated) = load(ctx, main)?.eval()?;
    evaluated.finish::<()>()?;
    let hooks: Object<'_> = native.get("hooks")?;
    late::define(ctx, &hooks)?;
    bound_numbers(ctx)?;
    let _ = ctx.store_userdata(Hooks::new(ctx, &hooks, shared, prelude)?);
    Ok(())
}

/// A failure of the prelude, before there are hooks to look into errors.
fn failed(ctx: &Ctx<'_>, error: rquickjs::Error) -> Error {
    match ctx.catch().as_exception() {
        Some(thrown) => Error::new(ErrorCode::Panic, thrown.to_string()),
        None => internal(error),
    }
}

/// Functions of the prelude that Rust calls, and what it knows values by.
pub(super) struct Hooks<'js> {
    pub shared: Arc<Shared>,
    pub prelude: Prelude,
    pub make: Function<'js>,
    pub make_error: Function<'js>,
    pub error_parts: Function<'js>,
    /// The engine's own getter of an error's stack.
    pub engine_stack: Function<'js>,
    pub take: Function<'js>,
    pub build: Function<'js>,
    pub class_name: Function<'js>,
    pub held_by: Function<'js>,
    pub keep_callback: Function<'js>,
    pub drop_callback: Function<'js>,
    pub dispose: Function<'js>,
    pub make_request: Function<'js>,
    pub make_response: Function<'js>,
    pub take_request: Function<'js>,
    pub take_response: Function<'js>,
    pub take_message: Function<'js>,
    pub fire: Function<'js>,
    pub disposable: Function<'js>,
    pub set_env: Function<'js>,
    pub load_main: Function<'js>,
    pub list_exports: Function<'js>,
    pub begin: Function<'js>,
    pub rpc_target: Function<'js>,
    pub member: Function<'js>,
    pub ended: Function<'js>,
    pub call_fetch: Function<'js>,
    pub call_alarm: Function<'js>,
    pub start_facet: Function<'js>,
    pub use_callback: Function<'js>,
    pub get_member: Function<'js>,
    pub is_target: Function<'js>,
    pub is_own: Function<'js>,
    pub watch: Function<'js>,
    pub get_late: Function<'js>,
    pub set_late: Function<'js>,
    /// The instance of a class, once it is known to take calls.
    pub callable: OnceCell<Object<'js>>,
    pub waiting: Waiting<'js>,
    /// An array of the items of what is like one.
    pub list_of: Function<'js>,
    pub put_back: Function<'js>,
    /// What the prelude does with long lists, by its name.
    pub lists: Function<'js>,
    /// What methods of arrays do that look at the array first.
    pub arrays: Vec<Function<'js>>,
    /// The engine's classes of typed arrays.
    pub typed: Vec<Function<'js>>,
    pub rejections: Rejections<'js>,
    pub names: Names<'js>,
    /// The prototype of plain objects.
    pub object: Object<'js>,
    pub kinds: Kinds,
}

// SAFETY: all its values have the lifetime 'js, which is the struct's.
unsafe impl<'js> JsLifetime<'js> for Hooks<'js> {
    type Changed<'to> = Hooks<'to>;
}

impl<'js> Hooks<'js> {
    fn new(
        ctx: &Ctx<'js>,
        hooks: &Object<'js>,
        shared: &Arc<Shared>,
        prelude: &Prelude,
    ) -> rquickjs::Result<Hooks<'js>> {
        Ok(Hooks {
            shared: shared.clone(),
            prelude: prelude.clone(),
            make: hooks.get("make")?,
            make_error: hooks.get("makeError")?,
            error_parts: hooks.get("errorParts")?,
            engine_stack: hooks.get("engineStack")?,
            take: hooks.get("take")?,
            build: hooks.get("build")?,
            class_name: hooks.get("className")?,
            held_by: hooks.get("heldBy")?,
            keep_callback: hooks.get("keepCallback")?,
            drop_callback: hooks.get("dropCallback")?,
            dispose: hooks.get("dispose")?,
            make_request: hooks.get("makeRequest")?,
            make_response: hooks.get("makeResponse")?,
            take_request: hooks.get("takeRequest")?,
            take_response: hooks.get("takeResponse")?,
            take_message: hooks.get("takeMessage")?,
            fire: hooks.get("fire")?,
            disposable: hooks.get("disposable")?,
            set_env: hooks.get("setEnv")?,
            load_main: hooks.get("loadMain")?,
            list_exports: hooks.get("listExports")?,
            begin: hooks.get("begin")?,
            rpc_target: hooks.get("rpcTarget")?,
            member: hooks.get("member")?,
            ended: hooks.get("ended")?,
            call_fetch: hooks.get("callFetch")?,
            call_alarm: hooks.get("callAlarm")?,
            start_facet: hooks.get("startFacet")?,
            use_callback: hooks.get("useCallback")?,
            get_member: hooks.get("getMember")?,
            is_target: hooks.get("isTarget")?,
            is_own: hooks.get("isOwn")?,
            watch: hooks.get("watch")?,
            get_late: hooks.get("getLate")?,
            set_late: hooks.get("setLate")?,
            callable: OnceCell::new(),
            waiting: Waiting::default(),
            list_of: hooks.get("listOf")?,
            put_back: hooks.get("putBack")?,
            lists: hooks.get("lists")?,
            typed: bound_typed(ctx)?,
            arrays: bound_arrays(ctx)?,
            rejections: Rejections::default(),
            names: Names::default(),
            object: Object::new(ctx.clone())?.get_prototype().ok_or(rquickjs::Error::Unknown)?,
            kinds: Kinds::new(&hooks.get("samples")?)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::guest::pool;

    #[test]
    fn a_machine_that_ran_out_of_memory_gives_all_of_it_back() {
        for code in ["const all = []; for (;;) all.push({ all })", "new Uint8Array(1e9)"] {
            let vm = Vm::new(&Prelude::new()).unwrap();
            let guard = vm.shared.guard.clone();
            guard.set_memory_limit(8 << 20);
            vm.run(|ctx, _| assert!(ctx.eval::<(), _>(code).is_err()));
            assert!(guard.is_starved() && guard.used() > 0, "{code}");
            drop(vm);
            assert_eq!(guard.used(), 0, "{code}");
        }
    }

    #[test]
    fn a_machine_that_a_guest_has_filled_is_dropped_by_who_gives_it_up() {
        let runtime = crate::Runtime::open_in_memory().unwrap();
        let engines = &runtime.inner().engines;
        // The thread that drops others has something else to do.
        let (release, wait) = mpsc::channel::<()>();
        engines.maker.run(Box::new(move || assert!(wait.recv().is_err())));
        for (code, is_left) in [("1", true), ("globalThis.all = new Uint8Array(8 << 20)", false)] {
            let vm = pool::take::<Vm>(runtime.inner()).unwrap();
            let guard = vm.shared.guard.clone();
            vm.run(|ctx, _| ctx.eval::<(), _>(code).unwrap());
            drop(vm);
            assert_eq!(guard.used() > 0, is_left, "{code}");
        }
        drop(release);
    }
}
