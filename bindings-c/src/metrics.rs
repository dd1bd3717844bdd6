//! What a runtime has done, as numbers.

use std::mem::MaybeUninit;

use facetbox::{BindingCalls, ErrorCount, EventCount, Histogram, Metrics, Value, ValueMap};

use crate::error::facetbox_error_t;
use crate::guard::guard;
use crate::handle::{required, write};
use crate::runtime::facetbox_runtime_t;
use crate::value::{count, facetbox_value_t, list};

/// Writes a map into `*out` that tells what the runtime has done since it was opened; also after it was
/// closed.
///
/// Counts: `starts`, `hibernations`, `evictions` of instances; `alarmsFired`, `alarmsRetried`,
/// `alarmsFailed`; `loads` and `cacheHits` of code; `logBytes`; `tailEvents`, `tailEventsDropped`. What is
/// kept now: `warmActors`, `openDatabases`. `events` is a list of maps with `type`, `outcome`, `count`,
/// `errors` one of maps with `code` and `count`, `bindings` one of maps with `name` and `calls`: how often the
/// bindings of guests' `env` were called, beyond 256 names as `(others)`. `cpuMs` and `wallMs` of events are histograms: maps with
/// `bounds` (the upper bounds of ranges, in milliseconds), `counts` (one more, for what is above all
/// bounds) and `sum`.
///
/// Owns: the caller, `*out`.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_runtime_metrics(
    runtime: Option<&facetbox_runtime_t>,
    out: Option<&mut MaybeUninit<Box<facetbox_value_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let metrics = required(runtime, "runtime")?.get().metrics();
        write(out, facetbox_value_t::boxed(metrics_value(&metrics)))
    })
}

/// Writes the metrics into `*out` as text in the format of Prometheus: names begin with `facetbox_`, times
/// are in seconds.
///
/// Owns: the caller, `*out`.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_runtime_metrics_text(
    runtime: Option<&facetbox_runtime_t>,
    out: Option<&mut MaybeUninit<Box<facetbox_value_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let text = required(runtime, "runtime")?.get().metrics_text();
        write(out, facetbox_value_t::boxed(text))
    })
}

fn metrics_value(metrics: &Metrics) -> ValueMap {
    ValueMap::from_iter([
        ("events", list(metrics.events.iter().map(event))),
        ("errors", list(metrics.errors.iter().map(error))),
        ("bindings", list(metrics.bindings.iter().map(binding))),
        ("cpuMs", histogram(&metrics.cpu_ms)),
        ("wallMs", histogram(&metrics.wall_ms)),
        ("starts", count(metrics.starts)),
        ("hibernations", count(metrics.hibernations)),
        ("evictions", count(metrics.evictions)),
        ("alarmsFired", count(metrics.alarms_fired)),
        ("alarmsRetried", count(metrics.alarms_retried)),
        ("alarmsFailed", count(metrics.alarms_failed)),
        ("loads", count(metrics.loads)),
        ("cacheHits", count(metrics.cache_hits)),
        ("logBytes", count(metrics.log_bytes)),
        ("tailEvents", count(metrics.tail_events)),
        ("tailEventsDropped", count(metrics.tail_events_dropped)),
        ("warmActors", count(metrics.warm_actors)),
        ("openDatabases", count(metrics.open_databases)),
    ])
}

fn event(event: &EventCount) -> ValueMap {
    ValueMap::from_iter([
        ("type", Value::from(event.kind)),
        ("outcome", event.outcome.as_str().into()),
        ("count", count(event.count)),
    ])
}

fn error(error: &ErrorCount) -> ValueMap {
    ValueMap::from_iter([("code", Value::from(error.code.name())), ("count", count(error.count))])
}

fn binding(binding: &BindingCalls) -> ValueMap {
    ValueMap::from_iter([
        ("name", Value::from(binding.name.as_str())),
        ("calls", count(binding.calls)),
    ])
}

fn histogram(histogram: &Histogram) -> Value {
    Value::Map(ValueMap::from_iter([
        ("bounds", list(Histogram::BOUNDS_MS.iter().copied())),
        ("counts", list(histogram.counts.iter().map(|number| count(*number)))),
        ("sum", Value::Float(histogram.sum)),
    ]))
}
