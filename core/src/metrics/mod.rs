//! Metrics: what a runtime has done since it was opened, as numbers with a closed set of labels.

mod counters;
mod text;

pub(crate) use counters::{Count, Counters, EventKind};

use crate::bindings::BindingCalls;
use crate::error::ErrorCode;
use crate::runtime::Runtime;
use crate::tail::Outcome;

/// What a runtime has done since it was opened, and what it keeps now.
///
/// The numbers are read one after the other while events go on, so they may be apart by what happened meanwhile.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Metrics {
    /// Events by type and outcome; those that never happened are left out.
    pub events: Vec<EventCount>,
    /// Failed events by the code of their error; codes that never came are left out.
    pub errors: Vec<ErrorCount>,
    /// How often the bindings of guests' `env` were called, in order of their names.
    pub bindings: Vec<BindingCalls>,
    /// CPU time of guests for each event, in milliseconds.
    pub cpu_ms: Histogram,
    /// Time from delivery to answer of each event, in milliseconds.
    pub wall_ms: Histogram,
    /// Instances that were started.
    pub starts: u64,
    /// Instances that were dropped because they were idle.
    pub hibernations: u64,
    /// Instances that were dropped because too many were warm.
    pub evictions: u64,
    /// Alarms whose handler ran.
    pub alarms_fired: u64,
    /// Alarms that failed and are tried again.
    pub alarms_retried: u64,
    /// Alarms that were given up after their last retry.
    pub alarms_failed: u64,
    /// Codes that were loaded.
    pub loads: u64,
    /// Codes that a loader found in its cache.
    pub cache_hits: u64,
    /// Log text of guests in bytes, without what was cut.
    pub log_bytes: u64,
    /// Tail events that were put into a listener's queue.
    pub tail_events: u64,
    /// Tail events that were dropped because a listener was too slow.
    pub tail_events_dropped: u64,
    /// Actors that have an instance now.
    pub warm_actors: u64,
    /// Databases that are open now.
    pub open_databases: u64,
}

/// How many events of a type ended in one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventCount {
    /// The type, as [`TailInfo::kind`](crate::TailInfo::kind) answers it.
    pub kind: &'static str,
    /// How they ended.
    pub outcome: Outcome,
    /// How many.
    pub count: u64,
}

/// How many events failed with one code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorCount {
    /// The code.
    pub code: ErrorCode,
    /// How many.
    pub count: u64,
}

/// How values are spread over fixed ranges.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// How many values were at most [`Histogram::BOUNDS_MS`] of the same index (and above the bound before);
    /// the last number is of those above all bounds.
    pub counts: Vec<u64>,
    /// The sum of all values.
    pub sum: f64,
}

impl Histogram {
    /// The upper bounds of the ranges, in milliseconds.
    pub const BOUNDS_MS: &'static [f64] = &counters::BOUNDS_MS;

    /// How many values there were.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

impl Runtime {
    /// What the runtime has done since it was opened. Also after it was closed.
    pub fn metrics(&self) -> Metrics {
        let inner = self.inner();
        let mut metrics = inner.metrics.snapshot();
        metrics.warm_actors = inner.warm.count() as u64;
        metrics.open_databases = inner.disk.open_count() as u64;
        metrics
    }

    /// [`Runtime::metrics`] in the text format of Prometheus: names begin with `facetbox_`, times are in
    /// seconds.
    pub fn metrics_text(&self) -> String {
        text::write(&self.metrics())
    }
}
