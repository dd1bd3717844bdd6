//! The storage of one object or facet.

use std::sync::Arc;

use facetbox::{Ctx, ListOptions};
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

use crate::aio::Home;
use crate::error::{Result, attach, invalid_argument};
use crate::interpreter::detach;
use crate::sql::Sql;
use crate::{from_python, to_python};

/// The storage of one object or facet: a SQLite database.
///
/// What a method writes is committed when it returns, also if it raises, or before it calls another
/// object.
#[pyclass(frozen, module = "facetbox")]
pub struct Storage(pub Arc<Ctx>);

#[pymethods]
impl Storage {
    /// The key-value store.
    #[getter]
    fn kv(&self) -> Kv {
        Kv(self.0.clone())
    }

    /// SQL.
    #[getter]
    fn sql(&self) -> Sql {
        Sql(self.0.clone())
    }

    /// The time that the alarm is set to, in Unix milliseconds; None without one.
    ///
    /// Within its handler the alarm reads as unset.
    fn get_alarm(&self, py: Python<'_>) -> Result<Option<i64>> {
        Ok(detach(py, || self.0.storage().get_alarm())?)
    }

    /// Sets the alarm, in place of the one that is set: at `time` the class's `alarm(info)` runs.
    ///
    /// `time` is in Unix milliseconds, or a datetime with a time zone; one in the past means now. It is
    /// set when what the method writes is committed.
    ///
    /// Raises InvalidArgument for a time that isn't above 0, ValueError for a datetime without a time
    /// zone.
    fn set_alarm(&self, py: Python<'_>, time: &Bound<'_, PyAny>) -> Result<()> {
        let time_ms = from_python::time_ms(time)?;
        Ok(detach(py, || self.0.storage().set_alarm(time_ms))?)
    }

    /// Deletes the alarm, if one is set. A handler that runs already goes on.
    fn delete_alarm(&self, py: Python<'_>) -> Result<()> {
        Ok(detach(py, || self.0.storage().delete_alarm())?)
    }

    /// Commits what has been written, and returns when it is as durable as the runtime promises.
    ///
    /// Raises ResetError if a deferred constraint is violated; what was uncommitted is gone then.
    fn sync(&self, py: Python<'_>) -> Result<()> {
        Ok(detach(py, || self.0.storage().sync())?)
    }

    /// A text that names this moment: each one sorts after those that were given before, restarts
    /// included. Going back to a bookmark isn't supported yet.
    fn current_bookmark(&self, py: Python<'_>) -> Result<String> {
        Ok(detach(py, || self.0.storage().current_bookmark())?)
    }

    /// Deletes everything that the object or facet and its facets store; running facets are aborted.
    fn delete_all(&self, py: Python<'_>) -> Result<()> {
        Ok(detach(py, || self.0.delete_all())?)
    }

    /// Calls `function` in a transaction and returns what it returns.
    ///
    /// If it raises, everything it wrote is rolled back and the exception goes on. Transactions nest.
    ///
    /// Raises InvalidArgument for an `async` function.
    fn transaction_sync(&self, py: Python<'_>, function: Py<PyAny>) -> Result<Py<PyAny>> {
        let storage = self.0.storage();
        let body = || attach(|py| run_body(py, &function, "transaction_sync"));
        Ok(detach(py, || storage.transaction_sync(body))?)
    }

    /// Like `transaction_sync`, for a `function` that calls others: they run before it is known whether the
    /// transaction is committed. What was written before is committed first.
    ///
    /// Raises InvalidArgument for an `async` function.
    fn transaction(&self, py: Python<'_>, function: Py<PyAny>) -> Result<Py<PyAny>> {
        let storage = self.0.storage();
        let body = || attach(|py| run_body(py, &function, "transaction"));
        Ok(detach(py, || storage.transaction(body))?)
    }
}

/// Runs the function of a transaction, none of which is run by a call of it if it is `async`.
fn run_body(py: Python<'_>, function: &Py<PyAny>, method: &str) -> Result<Py<PyAny>> {
    let result = function.call0(py)?;
    if result.bind(py).get_type().fully_qualified_name()? != "coroutine" {
        return Ok(result);
    }
    result.call_method0(py, "close")?;
    let message = match method {
        "transaction" => {
            "The function of transaction() must not be async: async def is for facetbox.aio."
        }
        _ => {
            "The function of transaction_sync() must not be async: in facetbox.aio that is for transaction()."
        }
    };
    Err(invalid_argument(message))
}

/// The key-value store of one object or facet.
#[pyclass(frozen, module = "facetbox")]
pub struct Kv(Arc<Ctx>);

#[pymethods]
impl Kv {
    /// The value of `key`, or `default`.
    #[pyo3(signature = (key, default=None))]
    fn get<'py>(
        &self,
        py: Python<'py>,
        key: &str,
        default: Option<Bound<'py, PyAny>>,
    ) -> Result<Bound<'py, PyAny>> {
        match detach(py, || self.0.storage().kv().get(key))? {
            Some(value) => to_python::value(py, value, &Home::Caller),
            None => Ok(default.unwrap_or_else(|| py.None().into_bound(py))),
        }
    }

    /// Stores a value.
    ///
    /// Raises ValueError for what can't be stored, such as functions and stubs.
    fn put(&self, py: Python<'_>, key: &str, value: &Bound<'_, PyAny>) -> Result<()> {
        let value = from_python::value(value, "value", &Home::Caller)?;
        Ok(detach(py, || self.0.storage().kv().put(key, &value))?)
    }

    /// Deletes a key; returns whether it was there.
    fn delete(&self, py: Python<'_>, key: &str) -> Result<bool> {
        Ok(detach(py, || self.0.storage().kv().delete(key))?)
    }

    /// Iterates over (key, value) pairs in the order of the keys' UTF-8 bytes.
    ///
    /// `start` is inclusive, `start_after` and `end` are exclusive. A later list of the same storage
    /// invalidates the iterator.
    #[pyo3(signature = (*, start=None, start_after=None, end=None, prefix=None, reverse=false, limit=None))]
    #[expect(clippy::too_many_arguments, reason = "they are keywords")]
    fn list(
        &self,
        py: Python<'_>,
        start: Option<String>,
        start_after: Option<String>,
        end: Option<String>,
        prefix: Option<String>,
        reverse: bool,
        limit: Option<i64>,
    ) -> Result<KvList> {
        // A negative limit is refused as 0 is.
        let limit = limit.map(|limit| u64::try_from(limit).unwrap_or(0));
        let options = ListOptions { start, start_after, end, prefix, reverse, limit };
        let list = detach(py, || self.0.storage().kv().list(&options))?;
        Ok(KvList(Mutex::new(list)))
    }
}

/// The entries of a list, read one by one.
#[pyclass(frozen, module = "facetbox")]
pub struct KvList(Mutex<facetbox::KvList>);

#[pymethods]
impl KvList {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> Result<Option<Bound<'py, PyTuple>>> {
        let Some(entry) = detach(py, || self.0.lock().next()) else { return Ok(None) };
        let (key, value) = entry?;
        let pair = (PyString::new(py, &key), to_python::value(py, value, &Home::Caller)?);
        Ok(Some(pair.into_pyobject(py)?))
    }
}
