//! Python functions and objects that are given to guests.

use std::sync::Arc;

use facetbox::{HostFunction, HostObject, no_such_method};
use pyo3::intern;
use pyo3::prelude::*;

use crate::aio::{self, Home, Kind};
use crate::error::{Result, attach};
use crate::methods::find_method;
use crate::{from_python, to_python};

/// A callable that guests may call, at home there.
pub fn function(callable: &Bound<'_, PyAny>, home: &Home) -> Result<HostFunction> {
    let py = callable.py();
    let name = match callable.getattr_opt(intern!(py, "__name__"))? {
        Some(name) => name.to_string(),
        None => callable.get_type().name()?.to_string(),
    };
    let origin = Arc::new(callable.clone().unbind());
    let (callable, home) = (origin.clone(), home.clone());
    let function = match home {
        Home::Caller => HostFunction::new(name, move |args| {
            attach(|py| {
                let answer = callable.bind(py).call1(to_python::args(py, args, &home)?)?;
                from_python::value(&answer, "result", &home)
            })
        }),
        Home::Loop(_) => HostFunction::new_async(name, move |args| {
            let asked = attach(|py| {
                let args = to_python::args(py, args, &home)?;
                aio::ask(&home, Kind::Value, callable.bind(py), args)
            });
            Box::pin(aio::value(asked))
        }),
    };
    Ok(function.with_origin(origin))
}

/// An object whose public methods guests may call, and nothing else of it; they are at home there.
pub fn object(object: &Bound<'_, PyAny>, home: &Home) -> Result<HostObject> {
    let name = object.get_type().name()?.to_string();
    let origin = Arc::new(object.clone().unbind());
    let (object, home) = (origin.clone(), home.clone());
    let object = match home {
        Home::Caller => HostObject::new(name, move |method, args| {
            attach(|py| {
                let object = object.bind(py);
                let found = find_method(object, method)?.ok_or_else(|| no_such_method(method))?;
                let answer = found.call1(to_python::args(py, args, &home)?)?;
                from_python::value(&answer, "result", &home)
            })
        }),
        Home::Loop(_) => HostObject::new_async(name, move |method, args| {
            let asked = attach(|py| {
                let found = find_method(object.bind(py), method)?;
                let found = found.ok_or_else(|| no_such_method(method))?;
                let args = to_python::args(py, args, &home)?;
                aio::ask(&home, Kind::Value, &found, args)
            });
            Box::pin(aio::value(asked))
        }),
    };
    Ok(object.with_origin(origin))
}
