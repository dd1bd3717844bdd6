//! What may cross between host and guest, and between actors.

use std::fmt;
use std::sync::Arc;

use num_bigint::BigInt;

use crate::actor::Class;
use crate::error::{Error, ErrorCode, Result};
use crate::http::{Headers, Request, Response};
use crate::loader::Loader;
use crate::namespace::Namespace;
use crate::rpc::{HostFunction, HostObject};
use crate::stub::Stub;
use crate::view::View;

/// How deep a value may be nested.
pub const MAX_DEPTH: usize = 128;

/// What errors, messages and capabilities take beside their contents: an event loop needs microseconds to make one, as
/// long as for a hundred plain values.
const HEAVY: usize = 1 << 10;

const TWO_63: f64 = 9_223_372_036_854_775_808.0;

/// A value that crosses a boundary: always a copy, never shared.
///
/// Capabilities (the last variants) go by reference. They, requests, responses and headers aren't stored.
#[derive(Clone, Debug, Default)]
pub enum Value {
    /// JavaScript's `undefined`; the same as null for every other language.
    Undefined,
    /// Nothing.
    #[default]
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number of 64 bits.
    Int(i64),
    /// A double, NaN and infinities included.
    Float(f64),
    /// Text.
    String(String),
    /// Bytes: `buffer` in Luau, `Uint8Array` in JavaScript.
    Bytes(Vec<u8>),
    /// Bytes that are something else in JavaScript, which they stay there: an `ArrayBuffer`, a `Float32Array`.
    View(View, Vec<u8>),
    /// A list.
    List(Vec<Value>),
    /// A map with text keys, in insertion order: an object or table.
    Map(ValueMap),
    /// A map with keys of any type, in insertion order: JavaScript's `Map`.
    Dict(Vec<(Value, Value)>),
    /// A set, in insertion order.
    Set(Vec<Value>),
    /// A time, in Unix milliseconds.
    Date(f64),
    /// A whole number beyond 64 bits, or JavaScript's `bigint`.
    BigInt(BigInt),
    /// An error as a value.
    Error(Error),
    /// A request, with its whole body.
    Request(Box<Request>),
    /// A response, with its whole body.
    Response(Box<Response>),
    /// Header fields.
    Headers(Headers),
    /// A function of the host that the receiver may call.
    Function(HostFunction),
    /// An object of the host whose public methods the receiver may call.
    Object(HostObject),
    /// A stub of an object or entrypoint. Facet stubs can't be sent.
    Stub(Stub),
    /// A class, to be used as a facet's class.
    Class(Class),
    /// A namespace of objects.
    Namespace(Namespace),
    /// A Worker Loader.
    Loader(Loader),
}

impl Value {
    /// Whether this is null or undefined.
    pub fn is_nullish(&self) -> bool {
        matches!(self, Value::Null | Value::Undefined)
    }

