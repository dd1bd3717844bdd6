//! The events that run in a machine, and what they wait for.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::task::{Context, Poll};
use std::time::Instant;

use event_listener::Event as Signal;
use parking_lot::Mutex;
use rquickjs::Ctx;

use super::guard::Guard;
use super::instance::JsInstance;
use super::operations::{Ended, Operation, Operations};
use super::program::Program;
use crate::actor::{Actor, Event};
use crate::charge::Charge;
use crate::error::{Error, ErrorCode, Result};
use crate::facet::StartGuard;
use crate::guest::ending::Ending;
use crate::guest::outside::{Answer, Pending, TIMER_BYTES};
use crate::guest::rare::Rare;
use crate::guest::timers;
use crate::guest::watchdog::{Interrupt, Stop};
use crate::http::Response;
use crate::order::Order;
use crate::storage::Storage;
use crate::stub::Stub;
use crate::value::Value;

/// What an event is to end with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Nothing,
    Value,
    Response,
}

/// What an event has ended with.
pub(super) enum Outcome {
    Nothing,
    Value(Value),
    Response(Response),
}

/// One event's run through the guest.
pub(super) struct Task {
    pub event: Arc<Event>,
    pub number: u64,
    pub wanted: Wanted,
    /// Whether it keeps the turn throughout: a constructor.
    pub starting: bool,
    pub operations: Operations,
    outcome: Mutex<Option<Result<Outcome>>>,
    /// Woken once it is done by another event's run.
    pub signal: Signal,
}

impl Task {
    /// Whether the turn must be kept while it waits.
    pub fn keeps_turn(&self) -> bool {
        self.starting || self.event.in_section()
    }

    /// Whether it has an outcome and has left every section and transaction.
    pub fn is_done(&self) -> bool {
        self.outcome.lock().is_some() && !self.event.in_section()
    }

    /// Polls what it waits for. Answers that take as much as a message are handed in before further ones are asked for.
    pub fn poll_operations(&self, context: &mut Context<'_>) -> Poll<Ended> {
        self.operations.poll(self.event.actor.limits.message_bytes, context)
    }

    /// Takes its outcome once it is done.
    pub fn ended(&self) -> Option<Result<Outcome>> {
        if self.event.in_section() { None } else { self.outcome.lock().take() }
    }
}

/// What natives share with the drivers of one machine.
pub(super) struct Shared {
    pub guard: Arc<Guard>,
    /// The modules of the actor's code.
    pub program: OnceLock<Arc<Program>>,
    /// Whose machine this is.
    pub instance: OnceLock<Weak<JsInstance>>,
    /// What the storage said when it refused to grow.
    pub full: Mutex<Option<Error>>,
    /// Tasks that have got their outcomes and haven't been told.
    ended: Rare<Weak<Task>>,
    pub timers: timers::Pending,
    /// Its weak maps and sets.
    pub weak: Arc<AtomicUsize>,
    /// For what events leave behind, which ends with the instance.
    pub ending: Ending,
    /// The order in which what events have left behind takes the turn.
    pub left_behind: Order,
    /// Callbacks of the guest that nobody holds any more.
    pub dropped: Rare<u32>,
    /// The number of the task whose code runs now; 0 if none does.
    current: AtomicU64,
    /// Every task that has not left, by number, the newest last.
    tasks: Mutex<Vec<Arc<Task>>>,
    /// Facet starts that have begun and not ended, with the task that began them.
    starts: Rare<(u64, Stub, StartGuard)>,
    next: AtomicU64,
}

impl Shared {
    pub fn new(guard: Arc<Guard>) -> Shared {
        Shared {
            guard,
            program: OnceLock::new(),
            instance: OnceLock::new(),
            full: Mutex::default(),
            ended: Rare::default(),
            timers: timers::Pending::default(),
            weak: Arc::default(),
            ending: Ending::default(),
            left_behind: Order::default(),
            dropped: Rare::default(),
            current: AtomicU64::new(0),
            tasks: Mutex::default(),
            starts: Rare::default(),
            next: AtomicU64::new(1),
        }
    }

    /// Counts bytes that the host holds as the guest's memory.
    pub fn charge(&self, ctx: &Ctx<'_>, bytes: usize) -> Charge {
        let charge = Charge::new(self.guard.clone(), bytes);
        self.check_memory(ctx);
        charge
    }

    /// Ends the guest if what is held for it doesn't fit into its memory, beside what is no garbage.
    pub fn check_memory(&self, ctx: &Ctx<'_>) {
        if self.guard.is_full() {
            ctx.run_gc();
        }
        if self.guard.is_full() {
            self.guard.interrupt(Stop::Memory);
        }
    }

