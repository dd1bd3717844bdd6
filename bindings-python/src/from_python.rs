//! Python values as core's values.

use std::fmt;

use facetbox::{BigInt, Error, ErrorCode, MAX_DEPTH, Value, ValueMap};
use pyo3::PyTypeInfo;
use pyo3::exceptions::PyBaseException;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{
    PyBool, PyByteArray, PyBytes, PyDateTime, PyDelta, PyDeltaAccess, PyDict, PyFloat, PyFrozenSet,
    PyInt, PyList, PyMemoryView, PySet, PyString, PyTuple, PyType,
};

use crate::aio::Home;
use crate::class::{self, DurableObjectClass};
use crate::error::{Failure, Result, describe, invalid_argument};
use crate::headers::Headers;
use crate::host;
use crate::http::{Request, Response};
use crate::loader::Loader;
use crate::methods::has_methods;
use crate::namespace::Namespace;
use crate::revoker::Revocable;
use crate::rpc::RpcStub;
use crate::stub::Stub;

/// Converts a value that is to cross, whose code is at home there; `what` names it in messages.
pub fn value(object: &Bound<'_, PyAny>, what: &str, home: &Home) -> Result<Value> {
    Place::root(what, false, home).convert(object)
}

/// Converts the arguments of a call.
pub fn args(args: &Bound<'_, PyTuple>, home: &Home) -> Result<Vec<Value>> {
    let root = Place::root("args", false, home);
    args.iter().enumerate().map(|(i, item)| root.at(Step::Index(i)).convert(&item)).collect()
}

/// Converts what a class or code is given as `env`, a mapping: objects may be in it, too.
pub fn env(env: &Bound<'_, PyAny>, home: &Home) -> Result<ValueMap> {
    let dict = PyDict::type_object(env.py()).call1((env,))?;
    match Place::root("env", true, home).convert(&dict)? {
        Value::Map(map) => Ok(map),
        _ => Err(Error::type_error("The keys of env must be str.").into()),
    }
}

/// Reads a time in Unix milliseconds: an int, a float or a datetime with a time zone.
pub fn time_ms(time: &Bound<'_, PyAny>) -> Result<i64> {
    match value(time, "time", &Home::Caller)? {
        Value::Int(ms) => Ok(ms),
        // What is beyond 64 bits saturates; fractions are cut off, as a Date's are.
        Value::Float(ms) | Value::Date(ms) if !ms.is_nan() => Ok(ms as i64),
        _ => {
            let message = "time must be Unix milliseconds or a datetime with a time zone, got ";
            Err(invalid_argument(format!("{message}{time}.")))
        }
    }
}

/// Where a value is within the whole that is converted.
struct Place<'a> {
    step: Step<'a>,
    parent: Option<&'a Place<'a>>,
    /// The address of the container that is converted here, to find cycles.
    container: usize,
    depth: usize,
    /// Whether objects are passed by reference instead of refused.
    objects: bool,
    home: &'a Home,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Root(&'a str),
    Index(usize),
    Key(&'a str),
    Member,
}

