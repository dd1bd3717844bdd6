//! How the engine calls Rust: with functions of its smallest kind, which know a number and nothing else.

#![expect(unsafe_code, reason = "functions of the engine's, and values that it lends")]

use std::ffi::{CStr, c_int};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;

use rquickjs::{Ctx, Exception, Object, Value as JsValue, qjs};

use super::api;
use super::native::{Native, dispatch};
use super::vm::Hooks;

/// All natives, and how the engine is told of them: it knows each by its number.
///
/// It makes the function of a native when that is used first, from an entry that has to stay where it is.
pub(super) struct Table {
    natives: Vec<Native>,
    entries: Vec<qjs::JSCFunctionListEntry>,
    topics: Vec<(&'static str, Range<usize>)>,
}

// SAFETY: the entries are only read. Their names are never freed.
unsafe impl Send for Table {}
// SAFETY: as above.
unsafe impl Sync for Table {}

impl Table {
    pub fn new(
        natives: Vec<(&'static CStr, Native)>,
        topics: Vec<(&'static str, Range<usize>)>,
    ) -> Table {
        let cfunc = qjs::JSCFunctionType { generic_magic: Some(enter) };
        let entry =
            |(number, (name, _)): (usize, &(&'static CStr, Native))| qjs::JSCFunctionListEntry {
                name: name.as_ptr(),
                prop_flags: (qjs::JS_PROP_WRITABLE | qjs::JS_PROP_CONFIGURABLE) as u8,
                def_type: qjs::JS_DEF_CFUNC as u8,
                magic: i16::try_from(number).expect("there are a hundred natives"),
                u: qjs::JSCFunctionListEntry__bindgen_ty_1 {
                    func: qjs::JSCFunctionListEntry__bindgen_ty_1__bindgen_ty_1 {
                        length: 0,
                        cproto: qjs::JSCFunctionEnum_JS_CFUNC_generic_magic as u8,
                        cfunc,
                    },
                },
            };
        let entries = natives.iter().enumerate().map(entry).collect();
        Table { natives: natives.into_iter().map(|(_, native)| native).collect(), entries, topics }
    }

    /// Gives an object the natives of a topic.
    pub fn set_on(&'static self, object: &Object<'_>, topic: &str) -> rquickjs::Result<()> {
        let found = self.topics.iter().find(|(name, _)| *name == topic);
        let (_, range) = found.ok_or(rquickjs::Error::Unknown)?;
        let entries = &self.entries[range.clone()];
        let (ctx, count) = (object.ctx().as_raw().as_ptr(), entries.len());
        // SAFETY: the object is one of this context; the entries live as long as the process.
        let done = unsafe {
            qjs::JS_SetPropertyFunctionList(ctx, object.as_raw(), entries.as_ptr(), count as _)
        };
        if done < 0 { Err(rquickjs::Error::Exception) } else { Ok(()) }
    }
}

/// What the engine calls: `this`, arguments, and a number that it keeps with the function.
pub(super) type Entry = unsafe extern "C" fn(
    *mut qjs::JSContext,
    qjs::JSValue,
    c_int,
    *mut qjs::JSValue,
    c_int,
) -> qjs::JSValue;

/// Where the engine calls natives.
unsafe extern "C" fn enter(
    ctx: *mut qjs::JSContext,
    _this: qjs::JSValue,
    count: c_int,
    args: *mut qjs::JSValue,
    number: c_int,
) -> qjs::JSValue {
    let args: &[qjs::JSValue] = match count {
        0 => &[],
        // SAFETY: the engine gives so many values, which stay alive for the call.
        count => unsafe { std::slice::from_raw_parts(args, count as usize) },
    };
    let native = api::natives().natives[number as usize];
    // SAFETY: the context is the engine's.
    unsafe { answer(ctx, |ctx, hooks| dispatch(native, ctx, hooks, args)) }
}

/// Answers the engine, which has called Rust. A panic gives an error that tells nothing of its cause.
///
/// # Safety
/// The context must be the one that the engine has called with.
pub(super) unsafe fn answer(
    ctx: *mut qjs::JSContext,
    code: impl for<'a, 'js> FnOnce(&'a Ctx<'js>, &'a Hooks<'js>) -> rquickjs::Result<JsValue<'js>>,
) -> qjs::JSValue {
    let Some(raw) = NonNull::new(ctx) else { return qjs::JS_EXCEPTION };
    // SAFETY: the caller's promise: it is alive, and this thread has entered its machine.
    let ctx = unsafe { Ctx::from_raw(raw) };
    let done = catch_unwind(AssertUnwindSafe(|| {
        let hooks = ctx.userdata::<Hooks<'_>>().ok_or(rquickjs::Error::Unknown)?;
        code(&ctx, &hooks)
    }));
    match done {
        // SAFETY: the value is alive; the engine gets a reference of its own.
        Ok(Ok(value)) => return unsafe { qjs::JS_DupValue(ctx.as_raw().as_ptr(), value.as_raw()) },
        Ok(Err(error)) => raise(&ctx, error),
        Err(_) => drop(Exception::throw_internal(&ctx, "internal error")),
    }
    qjs::JS_EXCEPTION
}

/// A reference of its own to a value that the engine lends.
///
/// # Safety
/// The value must be alive and of this context.
pub(super) unsafe fn owned<'js>(ctx: &Ctx<'js>, value: qjs::JSValue) -> JsValue<'js> {
    // SAFETY: the caller's promise.
    let value = unsafe { qjs::JS_DupValue(ctx.as_raw().as_ptr(), value) };
    // SAFETY: as above; the reference is given away.
    unsafe { JsValue::from_raw(ctx.clone(), value) }
}

/// Throws what the binding's own functions would for an error of the binding.
pub(super) fn raise(ctx: &Ctx<'_>, error: rquickjs::Error) {
    match error {
        rquickjs::Error::Exception => {}
        rquickjs::Error::Allocation => {
            // SAFETY: the context is alive.
            unsafe { qjs::JS_ThrowOutOfMemory(ctx.as_raw().as_ptr()) };
        }
        error => drop(Exception::throw_type(ctx, &error.to_string())),
    }
}
