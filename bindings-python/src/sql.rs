//! SQL over the storage of one object or facet.

use std::sync::Arc;

use facetbox::Ctx;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

use crate::aio::Home;
use crate::error::Result;
use crate::interpreter::detach;
use crate::{from_python, to_python};

/// SQL over the storage of one object or facet.
#[pyclass(frozen, module = "facetbox")]
pub struct Sql(pub Arc<Ctx>);

#[pymethods]
impl Sql {
    /// Runs one or more statements, the last with `bindings`, and returns its rows.
    ///
    /// Raises StorageError with SQLite's message. Transactions are `transaction_sync`'s, not SQL's.
    #[pyo3(signature = (query, /, *bindings))]
    fn exec(
        &self,
        py: Python<'_>,
        query: &str,
        bindings: &Bound<'_, PyTuple>,
    ) -> Result<SqlCursor> {
        let bindings = from_python::args(bindings, &Home::Caller)?;
        Ok(SqlCursor(detach(py, || self.0.storage().sql().exec(query, bindings))?))
    }

    /// Bytes of the database that are in use.
    #[getter]
    fn database_size(&self, py: Python<'_>) -> Result<u64> {
        Ok(detach(py, || self.0.storage().sql().database_size())?)
    }
}

/// The rows of one `exec`, read as they are asked for. Iterating over it gives dicts.
#[pyclass(frozen, module = "facetbox")]
pub struct SqlCursor(facetbox::SqlCursor);

#[pymethods]
impl SqlCursor {
    /// The next row, or None after the last.
    fn next<'py>(&self, py: Python<'py>) -> Result<Option<Bound<'py, PyDict>>> {
        detach(py, || self.0.next())?.map(|row| to_python::map(py, row, &Home::Caller)).transpose()
    }

    /// The only row that is left. Raises an Error if there is none or more than one.
    fn one<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyDict>> {
        to_python::map(py, detach(py, || self.0.one())?, &Home::Caller)
    }

    /// The rows that are left.
    fn to_array<'py>(&self, py: Python<'py>) -> Result<Vec<Bound<'py, PyDict>>> {
        let rows = detach(py, || self.0.to_array())?.into_iter();
        rows.map(|row| to_python::map(py, row, &Home::Caller)).collect()
    }

    /// The rows that are left as lists of their columns, read as they are asked for.
    fn raw(slf: Bound<'_, Self>) -> RawRows {
        RawRows(slf.unbind())
    }

    /// The names of the columns.
    #[getter]
    fn column_names(&self) -> Vec<String> {
        self.0.column_names().to_vec()
    }

    /// Rows read so far.
    #[getter]
    fn rows_read(&self) -> u64 {
        self.0.rows_read()
    }

    /// Rows written so far.
    #[getter]
    fn rows_written(&self) -> u64 {
        self.0.rows_written()
    }

    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> Result<Option<Bound<'py, PyDict>>> {
        self.next(py)
    }
}

/// The rows of a cursor as lists of their columns.
#[pyclass(frozen, module = "facetbox")]
pub struct RawRows(Py<SqlCursor>);

#[pymethods]
impl RawRows {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> Result<Option<Bound<'py, PyList>>> {
        let row = detach(py, || self.0.get().0.next_raw())?;
        row.map(|columns| to_python::list(py, columns, &Home::Caller)).transpose()
    }
}
