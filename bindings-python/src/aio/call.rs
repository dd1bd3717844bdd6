//! Calls that an event loop waits for.

use facetbox::{BoxFuture, Error, ErrorCode};
use futures_channel::oneshot;
use futures_lite::future;
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use super::Home;
use crate::error::{Result, raised};
use crate::interpreter::enter;

/// A call on its way. Cancelling or dropping it ends what it does on the runtime's side.
#[pyclass(frozen, module = "facetbox._native")]
pub struct Call(Mutex<Option<oneshot::Sender<()>>>);

#[pymethods]
impl Call {
    /// Ends the call, if it hasn't ended.
    fn cancel(&self) {
        self.0.lock().take();
    }
}

impl Call {
    /// Begins a call whose outcome settles `future`, an `asyncio.Future` of the loop `home`. `spawn` has
    /// it polled.
    pub fn begin<T: Send + 'static>(
        home: &Home,
        future: Py<PyAny>,
        answer: impl Future<Output = facetbox::Result<T>> + Send + 'static,
        convert: impl FnOnce(Python<'_>, T, &Home) -> Result<Py<PyAny>> + Send + 'static,
        spawn: impl FnOnce(BoxFuture<'static, ()>),
    ) -> Call {
        let (sender, cancelled) = oneshot::channel();
        let completion = Completion { home: home.clone(), future: Some(future) };
        spawn(Box::pin(async move {
            let answer = async move { Some(answer.await) };
            // Nothing is ever sent: the sender is dropped.
            let cancelled = async move { cancelled.await.ok().and(None) };
            match future::or(answer, cancelled).await {
                Some(outcome) => completion.end(outcome, convert),
                None => completion.forget(),
            }
        }));
        Call(Mutex::new(Some(sender)))
    }
}

/// A future to be settled. Dropped without that, it fails it: the runtime has closed.
struct Completion {
    home: Home,
    future: Option<Py<PyAny>>,
}

impl Completion {
    fn end<T>(
        mut self,
        outcome: facetbox::Result<T>,
        convert: impl FnOnce(Python<'_>, T, &Home) -> Result<Py<PyAny>>,
    ) {
        enter(|py| {
            let outcome = match outcome {
                Ok(value) => convert(py, value, &self.home).map_err(PyErr::from),
                Err(error) => Err(raised(py, &error)),
            };
            self.settle(py, outcome);
        });
    }

    fn settle(&mut self, py: Python<'_>, outcome: PyResult<Py<PyAny>>) {
        static SETTLE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let Some(future) = self.future.take() else { return };
        let (value, error) = match outcome {
            Ok(value) => (value, None),
            Err(error) => (py.None(), Some(error.into_value(py))),
        };
        let post = || {
            let settle = SETTLE.import(py, "facetbox.aio._loop", "settle")?;
            self.home.post(settle, &(future, value, error).into_pyobject(py)?)
        };
        // Nobody waits on a loop that is closed.
        let _ = post();
    }

    fn forget(mut self) {
        self.future = None;
    }
}

impl Drop for Completion {
    fn drop(&mut self) {
        if self.future.is_some() {
            let closed = Error::new(ErrorCode::Closed, "The runtime is closed.");
            enter(|py| self.settle(py, Err(raised(py, &closed))));
        }
    }
}