impl<'a> Place<'a> {
    fn root(what: &'a str, objects: bool, home: &'a Home) -> Place<'a> {
        Place { step: Step::Root(what), parent: None, container: 0, depth: 0, objects, home }
    }

    fn at(&'a self, step: Step<'a>) -> Place<'a> {
        let Place { objects, depth, home, .. } = *self;
        Place { step, parent: Some(self), container: 0, depth: depth + 1, objects, home }
    }

    fn convert(mut self, object: &Bound<'_, PyAny>) -> Result<Value> {
        if object.is_none() {
            Ok(Value::Null)
        } else if let Ok(text) = object.cast::<PyString>() {
            self.text(text).map(Value::String)
        } else if let Ok(truth) = object.cast::<PyBool>() {
            Ok(Value::Bool(truth.is_true()))
        } else if let Ok(int) = object.cast::<PyInt>() {
            Ok(integer(int)?)
        } else if let Ok(float) = object.cast::<PyFloat>() {
            Ok(Value::Float(float.value()))
        } else if let Ok(bytes) = object.cast::<PyBytes>() {
            Ok(Value::Bytes(bytes.as_bytes().to_vec()))
        } else if let Ok(dict) = object.cast::<PyDict>() {
            self.enter(object)?;
            self.dict(dict)
        } else if let Ok(list) = object.cast::<PyList>() {
            self.enter(object)?;
            self.items(list.iter()).map(Value::List)
        } else if let Ok(tuple) = object.cast::<PyTuple>() {
            self.enter(object)?;
            self.items(tuple.iter()).map(Value::List)
        } else if object.is_instance_of::<PySet>() {
            self.set(object, PySet::type_object(object.py()))
        } else if object.is_instance_of::<PyFrozenSet>() {
            self.set(object, PyFrozenSet::type_object(object.py()))
        } else {
            self.other(object)
        }
    }

    fn other(self, object: &Bound<'_, PyAny>) -> Result<Value> {
        if let Ok(bytes) = object.cast::<PyByteArray>() {
            Ok(Value::Bytes(bytes.to_vec()))
        } else if object.is_instance_of::<PyMemoryView>() {
            let bytes = object.call_method0(intern!(object.py(), "tobytes"))?;
            Ok(Value::Bytes(bytes.extract()?))
        } else if let Ok(time) = object.cast::<PyDateTime>() {
            self.date(time)
        } else if let Ok(exception) = object.cast::<PyBaseException>() {
            Ok(Value::Error(describe(exception)))
        } else if let Some(message) = message(object) {
            Ok(message)
        } else if let Some(capability) = capability(object)? {
            Ok(capability)
        } else if let Ok(revocable) = object.cast::<Revocable>() {
            let Revocable { object: inner, revoker } = revocable.get();
            let given = Place { objects: true, ..self }.convert(inner.bind(object.py()))?;
            Ok(revoker.wrap(given)?)
        } else if let Ok(class) = object.cast::<PyType>() {
            let message = || self.error("is a class other than a DurableObject's; pass a function");
            class::wrap(class, self.home)?.map(Value::Class).ok_or_else(message)
        } else if object.is_callable() {
            Ok(Value::Function(host::function(object, self.home)?))
        } else if self.objects && has_methods(&object.get_type())? {
            Ok(Value::Object(host::object(object, self.home)?))
        } else {
            let kind = object.get_type().fully_qualified_name()?;
            if kind == "coroutine" {
                return Err(self.error(match self.home {
                    Home::Caller => "is a coroutine: async def is for facetbox.aio",
                    Home::Loop(_) => "is a coroutine that nobody has awaited",
                }));
            }
            Err(self.error(format_args!("has type {kind}, which is not supported")))
        }
    }

    /// Enters a container, unless it is one of those that it is in.
    fn enter(&mut self, container: &Bound<'_, PyAny>) -> Result<()> {
        if self.depth > MAX_DEPTH {
            let message = format_args!("is nested deeper than the limit of {MAX_DEPTH} levels");
            return Err(self.error(message));
        }
        self.container = container.as_ptr() as usize;
        let above = std::iter::successors(self.parent, |place| place.parent);
        match above.into_iter().find(|place| place.container == self.container) {
            Some(place) => Err(self.error(format_args!("refers back to {place}"))),
            None => Ok(()),
        }
    }

    fn items<'py>(&self, items: impl Iterator<Item = Bound<'py, PyAny>>) -> Result<Vec<Value>> {
        items.enumerate().map(|(i, item)| self.at(Step::Index(i)).convert(&item)).collect()
    }

    fn set(&self, set: &Bound<'_, PyAny>, class: Bound<'_, PyType>) -> Result<Value> {
        // As a dict, it is read without a subclass's methods, and whole before any member is converted.
        let members = class.call_method1(intern!(set.py(), "__iter__"), (set,))?.try_iter()?;
        let members: Vec<_> = members.collect::<PyResult<_>>()?;
        let convert = |member| self.at(Step::Member).convert(member);
        Ok(Value::Set(members.iter().map(convert).collect::<Result<_>>()?))
    }

    fn dict(&self, dict: &Bound<'_, PyDict>) -> Result<Value> {
        // Read as the dict that it is at heart, whatever methods a subclass has, and read whole
        // before converting a value runs Python code, which may change it.
        let entries: Vec<_> = dict.iter().collect();
        if !entries.iter().all(|(key, _)| key.is_instance_of::<PyString>()) {
            let convert = |(key, value): &(Bound<'_, PyAny>, Bound<'_, PyAny>)| {
                let key = self.at(Step::Member).convert(key)?;
                Ok((key, self.at(Step::Member).convert(value)?))
            };
            return Ok(Value::Dict(entries.iter().map(convert).collect::<Result<_>>()?));
        }
        let mut map = ValueMap::with_capacity(entries.len());
        for (key, value) in &entries {
            let key = self.at(Step::Member).text(key.cast().map_err(PyErr::from)?)?;
            let value = self.at(Step::Key(&key)).convert(value)?;
            map.push(key, value);
        }
        Ok(Value::Map(map))
    }

    fn text(&self, text: &Bound<'_, PyString>) -> Result<String> {
        let refuse = |_| self.error("has a lone surrogate, which UTF-8 can't carry");
        Ok(text.to_str().map_err(refuse)?.to_owned())
    }

    fn date(&self, time: &Bound<'_, PyDateTime>) -> Result<Value> {
        if time.call_method0(intern!(time.py(), "utcoffset"))?.is_none() {
            return Err(self.error("is a datetime without a time zone"));
        }
        let since = time.sub(crate::to_python::epoch(time.py())?)?;
        let since = since.cast::<PyDelta>().map_err(PyErr::from)?;
        let seconds = i64::from(since.get_days()) * 86_400 + i64::from(since.get_seconds());
        let fraction = f64::from(since.get_microseconds()) / 1_000.0;
        Ok(Value::Date((seconds * 1_000) as f64 + fraction))
    }

    fn error(&self, problem: impl fmt::Display) -> Failure {
        let message = format!("Could not serialize value: {self} {problem}.");
        Failure::Core(Error::new(ErrorCode::ValueError, message))
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
        }
        match self.step {
            Step::Root(what) => f.write_str(what),
            Step::Index(index) => write!(f, "[{index}]"),
            Step::Key(key) => write!(f, "[{key:?}]"),
            Step::Member => f.write_str("{…}"),
        }
    }
}

