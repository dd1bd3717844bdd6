//! What an event of a guest has begun and waits for. A guest may begin any number: only those are polled that have been
//! woken.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Wake, Waker};

use parking_lot::Mutex;

use crate::error::Result;
use crate::guest::outside::{Answer, Pending};

/// What operations have ended with, by their numbers.
pub(super) type Ended = Vec<(u64, Result<Answer>)>;

/// An operation that has begun: the prelude knows who waits for its number.
pub(super) struct Operation {
    pub number: u64,
    pub pending: Pending,
}

/// The operations of one event; nothing until it begins one.
#[derive(Default)]
pub(super) struct Operations(OnceLock<Begun>);

#[derive(Default)]
struct Begun {
    going: Mutex<BTreeMap<u64, Going>>,
    woken: Arc<Woken>,
}

struct Going {
    /// None while it is polled.
    pending: Option<Pending>,
    wakes: Arc<Wakes>,
}

/// The operations to poll, in the order in which they were woken.
#[derive(Default)]
struct Woken(Mutex<Queue>);

#[derive(Default)]
struct Queue {
    numbers: VecDeque<u64>,
    /// Wakes whoever polls them.
    poller: Option<Waker>,
}

/// Wakes one operation.
struct Wakes {
    number: u64,
    queued: AtomicBool,
    woken: Arc<Woken>,
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.queued.swap(true, Ordering::AcqRel) {
            return;
        }
        let poller = {
            let mut queue = self.woken.0.lock();
            queue.numbers.push_back(self.number);
            queue.poller.take()
        };
        if let Some(poller) = poller {
            poller.wake();
        }
    }
}

impl Operations {
    pub fn begin(&self, Operation { number, pending }: Operation) {
        let begun = self.0.get_or_init(Begun::default);
        let wakes = Wakes { number, queued: AtomicBool::new(true), woken: begun.woken.clone() };
        let going = Going { pending: Some(pending), wakes: Arc::new(wakes) };
        begun.going.lock().insert(number, going);
        begun.woken.0.lock().numbers.push_back(number);
    }

    /// Wakes whoever polls them: one has been begun by another event's run.
    pub fn wake(&self) {
        let poller = self.0.get().and_then(|begun| begun.woken.0.lock().poller.take());
        if let Some(poller) = poller {
            poller.wake();
        }
    }

    /// Drops an operation, if it is one of these.
    pub fn remove(&self, number: u64) {
        if let Some(begun) = self.0.get() {
            let removed = begun.going.lock().remove(&number);
            drop(removed);
        }
    }

    /// Takes out all that go on, in the order in which they were begun.
    pub fn take(&self) -> impl Iterator<Item = Operation> + use<> {
        let going = self.0.get().map(|begun| std::mem::take(&mut *begun.going.lock()));
        going.into_iter().flatten().filter_map(|(number, going)| {
            going.pending.map(|pending| Operation { number, pending })
        })
    }

    /// Polls those that have been woken: in that order, new ones in the order in which they were begun. Once what has ended
    /// has taken more than `most` bytes, the others wait for the next time.
    pub fn poll(&self, most: u64, context: &mut Context<'_>) -> Poll<Ended> {
        let Some(begun) = self.0.get() else { return Poll::Pending };
        let mut numbers = {
            let mut queue = begun.woken.0.lock();
            queue.poller = Some(context.waker().clone());
            std::mem::take(&mut queue.numbers)
        };
        let (mut ended, mut bytes) = (Vec::new(), 0);
        while bytes <= most
            && let Some(number) = numbers.pop_front()
        {
            if let Some(answer) = begun.poll(number) {
                bytes += answer.as_ref().map_or(0, Answer::size) as u64;
                ended.push((number, answer));
            }
        }
        if !numbers.is_empty() {
            let mut queue = begun.woken.0.lock();
            numbers.append(&mut queue.numbers);
            queue.numbers = numbers;
        }
        if ended.is_empty() { Poll::Pending } else { Poll::Ready(ended) }
    }
}

