//! Core's values as Python values.

use facetbox::{BigInt, Error, ErrorCode, HostOrigin, Value, ValueMap};
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDateTime, PyDelta, PyDict, PyInt, PyList, PySet, PyTuple, PyTzInfo};

use crate::aio::Home;
use crate::class::DurableObjectClass;
use crate::error::{Result, exception};
use crate::headers::Headers;
use crate::http::{Request, Response};
use crate::loader::Loader;
use crate::namespace::Namespace;
use crate::rpc::RpcStub;
use crate::stub::Stub;

/// Converts a value for code at home there.
pub fn value<'py>(py: Python<'py>, value: Value, home: &Home) -> Result<Bound<'py, PyAny>> {
    Ok(match value {
        Value::Undefined | Value::Null => py.None().into_bound(py),
        Value::Bool(b) => b.into_pyobject(py).map_err(PyErr::from)?.to_owned().into_any(),
        Value::Int(n) => n.into_pyobject(py).map_err(PyErr::from)?.into_any(),
        Value::Float(n) => n.into_pyobject(py).map_err(PyErr::from)?.into_any(),
        Value::String(text) => text.into_pyobject(py).map_err(PyErr::from)?.into_any(),
        Value::Bytes(bytes) | Value::View(_, bytes) => PyBytes::new(py, &bytes).into_any(),
        Value::List(items) => list(py, items, home)?.into_any(),
        Value::Map(entries) => map(py, entries, home)?.into_any(),
        Value::Dict(entries) => dict(py, entries, home)?,
        Value::Set(members) => set(py, members, home)?,
        Value::Date(ms) => date(py, ms)?,
        Value::BigInt(n) => big_integer(py, &n)?,
        Value::Error(error) => exception(&error, py)?,
        Value::Request(request) => Bound::new(py, Request::from_core(py, *request)?)?.into_any(),
        Value::Response(response) => {
            Bound::new(py, Response::from_core(py, *response)?)?.into_any()
        }
        Value::Headers(headers) => Bound::new(py, Headers::from_core(headers))?.into_any(),
        Value::Function(ref function) => by_reference(py, &value, function.origin(), home)?,
        Value::Object(ref object) => by_reference(py, &value, object.origin(), home)?,
        Value::Stub(stub) => home.wrap("Stub", Bound::new(py, Stub(stub))?.into_any())?,
        Value::Class(class) => Bound::new(py, DurableObjectClass(class))?.into_any(),
        Value::Namespace(namespace) => {
            home.wrap("Namespace", Bound::new(py, Namespace(namespace))?.into_any())?
        }
        Value::Loader(loader) => home.wrap("Loader", Bound::new(py, Loader(loader))?.into_any())?,
    })
}

/// Converts a list.
pub fn list<'py>(py: Python<'py>, items: Vec<Value>, home: &Home) -> Result<Bound<'py, PyList>> {
    Ok(PyList::new(py, convert(py, items, home)?)?)
}

/// Converts arguments.
pub fn args<'py>(py: Python<'py>, args: Vec<Value>, home: &Home) -> Result<Bound<'py, PyTuple>> {
    Ok(PyTuple::new(py, convert(py, args, home)?)?)
}

/// Converts a map.
pub fn map<'py>(py: Python<'py>, entries: ValueMap, home: &Home) -> Result<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (key, item) in entries {
        dict.set_item(key, value(py, item, home)?)?;
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

fn convert<'py>(py: Python<'py>, items: Vec<Value>, home: &Home) -> Result<Vec<Bound<'py, PyAny>>> {
    items.into_iter().map(|item| value(py, item, home)).collect()
}

fn dict<'py>(
    py: Python<'py>,
    entries: Vec<(Value, Value)>,
    home: &Home,
) -> Result<Bound<'py, PyAny>> {
    let dict = PyDict::new(py);
    for (key, item) in entries {
        let kind = key.type_name();
        let set = dict.set_item(value(py, key, home)?, value(py, item, home)?);
        set.map_err(|error| unhashable(py, error, kind, "a key of a dict"))?;
    }
    Ok(dict.into_any())
}

fn set<'py>(py: Python<'py>, members: Vec<Value>, home: &Home) -> Result<Bound<'py, PyAny>> {
    let set = PySet::empty(py)?;
    for member in members {
        let kind = member.type_name();
        let add = set.add(value(py, member, home)?);
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
    // Whole days first: microseconds of far years don't fit into a double.
    let days = (ms / 86_400e3).floor();
    let rest = ((ms - days * 86_400e3) * 1_000.0).round() as i64;
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

/// The Python object that a function or object was made from; a stub of what wasn't made in Python.
fn by_reference<'py>(
    py: Python<'py>,
    value: &Value,
    origin: Option<&HostOrigin>,
    home: &Home,
) -> Result<Bound<'py, PyAny>> {
    if let Some(object) = origin.and_then(|any| any.downcast_ref::<Py<PyAny>>()) {
        return Ok(object.bind(py).clone());
    }
    Ok(match facetbox::RpcStub::from_value(value) {
        Some(stub) => home.wrap("RpcStub", Bound::new(py, RpcStub(stub))?.into_any())?,
        None => py.None().into_bound(py),
    })
}
