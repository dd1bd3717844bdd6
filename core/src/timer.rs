//! One thread per runtime that completes futures at their time.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread::JoinHandle;
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

/// Wakes futures at given instants. The thread starts with the first timer.
#[derive(Clone, Default)]
pub(crate) struct Timers(Arc<Inner>);

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    queue: BTreeMap<(Instant, u64), Waker>,
    next: u64,
    thread: Option<JoinHandle<()>>,
    stopped: bool,
}

impl Timers {
    /// A future that ends at `time`.
    pub fn at(&self, time: Instant) -> Sleep {
        Sleep { timers: self.clone(), time, queued: None }
    }

    /// Stops and joins the thread; timers that are left never end.
    pub fn stop(&self) {
        let thread = {
            let mut state = self.0.state.lock();
            state.stopped = true;
            state.queue.clear();
            state.thread.take()
        };
        self.0.changed.notify_all();
        if let Some(thread) = thread.filter(|t| t.thread().id() != std::thread::current().id()) {
            let _ = thread.join();
        }
    }

    fn add(&self, time: Instant, waker: Waker) -> u64 {
        let mut state = self.0.state.lock();
        let number = state.next;
        state.next += 1;
        let earliest = state.queue.first_key_value().is_none_or(|((first, _), _)| time < *first);
        state.queue.insert((time, number), waker);
        if state.thread.is_none() && !state.stopped {
            let inner = self.0.clone();
            let thread = std::thread::Builder::new().name("facetbox-timer".into());
            state.thread = thread.spawn(move || run(&inner)).ok();
        } else if earliest {
            self.0.changed.notify_one();
        }
        number
    }
}

fn run(inner: &Inner) {
    let mut state = inner.state.lock();
    while !state.stopped {
        let now = Instant::now();
        let later = state.queue.split_off(&(now, u64::MAX));
        let due = std::mem::replace(&mut state.queue, later);
        if !due.is_empty() {
            drop(state);
            due.into_values().for_each(Waker::wake);
            state = inner.state.lock();
            continue;
        }
        match state.queue.first_key_value() {
            Some(((time, _), _)) => {
                let time = *time;
                inner.changed.wait_until(&mut state, time);
            }
            None => inner.changed.wait(&mut state),
        }
    }
}

/// Ends at an instant; dropping it takes it out of the queue.
pub(crate) struct Sleep {
    timers: Timers,
    time: Instant,
    /// Its number in the queue, and whom it wakes.
    queued: Option<(u64, Waker)>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if Instant::now() >= self.time {
            return Poll::Ready(());
        }
        let waker = context.waker();
        if self.queued.as_ref().is_none_or(|(_, queued)| !queued.will_wake(waker)) {
            self.cancel();
            let number = self.timers.add(self.time, waker.clone());
            self.queued = Some((number, waker.clone()));
        }
        Poll::Pending
    }
}

impl Sleep {
    fn cancel(&mut self) {
        if let Some((number, _)) = self.queued.take() {
            self.timers.0.state.lock().queue.remove(&(self.time, number));
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.cancel();
    }
}
