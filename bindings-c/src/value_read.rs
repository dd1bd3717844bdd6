//! Values: reading them, and their JSON form.

use std::mem::MaybeUninit;

use facetbox::Value;

use crate::error::facetbox_error_t;
use crate::guard::guard;
use crate::handle::{lend, write};
use crate::slice::{facetbox_bytes_t, facetbox_str_t};
use crate::value::facetbox_value_t;

/// What kind of value a `facetbox_value_t` is. Later versions may add more.
#[repr(C)]
pub enum facetbox_value_type_t {
    /// Nothing; also the type of a NULL pointer.
    FACETBOX_TYPE_NULL = 0,
    /// JavaScript's `undefined`.
    FACETBOX_TYPE_UNDEFINED = 1,
    /// A truth value.
    FACETBOX_TYPE_BOOL = 2,
    /// A whole number of 64 bits.
    FACETBOX_TYPE_INT = 3,
    /// A double.
    FACETBOX_TYPE_FLOAT = 4,
    /// Text.
    FACETBOX_TYPE_STRING = 5,
    /// Bytes.
    FACETBOX_TYPE_BYTES = 6,
    /// A list.
    FACETBOX_TYPE_LIST = 7,
    /// A map with text keys.
    FACETBOX_TYPE_MAP = 8,
    /// A map with keys of any type.
    FACETBOX_TYPE_DICT = 9,
    /// A set.
    FACETBOX_TYPE_SET = 10,
    /// A time.
    FACETBOX_TYPE_DATE = 11,
    /// A big integer.
    FACETBOX_TYPE_BIGINT = 12,
    /// An error as a value.
    FACETBOX_TYPE_ERROR = 13,
    /// A function.
    FACETBOX_TYPE_FUNCTION = 14,
    /// An object with methods.
    FACETBOX_TYPE_OBJECT = 15,
    /// A stub.
    FACETBOX_TYPE_STUB = 16,
    /// A class.
    FACETBOX_TYPE_CLASS = 17,
    /// A namespace.
    FACETBOX_TYPE_NAMESPACE = 18,
    /// A Worker Loader.
    FACETBOX_TYPE_LOADER = 19,
    /// A request.
    FACETBOX_TYPE_REQUEST = 20,
    /// A response.
    FACETBOX_TYPE_RESPONSE = 21,
    /// Header fields.
    FACETBOX_TYPE_HEADERS = 22,
}

/// What kind of value it is.
///
/// Null: is null.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_value_type(value: Option<&facetbox_value_t>) -> facetbox_value_type_t {
    use facetbox_value_type_t::*;
    guard(|| match value.map_or(&Value::Null, facetbox_value_t::get) {
        Value::Null => FACETBOX_TYPE_NULL,
        Value::Undefined => FACETBOX_TYPE_UNDEFINED,
        Value::Bool(_) => FACETBOX_TYPE_BOOL,
        Value::Int(_) => FACETBOX_TYPE_INT,
        Value::Float(_) => FACETBOX_TYPE_FLOAT,
        Value::String(_) => FACETBOX_TYPE_STRING,
        Value::Bytes(_) | Value::View(..) => FACETBOX_TYPE_BYTES,
        Value::List(_) => FACETBOX_TYPE_LIST,
        Value::Map(_) => FACETBOX_TYPE_MAP,
        Value::Dict(_) => FACETBOX_TYPE_DICT,
        Value::Set(_) => FACETBOX_TYPE_SET,
        Value::Date(_) => FACETBOX_TYPE_DATE,
        Value::BigInt(_) => FACETBOX_TYPE_BIGINT,
        Value::Error(_) => FACETBOX_TYPE_ERROR,
        Value::Function(_) => FACETBOX_TYPE_FUNCTION,
        Value::Object(_) => FACETBOX_TYPE_OBJECT,
        Value::Stub(_) => FACETBOX_TYPE_STUB,
        Value::Class(_) => FACETBOX_TYPE_CLASS,
        Value::Namespace(_) => FACETBOX_TYPE_NAMESPACE,
        Value::Loader(_) => FACETBOX_TYPE_LOADER,
        Value::Request(_) => FACETBOX_TYPE_REQUEST,
        Value::Response(_) => FACETBOX_TYPE_RESPONSE,
        Value::Headers(_) => FACETBOX_TYPE_HEADERS,
    })
}

