//! Where Python code runs.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use super::mail::{Delivery, Mail};

/// Where Python code runs that a value brings along, and so which handles it is given: on the thread of
/// its caller with those of `facetbox`, or on an event loop with those of `facetbox.aio`.
#[derive(Clone)]
pub enum Home {
    /// The thread of whoever calls it.
    Caller,
    /// An event loop, as what comes to it.
    Loop(Arc<Mail>),
}

impl Home {
    /// Has the loop do something soon. Where there is none, or it is closed, that is dropped.
    pub fn post(&self, delivery: Delivery) {
        if let Home::Loop(mail) = self {
            mail.post(delivery);
        }
    }

    /// Says, on the loop, that somebody was called who will soon answer.
    pub fn attend(&self, py: Python<'_>) {
        if let Home::Loop(mail) = self {
            mail.attend(py);
        }
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
