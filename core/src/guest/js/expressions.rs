//! Bounds on regular expressions: of literals. Those that are made of texts are looked at in prelude/texts.js.
//!
//! The engine calls their compiler through a [field](super::field) of the context, too. What it calls here looks at the pattern first.

#![expect(unsafe_code, reason = "what the engine calls, and calls of the engine")]

use std::ptr::{NonNull, null_mut};
use std::slice::from_raw_parts;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicPtr, Ordering};

use rquickjs::context::intrinsic;
use rquickjs::{Ctx, Exception, Result, Value as JsValue, qjs};

use super::field::{find_word, put};
use super::patterns;

/// The engine's compiler.
static COMPILER: AtomicPtr<()> = AtomicPtr::new(null_mut());

/// What takes a pattern and flags.
type Compile =
    unsafe extern "C" fn(*mut qjs::JSContext, qjs::JSValue, qjs::JSValue) -> qjs::JSValue;

/// What has regular expressions, and what hasn't.
type With = (intrinsic::Date, intrinsic::Eval, intrinsic::RegExpCompiler);
type Without = (intrinsic::Date, intrinsic::Eval);

/// The place of the pointer in a context, in words.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expressions(usize);

impl Expressions {
    /// Finds the only word that a context has because it has regular expressions. None if an engine does that otherwise.
    pub fn find() -> Option<Expressions> {
        static FOUND: LazyLock<Option<Expressions>> =
            LazyLock::new(|| Expressions::search().unwrap_or_default());
        *FOUND
    }

    fn search() -> Result<Option<Expressions>> {
        find_word::<Without, With, _>(|ctx, place, word| {
            COMPILER.store(word as *mut (), Ordering::Relaxed);
            let place = Expressions(place);
            place.bound(ctx);
            // It is what it was taken for if it gets the pattern.
            let refused = ctx.eval::<(), _>(format!("/{}/", "a|".repeat(20_000))).is_err();
            Ok((refused && ctx.eval::<bool, _>("/a|b/; true")?).then_some(place))
        })
    }

    /// Bounds the regular expressions of a context.
    pub fn bound(self, ctx: &Ctx<'_>) {
        let ours: Compile = compile;
        // SAFETY: the field was found to hold a pointer to a function of this kind.
        unsafe { put(ctx, self.0, ours as usize) };
    }
}

/// Checks a pattern, which is a text. None if there is an exception instead.
pub(super) fn check(
    ctx: &Ctx<'_>,
    pattern: &JsValue<'_>,
    has_sets: bool,
) -> Option<std::result::Result<(), String>> {
    // SAFETY: both are alive, and this thread has entered the machine.
    unsafe {
        with_text(ctx.as_raw().as_ptr(), pattern.as_raw(), |text| patterns::check(text, has_sets))
    }
}

unsafe extern "C" fn compile(
    ctx: *mut qjs::JSContext,
    pattern: qjs::JSValue,
    flags: qjs::JSValue,
) -> qjs::JSValue {
    let Some(raw) = NonNull::new(ctx) else { return qjs::JS_EXCEPTION };
    // SAFETY: the engine calls with a context that is alive, and this thread has entered its machine.
    let entered = unsafe { Ctx::from_raw(raw) };
    let (mut mode, mut has_sets) = (flags, false);
    // SAFETY: it is a value of the engine's.
    let has_flags = unsafe { !qjs::JS_IsUndefined(flags) };
    if has_flags {
        // What a guest answers when it is asked for its flags again may be others.
        // SAFETY: as above; the answer is ours.
        mode = unsafe { qjs::JS_ToString(ctx, flags) };
        // SAFETY: it is a text of this context, or none.
        match unsafe { with_text(ctx, mode, |flags| flags.contains(&b'v')) } {
            Some(answer) => has_sets = answer,
            None => {
                // SAFETY: the reference is ours.
                unsafe { qjs::JS_FreeValue(ctx, mode) };
                return qjs::JS_EXCEPTION;
            }
        }
    }
    // SAFETY: the engine gives a text.
    let compiled = match unsafe { with_text(ctx, pattern, |text| patterns::check(text, has_sets)) }
    {
        None => qjs::JS_EXCEPTION,
        Some(Err(what)) => {
            Exception::throw_range(&entered, &what);
            qjs::JS_EXCEPTION
        }
        Some(Ok(())) => {
            let compiler = COMPILER.load(Ordering::Relaxed);
            // SAFETY: it was found where the engine keeps a function of this kind, before this was put there.
            let compiler = unsafe { std::mem::transmute::<*mut (), Compile>(compiler) };
            // SAFETY: these are the engine's own arguments, but for the flags, which are a text now.
            unsafe { compiler(ctx, pattern, mode) }
        }
    };
    if has_flags {
        // SAFETY: the reference is ours.
        unsafe { qjs::JS_FreeValue(ctx, mode) };
    }
    compiled
}

/// Lends a text's bytes. None if there is an exception instead.
///
/// # Safety
/// The context is alive, the value is one of its, and this thread has entered its machine.
unsafe fn with_text<T>(
    ctx: *mut qjs::JSContext,
    text: qjs::JSValue,
    take: impl FnOnce(&[u8]) -> T,
) -> Option<T> {
    let mut length = 0;
    // SAFETY: the caller's promise.
    let bytes = unsafe { qjs::JS_ToCStringLen(ctx, &raw mut length, text) };
    if bytes.is_null() {
        return None;
    }
    // SAFETY: the engine has given so many bytes, until they are freed.
    let taken = take(unsafe { from_raw_parts(bytes.cast(), length) });
    // SAFETY: they are of this context, and not used any more.
    unsafe { qjs::JS_FreeCString(ctx, bytes) };
    Some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_compiles_expressions_through_one_pointer() {
        assert!(Expressions::find().is_some());
    }
}
