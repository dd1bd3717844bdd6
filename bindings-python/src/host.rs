//! Python functions and objects that are given to guests.

use std::sync::Arc;

use facetbox::{HostFunction, HostObject, no_such_method};
use pyo3::intern;
use pyo3::prelude::*;

use crate::error::{Result, attach};
use crate::methods::find_method;
use crate::{from_python, to_python};

/// A callable that guests may call.
pub fn function(callable: &Bound<'_, PyAny>) -> Result<HostFunction> {
    let py = callable.py();
    let name = match callable.getattr_opt(intern!(py, "__name__"))? {
        Some(name) => name.to_string(),
        None => callable.get_type().name()?.to_string(),
    };
    let origin = Arc::new(callable.clone().unbind());
    let callable = origin.clone();
    let function = HostFunction::new(name, move |args| {
        attach(|py| {
            let answer = callable.bind(py).call1(to_python::args(py, args)?)?;
            from_python::value(&answer, "result")
        })
    });
    Ok(function.with_origin(origin))
}

/// An object whose public methods guests may call, and nothing else of it.
pub fn object(object: &Bound<'_, PyAny>) -> Result<HostObject> {
    let name = object.get_type().name()?.to_string();
    let origin = Arc::new(object.clone().unbind());
    let object = origin.clone();
    let object = HostObject::new(name, move |method, args| {
        attach(|py| {
            let object = object.bind(py);
            let found = find_method(object, method)?.ok_or_else(|| no_such_method(method))?;
            let answer = found.call1(to_python::args(py, args)?)?;
            from_python::value(&answer, "result")
        })
    });
    Ok(object.with_origin(origin))
}
