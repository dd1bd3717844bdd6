//! Which alarms are being fired: each by one task at a time.
//!
//! A handler that sets its alarm to a time that is past makes the index give it out again and again while it runs. Were each
//! a task of its own, they would queue for the actor's turn, more than it can take, and its callers behind them.

use std::collections::HashMap;
use std::mem;

use parking_lot::Mutex;

/// The keys of the alarms that are being fired, and whether each is to be fired once more after that.
#[derive(Default)]
pub(super) struct Firing(Mutex<HashMap<String, bool>>);

/// The task that fires an alarm.
pub(super) struct Begun<'a> {
    firing: &'a Firing,
    key: &'a str,
}

impl Firing {
    /// Whether whoever asks is to fire the alarm. If a task does so already, it will fire it once more.
    pub fn begin(&self, key: &str) -> bool {
        let mut going = self.0.lock();
        if let Some(again) = going.get_mut(key) {
            *again = true;
            return false;
        }
        going.insert(key.to_owned(), false);
        true
    }

    /// The task for which [`Firing::begin`] has answered true.
    pub fn of<'a>(&'a self, key: &'a str) -> Begun<'a> {
        Begun { firing: self, key }
    }
}

impl Begun<'_> {
    /// Ends the task, or answers true: the alarm is to be fired once more, by a task that has begun with this.
    pub fn end(self) -> bool {
        let again = {
            let mut going = self.firing.0.lock();
            let again = going.get_mut(self.key).is_some_and(mem::take);
            if !again {
                going.remove(self.key);
            }
            again
        };
        mem::forget(self);
        again
    }
}

/// A task that is dropped before it has ended.
impl Drop for Begun<'_> {
    fn drop(&mut self) {
        self.firing.0.lock().remove(self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_task_fires_an_alarm_and_once_more_for_all_that_came_meanwhile() {
        let firing = Firing::default();
        assert!(firing.begin("a") && firing.begin("b"));
        assert!(!firing.begin("a") && !firing.begin("a"));
        assert!(firing.of("a").end());
        assert!(!firing.begin("a"), "the second task has begun");
        assert!(firing.of("a").end());
        assert!(!firing.of("a").end());
        assert!(firing.begin("a"));
        assert!(!firing.of("b").end());
    }

    #[test]
    fn a_task_that_is_dropped_leaves_the_alarm_to_the_next() {
        let firing = Firing::default();
        assert!(firing.begin("a"));
        drop(firing.of("a"));
        assert!(firing.begin("a"));
    }
}
