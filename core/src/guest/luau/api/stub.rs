//! Natives of stubs, host functions, host objects, facets and outbound requests.

use std::sync::Arc;

use mlua::{AnyUserData, Lua, MultiValue, Value as LuaValue};

use super::{Host, Natives, cap, present, text};
use crate::actor::{ActorId, BoxFuture, Event, Message};
use crate::bindings::Called;
use crate::charge::Charge;
use crate::error::{Error, ErrorCode, Result};
use crate::facet::{FacetOptions, Facets};
use crate::guest::luau::convert::{LuaCap, LuaId};
use crate::guest::luau::errors::{error_from_lua, error_from_mlua};
use crate::guest::outside::{Pending, SENT_BYTES, call_host, outbound, send, wait_for_start};
use crate::stub::{Binding, Stub};
use crate::value::Value;

pub(super) fn register(natives: &Natives<'_>) -> mlua::Result<()> {
    natives.add(
        "call",
        |host, lua, (target, method, args): (AnyUserData, String, MultiValue)| {
            let (stub, args) = (stub(&target)?, host.send_all(lua, &args)?);
            let charge = charge(host, method.len() + size(&args));
            wait_charged(host, charge, send(event(host)?, stub, Message::call(method, args)))
        },
    )?;
    natives.add("fetch", |host, lua, (target, request): (AnyUserData, LuaValue)| {
        let stub = stub(&target)?;
        let request = host.marshal.get().web.request_from_lua(lua, request)?;
        let charge = charge(host, request.size());
        wait_charged(host, charge, send(event(host)?, stub, Message::Fetch(request)))
    })?;
    natives.add("outbound", |host, lua, request: LuaValue| {
        let request = host.marshal.get().web.request_from_lua(lua, request)?;
        let charge = charge(host, request.size());
        wait_charged(host, charge, outbound(&event(host)?, request)?)
    })?;
    register_host(natives)?;
    register_starts(natives)?;
    register_facets(natives)
}

/// Counts what the host holds as the guest's memory while it waits for what it has sent.
fn charge(host: &Host, bytes: usize) -> Charge {
    Charge::new(host.shared.guard.clone(), SENT_BYTES + bytes)
}

fn size(args: &[Value]) -> usize {
    args.iter().map(Value::size).sum()
}

/// Waits for an operation that holds memory for the guest to its end.
fn wait_charged(host: &Host, charge: Charge, pending: Pending) -> Result<()> {
    host.shared.wait(Box::pin(async move {
        let _charge = charge;
        pending.await
    }))
}

/// The event that the guest's code runs for.
fn event(host: &Host) -> Result<Arc<Event>> {
    Ok(host.shared.task()?.event.clone())
}

fn stub(target: &AnyUserData) -> Result<Stub> {
    match &cap(target)?.0 {
        Value::Stub(stub) => Ok(stub.clone()),
        _ => Err(Error::type_error("Illegal invocation: this is no stub.")),
    }
}

/// Waits for a call into host code, made as part of the event.
fn wait_for_host(
    host: &Host,
    called: Called<'_>,
    charge: Charge,
    call: impl FnOnce() -> BoxFuture<'static, Result<Value>> + Send + 'static,
) -> Result<()> {
    wait_charged(host, charge, call_host(&event(host)?, called, call)?)
}

fn register_host(natives: &Natives<'_>) -> mlua::Result<()> {
    natives.add("call_function", |host, lua, (target, args): (AnyUserData, MultiValue)| {
        let Value::Function(function) = cap(&target)?.0.clone() else {
            return Err(Error::type_error("Illegal invocation: this is no host function."));
        };
        let args = host.send_all(lua, &args)?;
        let (called, charge) = (function.clone(), charge(host, size(&args)));
        wait_for_host(host, Called::Function(&called), charge, move || function.call(args))
    })?;
    natives.add(
        "call_object",
        |host, lua, (target, method, args): (AnyUserData, String, MultiValue)| {
            let Value::Object(object) = cap(&target)?.0.clone() else {
                return Err(Error::type_error("Illegal invocation: this is no host object."));
            };
            let args = host.send_all(lua, &args)?;
            let (called, name) = (object.clone(), method.clone());
            let called = Called::Object(&called, &name);
            let charge = charge(host, name.len() + size(&args));
            wait_for_host(host, called, charge, move || object.call(&method, args))
        },
    )
}

