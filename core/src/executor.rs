//! Threads of one runtime and the ways to run a future: on them, or on the calling thread.

use std::future::Future;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Wake};
use std::thread::{self, JoinHandle, Thread};
use std::time::Duration;

use futures_lite::future;
use parking_lot::Mutex;

use crate::error::{Error, ErrorCode, Result};
use crate::lanes::Lane;
use crate::park::block_on;
use crate::pulse::{self, Pulses};
use crate::tasks::{Tasks, Worker};

/// Stack of our own threads: guest source of 2 KB nests deep enough to need more than 512 KiB.
const STACK_BYTES: usize = 8 << 20;

/// A blocking call runs on the caller's thread while that much of its stack is left.
const MIN_STACK_LEFT: usize = 1 << 20;

/// More threads than this are never started, however many block or burn.
const MAX_THREADS: usize = 1024;

/// A small pool of threads that poll futures, grown while host code blocks some of them or guests burn
/// their CPU time on them: whoever waits for a thread would wait for all of that.
#[derive(Clone)]
pub(crate) struct Executor(Arc<Inner>);

struct Inner {
    tasks: Arc<Tasks>,
    threads: Mutex<Threads>,
    pulses: Arc<Pulses>,
    base: usize,
}

#[derive(Default)]
struct Threads {
    handles: Vec<JoinHandle<()>>,
    running: usize,
    /// Those that wait in host code.
    blocked: usize,
    /// Those that have been in one poll for long, blocked ones left out.
    busy: usize,
    stopped: bool,
}

impl Threads {
    /// How many are there for tasks that come next.
    fn free(&self) -> usize {
        self.running.saturating_sub(self.blocked + self.busy)
    }
}

impl Executor {
    /// Makes an executor whose `threads` threads start with the first task.
    pub fn new(threads: usize) -> Executor {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Executor(Arc::new(Inner {
            tasks: Arc::new(Tasks::new(cores)),
            threads: Mutex::default(),
            pulses: Arc::default(),
            base: threads.max(1),
        }))
    }

    /// What its threads poll.
    pub fn tasks(&self) -> Weak<Tasks> {
        Arc::downgrade(&self.0.tasks)
    }

    /// Runs `task` in the background; a panic ends the task only. It is dropped when the executor
    /// stops, and at once if it has.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.spawn_in(Lane::default(), task);
    }

    /// Like [`Executor::spawn`], for what a guest has going on that nobody waits for: it takes turns with what others have.
    pub fn spawn_in(&self, lane: Lane, task: impl Future<Output = ()> + Send + 'static) {
        self.start_threads();
        if let Some(task) = self.0.tasks.spawn(lane, guarded(task)) {
            task.detach();
        }
    }

    /// Like [`Executor::spawn`], but polls the task on this thread the first time.
    pub fn spawn_here(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.start_threads();
        if let Some(task) = self.0.tasks.spawn_here(guarded(task)) {
            task.detach();
        }
    }

    /// Runs a future to its end: on this thread while it has enough stack, else on one of ours.
    ///
    /// # Errors
    /// CLOSED if the runtime closes before it ends.
    pub fn block_on<T: Send + 'static>(
        &self,
        task: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        self.block_on_or(task, future::pending())
    }

    /// Like [`Executor::block_on`], but answers what `watch` does and drops the task if `watch`, polled
    /// on this thread while the task waits, ends first.
    ///
    /// # Errors
    /// As [`Executor::block_on`].
    pub fn block_on_or<T: Send + 'static>(
        &self,
        task: impl Future<Output = Result<T>> + Send + 'static,
        watch: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        if stacker::remaining_stack().is_some_and(|left| left >= MIN_STACK_LEFT) {
            return self.block_here(future::or(task, watch));
        }
        self.start_threads();
        let task = futures_lite::FutureExt::catch_unwind(AssertUnwindSafe(Box::pin(task)));
        let task =
            self.0.tasks.spawn(Lane::default(), pulse::beat(task)).ok_or_else(closed)?.fallible();
        let task = async move {
            match task.await {
                Some(Ok(result)) => result,
                Some(Err(panic)) => resume_unwind(panic),
                None => Err(closed()),
            }
        };
        self.block_here(future::or(task, watch))
    }

    /// Stops and joins every thread, unless called from one of them. Tasks that are left are dropped.
    pub fn stop(&self) {
        let handles = {
            let mut threads = self.0.threads.lock();
            threads.stopped = true;
            std::mem::take(&mut threads.handles)
        };
        self.0.tasks.stop();
        self.0.pulses.stop();
        let own = std::thread::current().id();
        for handle in handles.into_iter().filter(|handle| handle.thread().id() != own) {
            let _ = handle.join();
        }
        self.0.tasks.close();
    }

    /// Polls on this thread. One of ours that blocks is replaced meanwhile, because the future may
    /// wait for a task that only the executor polls.
    fn block_here<T>(&self, task: impl Future<Output = T>) -> T {
        let Some(_pause) = pulse::pause() else { return block_on(task) };
        struct Blocked<'a>(&'a Executor);
        impl Drop for Blocked<'_> {
            fn drop(&mut self) {
                self.0.0.threads.lock().blocked -= 1;
            }
        }
        self.0.threads.lock().blocked += 1;
        let _blocked = Blocked(self);
        self.start_threads();
        block_on(task)
    }

    fn start_threads(&self) {
        let mut threads = self.0.threads.lock();
        if !threads.stopped && threads.running == 0 {
            let inner = Arc::downgrade(&self.0);
            let rested = inner.clone();
            self.0.pulses.watch(move |busy| relieve(&inner, busy), move || rest(&rested));
        }
        while !threads.stopped && threads.running < MAX_THREADS && threads.free() < self.0.base {
            let inner = self.0.clone();
            let thread = thread::Builder::new()
                .name("facetbox".into())
                .stack_size(STACK_BYTES)
                .spawn(move || run(&inner));
            let Ok(handle) = thread else { break };
            threads.handles.retain(|handle| !handle.is_finished());
            threads.handles.push(handle);
            threads.running += 1;
        }
    }
}