fn integer(int: &Bound<'_, PyInt>) -> PyResult<Value> {
    if let Ok(small) = int.extract::<i64>() {
        return Ok(Value::Int(small));
    }
    let py = int.py();
    let bits: usize = int.call_method0(intern!(py, "bit_length"))?.extract()?;
    let signed = PyDict::new(py);
    signed.set_item(intern!(py, "signed"), true)?;
    let bytes =
        int.call_method(intern!(py, "to_bytes"), (bits / 8 + 1, "little"), Some(&signed))?;
    Ok(Value::BigInt(BigInt::from_signed_bytes_le(bytes.cast::<PyBytes>()?.as_bytes())))
}

/// Whether it is one of the package's handles in Python, which have a native one inside.
pub fn is_handle(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    static HANDLE: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    object.is_instance(HANDLE.import(object.py(), "facetbox._object", "Handle")?)
}

/// A request, a response or headers.
fn message(object: &Bound<'_, PyAny>) -> Option<Value> {
    Some(if let Ok(request) = object.cast::<Request>() {
        request.get().to_core().into()
    } else if let Ok(response) = object.cast::<Response>() {
        response.get().to_core().into()
    } else {
        object.cast::<Headers>().ok()?.get().to_core().into()
    })
}

/// The core object behind one of our own, if it may be sent.
pub fn capability(object: &Bound<'_, PyAny>) -> PyResult<Option<Value>> {
    if is_handle(object)? {
        return capability(&object.getattr(intern!(object.py(), "_native"))?);
    }
    Ok(if let Ok(stub) = object.cast::<Stub>() {
        Some(Value::Stub(stub.get().0.clone()))
    } else if let Ok(stub) = object.cast::<RpcStub>() {
        Some(stub.get().0.to_value())
    } else if let Ok(loader) = object.cast::<Loader>() {
        Some(Value::Loader(loader.get().0.clone()))
    } else if let Ok(namespace) = object.cast::<Namespace>() {
        Some(Value::Namespace(namespace.get().0.clone()))
    } else if let Ok(class) = object.cast::<DurableObjectClass>() {
        Some(Value::Class(class.get().0.clone()))
    } else {
        None
    })
}
