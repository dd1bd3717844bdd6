//! The driver that runs events through a guest: each is a coroutine, which yields to wait.

use std::sync::Arc;
use std::time::Instant;

use futures_lite::future;
use mlua::{IntoLuaMulti, MultiValue, Table, Value as LuaValue};

use super::convert::Passed;
use super::coroutine::{Coroutine, Ran};
use super::errors::{error_from_lua, error_from_mlua, error_to_lua};
use super::instance::LuauInstance;
use super::vm::{Task, TimerRequest};
use crate::actor::{Actor, Awake, Event, Hold};
use crate::error::{Error, ErrorCode, Result};
use crate::guest::outside::{Answer, Pending};
use crate::guest::stop;
use crate::guest::watchdog::Stop;
use crate::metrics::EventKind;
use crate::tail::{Observation, TailInfo};
use crate::value::Value;

/// Coroutines kept for later events.
const KEPT_COROUTINES: usize = 8;

/// Functions of the prelude that events enter by.
#[derive(Clone, Copy)]
pub(super) enum Entry {
    LoadMain,
    ListExports,
    Construct,
    CallFetch,
    CallAlarm,
    StartFacet,
    Fire,
}

/// What a resumed coroutine does next.
enum Step {
    /// It has run to its end and can run another event.
    Ended(LuaValue),
    /// It is of no more use.
    Failed(Error),
    Wait(Pending),
}

impl LuauInstance {
    /// Runs a function of the prelude to its end, waiting for what it waits for. Gives its first result.
    ///
    /// `input` makes what the function is called with, at the expense of the event.
    pub async fn run<I: IntoLuaMulti>(
        &self,
        task: &Arc<Task>,
        hold: &mut Hold,
        entry: Entry,
        input: impl FnOnce() -> mlua::Result<I>,
    ) -> Result<LuaValue> {
        let prelude = &self.vm.prelude;
        let function = match entry {
            Entry::LoadMain => &prelude.load_main,
            Entry::ListExports => &prelude.list_exports,
            Entry::Construct => &prelude.construct,
            Entry::CallFetch => &prelude.call_fetch,
            Entry::CallAlarm => &prelude.call_alarm,
            Entry::StartFacet => &prelude.start_facet,
            Entry::Fire => &prelude.fire,
        };
        let begin = |coroutine: &Coroutine| {
            coroutine.run(&self.vm.lua, prelude.marker, true, (function, input()?))
        };
        self.drive(task, hold, begin).await
    }

    /// Calls a method of an object that the prelude has constructed, as [`LuauInstance::run`] does.
    pub async fn run_method(
        &self,
        task: &Arc<Task>,
        hold: &mut Hold,
        object: &Table,
        method: &str,
        args: &[Value],
    ) -> Result<LuaValue> {
        let (lua, marshal, prelude) = (&self.vm.lua, &self.vm.marshal, &self.vm.prelude);
        let marker = prelude.marker;
        let begin = |coroutine: &Coroutine| {
            if let Some(target) = self.target.get()
                && let Some(name) = self.name(method)?
                && !Passed::is_packed(args)
                && let Some(ran) = coroutine.call(lua, marker, (target, name), (marshal, args))?
            {
                return Ok(ran);
            }
            match marshal.values(lua, args)? {
                Passed::Plain(args) => {
                    coroutine.run(lua, marker, true, (&prelude.call_method, object, method, args))
                }
                Passed::Packed(args) => {
                    coroutine.run(lua, marker, true, (&prelude.call_packed, object, method, args))
                }
            }
        };
        self.drive(task, hold, begin).await
    }

