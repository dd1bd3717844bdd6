//! The runtime's receiver of tail events, and the thread that calls it.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use parking_lot::Mutex;

use super::event::TailEvent;
use super::queue::{Push, Queue};
use crate::given::{Gifts, Given};
use crate::metrics::Counters;

/// Events that are taken out of the queue at once.
const BATCH: usize = 64;

/// What a host gives to get the tail events of everything that runs.
///
/// It is called on a thread of its own, with one event at a time, those of one actor in the order of their
/// ends. It may block: events never wait for it. Up to 1,024 events (or 8 MiB) wait for it; those beyond are
/// dropped, and the next event tells how many in [`TailEvent::dropped`]. [`Runtime::close`](crate::Runtime::close)
/// delivers what is left and waits for it.
#[derive(Clone)]
pub struct TailReceiver(Arc<dyn Fn(TailEvent) + Send + Sync>);

impl TailReceiver {
    /// A receiver that is this function. A panic in it is caught, and costs that event.
    pub fn new(receive: impl Fn(TailEvent) + Send + Sync + 'static) -> TailReceiver {
        TailReceiver(Arc::new(receive))
    }
}

impl fmt::Debug for TailReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TailReceiver")
    }
}

/// A receiver with its queue and its thread, which starts with the first event.
pub(crate) struct Receiver {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    receive: Given<Option<TailReceiver>>,
    queue: Queue,
    stopped: AtomicBool,
}

impl Receiver {
    pub fn new(receive: TailReceiver, gifts: &Gifts) -> Receiver {
        let receive = gifts.keep(Some(receive));
        let shared = Shared { receive, queue: Queue::default(), stopped: AtomicBool::new(false) };
        Receiver { shared: Arc::new(shared), thread: Mutex::default() }
    }

    /// Hands an event on. Never waits for the receiver; after [`Receiver::stop`] it is dropped.
    pub fn send(&self, metrics: &Counters, event: Arc<TailEvent>) {
        if self.shared.stopped.load(Ordering::Acquire) {
            return;
        }
        if self.shared.queue.push(metrics, event) == Push::Serve {
            self.wake();
        }
    }

    fn wake(&self) {
        let mut thread = self.thread.lock();
        match &*thread {
            Some(thread) => thread.thread().unpark(),
            None if self.shared.stopped.load(Ordering::Acquire) => {}
            None => {
                let shared = self.shared.clone();
                let builder = std::thread::Builder::new().name("facetbox-tail".into());
                *thread = builder.spawn(move || shared.run()).ok();
            }
        }
    }

    /// Delivers what is left and ends the thread; waits for it unless called from it.
    pub fn stop(&self) {
        self.shared.stopped.store(true, Ordering::Release);
        let thread = self.thread.lock().take();
        if let Some(thread) = thread {
            thread.thread().unpark();
            if thread.thread().id() != std::thread::current().id() {
                let _ = thread.join();
            }
        }
    }
}

impl Shared {
    fn run(&self) {
        // Held until all is delivered, also where it closes the runtime itself.
        let Some(receive) = self.receive.get() else { return };
        loop {
            let stopped = self.stopped.load(Ordering::Acquire);
            let mut batch = self.queue.take(BATCH, usize::MAX);
            let events = std::mem::take(&mut batch.events);
            match (events.is_empty(), stopped) {
                (true, true) => return,
                // Whoever adds the next event unparks this thread, also if that was before it parks.
                (true, false) => std::thread::park(),
                (false, _) => events.into_iter().for_each(|event| receive.tell(event)),
            }
        }
    }
}

impl TailReceiver {
    fn tell(&self, event: Arc<TailEvent>) {
        let event = Arc::unwrap_or_clone(event);
        if catch_unwind(AssertUnwindSafe(|| (self.0)(event))).is_err() {
            tracing::warn!("the receiver of tail events panicked");
        }
    }
}