/// Stores what `read` finds in a value, and says whether it found anything.
pub fn find<'a, T>(
    value: Option<&'a facetbox_value_t>,
    out: Option<&mut MaybeUninit<T>>,
    read: impl FnOnce(&'a Value) -> Option<T>,
) -> bool {
    match (value.and_then(|value| read(value.get())), out) {
        (Some(found), Some(out)) => {
            out.write(found);
            true
        }
        _ => false,
    }
}

/// Reads a truth value into `*out`; answers whether it is one.
///
/// Null: answers false.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_value_as_bool(
    value: Option<&facetbox_value_t>,
    out: Option<&mut MaybeUninit<bool>>,
) -> bool {
    guard(|| find(value, out, Value::as_bool))
}

/// Reads a whole number into `*out`, also from a double that is whole; answers whether it is one.
///
/// Null: answers false.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_value_as_int(
    value: Option<&facetbox_value_t>,
    out: Option<&mut MaybeUninit<i64>>,
) -> bool {
    guard(|| find(value, out, Value::as_i64))
}

/// Reads a number into `*out` as a double; answers whether it is one.
///
/// Null: answers false.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_value_as_float(
    value: Option<&facetbox_value_t>,
    out: Option<&mut MaybeUninit<f64>>,
) -> bool {
    guard(|| find(value, out, Value::as_f64))
}

/// Reads a time into `*out`, in Unix milliseconds; answers whether it is one.
///
/// Null: answers false.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_value_as_date(
    value: Option<&facetbox_value_t>,
    out: Option<&mut MaybeUninit<f64>>,
) -> bool {
    guard(|| {
        find(value, out, |value| match value {
            Value::Date(time) => Some(*time),
            _ => None,
        })
    })
}

/// The text; absent if the value is none.
///
/// Owns: borrowed from `value`, until it changes.
/// Null: gives absent text.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_value_as_string(value: Option<&facetbox_value_t>) -> facetbox_str_t {
    guard(|| facetbox_str_t::lend_optional(value.and_then(|value| value.get().as_str())))
}

/// The bytes; absent if the value holds none.
///
/// Owns: borrowed from `value`, until it changes.
/// Null: gives absent bytes.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_value_as_bytes(value: Option<&facetbox_value_t>) -> facetbox_bytes_t {
    guard(|| match value.map(facetbox_value_t::get) {
        Some(Value::Bytes(bytes) | Value::View(_, bytes)) => facetbox_bytes_t::lend(bytes),
        _ => facetbox_bytes_t::NONE,
    })
}

/// Writes a big integer's decimal digits as a text into `*out`; answers whether it is one.
///
/// Owns: the caller, `*out`.
/// Null: answers false.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_value_as_bigint(
    value: Option<&facetbox_value_t>,
    out: Option<&mut MaybeUninit<Box<facetbox_value_t>>>,
) -> bool {
    guard(|| {
        find(value, out, |value| match value {
            Value::BigInt(number) => Some(facetbox_value_t::boxed(number.to_string())),
            _ => None,
        })
    })
}

/// How many members a list, set, map or dict has; 0 for every other value.
///
/// Null: answers 0.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_value_len(value: Option<&facetbox_value_t>) -> usize {
    guard(|| match value.map(facetbox_value_t::get) {
        Some(Value::List(items) | Value::Set(items)) => items.len(),
        Some(Value::Map(map)) => map.len(),
        Some(Value::Dict(entries)) => entries.len(),
        _ => 0,
    })
}

