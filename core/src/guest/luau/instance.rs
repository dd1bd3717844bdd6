//! A running guest: its machine, its instance, and the driver that runs events through it.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Instant;

use futures_lite::future;
use mlua::{IntoLua, IntoLuaMulti, LuaString, MultiValue, Table, Thread, Value as LuaValue};
use parking_lot::Mutex;

use super::convert::Passed;
use super::native::{error_from_lua, error_from_mlua, error_to_lua};
use super::program::Program;
use super::vm::{Task, TimerRequest, Vm};
use crate::actor::{Actor, Awake, BoxFuture, Event, GuestClass, Hold, Instance, Message, Reply};
use crate::alarm::AlarmInfo;
use crate::error::{Error, ErrorCode, Result};
use crate::guest::outside::{Answer, Pending};
use crate::guest::watchdog::{Interrupt, Stop};
use crate::guest::{pool, stop};
use crate::host::{check_method, no_such_method};
use crate::metrics::EventKind;
use crate::tail::{Observation, TailInfo};
use crate::value::{Value, ValueMap};

/// What a guest sees instead of a reply of the wrong kind.
const NO_RESPONSE: &str = "Incorrect type for Promise: the Promise did not resolve to 'Response'.";

/// Names of methods kept for later calls; callers may send any.
const KEPT_NAMES: usize = 32;

/// Coroutines kept for later events.
const KEPT_THREADS: usize = 8;

/// A started guest.
pub(crate) struct LuauInstance {
    vm: Vm,
    export: String,
    /// The instance and its class; an entrypoint has none, it makes one for each event.
    object: OnceLock<Table>,
    /// Coroutines that have ended and can run another event.
    threads: Mutex<Vec<Thread>>,
    /// Names of methods as the engine has them.
    names: Mutex<Vec<(String, LuaString)>>,
    this: Weak<LuauInstance>,
}

/// Starts an instance: evaluates the main module and runs the constructor, with the turn held.
pub(crate) async fn start(
    program: &Arc<Program>,
    actor: &Arc<Actor>,
    class: &GuestClass,
    event: &Arc<Event>,
    hold: &mut Hold,
) -> Result<Arc<dyn Instance>> {
    let (instance, task) = load(program, &class.export, event, hold).await?;
    if actor.dir.is_some() {
        let object = instance.construct(&task, hold).await?;
        let _ = instance.object.set(object);
    }
    Ok(instance)
}

/// Evaluates the main module and lists what it exports.
pub(crate) async fn exports(
    program: &Arc<Program>,
    event: &Arc<Event>,
    hold: &mut Hold,
) -> Result<Value> {
    let (instance, task) = load(program, "", event, hold).await?;
    let listed = instance.run(&task, hold, Entry::ListExports, ()).await?;
    instance.vm.marshal.read(&instance.vm.lua, &listed, event.actor.limits.message_bytes)
}

/// Makes an instance and evaluates the main module in it; the task keeps the turn.
async fn load(
    program: &Arc<Program>,
    export: &str,
    event: &Arc<Event>,
    hold: &mut Hold,
) -> Result<(Arc<LuauInstance>, Arc<Task>)> {
    let actor = &event.actor;
    let vm: Vm = pool::take(&actor.runtime)?;
    vm.bind(program.clone(), &actor.limits, actor.interrupt.clone())?;
    let instance = Arc::new_cyclic(|this| LuauInstance {
        vm,
        export: export.to_owned(),
        object: OnceLock::new(),
        threads: Mutex::default(),
        names: Mutex::default(),
        this: this.clone(),
    });
    let task = Task::new(event, true);
    instance.run(&task, hold, Entry::LoadMain, program.main.as_str()).await?;
    Ok((instance, task))
}

/// Functions of the prelude that events enter by.
#[derive(Clone, Copy)]
enum Entry {
    LoadMain,
    ListExports,
    Construct,
    CallMethod,
    CallPacked,
    CallFetch,
    CallAlarm,
    StartFacet,
    Fire,
}

/// What a resumed coroutine does next.
enum Step {
    /// It has run to its end and can run another event.
    Ended(Result<LuaValue>),
    /// It is of no more use.
    Failed(Error),
    Wait(Pending),
}

/// Whether callers may not reach a method: by convention it is the class's own, or its constructor.
fn is_private(method: &str) -> bool {
    method.starts_with('_') || method == "init"
}