    /// Runs a coroutine that `begin` has begun.
    async fn drive(
        &self,
        task: &Arc<Task>,
        hold: &mut Hold,
        begin: impl FnOnce(&Coroutine) -> mlua::Result<Ran>,
    ) -> Result<LuaValue> {
        self.vm.shared.guard.begins();
        let coroutine = self.coroutine().map_err(|error| self.failed(task, error))?;
        let mut step = self.resume(task, &coroutine, || begin(&coroutine))?;
        let outcome = loop {
            match step {
                Step::Ended(result) => {
                    self.keep(coroutine);
                    break Ok(result);
                }
                Step::Failed(error) => break Err(error),
                Step::Wait(pending) => {
                    let answer = self.wait(task, hold, pending).await?;
                    let (lua, marker) = (&self.vm.lua, self.vm.prelude.marker);
                    let go_on = || coroutine.run(lua, marker, false, self.answer(answer)?);
                    step = self.resume(task, &coroutine, go_on)?;
                }
            }
        };
        if task.event.has_kept() && !task.starting {
            Box::pin(hold.alone()).await;
        }
        outcome
    }

    fn coroutine(&self) -> mlua::Result<Coroutine> {
        let kept = self.coroutines.lock().pop();
        kept.map_or_else(|| Coroutine::new(&self.vm.lua, &self.vm.prelude.call_method), Ok)
    }

    fn keep(&self, coroutine: Coroutine) {
        let mut coroutines = self.coroutines.lock();
        if coroutines.len() < KEPT_COROUTINES {
            coroutines.push(coroutine);
        }
    }

    /// Runs the coroutine until it waits or ends. An error is one that ends the event.
    fn resume(
        &self,
        task: &Arc<Task>,
        coroutine: &Coroutine,
        run: impl FnOnce() -> mlua::Result<Ran>,
    ) -> Result<Step> {
        let event = &task.event;
        let run = || run().map(|ran| self.step(coroutine, ran));
        // With the machine's lock held throughout: an event that keeps the turn and one within that turn may both go on
        // at once.
        let step = self.vm.lua.exec_raw_lua(|_| {
            self.watched(event, || {
                let step = self.vm.enter(task, run);
                event.actor.write_indexes();
                step
            })
        });
        self.start_timers(event);
        if let Some(why) = self.vm.shared.guard.stopped() {
            return Err(self.stopped(task, why));
        }
        step.map_err(|error| self.failed(task, error))
    }

    /// What a run comes to. The guest is still the one that runs.
    fn step(&self, coroutine: &Coroutine, ran: Ran) -> Step {
        let shared = &self.vm.shared;
        match ran {
            Ran::Ended(result) => Step::Ended(result),
            Ran::Failed(thrown, stack) => {
                if let LuaValue::String(text) = &thrown {
                    shared.guard.note_failure(coroutine.thread(), text);
                }
                Step::Failed(stop::leaving(error_from_lua(thrown).with_stack(stack)))
            }
            Ran::Waits => match shared.take_pending() {
                Some(pending) => Step::Wait(pending),
                None => Step::Failed(Error::new(ErrorCode::Panic, "a wait for nothing")),
            },
            Ran::Yields => {
                Step::Failed(Error::guest("Error", "attempt to yield from outside a coroutine"))
            }
        }
    }

    /// Runs work of the guest's on its account.
    pub fn watched<T>(&self, event: &Event, work: impl FnOnce() -> T) -> T {
        let watchdog = &event.actor.runtime.engines.watchdog;
        let guard = self.vm.shared.guard.clone();
        let (budget, deadline) = (event.cpu_left(), event.deadline);
        let (result, used, end) = watchdog.watch(guard, event.now(), budget, deadline, work);
        event.add_cpu(used);
        event.has_read(end);
        self.vm.shared.guard.note_run(used);
        result
    }

    /// Waits outside of the guest. What was written is committed first, because whatever is waited
    /// for may tell the world; the turn is free meanwhile unless a block keeps it.
    async fn wait(
        &self,
        task: &Arc<Task>,
        hold: &mut Hold,
        mut pending: Pending,
    ) -> Result<Result<Answer>> {
        let event = &task.event;
        event.takes_time();
        event.actor.flush()?;
        if !task.starting && !event.in_section() {
            hold.give_back().await;
        }
        event.give_way().await;
        let answer = match future::poll_once(&mut pending).await {
            Some(answer) => answer,
            None => {
                let late = async {
                    event.late().await;
                    None
                };
                match future::or(async { Some(pending.await) }, late).await {
                    Some(answer) => answer,
                    None if event.in_section() => return Err(event.actor.fail_section()),
                    None => return Err(self.stopped(task, Stop::Wall)),
                }
            }
        };
        hold.retake().await?;
        event.actor.check()?;
        Ok(answer)
    }

