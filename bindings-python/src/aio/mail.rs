//! What is on its way to an event loop.

use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use facetbox::{Attention, Inbox as CoreInbox, Portion};
use pyo3::exceptions::{PyRuntimeError, PyStopIteration};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyString, PyTuple};

use crate::interpreter::{detach, enter};

/// Once what comes to a loop has taken this long, the loop's timers, its sockets and all else have their turn before the
/// rest: large values take long to make.
const TURN: Duration = Duration::from_millis(5);

/// Makes what a future is settled with.
type Outcome = Box<dyn FnOnce(Python<'_>) -> PyResult<Py<PyAny>> + Send>;

/// Something for the loop to do.
pub enum Delivery {
    /// Calls a function in a context of its own.
    Run(Py<PyAny>, Py<PyTuple>),
    /// Settles an `asyncio.Future`, which is that of a call on its way.
    Settle(Py<PyAny>, Outcome, Option<Counted>),
}

impl Delivery {
    fn deliver(self, py: Python<'_>) -> PyResult<()> {
        match self {
            Delivery::Run(function, args) => {
                static CONTEXT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
                let context = CONTEXT.import(py, "contextvars", "Context")?.call0()?;
                let all = std::iter::once(function.bind(py).clone()).chain(args.bind(py).iter());
                let all: Vec<_> = all.collect();
                context.call_method1(intern!(py, "run"), PyTuple::new(py, all)?).map(drop)
            }
            Delivery::Settle(future, outcome, _call) => settle(future.bind(py), outcome),
        }
    }
}

fn settle(future: &Bound<'_, PyAny>, outcome: Outcome) -> PyResult<()> {
    let py = future.py();
    if future.call_method0(intern!(py, "done"))?.is_truthy()? {
        return Ok(());
    }
    let settled = match outcome(py) {
        Ok(value) => future.call_method1(intern!(py, "set_result"), (value,)),
        Err(error) => {
            let error = awaitable(py, error).into_value(py);
            // Asyncio would log it, if whoever awaits it is cancelled before that is woken up.
            let set = future.call_method1(intern!(py, "set_exception"), (error,));
            set.and_then(|_| future.call_method0(intern!(py, "exception")))
        }
    };
    settled.map(drop)
}

/// An exception that a future takes: not one that would end the generator which awaits.
fn awaitable(py: Python<'_>, error: PyErr) -> PyErr {
    if !error.is_instance_of::<PyStopIteration>(py) {
        return error;
    }
    let replacement = PyRuntimeError::new_err("the call raised StopIteration");
    replacement.set_cause(py, Some(error));
    replacement
}

/// What one event loop gets, and how it is told. It keeps no loop alive.
pub struct Mail {
    event_loop: Py<PyAny>,
    inbox: CoreInbox<Delivery>,
    /// Calls whose futures aren't settled, less the asks that aren't answered: those are what calls wait for.
    waits: AtomicIsize,
}

/// A call or an ask on its way, as the loop counts them.
pub struct Counted(Arc<Mail>, isize);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.waits.fetch_sub(self.1, Ordering::Relaxed);
    }
}

impl Mail {
    /// Has the loop do something soon. What comes for one that is closed is dropped.
    pub fn post(&self, delivery: Delivery) {
        drop(self.inbox.post(delivery));
    }

    /// Counts a call of the loop, as one more that waits, or an ask of it, as one less.
    pub fn count(self: &Arc<Self>, waits: isize) -> Counted {
        self.waits.fetch_add(waits, Ordering::Relaxed);
        Counted(self.clone(), waits)
    }

    /// Whether nobody else waits beside the call that is waited for.
    fn is_alone(&self) -> bool {
        self.waits.load(Ordering::Relaxed) <= 1
    }

    /// Says, on the loop, that somebody was called: it looks for the answer before it sleeps, if that pays.
    pub fn attend(self: &Arc<Self>, py: Python<'_>) {
        if self.inbox.attend(false) != Attention::Woken {
            self.come(py, true);
        }
    }

