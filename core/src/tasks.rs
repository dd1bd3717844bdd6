//! The tasks of one executor, and which of its threads looks for the next one.
//!
//! Whoever adds a task wakes a thread only if none is looking; whoever takes one and leaves others behind wakes the
//! next thread. So one call costs one wake-up, and none at all while calls come so fast that a thread that has run
//! out of tasks still looks for the next one.
//!
//! What guests have left behind takes turns with all other tasks, see [`Lanes`].

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::Waker;
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use async_task::{Builder, Task};
use parking_lot::Mutex;
use slab::Slab;

use crate::habit::{Habit, spin};
use crate::lanes::{Lane, Lanes};
use crate::pace;

/// How long a thread that has run out of tasks looks for the next one before it sleeps: what an event loop that was
/// asleep takes between an answer and the next call. A wake-up costs both sides about half of that.
const LOOK: Duration = Duration::from_micros(100);

/// A thread that looks and hasn't done so for that long isn't on its core.
const ABSENT: Duration = Duration::from_micros(20);

/// A task that is to be polled.
type Runnable = async_task::Runnable<Lane>;

/// The tasks of one executor.
pub(crate) struct Tasks {
    state: Mutex<State>,
    /// How many of the queue may be polled, for threads that look without the lock.
    queued: AtomicUsize,
    /// When a thread last looked, in nanoseconds since `begun`.
    last_look: AtomicU64,
    begun: Instant,
    cores: usize,
}

#[derive(Default)]
struct State {
    queue: Lanes<Runnable>,
    sleeping: Vec<Arc<Bed>>,
    /// Threads on their way to the queue: those that have been woken, and those that don't sleep yet.
    looking: usize,
    /// Those of them that don't sleep yet.
    awake: usize,
    /// Threads that poll a task.
    polling: usize,
    /// When a thread last ran out of tasks, until one comes.
    ran_out: Option<Instant>,
    /// How soon tasks come then.
    gaps: Habit,
    /// Wakes what is left when it is closed.
    alive: Slab<Waker>,
    stopped: bool,
    closed: bool,
}

impl State {
    /// The thread that has to be woken for what is in the queue, if one has to. `absent`: those that don't sleep yet
    /// have lost their cores, and nobody knows for how long.
    fn rouse(&mut self, absent: bool) -> Option<Arc<Bed>> {
        let on_their_way = if absent { self.looking - self.awake } else { self.looking };
        if self.queue.ready() == 0 || on_their_way > 0 {
            return None;
        }
        let bed = self.sleeping.pop()?;
        self.looking += 1;
        Some(bed)
    }
}

/// Where one thread sleeps.
struct Bed {
    thread: Thread,
    woken: AtomicBool,
    /// The thread is to end instead of looking for a task.
    dismissed: AtomicBool,
}

impl Bed {
    /// That of the calling thread.
    fn new() -> Arc<Bed> {
        let (woken, dismissed) = (AtomicBool::new(false), AtomicBool::new(false));
        Arc::new(Bed { thread: thread::current(), woken, dismissed })
    }

    fn sleep(&self) {
        while !self.woken.swap(false, Ordering::Acquire) {
            thread::park();
        }
    }

