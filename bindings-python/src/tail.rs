//! Tail events, as the host gets them.

use crate::interpreter::enter;
use facetbox::{BindingCalls, TailEvent, TailException, TailInfo, TailLog, TailReceiver};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyModule};

/// A receiver that calls a Python function with each event. What that raises is reported as what can't be
/// raised anywhere: by `sys.unraisablehook`.
pub fn receiver(function: Py<PyAny>) -> TailReceiver {
    TailReceiver::new(move |event| {
        enter(|py| {
            let function = function.bind(py);
            let called = tail_event(py, event).and_then(|event| function.call1((event,)));
            if let Err(error) = called {
                error.write_unraisable(py, Some(function));
            }
        });
    })
}

/// The `facetbox.TailEvent` for core's.
fn tail_event(py: Python<'_>, event: TailEvent) -> PyResult<Bound<'_, PyAny>> {
    static MODULE: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    let import = || py.import("facetbox._tail").map(Bound::unbind);
    let module = MODULE.get_or_try_init(py, import)?.bind(py);
    let logs = event.logs.into_iter().map(|log| tail_log(module, log));
    let exceptions = event.exceptions.into_iter().map(|thrown| tail_exception(module, thrown));
    let fields = PyDict::new(py);
    fields.set_item("namespace", event.namespace)?;
    fields.set_item("object_id", event.object_id)?;
    fields.set_item("object_name", event.object_name)?;
    fields.set_item("facets", event.facets)?;
    fields.set_item("entrypoint", event.entrypoint)?;
    fields.set_item("event", tail_info(module, event.event)?)?;
    fields.set_item("outcome", event.outcome.as_str())?;
    fields.set_item("timestamp", event.timestamp)?;
    fields.set_item("cpu_ms", event.cpu_ms)?;
    fields.set_item("wall_ms", event.wall_ms)?;
    fields.set_item("logs", logs.collect::<PyResult<Vec<_>>>()?)?;
    fields.set_item("exceptions", exceptions.collect::<PyResult<Vec<_>>>()?)?;
    fields.set_item("truncated", event.truncated)?;
    fields.set_item("subrequests", event.subrequests)?;
    fields.set_item("bindings", calls(py, &event.bindings)?)?;
    fields.set_item("dropped", event.dropped)?;
    module.getattr("TailEvent")?.call((), Some(&fields))
}

/// How often each binding was called, by its name.
pub fn calls<'py>(py: Python<'py>, bindings: &[BindingCalls]) -> PyResult<Bound<'py, PyDict>> {
    let calls = PyDict::new(py);
    for binding in bindings {
        calls.set_item(&binding.name, binding.calls)?;
    }
    Ok(calls)
}

fn tail_info<'py>(module: &Bound<'py, PyModule>, info: TailInfo) -> PyResult<Bound<'py, PyAny>> {
    let fields = PyDict::new(module.py());
    fields.set_item("kind", info.kind())?;
    match info {
        TailInfo::Fetch { method, url, status } => {
            fields.set_item("method", method)?;
            fields.set_item("url", url)?;
            fields.set_item("status", status)?;
        }
        TailInfo::Rpc { method } => fields.set_item("method", method)?,
        TailInfo::Alarm { scheduled_time, retry_count } => {
            fields.set_item("scheduled_time", scheduled_time)?;
            fields.set_item("retry_count", retry_count)?;
        }
        TailInfo::Tail { consumed } => fields.set_item("consumed", consumed)?,
        // A task has nothing but its kind; nor has what this version doesn't know.
        _ => {}
    }
    module.getattr("TailInfo")?.call((), Some(&fields))
}

fn tail_log<'py>(module: &Bound<'py, PyModule>, log: TailLog) -> PyResult<Bound<'py, PyAny>> {
    let args = (log.timestamp, log.level.as_str(), log.message);
    module.getattr("TailLog")?.call1(args)
}

fn tail_exception<'py>(
    module: &Bound<'py, PyModule>,
    thrown: TailException,
) -> PyResult<Bound<'py, PyAny>> {
    let args = (thrown.timestamp, thrown.name, thrown.message, thrown.stack);
    module.getattr("TailException")?.call1(args)
}
