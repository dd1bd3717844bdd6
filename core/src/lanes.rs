//! Lanes: in which order tasks are polled.
//!
//! A guest may leave any number of tasks behind, and each poll of one takes as long as its code, or the host's that
//! it calls, computes or blocks. So they don't queue with all others: of two tasks that are polled, one is a caller's if
//! there is one, and the guests take turns with each other for the other. A thread on which a task burns is replaced, so
//! what is in the lane of a guest whose tasks burn on as many threads as there are cores waits for the end of one.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ptr;

use crate::actor::Actor;

/// Where a task queues: in the callers' lane by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Lane(usize);

impl Lane {
    /// That of an object's alarms, its facets' included.
    pub fn of_alarms(namespace: &str, object: &str) -> Lane {
        let mut hasher = DefaultHasher::new();
        (namespace, object).hash(&mut hasher);
        // Odd, as no address of an actor is.
        Lane(hasher.finish() as usize | 1)
    }

    /// That of what an actor leaves behind: its object has one, for itself and all its facets.
    pub fn of(actor: &Actor) -> Lane {
        Lane(ptr::from_ref(actor.root()).addr())
    }

    /// What tells it from others, for a place that is no `Lane`: 0 is the callers'.
    pub fn number(self) -> usize {
        self.0
    }

    /// The lane of such a number.
    pub fn numbered(number: usize) -> Lane {
        Lane(number)
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
    /// Those of guests whose tasks burn on enough threads.
    held: HashSet<Lane>,
    /// How much there is in lanes that aren't held.
    ready: usize,
}

impl<T> Default for Lanes<T> {
    fn default() -> Lanes<T> {
        Lanes {
            callers: VecDeque::new(),
            guests: HashMap::new(),
            turns: VecDeque::new(),
            is_guests_turn: false,
            held: HashSet::new(),
            ready: 0,
        }
    }
}

impl<T> Lanes<T> {
    /// How much there is to be taken.
    pub fn ready(&self) -> usize {
        self.ready
    }

    /// From which nothing is to be taken.
    pub fn held(&self) -> &HashSet<Lane> {
        &self.held
    }

    /// Names the lanes of guests from which nothing is to be taken from now on.
    pub fn hold(&mut self, lanes: HashSet<Lane>) {
        self.held = lanes;
        let ready = self.guests.iter().filter(|(lane, _)| !self.held.contains(lane));
        self.ready = self.callers.len() + ready.map(|(_, queue)| queue.len()).sum::<usize>();
    }

    pub fn push(&mut self, lane: Lane, item: T) {
        self.ready += usize::from(!self.held.contains(&lane));
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
        self.ready -= usize::from(item.is_some());
        item
    }

    fn pop_guests(&mut self) -> Option<T> {
        self.is_guests_turn = false;
        for _ in 0..self.turns.len() {
            let lane = self.turns.pop_front()?;
            if self.held.contains(&lane) {
                self.turns.push_back(lane);
                continue;
            }
            let queue = self.guests.get_mut(&lane)?;
            let item = queue.pop_front();
            if queue.is_empty() {
                self.guests.remove(&lane);
            } else {
                self.turns.push_back(lane);
            }
            return item;
        }
        None
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
        assert_eq!(lanes.ready(), 8);
        let order: Vec<_> = std::iter::from_fn(|| lanes.pop()).collect();
        let expected =
            ["first", "loud 0", "second", "quiet", "third", "loud 1", "loud 2", "loud 3"];
        assert_eq!(order, expected);
        assert!(lanes.ready() == 0 && lanes.guests.is_empty() && lanes.turns.is_empty());
    }

    #[test]
    fn nothing_is_taken_from_a_lane_that_is_held_until_it_is_let_go() {
        let mut lanes = Lanes::default();
        lanes.push(Lane(7), "before");
        lanes.hold(HashSet::from([Lane(7)]));
        for (lane, name) in [(7, "loud"), (8, "quiet"), (0, "caller")] {
            lanes.push(Lane(lane), name);
        }
        assert_eq!(lanes.ready(), 2);
        let order: Vec<_> = std::iter::from_fn(|| lanes.pop()).collect();
        assert_eq!((order, lanes.ready()), (vec!["caller", "quiet"], 0));
        lanes.hold(HashSet::new());
        assert_eq!(lanes.ready(), 2);
        assert_eq!((lanes.pop(), lanes.pop(), lanes.pop()), (Some("before"), Some("loud"), None));
        assert_eq!(lanes.ready(), 0);
    }
}
