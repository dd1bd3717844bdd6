//! The counters behind the metrics. Each event adds to a few of them, so those are spread over shards:
//! threads that run events side by side don't write to the same memory, and few of them need atomic additions.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use super::{ErrorCount, EventCount, Histogram, Metrics};
use crate::bindings::Totals;
use crate::error::ErrorCode;
use crate::tail::Outcome;

/// Upper bounds of the ranges of times, in milliseconds.
pub(super) const BOUNDS_MS: [f64; 12] =
    [0.01, 0.1, 1.0, 5.0, 10.0, 25.0, 50.0, 100.0, 500.0, 1_000.0, 5_000.0, 30_000.0];

const SHARDS: usize = 8;

/// What an event was, as a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventKind {
    Fetch,
    Rpc,
    Alarm,
    Tail,
    Task,
}

impl EventKind {
    const ALL: [EventKind; 5] =
        [EventKind::Fetch, EventKind::Rpc, EventKind::Alarm, EventKind::Tail, EventKind::Task];

    pub const fn as_str(self) -> &'static str {
        match self {
            EventKind::Fetch => "fetch",
            EventKind::Rpc => "rpc",
            EventKind::Alarm => "alarm",
            EventKind::Tail => "tail",
            EventKind::Task => "task",
        }
    }
}

/// Something that happens less often than events do.
#[derive(Clone, Copy)]
pub(crate) enum Count {
    Starts,
    Hibernations,
    Evictions,
    AlarmsFired,
    AlarmsRetried,
    AlarmsFailed,
    Loads,
    CacheHits,
    LogBytes,
    TailEvents,
    TailEventsDropped,
}

const COUNTS: usize = Count::TailEventsDropped as usize + 1;

/// The counters of one runtime.
pub(crate) struct Counters {
    shards: [Shard; SHARDS],
    /// Of threads without a shard of their own.
    shared: Shard,
    errors: [AtomicU64; ErrorCode::ALL.len()],
    counts: [AtomicU64; COUNTS],
    pub bindings: Totals,
}

/// What threads of one shard have counted; aligned so that two never share a line of the cache.
#[repr(align(128))]
#[derive(Default)]
struct Shard {
    /// The thread whose shard it is; others count in the shared one. That is told by where its thread-local memory
    /// is: who has the same place later comes after it.
    owner: AtomicUsize,
    events: [[AtomicU64; Outcome::ALL.len()]; EventKind::ALL.len()],
    cpu: Times,
    wall: Times,
}

#[derive(Default)]
struct Times {
    counts: [AtomicU64; BOUNDS_MS.len() + 1],
    sum_ns: AtomicU64,
}

/// Adds to a counter. `own`: only this thread does, which needs no atomic addition.
fn add(counter: &AtomicU64, number: u64, own: bool) {
    if own {
        counter.store(counter.load(Ordering::Relaxed).wrapping_add(number), Ordering::Relaxed);
    } else {
        counter.fetch_add(number, Ordering::Relaxed);
    }
}

impl Times {
    fn add(&self, time: Duration, own: bool) {
        let ns = time.as_secs().saturating_mul(1_000_000_000) + u64::from(time.subsec_nanos());
        let over = BOUNDS_MS.iter().take_while(|bound| ns as f64 > **bound * 1e6).count();
        add(&self.counts[over], 1, own);
        add(&self.sum_ns, ns, own);
    }
}

thread_local! {
    static HERE: u8 = const { 0 };
}

impl Counters {
    /// The shard that this thread counts in, and whether no other one does.
    fn shard(&self) -> (&Shard, bool) {
        let here = HERE.with(|here| std::ptr::from_ref(here).addr());
        let hash = (here as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let shard = &self.shards[(hash >> (64 - SHARDS.ilog2())) as usize];
        let owner = match shard.owner.load(Ordering::Relaxed) {
            0 => {
                let claim =
                    shard.owner.compare_exchange(0, here, Ordering::Relaxed, Ordering::Relaxed);
                claim.map_or_else(|other| other, |_| here)
            }
            owner => owner,
        };
        if owner == here { (shard, true) } else { (&self.shared, false) }
    }
}

impl Default for Counters {
    fn default() -> Counters {
        Counters {
            shards: Default::default(),
            shared: Shard::default(),
            errors: [const { AtomicU64::new(0) }; ErrorCode::ALL.len()],
            counts: Default::default(),
            bindings: Totals::default(),
        }
    }
}

impl Counters {
    /// Counts an event that has ended.
    pub fn event(&self, kind: EventKind, outcome: Outcome, cpu: Duration, wall: Duration) {
        let (shard, own) = self.shard();
        add(&shard.events[kind as usize][outcome as usize], 1, own);
        shard.wall.add(wall, own);
        if !cpu.is_zero() {
            shard.cpu.add(cpu, own);
        }
    }

