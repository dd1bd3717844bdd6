//! Metrics, as the host gets them.

use crate::tail::calls;
use facetbox::{Histogram, Metrics};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyModule};

/// The `facetbox.Metrics` for core's.
pub fn metrics<'py>(py: Python<'py>, metrics: &Metrics) -> PyResult<Bound<'py, PyAny>> {
    static MODULE: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    let import = || py.import("facetbox._metrics").map(Bound::unbind);
    let module = MODULE.get_or_try_init(py, import)?.bind(py);
    let (events, errors, fields) = (PyDict::new(py), PyDict::new(py), PyDict::new(py));
    for event in &metrics.events {
        events.set_item((event.kind, event.outcome.as_str()), event.count)?;
    }
    for error in &metrics.errors {
        errors.set_item(error.code.name(), error.count)?;
    }
    fields.set_item("events", events)?;
    fields.set_item("errors", errors)?;
    fields.set_item("bindings", calls(py, &metrics.bindings)?)?;
    fields.set_item("cpu_ms", histogram(module, &metrics.cpu_ms)?)?;
    fields.set_item("wall_ms", histogram(module, &metrics.wall_ms)?)?;
    let counts = [
        ("starts", metrics.starts),
        ("hibernations", metrics.hibernations),
        ("evictions", metrics.evictions),
        ("alarms_fired", metrics.alarms_fired),
        ("alarms_retried", metrics.alarms_retried),
        ("alarms_failed", metrics.alarms_failed),
        ("loads", metrics.loads),
        ("cache_hits", metrics.cache_hits),
        ("log_bytes", metrics.log_bytes),
        ("tail_events", metrics.tail_events),
        ("tail_events_dropped", metrics.tail_events_dropped),
        ("warm_actors", metrics.warm_actors),
        ("open_databases", metrics.open_databases),
    ];
    for (name, count) in counts {
        fields.set_item(name, count)?;
    }
    module.getattr("Metrics")?.call((), Some(&fields))
}

fn histogram<'py>(module: &Bound<'py, PyModule>, from: &Histogram) -> PyResult<Bound<'py, PyAny>> {
    let args = (Histogram::BOUNDS_MS, &from.counts, from.sum);
    module.getattr("Histogram")?.call1(args)
}
