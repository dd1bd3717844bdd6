//! Machines made before they are needed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use parking_lot::Mutex;

use super::Engines;
use crate::error::Result;
use crate::runtime::RuntimeInner;

/// Machines kept ready for the next guests that start, from the first guest on.
const READY: usize = 2;

/// As much as the executor's threads have: engines compile their own code here.
const STACK_BYTES: usize = 8 << 20;

/// Machines of one engine.
pub(super) struct Pool<M>(Mutex<Vec<M>>);

impl<M> Default for Pool<M> {
    fn default() -> Pool<M> {
        Pool(Mutex::default())
    }
}

/// An engine's machines: where they are kept and how they are made.
pub(super) trait Machines: Send + Sized + 'static {
    fn pool(engines: &Engines) -> &Pool<Self>;
    fn make(engines: &Engines) -> Result<Self>;
    /// Makes what machines have in common and need later, so that no guest has to wait for it.
    fn complete(_engines: &Engines) {}
}

/// A fresh machine, from those that are ready if there is one. Others are made meanwhile.
pub(super) fn take<M: Machines>(runtime: &Arc<RuntimeInner>) -> Result<M> {
    let ready = M::pool(&runtime.engines).0.lock().pop();
    let weak = Arc::downgrade(runtime);
    runtime.engines.maker.run(Box::new(move || {
        while let Some(runtime) = weak.upgrade() {
            let pool = M::pool(&runtime.engines);
            if runtime.check_open().is_err() {
                break;
            }
            if pool.0.lock().len() >= READY {
                M::complete(&runtime.engines);
                break;
            }
            let Ok(machine) = M::make(&runtime.engines) else { break };
            pool.0.lock().push(machine);
        }
    }));
    ready.map_or_else(|| M::make(&runtime.engines), Ok)
}

impl<M> Pool<M> {
    /// Drops the machines that nobody has taken.
    pub fn clear(&self) {
        let machines = std::mem::take(&mut *self.0.lock());
        drop(machines);
    }
}

type Job = Box<dyn FnOnce() + Send>;

/// The thread that makes machines, which starts with the first of them.
///
/// One for all: allocators keep memory for each thread, and what a machine has left is taken by the next one only
/// where the same thread makes that.
#[derive(Default)]
pub(super) struct Maker(Mutex<State>);

#[derive(Default)]
struct State {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    stopped: bool,
}

impl Maker {
    fn run(&self, job: Job) {
        let mut state = self.0.lock();
        if state.jobs.is_none() && !state.stopped {
            let (sender, receiver) = channel();
            let builder = thread::Builder::new().name("facetbox-maker".into());
            state.thread = builder.stack_size(STACK_BYTES).spawn(move || work(receiver)).ok();
            state.jobs = Some(sender);
        }
        if let Some(jobs) = &state.jobs {
            // Without the thread, guests make their machines themselves.
            let _ = jobs.send(job);
        }
    }

    /// Stops and joins the thread.
    pub fn stop(&self) {
        let mut state = self.0.lock();
        state.stopped = true;
        let (jobs, thread) = (state.jobs.take(), state.thread.take());
        drop(state);
        drop(jobs);
        if let Some(thread) = thread.filter(|thread| thread.thread().id() != thread::current().id())
        {
            let _ = thread.join();
        }
    }
}

fn work(jobs: Receiver<Job>) {
    for job in jobs {
        // A panic ends the job only.
        let _ = catch_unwind(AssertUnwindSafe(job));
    }
}