    fn wake(&self) {
        self.woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

impl Tasks {
    /// No tasks, for threads on that many cores.
    pub fn new(cores: usize) -> Tasks {
        Tasks {
            state: Mutex::default(),
            queued: AtomicUsize::new(0),
            last_look: AtomicU64::new(0),
            begun: Instant::now(),
            cores,
        }
    }

    /// Adds a task. Dropping what is answered cancels it. `None` once they are closed.
    pub fn spawn<T: Send + 'static>(
        self: &Arc<Self>,
        lane: Lane,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Option<Task<T, Lane>> {
        let (runnable, task) = self.make(lane, future)?;
        self.add(runnable);
        Some(task)
    }

    /// Like [`Tasks::spawn`], but polls the task on this thread the first time.
    pub fn spawn_here<T: Send + 'static>(
        self: &Arc<Self>,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Option<Task<T, Lane>> {
        let (runnable, task) = self.make(Lane::default(), future)?;
        runnable.run();
        Some(task)
    }

    fn make<T: Send + 'static>(
        self: &Arc<Self>,
        lane: Lane,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Option<(Runnable, Task<T, Lane>)> {
        struct Leave(Arc<Tasks>, usize);
        impl Drop for Leave {
            fn drop(&mut self) {
                let waker = self.0.state.lock().alive.try_remove(self.1);
                drop(waker);
            }
        }
        let mut state = self.state.lock();
        if state.closed {
            return None;
        }
        let entry = state.alive.vacant_entry();
        let leave = Leave(self.clone(), entry.key());
        let future = async move {
            let _leave = leave;
            future.await
        };
        let tasks = self.clone();
        let schedule = move |task| {
            if let Some(task) = keep(task) {
                tasks.add(task);
            }
        };
        let (runnable, task) = Builder::new().metadata(lane).spawn(|_| future, schedule);
        entry.insert(runnable.waker());
        drop(state);
        Some((runnable, task))
    }

    /// Adds a task that is to be polled.
    fn add(&self, task: Runnable) {
        let mut state = self.state.lock();
        if let Some(ran_out) = state.ran_out.take() {
            state.gaps.came(ran_out.elapsed() < LOOK);
        }
        let lane = *task.metadata();
        state.queue.push(lane, task);
        self.queued.store(state.queue.ready(), Ordering::Release);
        let bed = self.rouse(&mut state);
        drop(state);
        bed.inspect(|bed| bed.wake());
    }

    fn rouse(&self, state: &mut State) -> Option<Arc<Bed>> {
        let absent = || {
            let last = Duration::from_nanos(self.last_look.load(Ordering::Relaxed));
            self.begun.elapsed() > last + ABSENT
        };
        let absent = state.awake > 0 && absent();
        state.rouse(absent)
    }

    /// Says on how many threads tasks of guests' lanes burn now.
    pub fn note_burning(&self, lanes: &HashMap<Lane, usize>) {
        let full = lanes.iter().filter(|(_, threads)| **threads >= self.cores);
        let full: HashSet<_> = full.map(|(lane, _)| *lane).collect();
        let mut state = self.state.lock();
        if !state.closed && *state.queue.held() != full {
            state.queue.hold(full);
            self.queued.store(state.queue.ready(), Ordering::Release);
            let bed = self.rouse(&mut state);
            drop(state);
            bed.inspect(|bed| bed.wake());
        }
    }

    /// Looks, at that moment, whether there are tasks.
    fn look(&self, now: Instant) -> bool {
        let now = now.duration_since(self.begun).as_nanos() as u64;
        self.last_look.store(now, Ordering::Relaxed);
        self.queued.load(Ordering::Acquire) > 0
    }

    /// Lets every thread end once the task that it polls waits.
    pub fn stop(&self) {
        let mut state = self.state.lock();
        state.stopped = true;
        let sleeping = std::mem::take(&mut state.sleeping);
        state.looking += sleeping.len();
        drop(state);
        sleeping.iter().for_each(|bed| bed.wake());
    }

    /// Lets as many threads end, of those that sleep, and answers how many do.
    pub fn dismiss(&self, count: usize) -> usize {
        let mut state = self.state.lock();
        let count = count.min(state.sleeping.len());
        // Those that have slept longest.
        let dismissed: Vec<_> = state.sleeping.drain(..count).collect();
        drop(state);
        for bed in &dismissed {
            bed.dismissed.store(true, Ordering::Relaxed);
            bed.wake();
        }
        count
    }

    /// Drops every task that no thread polls, and lets no other come.
    pub fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        state.queue.hold(HashSet::new());
        let alive = std::mem::take(&mut state.alive);
        drop(state);
        // A task can be dropped once it is in the queue.
        alive.into_iter().for_each(|(_, waker)| waker.wake());
        self.clear();
    }

    /// Drops what is in the queue, without the lock: what a task owns may wake others as it is dropped.
    fn clear(&self) {
        loop {
            let task = self.state.lock().queue.pop();
            if task.is_none() {
                return;
            }
        }
    }
}

thread_local! {
    /// The tasks that code of this thread has woken, while it runs them itself.
    static WOKEN: RefCell<Option<Vec<Runnable>>> = const { RefCell::new(None) };
}

/// Keeps a task for the code that has woken it, if that runs it.
fn keep(task: Runnable) -> Option<Runnable> {
    let mut task = Some(task);
    // What a thread drops when it ends may wake tasks, too.
    let _ = WOKEN.try_with(|woken| {
        if let Some(woken) = &mut *woken.borrow_mut() {
            woken.extend(task.take());
        }
    });
    task
}

/// Runs code, and then polls, on this thread, the tasks that it has woken.
pub(crate) fn run_woken(code: impl FnOnce()) {
    struct Restore(Option<Vec<Runnable>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            let woken = WOKEN.replace(self.0.take());
            for task in woken.into_iter().flatten() {
                task.run();
            }
        }
    }
    let _restore = Restore(WOKEN.replace(Some(Vec::new())));
    code();
}

/// A thread that polls tasks.
pub(crate) struct Worker<'a> {
    tasks: &'a Tasks,
    bed: Arc<Bed>,
    polling: bool,
}

