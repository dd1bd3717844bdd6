//! Where Python code runs.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use super::mail::{Counted, Delivery, Mail};

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

    /// Counts a call of the loop that begins.
    pub fn count_call(&self) -> Option<Counted> {
        self.count(1)
    }

    /// Counts an ask that the loop is to answer.
    pub fn count_ask(&self) -> Option<Counted> {
        self.count(-1)
    }

    fn count(&self, waits: isize) -> Option<Counted> {
        match self {
            Home::Loop(mail) => Some(mail.count(waits)),
            Home::Caller => None,
        }
    }

    /// Says, on the loop, that a call has begun, which may be answered at once.
    pub fn attend_call(&self, py: Python<'_>) {
        if let Home::Loop(mail) = self {
            mail.attend_call(py);
        }
    }

    /// Says, on the loop, that it has answered somebody who will soon ask again.
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