    pub fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Enters a task for an event. It leaves with [`Shared::leave`].
    pub fn add_task(&self, event: &Arc<Event>, wanted: Wanted, starting: bool) -> Arc<Task> {
        event.set_lends(!starting);
        // Numbers are given under the lock, so that the list is in their order.
        let mut tasks = self.tasks.lock();
        if tasks.is_empty() {
            self.guard.begins();
        }
        let task = Arc::new(Task {
            event: event.clone(),
            number: self.number(),
            wanted,
            starting,
            operations: Operations::default(),
            outcome: Mutex::default(),
            signal: Signal::new(),
        });
        tasks.push(task.clone());
        task
    }

    /// Takes a task out; facet starts that it has begun and not ended fail.
    pub fn leave(&self, task: &Task) {
        let mut tasks = self.tasks.lock();
        if let Ok(at) = tasks.binary_search_by_key(&task.number, |task| task.number) {
            tasks.remove(at);
        }
        drop(tasks);
        if !self.starts.is_empty() {
            let own = |(number, _, _): &mut (u64, Stub, StartGuard)| *number == task.number;
            // Dropped without the lock.
            let given_up: Vec<_> = self.starts.with(|starts| starts.extract_if(.., own).collect());
            drop(given_up);
        }
    }

    /// Gives a task its outcome.
    pub fn end(&self, task: &Arc<Task>, outcome: Result<Outcome>) {
        *task.outcome.lock() = Some(outcome);
        self.ended.push(Arc::downgrade(task));
    }

    /// Tells the tasks that are done, after a run of any event: it may have given them their outcomes, or have left
    /// their sections.
    pub fn tell_done(&self) {
        for ended in self.ended.take() {
            let Some(task) = ended.upgrade() else { continue };
            if task.event.in_section() {
                self.ended.push(ended);
            } else {
                task.signal.notify(1);
            }
        }
    }

    pub fn find_task(&self, number: u64) -> Option<Arc<Task>> {
        let tasks = self.tasks.lock();
        let at = tasks.binary_search_by_key(&number, |task| task.number).ok()?;
        Some(tasks[at].clone())
    }

    /// The task that runs.
    pub fn task(&self) -> Result<Arc<Task>> {
        self.find_task(self.current.load(Ordering::Relaxed)).ok_or_else(|| {
            Error::new(ErrorCode::Panic, "a native function ran outside of an event")
        })
    }

    pub fn actor(&self) -> Result<Arc<Actor>> {
        Ok(self.task()?.event.actor.clone())
    }

    /// Runs `work` with the storage of the actor that runs.
    pub fn storage<T>(&self, work: impl FnOnce(&Storage) -> Result<T>) -> Result<T> {
        let task = self.task()?;
        work(task.event.actor.storage()?)
    }

    /// Runs `code` as the given task, which hasn't left.
    pub fn enter<T>(&self, task: &Arc<Task>, code: impl FnOnce() -> T) -> T {
        struct Leave<'a>(&'a Shared);
        impl Drop for Leave<'_> {
            fn drop(&mut self) {
                self.0.current.store(0, Ordering::Relaxed);
            }
        }
        self.current.store(task.number, Ordering::Relaxed);
        let _leave = Leave(self);
        code()
    }

    /// Begins an operation, which goes on when guest code waits.
    pub fn begin(&self, pending: Pending) -> Result<u64> {
        self.begin_with(self.number(), pending)
    }

    fn begin_with(&self, number: u64, pending: Pending) -> Result<u64> {
        self.task()?.operations.begin(Operation { number, pending });
        Ok(number)
    }

    /// Begins an operation that ends when a timer is due.
    pub fn begin_timer(&self, ctx: &Ctx<'_>, due: Instant) -> Result<u64> {
        let number = self.number();
        let charge = self.charge(ctx, TIMER_BYTES);
        let ended = self.timers.set(number, due, &self.actor()?.runtime.timers);
        self.begin_with(
            number,
            Box::pin(async move {
                let _charge = charge;
                ended.await;
                Ok(Answer::Due)
            }),
        )
    }

    /// Ends a timer's operation, whichever event it was begun in.
    pub fn clear_timer(&self, number: u64) -> Result<()> {
        self.timers.clear(number);
        self.task()?.operations.remove(number);
        Ok(())
    }

    /// Whether what an operation has ended with still matters, which it doesn't for a timer that was cleared.
    /// To be asked once, with the turn held.
    pub fn takes(&self, number: u64, answer: &Result<Answer>) -> bool {
        !matches!(answer, Ok(Answer::Due)) || self.timers.take(number)
    }

    pub fn begin_start(&self, stub: Stub, guard: StartGuard) -> Result<()> {
        let task = self.task()?.number;
        self.starts.push((task, stub, guard));
        Ok(())
    }

    /// The start of a facet that was begun with this stub.
    pub fn take_start(&self, stub: &Stub) -> Option<StartGuard> {
        self.starts.with(|starts| {
            let at = starts.iter().rposition(|(_, begun, _)| begun.is(stub))?;
            Some(starts.swap_remove(at).2)
        })
    }
}
