//! A running guest, and the driver that runs events through it.
//!
//! An event enters the guest once; then its driver runs promise jobs, and while the event has no outcome
//! it waits for one of the operations that guest code has begun meanwhile, hands its result in, and runs
//! jobs again. Several events may wait in one machine; whichever has the turn runs jobs for all of them.

use std::future::poll_fn;
use std::sync::{Arc, Weak};

use futures_lite::future;
use rquickjs::promise::PromiseState;
use rquickjs::{Ctx, Module, Value as JsValue};

use super::callback::Use;
use super::errors::{caught, error_from_js};
use super::give;
use super::outcome::{Ended, hand_in, load_error, outcome, poll_operations};
use super::program::Program;
use super::task::{Operation, Outcome, Task, Wanted};
use super::vm::{Hooks, Vm};
use crate::actor::{Actor, Awake, BoxFuture, Event, GuestClass, Hold, Instance, Message, Reply};
use crate::alarm::AlarmInfo;
use crate::error::{Error, ErrorCode, Result};
use crate::guest::outside::Answer;
use crate::guest::watchdog::{Interrupt, Stop};
use crate::guest::{pool, stop};
use crate::host::check_method;
use crate::loader::WorkerStub;
use crate::metrics::EventKind;
use crate::tail::{Observation, TailInfo};
use crate::value::{Value, ValueMap};

/// What a guest sees instead of a reply of the wrong kind.
const NO_RESPONSE: &str = "Incorrect type for Promise: the Promise did not resolve to 'Response'.";

/// A started guest.
pub(crate) struct JsInstance {
    vm: Vm,
    this: Weak<JsInstance>,
}

/// Starts an instance: evaluates the main module and runs the constructor, with the turn held.
pub(crate) async fn start(
    program: &Arc<Program>,
    actor: &Arc<Actor>,
    class: &GuestClass,
    event: &Arc<Event>,
    hold: &mut Hold,
) -> Result<Arc<dyn Instance>> {
    let instance = JsInstance::new(program, actor)?;
    instance.load(&class.worker, program, event, hold).await?;
    instance.prepare(class, event, hold).await?;
    Ok(instance)
}

/// Evaluates the main module and lists what it exports.
pub(crate) async fn exports(
    worker: &WorkerStub,
    program: &Arc<Program>,
    event: &Arc<Event>,
    hold: &mut Hold,
) -> Result<Value> {
    let instance = JsInstance::new(program, &event.actor)?;
    instance.load(worker, program, event, hold).await?;
    let listed =
        instance.run(event, hold, Wanted::Value, true, |_, hooks| hooks.list_exports.call(()));
    listed.await?.into_value()
}

impl JsInstance {
    /// An instance in a machine of its own.
    fn new(program: &Arc<Program>, actor: &Arc<Actor>) -> Result<Arc<JsInstance>> {
        let vm: Vm = pool::take(&actor.runtime)?;
        vm.bind(program.clone(), &actor.limits, actor.interrupt.clone());
        Ok(Arc::new_cyclic(|this: &Weak<JsInstance>| {
            let _ = vm.shared.instance.set(this.clone());
            JsInstance { vm, this: this.clone() }
        }))
    }

    /// Evaluates the main module.
    async fn load(
        &self,
        worker: &WorkerStub,
        program: &Program,
        event: &Arc<Event>,
        hold: &mut Hold,
    ) -> Result<()> {
        let empty = ValueMap::new();
        let env = worker.code().map_or(&empty, |code| &code.env);
        self.run(event, hold, Wanted::Nothing, true, |ctx, hooks| {
            // Modules may look at it as soon as they are evaluated.
            hooks.set_env.call::<_, ()>((give::map(ctx, hooks, env)?,))?;
            let main = Module::import(ctx, program.main.as_str())?;
            hooks.load_main.call((main,))
        })
        .await
        .map_err(|error| load_error(error, &program.main))
        .map(drop)
    }

    /// Prepares the export that events run in; runs the constructor of a class.
    async fn prepare(&self, class: &GuestClass, event: &Arc<Event>, hold: &mut Hold) -> Result<()> {
        let actor = &event.actor;
        let kind = if actor.dir.is_some() { "class" } else { "entrypoint" };
        self.run(event, hold, Wanted::Nothing, true, |ctx, hooks| {
            let props = match &actor.props {
                Value::Null | Value::Undefined => rquickjs::Object::new(ctx.clone())?.into_value(),
                props => give::value(ctx, hooks, props)?,
            };
            let id = give::id_value(ctx, hooks, &actor.id)?;
            hooks.begin.call((class.export.as_str(), kind, id, props, actor.dir.is_some()))
        })
        .await
        .map(drop)
    }

    async fn call(
        &self,
        event: &Arc<Event>,
        hold: &mut Hold,
        method: &str,
        args: &[Value],
    ) -> Result<Value> {
        check_method(method)?;
        let done = self.run(event, hold, Wanted::Value, false, |ctx, hooks| {
            let args = give::list(ctx, hooks, args)?;
            hooks.call_method.call((method, args))
        });
        done.await?.into_value()
    }