    /// What kind of value this is, for messages.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Undefined => "undefined",
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Int(_) => "integer",
            Value::Float(_) => "number",
            Value::String(_) => "string",
            Value::Bytes(_) | Value::View(..) => "bytes",
            Value::List(_) => "list",
            Value::Map(_) => "map",
            Value::Dict(_) => "dict",
            Value::Set(_) => "set",
            Value::Date(_) => "date",
            Value::BigInt(_) => "bigint",
            Value::Error(_) => "error",
            Value::Request(_) => "request",
            Value::Response(_) => "response",
            Value::Headers(_) => "headers",
            Value::Function(_) => "function",
            Value::Object(_) => "object",
            Value::Stub(_) => "stub",
            Value::Class(_) => "class",
            Value::Namespace(_) => "namespace",
            Value::Loader(_) => "loader",
        }
    }

    /// Whether it is passed by reference.
    pub fn is_capability(&self) -> bool {
        matches!(
            self,
            Value::Function(_)
                | Value::Object(_)
                | Value::Stub(_)
                | Value::Class(_)
                | Value::Namespace(_)
                | Value::Loader(_)
        )
    }

    /// Whether it can be stored, but for what it contains.
    pub(crate) fn is_storable(&self) -> bool {
        let is_message = matches!(self, Value::Request(_) | Value::Response(_) | Value::Headers(_));
        !is_message && !self.is_capability()
    }

    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The whole number, if it is one; a double counts if it is whole.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Value::Int(n) => Some(*n),
            // Both bounds are doubles exactly, so that nothing is cut off.
            Value::Float(n) if n.fract() == 0.0 && (-TWO_63..TWO_63).contains(n) => Some(*n as i64),
            _ => None,
        }
    }

    /// The number as a double, if it is one.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Int(n) => Some(*n as f64),
            Value::Float(n) => Some(*n),
            _ => None,
        }
    }

    /// The truth value, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(b) => Some(*b),
            _ => None,
        }
    }

    /// The list's members, if it is one.
    pub fn as_list(&self) -> Option<&[Value]> {
        match self {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// The bytes, if it is any, whatever they are in JavaScript.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Value::Bytes(bytes) | Value::View(_, bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The map, if it is one.
    pub fn as_map(&self) -> Option<&ValueMap> {
        match self {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// An estimate of its size in bytes, for message limits: contents plus 8 bytes a value, and 1 KiB more for errors,
    /// requests, responses, headers and capabilities.
    pub fn size(&self) -> usize {
        8 + match self {
            Value::String(text) => text.len(),
            Value::Bytes(bytes) | Value::View(_, bytes) => bytes.len(),
            Value::List(items) | Value::Set(items) => items.iter().map(Value::size).sum(),
            Value::Map(map) => map.iter().map(|(key, value)| 8 + key.len() + value.size()).sum(),
            Value::Dict(entries) => entries.iter().map(|(k, v)| k.size() + v.size()).sum(),
            Value::BigInt(n) => n.bits() as usize / 8,
            Value::Error(e) => {
                let texts = e.name().len() + e.message().len() + e.stack().map_or(0, str::len);
                HEAVY + texts + e.cause().map_or(0, Value::size)
            }
            Value::Request(request) => HEAVY + request.size(),
            Value::Response(response) => HEAVY + response.size(),
            Value::Headers(headers) => HEAVY + headers.size(),
            _ => self.overhead(),
        }
    }

    /// What it takes beside its contents because making it takes long.
    pub(crate) fn overhead(&self) -> usize {
        let is_message = matches!(self, Value::Request(_) | Value::Response(_) | Value::Headers(_));
        let is_heavy = is_message || matches!(self, Value::Error(_)) || self.is_capability();
        if is_heavy { HEAVY } else { 0 }
    }

    /// Refuses a value nested deeper than [`MAX_DEPTH`], naming the path to it.
    ///
    /// # Errors
    /// [`ErrorCode::ValueError`].
    pub fn check_depth(&self) -> Result<()> {
        fn walk(value: &Value, depth: usize) -> Result<()> {
            if depth > MAX_DEPTH {
                return Err(too_deep());
            }
            match value {
                Value::List(items) | Value::Set(items) => {
                    items.iter().try_for_each(|item| walk(item, depth + 1))
                }
                Value::Map(map) => map.iter().try_for_each(|(_, item)| walk(item, depth + 1)),
                Value::Dict(entries) => entries
                    .iter()
                    .try_for_each(|(k, v)| walk(k, depth + 1).and_then(|()| walk(v, depth + 1))),
                Value::Error(error) => error.cause().map_or(Ok(()), |cause| walk(cause, depth + 1)),
                _ => Ok(()),
            }
        }
        walk(self, 0)
    }
}

/// The error of a value nested deeper than [`MAX_DEPTH`].
pub(crate) fn too_deep() -> Error {
    Error::new(
        ErrorCode::ValueError,
        format!(
            "Could not serialize value: it is nested deeper than the limit of {MAX_DEPTH} levels."
        ),
    )
}

/// A map with text keys that keeps the order of insertion.
#[derive(Clone, Default)]
pub struct ValueMap(Vec<(String, Value)>);

impl ValueMap {
    /// An empty map.
    pub fn new() -> ValueMap {
        ValueMap::default()
    }

    /// An empty map with room for `capacity` entries.
    pub fn with_capacity(capacity: usize) -> ValueMap {
        ValueMap(Vec::with_capacity(capacity))
    }

    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.iter().find(|(k, _)| k == key).map(|(_, v)| v)
    }

    /// Sets `key`, in its old place if it was there.
    pub fn insert(&mut self, key: impl Into<String>, value: impl Into<Value>) {
        let (key, value) = (key.into(), value.into());
        match self.0.iter_mut().find(|(k, _)| *k == key) {
            Some(entry) => entry.1 = value,
            None => self.0.push((key, value)),
        }
    }

    /// Appends an entry whose key is known to be new; linear only in its own size.
    pub fn push(&mut self, key: String, value: Value) {
        self.0.push((key, value));
    }

    /// Removes `key` and returns its value.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        let index = self.0.iter().position(|(k, _)| k == key)?;
        Some(self.0.remove(index).1)
    }

    /// The entry at a place in that order.
    pub fn entry_at(&self, index: usize) -> Option<(&str, &Value)> {
        self.0.get(index).map(|(k, v)| (k.as_str(), v))
    }

    /// The entries in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.0.iter().map(|(k, v)| (k.as_str(), v))
    }

    /// How many entries it has.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl IntoIterator for ValueMap {
    type Item = (String, Value);
    type IntoIter = std::vec::IntoIter<(String, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<K: Into<String>, V: Into<Value>> FromIterator<(K, V)> for ValueMap {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> ValueMap {
        let mut map = ValueMap::new();
        for (key, value) in entries {
            map.insert(key, value);
        }
        map
    }
}

impl fmt::Debug for ValueMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl PartialEq for ValueMap {
    /// Maps are equal whatever the order of their keys.
    fn eq(&self, other: &ValueMap) -> bool {
        self.len() == other.len() && self.iter().all(|(key, value)| other.get(key) == Some(value))
    }
}

impl PartialEq for Value {
    /// Structural equality: numbers by value, bytes whatever they are in JavaScript, NaN equals NaN, capabilities never.
    fn eq(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Undefined | Value::Null, Value::Undefined | Value::Null) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Int(a), Value::Int(b)) => a == b,
            (Value::Float(a), Value::Float(b)) => a == b || (a.is_nan() && b.is_nan()),
            (Value::Int(a), Value::Float(b)) | (Value::Float(b), Value::Int(a)) => *a as f64 == *b,
            (Value::String(a), Value::String(b)) => a == b,
            (Value::Bytes(a) | Value::View(_, a), Value::Bytes(b) | Value::View(_, b)) => a == b,
            (Value::List(a), Value::List(b)) | (Value::Set(a), Value::Set(b)) => a == b,
            (Value::Map(a), Value::Map(b)) => a == b,
            (Value::Dict(a), Value::Dict(b)) => a == b,
            (Value::Date(a), Value::Date(b)) => a == b,
            (Value::BigInt(a), Value::BigInt(b)) => a == b,
            (Value::Error(a), Value::Error(b)) => a == b,
            (Value::Request(a), Value::Request(b)) => a == b,
            (Value::Response(a), Value::Response(b)) => a == b,
            (Value::Headers(a), Value::Headers(b)) => a == b,
            _ => false,
        }
    }
}

