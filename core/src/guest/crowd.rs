//! Names and texts that were chosen to have one hash.
//!
//! Neither engine's hash has a secret, and both keep those of one hash in a chain, through which each is looked up, when it is made and when
//! it goes. What makes them ends at the limit of CPU time, but an object whose names have one hash goes at once. So each
//! engine looks at its chains from time to time, and a guest whose chains are much longer than chance makes them ends.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// CPU time between two looks. What is added to a chain within that takes no longer to be freed.
pub(super) const EVERY: Duration = Duration::from_millis(10);

/// Why a guest ends.
pub(super) const CROWDED: &str = "Thousands of names or texts have one hash in the engine, which looks up each among all of them";

/// Looks take no more than this part of a guest's CPU time.
const SHARE: u32 = 20;

/// Where steps through chains are too many: one chain of 4,096 has so many, of which half are done while it is freed.
const MOST: u64 = 1 << 24;
/// What each name has by chance, at most, with as many buckets as the engines have.
const BY_CHANCE: u64 = 8;

/// How many steps there may be in chains of so many names: the sum of the squares of their lengths.
pub(super) fn bound(names: usize) -> u64 {
    MOST + BY_CHANCE * names as u64
}

/// When a guest looks at its names.
#[derive(Default)]
pub(super) struct Looks {
    is_due: AtomicBool,
    /// CPU time in nanoseconds of runs that have ended since it was due last.
    ran: AtomicU64,
    /// CPU time in nanoseconds for which the last look was enough.
    rest: AtomicU64,
}

impl Looks {
    /// Has it look as soon as it can.
    pub fn order(&self) {
        self.is_due.store(true, Ordering::Relaxed);
    }

    /// Notes that the guest has run for so much CPU time; answers whether a look is due by that. Only one thread at a time
    /// does.
    pub fn note_run(&self, time: Duration) -> bool {
        let ran = self.ran.load(Ordering::Relaxed) + nanos(time);
        let is_due = ran >= nanos(EVERY);
        if is_due {
            self.order();
        }
        self.ran.store(if is_due { 0 } else { ran }, Ordering::Relaxed);
        is_due
    }

    /// Looks, if that is due. The guest's thread does, where its engine doesn't change what is looked at. Answers what was
    /// seen.
    pub fn look(&self, is_crowded: impl FnOnce() -> bool) -> bool {
        if !self.is_due.load(Ordering::Relaxed) || !self.is_due.swap(false, Ordering::Relaxed) {
            return false;
        }
        let rest = self.rest.load(Ordering::Relaxed);
        if rest >= nanos(EVERY) {
            self.rest.store(rest - nanos(EVERY), Ordering::Relaxed);
            return false;
        }
        let begun = Instant::now();
        let is_crowded = is_crowded();
        self.rest.store(nanos(begun.elapsed() * SHARE), Ordering::Relaxed);
        is_crowded
    }
}

fn nanos(time: Duration) -> u64 {
    time.as_nanos() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_looks_after_its_time_and_rests_after_a_long_look() {
        let looks = Looks::default();
        assert!(!looks.note_run(EVERY - Duration::from_nanos(1)) && !looks.look(|| true));
        assert!(looks.note_run(Duration::from_nanos(1)) && looks.look(|| true));
        assert!(!looks.look(|| true), "once");
        looks.order();
        let long = EVERY / 4;
        looks.look(|| {
            std::thread::sleep(long);
            false
        });
        for _ in 0..(long * SHARE).as_millis() / EVERY.as_millis() {
            looks.order();
            assert!(!looks.look(|| true));
        }
    }

    #[test]
    fn one_long_chain_is_too_many_steps_and_many_short_ones_are_not() {
        assert!(5_000_u64.pow(2) > bound(5_000) && 4_000_u64.pow(2) < bound(4_000));
        assert!(1_000_000 * 4 < bound(1_000_000));
    }
}