    /// Says, on the loop, that a call has begun. Where calls come one after the other its future may be settled at once,
    /// so that whoever awaits it doesn't wait for the loop to come round.
    pub fn attend_call(self: &Arc<Self>, py: Python<'_>) {
        match self.inbox.attend(self.is_alone()) {
            Attention::Woken => return,
            Attention::BeforeSleep => return self.come(py, true),
            Attention::AtOnce => {}
        }
        let mut found = self.look(py);
        // Code of the host must not run in the middle of other code, and nothing may overtake it.
        let is_code = |delivery: &Delivery| matches!(delivery, Delivery::Run(..));
        if let Some(code) = found.messages.iter().position(is_code) {
            found.more |= self.inbox.put_back(found.messages.split_off(code));
        }
        if let Err(error) = self.deliver(py, found) {
            error.write_unraisable(py, None);
        }
    }

    /// What is there or comes soon. Where it has looked in vain and that pays, the loop looks once more.
    fn look(self: &Arc<Self>, py: Python<'_>) -> Portion<Delivery> {
        let found = detach(py, || self.inbox.look());
        if found.messages.is_empty() && self.inbox.look_again() {
            self.come(py, true);
        }
        found
    }

    /// Delivers what was taken. The loop comes again for what is left of it, and for what it hasn't taken. If several
    /// fail, the first says why.
    fn deliver(self: &Arc<Self>, py: Python<'_>, taken: Portion<Delivery>) -> PyResult<()> {
        let Portion { mut messages, mut more } = taken;
        let begun = Instant::now();
        let mut delivered = Ok(());
        while let Some(delivery) = messages.pop_front() {
            delivered = delivered.and(delivery.deliver(py));
            if !messages.is_empty() && begun.elapsed() > TURN {
                more |= self.inbox.put_back(std::mem::take(&mut messages));
            }
        }
        if more {
            self.come(py, false);
        }
        delivered
    }

    /// Has the loop come soon for what there is; it is on its way already as far as others know.
    fn come(self: &Arc<Self>, py: Python<'_>, look: bool) {
        if self.visit(py, intern!(py, "call_soon"), look).is_err() {
            self.inbox.forgo();
        }
    }

    /// Wakes the loop.
    fn summon(self: &Arc<Self>) {
        let come = |py: Python<'_>| self.visit(py, intern!(py, "call_soon_threadsafe"), false);
        if !matches!(enter(come), Some(Ok(()))) {
            drop(self.inbox.close());
        }
    }

    /// Has the loop come for what there is.
    fn visit(
        self: &Arc<Self>,
        py: Python<'_>,
        schedule: &Bound<'_, PyString>,
        look: bool,
    ) -> PyResult<()> {
        let visit = Visit { mail: self.clone(), look, over: AtomicBool::new(false) };
        let visit = Bound::new(py, visit)?;
        let event_loop = self.event_loop.bind(py).call0()?;
        let scheduled = event_loop.call_method1(schedule, (&visit,));
        if scheduled.is_err() {
            visit.get().over.store(true, Ordering::Relaxed);
        }
        scheduled.map(drop)
    }
}

/// What comes to an event loop from elsewhere. There is one for each.
#[pyclass(frozen, module = "facetbox._native")]
pub struct Inbox(pub Arc<Mail>);

#[pymethods]
impl Inbox {
    /// Made from a weak reference to the loop.
    #[new]
    fn new(event_loop: Py<PyAny>) -> Inbox {
        Inbox(Arc::new_cyclic(|mail: &Weak<Mail>| {
            let mail = mail.clone();
            let wake = move || {
                if let Some(mail) = mail.upgrade() {
                    mail.summon();
                }
            };
            // How large values are is seen while they are made.
            let inbox = CoreInbox::new(|_| 0, wake);
            Mail { event_loop, inbox, waits: AtomicIsize::new(0) }
        }))
    }
}

/// A callback of a loop that comes for its mail. A loop that is closed drops it uncalled.
#[pyclass(frozen, module = "facetbox._native")]
struct Visit {
    mail: Arc<Mail>,
    look: bool,
    over: AtomicBool,
}

#[pymethods]
impl Visit {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        self.over.store(true, Ordering::Relaxed);
        let inbox = &self.mail.inbox;
        inbox.come_round(self.mail.is_alone());
        let found = if self.look { self.mail.look(py) } else { inbox.take() };
        // Only what is to end the program comes out; the others get theirs first.
        self.mail.deliver(py, found)
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        if !self.over.load(Ordering::Relaxed) {
            self.mail.inbox.forgo();
        }
    }
}
