//! Which threads of an executor have been in one poll for long.
//!
//! A poll costs two additions and a look at a flag; a thread of its own does the rest while any poll
//! is going on, and is parked otherwise.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use parking_lot::Mutex;

/// Time between two looks. A poll that spans two of them is long.
const INTERVAL: Duration = Duration::from_millis(5);
/// Looks without any poll before the thread is parked.
const IDLE_LOOKS: u32 = 40;

/// The pulses of one executor's threads.
#[derive(Default)]
pub(crate) struct Pulses {
    all: Mutex<Vec<Weak<Pulse>>>,
    parked: AtomicBool,
    stopped: AtomicBool,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What one thread does.
struct Pulse {
    owner: Weak<Pulses>,
    /// Even while it waits for a task, odd while it polls one.
    beats: AtomicU64,
    /// It waits in host code, which is counted elsewhere.
    paused: AtomicBool,
}

thread_local! {
    static PULSE: RefCell<Option<Arc<Pulse>>> = const { RefCell::new(None) };
}

impl Pulses {
    /// Makes the calling thread one of those that are looked at.
    pub fn join(self: &Arc<Pulses>) {
        let pulse = Arc::new(Pulse {
            owner: Arc::downgrade(self),
            beats: AtomicU64::new(0),
            paused: AtomicBool::new(false),
        });
        self.all.lock().push(Arc::downgrade(&pulse));
        PULSE.set(Some(pulse));
    }

    /// Starts to look, unless it has started, and tells `tell` after each look how many threads have been
    /// in one poll since the one before, and `rest` when none has polled anything for a while.
    pub fn watch(
        self: &Arc<Pulses>,
        tell: impl Fn(usize) + Send + 'static,
        rest: impl Fn() + Send + 'static,
    ) {
        let mut thread = self.thread.lock();
        if thread.is_none() {
            let pulses = self.clone();
            let builder = thread::Builder::new().name("facetbox-pulse".into());
            *thread = builder.spawn(move || pulses.look(tell, rest)).ok();
        }
    }

    /// Ends and joins the thread that looks.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.wake();
        let thread = self.thread.lock().take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }

    fn wake(&self) {
        if let Some(thread) = &*self.thread.lock() {
            thread.thread().unpark();
        }
    }

    fn look(&self, tell: impl Fn(usize), rest: impl Fn()) {
        let (mut before, mut idle): (Vec<(usize, u64)>, u32) = (Vec::new(), 0);
        while !self.stopped.load(Ordering::Acquire) {
            let polling = self.polling();
            tell(polling.iter().filter(|poll| before.contains(*poll)).count());
            idle = if polling.is_empty() { idle + 1 } else { 0 };
            before = polling;
            if idle < IDLE_LOOKS {
                thread::park_timeout(INTERVAL);
            } else {
                rest();
                self.park();
                idle = 0;
            }
        }
    }

    fn park(&self) {
        self.parked.store(true, Ordering::Relaxed);
        // Pairs with the fence in `wake_if_parked`: either we see the poll or it sees that we are parked.
        fence(Ordering::SeqCst);
        if self.polling().is_empty() && !self.stopped.load(Ordering::Acquire) {
            thread::park();
        }
        self.parked.store(false, Ordering::Relaxed);
    }

    /// The polls that are going on: which thread, and which of its polls.
    fn polling(&self) -> Vec<(usize, u64)> {
        let mut polling = Vec::new();
        self.all.lock().retain(|pulse| {
            let Some(pulse) = pulse.upgrade() else { return false };
            let beats = pulse.beats.load(Ordering::Relaxed);
            if beats % 2 == 1 && !pulse.paused.load(Ordering::Relaxed) {
                polling.push((Arc::as_ptr(&pulse).addr(), beats));
            }
            true
        });
        polling
    }
}

/// Polls `future` in such a way that its thread's pulse shows it.
pub(crate) async fn beat<F: Future>(future: F) -> F::Output {
    struct End<'a>(&'a Pulse);
    impl Drop for End<'_> {
        fn drop(&mut self) {
            self.0.beats.fetch_add(1, Ordering::Relaxed);
        }
    }
    let mut future = pin!(future);
    poll_fn(|context| {
        let Some(pulse) = PULSE.with_borrow(Clone::clone) else {
            return future.as_mut().poll(context);
        };
        pulse.beats.fetch_add(1, Ordering::Relaxed);
        let _end = End(&pulse);
        pulse.wake_if_parked();
        future.as_mut().poll(context)
    })
    .await
}

impl Pulse {
    fn wake_if_parked(&self) {
        // Pairs with the fence in `park`: either it sees this poll or we see it parked.
        fence(Ordering::SeqCst);
        if let Some(owner) = self.owner.upgrade()
            && owner.parked.load(Ordering::Relaxed)
        {
            owner.wake();
        }
    }
}

/// Ends when the thread goes on.
pub(crate) struct Pause(Arc<Pulse>);

/// Says that the calling thread waits in host code; `None` if it is no executor's or has said so before.
pub(crate) fn pause() -> Option<Pause> {
    let pulse = PULSE.with_borrow(Clone::clone)?;
    let was_paused = pulse.paused.swap(true, Ordering::Relaxed);
    (!was_paused).then_some(Pause(pulse))
}

impl Drop for Pause {
    fn drop(&mut self) {
        self.0.paused.store(false, Ordering::Relaxed);
    }
}
