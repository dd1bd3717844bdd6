//! Rust's values made into the guest's.

use rquickjs::object::Property;
use rquickjs::{
    Array, ArrayBuffer, BigInt, Ctx, IntoAtom, Object, String as JsString, TypedArray,
    Value as JsValue,
};

use super::errors::error_to_js;
use super::native::{Cap, Handle};
use super::vm::Hooks;
use crate::actor::ActorId;
use crate::guest::outside::Answer;
use crate::http::{Headers, Request, Response};
use crate::value::{Value, ValueMap};

/// Whole numbers beyond this are bigints of the engine, not doubles.
const MAX_SAFE: i64 = 1 << 53;

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
        Value::Stub(stub) => {
            let id = stub.id().map(|id| id_value(ctx, hooks, &ActorId::Object(id.clone())));
            hooks.make.call(("stub", capability(ctx, value)?, id.transpose()?, stub.name()))?
        }
        Value::Function(_) => hooks.make.call(("function", capability(ctx, value)?))?,
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
        define(&array, at as u32, value(ctx, hooks, item)?)?;
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
        define(&object, key, value(ctx, hooks, item)?)?;
    }
    Ok(object)
}

/// Makes a property with data, whatever its name is and the guest has done to the prototypes: setting one
/// could call a setter.
fn define<'js, K: IntoAtom<'js>>(
    object: &Object<'js>,
    key: K,
    value: JsValue<'js>,
) -> rquickjs::Result<()> {
    object.prop(key, Property::from(value).writable().enumerable().configurable())
}

/// A row of a result.
pub(super) fn row<'js>(
    ctx: &Ctx<'js>,
    hooks: &Hooks<'js>,
    row: &ValueMap,
) -> rquickjs::Result<JsValue<'js>> {
    let object = Object::new(ctx.clone())?;
    for (key, item) in row.iter() {
        define(&object, key, cell(ctx, hooks, item)?)?;
    }
    Ok(object.into_value())
}

/// A row of a result as a list.
pub(super) fn raw_row<'js>(
    ctx: &Ctx<'js>,
    hooks: &Hooks<'js>,
    row: &[Value],
) -> rquickjs::Result<JsValue<'js>> {
    let array = Array::new(ctx.clone())?;
    for (at, item) in row.iter().enumerate() {
        define(&array, at as u32, cell(ctx, hooks, item)?)?;
    }
    Ok(array.into_value())
}

/// A column of a row: bytes are an ArrayBuffer there.
fn cell<'js>(ctx: &Ctx<'js>, hooks: &Hooks<'js>, item: &Value) -> rquickjs::Result<JsValue<'js>> {
    match item {
        Value::Bytes(bytes) => Ok(ArrayBuffer::new_copy(ctx.clone(), bytes)?.into_value()),
        item => value(ctx, hooks, item),
    }
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

/// Makes a `Request` of the guest.
pub(super) fn request<'js>(
    ctx: &Ctx<'js>,
    hooks: &Hooks<'js>,
    request: &Request,
) -> rquickjs::Result<JsValue<'js>> {
    let (list, body) = (headers(ctx, &request.headers)?, body(ctx, request.body.as_deref())?);
    hooks.make_request.call((request.method(), request.url(), list, body))
}

/// Makes a `Response` of the guest.
fn response<'js>(
    ctx: &Ctx<'js>,
    hooks: &Hooks<'js>,
    response: &Response,
) -> rquickjs::Result<JsValue<'js>> {
    let (list, body) = (headers(ctx, &response.headers)?, body(ctx, response.body.as_deref())?);
    hooks.make_response.call((response.status(), list, body))
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
