//! The driver that runs events through a guest.
//!
//! An event enters the guest once; then its driver runs promise jobs, and while the event has no outcome
//! it waits for one of the operations that guest code has begun meanwhile, hands its result in, and runs
//! jobs again. Several events may wait in one machine; whichever has the turn runs jobs for all of them.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Context;

use futures_lite::future;
use rquickjs::promise::PromiseState;
use rquickjs::{Ctx, Value as JsValue};

use super::errors::{caught, error_from_js};
use super::instance::JsInstance;
use super::operations::{Ended, Operation};
use super::outcome::{hand_in, outcome, poll_more};
use super::task::{Outcome, Task, Wanted};
use super::vm::{Hooks, run_job};
use crate::actor::{Event, Hold};
use crate::error::{Error, ErrorCode, Result};
use crate::guest::stop;
use crate::guest::watchdog::Stop;

impl JsInstance {
    /// Runs an event to its outcome, waiting for what it waits for.
    pub async fn run<F>(
        &self,
        event: &Arc<Event>,
        hold: &mut Hold,
        wanted: Wanted,
        starting: bool,
        entry: F,
    ) -> Result<Outcome>
    where
        F: for<'a, 'js> FnOnce(&'a Ctx<'js>, &'a Hooks<'js>) -> rquickjs::Result<JsValue<'js>>,
    {
        let running =
            Running { instance: self, task: self.vm.shared.add_task(event, wanted, starting) };
        let task = &running.task;
        let mut first = None;
        self.enter(task, |ctx, hooks| {
            let entered = entry(ctx, hooks).map_err(|error| caught(ctx, hooks, error));
            first = self.begin(ctx, hooks, task, entered);
        })?;
        let outcome = match first {
            Some(outcome) if !event.in_section() => outcome,
            first => {
                if let Some(outcome) = first {
                    self.vm.shared.end(task, outcome);
                }
                match self.wait_for_outcome(task, hold).await {
                    Ok(outcome) => outcome,
                    // It has no turn any more. Others may wait for what it has begun.
                    Err(error) if error.code() == ErrorCode::Deadlock => Err(error),
                    Err(error) => return Err(error),
                }
            }
        };
        for operation in task.operations.take() {
            self.go_on_later(event, operation);
        }
        if event.has_kept() && event.is_holding() && !starting {
            Box::pin(hold.alone()).await;
        }
        outcome.map_err(stop::leaving)
    }

    async fn wait_for_outcome(&self, task: &Arc<Task>, hold: &mut Hold) -> Result<Result<Outcome>> {
        loop {
            if let Some(outcome) = task.ended() {
                return Ok(outcome);
            }
            let ended = self.wait(task, hold).await?;
            self.enter(task, |ctx, hooks| self.settle(ctx, hooks, &task.event, ended))?;
        }
    }

    /// Runs code of the guest as part of a task. An error is one that ends the event.
    fn enter(
        &self,
        task: &Arc<Task>,
        code: impl for<'a, 'js> FnOnce(&'a Ctx<'js>, &'a Hooks<'js>),
    ) -> Result<()> {
        let (event, shared) = (&task.event, &self.vm.shared);
        let watchdog = &event.actor.runtime.engines.watchdog;
        // The task is entered, and looked after, with the machine's lock held: an event that keeps the turn and one
        // within that turn may both go on at once.
        let ((), used, end) = self.vm.run(|ctx, hooks| {
            let (budget, deadline) = (event.cpu_left(), event.deadline);
            watchdog.watch(shared.guard.clone(), event.now(), budget, deadline, || {
                shared.enter(task, || {
                    for callback in shared.dropped.take() {
                        let _ = hooks.drop_callback.call::<_, ()>((callback,));
                    }
                    code(ctx, hooks);
                    self.report(ctx, hooks, event);
                });
                event.actor.write_indexes();
            })
        });
        event.add_cpu(used);
        event.has_read(end);
        shared.guard.note_run(used);
        shared.tell_done();
        match shared.guard.stopped() {
            Some(why) => Err(self.stopped(task, why)),
            None => Ok(()),
        }
    }

