//! What an event collects for its listeners, and its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::Outcome;
use super::event::{LogLevel, TailEvent, TailException, TailInfo, TailLog};
use crate::actor::{Actor, ActorId, Event, Message};
use crate::bindings::BindingCalls;
use crate::error::{Error, Result};
use crate::metrics::{Count, EventKind};
use crate::storage::{Storage, Used};
use crate::value::Value;

/// What a line of the log or an exception counts beside its text, so that empty ones have a limit too.
const ENTRY_BYTES: u64 = 32;

/// What an event that somebody listens to has collected so far.
pub(crate) struct Record {
    info: TailInfo,
    timestamp: i64,
    texts: Mutex<Texts>,
    read: Rows,
    written: Rows,
}

/// Rows of the actor's that were touched while the event had the turn.
#[derive(Default)]
struct Rows {
    /// The actor's own count when the event took the turn.
    before: AtomicU64,
    count: AtomicU64,
}

impl Rows {
    /// The turn was taken (or is given up) at this count of the actor's; answers what was added.
    fn turn(&self, taken: bool, now: u64) -> u64 {
        if taken {
            self.before.store(now, Ordering::Relaxed);
            return 0;
        }
        let touched = now.saturating_sub(self.before.swap(now, Ordering::Relaxed));
        self.count.fetch_add(touched, Ordering::Relaxed);
        touched
    }
}

#[derive(Default)]
struct Texts {
    logs: Vec<TailLog>,
    exceptions: Vec<TailException>,
    /// What the exceptions of work that was left behind take.
    exception_bytes: u64,
    truncated: bool,
}

impl Record {
    fn new(info: TailInfo, timestamp: i64) -> Record {
        Record {
            info,
            timestamp,
            texts: Mutex::default(),
            read: Rows::default(),
            written: Rows::default(),
        }
    }

    /// Counts rows for the event that takes the turn or gives it up. An ancestor that keeps the turn
    /// meanwhile hasn't touched them.
    pub fn turn(&self, event: &Event, taken: bool) {
        let Ok(storage) = event.actor.storage() else { return };
        let meter = storage.meter();
        let keeper = event.keeper().and_then(|keeper| keeper.record());
        for (what, rows, others) in [
            (Used::RowsRead, &self.read, keeper.map(|keeper| &keeper.read)),
            (Used::RowsWritten, &self.written, keeper.map(|keeper| &keeper.written)),
        ] {
            let touched = rows.turn(taken, meter.get(what));
            if let Some(others) = others {
                others.before.fetch_add(touched, Ordering::Relaxed);
            }
        }
    }
}

impl TailInfo {
    /// What a message is to the actor that gets it.
    pub(crate) fn of(message: &Message) -> TailInfo {
        match message {
            Message::Fetch(request) => TailInfo::Fetch {
                method: request.method().to_owned(),
                url: request.url().to_owned(),
                status: None,
            },
            Message::Call { args, tail: true, .. } => TailInfo::Tail { consumed: consumed(args) },
            Message::Call { method, .. } => TailInfo::Rpc { method: method.clone() },
            Message::Get { property } => TailInfo::Rpc { method: property.clone() },
            Message::StartFacet { .. } => TailInfo::Rpc { method: "startFacet".to_owned() },
            Message::Alarm(info) => TailInfo::Alarm {
                scheduled_time: info.scheduled_time,
                retry_count: info.retry_count,
            },
        }
    }
}

/// The classes or exports that tail events are about.
fn consumed(args: &[Value]) -> Vec<String> {
    let items = args.first().and_then(Value::as_list).unwrap_or_default();
    let name = |item: &Value| item.as_map()?.get("entrypoint")?.as_str().map(str::to_owned);
    items.iter().filter_map(name).collect()
}

/// An event between its delivery and its end. Dropped before its end it was cancelled.
pub(crate) struct Observation<'a> {
    event: &'a Arc<Event>,
    kind: EventKind,
    bytes_out: usize,
    ended: bool,
}

