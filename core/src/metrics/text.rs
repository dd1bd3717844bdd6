//! The text format of Prometheus. Written here, because the numbers are a finished snapshot: a crate for it
//! would want to own the counters.

use std::fmt::{Display, Write};

use super::{Histogram, Metrics};

pub(super) fn write(metrics: &Metrics) -> String {
    let mut text = Text(String::new());
    text.head("events_total", "counter", "Events by type and outcome.");
    for event in &metrics.events {
        let labels = format!("{{type=\"{}\",outcome=\"{}\"}}", event.kind, event.outcome);
        text.line("events_total", &labels, event.count);
    }
    text.head("errors_total", "counter", "Failed events by error code.");
    for error in &metrics.errors {
        text.line("errors_total", &format!("{{code=\"{}\"}}", error.code), error.count);
    }
    text.head("binding_calls_total", "counter", "Calls of guests' bindings by name.");
    for binding in &metrics.bindings {
        let labels = format!("{{binding=\"{}\"}}", escaped(&binding.name));
        text.line("binding_calls_total", &labels, binding.calls);
    }
    text.times("event_cpu_seconds", "CPU time of guests for each event.", &metrics.cpu_ms);
    text.times(
        "event_wall_seconds",
        "Time from delivery to answer of each event.",
        &metrics.wall_ms,
    );
    for (name, help, number) in [
        ("starts_total", "Instances started.", metrics.starts),
        ("hibernations_total", "Instances dropped because they were idle.", metrics.hibernations),
        ("evictions_total", "Instances dropped because too many were warm.", metrics.evictions),
        ("alarms_fired_total", "Alarms whose handler ran.", metrics.alarms_fired),
        ("alarms_retried_total", "Alarms that failed and are tried again.", metrics.alarms_retried),
        ("alarms_failed_total", "Alarms given up after their last retry.", metrics.alarms_failed),
        ("loads_total", "Codes loaded.", metrics.loads),
        ("cache_hits_total", "Codes found in a loader's cache.", metrics.cache_hits),
        ("log_bytes_total", "Log text of guests.", metrics.log_bytes),
        ("tail_events_total", "Tail events queued for listeners.", metrics.tail_events),
        ("tail_events_dropped_total", "Tail events dropped.", metrics.tail_events_dropped),
    ] {
        text.head(name, "counter", help);
        text.line(name, "", number);
    }
    for (name, help, number) in [
        ("warm_actors", "Actors that have an instance.", metrics.warm_actors),
        ("open_databases", "Databases that are open.", metrics.open_databases),
    ] {
        text.head(name, "gauge", help);
        text.line(name, "", number);
    }
    text.0
}

/// A label's value: a guest's supervisor may have chosen it.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

struct Text(String);

impl Text {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP facetbox_{name} {help}\n# TYPE facetbox_{name} {kind}");
    }

    fn line(&mut self, name: &str, labels: &str, number: impl Display) {
        let _ = writeln!(self.0, "facetbox_{name}{labels} {number}");
    }

    /// A histogram: the format's ranges have no lower bound.
    fn times(&mut self, name: &str, help: &str, times: &Histogram) {
        self.head(name, "histogram", help);
        let bounds = Histogram::BOUNDS_MS.iter().map(|bound| (bound / 1e3).to_string());
        let mut count = 0;
        for (bound, number) in bounds.chain(["+Inf".to_owned()]).zip(&times.counts) {
            count += number;
            self.line(&format!("{name}_bucket"), &format!("{{le=\"{bound}\"}}"), count);
        }
        self.line(&format!("{name}_sum"), "", times.sum / 1e3);
        self.line(&format!("{name}_count"), "", count);
    }
}
