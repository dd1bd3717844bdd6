//! Values: building them.

use std::mem::MaybeUninit;

use facetbox::{Error, Result, Value, ValueMap};

use crate::error::facetbox_error_t;
use crate::guard::guard;
use crate::handle::{required, write};
use crate::slice::{facetbox_bytes_t, facetbox_str_t};

/// A value that may cross between hosts and guests: always a copy, never shared.
///
/// Threads: any, but nobody may use it while another thread changes it.
#[repr(transparent)]
pub struct facetbox_value_t(Value);

impl From<Value> for facetbox_value_t {
    fn from(value: Value) -> facetbox_value_t {
        facetbox_value_t(value)
    }
}

impl facetbox_value_t {
    /// A handle of `value`.
    pub fn boxed(value: impl Into<Value>) -> Box<facetbox_value_t> {
        Box::new(facetbox_value_t(value.into()))
    }

    /// The value.
    pub fn get(&self) -> &Value {
        &self.0
    }

    /// The value, to be changed.
    pub fn get_mut(&mut self) -> &mut Value {
        &mut self.0
    }

    /// The value, taken out.
    pub fn into_inner(self) -> Value {
        self.0
    }

    /// Arguments of a call: the members of a list; none for NULL.
    pub fn args(args: Option<&facetbox_value_t>) -> Result<Vec<Value>> {
        Ok(facetbox_value_t::items(args, "args")?.to_vec())
    }

    /// The members of a list; none for NULL.
    pub fn items<'a>(argument: Option<&'a facetbox_value_t>, name: &str) -> Result<&'a [Value]> {
        match argument.map(facetbox_value_t::get) {
            None | Some(Value::Null) => Ok(&[]),
            Some(Value::List(items)) => Ok(items),
            Some(other) => Err(wrong(name, "a list", other)),
        }
    }

    /// The members of a list of texts; none for NULL.
    pub fn texts<'a>(argument: Option<&'a facetbox_value_t>, name: &str) -> Result<Vec<&'a str>> {
        let text = |item: &'a Value| match item {
            Value::String(text) => Ok(text.as_str()),
            other => Err(wrong(name, "a list of texts", other)),
        };
        facetbox_value_t::items(argument, name)?.iter().map(text).collect()
    }

    /// A map; `None` for NULL.
    pub fn map(argument: Option<&facetbox_value_t>, name: &str) -> Result<Option<ValueMap>> {
        match argument.map(facetbox_value_t::get) {
            None => Ok(None),
            Some(Value::Map(map)) => Ok(Some(map.clone())),
            Some(other) => Err(wrong(name, "a map", other)),
        }
    }
}

/// A list of what converts to values.
pub fn list<T: Into<Value>>(items: impl IntoIterator<Item = T>) -> Value {
    Value::List(items.into_iter().map(Into::into).collect())
}

/// A count, which C reads as a whole number.
pub fn count(number: u64) -> Value {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

fn wrong(argument: &str, expected: &str, value: &Value) -> Error {
    let given = value.type_name();
    Error::type_error(format!("Argument '{argument}' must be {expected}, got {given}."))
}

/// Makes null.
///
/// Owns: the caller.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_value_new_null() -> Option<Box<facetbox_value_t>> {
    guard(|| Some(facetbox_value_t::boxed(Value::Null)))
}

/// Makes undefined, which JavaScript tells from null.
///
/// Owns: the caller.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_value_new_undefined() -> Option<Box<facetbox_value_t>> {
    guard(|| Some(facetbox_value_t::boxed(Value::Undefined)))
}

/// Makes a truth value.
///
/// Owns: the caller.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_value_new_bool(value: bool) -> Option<Box<facetbox_value_t>> {
    guard(|| Some(facetbox_value_t::boxed(value)))
}

/// Makes a whole number.
///
/// Owns: the caller.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_value_new_int(value: i64) -> Option<Box<facetbox_value_t>> {
    guard(|| Some(facetbox_value_t::boxed(value)))
}

/// Makes a double; NaN and infinities are allowed.
///
/// Owns: the caller.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_value_new_float(value: f64) -> Option<Box<facetbox_value_t>> {
    guard(|| Some(facetbox_value_t::boxed(value)))
}

/// Makes a text; the text is copied.
///
/// Owns: the caller, `*out`.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_value_new_string(
    text: facetbox_str_t,
    out: Option<&mut MaybeUninit<Box<facetbox_value_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| write(out, facetbox_value_t::boxed(text.read("text")?)))
}

/// Makes bytes; they are copied.
///
/// Owns: the caller, `*out`.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_value_new_bytes(
    bytes: facetbox_bytes_t,
    out: Option<&mut MaybeUninit<Box<facetbox_value_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| write(out, facetbox_value_t::boxed(bytes.read("bytes")?.to_vec())))
}

/// Makes a time, in Unix milliseconds.
///
/// Owns: the caller.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_value_new_date(time_ms: f64) -> Option<Box<facetbox_value_t>> {
    guard(|| Some(facetbox_value_t::boxed(Value::Date(time_ms))))
}

