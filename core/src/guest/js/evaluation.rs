//! Bounds on what a guest has evaluated, by `eval()`, `Function` and the like.
//!
//! The engine calls its compiler through a [field](super::field) of the context. What it calls here looks at the source first.

#![expect(unsafe_code, reason = "what the engine calls, and calls of the engine")]

use std::ffi::{c_char, c_int};
use std::ptr::{NonNull, null_mut};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicPtr, Ordering};

use rquickjs::context::intrinsic;
use rquickjs::{Ctx, Exception, Result, qjs};

use super::field::{find_word, put};
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
        let ours: Compile = compile;
        // SAFETY: the field was found to hold a pointer to a function of this kind.
        unsafe { put(ctx, self.0, ours as usize) };
    }
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