impl<'a> Observation<'a> {
    /// Begins to collect what listeners want to know, if there are any.
    pub fn begin(
        event: &'a Arc<Event>,
        kind: EventKind,
        info: impl FnOnce() -> TailInfo,
    ) -> Observation<'a> {
        let actor = &event.actor;
        event.note_payer();
        if actor.is_observed() {
            event.set_record(Record::new(info(), actor.runtime.alarms.clock.now_ms()));
            if let Some(record) = event.record().filter(|_| event.is_holding()) {
                record.turn(event, true);
            }
        }
        Observation { event, kind, bytes_out: 0, ended: false }
    }

    /// Says how large the answer is.
    pub fn set_bytes_out(&mut self, bytes: usize) {
        self.bytes_out = bytes;
    }

    /// Tells how it ended: with the status of the response if there is one. For an order that listeners can
    /// rely on, the actor's turn is still held.
    pub fn end(mut self, ended: Result<Option<u16>, &Error>) {
        self.ended = true;
        match ended {
            Ok(status) => self.finish(Outcome::Ok, status),
            Err(error) => {
                let actor = &self.event.actor;
                actor.runtime.metrics.error(error.code());
                if let Some(record) = self.event.record() {
                    // Also when there have been so many that no other one is kept.
                    record.texts.lock().exceptions.push(self.event.exception(error));
                }
                let outcome = Outcome::of(error, &actor.path, actor.broken().is_some());
                self.finish(outcome, None);
            }
        }
    }

    fn finish(&self, outcome: Outcome, status: Option<u16>) {
        let event = self.event;
        let (cpu, wall) = (event.cpu_charged(), event.elapsed());
        event.actor.used(event.begun + wall);
        self.meter(cpu);
        let bindings = event.calls().list();
        event.actor.runtime.metrics.bindings.add(event.calls());
        event.actor.runtime.metrics.event(self.kind, outcome, cpu, wall);
        tracing::debug!(
            target: "facetbox",
            path = event.actor.path,
            kind = self.kind.as_str(),
            outcome = outcome.as_str(),
            cpu_ms = millis(cpu),
            wall_ms = millis(wall),
            "an event has ended"
        );
        if let Some(record) = event.record() {
            tell(event, record, outcome, status, wall, bindings);
        }
    }
}

impl Observation<'_> {
    /// Adds the event to what its actor has used, or whoever called that.
    fn meter(&self, cpu: Duration) {
        let event = self.event;
        match event.actor.storage() {
            Ok(storage) => self.meter_in(&event.actor, storage, cpu),
            Err(_) => {
                if let Some(payer) = event.payer()
                    && let Ok(storage) = payer.storage()
                {
                    self.meter_in(&payer, storage, cpu);
                }
            }
        }
    }

    fn meter_in(&self, payer: &Actor, storage: &Storage, cpu: Duration) {
        let used = [
            (Used::BytesIn, self.event.bytes_in()),
            (Used::BytesOut, self.bytes_out as u64),
            (Used::Subrequests, self.event.subrequests()),
        ];
        storage.meter().add_event(cpu, used);
        if payer.broken().is_some() {
            storage.save_late_usage();
        }
    }
}

impl Drop for Observation<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.finish(Outcome::Canceled, None);
        }
    }
}

impl Event {
    /// Logs a line: to `tracing`, and to the tail event if somebody listens. What is beyond the limit of
    /// log text is left out.
    pub fn log(&self, level: LogLevel, text: &str) {
        let limit = self.actor.limits.log_bytes;
        let size = text.len() as u64 + ENTRY_BYTES;
        let before = self.count_log_bytes(size);
        if before + size <= limit {
            self.actor.runtime.metrics.add(Count::LogBytes, text.len() as u64);
            log_to_tracing(&self.actor.path, level, text);
            self.add_log(level, text.to_owned());
        } else if before <= limit {
            // The first that doesn't fit; none fits afterwards.
            self.count_log_bytes(limit);
            let text = format!(
                "The log ends here: the event logged more than {limit} bytes, the limit logBytes of {}.",
                self.actor.path
            );
            log_to_tracing(&self.actor.path, LogLevel::Warn, &text);
            self.add_log(LogLevel::Warn, text);
            if let Some(record) = self.record() {
                record.texts.lock().truncated = true;
            }
        }
    }

