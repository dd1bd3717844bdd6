//! Values of the guest copied into Rust's.
//!
//! What is read is bounded in depth and in bytes: a small graph of shared objects may stand for a huge
//! tree. Getters of guest objects run meanwhile, under the guest's limits.

#![expect(unsafe_code, reason = "reading the bytes of a buffer")]

use std::sync::Arc;

use num_bigint::BigInt;
use rquickjs::object::Filter;
use rquickjs::{
    Array, ArrayBuffer, Atom, Coerced, Ctx, Object, String as JsString, Type, Value as JsValue,
};

use super::api::{self, valid_text};
use super::callback;
use super::errors::{CARRIED_BYTES, Carried, caught, error_within, lone_surrogate};
use super::kinds::Kind;
use super::native::{Cap, Handle, length};
use super::task::Shared;
use super::vm::Hooks;
use crate::error::{Error, ErrorCode, Result};
use crate::value::{MAX_DEPTH, Value, ValueMap, too_deep};
use crate::view::View;

/// Errors inside of errors deeper than this are left out.
const MAX_ERRORS: usize = 8;
/// Whole numbers up to this are exact in a double.
const MAX_SAFE: f64 = 9_007_199_254_740_991.0;

/// Copies a value of the guest, of at most `bytes`. If `callbacks` is given, it is sent: functions become callbacks, and
/// requests, responses and headers are taken over.
///
/// # Errors
/// VALUE_ERROR (a `DataCloneError`) for what can't be copied; LIMIT_MESSAGE; what getters throw.
pub(super) fn value<'js>(
    ctx: &Ctx<'js>,
    hooks: &Hooks<'js>,
    value: &JsValue<'js>,
    bytes: u64,
    callbacks: Option<&Arc<Shared>>,
) -> Result<Value> {
    Reader { callbacks, ..Reader::new(ctx, hooks, bytes) }.value(value)
}

/// Copies a value to be stored, of at most `bytes`: instances of the guest's own classes become plain objects.
///
/// # Errors
/// As [`value`].
pub(super) fn stored<'js>(
    ctx: &Ctx<'js>,
    hooks: &Hooks<'js>,
    value: &JsValue<'js>,
    bytes: u64,
) -> Result<Value> {
    Reader { flattens: true, ..Reader::new(ctx, hooks, bytes) }.value(value)
}

/// Copies what is bound to the parameters of a query, of at most `bytes`: objects other than bytes are bound as text.
///
/// # Errors
/// As [`value`]; what `toString()` throws.
pub(super) fn bindings<'js>(
    ctx: &Ctx<'js>,
    hooks: &Hooks<'js>,
    list: &Array<'js>,
    bytes: u64,
) -> Result<Vec<Value>> {
    let mut reader = Reader::new(ctx, hooks, bytes);
    let mut bound = Vec::new();
    for at in 0..length(list).map_err(|error| reader.failed(error))? {
        let item: JsValue<'js> = list.get(at).map_err(|error| reader.failed(error))?;
        bound.push(reader.binding(item)?);
    }
    Ok(bound)
}

/// Copies what an error carries, if that is possible.
pub(super) fn carried<'js>(
    ctx: &Ctx<'js>,
    hooks: &Hooks<'js>,
    value: &JsValue<'js>,
    carried: &mut Carried,
) -> Option<Value> {
    if carried.depth > MAX_ERRORS {
        return None;
    }
    let mut reader = Reader { errors: carried.depth, ..Reader::new(ctx, hooks, carried.left) };
    let copied = reader.value(value).ok();
    carried.left = reader.left;
    copied
}

struct Reader<'a, 'js> {
    ctx: &'a Ctx<'js>,
    hooks: &'a Hooks<'js>,
    callbacks: Option<&'a Arc<Shared>>,
    /// Whether instances of the guest's classes become plain objects.
    flattens: bool,
    left: u64,
    limit: u64,
    /// The objects that the current one is inside of.
    ancestors: Vec<JsValue<'js>>,
    /// How many errors it is inside of.
    errors: usize,
}

fn refused(message: impl Into<String>) -> Error {
    Error::new(ErrorCode::ValueError, message)
}

