//! The wall clock, or one that a test sets.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use event_listener::{Event as Signal, EventListener};

/// A clock that stands still until it is moved, for tests of alarms.
///
/// Cloning is cheap; clones are the same clock. It replaces the wall clock of the runtime that is opened
/// with it: what `Date.now()` tells guests, and when alarms are due. Limits and timers go by real time.
#[derive(Clone)]
pub struct ManualClock(Arc<Manual>);

struct Manual {
    now_ms: AtomicI64,
    moved: Signal,
}

impl ManualClock {
    /// A clock that stands at `now_ms`, in Unix milliseconds.
    pub fn new(now_ms: i64) -> ManualClock {
        ManualClock(Arc::new(Manual { now_ms: AtomicI64::new(now_ms), moved: Signal::new() }))
    }

    /// What it shows, in Unix milliseconds.
    pub fn now_ms(&self) -> i64 {
        self.0.now_ms.load(Ordering::Acquire)
    }

    /// Sets it. Alarms that are due by then fire.
    pub fn set_ms(&self, now_ms: i64) {
        self.0.now_ms.store(now_ms, Ordering::Release);
        self.0.moved.notify(usize::MAX);
    }

    /// Moves it on.
    pub fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.set_ms(self.now_ms().saturating_add(by));
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ManualClock({})", self.now_ms())
    }
}

/// The clock of one runtime.
#[derive(Clone, Debug)]
pub(crate) enum Clock {
    System,
    Manual(ManualClock),
}

impl Clock {
    /// The time in Unix milliseconds.
    pub fn now_ms(&self) -> i64 {
        match self {
            Clock::Manual(clock) => clock.now_ms(),
            Clock::System => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                now.as_millis() as i64
            }
        }
    }

    /// How long to wait until `time_ms`; `None` if that is for somebody else to say.
    pub fn until(&self, time_ms: i64) -> Option<Duration> {
        match self {
            Clock::Manual(_) => None,
            Clock::System => {
                Some(Duration::from_millis(u64::try_from(time_ms - self.now_ms()).unwrap_or(0)))
            }
        }
    }

    /// Hears when a manual clock is moved.
    pub fn moved(&self) -> Option<EventListener> {
        match self {
            Clock::Manual(clock) => Some(clock.0.moved.listen()),
            Clock::System => None,
        }
    }
}