/// Member `index` of a list or set, or the value of entry `index` of a map or dict; NULL beyond
/// the end.
///
/// Owns: borrowed from `value`, until it changes.
/// Null: gives NULL.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_value_at(
    value: Option<&facetbox_value_t>,
    index: usize,
) -> Option<&facetbox_value_t> {
    guard(|| {
        let item = match value?.get() {
            Value::List(items) | Value::Set(items) => items.get(index),
            Value::Map(map) => map.entry_at(index).map(|(_, item)| item),
            Value::Dict(entries) => entries.get(index).map(|(_, item)| item),
            _ => None,
        };
        item.map(lend)
    })
}

/// The key of entry `index` of a map; absent beyond the end.
///
/// Owns: borrowed from `map`, until it changes.
/// Null: gives absent text.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_value_map_key_at(
    map: Option<&facetbox_value_t>,
    index: usize,
) -> facetbox_str_t {
    guard(|| {
        let map = map.and_then(|map| map.get().as_map());
        facetbox_str_t::lend_optional(map.and_then(|map| map.entry_at(index)).map(|(key, _)| key))
    })
}

/// The value of `key` in a map; NULL if it isn't there.
///
/// Owns: borrowed from `map`, until it changes.
/// Null: gives NULL.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_value_map_get(
    map: Option<&facetbox_value_t>,
    key: facetbox_str_t,
) -> Option<&facetbox_value_t> {
    guard(|| map?.get().as_map()?.get(key.read("key").ok()?).map(lend))
}

/// The key of entry `index` of a dict; NULL beyond the end.
///
/// Owns: borrowed from `dict`, until it changes.
/// Null: gives NULL.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_value_dict_key_at(
    dict: Option<&facetbox_value_t>,
    index: usize,
) -> Option<&facetbox_value_t> {
    guard(|| match dict?.get() {
        Value::Dict(entries) => entries.get(index).map(|(key, _)| lend(key)),
        _ => None,
    })
}

/// Writes an error that is a value into `*out`; answers whether it is one.
///
/// Owns: the caller, `*out`.
/// Null: answers false.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_value_as_error(
    value: Option<&facetbox_value_t>,
    out: Option<&mut MaybeUninit<Box<facetbox_error_t>>>,
) -> bool {
    guard(|| {
        find(value, out, |value| match value {
            Value::Error(error) => Some(facetbox_error_t::boxed(error.clone())),
            _ => None,
        })
    })
}

/// Reads a value from JSON text. What JSON lacks is spelled as a map with one key:
/// `{"$undefined": true}`, `{"$float": "NaN"}`, `{"$bigint": "123"}`, `{"$bytes": "<base64>"}`,
/// `{"$date": <ms>}`, `{"$set": [...]}`, `{"$map": [[key, value], ...]}`, `{"$error": {...}}`,
/// `{"$request": {...}}`, `{"$response": {...}}`, `{"$headers": [[name, value], ...]}`.
///
/// Owns: the caller, `*out`.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_value_from_json(
    text: facetbox_str_t,
    out: Option<&mut MaybeUninit<Box<facetbox_value_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| write(out, facetbox_value_t::boxed(Value::from_json(text.read("text")?)?)))
}

/// Writes a value as JSON, which `facetbox_value_from_json` reads back, into `*out` as a text.
///
/// Functions, stubs and other capabilities have no JSON form: VALUE_ERROR.
///
/// Owns: the caller, `*out`.
/// Null: a NULL `value` is null.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_value_to_json(
    value: Option<&facetbox_value_t>,
    out: Option<&mut MaybeUninit<Box<facetbox_value_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let json = value.map_or(&Value::Null, facetbox_value_t::get).to_json()?;
        write(out, facetbox_value_t::boxed(json))
    })
}

/// Whether two values are equal: numbers by value, maps whatever their order, NaN equals NaN,
/// null equals undefined, capabilities never.
///
/// Null: is null.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_value_equals(
    a: Option<&facetbox_value_t>,
    b: Option<&facetbox_value_t>,
) -> bool {
    guard(|| {
        let [a, b] = [a, b].map(|value| value.map_or(&Value::Null, facetbox_value_t::get));
        a == b
    })
}
