//! A bounded queue of tail events: whoever fills it never waits.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::Mutex;

use super::event::TailEvent;
use crate::loader::Guest;
use crate::metrics::{Count, Counters};

/// Events that wait for one listener at most.
const MAX_EVENTS: usize = 1024;
/// Their size at most, in one queue and in all those of the code that one guest has loaded.
const MAX_BYTES: usize = 8 << 20;

/// What one listener hasn't been told yet.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    guest: Option<Guest>,
}

#[derive(Default)]
struct State {
    events: VecDeque<(Arc<TailEvent>, usize)>,
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
    /// A queue for the code that a guest has loaded, if one has.
    pub fn new(guest: Option<Guest>) -> Queue {
        Queue { state: Mutex::default(), guest }
    }

    pub fn push(&self, metrics: &Counters, mut event: Arc<TailEvent>) -> Push {
        let size = event.size();
        let mut state = self.state.lock();
        let untold = self.guest.as_ref().map(|guest| guest.untold());
        let bytes = untold.map_or(0, |untold| untold.load(Ordering::Relaxed)).max(state.bytes);
        // A single event always fits: empty queues hold nothing that could be too much.
        let full = state.events.len() >= MAX_EVENTS || bytes + size > MAX_BYTES;
        if full && bytes > 0 {
            state.dropped += 1;
            metrics.add(Count::TailEventsDropped, 1);
            return Push::Dropped;
        }
        metrics.add(Count::TailEvents, 1);
        if state.dropped > 0 {
            Arc::make_mut(&mut event).dropped = std::mem::take(&mut state.dropped);
        }
        state.events.push_back((event, size));
        state.bytes += size;
        if let Some(untold) = untold {
            untold.fetch_add(size, Ordering::Relaxed);
        }
        if std::mem::replace(&mut state.served, true) { Push::Queued } else { Push::Serve }
    }

    /// The next events: at most `max`, and not more than `bytes` unless the first is. When there are
    /// none, whoever asks no longer serves the queue.
    pub fn take(&self, max: usize, bytes: usize) -> Batch<'_> {
        let mut state = self.state.lock();
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
        Batch { events: taken, bytes: size, queue: self }
    }

    fn forget(&self, bytes: usize) {
        if let Some(guest) = &self.guest {
            guest.untold().fetch_sub(bytes, Ordering::Relaxed);
        }
    }
}

/// Events that were taken out. Until this is dropped they are being told, and count as the guest's.
pub(super) struct Batch<'a> {
    pub events: Vec<Arc<TailEvent>>,
    bytes: usize,
    queue: &'a Queue,
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        self.queue.forget(self.bytes);
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        let bytes = self.state.get_mut().bytes;
        self.forget(bytes);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::super::{LogLevel, Outcome, TailInfo, TailLog};
    use super::*;
    use crate::charge::Holder;

    fn event(timestamp: i64, text: usize) -> Arc<TailEvent> {
        let log = TailLog { timestamp, level: LogLevel::Log, message: "x".repeat(text) };
        Arc::new(TailEvent {
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
        })
    }

    #[derive(Default)]
    struct Guest(AtomicUsize);

    impl Holder for Guest {
        fn hold(&self, _bytes: usize) {}
        fn let_go(&self, _bytes: usize) {}
        fn untold(&self) -> &AtomicUsize {
            &self.0
        }
    }

    #[test]
    fn all_queues_of_what_one_guest_has_loaded_are_bounded_together() {
        let (guest, metrics) = (Arc::new(Guest::default()), Counters::default());
        let [one, other] = [Queue::new(Some(guest.clone())), Queue::new(Some(guest.clone()))];
        assert_eq!(one.push(&metrics, event(0, MAX_BYTES / 2)), Push::Serve);
        assert_eq!(other.push(&metrics, event(1, MAX_BYTES / 2)), Push::Dropped);
        assert_eq!(Queue::default().push(&metrics, event(2, MAX_BYTES / 2)), Push::Serve);
        let telling = one.take(1, 1);
        assert_eq!(other.push(&metrics, event(3, MAX_BYTES / 2)), Push::Dropped);
        drop(telling);
        assert_eq!(other.push(&metrics, event(4, MAX_BYTES / 2)), Push::Serve);
        assert_eq!(other.take(1, 1).events[0].dropped, 2);
        assert_eq!(one.push(&metrics, event(5, 0)), Push::Queued);
        drop(one);
        assert_eq!(guest.0.load(Ordering::Relaxed), 0);
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
        assert_eq!(taken.events.len(), MAX_EVENTS);
        assert!(taken.events.iter().enumerate().all(|(at, event)| event.timestamp == at as i64));
        queue.push(&metrics, event(7, 0));
        assert_eq!(queue.take(1, usize::MAX).events[0].dropped, 2);
    }

    #[test]
    fn it_is_bounded_in_bytes_but_takes_any_single_event() {
        let (queue, metrics) = (Queue::default(), Counters::default());
        assert_eq!(queue.push(&metrics, event(0, 2 * MAX_BYTES)), Push::Serve);
        assert_eq!(queue.push(&metrics, event(1, 0)), Push::Dropped);
        assert_eq!(queue.take(10, 1).events.len(), 1);
        assert_eq!(queue.push(&metrics, event(2, 0)), Push::Queued);
    }

    #[test]
    fn who_finds_it_empty_stops_serving_it() {
        let (queue, metrics) = (Queue::default(), Counters::default());
        queue.push(&metrics, event(0, 0));
        queue.push(&metrics, event(1, 0));
        assert_eq!(queue.take(1, usize::MAX).events.len(), 1);
        assert_eq!(queue.take(1, usize::MAX).events.len(), 1);
        assert!(queue.take(1, usize::MAX).events.is_empty());
        assert_eq!(queue.push(&metrics, event(2, 0)), Push::Serve);
    }
}