    fn add_log(&self, level: LogLevel, message: String) {
        if let Some(record) = self.record() {
            let timestamp = self.actor.runtime.alarms.clock.now_ms();
            record.texts.lock().logs.push(TailLog { timestamp, level, message });
        }
    }

    /// Adds an error that nobody has caught to the tail event: a rejected promise, background work that
    /// failed. The error that the event ends with is added by its end.
    #[cfg_attr(
        not(feature = "quickjs"),
        expect(dead_code, reason = "only promises are left behind")
    )]
    pub fn add_exception(&self, error: &Error) {
        let path = &self.actor.path;
        tracing::warn!(target: "facetbox::guest", path, %error, "an error that nobody caught");
        let Some(record) = self.record() else { return };
        let stack = error.stack().map_or(0, str::len);
        let size = (error.message().len() + stack) as u64 + ENTRY_BYTES;
        let mut texts = record.texts.lock();
        texts.exception_bytes += size;
        if texts.exception_bytes > self.actor.limits.log_bytes {
            texts.truncated = true;
        } else {
            texts.exceptions.push(self.exception(error));
        }
    }

    fn exception(&self, error: &Error) -> TailException {
        TailException {
            timestamp: self.actor.runtime.alarms.clock.now_ms(),
            name: error.name().to_owned(),
            message: error.message().to_owned(),
            stack: error.stack().map(str::to_owned),
        }
    }
}

fn log_to_tracing(path: &str, level: LogLevel, text: &str) {
    match level {
        LogLevel::Debug => tracing::debug!(target: "facetbox::guest", path, "{text}"),
        LogLevel::Info | LogLevel::Log => tracing::info!(target: "facetbox::guest", path, "{text}"),
        LogLevel::Warn => tracing::warn!(target: "facetbox::guest", path, "{text}"),
        LogLevel::Error => tracing::error!(target: "facetbox::guest", path, "{text}"),
    }
}

/// Makes the tail event and hands it to whoever listens.
fn tell(
    event: &Event,
    record: &Record,
    outcome: Outcome,
    answered: Option<u16>,
    wall: Duration,
    bindings: Vec<BindingCalls>,
) {
    let actor = &event.actor;
    let mut info = record.info.clone();
    if let TailInfo::Fetch { status, .. } = &mut info {
        *status = answered;
    }
    if event.is_holding() {
        record.turn(event, false);
    }
    let texts = std::mem::take(&mut *record.texts.lock());
    let (root, facets) = lineage(actor);
    let object = match (&root.namespace, &root.id) {
        (Some(_), ActorId::Object(id)) => Some(id),
        _ => None,
    };
    let told = Arc::new(TailEvent {
        namespace: root.namespace.as_ref().map(|namespace| namespace.name().to_owned()),
        object_id: object.map(ToString::to_string),
        object_name: object.and_then(|id| id.name().map(str::to_owned)),
        facets,
        entrypoint: actor.class.name().to_owned(),
        event: info,
        outcome,
        timestamp: record.timestamp,
        cpu_ms: millis(event.cpu_charged()),
        wall_ms: millis(wall),
        logs: texts.logs,
        exceptions: texts.exceptions,
        truncated: texts.truncated,
        rows_read: record.read.count.load(Ordering::Relaxed),
        rows_written: record.written.count.load(Ordering::Relaxed),
        subrequests: event.subrequests(),
        bindings,
        dropped: 0,
    });
    // The receiver first: it is told of an event before it is told of what that calls forth.
    if let Some(receiver) = &actor.runtime.tail {
        receiver.send(&actor.runtime.metrics, told.clone());
    }
    if let Some(tails) = actor.tails().filter(|_| !event.is_of_tail()) {
        tails.send(&actor.runtime, &told);
    }
}

/// The root above an actor, and the names of the facets that lead from there to it.
fn lineage(actor: &Arc<Actor>) -> (&Arc<Actor>, Vec<String>) {
    let (mut root, mut facets) = (actor, Vec::new());
    while let Some((parent, name)) = root.parent() {
        facets.push(name.clone());
        root = parent;
    }
    facets.reverse();
    (root, facets)
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
