//! Lanes: in which order tasks are polled.
//!
//! A guest may leave any number of tasks behind, and each poll of one takes as long as its code, or the host's that
//! it calls, computes or blocks. So they don't queue with all others: of two tasks that are polled, one is a caller's if
//! there is one, and the guests take turns with each other for the other.

use std::collections::{HashMap, VecDeque};
use std::ptr;

use crate::actor::Actor;

/// Where a task queues: in the callers' lane by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Lane(usize);

impl Lane {
    /// That of alarms, which fire one at a time for each actor.
    pub const ALARMS: Lane = Lane(1);

    /// That of what an actor leaves behind: its object has one, for itself and all its facets.
    pub fn of(actor: &Actor) -> Lane {
        Lane(ptr::from_ref(actor.root()).addr())
    }
}

/// What queues in lanes.
pub(crate) struct Lanes<T> {
    callers: VecDeque<T>,
    /// Those of guests that aren't empty.
    guests: HashMap<Lane, VecDeque<T>>,
    /// In which order they come.
    turns: VecDeque<Lane>,
    is_guests_turn: bool,
    len: usize,
}

impl<T> Default for Lanes<T> {
    fn default() -> Lanes<T> {
        Lanes {
            callers: VecDeque::new(),
            guests: HashMap::new(),
            turns: VecDeque::new(),
            is_guests_turn: false,
            len: 0,
        }
    }
}

impl<T> Lanes<T> {
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn push(&mut self, lane: Lane, item: T) {
        self.len += 1;
        if lane == Lane::default() {
            self.callers.push_back(item);
            return;
        }
        let queue = self.guests.entry(lane).or_default();
        if queue.is_empty() {
            self.turns.push_back(lane);
        }
        queue.push_back(item);
    }

    pub fn pop(&mut self) -> Option<T> {
        let item = if self.is_guests_turn || self.callers.is_empty() {
            self.pop_guests().or_else(|| self.callers.pop_front())
        } else {
            self.is_guests_turn = true;
            self.callers.pop_front()
        };
        self.len -= usize::from(item.is_some());
        item
    }

    fn pop_guests(&mut self) -> Option<T> {
        self.is_guests_turn = false;
        let lane = self.turns.pop_front()?;
        let queue = self.guests.get_mut(&lane)?;
        let item = queue.pop_front();
        if queue.is_empty() {
            self.guests.remove(&lane);
        } else {
            self.turns.push_back(lane);
        }
        item
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_take_turns_with_guests_and_guests_with_each_other() {
        let mut lanes = Lanes::default();
        for number in 0..4 {
            lanes.push(Lane(7), format!("loud {number}"));
        }
        for (lane, name) in [(0, "first"), (0, "second"), (8, "quiet"), (0, "third")] {
            lanes.push(Lane(lane), name.to_owned());
        }
        assert_eq!((lanes.len(), lanes.is_empty()), (8, false));
        let order: Vec<_> = std::iter::from_fn(|| lanes.pop()).collect();
        let expected =
            ["first", "loud 0", "second", "quiet", "third", "loud 1", "loud 2", "loud 3"];
        assert_eq!(order, expected);
        assert!(lanes.is_empty() && lanes.guests.is_empty() && lanes.turns.is_empty());
    }
}
