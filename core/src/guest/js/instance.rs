//! A running guest: how it starts, and what each kind of event calls in it.

use std::sync::{Arc, Weak};

use rquickjs::Module;

use super::callback::Use;
use super::give;
use super::methods;
use super::outcome::load_error;
use super::program::Program;
use super::task::{Outcome, Wanted};
use super::vm::Vm;
use crate::actor::{Actor, BoxFuture, Event, GuestClass, Hold, Instance, Message, Reply};
use crate::alarm::AlarmInfo;
use crate::error::{Error, ErrorCode, Result};
use crate::guest::pool::{self, Taken};
use crate::guest::watchdog::{Interrupt, Stop};
use crate::host::check_method;
use crate::loader::WorkerStub;
use crate::metrics::EventKind;
use crate::tail::{Observation, TailInfo};
use crate::value::Value;

/// What a guest sees instead of a reply of the wrong kind.
const NO_RESPONSE: &str = "Incorrect type for Promise: the Promise did not resolve to 'Response'.";

/// A started guest.
pub(crate) struct JsInstance {
    pub(super) vm: Taken<Vm>,
    pub(super) this: Weak<JsInstance>,
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
        let vm = pool::take::<Vm>(&actor.runtime)?;
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
        let outside = worker.outside();
        self.run(event, hold, Wanted::Nothing, true, |ctx, hooks| {
            // Modules may look at it as soon as they are evaluated.
            hooks.set_env.call::<_, ()>((give::map(ctx, hooks, &outside.env)?,))?;
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
            let props = match &*actor.props.get() {
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
        let kept = event.actor.dir.is_some();
        let done = self.run(event, hold, Wanted::Value, false, |ctx, hooks| {
            methods::call(ctx, hooks, kept, method, args)
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
        let done = self.run(event, hold, Wanted::Nothing, false, |ctx, hooks| {
            let info = give::map(ctx, hooks, &info.into())?;
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
        let bytes = match &what {
            Use::Call(args) => actor.check_use("", args)?,
            Use::Method(name, args) => actor.check_use(name, args)?,
            Use::Get(name) => actor.check_use(name, &[])?,
        };
        let event = Event::new(actor, parent)?;
        event.set_bytes_in(bytes);
        let mut hold = actor.while_running(Hold::take(&event)).await?;
        if self.vm.shared.guard.is_stopped() {
            let message = "The execution context which hosts this callback is no longer running.";
            return Err(Error::new(ErrorCode::Aborted, message));
        }
        let mut observation = Observation::begin(&event, EventKind::Rpc, || TailInfo::Rpc {
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
        let done = actor.while_running(done).await;
        let ended = event.settle().await.and(done).and_then(Outcome::into_value);
        let ended = ended.and_then(|value| {
            let result = std::slice::from_ref(&value);
            observation.set_bytes_out(actor.check_message("result", result)?);
            Ok(value)
        });
        let ended = ended.map_err(|error| error.with_path(actor.path.as_str()));
        observation.end(ended.as_ref().map(|_| None));
        ended
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
        self.vm.shared.ending.end();
    }
}