    async fn get(&self, event: &Arc<Event>, hold: &mut Hold, property: &str) -> Result<Value> {
        check_method(property)?;
        let done = self
            .run(event, hold, Wanted::Value, false, |_, hooks| hooks.get_member.call((property,)));
        done.await?.into_value()
    }

    async fn fetch(
        &self,
        event: &Arc<Event>,
        hold: &mut Hold,
        request: crate::http::Request,
    ) -> Result<Reply> {
        let done = self.run(event, hold, Wanted::Response, false, |ctx, hooks| {
            let request = give::request(ctx, hooks, &request)?;
            hooks.call_fetch.call((request,))
        });
        match done.await? {
            Outcome::Response(response) => Ok(Reply::Response(response)),
            _ => Err(Error::guest("TypeError", NO_RESPONSE).with_path(event.actor.path.as_str())),
        }
    }

    async fn alarm(&self, event: &Arc<Event>, hold: &mut Hold, info: AlarmInfo) -> Result<Reply> {
        let info = ValueMap::from_iter([
            ("scheduledTime", Value::Int(info.scheduled_time)),
            ("retryCount", Value::Int(info.retry_count.into())),
            ("isRetry", Value::Bool(info.is_retry())),
        ]);
        let done = self.run(event, hold, Wanted::Nothing, false, |ctx, hooks| {
            let info = give::map(ctx, hooks, &info)?;
            hooks.call_alarm.call((info,))
        });
        done.await.map(|_| Reply::Value(Value::Null))
    }

    async fn start_facet(&self, event: &Arc<Event>, hold: &mut Hold, name: &str) -> Result<Reply> {
        let done = self
            .run(event, hold, Wanted::Nothing, false, |_, hooks| hooks.start_facet.call((name,)));
        done.await.map(|_| Reply::Value(Value::Null))
    }

    /// Runs a function or uses an object of the guest that another actor or the host was given.
    pub async fn callback(
        &self,
        actor: &Arc<Actor>,
        parent: Option<Arc<Event>>,
        number: u32,
        what: Use,
    ) -> Result<Value> {
        actor.check()?;
        let event = Event::new(actor, parent)?;
        let mut hold = Hold::take(&event).await?;
        if self.vm.shared.guard.is_stopped() {
            let message = "The execution context which hosts this callback is no longer running.";
            return Err(Error::new(ErrorCode::Aborted, message));
        }
        let observation = Observation::begin(&event, EventKind::Rpc, || TailInfo::Rpc {
            method: what.name().to_owned(),
        });
        let done = self.run(&event, &mut hold, Wanted::Value, false, |ctx, hooks| {
            let (member, args) = match &what {
                Use::Call(args) => (None, Some(args)),
                Use::Method(name, args) => (Some(name), Some(args)),
                Use::Get(name) => (Some(name), None),
            };
            let args = args.map(|args| give::list(ctx, hooks, args)).transpose()?;
            hooks.use_callback.call((number, member.map(String::as_str), args))
        });
        let done = done.await;
        let ended = event.settle().await.and(done).and_then(Outcome::into_value);
        observation.end(ended.as_ref().map(|_| None));
        ended
    }

    /// Runs an event to its outcome, waiting for what it waits for.
    async fn run<F>(
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
        self.enter(task, |ctx, hooks| {
            let entered = entry(ctx, hooks).map_err(|error| caught(ctx, hooks, error));
            self.begin(ctx, hooks, task, entered);
        })?;
        while !task.is_done() {
            let ended = self.wait(task, hold).await?;
            self.enter(task, |ctx, hooks| self.settle(ctx, hooks, event, ended))?;
        }
        let outcome = task.outcome.lock().take();
        for operation in std::mem::take(&mut *task.operations.lock()) {
            self.go_on_later(&event.actor, operation);
        }
        outcome.unwrap_or(Ok(Outcome::Nothing)).map_err(stop::leaving)
    }