    /// The outcome of a wait as the prelude takes it.
    fn answer(&self, answer: Result<Answer>) -> mlua::Result<MultiValue> {
        let (lua, marshal) = (&self.vm.lua, &self.vm.marshal);
        let mut values = match answer {
            Ok(Answer::Nothing | Answer::Due) => MultiValue::new(),
            Ok(Answer::Value(value)) => marshal.result(lua, &value)?,
            Ok(Answer::Response(response)) => MultiValue::from_iter([LuaValue::Table(
                marshal.web.response_to_lua(lua, &response)?,
            )]),
            Err(error) => {
                let error = error_to_lua(lua, error)?;
                return Ok(MultiValue::from_iter([LuaValue::Boolean(false), error]));
            }
        };
        values.push_front(LuaValue::Boolean(true));
        Ok(values)
    }

    /// A failure outside of guest code; lack of memory counts as the guest's.
    pub fn failed(&self, task: &Arc<Task>, error: mlua::Error) -> Error {
        match error {
            mlua::Error::MemoryError(_) => self.stopped(task, Stop::Memory),
            error => error_from_mlua(error),
        }
    }

    /// Ends the instance because of a limit, and gives the error of the event that hit it.
    pub fn stopped(&self, task: &Arc<Task>, why: Stop) -> Error {
        let full = self.vm.shared.limit.lock().take();
        why.end(&task.event.actor, &*self.vm.shared.guard, full)
    }

    /// Starts the timers that guest code has set since the last time.
    fn start_timers(&self, event: &Event) {
        let (actor, of_tail) = (&event.actor, event.is_of_tail());
        let requests = self.vm.shared.timers.take();
        if requests.is_empty() {
            return;
        }
        // From one moment on, so that they are due in the order of their delays.
        let now = Instant::now();
        for TimerRequest { id, delay, charge } in requests {
            let due = now + delay;
            let started = &self.vm.shared.started;
            let ended = started.set(id, due, &actor.runtime.timers);
            started.leave_behind(id, of_tail);
            let (this, weak) = (self.this.clone(), Arc::downgrade(actor));
            let (pending, ending) = (Awake::new(actor), self.vm.shared.ending.clone());
            actor.runtime.executor.spawn_in(event.lane(), async move {
                let is_left = ending.or(ended).await.is_some();
                let _kept = (pending, charge);
                if is_left
                    && let (Some(this), Some(actor)) = (this.upgrade(), weak.upgrade())
                    && this.vm.shared.started.has_due(of_tail)
                    // In a box, because what waits with it is many times smaller.
                    && let Err(error) = Box::pin(this.fire(&actor, of_tail)).await
                {
                    tracing::warn!(target: "facetbox::guest", path = actor.path, %error, "a timer failed");
                }
            });
        }
    }

    /// Runs the timer that is due first as an event of its own.
    async fn fire(&self, actor: &Arc<Actor>, of_tail: bool) -> Result<()> {
        // One at a time: many that wait for the turn would keep callers from it.
        let place = self.vm.shared.due.next().wait().await;
        let event = Event::left_behind(actor, of_tail)?;
        let mut hold = Hold::take(&event).await?;
        drop(place);
        if self.vm.shared.guard.stopped().is_some() {
            return Ok(());
        }
        let Some(id) = self.vm.shared.started.take_due(of_tail) else { return Ok(()) };
        let observation = Observation::begin(&event, EventKind::Task, || TailInfo::Task);
        let task = Task::new(&event, false);
        let fired = self.run(&task, &mut hold, Entry::Fire, || Ok(id as i64));
        let fired = actor.while_running(fired).await;
        let ended = event.settle().await.and(fired.map(drop));
        observation.end(ended.as_ref().map(|()| None));
        ended
    }
}
