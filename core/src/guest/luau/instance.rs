//! A running guest: how it starts, and what each kind of event calls in it.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock, Weak};

use mlua::{IntoLua, MultiValue, Table, Value as LuaValue};
use parking_lot::Mutex;

use super::coroutine::{Coroutine, Target};
use super::driver::Entry;
use super::program::Program;
use super::stack::Kept;
use super::vm::{Task, Vm};
use crate::actor::{Actor, BoxFuture, Event, GuestClass, Hold, Instance, Message, Reply};
use crate::alarm::AlarmInfo;
use crate::error::{Error, ErrorCode, Result};
use crate::guest::pool::{self, Taken};
use crate::guest::watchdog::{Interrupt, Stop};
use crate::host::{check_method, no_such_method};
use crate::value::{Value, ValueMap};

/// What a guest sees instead of a reply of the wrong kind.
const NO_RESPONSE: &str = "Incorrect type for Promise: the Promise did not resolve to 'Response'.";

/// Names of methods kept for later calls, and how long they are at most; callers may send any.
const KEPT_NAMES: usize = 32;
const LONGEST_NAME: usize = 64;

/// A started guest.
pub(crate) struct LuauInstance {
    pub(super) vm: Taken<Vm>,
    export: String,
    /// The instance and its class; an entrypoint has none, it makes one for each event.
    object: OnceLock<Table>,
    /// What calls need of that.
    pub(super) target: OnceLock<Target>,
    /// Coroutines that have ended and can run another event.
    pub(super) coroutines: Mutex<Vec<Coroutine>>,
    /// Names of methods as the engine has them.
    names: Mutex<Vec<(String, Kept)>>,
    pub(super) this: Weak<LuauInstance>,
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
        let target = Target::of(&instance.vm.lua, &object);
        let _ = instance.target.set(target.map_err(|error| instance.failed(&task, error))?);
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
    let listed = instance.run(&task, hold, Entry::ListExports, || Ok(())).await?;
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
    let vm = pool::take::<Vm>(&actor.runtime)?;
    vm.bind(program.clone(), &actor.limits, actor.interrupt.clone())?;
    let instance = Arc::new_cyclic(|this| LuauInstance {
        vm,
        export: export.to_owned(),
        object: OnceLock::new(),
        target: OnceLock::new(),
        coroutines: Mutex::default(),
        names: Mutex::default(),
        this: this.clone(),
    });
    let task = Task::new(event, true);
    instance.run(&task, hold, Entry::LoadMain, || Ok(program.main.as_str())).await?;
    Ok((instance, task))
}

/// Whether callers may not reach a method: by convention it is the class's own, or its constructor.
fn is_private(method: &str) -> bool {
    method.starts_with('_') || method == "init"
}

impl LuauInstance {
    /// Makes the guest's instance; runs its constructor.
    async fn construct(&self, task: &Arc<Task>, hold: &mut Hold) -> Result<Table> {
        let actor = &task.event.actor;
        match self.run(task, hold, Entry::Construct, || self.constructor_args(actor)).await? {
            LuaValue::Table(object) => Ok(object),
            other => {
                Err(Error::new(ErrorCode::Panic, format!("constructed a {}", other.type_name())))
            }
        }
    }

    fn constructor_args(&self, actor: &Actor) -> mlua::Result<MultiValue> {
        let (lua, marshal) = (&self.vm.lua, &self.vm.marshal);
        let has_storage = actor.dir.is_some();
        let outside = actor.class.as_guest().map(|class| class.worker.outside());
        let outside = outside.unwrap_or_default();
        let props = match &*actor.props.get() {
            Value::Null | Value::Undefined => LuaValue::Table(marshal.map(lua, &ValueMap::new())?),
            props => marshal.value(lua, props)?,
        };
        Ok(MultiValue::from_iter([
            self.export.as_str().into_lua(lua)?,
            (if has_storage { "class" } else { "entrypoint" }).into_lua(lua)?,
            marshal.id(lua, &actor.id)?,
            props,
            LuaValue::Table(marshal.map(lua, &outside.env)?),
            LuaValue::Boolean(has_storage),
        ]))
    }

    async fn object(&self, task: &Arc<Task>, hold: &mut Hold) -> Result<Cow<'_, Table>> {
        match self.object.get() {
            Some(object) => Ok(Cow::Borrowed(object)),
            // Boxed as what few calls come to: what a call may come to is moved with each.
            None => Box::pin(self.construct(task, hold)).await.map(Cow::Owned),
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
        let result = self.run_method(&task, hold, &object, method, args).await?;
        let limit = event.actor.limits.message_bytes;
        if !result.is_table() {
            if matches!(result, LuaValue::String(_) | LuaValue::Buffer(_)) {
                event.takes_time();
            }
            return self.vm.marshal.send(&self.vm.lua, &result, limit);
        }
        let read = self.watched(event, || self.vm.marshal.send(&self.vm.lua, &result, limit));
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
        let input = || Ok((&*object, web.request_to_lua(&self.vm.lua, &request, "manual")?));
        let result = self.run(&task, hold, Entry::CallFetch, input).await?;
        if !web.is_response(&result) {
            return Err(Error::guest("TypeError", NO_RESPONSE).with_path(event.actor.path.as_str()));
        }
        event.takes_time();
        web.response_from_lua(&self.vm.lua, result).map(Reply::Response)
    }

    async fn alarm(&self, event: &Arc<Event>, hold: &mut Hold, info: AlarmInfo) -> Result<Reply> {
        let task = Task::new(event, false);
        let object = self.object(&task, hold).await?;
        let input = || Ok((&*object, self.vm.marshal.map(&self.vm.lua, &info.into())?));
        self.run(&task, hold, Entry::CallAlarm, input).await?;
        Ok(Reply::Value(Value::Null))
    }

    async fn start_facet(&self, event: &Arc<Event>, hold: &mut Hold, name: &str) -> Result<Reply> {
        let task = Task::new(event, false);
        let object = self.object(&task, hold).await?;
        self.run(&task, hold, Entry::StartFacet, || Ok((&*object, name))).await?;
        Ok(Reply::Value(Value::Null))
    }

    /// The name of a method, made once for all calls of it; none if there are too many.
    pub(super) fn name(&self, method: &str) -> mlua::Result<Option<Kept>> {
        let mut names = self.names.lock();
        if let Some((_, name)) = names.iter().find(|(known, _)| known == method) {
            return Ok(Some(*name));
        }
        if names.len() == KEPT_NAMES || method.len() > LONGEST_NAME {
            return Ok(None);
        }
        let name = Kept::new(&self.vm.lua, method)?;
        names.push((method.to_owned(), name));
        Ok(Some(name))
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
        self.vm.shared.ending.end();
    }
}
