//! Bounds on what a guest has evaluated, by `eval()`, `Function` and the like.
//!
//! The engine calls its compiler through a field of the context that nothing in its interface sets, so its place is found by
//! experiment, as the [countdown](super::countdown)'s is. What it calls here looks at the source first.

#![expect(unsafe_code, reason = "a field of the engine's context that has no interface")]

use std::ffi::{c_char, c_int};
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Arc, LazyLock};

use rquickjs::context::{Intrinsic, intrinsic};
use rquickjs::{Context, Ctx, Exception, Result, Runtime, qjs};

use super::guard::Guard;
use super::heap::Heap;
use crate::guest::source;

/// The engine's compiler.
static COMPILER: AtomicPtr<()> = AtomicPtr::new(null_mut());

/// What takes a value for `this`, source with its length, a name, the first line, flags, and a scope.
type Compile = unsafe extern "C" fn(
    *mut qjs::JSContext,
    qjs::JSValue,
    *const c_char,
    usize,
    *const c_char,
    c_int,
    c_int,
    c_int,
) -> qjs::JSValue;

/// The place of the pointer in a context, in words.
#[derive(Clone, Copy, Debug)]
pub(super) struct Evaluation(usize);

impl Evaluation {
    /// Finds the only word that a context has because it can evaluate. None if an engine does that otherwise.
    pub fn find() -> Option<Evaluation> {
        static FOUND: LazyLock<Option<Evaluation>> =
            LazyLock::new(|| Evaluation::search().unwrap_or_default());
        *FOUND
    }

    fn search() -> Result<Option<Evaluation>> {
        find_word::<intrinsic::Date, (intrinsic::Date, intrinsic::Eval), _>(|ctx, place, word| {
            COMPILER.store(word as *mut (), Ordering::Relaxed);
            let place = Evaluation(place);
            place.bound(ctx);
            // It is what it was taken for if it gets the source.
            let refused = ctx.eval::<(), _>(format!("{}n", "7".repeat(50_000))).is_err();
            Ok((refused && ctx.eval::<i32, _>("40 + 2")? == 42).then_some(place))
        })
    }

    /// Bounds what is evaluated in a context.
    pub fn bound(self, ctx: &Ctx<'_>) {
        // SAFETY: the context is alive and, as all of its kind, has a word there.
        let field = unsafe { ctx.as_raw().as_ptr().cast::<Compile>().add(self.0) };
        // SAFETY: it holds a pointer to a function of this kind, and only this thread uses the context.
        unsafe { field.write(compile) };
    }
}

/// Finds the only word that contexts of one kind have and those of another haven't, and what it is for.
pub(super) fn find_word<Without: Intrinsic, With: Intrinsic, T>(
    found: impl FnOnce(&Ctx<'_>, usize, usize) -> Result<Option<T>>,
) -> Result<Option<T>> {
    let runtime = Runtime::new_with_alloc(Heap::new(Arc::new(Guard::new())))?;
    let without = Context::custom::<Without>(&runtime)?.with(|ctx| words(&ctx));
    Context::custom::<With>(&runtime)?.with(|ctx| {
        let with = words(&ctx);
        let mut places =
            (0..with.len().min(without.len())).filter(|at| without[*at] == 0 && with[*at] != 0);
        match places.next().filter(|_| places.next().is_none()) {
            Some(place) => found(&ctx, place, with[place]),
            None => Ok(None),
        }
    })
}

/// A context's own memory.
fn words(ctx: &Ctx<'_>) -> Vec<usize> {
    let context = ctx.as_raw().as_ptr();
    // SAFETY: the context is alive and was allocated as a block of its runtime's heap.
    let size = unsafe { qjs::js_malloc_usable_size(context, context.cast()) };
    let word = |at| {
        // SAFETY: it lies within the block.
        let word = unsafe { context.cast::<usize>().add(at) };
        // SAFETY: the block was allocated zeroed, so that each word of it may be read.
        unsafe { word.read_volatile() }
    };
    (0..size as usize / size_of::<usize>()).map(word).collect()
}

unsafe extern "C" fn compile(
    ctx: *mut qjs::JSContext,
    this: qjs::JSValue,
    source: *const c_char,
    length: usize,
    name: *const c_char,
    line: c_int,
    flags: c_int,
    scope: c_int,
) -> qjs::JSValue {
    // SAFETY: the engine gives source of this length, which stays for the call.
    let bytes = unsafe { std::slice::from_raw_parts(source.cast::<u8>(), length) };
    if let (Err(what), Some(raw)) =
        (source::check_js(bytes, source::EVALUATED_LOOKUPS), NonNull::new(ctx))
    {
        // SAFETY: the engine calls with a context that is alive, and this thread has entered its machine.
        let ctx = unsafe { Ctx::from_raw(raw) };
        Exception::throw_range(&ctx, &format!("What is evaluated {what}"));
        return qjs::JS_EXCEPTION;
    }
    let compiler = COMPILER.load(Ordering::Relaxed);
    // SAFETY: it was found where the engine keeps a function of this kind, before this was put there.
    let compiler = unsafe { std::mem::transmute::<*mut (), Compile>(compiler) };
    // SAFETY: these are the engine's own arguments.
    unsafe { compiler(ctx, this, source, length, name, line, flags, scope) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_compiles_through_one_pointer() {
        assert!(Evaluation::find().is_some());
    }
}