fn unsupported(what: &str) -> Error {
    refused(format!(
        "Could not serialize object of type \"{what}\". This type does not support serialization."
    ))
}

/// A number as a whole one where it is one.
pub(super) fn number(number: f64) -> Value {
    let whole = number.fract() == 0.0
        && number.abs() <= MAX_SAFE
        && !(number == 0.0 && number.is_sign_negative());
    if whole { Value::Int(number as i64) } else { Value::Float(number) }
}

impl<'a, 'js> Reader<'a, 'js> {
    fn new(ctx: &'a Ctx<'js>, hooks: &'a Hooks<'js>, bytes: u64) -> Reader<'a, 'js> {
        let (left, limit, ancestors) = (bytes, bytes, Vec::new());
        Reader { ctx, hooks, callbacks: None, flattens: false, left, limit, ancestors, errors: 0 }
    }

    fn charge(&mut self, bytes: usize) -> Result<()> {
        let bytes = bytes as u64;
        if bytes > self.left {
            let message = format!("A value is larger than the limit of {} bytes.", self.limit);
            return Err(Error::new(ErrorCode::LimitMessage, message));
        }
        self.left -= bytes;
        Ok(())
    }

    fn failed(&self, error: rquickjs::Error) -> Error {
        caught(self.ctx, self.hooks, error)
    }

    fn value(&mut self, value: &JsValue<'js>) -> Result<Value> {
        self.charge(8)?;
        Ok(match value.type_of() {
            Type::Undefined | Type::Uninitialized => Value::Undefined,
            Type::Null => Value::Null,
            Type::Bool => Value::Bool(value.as_bool().unwrap_or_default()),
            Type::Int => Value::Int(value.as_int().unwrap_or_default().into()),
            Type::Float => number(value.as_float().unwrap_or_default()),
            Type::String => Value::String(self.text(value)?),
            Type::BigInt => Value::BigInt(self.big_int(value)?),
            Type::Symbol => return Err(refused("A symbol could not be cloned.")),
            Type::Function | Type::Constructor => {
                let function = self.function(value)?;
                self.heavy(function)?
            }
            _ => self.object(value)?,
        })
    }

    /// Charges what a value takes beside its contents.
    fn heavy(&mut self, read: Value) -> Result<Value> {
        self.charge(read.overhead())?;
        Ok(read)
    }

    fn text(&mut self, value: &JsValue<'js>) -> Result<String> {
        let text = valid_text(self.ctx, value).map_err(|error| self.failed(error))?;
        self.charge(text.len())?;
        Ok(text)
    }

    fn binding(&mut self, item: JsValue<'js>) -> Result<Value> {
        if item.is_symbol() {
            return Err(Error::type_error("Cannot convert a Symbol value to a string"));
        }
        if !item.is_object() || matches!(self.hooks.kinds.of(&item), Kind::Buffer | Kind::View) {
            return self.value(&item);
        }
        let text = item.get::<Coerced<JsString<'js>>>().map_err(|error| self.failed(error))?;
        self.charge(8)?;
        self.text(&text.0.into_value()).map(Value::String)
    }

    fn big_int(&mut self, value: &JsValue<'js>) -> Result<BigInt> {
        let text: String = self.take("bigint", value)?;
        self.charge(text.len() / 2)?;
        BigInt::parse_bytes(text.as_bytes(), 16)
            .ok_or_else(|| refused("A bigint could not be cloned."))
    }

