//! What a runtime has done, as numbers.

use napi_derive::napi;

/// What a runtime has done since it was opened, and what it keeps now.
#[napi(object, object_from_js = false)]
pub struct Metrics {
    /// Events by type and outcome.
    pub events: Vec<EventCount>,
    /// Failed events by the code of their error.
    pub errors: Vec<ErrorCount>,
    /// How often the bindings of guests' `env` were called.
    pub bindings: Vec<BindingCalls>,
    /// CPU time of guests for each event, in milliseconds.
    pub cpu_ms: Histogram,
    /// Time from delivery to answer of each event, in milliseconds.
    pub wall_ms: Histogram,
    /// Instances that were started.
    pub starts: f64,
    /// Instances dropped because they were idle.
    pub hibernations: f64,
    /// Instances dropped because too many were warm.
    pub evictions: f64,
    /// Alarms whose handler ran.
    pub alarms_fired: f64,
    /// Alarms that failed and are tried again.
    pub alarms_retried: f64,
    /// Alarms given up after their last retry.
    pub alarms_failed: f64,
    /// Codes that were loaded.
    pub loads: f64,
    /// Codes that a loader found in its cache.
    pub cache_hits: f64,
    /// Log text of guests in bytes.
    pub log_bytes: f64,
    /// Tail events queued for listeners.
    pub tail_events: f64,
    /// Tail events dropped because a listener was too slow.
    pub tail_events_dropped: f64,
    /// Objects and facets that have an instance now.
    pub warm_actors: f64,
    /// Databases that are open now.
    pub open_databases: f64,
}

/// How many events of a type ended in one way.
#[napi(object, object_from_js = false)]
pub struct EventCount {
    /// The type.
    pub r#type: &'static str,
    /// How they ended.
    pub outcome: &'static str,
    /// How many.
    pub count: f64,
}

/// How often a binding was called.
#[napi(object, object_from_js = false)]
pub struct BindingCalls {
    /// Its name.
    pub name: String,
    /// How often.
    pub calls: f64,
}

/// How many events failed with one code.
#[napi(object, object_from_js = false)]
pub struct ErrorCount {
    /// The code.
    pub code: &'static str,
    /// How many.
    pub count: f64,
}

/// How values are spread over ranges.
#[napi(object, object_from_js = false)]
pub struct Histogram {
    /// The upper bounds of all ranges but the last, which has none.
    pub bounds: Vec<f64>,
    /// How many values each range has.
    pub counts: Vec<f64>,
    /// The sum of all values.
    pub sum: f64,
}

impl From<facetbox::Histogram> for Histogram {
    fn from(histogram: facetbox::Histogram) -> Histogram {
        Histogram {
            bounds: facetbox::Histogram::BOUNDS_MS.to_vec(),
            counts: histogram.counts.into_iter().map(|count| count as f64).collect(),
            sum: histogram.sum,
        }
    }
}

impl From<facetbox::Metrics> for Metrics {
    fn from(metrics: facetbox::Metrics) -> Metrics {
        let event = |event: facetbox::EventCount| EventCount {
            r#type: event.kind,
            outcome: event.outcome.as_str(),
            count: event.count as f64,
        };
        let error = |error: facetbox::ErrorCount| ErrorCount {
            code: error.code.name(),
            count: error.count as f64,
        };
        let calls = |binding: facetbox::BindingCalls| BindingCalls {
            name: binding.name,
            calls: binding.calls as f64,
        };
        Metrics {
            bindings: metrics.bindings.into_iter().map(calls).collect(),
            events: metrics.events.into_iter().map(event).collect(),
            errors: metrics.errors.into_iter().map(error).collect(),
            cpu_ms: metrics.cpu_ms.into(),
            wall_ms: metrics.wall_ms.into(),
            starts: metrics.starts as f64,
            hibernations: metrics.hibernations as f64,
            evictions: metrics.evictions as f64,
            alarms_fired: metrics.alarms_fired as f64,
            alarms_retried: metrics.alarms_retried as f64,
            alarms_failed: metrics.alarms_failed as f64,
            loads: metrics.loads as f64,
            cache_hits: metrics.cache_hits as f64,
            log_bytes: metrics.log_bytes as f64,
            tail_events: metrics.tail_events as f64,
            tail_events_dropped: metrics.tail_events_dropped as f64,
            warm_actors: metrics.warm_actors as f64,
            open_databases: metrics.open_databases as f64,
        }
    }
}
