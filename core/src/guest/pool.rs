//! Machines made before they are needed.

use std::hint::black_box;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};

use parking_lot::Mutex;

use super::Engines;
use crate::error::Result;
use crate::runtime::RuntimeInner;

/// Machines kept ready for the next guests that start, from the first guest on.
const READY: usize = 2;

/// Machines that wait for being dropped. Whoever gives up more drops them alone, so that making them doesn't outrun it.
const LEAVING: usize = 4;

/// What a machine takes, about, in blocks that allocators cut from what they have.
const ROOM: [usize; 5] = [96 << 10; 5];

/// As much as the executor's threads have: engines compile their own code here.
const STACK_BYTES: usize = 8 << 20;

/// What gives a machine that is ready. Without its type, so that handles of the runtime can be sent to threads without
/// compilers having to look at all that a machine holds.
type Ready<M> = Box<dyn FnOnce() -> M + Send>;

/// Machines of one engine.
pub(super) struct Pool<M>(Mutex<Vec<Ready<M>>>);

impl<M> Default for Pool<M> {
    fn default() -> Pool<M> {
        Pool(Mutex::default())
    }
}

/// An engine's machines: where they are kept and how they are made.
pub(super) trait Machines: Send + Sized + 'static {
    fn pool(engines: &Engines) -> &Pool<Self>;
    fn make(engines: &Engines) -> Result<Self>;
    /// Whether dropping it takes long, because a guest has filled it.
    fn is_large(&self) -> bool {
        false
    }
    /// Makes what machines have in common and need later, so that no guest has to wait for it.
    fn complete(_engines: &Engines) {}
}

/// A fresh machine, from those that are ready if there is one. Others are made meanwhile.
pub(super) fn take<M: Machines>(runtime: &Arc<RuntimeInner>) -> Result<Taken<M>> {
    let (ready, left) = {
        let mut pool = M::pool(&runtime.engines).0.lock();
        (pool.pop(), pool.len())
    };
    let weak = Arc::downgrade(runtime);
    if left < READY {
        let refill = weak.clone();
        runtime.engines.maker.run(Box::new(move || fill::<M>(&refill)));
    }
    let machine = ready.map_or_else(|| M::make(&runtime.engines), |ready| Ok(ready()))?;
    Ok(Taken { machine: Some(machine), runtime: weak })
}

/// Makes machines until enough are ready.
fn fill<M: Machines>(runtime: &Weak<RuntimeInner>) {
    while let Some(runtime) = runtime.upgrade() {
        let pool = M::pool(&runtime.engines);
        if runtime.check_open().is_err() {
            break;
        }
        if pool.0.lock().len() >= READY {
            M::complete(&runtime.engines);
            break;
        }
        make_room();
        let Ok(machine) = M::make(&runtime.engines) else { break };
        pool.0.lock().push(Box::new(|| machine));
    }
}

/// Has the allocator get memory for a machine. The GNU library's gets that of all threads but the first as it is asked for
/// it, a page or two at a time, and each time the system holds up the other threads of the process. What was asked for
/// at once stays with it, and is no memory yet before it is used.
fn make_room() {
    drop(black_box(ROOM.map(Vec::<u8>::with_capacity)));
}

/// Dropping a machine with more than that takes many times as long as making one.
pub(super) const LARGE_BYTES: usize = 4 << 20;

/// A machine in use. It is dropped on the thread that makes machines, which takes as long as making one. One that a guest has
/// filled is not: guests that do so again and again would keep the thread from making machines for others.
pub(super) struct Taken<M: Machines> {
    /// None while this is dropped.
    machine: Option<M>,
    runtime: Weak<RuntimeInner>,
}

#[cfg(feature = "quickjs")] // whose compilers are used again
impl<M: Machines> Taken<M> {
    /// Gives back a machine that is as good as a new one. One more than are made is kept, so that taking and giving
    /// back makes none.
    pub fn give_back(mut self) {
        let (machine, runtime) = (self.machine.take(), self.runtime.upgrade());
        let (Some(machine), Some(runtime)) = (machine, runtime) else { return };
        let mut pool = M::pool(&runtime.engines).0.lock();
        if pool.len() <= READY {
            pool.push(Box::new(|| machine));
        } else {
            drop(pool);
            runtime.engines.maker.drop_later(machine);
        }
    }
}

impl<M: Machines> Deref for Taken<M> {
    type Target = M;

    fn deref(&self) -> &M {
        self.machine.as_ref().expect("it is there until this is dropped")
    }
}

impl<M: Machines> Drop for Taken<M> {
    fn drop(&mut self) {
        if let (Some(machine), Some(runtime)) = (self.machine.take(), self.runtime.upgrade())
            && !machine.is_large()
        {
            runtime.engines.maker.drop_later(machine);
        }
    }
}

impl<M> Pool<M> {
    /// Drops the machines that nobody has taken.
    pub fn clear(&self) {
        let machines = std::mem::take(&mut *self.0.lock());
        drop(machines);
    }
}

type Job = Box<dyn FnOnce() + Send>;

/// Counts a machine that is being dropped.
struct Leaving(Arc<AtomicUsize>);

impl Leaving {
    fn new(count: &Arc<AtomicUsize>) -> Leaving {
        count.fetch_add(1, Ordering::Relaxed);
        Leaving(count.clone())
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The thread that makes machines, which starts with the first of them.
///
/// One for all: allocators keep memory for each thread, and what a machine has left is taken by the next one only
/// where the same thread makes that.
#[derive(Default)]
pub(super) struct Maker {
    state: Mutex<State>,
    /// Machines that the thread has to drop.
    leaving: Arc<AtomicUsize>,
}

#[derive(Default)]
struct State {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    stopped: bool,
}

impl Maker {
    /// Drops a machine on the thread, if there is one that hasn't too much to do.
    fn drop_later(&self, machine: impl Send + 'static) {
        let leaving = Leaving::new(&self.leaving);
        if leaving.0.load(Ordering::Relaxed) <= LEAVING {
            self.run(Box::new(move || {
                let _leaving = leaving;
                drop(machine);
            }));
        }
    }

    pub(super) fn run(&self, job: Job) {
        let mut state = self.state.lock();
        if state.jobs.is_none() && !state.stopped {
            let (sender, receiver) = channel();
            let builder = thread::Builder::new().name("facetbox-maker".into());
            state.thread = builder.stack_size(STACK_BYTES).spawn(move || work(receiver)).ok();
            state.jobs = Some(sender);
        }
        let jobs = state.jobs.clone();
        drop(state);
        if let Some(jobs) = jobs {
            // Without the thread, guests make and drop their machines themselves.
            let _ = jobs.send(job);
        }
    }

    /// Stops and joins the thread.
    pub fn stop(&self) {
        let mut state = self.state.lock();
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
