//! Rust's values made into the guest's.

#![expect(unsafe_code, reason = "defining properties without a detour")]

use rquickjs::{
    Array, BigInt, Ctx, Exception, Object, String as JsString, TypedArray, Value as JsValue, qjs,
};

use super::errors::error_to_js;
use super::native::{Cap, Handle};
use super::vm::Hooks;
use crate::actor::ActorId;
use crate::guest::outside::Answer;
use crate::http::{Headers, Request, Response};
use crate::value::{Value, ValueMap};

/// Whole numbers beyond this are bigints of the engine, not doubles.
pub(super) const MAX_SAFE: i64 = 1 << 53;

/// Makes the guest's form of a value.
pub(super) fn value<'js>(
    ctx: &Ctx<'js>,
    hooks: &Hooks<'js>,
    value: &Value,
) -> rquickjs::Result<JsValue<'js>> {
    Ok(match value {
        Value::Undefined => JsValue::new_undefined(ctx.clone()),
        Value::Null => JsValue::new_null(ctx.clone()),
        Value::Bool(flag) => JsValue::new_bool(ctx.clone(), *flag),
        Value::Int(number) if (-MAX_SAFE..=MAX_SAFE).contains(number) => {
            JsValue::new_number(ctx.clone(), *number as f64)
        }
        Value::Int(number) => BigInt::from_i64(ctx.clone(), *number)?.into_value(),
        Value::Float(number) => JsValue::new_float(ctx.clone(), *number),
        Value::String(text) => JsString::from_str(ctx.clone(), text)?.into_value(),
        Value::Bytes(bytes) => TypedArray::<u8>::new_copy(ctx.clone(), bytes)?.into_value(),
        Value::View(view, bytes) => {
            let bytes = TypedArray::<u8>::new_copy(ctx.clone(), bytes)?;
            hooks.build.call(("view", bytes, format!("{view:?}")))?
        }
        Value::List(items) => list(ctx, hooks, items)?.into_value(),
        Value::Map(entries) => map(ctx, hooks, entries)?.into_value(),
        Value::Dict(entries) => {
            let flat = Array::new(ctx.clone())?;
            for (at, (key, item)) in entries.iter().enumerate() {
                flat.set(2 * at, self::value(ctx, hooks, key)?)?;
                flat.set(2 * at + 1, self::value(ctx, hooks, item)?)?;
            }
            hooks.build.call(("Map", flat))?
        }
        Value::Set(items) => hooks.build.call(("Set", list(ctx, hooks, items)?))?,
        Value::Date(time) => hooks.build.call(("Date", *time))?,
        Value::BigInt(number) => hooks.build.call(("bigint", format!("{number:x}")))?,
        Value::Error(error) => error_to_js(ctx, hooks, error)?,
        Value::Request(request) => {
            let (list, body) = parts(ctx, &request.headers, request.body.as_deref())?;
            hooks.build.call(("Request", request.method(), request.url(), list, body))?
        }
        Value::Response(response) => {
            let (list, body) = parts(ctx, &response.headers, response.body.as_deref())?;
            hooks.build.call(("Response", response.status(), list, body, response.status_text()))?
        }
        Value::Headers(list) => hooks.build.call(("Headers", headers(ctx, list)?))?,
        Value::Stub(stub) => {
            let id = stub.id().map(|id| id_value(ctx, hooks, &ActorId::Object(id.clone())));
            hooks.make.call(("stub", capability(ctx, value)?, id.transpose()?, stub.name()))?
        }
        Value::Function(function) => {
            hooks.make.call(("function", capability(ctx, value)?, function.is_of_guest()))?
        }
        Value::Object(_) => hooks.make.call(("object", capability(ctx, value)?))?,
        Value::Class(_) => hooks.make.call(("class", capability(ctx, value)?))?,
        Value::Namespace(_) => hooks.make.call(("namespace", capability(ctx, value)?))?,
        Value::Loader(_) => hooks.make.call(("loader", capability(ctx, value)?))?,
    })
}

fn capability<'js>(ctx: &Ctx<'js>, value: &Value) -> rquickjs::Result<JsValue<'js>> {
    Cap::make(ctx, Handle::Value(value.clone()))
}

pub(super) fn list<'js>(
    ctx: &Ctx<'js>,
    hooks: &Hooks<'js>,
    items: &[Value],
) -> rquickjs::Result<Array<'js>> {
    let array = Array::new(ctx.clone())?;
    for (at, item) in items.iter().enumerate() {
        define_at(&array, at, &value(ctx, hooks, item)?)?;
    }
    Ok(array)
}

pub(super) fn map<'js>(
    ctx: &Ctx<'js>,
    hooks: &Hooks<'js>,
    map: &ValueMap,
) -> rquickjs::Result<Object<'js>> {
    let object = Object::new(ctx.clone())?;
    for (key, item) in map.iter() {
        // A name is looked up among those of its hash, which a guest may have made many of.
        if hooks.shared.guard.is_stopped() {
            return Err(Exception::throw_message(ctx, "stopped"));
        }
        define(&object, &Name::of_text(ctx, key)?, &value(ctx, hooks, item)?)?;
    }
    Ok(object)
}

/// The name of a property.
pub(super) struct Name<'js> {
    ctx: Ctx<'js>,
    atom: qjs::JSAtom,
}