impl Worker<'_> {
    /// The calling thread.
    pub fn new(tasks: &Tasks) -> Worker<'_> {
        Worker { tasks, bed: Bed::new(), polling: false }
    }

    /// Polls the next task once, waiting for one; `false` once they are stopped, or the thread is dismissed.
    pub fn tick(&mut self) -> bool {
        let Some(task) = self.next() else { return false };
        pace::enter(*task.metadata());
        task.run();
        true
    }

    fn next(&mut self) -> Option<Runnable> {
        let tasks = self.tasks;
        let mut state = tasks.state.lock();
        state.polling -= usize::from(std::mem::take(&mut self.polling));
        let mut looked = false;
        while !state.stopped {
            if let Some(task) = state.queue.pop() {
                tasks.queued.store(state.queue.ready(), Ordering::Release);
                state.polling += 1;
                self.polling = true;
                let bed = tasks.rouse(&mut state);
                drop(state);
                bed.inspect(|bed| bed.wake());
                return Some(task);
            }
            // The core of whoever calls isn't to be had.
            let free = state.polling + state.looking + 1 < tasks.cores;
            let first = !std::mem::replace(&mut looked, true);
            if first {
                state.ran_out = Some(Instant::now());
            }
            if first && free && state.gaps.are_soon() {
                state.looking += 1;
                state.awake += 1;
                // Whoever adds a task must not take it for absent before it has looked.
                tasks.look(Instant::now());
                drop(state);
                let crowded = spin(LOOK, |now| tasks.look(now));
                state = tasks.state.lock();
                state.awake -= 1;
                if crowded {
                    state.gaps.put_off();
                }
            } else {
                state.sleeping.push(self.bed.clone());
                drop(state);
                self.bed.sleep();
                if self.bed.dismissed.load(Ordering::Relaxed) {
                    return None;
                }
                state = tasks.state.lock();
            }
            state.looking -= 1;
        }
        None
    }
}

impl Drop for Worker<'_> {
    fn drop(&mut self) {
        let mut state = self.tasks.state.lock();
        state.polling -= usize::from(self.polling);
        let closed = state.closed;
        let bed = self.tasks.rouse(&mut state);
        drop(state);
        bed.inspect(|bed| bed.wake());
        if closed {
            // The task that closed them from this thread may have been woken meanwhile.
            self.tasks.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_are_polled_by_who_begins_or_wakes_them_if_that_is_wanted() {
        let tasks = Arc::new(Tasks::new(2));
        let here = thread::current().id();
        let signal = Arc::new(event_listener::Event::<()>::new());
        let listener = signal.listen();
        let polled = Arc::new(Mutex::new(Vec::new()));
        let told = polled.clone();
        let task = async move {
            told.lock().push(thread::current().id());
            listener.await;
            told.lock().push(thread::current().id());
        };
        let task = tasks.spawn_here(task).unwrap();
        assert_eq!(*polled.lock(), [here]);
        run_woken(|| {
            signal.notify(1);
        });
        assert_eq!(*polled.lock(), [here; 2]);
        futures_lite::future::block_on(task);
        assert_eq!(tasks.state.lock().queue.ready(), 0);
    }

    #[test]
    fn a_task_that_comes_while_a_thread_looks_wakes_no_other() {
        let mut state = State { sleeping: vec![Bed::new(), Bed::new()], ..State::default() };
        assert!(state.rouse(false).is_none(), "there is no task");
        let (task, _handle) = Builder::new().metadata(Lane::default()).spawn(|_| async {}, |_| {});
        state.queue.push(Lane::default(), task);
        assert!(state.rouse(false).is_some());
        assert!(state.rouse(false).is_none(), "that one is on its way");
        state.looking -= 1;
        assert!(state.rouse(false).is_some());
    }

    #[test]
    fn a_task_that_comes_while_the_thread_that_looks_has_lost_its_core_wakes_another() {
        let tasks = Tasks::new(2);
        let mut state = tasks.state.lock();
        state.sleeping = vec![Bed::new(), Bed::new()];
        (state.looking, state.awake) = (1, 1);
        let (task, _handle) = Builder::new().metadata(Lane::default()).spawn(|_| async {}, |_| {});
        state.queue.push(Lane::default(), task);
        let hour = Duration::from_secs(3600);
        tasks.look(tasks.begun + hour);
        assert!(tasks.rouse(&mut state).is_none(), "it looks");
        tasks.look(tasks.begun);
        thread::sleep(ABSENT * 2);
        assert!(tasks.rouse(&mut state).is_some());
        assert!(tasks.rouse(&mut state).is_none(), "that one is on its way");
    }
}
