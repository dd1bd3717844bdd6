//! Which members of a Python object may be called from outside.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple, PyType};

/// The class that supervisors inherit from.
pub fn durable_object(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    CLASS.import(py, "facetbox._object", "DurableObject")
}

/// The class that supervisors on an event loop inherit from.
pub fn aio_object(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    CLASS.import(py, "facetbox._object", "AioObject")
}

/// The method `name` of an object, bound to it.
///
/// Callers reach functions that the object's class or one of its bases written in Python defines:
/// nothing that starts with `_`, nothing of the instance itself, no properties, no methods of
/// built-in types.
pub fn find_method<'py>(
    object: &Bound<'py, PyAny>,
    name: &str,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let class = object.get_type();
    if name.starts_with('_') {
        return Ok(None);
    }
    for base in class.mro() {
        if is_root(&base)? {
            continue;
        }
        let Some(member) = members(&base)?.get_item(name).ok() else { continue };
        if !is_method(&member)? {
            return Ok(None);
        }
        let method = member.call_method1(intern!(object.py(), "__get__"), (object, &class))?;
        return Ok(Some(method));
    }
    Ok(None)
}

/// Whether instances of a class have a method that callers reach.
pub fn has_methods(class: &Bound<'_, PyType>) -> PyResult<bool> {
    for base in class.mro() {
        if is_root(&base)? {
            continue;
        }
        for entry in PyDict::from_sequence(&members(&base)?.call_method0("items")?)?.iter() {
            if !entry.0.to_string().starts_with('_') && is_method(&entry.1)? {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Whether a class is the end of the search: its members are no methods of those below it.
fn is_root(class: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = class.py();
    Ok(class.is(py.get_type::<PyAny>()) || class.is(durable_object(py)?))
}

fn members<'py>(class: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    class.getattr(intern!(class.py(), "__dict__"))
}

/// Whether a member of a class is a function written in Python, wrapped by decorators or not.
fn is_method(member: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = member.py();
    static KINDS: PyOnceLock<Py<PyTuple>> = PyOnceLock::new();
    let kinds = KINDS.get_or_try_init(py, || {
        let builtins = py.import("builtins")?;
        let kinds = (
            py.import("types")?.getattr("FunctionType")?,
            builtins.getattr("staticmethod")?,
            builtins.getattr("classmethod")?,
        );
        kinds.into_pyobject(py).map(Bound::unbind)
    })?;
    // Decorators bind as functions do; what doesn't is an object that the class happens to hold.
    Ok(member.is_instance(kinds.bind(py))?
        || (member.is_callable()
            && member.get_type().hasattr(intern!(py, "__get__"))?
            && member.hasattr(intern!(py, "__wrapped__"))?))
}