impl<'js> Name<'js> {
    pub fn of_text(ctx: &Ctx<'js>, text: &str) -> rquickjs::Result<Name<'js>> {
        let (raw, start, length) = (ctx.as_raw().as_ptr(), text.as_ptr(), text.len());
        // SAFETY: the context is alive; the text has this length, and is copied.
        Name::made(ctx, unsafe { qjs::JS_NewAtomLen(raw, start.cast(), length as _) })
    }

    fn of_index(ctx: &Ctx<'js>, index: u32) -> rquickjs::Result<Name<'js>> {
        // SAFETY: the context is alive.
        Name::made(ctx, unsafe { qjs::JS_NewAtomUInt32(ctx.as_raw().as_ptr(), index) })
    }

    pub fn atom(&self) -> qjs::JSAtom {
        self.atom
    }

    fn made(ctx: &Ctx<'js>, atom: qjs::JSAtom) -> rquickjs::Result<Name<'js>> {
        match atom {
            qjs::JS_ATOM_NULL => Err(rquickjs::Error::Exception),
            atom => Ok(Name { ctx: ctx.clone(), atom }),
        }
    }
}

impl Clone for Name<'_> {
    fn clone(&self) -> Self {
        // SAFETY: the context is alive, and so is the name.
        let atom = unsafe { qjs::JS_DupAtom(self.ctx.as_raw().as_ptr(), self.atom) };
        Name { ctx: self.ctx.clone(), atom }
    }
}

impl Drop for Name<'_> {
    fn drop(&mut self) {
        // SAFETY: the context is alive, and the reference is ours.
        unsafe { qjs::JS_FreeAtom(self.ctx.as_raw().as_ptr(), self.atom) };
    }
}

/// Makes a property with data, whatever its name is and the guest has done to the prototypes: setting one
/// could call a setter.
pub(super) fn define<'js>(
    object: &Object<'js>,
    name: &Name<'js>,
    value: &JsValue<'js>,
) -> rquickjs::Result<()> {
    const FLAGS: u32 = qjs::JS_PROP_C_W_E
        | qjs::JS_PROP_HAS_CONFIGURABLE
        | qjs::JS_PROP_HAS_WRITABLE
        | qjs::JS_PROP_HAS_ENUMERABLE
        | qjs::JS_PROP_HAS_VALUE
        | qjs::JS_PROP_THROW;
    let (ctx, none) = (name.ctx.as_raw().as_ptr(), qjs::JS_UNDEFINED);
    let (object, value) = (object.as_raw(), value.as_raw());
    // SAFETY: all that it is given is alive and of one context; it takes references of its own.
    let code =
        unsafe { qjs::JS_DefineProperty(ctx, object, name.atom, value, none, none, FLAGS as _) };
    if code < 0 { Err(rquickjs::Error::Exception) } else { Ok(()) }
}

/// Makes an element of an array.
pub(super) fn define_at<'js>(
    array: &Array<'js>,
    at: usize,
    value: &JsValue<'js>,
) -> rquickjs::Result<()> {
    // What is longer doesn't fit into memory.
    let index = u32::try_from(at).unwrap_or(u32::MAX);
    define(array.as_object(), &Name::of_index(array.ctx(), index)?, value)
}

pub(super) fn id_value<'js>(
    ctx: &Ctx<'js>,
    hooks: &Hooks<'js>,
    id: &ActorId,
) -> rquickjs::Result<JsValue<'js>> {
    match id {
        ActorId::Text(text) => Ok(JsString::from_str(ctx.clone(), text)?.into_value()),
        ActorId::Object(object) => {
            let cap = Cap::make(ctx, Handle::Id(id.clone()))?;
            hooks.make.call(("id", cap, object.to_string(), object.name()))
        }
    }
}

fn headers<'js>(ctx: &Ctx<'js>, headers: &Headers) -> rquickjs::Result<Array<'js>> {
    let list = Array::new(ctx.clone())?;
    for (at, (name, value)) in headers.iter().enumerate() {
        list.set(2 * at, name)?;
        list.set(2 * at + 1, value)?;
    }
    Ok(list)
}

fn body<'js>(ctx: &Ctx<'js>, body: Option<&[u8]>) -> rquickjs::Result<JsValue<'js>> {
    match body {
        Some(bytes) => Ok(TypedArray::<u8>::new_copy(ctx.clone(), bytes)?.into_value()),
        None => Ok(JsValue::new_null(ctx.clone())),
    }
}

/// The parts that requests and responses have in common.
fn parts<'js>(
    ctx: &Ctx<'js>,
    list: &Headers,
    bytes: Option<&[u8]>,
) -> rquickjs::Result<(Array<'js>, JsValue<'js>)> {
    Ok((headers(ctx, list)?, body(ctx, bytes)?))
}

/// Makes the `Request` that a handler gets.
pub(super) fn request<'js>(
    ctx: &Ctx<'js>,
    hooks: &Hooks<'js>,
    request: &Request,
) -> rquickjs::Result<JsValue<'js>> {
    let (list, body) = parts(ctx, &request.headers, request.body.as_deref())?;
    hooks.make_request.call((request.method(), request.url(), list, body))
}

/// Makes the `Response` that a `fetch` answers.
fn response<'js>(
    ctx: &Ctx<'js>,
    hooks: &Hooks<'js>,
    response: &Response,
) -> rquickjs::Result<JsValue<'js>> {
    let (list, body) = parts(ctx, &response.headers, response.body.as_deref())?;
    hooks.make_response.call((response.status(), list, body, response.status_text()))
}

/// What an operation has ended with.
pub(super) fn answer<'js>(
    ctx: &Ctx<'js>,
    hooks: &Hooks<'js>,
    answer: &Answer,
) -> rquickjs::Result<JsValue<'js>> {
    match answer {
        Answer::Nothing | Answer::Due => Ok(JsValue::new_undefined(ctx.clone())),
        Answer::Value(answered) => value(ctx, hooks, answered),
        Answer::Response(answered) => response(ctx, hooks, answered),
    }
}