    /// Runs code of the guest as part of a task. An error is one that ends the event.
    fn enter(
        &self,
        task: &Arc<Task>,
        code: impl for<'a, 'js> FnOnce(&'a Ctx<'js>, &'a Hooks<'js>),
    ) -> Result<()> {
        let (event, shared) = (&task.event, &self.vm.shared);
        let watchdog = &event.actor.runtime.engines.watchdog;
        let ((), used) =
            watchdog.watch(shared.guard.clone(), event.cpu_left(), event.deadline, || {
                shared.enter(task, || {
                    self.vm.run(|ctx, hooks| {
                        for callback in std::mem::take(&mut *shared.dropped.lock()) {
                            let _ = hooks.drop_callback.call::<_, ()>((callback,));
                        }
                        code(ctx, hooks);
                        self.report(ctx, hooks, event);
                    });
                });
            });
        event.add_cpu(used);
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

    /// Goes on with what entering the guest has given.
    fn begin<'js>(
        &self,
        ctx: &Ctx<'js>,
        hooks: &Hooks<'js>,
        task: &Arc<Task>,
        entered: Result<JsValue<'js>>,
    ) {
        self.run_jobs(ctx);
        if self.vm.shared.guard.is_stopped() {
            return;
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
                            Ok(()) => return,
                            Err(error) => Err(caught(ctx, hooks, error)),
                        }
                    }
                },
            },
        };
        *task.outcome.lock() = Some(outcome);
        // What the copying of the result has begun.
        self.run_jobs(ctx);
    }

    /// Hands in what operations have ended with.
    fn settle<'js>(&self, ctx: &Ctx<'js>, hooks: &Hooks<'js>, event: &Event, ended: Ended) {
        for (number, answer) in ended {
            if !self.vm.shared.takes(number, &answer) {
                continue;
            }
            let settled = hand_in(ctx, hooks, number, answer);
            if let Err(error) = settled {
                event.add_exception(&caught(ctx, hooks, error));
            }
            self.run_jobs(ctx);
        }
        self.run_jobs(ctx);
        self.vm.shared.signal.notify(usize::MAX);
    }

    fn run_jobs(&self, ctx: &Ctx<'_>) {
        let guard = &self.vm.shared.guard;
        while !guard.is_stopped() {
            guard.begins_job();
            if !ctx.execute_pending_job() {
                break;
            }
        }
    }

    /// Waits outside of the guest. What was written is committed first, because whatever is waited for
    /// may tell the world; the turn is free meanwhile unless a section or a transaction keeps it.
    async fn wait(&self, task: &Arc<Task>, hold: &mut Hold) -> Result<Ended> {
        let event = &task.event;
        event.actor.flush()?;
        if !task.keeps_turn() {
            hold.release();
        }
        event.give_way().await;
        let late = async {
            event.late().await;
            None
        };
        let ended = future::or(async { Some(self.next(task).await) }, late).await;
        let ended = ended.ok_or_else(|| match event.in_section() {
            true => event.actor.fail_section(),
            false => self.stopped(task, Stop::Wall),
        })?;
        hold.retake().await?;
        event.actor.check()?;
        Ok(ended)
    }

    /// Waits until operations have ended, or another event's run has given this one its outcome.
    async fn next(&self, task: &Arc<Task>) -> Ended {
        loop {
            let listener = self.vm.shared.signal.listen();
            if task.is_done() {
                return Vec::new();
            }
            let ended = poll_fn(|context| poll_operations(task, context));
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

    /// Lets an operation that its event has left behind go on by itself.
    fn go_on_later(&self, actor: &Arc<Actor>, operation: Operation) {
        let (this, weak, kept) = (self.this.clone(), Arc::downgrade(actor), Awake::new(actor));
        actor.runtime.executor.spawn(async move {
            let answer = operation.pending.await;
            let _kept = kept;
            if let (Some(this), Some(actor)) = (this.upgrade(), weak.upgrade())
                && let Err(error) = this.go_on(&actor, operation.number, answer).await
            {
                tracing::warn!(target: "facetbox::guest", path = actor.path, %error, "background work failed");
            }
        });
    }

    /// Hands in the end of such an operation, as an event of its own.
    async fn go_on(&self, actor: &Arc<Actor>, number: u64, answer: Result<Answer>) -> Result<()> {
        let event = Event::new(actor, None)?;
        let mut hold = Hold::take(&event).await?;
        if self.vm.shared.guard.is_stopped() || !self.vm.shared.takes(number, &answer) {
            return Ok(());
        }
        let observation = Observation::begin(&event, EventKind::Task, || TailInfo::Task);
        let done = self.run(&event, &mut hold, Wanted::Nothing, false, |ctx, hooks| {
            hand_in(ctx, hooks, number, answer).map(|()| JsValue::new_undefined(ctx.clone()))
        });
        let done = done.await;
        self.vm.shared.signal.notify(usize::MAX);
        let ended = event.settle().await.and(done.map(drop));
        observation.end(ended.as_ref().map(|()| None));
        ended
    }

    /// Ends the instance because of a limit, and gives the error of the event that hit it.
    fn stopped(&self, task: &Task, why: Stop) -> Error {
        let full = self.vm.shared.full.lock().take();
        why.end(&task.event.actor, &*self.vm.shared.guard, full)
    }
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

impl Instance for JsInstance {
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
                Message::Get { property } => {
                    self.get(event, hold, &property).await.map(Reply::Value)
                }
                Message::Alarm(info) => self.alarm(event, hold, info).await,
                Message::StartFacet { name } => self.start_facet(event, hold, &name).await,
            }
        })
    }

    fn kill(&self) {
        self.vm.shared.guard.interrupt(Stop::Killed);
    }
}
