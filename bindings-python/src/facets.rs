//! Facets: the named children of an object or facet.

use std::path::PathBuf;

use facetbox::{ActorId, Error, ErrorCode, FacetOptions};
use pyo3::exceptions::PyBaseException;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyString, PyType};

use crate::aio::Home;
use crate::class::{DurableObjectClass, class, shown};
use crate::error::{Failure, Result, attach, invalid_argument};
use crate::interpreter::detach;
use crate::namespace::ObjectId;
use crate::stub::Stub;
use crate::whole;

/// The facets of one object or facet.
#[pyclass(frozen, module = "facetbox")]
pub struct Facets(pub facetbox::Facets);

#[pymethods]
impl Facets {
    /// A stub of the facet `name`.
    ///
    /// Nothing starts before its first use: then `start` is called, once, unless the facet runs
    /// already. It returns FacetOptions, or just the class.
    ///
    /// Raises InvalidArgument for a name that is empty or longer than 256 bytes.
    fn get(&self, name: &str, start: Py<PyAny>) -> Result<Stub> {
        let start = move || attach(|py| options(&start.bind(py).call0()?, &Home::Caller));
        Ok(Stub(self.0.get(name, start)?))
    }

    /// Stops the facet and its descendants; their stubs raise `reason`: that exception, or
    /// AbortedError with that text. Data is kept.
    fn abort(&self, py: Python<'_>, name: &str, reason: &Bound<'_, PyAny>) -> Result<()> {
        let reason = reason_of_abort(reason)?;
        Ok(detach(py, || self.0.abort(name, reason))?)
    }

    /// Stops the facet and deletes its data and that of its descendants.
    fn delete(&self, py: Python<'_>, name: &str) -> Result<()> {
        Ok(detach(py, || self.0.delete(name))?)
    }

    /// Replaces facet `dst` and its descendants by a copy of `src` and its descendants.
    ///
    /// A missing `src` leaves `dst` empty; `src` goes on running, `dst` is stopped first.
    fn clone(&self, py: Python<'_>, src: &str, dst: &str) -> Result<()> {
        Ok(detach(py, || self.0.clone(src, dst))?)
    }

    /// The names of the facets that exist, running or not, in order.
    fn list(&self, py: Python<'_>) -> Result<Vec<String>> {
        Ok(detach(py, || self.0.list())?)
    }

    /// Whether the facet exists, running or not.
    fn exists(&self, py: Python<'_>, name: &str) -> Result<bool> {
        Ok(detach(py, || self.0.exists(name))?)
    }

    /// What the facet takes with its own facets, as a Usage. Raises NotFoundError if there is none.
    fn usage<'py>(&self, py: Python<'py>, name: &str) -> Result<Bound<'py, PyAny>> {
        whole::usage(py, detach(py, || self.0.usage(name))?)
    }

    /// Copies the facet with its own facets to `path`, a new directory, as they were last committed. The
    /// directory is like that of an object and can be imported as one; see `Namespace.export`.
    ///
    /// Raises NotFoundError if the facet doesn't exist or has no data, InvalidArgument if `path` exists.
    fn export(&self, py: Python<'_>, name: &str, path: PathBuf) -> Result<()> {
        Ok(detach(py, || self.0.export(name, path))?)
    }
}

fn reason_of_abort(reason: &Bound<'_, PyAny>) -> Result<Error> {
    if reason.is_instance_of::<PyBaseException>() {
        return Ok(Failure::Python(PyErr::from_value(reason.clone())).into());
    }
    let text = reason.cast::<PyString>().map_err(PyErr::from)?;
    Ok(Error::new(ErrorCode::Aborted, text.to_str()?))
}

/// What a start callback answered that is at home there.
pub fn options(answer: &Bound<'_, PyAny>, home: &Home) -> Result<FacetOptions> {
    static OPTIONS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let py = answer.py();
    if !answer.is_instance(OPTIONS.import(py, "facetbox._options", "FacetOptions")?)? {
        if answer.is_instance_of::<PyType>() || answer.is_instance_of::<DurableObjectClass>() {
            return Ok(class(answer, home)?.into());
        }
        let message = "A facet's start callback must return FacetOptions or a class, got ";
        return Err(invalid_argument(format!("{message}{}.", shown(answer))));
    }
    let id = answer.getattr(intern!(py, "id"))?;
    let id = if id.is_none() {
        None
    } else if let Ok(id) = id.cast::<ObjectId>() {
        Some(id.get().0.clone())
    } else if let Ok(text) = id.cast::<PyString>() {
        Some(ActorId::Text(text.to_str()?.to_owned()))
    } else {
        return Err(invalid_argument("The id of a facet must be an ObjectId or a str."));
    };
    Ok(FacetOptions { class: class(&answer.getattr(intern!(py, "cls"))?, home)?, id })
}
