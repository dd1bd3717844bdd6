//! Where Python code runs.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyTuple;

/// Where Python code runs that a value brings along, and so which handles it is given: on the thread of
/// its caller with those of `facetbox`, or on an event loop with those of `facetbox.aio`.
#[derive(Clone)]
pub enum Home {
    /// The thread of whoever calls it.
    Caller,
    /// An event loop, as its method `call_soon_threadsafe`.
    Loop(Arc<Py<PyAny>>),
}

impl Home {
    /// Has the loop call a function with arguments soon. Raises RuntimeError if the loop is closed.
    pub fn post<'py>(
        &self,
        function: &Bound<'py, PyAny>,
        args: &Bound<'py, PyTuple>,
    ) -> PyResult<()> {
        match self {
            Home::Caller => function.call1(args)?,
            Home::Loop(call_soon) => {
                let all: Vec<_> = std::iter::once(function.clone()).chain(args.iter()).collect();
                call_soon.bind(function.py()).call1(PyTuple::new(function.py(), all)?)?
            }
        };
        Ok(())
    }

    /// One of the package's own handles as code at home there gets it.
    pub fn wrap<'py>(&self, name: &str, handle: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        match self {
            Home::Caller => Ok(handle),
            Home::Loop(_) => {
                static AIO: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
                let py = handle.py();
                let aio =
                    AIO.get_or_try_init(py, || py.import("facetbox.aio").map(Bound::unbind))?;
                aio.bind(py).getattr(name)?.call1((handle,))
            }
        }
    }
}