impl LuauInstance {
    /// Makes the guest's instance; runs its constructor.
    async fn construct(&self, task: &Arc<Task>, hold: &mut Hold) -> Result<Table> {
        let actor = &task.event.actor;
        let args = self.constructor_args(actor).map_err(|error| self.failed(task, error))?;
        match self.run(task, hold, Entry::Construct, args).await? {
            LuaValue::Table(object) => Ok(object),
            other => {
                Err(Error::new(ErrorCode::Panic, format!("constructed a {}", other.type_name())))
            }
        }
    }

    fn constructor_args(&self, actor: &Actor) -> mlua::Result<MultiValue> {
        let (lua, marshal) = (&self.vm.lua, &self.vm.marshal);
        let has_storage = actor.dir.is_some();
        let guest = actor.class.as_guest();
        let empty = ValueMap::new();
        let env = guest.and_then(|class| class.worker.code().ok()).map_or(&empty, |code| &code.env);
        let props = match &actor.props {
            Value::Null | Value::Undefined => LuaValue::Table(marshal.map(lua, &empty)?),
            props => marshal.value(lua, props)?,
        };
        Ok(MultiValue::from_iter([
            self.export.as_str().into_lua(lua)?,
            (if has_storage { "class" } else { "entrypoint" }).into_lua(lua)?,
            marshal.id(lua, &actor.id)?,
            props,
            LuaValue::Table(marshal.map(lua, env)?),
            LuaValue::Boolean(has_storage),
        ]))
    }