/// What is spawned for a task. That is in a box, because each future that wraps another one has room for it twice: before
/// its first poll and from then on.
fn guarded(
    task: impl Future<Output = ()> + Send + 'static,
) -> impl Future<Output = ()> + Send + 'static {
    let task = futures_lite::FutureExt::catch_unwind(AssertUnwindSafe(Box::pin(task)));
    pulse::beat(async move {
        let _ = task.await;
    })
}

/// Starts threads in place of those that are `busy`.
fn relieve(inner: &Weak<Inner>, busy: usize) {
    let Some(inner) = inner.upgrade() else { return };
    let changed = std::mem::replace(&mut inner.threads.lock().busy, busy) != busy;
    if changed {
        Executor(inner).start_threads();
    }
}

/// Lets threads end that have stood in for others: none polls anything.
fn rest(inner: &Weak<Inner>) {
    let Some(inner) = inner.upgrade() else { return };
    let mut threads = inner.threads.lock();
    let spare = threads.free().saturating_sub(inner.base);
    // Whoever needs threads from now on doesn't count on them.
    threads.running -= inner.tasks.dismiss(spare);
}

fn run(inner: &Inner) {
    inner.pulses.join();
    let mut worker = Worker::new(&inner.tasks);
    loop {
        for _ in 0..256 {
            if !worker.tick() {
                return;
            }
        }
        let mut threads = inner.threads.lock();
        if threads.free() > inner.base {
            threads.running -= 1;
            return;
        }
    }
}

/// Runs a future to its end on this thread, and calls `check` that often while it waits: where no runtime is.
pub(crate) fn block_alone<T>(
    task: impl Future<Output = Result<T>>,
    every: Duration,
    mut check: impl FnMut() -> Result<()>,
) -> Result<T> {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let mut task = pin!(task);
    let waker = Arc::new(Unpark(thread::current())).into();
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(answer) = task.as_mut().poll(&mut context) {
            return answer;
        }
        thread::park_timeout(every);
        check()?;
    }
}

pub(crate) fn closed() -> Error {
    Error::new(ErrorCode::Closed, "The runtime is closed.")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_small_stack_hops_to_a_deep_one() {
        let executor = Executor::new(1);
        let other = executor.clone();
        let name = std::thread::Builder::new()
            .stack_size(256 << 10)
            .spawn(move || {
                other.block_on(async { Ok(std::thread::current().name().map(str::to_owned)) })
            })
            .unwrap()
            .join()
            .unwrap();
        assert_eq!(name.unwrap().as_deref(), Some("facetbox"));
        executor.stop();
    }

    #[test]
    fn tasks_that_are_left_are_dropped_by_stop_and_later_ones_at_once() {
        let executor = Executor::new(1);
        for _ in ["before stop", "after stop"] {
            let (sender, receiver) = std::sync::mpsc::channel::<()>();
            executor.spawn(async move {
                future::pending::<()>().await;
                drop(sender);
            });
            executor.stop();
            assert!(receiver.recv().is_err());
        }
    }

    #[test]
    fn threads_that_burn_are_replaced() {
        let executor = Executor::new(1);
        let quiet = Arc::new(AtomicBool::new(false));
        for _ in 0..3 {
            let quiet = quiet.clone();
            executor.spawn(async move {
                let begin = Instant::now();
                while !quiet.load(Ordering::Relaxed) && begin.elapsed() < Duration::from_secs(20) {
                    std::hint::spin_loop();
                }
            });
        }
        let (sender, receiver) = std::sync::mpsc::channel();
        executor.spawn(async move { sender.send(()).unwrap() });
        let answer = receiver.recv_timeout(Duration::from_secs(15));
        quiet.store(true, Ordering::Relaxed);
        executor.stop();
        answer.expect("the quiet task ran beside those that burn");
    }

    #[test]
    fn threads_that_have_stood_in_for_others_end() {
        let executor = Executor::new(1);
        let (begin, met) = (Instant::now(), Arc::new(AtomicUsize::new(0)));
        let in_time = move || begin.elapsed() < Duration::from_secs(20);
        for _ in 0..3 {
            let met = met.clone();
            executor.spawn(async move {
                met.fetch_add(1, Ordering::Relaxed);
                while met.load(Ordering::Relaxed) < 3 && in_time() {
                    std::hint::spin_loop();
                }
            });
        }
        let running = || executor.0.threads.lock().running;
        while met.load(Ordering::Relaxed) < 3 && in_time() {
            thread::yield_now();
        }
        assert!(running() >= 3);
        while running() > 1 && in_time() {
            thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(running(), 1);
        let (sender, receiver) = std::sync::mpsc::channel();
        executor.spawn(async move { sender.send(()).unwrap() });
        receiver.recv_timeout(Duration::from_secs(15)).expect("one is left");
        executor.stop();
    }

    #[test]
    fn threads_that_block_are_replaced() {
        let executor = Executor::new(1);
        let (sender, receiver) = std::sync::mpsc::channel();
        let inner = executor.clone();
        executor.spawn(async move {
            let (set, wait) = std::sync::mpsc::sync_channel(1);
            inner.spawn(async move { set.send(7).unwrap() });
            let waiting = async move { Ok(wait.recv().unwrap()) };
            sender.send(inner.block_on(waiting).unwrap()).unwrap();
        });
        assert_eq!(receiver.recv().unwrap(), 7);
        executor.stop();
    }
}
