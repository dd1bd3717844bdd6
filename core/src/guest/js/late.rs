//! Globals that are made at their first use: until then they are accessors, whose functions are the engine's
//! smallest. What they do is the prelude's.

#![expect(unsafe_code, reason = "accessors without a closure for each")]

use std::ffi::{CStr, c_int};

use rquickjs::{Array, Ctx, Error, Function, Object, Result, Value as JsValue, qjs};

use super::entry::{Entry, answer, owned};
use super::give::Name;
use super::vm::Hooks;

/// Defines the globals that the prelude names.
pub(super) fn define<'js>(ctx: &Ctx<'js>, hooks: &Object<'js>) -> Result<()> {
    let names: Array<'js> = hooks.get("lateGlobals")?;
    let getters = Array::new(ctx.clone())?;
    for (number, name) in names.iter::<String>().enumerate() {
        let getter = function(ctx, get, c"get", 0, number)?;
        getters.set(number, getter.clone())?;
        let setter = function(ctx, set, c"set", 1, number)?;
        define_accessor(ctx, &Name::of_text(ctx, &name?)?, &getter, &setter)?;
    }
    hooks.get::<_, Function<'js>>("keepLateGetters")?.call((getters,))
}

/// A function of the engine that knows its number.
pub(super) fn function<'js>(
    ctx: &Ctx<'js>,
    code: Entry,
    name: &CStr,
    length: c_int,
    number: usize,
) -> Result<JsValue<'js>> {
    let code = qjs::JSCFunctionType { generic_magic: Some(code) };
    // SAFETY: all functions of the engine have one representation; which of them it is, is told below.
    let code = unsafe { code.generic };
    let (raw, kind) = (ctx.as_raw().as_ptr(), qjs::JSCFunctionEnum_JS_CFUNC_generic_magic);
    // SAFETY: the context is alive; the name is copied.
    let made =
        unsafe { qjs::JS_NewCFunction2(raw, code, name.as_ptr(), length, kind, number as c_int) };
    // SAFETY: the value belongs to this context, and the reference is given away.
    let made = unsafe { JsValue::from_raw(ctx.clone(), made) };
    if made.is_exception() { Err(Error::Exception) } else { Ok(made) }
}

fn define_accessor<'js>(
    ctx: &Ctx<'js>,
    name: &Name<'js>,
    getter: &JsValue<'js>,
    setter: &JsValue<'js>,
) -> Result<()> {
    const FLAGS: u32 = qjs::JS_PROP_CONFIGURABLE
        | qjs::JS_PROP_HAS_CONFIGURABLE
        | qjs::JS_PROP_HAS_ENUMERABLE
        | qjs::JS_PROP_HAS_GET
        | qjs::JS_PROP_HAS_SET;
    let (raw, globals, none) = (ctx.as_raw().as_ptr(), ctx.globals(), qjs::JS_UNDEFINED);
    let (object, getter, setter) = (globals.as_raw(), getter.as_raw(), setter.as_raw());
    // SAFETY: all that it is given is alive and of one context; it takes references of its own.
    let done = unsafe {
        qjs::JS_DefineProperty(raw, object, name.atom(), none, getter, setter, FLAGS as _)
    };
    if done < 0 { Err(Error::Exception) } else { Ok(()) }
}

unsafe extern "C" fn get(
    ctx: *mut qjs::JSContext,
    _this: qjs::JSValue,
    _count: c_int,
    _args: *mut qjs::JSValue,
    number: c_int,
) -> qjs::JSValue {
    // SAFETY: the engine calls this.
    unsafe { answer(ctx, |_, hooks| hooks.get_late.call((number,))) }
}

unsafe extern "C" fn set(
    ctx: *mut qjs::JSContext,
    this: qjs::JSValue,
    _count: c_int,
    args: *mut qjs::JSValue,
    number: c_int,
) -> qjs::JSValue {
    // SAFETY: the engine gives a function as many arguments as its length says, which is one.
    let value = unsafe { *args };
    // SAFETY: the engine calls this, and keeps both values alive for the call.
    unsafe { answer(ctx, |ctx, hooks| assign(ctx, hooks, this, number, value)) }
}

/// Assigns to a global through what it is called on.
fn assign<'js>(
    ctx: &Ctx<'js>,
    hooks: &Hooks<'js>,
    this: qjs::JSValue,
    number: c_int,
    value: qjs::JSValue,
) -> Result<JsValue<'js>> {
    // SAFETY: `set` has both from the engine, which keeps them alive for the call.
    let this = unsafe { owned(ctx, this) };
    // SAFETY: as above.
    let value = unsafe { owned(ctx, value) };
    hooks.set_late.call((this, number, value))
}
