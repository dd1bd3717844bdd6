//! Taking back what guests were given.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFrozenSet, PyList, PySet, PyTuple, PyType};

use crate::aio::Home;
use crate::error::{Result, invalid_argument};
use crate::from_python::{self, capability, is_handle};
use crate::methods::has_methods;
use crate::to_python;

/// Takes functions, objects and stubs back, at once and from whoever has got them meanwhile.
///
/// Dropping a revoker revokes nothing. Any thread may use it.
#[pyclass(frozen, module = "facetbox")]
#[derive(Default)]
pub struct Revoker(facetbox::Revoker);

#[pymethods]
impl Revoker {
    #[new]
    fn new() -> Revoker {
        Revoker::default()
    }

    /// What works as a callable, object or stub does, to be put into an `env`, props or arguments in its place, until
    /// `revoke()`; of a dict, list, tuple or set, a copy in which each of them does. Data stays as it is.
    ///
    /// Raises InvalidArgument for classes, namespaces and loaders, which can't be taken back: abort the facet that has
    /// them.
    fn wrap<'py>(&self, value: &Bound<'py, PyAny>) -> Result<Bound<'py, PyAny>> {
        let py = value.py();
        if let Ok(dict) = value.cast::<PyDict>() {
            let wrapped = PyDict::new(py);
            for (key, item) in dict.iter() {
                wrapped.set_item(key, self.wrap(&item)?)?;
            }
            Ok(wrapped.into_any())
        } else if value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>() {
            let wrapped = PyList::empty(py);
            for item in value.try_iter()? {
                wrapped.append(self.wrap(&item?)?)?;
            }
            Ok(wrapped.into_any())
        } else if value.is_instance_of::<PySet>() || value.is_instance_of::<PyFrozenSet>() {
            let wrapped = PySet::empty(py)?;
            for member in value.try_iter()? {
                wrapped.add(self.wrap(&member?)?)?;
            }
            Ok(wrapped.into_any())
        } else if let Some(given) = capability(value)? {
            let wrapped = to_python::value(py, self.0.wrap(given)?, &Home::Caller)?;
            // The handles of `facetbox.aio` have one of these inside.
            Ok(if is_handle(value)? { value.get_type().call1((wrapped,))? } else { wrapped })
        } else if value.is_instance_of::<PyType>() {
            let name = value.repr()?;
            Err(invalid_argument(format!("{name} is a class, which can't be revoked.")))
        } else if value.is_callable() || has_methods(&value.get_type())? && !is_data(value) {
            let revocable = Revocable { object: value.clone().unbind(), revoker: self.0.clone() };
            Ok(Bound::new(py, revocable)?.into_any())
        } else {
            Ok(value.clone())
        }
    }

    /// Takes back all that was wrapped, and what will be: calls raise AbortedError in whoever makes them, those that
    /// are on their way included.
    ///
    /// A function that runs for one goes on to its end, but its answer is lost. What calls have answered before isn't
    /// taken back. Doesn't block.
    fn revoke(&self) {
        self.0.revoke();
    }

    /// Whether that has been done.
    #[getter]
    fn is_revoked(&self) -> bool {
        self.0.is_revoked()
    }

    fn __repr__(&self) -> &'static str {
        if self.0.is_revoked() { "<Revoker, revoked>" } else { "<Revoker>" }
    }
}

/// Whether a value crosses as a copy.
fn is_data(value: &Bound<'_, PyAny>) -> bool {
    from_python::value(value, "value", &Home::Caller).is_ok()
}

/// A callable or object that a Revoker has wrapped, to be handed over in its place.
// It is converted where it is handed over, because where it runs is known only there.
#[pyclass(frozen, module = "facetbox._native")]
pub struct Revocable {
    pub object: Py<PyAny>,
    pub revoker: facetbox::Revoker,
}

#[pymethods]
impl Revocable {
    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("<Revocable {}>", self.object.bind(py).repr()?))
    }
}
