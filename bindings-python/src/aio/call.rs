//! Calls that an event loop waits for.

use facetbox::{BoxFuture, Error, ErrorCode};
use futures_channel::oneshot;
use futures_lite::future;
use parking_lot::Mutex;
use pyo3::prelude::*;

use super::{Counted, Delivery, Home};
use crate::error::{Result, raised};

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
        py: Python<'_>,
        home: &Home,
        future: Py<PyAny>,
        answer: impl Future<Output = facetbox::Result<T>> + Send + 'static,
        convert: impl FnOnce(Python<'_>, T, &Home) -> Result<Py<PyAny>> + Send + 'static,
        spawn: impl FnOnce(BoxFuture<'static, ()>),
    ) -> Call {
        let (sender, cancelled) = oneshot::channel();
        let future = Some((future, home.count_call()));
        let completion = Completion { home: home.clone(), future };
        spawn(Box::pin(async move {
            let answer = async move { Some(answer.await) };
            // Nothing is ever sent: the sender is dropped.
            let cancelled = async move { cancelled.await.ok().and(None) };
            match future::or(answer, cancelled).await {
                Some(outcome) => completion.end(outcome, convert),
                None => completion.forget(),
            }
        }));
        home.attend_call(py);
        Call(Mutex::new(Some(sender)))
    }
}

/// A future to be settled. Dropped without that, it fails it: the runtime has closed.
struct Completion {
    home: Home,
    future: Option<(Py<PyAny>, Option<Counted>)>,
}

impl Completion {
    /// Values are made on the loop, which has the GIL.
    fn end<T: Send + 'static>(
        mut self,
        outcome: facetbox::Result<T>,
        convert: impl FnOnce(Python<'_>, T, &Home) -> Result<Py<PyAny>> + Send + 'static,
    ) {
        let home = self.home.clone();
        self.settle(move |py| match outcome {
            Ok(value) => convert(py, value, &home).map_err(PyErr::from),
            Err(error) => Err(raised(py, &error)),
        });
    }

    fn settle(&mut self, outcome: impl FnOnce(Python<'_>) -> PyResult<Py<PyAny>> + Send + 'static) {
        if let Some((future, counted)) = self.future.take() {
            self.home.post(Delivery::Settle(future, Box::new(outcome), counted));
        }
    }

    fn forget(mut self) {
        self.future = None;
    }
}

impl Drop for Completion {
    fn drop(&mut self) {
        let closed = Error::new(ErrorCode::Closed, "The runtime is closed.");
        self.settle(move |py| Err(raised(py, &closed)));
    }
}
