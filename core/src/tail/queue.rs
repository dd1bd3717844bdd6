//! A bounded queue of tail events: whoever fills it never waits.

use std::collections::VecDeque;

use parking_lot::Mutex;

use super::event::TailEvent;
use crate::metrics::{Count, Counters};

/// Events that wait for one listener at most.
const MAX_EVENTS: usize = 1024;
/// Their size at most.
const MAX_BYTES: usize = 8 << 20;

/// What one listener hasn't been told yet.
#[derive(Default)]
pub(super) struct Queue(Mutex<State>);

#[derive(Default)]
struct State {
    events: VecDeque<(TailEvent, usize)>,
    bytes: usize,
    /// Events that found it full since the last one that didn't.
    dropped: u64,
    /// Whether somebody takes events out until there are none.
    served: bool,
}

/// What came of adding an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Push {
    /// Somebody will come for it.
    Queued,
    /// The caller has to see that somebody serves the queue.
    Serve,
    /// The queue is full: the event is gone, and the next one that fits tells so.
    Dropped,
}

impl Queue {
    pub fn push(&self, metrics: &Counters, mut event: TailEvent) -> Push {
        let size = event.size();
        let mut state = self.0.lock();
        // A single event always fits: an empty queue holds nothing that could be too much.
        let full = state.events.len() >= MAX_EVENTS || state.bytes + size > MAX_BYTES;
        if full && !state.events.is_empty() {
            state.dropped += 1;
            metrics.add(Count::TailEventsDropped, 1);
            return Push::Dropped;
        }
        metrics.add(Count::TailEvents, 1);
        event.dropped = std::mem::take(&mut state.dropped);
        state.events.push_back((event, size));
        state.bytes += size;
        if std::mem::replace(&mut state.served, true) { Push::Queued } else { Push::Serve }
    }

    /// The next events: at most `max`, and not more than `bytes` unless the first is. When there are
    /// none, whoever asks no longer serves the queue.
    pub fn take(&self, max: usize, bytes: usize) -> Vec<TailEvent> {
        let mut state = self.0.lock();
        let mut taken = Vec::new();
        let mut size = 0;
        while let Some((_, next)) = state.events.front() {
            if taken.len() >= max || (size + next > bytes && !taken.is_empty()) {
                break;
            }
            size += next;
            taken.extend(state.events.pop_front().map(|(event, _)| event));
        }
        state.bytes -= size;
        state.served = !taken.is_empty();
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::super::{LogLevel, Outcome, TailInfo, TailLog};
    use super::*;

    fn event(timestamp: i64, text: usize) -> TailEvent {
        let log = TailLog { timestamp, level: LogLevel::Log, message: "x".repeat(text) };
        TailEvent {
            namespace: None,
            object_id: None,
            object_name: None,
            facets: Vec::new(),
            entrypoint: "App".into(),
            event: TailInfo::Task,
            outcome: Outcome::Ok,
            timestamp,
            cpu_ms: 0.0,
            wall_ms: 0.0,
            logs: vec![log],
            exceptions: Vec::new(),
            truncated: false,
            rows_read: 0,
            rows_written: 0,
            subrequests: 0,
            bindings: Vec::new(),
            dropped: 0,
        }
    }

    #[test]
    fn a_full_queue_drops_and_the_next_event_tells_how_many() {
        let (queue, metrics) = (Queue::default(), Counters::default());
        assert_eq!(queue.push(&metrics, event(0, 0)), Push::Serve);
        for at in 1..MAX_EVENTS {
            assert_eq!(queue.push(&metrics, event(at as i64, 0)), Push::Queued);
        }
        assert_eq!(queue.push(&metrics, event(-1, 0)), Push::Dropped);
        assert_eq!(queue.push(&metrics, event(-2, 0)), Push::Dropped);
        let taken = queue.take(MAX_EVENTS, usize::MAX);
        assert_eq!(taken.len(), MAX_EVENTS);
        assert!(taken.iter().enumerate().all(|(at, event)| event.timestamp == at as i64));
        queue.push(&metrics, event(7, 0));
        assert_eq!(queue.take(1, usize::MAX)[0].dropped, 2);
    }

    #[test]
    fn it_is_bounded_in_bytes_but_takes_any_single_event() {
        let (queue, metrics) = (Queue::default(), Counters::default());
        assert_eq!(queue.push(&metrics, event(0, 2 * MAX_BYTES)), Push::Serve);
        assert_eq!(queue.push(&metrics, event(1, 0)), Push::Dropped);
        assert_eq!(queue.take(10, 1).len(), 1);
        assert_eq!(queue.push(&metrics, event(2, 0)), Push::Queued);
    }

    #[test]
    fn who_finds_it_empty_stops_serving_it() {
        let (queue, metrics) = (Queue::default(), Counters::default());
        queue.push(&metrics, event(0, 0));
        queue.push(&metrics, event(1, 0));
        assert_eq!(queue.take(1, usize::MAX).len(), 1);
        assert_eq!(queue.take(1, usize::MAX).len(), 1);
        assert!(queue.take(1, usize::MAX).is_empty());
        assert_eq!(queue.push(&metrics, event(2, 0)), Push::Serve);
    }
}
