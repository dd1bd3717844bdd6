//! What a class written in Python sees of its own object or facet.

use std::sync::Arc;

use parking_lot::Mutex;
use pyo3::prelude::*;

use crate::aio::Home;
use crate::error::Result;
use crate::facets::Facets;
use crate::interpreter::detach;
use crate::namespace::ObjectId;
use crate::storage::Storage;
use crate::to_python;

/// The context of one object or facet: its id, storage and facets.
///
/// Any thread may use it while the instance runs. Once the object is broken, everything raises its
/// error.
#[pyclass(frozen, module = "facetbox")]
pub struct Ctx(pub Arc<facetbox::Ctx>);

#[pymethods]
impl Ctx {
    /// The object's id; for a facet its parent's, or the id or text that its supervisor chose.
    #[getter]
    fn id(&self) -> ObjectId {
        ObjectId(self.0.id().clone())
    }

    /// The props that the class was bound with; None without.
    #[getter]
    fn props<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        to_python::value(py, self.0.props().clone(), &Home::Caller)
    }

    /// The storage of this object or facet.
    #[getter]
    fn storage(&self) -> Storage {
        Storage(self.0.clone())
    }

    /// Its facets.
    #[getter]
    fn facets(&self) -> Facets {
        Facets(self.0.facets())
    }

    /// Aborts this object or facet, and always raises: AbortedError with the reason.
    ///
    /// What is uncommitted is discarded; all its stubs and facets raise the same from now on.
    #[pyo3(signature = (reason=None))]
    fn abort(&self, py: Python<'_>, reason: Option<&str>) -> Result<()> {
        Err(detach(py, || self.0.abort(reason)).into())
    }

    /// Deletes everything that the object or facet and its facets store: `storage.delete_all()`.
    fn delete_all(&self, py: Python<'_>) -> Result<()> {
        Ok(detach(py, || self.0.delete_all())?)
    }

    /// Keeps the instance from being dropped as idle until the answer is released.
    fn _keep_awake(&self) -> Awake {
        Awake(Mutex::new(Some(self.0.keep_awake())))
    }

    /// Says that code on an event loop is about to write, once in each turn of the loop.
    fn _begin_turn(&self, py: Python<'_>) -> Result<()> {
        Ok(detach(py, || self.0.begin_turn())?)
    }

    /// Says that the turn is over.
    fn _end_turn(&self, py: Python<'_>) {
        detach(py, || self.0.end_turn());
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.0)
    }
}

/// Keeps an instance from being dropped as idle until it is released.
#[pyclass(frozen, module = "facetbox._native")]
pub struct Awake(Mutex<Option<facetbox::Awake>>);

#[pymethods]
impl Awake {
    /// Lets the instance go.
    fn release(&self) {
        self.0.lock().take();
    }
}