    /// Reports the promises that are rejected and that no job has given a handler.
    fn report<'js>(&self, ctx: &Ctx<'js>, hooks: &Hooks<'js>, event: &Event) {
        if self.vm.shared.guard.is_stopped() {
            return;
        }
        for reason in hooks.rejections.take() {
            event.add_exception(&error_from_js(ctx, hooks, &reason));
        }
    }

    /// Goes on with what entering the guest has given; answers the outcome if that is known.
    fn begin<'js>(
        &self,
        ctx: &Ctx<'js>,
        hooks: &Hooks<'js>,
        task: &Arc<Task>,
        entered: Result<JsValue<'js>>,
    ) -> Option<Result<Outcome>> {
        self.run_jobs(ctx, hooks);
        if self.vm.shared.guard.is_stopped() {
            return None;
        }
        let outcome = match entered {
            Err(error) => Err(error),
            Ok(value) => match value.as_promise() {
                None => outcome(ctx, hooks, task, &value),
                Some(promise) => match promise.state() {
                    PromiseState::Resolved => match promise.result::<JsValue<'js>>() {
                        Some(Ok(value)) => outcome(ctx, hooks, task, &value),
                        _ => Err(Error::new(ErrorCode::Panic, "a promise without a value")),
                    },
                    PromiseState::Rejected => {
                        hooks.rejections.forget(&value);
                        let thrown = promise.result::<JsValue<'js>>();
                        let thrown = thrown.and_then(std::result::Result::err);
                        Err(caught(ctx, hooks, thrown.unwrap_or(rquickjs::Error::Unknown)))
                    }
                    PromiseState::Pending => {
                        match hooks.watch.call::<_, ()>((value.clone(), task.number as f64)) {
                            Ok(()) => return None,
                            Err(error) => Err(caught(ctx, hooks, error)),
                        }
                    }
                },
            },
        };
        // What the copying of the result has begun.
        self.run_jobs(ctx, hooks);
        Some(outcome)
    }

    /// Hands in what operations have ended with: timers last, that which was due first before the others.
    fn settle<'js>(&self, ctx: &Ctx<'js>, hooks: &Hooks<'js>, event: &Event, mut ended: Ended) {
        ended.sort_by_cached_key(|(number, _)| self.vm.shared.timers.due(*number));
        for (number, answer) in ended {
            if !self.vm.shared.takes(number, &answer) {
                continue;
            }
            let settled = hand_in(ctx, hooks, number, answer);
            if let Err(error) = settled
                && !self.vm.shared.guard.is_stopped()
            {
                event.add_exception(&caught(ctx, hooks, error));
            }
            self.run_jobs(ctx, hooks);
        }
        self.run_jobs(ctx, hooks);
    }

    fn run_jobs<'js>(&self, ctx: &Ctx<'js>, hooks: &Hooks<'js>) {
        let guard = &self.vm.shared.guard;
        while !guard.is_stopped() {
            guard.begins_job();
            if !run_job(ctx, hooks) {
                break;
            }
        }
    }

    /// Waits outside of the guest. What was written is committed first, because whatever is waited for
    /// may tell the world; the turn is free meanwhile unless a section or a transaction keeps it.
    async fn wait(&self, task: &Arc<Task>, hold: &mut Hold) -> Result<Ended> {
        let event = &task.event;
        event.takes_time();
        event.actor.flush()?;
        let mut ended = Vec::new();
        let waited = async {
            if !task.keeps_turn() && !event.has_kept() {
                hold.release();
            } else if !task.keeps_turn() {
                // Who is within the turn may wait for what its code does next, which it has the turn for.
                // Boxed as what few events come to.
                let alone = async {
                    hold.alone().await;
                    None
                };
                let more = async { Some(self.next(task).await) };
                if let Some(more) = Box::pin(future::or(alone, more)).await {
                    ended = more;
                    return Some(());
                }
                hold.release();
            }
            event.give_way().await;
            ended = self.next(task).await;
            Some(())
        };
        let late = async {
            event.late().await;
            None
        };
        if future::or(waited, late).await.is_none() {
            return Err(match event.in_section() {
                true => event.actor.fail_section(),
                false => self.stopped(task, Stop::Wall),
            });
        }
        if let Err(error) = go_on(task, &mut ended, hold.retake()).await {
            for (number, answer) in ended {
                let pending = Box::pin(std::future::ready(answer));
                self.go_on_later(event, Operation { number, pending });
            }
            return Err(error);
        }
        event.actor.check()?;
        Ok(ended)
    }

    /// Waits until operations have ended, or another event's run has given this one its outcome or has ended the sections
    /// that it has kept the turn for.
    async fn next(&self, task: &Arc<Task>) -> Ended {
        let kept = task.keeps_turn();
        loop {
            let listener = task.signal.listen();
            if task.is_done() || (kept && !task.keeps_turn()) {
                return Vec::new();
            }
            let ended = poll_fn(|context| task.poll_operations(context));
            let ended = async { Some(ended.await) };
            let signal = async {
                listener.await;
                None
            };
            if let Some(ended) = future::or(ended, signal).await {
                return ended;
            }
        }
    }

    /// Ends the instance because of a limit, and gives the error of the event that hit it.
    fn stopped(&self, task: &Task, why: Stop) -> Error {
        let full = self.vm.shared.full.lock().take();
        why.end(&task.event.actor, &*self.vm.shared.guard, full)
    }
}

/// Waits for a turn. What else the task has begun goes on meanwhile: that may be in this turn, or have the one of another
/// actor, for which whoever is in this one waits.
async fn go_on<T>(task: &Task, ended: &mut Ended, turn: impl Future<Output = T>) -> T {
    let mut turn = pin!(turn);
    let poll = |context: &mut Context<'_>| {
        let done = turn.as_mut().poll(context);
        if done.is_pending() {
            poll_more(task, ended, context);
        }
        done
    };
    poll_fn(poll).await
}

/// A task that is in the machine; leaves with the scope.
struct Running<'a> {
    instance: &'a JsInstance,
    task: Arc<Task>,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.instance.vm.shared.leave(&self.task);
    }
}