/// Makes a big integer from decimal digits with an optional sign.
///
/// Owns: the caller, `*out`.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_value_new_bigint(
    digits: facetbox_str_t,
    out: Option<&mut MaybeUninit<Box<facetbox_value_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let number = digits.read("digits")?.parse().map_err(|_| {
            Error::type_error("Argument 'digits' is no whole number in decimal digits.")
        })?;
        write(out, facetbox_value_t::boxed(Value::BigInt(number)))
    })
}

/// Makes an empty list.
///
/// Owns: the caller.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_value_new_list() -> Option<Box<facetbox_value_t>> {
    guard(|| Some(facetbox_value_t::boxed(Vec::<Value>::new())))
}

/// Makes an empty set: JavaScript's `Set`.
///
/// Owns: the caller.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_value_new_set() -> Option<Box<facetbox_value_t>> {
    guard(|| Some(facetbox_value_t::boxed(Value::Set(Vec::new()))))
}

/// Makes an empty map with text keys, which keeps the order of insertion.
///
/// Owns: the caller.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_value_new_map() -> Option<Box<facetbox_value_t>> {
    guard(|| Some(facetbox_value_t::boxed(ValueMap::new())))
}

/// Makes an empty map with keys of any type: JavaScript's `Map`.
///
/// Owns: the caller.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_value_new_dict() -> Option<Box<facetbox_value_t>> {
    guard(|| Some(facetbox_value_t::boxed(Value::Dict(Vec::new()))))
}

/// Appends `item` to a list or set.
///
/// Owns: takes `item`, also when it fails.
/// Null: a NULL `item` appends null.
/// Threads: one at a time for each `list`.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_value_list_push(
    list: Option<&mut facetbox_value_t>,
    item: Option<Box<facetbox_value_t>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| match &mut required(list, "list")?.0 {
        Value::List(items) | Value::Set(items) => {
            items.push(taken(item));
            Ok(())
        }
        other => Err(wrong("list", "a list or set", other)),
    })
}

/// Sets `key` of a map to `item`, in its old place if it is there already.
///
/// Owns: takes `item`, also when it fails.
/// Null: a NULL `item` sets null.
/// Threads: one at a time for each `map`.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_value_map_set(
    map: Option<&mut facetbox_value_t>,
    key: facetbox_str_t,
    item: Option<Box<facetbox_value_t>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| match &mut required(map, "map")?.0 {
        Value::Map(entries) => {
            entries.insert(key.read("key")?, taken(item));
            Ok(())
        }
        other => Err(wrong("map", "a map", other)),
    })
}

/// Appends an entry to a map, without looking whether the key is there already: it must not be. For large
/// maps, because `facetbox_value_map_set` looks at every key.
///
/// Owns: takes `item`, also when it fails.
/// Null: a NULL `item` stands for null.
/// Threads: one at a time for each `map`.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_value_map_push(
    map: Option<&mut facetbox_value_t>,
    key: facetbox_str_t,
    item: Option<Box<facetbox_value_t>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| match &mut required(map, "map")?.0 {
        Value::Map(entries) => {
            entries.push(key.read("key")?.to_owned(), taken(item));
            Ok(())
        }
        other => Err(wrong("map", "a map", other)),
    })
}

/// Appends an entry to a dict. Keys are not compared with those that are there.
///
/// Owns: takes `key` and `item`, also when it fails.
/// Null: a NULL `key` or `item` stands for null.
/// Threads: one at a time for each `dict`.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_value_dict_push(
    dict: Option<&mut facetbox_value_t>,
    key: Option<Box<facetbox_value_t>>,
    item: Option<Box<facetbox_value_t>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| match &mut required(dict, "dict")?.0 {
        Value::Dict(entries) => {
            entries.push((taken(key), taken(item)));
            Ok(())
        }
        other => Err(wrong("dict", "a dict", other)),
    })
}

fn taken(item: Option<Box<facetbox_value_t>>) -> Value {
    item.map_or(Value::Null, |item| item.into_inner())
}

/// Makes an error as a value, to be sent as data.
///
/// Owns: the caller, `*out`; `error` is borrowed.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_value_new_error(
    error: Option<&facetbox_error_t>,
    out: Option<&mut MaybeUninit<Box<facetbox_value_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let error = required(error, "error")?.get().clone();
        write(out, facetbox_value_t::boxed(Value::Error(error)))
    })
}

/// Another copy of the value; NULL gives NULL.
///
/// Owns: the caller.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_value_clone(
    value: Option<&facetbox_value_t>,
) -> Option<Box<facetbox_value_t>> {
    guard(|| value.map(|value| facetbox_value_t::boxed(value.0.clone())))
}

/// Frees a value with all that it contains. Never free what was borrowed from inside one.
///
/// Null: does nothing.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_value_free(value: Option<Box<facetbox_value_t>>) {
    guard(|| drop(value));
}