macro_rules! value_from {
    ($($from:ty => |$x:ident| $to:expr;)*) => {
        $(impl From<$from> for Value { fn from($x: $from) -> Value { $to } })*
    };
}

value_from! {
    () => |_x| Value::Null;
    bool => |x| Value::Bool(x);
    i32 => |x| Value::Int(x.into());
    u32 => |x| Value::Int(x.into());
    i64 => |x| Value::Int(x);
    f64 => |x| Value::Float(x);
    &str => |x| Value::String(x.to_owned());
    String => |x| Value::String(x);
    Vec<u8> => |x| Value::Bytes(x);
    Vec<Value> => |x| Value::List(x);
    ValueMap => |x| Value::Map(x);
    Arc<str> => |x| Value::String(x.as_ref().to_owned());
    Error => |x| Value::Error(x);
    Request => |x| Value::Request(Box::new(x));
    Response => |x| Value::Response(Box::new(x));
    Headers => |x| Value::Headers(x);
    HostFunction => |x| Value::Function(x);
    HostObject => |x| Value::Object(x);
    Stub => |x| Value::Stub(x);
    Class => |x| Value::Class(x);
    Namespace => |x| Value::Namespace(x);
    Loader => |x| Value::Loader(x);
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Value {
        value.map_or(Value::Null, Into::into)
    }
}
