//! Calls of an instance's methods: what is usual about them is done here, where it takes no code of the prelude.

#![expect(unsafe_code, reason = "looking a property up without calling code for it")]

use std::ptr::null_mut;

use rquickjs::function::Args;
use rquickjs::{Ctx, Exception, Object, Value as JsValue, qjs};

use super::errors::error_to_js;
use super::give::{self, Name};
use super::vm::Hooks;
use crate::host::no_such_method;
use crate::value::Value;

/// Calls a method of the instance. `kept`: it is the same for all events, as that of a class is.
pub(super) fn call<'js>(
    ctx: &Ctx<'js>,
    hooks: &Hooks<'js>,
    kept: bool,
    name: &str,
    args: &[Value],
) -> rquickjs::Result<JsValue<'js>> {
    let mut given = Args::new(ctx.clone(), args.len());
    for arg in args {
        given.push_arg(give::value(ctx, hooks, arg)?)?;
    }
    let object = target(hooks, kept)?;
    let method = member(ctx, hooks, &object, name)?;
    let Some(function) = method.as_function() else {
        return Err(Exception::throw_type(ctx, &format!("\"{name}\" is not a function.")));
    };
    given.this(object)?;
    let answer: JsValue<'js> = given.apply(function)?;
    // Nothing has to be found out about what is no object.
    if answer.is_object() { hooks.ended.call((answer,)) } else { Ok(answer) }
}

/// The instance, if it takes calls.
fn target<'js>(hooks: &Hooks<'js>, kept: bool) -> rquickjs::Result<Object<'js>> {
    if let Some(object) = hooks.callable.get() {
        return Ok(object.clone());
    }
    let object: Object<'js> = hooks.rpc_target.call(())?;
    if kept {
        let _ = hooks.callable.set(object.clone());
    }
    Ok(object)
}

/// The value of a member that callers may reach and that must be there.
fn member<'js>(
    ctx: &Ctx<'js>,
    hooks: &Hooks<'js>,
    object: &Object<'js>,
    name: &str,
) -> rquickjs::Result<JsValue<'js>> {
    let atom = hooks.names.of(ctx, name)?;
    // Where neither of the two has the name, an ordinary read finds what the prelude would.
    if name == "constructor" || has_own(object, &atom)? || has(&hooks.object, &atom)? {
        return hooks.member.call((object.clone(), name));
    }
    let value = get(object, &atom)?;
    if value.is_undefined() {
        return Err(ctx.throw(error_to_js(ctx, hooks, &no_such_method(name))?));
    }
    Ok(value)
}

fn has_own<'js>(object: &Object<'js>, name: &Name<'js>) -> rquickjs::Result<bool> {
    let ctx = object.ctx().as_raw().as_ptr();
    // SAFETY: both are alive and of this context; the property isn't asked for.
    told(unsafe { qjs::JS_GetOwnProperty(ctx, null_mut(), object.as_raw(), name.atom()) })
}

fn has<'js>(object: &Object<'js>, name: &Name<'js>) -> rquickjs::Result<bool> {
    let ctx = object.ctx().as_raw().as_ptr();
    // SAFETY: both are alive and of this context.
    told(unsafe { qjs::JS_HasProperty(ctx, object.as_raw(), name.atom()) })
}

fn told(code: i32) -> rquickjs::Result<bool> {
    if code < 0 { Err(rquickjs::Error::Exception) } else { Ok(code != 0) }
}

fn get<'js>(object: &Object<'js>, name: &Name<'js>) -> rquickjs::Result<JsValue<'js>> {
    let ctx = object.ctx().as_raw().as_ptr();
    // SAFETY: both are alive and of this context.
    let value = unsafe { qjs::JS_GetProperty(ctx, object.as_raw(), name.atom()) };
    // SAFETY: the reference is given away.
    let value = unsafe { JsValue::from_raw(object.ctx().clone(), value) };
    if value.is_exception() { Err(rquickjs::Error::Exception) } else { Ok(value) }
}
