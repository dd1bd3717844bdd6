//! Asks: code of the host that is to run on an event loop, and its answer.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use facetbox::{
    Error, ErrorCode, EventScope as CoreScope, FacetOptions, Response as CoreResponse, Value,
};
use futures_channel::oneshot;
use parking_lot::Mutex;
use pyo3::exceptions::PyBaseException;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyTuple;

use super::{Counted, Delivery, EventScope, Home};
use crate::error::{Failure, Result};
use crate::facets::options;
use crate::from_python;
use crate::http::Response;
use crate::interpreter::enter;

/// What kind of answer is expected.
#[derive(Clone, Copy)]
pub enum Kind {
    /// A value.
    Value,
    /// A response, of the handler with this name.
    Response(&'static str),
    /// An instance of a class.
    Instance,
    /// How a facet is to start.
    Facet,
}

/// An answer.
pub enum Reply {
    /// To [`Kind::Value`].
    Value(Value),
    /// To [`Kind::Response`].
    Response(CoreResponse),
    /// To [`Kind::Instance`].
    Instance(Py<PyAny>),
    /// To [`Kind::Facet`].
    Facet(FacetOptions),
}

type Answer = facetbox::Result<Reply>;

/// Asks for `function(*args)` on the loop `home`, in the scope of the event whose code runs here.
pub fn ask<'py>(
    home: &Home,
    kind: Kind,
    function: &Bound<'py, PyAny>,
    args: Bound<'py, PyTuple>,
) -> Result<Pending> {
    static RUN: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let py = function.py();
    let (sender, answer) = oneshot::channel();
    let shared = Arc::new(Mutex::new(Progress::Queued));
    let ask = Ask {
        home: home.clone(),
        kind,
        scope: CoreScope::current(),
        sender: Mutex::new(Some((sender, home.count_ask()))),
        progress: shared.clone(),
    };
    let run = RUN.import(py, "facetbox.aio._host", "run")?;
    // A loop that is closed drops the ask, which then answers so.
    let args = (Bound::new(py, ask)?, function, args).into_pyobject(py)?;
    home.post(Delivery::Run(run.clone().unbind(), args.unbind()));
    Ok(Pending { answer, home: home.clone(), progress: shared })
}

/// How far the loop has come.
enum Progress {
    Queued,
    /// Runs as the task that this weak reference is of. Nothing here keeps a task: one that nothing can
    /// wake up any more, as that of a closed loop, is collected, and its ask answers.
    Running(Py<PyAny>),
    Abandoned,
}

/// The wait for an answer. Dropping it cancels the task.
pub struct Pending {
    answer: oneshot::Receiver<Answer>,
    home: Home,
    progress: Arc<Mutex<Progress>>,
}

impl Future for Pending {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer> {
        let answer = Pin::new(&mut self.answer).poll(context);
        answer.map(|answer| answer.unwrap_or_else(|_| Err(ended())))
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let before = std::mem::replace(&mut *self.progress.lock(), Progress::Abandoned);
        let Progress::Running(task) = before else { return };
        let home = self.home.clone();
        // Whoever drops this may hold locks that code with the GIL waits for.
        let _ = std::thread::Builder::new().name("facetbox-cancel".into()).spawn(move || {
            enter(|py| {
                static CANCEL: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
                let task = task.bind(py).call0().ok().filter(|task| !task.is_none())?;
                let cancel = CANCEL.import(py, "facetbox.aio._host", "cancel").ok()?;
                let args = (task,).into_pyobject(py).ok()?;
                home.post(Delivery::Run(cancel.clone().unbind(), args.unbind()));
                Some(())
            })
        });
    }
}

/// What a loop is asked for. Dropped without an answer, it answers that the loop has ended.
#[pyclass(frozen, module = "facetbox._native")]
pub struct Ask {
    home: Home,
    kind: Kind,
    scope: Option<CoreScope>,
    sender: Mutex<Option<(oneshot::Sender<Answer>, Option<Counted>)>>,
    progress: Arc<Mutex<Progress>>,
}

#[pymethods]
impl Ask {
    /// The event that asks.
    #[getter]
    fn scope(&self) -> Option<EventScope> {
        self.scope.clone().map(EventScope)
    }

    /// Whether nobody waits for the answer any more.
    #[getter]
    fn abandoned(&self) -> bool {
        matches!(*self.progress.lock(), Progress::Abandoned)
    }

    /// Says which task answers, as a weak reference.
    fn started(&self, task: Py<PyAny>) {
        let mut progress = self.progress.lock();
        if matches!(*progress, Progress::Queued) {
            *progress = Progress::Running(task);
        }
    }

    /// Answers.
    fn answer(&self, value: &Bound<'_, PyAny>) {
        self.send(value.py(), self.read(value).map_err(Error::from));
    }

    /// Answers with an exception.
    fn fail(&self, exception: &Bound<'_, PyBaseException>) {
        let error = PyErr::from_value(exception.clone().into_any());
        self.send(exception.py(), Err(Failure::Python(error).into()));
    }

    /// Answers that the task was cancelled.
    fn cancelled(&self, py: Python<'_>) {
        let error = Error::new(ErrorCode::Aborted, "The task was cancelled on its event loop.");
        self.send(py, Err(error));
    }
}

impl Ask {
    fn read(&self, value: &Bound<'_, PyAny>) -> Result<Reply> {
        Ok(match self.kind {
            Kind::Value => Reply::Value(from_python::value(value, "result", &self.home)?),
            Kind::Response(handler) => Reply::Response(Response::expect(value, handler)?),
            Kind::Instance => Reply::Instance(value.clone().unbind()),
            Kind::Facet => Reply::Facet(options(value, &self.home)?),
        })
    }

    fn send(&self, py: Python<'_>, answer: Answer) {
        *self.progress.lock() = Progress::Abandoned;
        if let Some((sender, _counted)) = self.sender.lock().take() {
            // The event that asked may be gone: aborted, closed, timed out.
            let _ = sender.send(answer);
            // Whoever has asked goes on, and may soon ask again.
            self.home.attend(py);
        }
    }
}

fn ended() -> Error {
    let message =
        "The event loop of the code is closed, or nothing that the code awaits can wake it up.";
    Error::new(ErrorCode::Closed, message)
}