    fn take<T: rquickjs::FromJs<'js>>(&self, kind: &str, value: &JsValue<'js>) -> Result<T> {
        self.hooks.take.call((kind, value.clone())).map_err(|error| self.failed(error))
    }

    fn function(&mut self, value: &JsValue<'js>) -> Result<Value> {
        if let Some(held) = self.held(value)? {
            return Ok(held);
        }
        let Some(shared) = self.callbacks else {
            return Err(refused("A function could not be cloned."));
        };
        Ok(Value::Function(callback::function(shared, self.keep(value)?)?))
    }

    /// Makes the prelude keep what others are given.
    fn keep(&self, value: &JsValue<'js>) -> Result<callback::Kept> {
        let kept: Array<'js> =
            self.hooks.keep_callback.call((value.clone(),)).map_err(|error| self.failed(error))?;
        let number = kept.get(0).map_err(|error| self.failed(error))?;
        Ok((number, kept.get(1).map_err(|error| self.failed(error))?))
    }

    /// What Rust holds behind a value.
    fn held(&self, value: &JsValue<'js>) -> Result<Option<Value>> {
        let held: JsValue<'js> =
            self.hooks.held_by.call((value.clone(),)).map_err(|error| self.failed(error))?;
        if let Some(refusal) = held.as_string() {
            return Err(refused(refusal.to_string().map_err(|_| lone_surrogate())?));
        }
        Ok(Cap::of(&held).and_then(|handle| match handle {
            Handle::Value(value) => Some(value),
            _ => None,
        }))
    }

    fn object(&mut self, value: &JsValue<'js>) -> Result<Value> {
        // A tree of shared objects may take longer to read than the guest has, within the limit of bytes, too.
        if self.hooks.shared.guard.is_stopped() {
            return Err(refused("stopped"));
        }
        let kind = self.hooks.kinds.of(value);
        match kind {
            Kind::Date => return self.take("Date", value).map(Value::Date),
            Kind::Buffer | Kind::View => return self.bytes(kind, value),
            Kind::Error => {
                let error = self.error(value)?;
                return self.heavy(Value::Error(error));
            }
            _ => {}
        }
        if matches!(kind, Kind::Object | Kind::Other | Kind::Arguments) {
            let prototype =
                value.as_object().filter(|_| kind == Kind::Object).and_then(Object::get_prototype);
            let is_plain = prototype.as_ref() == Some(&self.hooks.object);
            let may_be_flattened = kind == Kind::Object && self.flattens;
            let is_data = is_plain || (may_be_flattened && self.is_own(value)?);
            if !is_data {
                let read = self.instance(value)?;
                return self.heavy(read);
            }
        }
        self.enter(value)?;
        let read = match kind {
            Kind::Array => self.array(value),
            Kind::Map => self.dict(value),
            Kind::Set => self.list(&self.take("Set", value)?).map(Value::Set),
            _ => self.map(value).map(Value::Map),
        };
        self.ancestors.pop();
        read
    }

    /// Whether an object is of a class of the guest's own, or of none.
    fn is_own(&self, value: &JsValue<'js>) -> Result<bool> {
        self.hooks.is_own.call((value.clone(),)).map_err(|error| self.failed(error))
    }

    fn error(&mut self, value: &JsValue<'js>) -> Result<Error> {
        let before = self.left.min(CARRIED_BYTES);
        let mut carried = Carried { left: before, depth: self.errors + 1 };
        let error = error_within(self.ctx, self.hooks, value, &mut carried);
        self.charge((before - carried.left) as usize)?;
        self.charge(error.message().len() + error.stack().map_or(0, str::len))?;
        Ok(error)
    }

    fn enter(&mut self, value: &JsValue<'js>) -> Result<()> {
        if self.ancestors.contains(value) {
            return Err(refused("Could not serialize value: it contains itself."));
        }
        if self.ancestors.len() >= MAX_DEPTH {
            return Err(too_deep());
        }
        self.ancestors.push(value.clone());
        Ok(())
    }

    fn array(&mut self, value: &JsValue<'js>) -> Result<Value> {
        let array = value.as_array().ok_or_else(|| refused("An array could not be cloned."))?;
        self.list(array).map(Value::List)
    }

    fn list(&mut self, array: &Array<'js>) -> Result<Vec<Value>> {
        let length = length(array).map_err(|error| self.failed(error))?;
        if length as u64 * 8 > self.left {
            self.charge(length.saturating_mul(8))?;
        }
        let mut items = Vec::with_capacity(length.min(1 << 16));
        for at in 0..length {
            let item: JsValue<'js> = array.get(at).map_err(|error| self.failed(error))?;
            items.push(self.value(&item)?);
        }
        Ok(items)
    }

    fn dict(&mut self, value: &JsValue<'js>) -> Result<Value> {
        let flat = self.list(&self.take("Map", value)?)?;
        let mut entries = Vec::with_capacity(flat.len() / 2);
        let mut flat = flat.into_iter();
        while let (Some(key), Some(item)) = (flat.next(), flat.next()) {
            entries.push((key, item));
        }
        Ok(Value::Dict(entries))
    }

    fn map(&mut self, value: &JsValue<'js>) -> Result<ValueMap> {
        let object = value.as_object().ok_or_else(|| refused("An object could not be cloned."))?;
        let mut map = ValueMap::new();
        for key in object.own_keys::<Atom<'js>>(Filter::default()) {
            let key = key.map_err(|error| self.failed(error))?;
            // The binding's own conversion of a key doesn't check that it is valid Unicode.
            let name = key.to_js_string().and_then(|name| name.to_string());
            let name = name.map_err(|error| self.failed(error))?;
            self.charge(8 + name.len())?;
            let item: JsValue<'js> = object.get(key).map_err(|error| self.failed(error))?;
            map.push(name, self.value(&item)?);
        }
        Ok(map)
    }

    fn bytes(&mut self, kind: Kind, value: &JsValue<'js>) -> Result<Value> {
        if kind == Kind::Buffer {
            return self.slice(value, 0, None).map(|bytes| Value::View(View::ArrayBuffer, bytes));
        }
        let parts: Array<'js> = self.take("view", value)?;
        let part = |at| parts.get::<usize>(at).map_err(|error| self.failed(error));
        let buffer: JsValue<'js> = parts.get(0).map_err(|error| self.failed(error))?;
        let name: String = parts.get(3).map_err(|error| self.failed(error))?;
        let bytes = self.slice(&buffer, part(1)?, Some(part(2)?))?;
        Ok(match View::of_name(&name) {
            Some(view) => Value::View(view, bytes),
            None => Value::Bytes(bytes),
        })
    }

    /// So many bytes of a buffer, all if no number is given.
    fn slice(
        &mut self,
        buffer: &JsValue<'js>,
        offset: usize,
        length: Option<usize>,
    ) -> Result<Vec<u8>> {
        let buffer = ArrayBuffer::from_value(buffer.clone())
            .ok_or_else(|| refused("A detached buffer could not be cloned."))?;
        let end = length.map_or(buffer.len(), |length| offset + length);
        self.charge(end.saturating_sub(offset))?;
        // SAFETY: no code of the guest runs while the slice is used.
        let bytes = unsafe { buffer.as_bytes() };
        let bytes = bytes.and_then(|bytes| bytes.get(offset..end));
        bytes.map(<[u8]>::to_vec).ok_or_else(|| refused("A detached buffer could not be cloned."))
    }

    /// A request, a response or headers. A body is taken: the guest can't read it afterwards.
    fn message(&mut self, value: &JsValue<'js>) -> Result<Option<Value>> {
        let (ctx, hooks) = (self.ctx, self.hooks);
        let taken: Option<Array<'js>> =
            hooks.take_message.call((value.clone(),)).map_err(|error| self.failed(error))?;
        let Some(taken) = taken else { return Ok(None) };
        let kind: String = taken.get(0).map_err(|error| self.failed(error))?;
        let parts: Array<'js> = taken.get(1).map_err(|error| self.failed(error))?;
        let message = match kind.as_str() {
            "Request" => Value::from(api::request(ctx, hooks, &parts)?),
            "Response" => api::response(ctx, hooks, &parts)?.into(),
            _ => api::headers(ctx, hooks, &parts)?.into(),
        };
        self.charge(message.size() - message.overhead())?;
        Ok(Some(message))
    }

    /// An object that is neither plain nor of a class that can be copied.
    fn instance(&mut self, value: &JsValue<'js>) -> Result<Value> {
        if let Some(held) = self.held(value)? {
            return Ok(held);
        }
        if let Some(shared) = self.callbacks {
            if let Some(message) = self.message(value)? {
                return Ok(message);
            }
            let is_target =
                self.hooks.is_target.call((value.clone(),)).map_err(|error| self.failed(error))?;
            if is_target {
                return Ok(Value::Object(callback::object(shared, self.keep(value)?)?));
            }
        }
        let name: String =
            self.hooks.class_name.call((value.clone(),)).map_err(|error| self.failed(error))?;
        Err(unsupported(&name))
    }
}