impl Begun {
    /// Polls an operation, without the lock. Answers what it has ended with.
    fn poll(&self, number: u64) -> Option<Result<Answer>> {
        let (mut pending, wakes) = {
            let mut going = self.going.lock();
            let operation = going.get_mut(&number)?;
            (operation.pending.take()?, operation.wakes.clone())
        };
        // Before the poll: who wakes it from now on wants it polled once more.
        wakes.queued.store(false, Ordering::Release);
        match pending.as_mut().poll(&mut Context::from_waker(&wakes.into())) {
            Poll::Ready(answer) => {
                self.going.lock().remove(&number);
                Some(answer)
            }
            Poll::Pending => {
                if let Some(operation) = self.going.lock().get_mut(&number) {
                    operation.pending = Some(pending);
                }
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use event_listener::Event as Signal;

    use super::*;
    use crate::value::Value;

    const NONE: [u64; 0] = [];

    fn answer() -> Answer {
        Answer::Value(Value::from("an answer"))
    }

    /// Operations 0 to `count`, each of which ends once its signal is given, and how often they were polled.
    fn begun(count: u64) -> (Operations, Vec<Arc<Signal>>, Arc<AtomicUsize>) {
        let (operations, polls) = (Operations::default(), Arc::new(AtomicUsize::new(0)));
        let signals: Vec<_> = (0..count).map(|_| Arc::new(Signal::new())).collect();
        for (number, signal) in (0..).zip(&signals) {
            let (mut listener, polls) = (Box::pin(signal.listen()), polls.clone());
            let pending = std::future::poll_fn(move |context| {
                polls.fetch_add(1, Ordering::Relaxed);
                let ended = listener.as_mut().poll(context);
                ended.map(|()| Ok(answer()))
            });
            operations.begin(Operation { number, pending: Box::pin(pending) });
        }
        (operations, signals, polls)
    }

    fn poll(operations: &Operations, most: u64) -> Vec<u64> {
        match operations.poll(most, &mut Context::from_waker(Waker::noop())) {
            Poll::Ready(ended) => ended.into_iter().map(|(number, _)| number).collect(),
            Poll::Pending => Vec::new(),
        }
    }

    #[test]
    fn only_those_that_were_woken_are_polled() {
        let (operations, signals, polls) = begun(1_000);
        assert_eq!(poll(&operations, 1_000), NONE);
        assert_eq!(polls.load(Ordering::Relaxed), 1_000);
        for number in [700, 3] {
            signals[number].notify(1);
        }
        assert_eq!(poll(&operations, 1_000), [700, 3], "in the order in which they ended");
        assert_eq!(poll(&operations, 1_000), NONE);
        assert_eq!(polls.load(Ordering::Relaxed), 1_002);
    }

    #[test]
    fn answers_wait_for_the_next_time_once_they_take_too_much() {
        let (operations, signals, _) = begun(4);
        signals.iter().for_each(|signal| _ = signal.notify(1));
        let one = answer().size() as u64;
        assert_eq!(poll(&operations, one), [0, 1]);
        assert_eq!(poll(&operations, one), [2, 3]);
        assert_eq!(poll(&operations, one), NONE);
    }

    #[test]
    fn whoever_polls_is_woken_once_until_the_next_poll() {
        struct Count(AtomicUsize);
        impl Wake for Count {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
        let (operations, signals, _) = begun(3);
        let count = Arc::new(Count(AtomicUsize::new(0)));
        let waker = Waker::from(count.clone());
        let poll = || operations.poll(1_000, &mut Context::from_waker(&waker)).is_ready();
        assert!(!poll());
        signals[0].notify(1);
        signals[1].notify(1);
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        assert!(poll());
        signals[2].notify(1);
        assert_eq!(count.0.load(Ordering::Relaxed), 2);
        assert!(poll());
    }

    #[test]
    fn what_is_removed_or_taken_out_is_polled_no_more() {
        let (operations, signals, polls) = begun(3);
        operations.remove(1);
        operations.remove(7);
        signals.iter().for_each(|signal| _ = signal.notify(1));
        assert_eq!(operations.take().map(|taken| taken.number).collect::<Vec<_>>(), [0, 2]);
        assert_eq!(poll(&operations, 1_000), NONE);
        assert_eq!(polls.load(Ordering::Relaxed), 0);
    }
}