fn register_starts(natives: &Natives<'_>) -> mlua::Result<()> {
    natives.add("bind", |host, _, target: AnyUserData| {
        let stub = stub(&target)?;
        match stub.bind()? {
            Binding::Bound(_) => Ok("bound"),
            Binding::Wait(_) => Ok("wait"),
            Binding::Start(guard) => {
                host.shared.task()?.starts.lock().push((stub, guard));
                Ok("start")
            }
        }
    })?;
    natives.add("wait_for_start", |host, _, target: AnyUserData| {
        host.shared.wait(wait_for_start(stub(&target)?))
    })?;
    natives.add("start", |host, _, (target, class, id): (AnyUserData, LuaValue, LuaValue)| {
        let options = facet_options(host, &class, id);
        end_start(host, &stub(&target)?, options)
    })?;
    natives.add("start_failed", |host, _, (target, thrown): (AnyUserData, LuaValue)| {
        end_start(host, &stub(&target)?, Err(error_from_lua(thrown)))
    })
}

fn end_start(host: &Host, stub: &Stub, options: Result<FacetOptions>) -> Result<()> {
    let task = host.shared.task()?;
    let guard = {
        let mut starts = task.starts.lock();
        let at = starts.iter().rposition(|(begun, _)| begun.is(stub));
        at.map(|at| starts.swap_remove(at).1)
    };
    let guard =
        guard.ok_or_else(|| Error::type_error("Illegal invocation: no start is going on."))?;
    stub.finish(guard, options).map(drop)
}

fn facet_options(host: &Host, class: &LuaValue, id: LuaValue) -> Result<FacetOptions> {
    let Some(Value::Class(class)) = host.marshal.get().capability(class) else {
        return Err(Error::type_error(
            "The start callback of a facet must return a table whose class is a Durable Object class.",
        ));
    };
    let id = match present(id) {
        None => None,
        Some(LuaValue::Table(id)) => {
            let userdata: AnyUserData = id.raw_get("_cap").map_err(error_from_mlua)?;
            let id = userdata.borrow::<LuaId>().map_err(|_| wrong_id())?;
            Some(id.0.clone())
        }
        Some(id) => Some(ActorId::Text(text(&id, "The id of a facet")?)),
    };
    Ok(FacetOptions { class, id })
}

fn wrong_id() -> Error {
    Error::type_error("The id of a facet must be a string or a DurableObjectId.")
}

fn register_facets(natives: &Natives<'_>) -> mlua::Result<()> {
    fn facets(host: &Host) -> Result<Facets> {
        Ok(Facets::new(host.shared.actor()?))
    }
    fn name(value: &LuaValue) -> Result<String> {
        text(value, "A facet's name")
    }
    natives.add("facet", |host, lua: &Lua, facet: LuaValue| {
        let stub = facets(host)?.stub(&name(&facet)?)?;
        lua.create_userdata(LuaCap(Value::Stub(stub))).map_err(error_from_mlua)
    })?;
    natives.add("facet_abort", |host, _, (facet, reason): (LuaValue, LuaValue)| {
        let reason = match present(reason) {
            None => crate::ctx::aborted(None),
            Some(reason) => error_from_lua(reason).with_code(ErrorCode::Aborted),
        };
        facets(host)?.abort(&name(&facet)?, reason)
    })?;
    natives.add("facet_delete", |host, _, facet: LuaValue| facets(host)?.delete(&name(&facet)?))?;
    natives.add("facet_clone", |host, _, (src, dst): (LuaValue, LuaValue)| {
        facets(host)?.clone(&name(&src)?, &name(&dst)?)
    })?;
    natives.add("facet_list", |host, _, ()| facets(host)?.list())?;
    natives.add("facet_exists", |host, _, facet: LuaValue| facets(host)?.exists(&name(&facet)?))
}