    async fn object(&self, task: &Arc<Task>, hold: &mut Hold) -> Result<Cow<'_, Table>> {
        match self.object.get() {
            Some(object) => Ok(Cow::Borrowed(object)),
            None => self.construct(task, hold).await.map(Cow::Owned),
        }
    }

    async fn call(
        &self,
        event: &Arc<Event>,
        hold: &mut Hold,
        method: &str,
        args: &[Value],
    ) -> Result<Value> {
        check_method(method)?;
        if is_private(method) {
            return Err(no_such_method(method));
        }
        let task = Task::new(event, false);
        let object = self.object(&task, hold).await?;
        let passed = self.vm.marshal.values(&self.vm.lua, args);
        let (entry, args) = match passed.map_err(|error| self.failed(&task, error))? {
            Passed::Plain(values) => (Entry::CallMethod, MultiValue::from_iter(values)),
            Passed::Packed(table) => {
                (Entry::CallPacked, MultiValue::from_iter([LuaValue::Table(table)]))
            }
        };
        let result = self.run(&task, hold, entry, (&*object, self.name(method)?, args)).await?;
        let limit = event.actor.limits.message_bytes;
        if !result.is_table() {
            return self.vm.marshal.read(&self.vm.lua, &result, limit);
        }
        let read = self.watched(event, || self.vm.marshal.read(&self.vm.lua, &result, limit));
        match self.vm.shared.guard.stopped() {
            Some(why) => Err(self.stopped(&task, why)),
            None => read,
        }
    }

    async fn fetch(
        &self,
        event: &Arc<Event>,
        hold: &mut Hold,
        request: crate::http::Request,
    ) -> Result<Reply> {
        let task = Task::new(event, false);
        let object = self.object(&task, hold).await?;
        let web = &self.vm.marshal.web;
        let request = web.request_to_lua(&self.vm.lua, request);
        let request = request.map_err(|error| self.failed(&task, error))?;
        let result = self.run(&task, hold, Entry::CallFetch, (&*object, request)).await?;
        if !web.is_response(&result) {
            return Err(Error::guest("TypeError", NO_RESPONSE).with_path(event.actor.path.as_str()));
        }
        web.response_from_lua(&self.vm.lua, result).map(Reply::Response)
    }

    async fn alarm(&self, event: &Arc<Event>, hold: &mut Hold, info: AlarmInfo) -> Result<Reply> {
        let task = Task::new(event, false);
        let object = self.object(&task, hold).await?;
        let info = ValueMap::from_iter([
            ("scheduledTime", Value::Int(info.scheduled_time)),
            ("retryCount", Value::Int(info.retry_count.into())),
            ("isRetry", Value::Bool(info.is_retry())),
        ]);
        let info = self.vm.marshal.map(&self.vm.lua, &info);
        let info = info.map_err(|error| self.failed(&task, error))?;
        self.run(&task, hold, Entry::CallAlarm, (&*object, info)).await?;
        Ok(Reply::Value(Value::Null))
    }

    async fn start_facet(&self, event: &Arc<Event>, hold: &mut Hold, name: &str) -> Result<Reply> {
        let task = Task::new(event, false);
        let object = self.object(&task, hold).await?;
        self.run(&task, hold, Entry::StartFacet, (&*object, name)).await?;
        Ok(Reply::Value(Value::Null))
    }

    /// Runs a coroutine to its end, waiting for what it waits for. Gives its first result.
    async fn run(
        &self,
        task: &Arc<Task>,
        hold: &mut Hold,
        entry: Entry,
        input: impl IntoLuaMulti,
    ) -> Result<LuaValue> {
        let prelude = &self.vm.prelude;
        self.vm.shared.guard.begins();
        let function = match entry {
            Entry::LoadMain => &prelude.load_main,
            Entry::ListExports => &prelude.list_exports,
            Entry::Construct => &prelude.construct,
            Entry::CallMethod => &prelude.call_method,
            Entry::CallPacked => &prelude.call_packed,
            Entry::CallFetch => &prelude.call_fetch,
            Entry::CallAlarm => &prelude.call_alarm,
            Entry::StartFacet => &prelude.start_facet,
            Entry::Fire => &prelude.fire,
        };
        let thread = self.thread().map_err(|error| self.failed(task, error))?;
        let mut step = self.resume(task, &thread, (function, &prelude.capture, input))?;
        loop {
            match step {
                Step::Ended(result) => {
                    self.keep(thread);
                    return result;
                }
                Step::Failed(error) => return Err(error),
                Step::Wait(pending) => {
                    let answer = self.wait(task, hold, pending).await?;
                    let answer = self.answer(answer).map_err(|error| self.failed(task, error))?;
                    step = self.resume(task, &thread, answer)?;
                }
            }
        }
    }

    /// A coroutine that calls a function of the prelude and catches what it throws.
    fn thread(&self) -> mlua::Result<Thread> {
        let xpcall = self.vm.prelude.xpcall.clone();
        let kept = self.threads.lock().pop();
        match kept {
            Some(thread) => thread.reset(xpcall).map(|()| thread),
            None => self.vm.lua.create_thread(xpcall),
        }
    }

    fn keep(&self, thread: Thread) {
        let mut threads = self.threads.lock();
        if threads.len() < KEPT_THREADS {
            threads.push(thread);
        }
    }

    /// Runs the coroutine until it waits or ends. An error is one that ends the event.
    fn resume(&self, task: &Arc<Task>, thread: &Thread, input: impl IntoLuaMulti) -> Result<Step> {
        let (event, shared) = (&task.event, &self.vm.shared);
        let resumed = self
            .watched(event, || shared.enter(task, || thread.resume::<(LuaValue, LuaValue)>(input)));
        self.start_timers(&event.actor);
        if let Some(why) = shared.guard.stopped() {
            return Err(self.stopped(task, why));
        }
        let (first, second) = match resumed {
            Ok(output) => output,
            Err(mlua::Error::MemoryError(_)) => return Err(self.stopped(task, Stop::Memory)),
            Err(error) => return Ok(Step::Failed(error_from_mlua(error))),
        };
        Ok(match first {
            LuaValue::Table(first) if first == self.vm.prelude.marker => {
                match shared.take_pending() {
                    Some(pending) => Step::Wait(pending),
                    None => Step::Failed(Error::new(ErrorCode::Panic, "a wait for nothing")),
                }
            }
            LuaValue::Boolean(true) if thread.is_finished() => Step::Ended(Ok(second)),
            LuaValue::Boolean(false) if thread.is_finished() => {
                // Only where the handler of what is thrown has got no memory.
                if let LuaValue::String(text) = &second {
                    shared.guard.note_failure(thread, text);
                    if let Some(why) = shared.guard.stopped() {
                        return Err(self.stopped(task, why));
                    }
                }
                Step::Ended(Err(stop::leaving(error_from_lua(second))))
            }
            _ => Step::Failed(Error::guest("Error", "attempt to yield from outside a coroutine")),
        })
    }

    /// Runs work of the guest's on its account.
    fn watched<T>(&self, event: &Event, work: impl FnOnce() -> T) -> T {
        let watchdog = &event.actor.runtime.engines.watchdog;
        let guard = self.vm.shared.guard.clone();
        let (result, used) = watchdog.watch(guard, event.cpu_left(), event.deadline, work);
        event.add_cpu(used);
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
        event.actor.flush()?;
        if !task.starting && !event.in_section() {
            hold.release();
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
                marshal.web.response_to_lua(lua, response)?,
            )]),
            Err(error) => {
                let error = error_to_lua(lua, error)?;
                return Ok(MultiValue::from_iter([LuaValue::Boolean(false), error]));
            }
        };
        values.push_front(LuaValue::Boolean(true));
        Ok(values)
    }

    /// The name of a method, made once for all calls of it.
    fn name(&self, method: &str) -> Result<LuaString> {
        let mut names = self.names.lock();
        if let Some((_, name)) = names.iter().find(|(known, _)| known == method) {
            return Ok(name.clone());
        }
        let name = self.vm.lua.create_string(method).map_err(error_from_mlua)?;
        if names.len() < KEPT_NAMES {
            names.push((method.to_owned(), name.clone()));
        }
        Ok(name)
    }

    /// A failure outside of guest code; lack of memory counts as the guest's.
    fn failed(&self, task: &Arc<Task>, error: mlua::Error) -> Error {
        match error {
            mlua::Error::MemoryError(_) => self.stopped(task, Stop::Memory),
            error => error_from_mlua(error),
        }
    }

    /// Ends the instance because of a limit, and gives the error of the event that hit it.
    fn stopped(&self, task: &Arc<Task>, why: Stop) -> Error {
        let full = self.vm.shared.limit.lock().take();
        why.end(&task.event.actor, &*self.vm.shared.guard, full)
    }

    /// Starts the timers that guest code has set since the last time.
    fn start_timers(&self, actor: &Arc<Actor>) {
        let requests = std::mem::take(&mut *self.vm.shared.timers.lock());
        for TimerRequest { id, delay } in requests {
            let due = Instant::now() + delay;
            let started = self.vm.shared.started.clone();
            let ended = started.set(id, actor.runtime.timers.at(due));
            let (this, weak) = (self.this.clone(), Arc::downgrade(actor));
            let pending = Awake::new(actor);
            actor.runtime.executor.spawn(async move {
                ended.await;
                let _pending = pending;
                if started.has(id)
                    && let (Some(this), Some(actor)) = (this.upgrade(), weak.upgrade())
                    && let Err(error) = this.fire(&actor, id).await
                {
                    tracing::warn!(target: "facetbox::guest", path = actor.path, %error, "a timer failed");
                }
            });
        }
    }

    /// Runs a timer as an event of its own.
    async fn fire(&self, actor: &Arc<Actor>, id: u64) -> Result<()> {
        let event = Event::new(actor, None)?;
        let mut hold = Hold::take(&event).await?;
        if self.vm.shared.guard.stopped().is_some() || !self.vm.shared.started.take(id) {
            return Ok(());
        }
        let observation = Observation::begin(&event, EventKind::Task, || TailInfo::Task);
        let task = Task::new(&event, false);
        let fired = self.run(&task, &mut hold, Entry::Fire, id as i64).await;
        let ended = event.settle().await.and(fired.map(drop));
        observation.end(ended.as_ref().map(|()| None));
        ended
    }
}

impl Instance for LuauInstance {
    fn deliver<'a>(
        &'a self,
        event: &'a Arc<Event>,
        message: Message,
        hold: &'a mut Hold,
    ) -> BoxFuture<'a, Result<Reply>> {
        Box::pin(async move {
            match message {
                Message::Fetch(request) => self.fetch(event, hold, request).await,
                Message::Call { method, args, .. } => {
                    self.call(event, hold, &method, &args).await.map(Reply::Value)
                }
                Message::Get { property } => Err(no_such_method(&property)),
                Message::Alarm(info) => self.alarm(event, hold, info).await,
                Message::StartFacet { name } => self.start_facet(event, hold, &name).await,
            }
        })
    }

    fn kill(&self) {
        self.vm.shared.guard.interrupt(Stop::Killed);
    }
}
