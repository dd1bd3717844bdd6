//! Core's values as Python values.

use facetbox::{BigInt, Error, ErrorCode, HostOrigin, Value, ValueMap};
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDateTime, PyDelta, PyDict, PyInt, PyList, PySet, PyTuple, PyTzInfo};

use crate::class::DurableObjectClass;
use crate::error::{Result, exception};
use crate::loader::Loader;
use crate::namespace::Namespace;
use crate::stub::Stub;

/// Converts a value.
pub fn value(py: Python<'_>, value: Value) -> Result<Bound<'_, PyAny>> {
    Ok(match value {
        Value::Undefined | Value::Null => py.None().into_bound(py),
        Value::Bool(b) => b.into_pyobject(py).map_err(PyErr::from)?.to_owned().into_any(),
        Value::Int(n) => n.into_pyobject(py).map_err(PyErr::from)?.into_any(),
        Value::Float(n) => n.into_pyobject(py).map_err(PyErr::from)?.into_any(),
        Value::String(text) => text.into_pyobject(py).map_err(PyErr::from)?.into_any(),
        Value::Bytes(bytes) => PyBytes::new(py, &bytes).into_any(),
        Value::List(items) => list(py, items)?.into_any(),
        Value::Map(entries) => map(py, entries)?.into_any(),
        Value::Dict(entries) => dict(py, entries)?,
        Value::Set(members) => set(py, members)?,
        Value::Date(ms) => date(py, ms)?,
        Value::BigInt(n) => big_integer(py, &n)?,
        Value::Error(error) => exception(&error, py)?,
        Value::Function(function) => origin(py, function.origin())?,
        Value::Object(object) => origin(py, object.origin())?,
        Value::Stub(stub) => Bound::new(py, Stub(stub))?.into_any(),
        Value::Class(class) => Bound::new(py, DurableObjectClass(class))?.into_any(),
        Value::Namespace(namespace) => Bound::new(py, Namespace(namespace))?.into_any(),
        Value::Loader(loader) => Bound::new(py, Loader(loader))?.into_any(),
    })
}

/// Converts a list.
pub fn list(py: Python<'_>, items: Vec<Value>) -> Result<Bound<'_, PyList>> {
    Ok(PyList::new(py, convert(py, items)?)?)
}

/// Converts arguments.
pub fn args(py: Python<'_>, args: Vec<Value>) -> Result<Bound<'_, PyTuple>> {
    Ok(PyTuple::new(py, convert(py, args)?)?)
}

/// Converts a map.
pub fn map(py: Python<'_>, entries: ValueMap) -> Result<Bound<'_, PyDict>> {
    let dict = PyDict::new(py);
    for (key, item) in entries {
        dict.set_item(key, value(py, item)?)?;
    }
    Ok(dict)
}

/// Midnight of 1970-01-01 in UTC.
pub fn epoch(py: Python<'_>) -> PyResult<&Bound<'_, PyDateTime>> {
    static EPOCH: PyOnceLock<Py<PyDateTime>> = PyOnceLock::new();
    let make = || {
        let utc = PyTzInfo::utc(py)?;
        PyDateTime::new(py, 1970, 1, 1, 0, 0, 0, 0, Some(&*utc)).map(Bound::unbind)
    };
    EPOCH.get_or_try_init(py, make).map(|epoch| epoch.bind(py))
}

fn convert(py: Python<'_>, items: Vec<Value>) -> Result<Vec<Bound<'_, PyAny>>> {
    items.into_iter().map(|item| value(py, item)).collect()
}

fn dict(py: Python<'_>, entries: Vec<(Value, Value)>) -> Result<Bound<'_, PyAny>> {
    let dict = PyDict::new(py);
    for (key, item) in entries {
        let kind = key.type_name();
        let set = dict.set_item(value(py, key)?, value(py, item)?);
        set.map_err(|error| unhashable(py, error, kind, "a key of a dict"))?;
    }
    Ok(dict.into_any())
}

fn set(py: Python<'_>, members: Vec<Value>) -> Result<Bound<'_, PyAny>> {
    let set = PySet::empty(py)?;
    for member in members {
        let kind = member.type_name();
        let add = set.add(value(py, member)?);
        add.map_err(|error| unhashable(py, error, kind, "a member of a set"))?;
    }
    Ok(set.into_any())
}

/// The error of a value that Python can't hash; other errors stay as they are.
fn unhashable(py: Python<'_>, error: PyErr, kind: &str, place: &str) -> crate::error::Failure {
    if !error.is_instance_of::<PyTypeError>(py) {
        return error.into();
    }
    let message = format!("Could not deserialize value: a {kind} can't be {place} in Python.");
    Error::new(ErrorCode::ValueError, message).into()
}

fn date(py: Python<'_>, ms: f64) -> Result<Bound<'_, PyAny>> {
    let micros = (ms * 1_000.0).round();
    let days = (micros / 86_400e6).floor();
    let rest = (micros - days * 86_400e6) as i64;
    let (seconds, micros) = ((rest / 1_000_000) as i32, (rest % 1_000_000) as i32);
    // Days beyond 32 bits saturate, and are far outside of what a datetime can be.
    let since = PyDelta::new(py, days as i32, seconds, micros, true);
    let time = since.and_then(|since| epoch(py)?.add(since)).ok().filter(|_| ms.is_finite());
    Ok(time.ok_or_else(|| {
        let message =
            format!("Could not deserialize value: {ms} ms is no date of years 1 to 9999.");
        Error::new(ErrorCode::ValueError, message)
    })?)
}

fn big_integer<'py>(py: Python<'py>, n: &BigInt) -> Result<Bound<'py, PyAny>> {
    let bytes = PyBytes::new(py, &n.to_signed_bytes_le());
    let signed = PyDict::new(py);
    signed.set_item(intern!(py, "signed"), true)?;
    let int = py.get_type::<PyInt>();
    Ok(int.call_method(intern!(py, "from_bytes"), (bytes, "little"), Some(&signed))?)
}

/// The Python object that a function or object was made from.
fn origin<'py>(py: Python<'py>, origin: Option<&HostOrigin>) -> Result<Bound<'py, PyAny>> {
    let object = origin.and_then(|any| any.downcast_ref::<Py<PyAny>>());
    Ok(object.map(|object| object.bind(py).clone()).ok_or_else(|| {
        let message = "Could not deserialize value: it is a function that was not made in Python.";
        Error::new(ErrorCode::ValueError, message)
    })?)
}