    /// Counts the error that an event has ended with.
    pub fn error(&self, code: ErrorCode) {
        if let Some(at) = ErrorCode::ALL.iter().position(|known| *known == code) {
            self.errors[at].fetch_add(1, Ordering::Relaxed);
        }
    }

    pub fn add(&self, count: Count, number: u64) {
        self.counts[count as usize].fetch_add(number, Ordering::Relaxed);
    }

    /// The numbers, without those of what the runtime keeps now.
    pub fn snapshot(&self) -> Metrics {
        let sum = |of: &dyn Fn(&Shard) -> &AtomicU64| -> u64 {
            let shards = self.shards.iter().chain([&self.shared]);
            shards.map(|shard| of(shard).load(Ordering::Relaxed)).sum()
        };
        let times = |of: fn(&Shard) -> &Times| Histogram {
            counts: (0..=BOUNDS_MS.len()).map(|at| sum(&|shard| &of(shard).counts[at])).collect(),
            sum: sum(&|shard| &of(shard).sum_ns) as f64 / 1e6,
        };
        let pairs = EventKind::ALL
            .into_iter()
            .flat_map(|kind| Outcome::ALL.iter().map(move |outcome| (kind, *outcome)));
        let events = pairs.map(|(kind, outcome)| EventCount {
            kind: kind.as_str(),
            outcome,
            count: sum(&|shard| &shard.events[kind as usize][outcome as usize]),
        });
        let errors = ErrorCode::ALL.iter().zip(&self.errors);
        let errors = errors
            .map(|(code, count)| ErrorCount { code: *code, count: count.load(Ordering::Relaxed) });
        let count = |count: Count| self.counts[count as usize].load(Ordering::Relaxed);
        Metrics {
            events: events.filter(|event| event.count > 0).collect(),
            errors: errors.filter(|error| error.count > 0).collect(),
            bindings: self.bindings.list(),
            cpu_ms: times(|shard| &shard.cpu),
            wall_ms: times(|shard| &shard.wall),
            starts: count(Count::Starts),
            hibernations: count(Count::Hibernations),
            evictions: count(Count::Evictions),
            alarms_fired: count(Count::AlarmsFired),
            alarms_retried: count(Count::AlarmsRetried),
            alarms_failed: count(Count::AlarmsFailed),
            loads: count(Count::Loads),
            cache_hits: count(Count::CacheHits),
            log_bytes: count(Count::LogBytes),
            tail_events: count(Count::TailEvents),
            tail_events_dropped: count(Count::TailEventsDropped),
            warm_actors: 0,
            open_databases: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_threads_have_counted_adds_up() {
        let counters = Counters::default();
        std::thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| {
                    let (cpu, wall) = (Duration::from_micros(50), Duration::from_millis(2));
                    counters.event(EventKind::Rpc, Outcome::Ok, cpu, wall);
                    counters.event(EventKind::Fetch, Outcome::Canceled, Duration::ZERO, wall);
                    counters.error(ErrorCode::LimitCpu);
                    counters.add(Count::LogBytes, 3);
                });
            }
        });
        let metrics = counters.snapshot();
        let count = |kind, outcome| EventCount { kind, outcome, count: 20 };
        assert_eq!(metrics.events, [count("fetch", Outcome::Canceled), count("rpc", Outcome::Ok)]);
        assert_eq!(metrics.errors, [ErrorCount { code: ErrorCode::LimitCpu, count: 20 }]);
        assert_eq!((metrics.log_bytes, metrics.starts), (60, 0));
        assert_eq!((metrics.cpu_ms.count(), metrics.wall_ms.count()), (20, 40));
        assert!(
            (metrics.cpu_ms.sum - 1.0).abs() < 1e-9 && (metrics.wall_ms.sum - 80.0).abs() < 1e-9
        );
    }

    #[test]
    fn a_bound_belongs_to_the_range_below_it() {
        let times = Times::default();
        for time in [10_000, 10_001, 1_000_000, 30_000_000_001] {
            times.add(Duration::from_nanos(time), true);
        }
        let counts = times.counts.map(AtomicU64::into_inner);
        assert_eq!(counts, [1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    }
}
