//! Looking instead of sleeping: whether it pays, and for how long.

use std::hint;
use std::time::{Duration, Instant};

/// Whoever looks and finds this much more time gone than it looks for has been kept from it by others.
const KEPT: Duration = Duration::from_micros(200);

/// Whether what is waited for usually comes soon enough to look for it.
pub(crate) struct Habit {
    score: i16,
    /// How far the score falls when others want the core the next time, in eighths.
    penalty: i16,
}

impl Default for Habit {
    fn default() -> Habit {
        Habit { score: 0, penalty: Self::LEAST * 8 }
    }
}

impl Habit {
    const USUAL: i16 = 2;
    /// One that is late now and then changes nothing.
    const MOST: i16 = 4;
    /// Once in a while any machine takes a core away for a moment.
    const LEAST: i16 = 30;
    /// Where others want the core all the time, a thread that sleeps is given it sooner than one that looks.
    const WORST: i16 = 960;

    pub fn came(&mut self, soon: bool) {
        match soon {
            // Where others want it, many looks succeed between two that don't: those forgive little.
            true if self.score == Self::MOST => {
                self.penalty = (self.penalty - 1).max(Self::LEAST * 8);
            }
            true => self.score += 1,
            false => self.score = self.score.min(0).max(self.score - 1),
        }
    }

    /// Whoever looked was kept from it: many others have to come soon before it is tried again, more each time.
    pub fn put_off(&mut self) {
        self.score = -self.penalty / 8;
        self.penalty = self.penalty.saturating_mul(4).min(Self::WORST * 8);
    }

    pub fn are_soon(&self) -> bool {
        self.score >= Self::USUAL
    }
}

/// Waits awake until `ready`, for `most` at most. It never yields: on a loaded machine that would take a time slice of
/// others, and whoever relies on this thread would wait for all of that. Answers whether the system has taken the core
/// away meanwhile.
pub(crate) fn spin(most: Duration, mut ready: impl FnMut(Instant) -> bool) -> bool {
    let since = Instant::now();
    let mut now = since;
    while !ready(now) && now.duration_since(since) < most {
        for _ in 0..8 {
            hint::spin_loop();
        }
        now = Instant::now();
    }
    now.duration_since(since) > most + KEPT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_habit_outlives_what_is_late_now_and_then() {
        let mut habit = Habit::default();
        let mut came = |soon: &[bool]| {
            soon.iter().for_each(|soon| habit.came(*soon));
            habit.are_soon()
        };
        assert!(!came(&[true]));
        assert!(came(&[true]));
        assert!(!came(&[false]));
        assert!(came(&[true, true, true, false]));
        assert!(came(&[true, false, true, false, true]));
        assert!(!came(&[false, false, false]));
        assert!(came(&[true, true]));
    }

    /// How many have to come soon until it looks again.
    fn pause(habit: &mut Habit) -> usize {
        let mut count = 0;
        while !habit.are_soon() {
            habit.came(true);
            count += 1;
        }
        count
    }

    #[test]
    fn where_the_core_is_taken_away_looking_is_put_off_longer_each_time_until_that_ends() {
        let mut habit = Habit::default();
        let mut put_off = |before: usize| {
            (0..before).for_each(|_| habit.came(true));
            habit.put_off();
            pause(&mut habit)
        };
        assert_eq!([0; 6].map(&mut put_off), [32, 122, 482, 962, 962, 962]);
        assert_eq!([0, 10_000, 0].map(&mut put_off), [962, 32, 122]);
    }

    #[test]
    fn a_look_tells_whether_it_was_kept_from_looking() {
        let wait_longer = |_: Instant| {
            let begin = Instant::now();
            while begin.elapsed() < KEPT * 2 {}
            false
        };
        assert!(spin(Duration::from_nanos(1), wait_longer));
        let hour = Duration::from_secs(3600);
        assert!(!spin(hour, |_| true));
    }
}
