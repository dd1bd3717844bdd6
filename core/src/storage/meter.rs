//! What an actor has used: counters that only grow, kept in its database.
//!
//! They are saved with commits that happen anyway, when the last save is some seconds old, and when the database
//! is closed, or would be if it were open. A crash loses what came after the last save, and a power cut that of the
//! last closing.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::connection::Connection;
use super::failure::Failure;
use super::own::Own;
use super::raw::{Bind, Column};

/// Age of the last save from which on commits save again.
const INTERVAL: Duration = Duration::from_secs(5);

/// What is counted, in the order of the stored list.
#[derive(Clone, Copy)]
pub(crate) enum Used {
    Events,
    CpuMicros,
    RowsRead,
    RowsWritten,
    BytesIn,
    BytesOut,
    Subrequests,
}

const COUNTERS: usize = Used::Subrequests as usize + 1;

/// The counters' values.
pub(crate) type Amounts = [u64; COUNTERS];

/// What an actor has used since it was made.
#[derive(Default)]
pub(crate) struct Meter {
    used: [AtomicU64; COUNTERS],
    /// The part of it that is in the database.
    saved: [AtomicU64; COUNTERS],
    /// CPU time since this was made, of which whole microseconds are in `used`.
    cpu_ns: AtomicU64,
}

impl Meter {
    pub fn add(&self, what: Used, amount: u64) {
        if amount > 0 {
            self.used[what as usize].fetch_add(amount, Ordering::Relaxed);
        }
    }

    /// Counts an event that has ended. Whoever sees that it is counted sees what it has used, too.
    pub fn add_event(&self, cpu: Duration, used: [(Used, u64); 3]) {
        self.add_cpu(cpu);
        for (what, amount) in used {
            self.add(what, amount);
        }
        self.used[Used::Events as usize].fetch_add(1, Ordering::Release);
    }

    /// Adds CPU time. What is less than a microsecond counts with what comes next.
    fn add_cpu(&self, time: Duration) {
        let time = time.as_nanos() as u64;
        let before = self.cpu_ns.fetch_add(time, Ordering::Relaxed) % 1_000;
        self.add(Used::CpuMicros, (before + time) / 1_000);
    }

    /// Adds what somebody else has used who is gone.
    pub fn add_all(&self, amounts: Amounts) {
        for (used, amount) in self.used.iter().zip(amounts) {
            used.fetch_add(amount, Ordering::Relaxed);
        }
    }

    pub fn get(&self, what: Used) -> u64 {
        self.used[what as usize].load(Ordering::Relaxed)
    }

    /// What isn't in the database yet.
    pub fn unsaved(&self) -> Amounts {
        // The number of events is read first, see `add_event`.
        let left = |at: usize| {
            let saved = self.saved[at].load(Ordering::Relaxed);
            self.used[at].load(Ordering::Acquire).wrapping_sub(saved)
        };
        std::array::from_fn(left)
    }

    /// What isn't in the database yet, which is going to be kept elsewhere.
    pub fn take_unsaved(&self) -> Amounts {
        let unsaved = self.unsaved();
        self.settle(unsaved);
        unsaved
    }

    fn settle(&self, amounts: Amounts) {
        for (saved, amount) in self.saved.iter().zip(amounts) {
            saved.fetch_add(amount, Ordering::Relaxed);
        }
    }
}

pub(super) fn sum(one: Amounts, other: Amounts) -> Amounts {
    std::array::from_fn(|at| one[at].wrapping_add(other[at]))
}

/// What takes amounts off where it is added: of an actor's own sum that can leave less than nothing, which what is
/// below it makes up for.
pub(crate) fn negated(amounts: Amounts) -> Amounts {
    amounts.map(u64::wrapping_neg)
}

/// Reads a stored list, to which later versions add numbers; what isn't one counts nothing.
pub(super) fn parse(text: &[u8]) -> Amounts {
    let list: Vec<i64> = serde_json::from_slice(text).unwrap_or_default();
    std::array::from_fn(|at| list.get(at).copied().unwrap_or_default() as u64)
}

/// A save that takes effect with the transaction that it is in.
#[must_use]
pub(super) struct Save(Amounts);

impl Save {
    /// Notes that it is committed.
    pub fn committed(self, connection: &mut Connection) {
        connection.db.guard().meter().settle(self.0);
        connection.usage_saved = Instant::now();
    }
}

impl Connection {
    /// Saves the counters within the transaction that is open, unless that was done not long ago.
    pub(super) fn save_usage_if_due(&mut self) -> Result<Option<Save>, Failure> {
        match self.usage_saved.elapsed() >= INTERVAL {
            true => self.save_usage(),
            false => Ok(None),
        }
    }

    fn save_usage(&mut self) -> Result<Option<Save>, Failure> {
        let unsaved = self.db.guard().meter().unsaved();
        if unsaved == Amounts::default() {
            return Ok(None);
        }
        let statement = self.own(Own::Usage)?;
        let mut stored = Amounts::default();
        self.db.run(statement, &[], |db| {
            if let Column::Text(text) = db.column(statement, 0) {
                stored = parse(text);
            }
            false
        })?;
        let text = format!("{:?}", sum(stored, unsaved).map(|amount| amount as i64));
        self.run(Own::SetUsage, &[Bind::Text(text.as_bytes())])?;
        Ok(Some(Save(unsaved)))
    }

    /// Saves the counters in a transaction of their own, before the database is closed.
    pub(super) fn save_usage_alone(&mut self) -> Result<(), Failure> {
        // What was never committed doesn't come to be for that.
        if self.backing().is_some_and(|backing| backing.is_new()) {
            return Ok(());
        }
        if self.db.guard().meter().unsaved() == Amounts::default() {
            return Ok(());
        }
        let save = self.run_last(Connection::save_usage)?;
        if let Some(save) = save {
            save.committed(self);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_of_less_than_a_microsecond_adds_up() {
        let meter = Meter::default();
        for nanos in [999, 1, 400, 400, 400, 5_000, 799] {
            meter.add_cpu(Duration::from_nanos(nanos));
        }
        assert_eq!(meter.get(Used::CpuMicros), 7);
        meter.add_cpu(Duration::from_nanos(1));
        assert_eq!(meter.get(Used::CpuMicros), 8);
    }

    #[test]
    fn events_that_are_counted_have_been_counted_whole() {
        const EVENTS: u64 = 100_000;
        let meter = Meter::default();
        let event = || {
            let used = [(Used::BytesIn, 1), (Used::BytesOut, 1), (Used::Subrequests, 1)];
            meter.add_event(Duration::from_micros(1), used);
        };
        std::thread::scope(|scope| {
            scope.spawn(|| (0..EVENTS).for_each(|_| event()));
            loop {
                let [events, cpu, _, _, bytes_in, bytes_out, subrequests] = meter.unsaved();
                for used in [cpu, bytes_in, bytes_out, subrequests] {
                    assert!(used >= events, "{used} of {events} events");
                }
                if events == EVENTS {
                    return;
                }
            }
        });
    }

    #[test]
    fn lists_of_other_versions_are_read_as_far_as_they_are_known() {
        assert_eq!(parse(b"[1, 2, 3, 4, 5, 6]"), [1, 2, 3, 4, 5, 6, 0]);
        assert_eq!(parse(b"[1, 2, 3, 4, 5, 6, 7, 8]"), [1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(parse(b"{}"), Amounts::default());
        assert_eq!(sum(parse(b"[-2]"), [3, 0, 0, 0, 0, 0, 0]), [1, 0, 0, 0, 0, 0, 0]);
    }
}
