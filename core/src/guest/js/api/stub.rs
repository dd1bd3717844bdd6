//! Natives of stubs, host functions, host objects, facets and outbound requests.

use std::sync::Arc;

use parking_lot::Mutex;
use rquickjs::Array;

use super::{Natives, request};
use crate::actor::{ActorId, BoxFuture, Event, Message};
use crate::bindings::Called;
use crate::charge::Charge;
use crate::error::{Error, ErrorCode, Result};
use crate::facet::{FacetOptions, Facets};
use crate::guest::js::callback::{Callback, Use};
use crate::guest::js::errors::error_from_js;
use crate::guest::js::give;
use crate::guest::js::native::{Args, Call, Done, Fail, Handle, illegal};
use crate::guest::outside::{Pending, SENT_BYTES, call_host, outbound, send, wait_for_start};
use crate::host::no_such_method;
use crate::http::Request;
use crate::stub::{Binding, Stub};
use crate::value::Value;

pub(super) fn register(natives: &mut Natives) {
    natives.add(c"pack", |call| {
        let args = call.read_args(0)?;
        call.give_cap(Handle::Args(Arc::new(Mutex::new(Some(args)))))
    });
    natives.add(c"call", |call| {
        let (stub, method) = (stub(call)?, call.text(1)?);
        let Args { values, mut charge } = match call.arg(2).is_array() {
            true => call.read_args(2)?,
            false => packed_args(call)?,
        };
        charge.grow(method.len());
        call.check_memory();
        begin_charged(call, charge, send(event(call)?, stub, Message::call(method, values)), true)
    });
    // A stub of what is here.
    natives.add(c"stub_of", |call| {
        let Args { values, .. } = call.read_args(0)?;
        Ok(give::value(call.ctx, call.hooks, values.first().ok_or_else(illegal)?)?)
    });
    natives.add(c"get", |call| {
        let (stub, property) = (stub(call)?, call.text(1)?);
        let charge = call.charge(property.len());
        begin_charged(call, charge, send(event(call)?, stub, Message::Get { property }), false)
    });
    natives.add(c"fetch", |call| {
        let (stub, request) = (stub(call)?, taken_request(call, 1)?);
        let charge = call.charge(request.size());
        begin_charged(call, charge, send(event(call)?, stub, Message::Fetch(request)), false)
    });
    natives.add(c"outbound", |call| {
        let request = taken_request(call, 0)?;
        let charge = call.charge(request.size());
        begin_charged(call, charge, outbound(&event(call)?, request)?, false)
    });
    register_host(natives);
    register_starts(natives);
    register_facets(natives);
}

/// Begins an operation that holds memory for the guest to its end.
fn begin_charged<'js>(
    call: &Call<'_, 'js>,
    mut charge: Charge,
    pending: Pending,
    is_call: bool,
) -> Done<'js> {
    charge.grow(SENT_BYTES);
    call.check_memory();
    let pending = Box::pin(async move {
        let _charge = charge;
        pending.await
    });
    call.begin(pending, is_call)
}

/// The event that the guest's code runs for.
fn event(call: &Call<'_, '_>) -> Result<Arc<Event>> {
    Ok(call.shared.task()?.event.clone())
}

fn stub(call: &Call<'_, '_>) -> Result<Stub> {
    match call.capability(0)? {
        Value::Stub(stub) => Ok(stub),
        _ => Err(Error::type_error("Illegal invocation: this is no stub.")),
    }
}

/// Arguments that were copied before.
fn packed_args(call: &Call<'_, '_>) -> Result<Args> {
    match call.handle(2)? {
        Handle::Args(packed) => packed.lock().take().ok_or_else(illegal),
        _ => Err(illegal()),
    }
}

fn taken_request(call: &Call<'_, '_>, at: usize) -> std::result::Result<Request, Fail> {
    let parts: Array<'_> = call.hooks.take_request.call((call.arg(at),))?;
    Ok(request(call.ctx, call.hooks, &parts)?)
}

/// Begins a call into host code, made as part of the event.
fn begin_host<'js>(
    call: &Call<'_, 'js>,
    called: Called<'_>,
    charge: Charge,
    is_call: bool,
    work: impl FnOnce() -> BoxFuture<'static, Result<Value>> + Send + 'static,
) -> Done<'js> {
    begin_charged(call, charge, call_host(&event(call)?, called, work)?, is_call)
}

fn register_host(natives: &mut Natives) {
    natives.add(c"call_function", |call| {
        let Value::Function(function) = call.capability(0)? else { return Err(illegal().into()) };
        let Args { values, charge } = call.read_args(1)?;
        let called = function.clone();
        begin_host(call, Called::Function(&called), charge, true, move || function.call(values))
    });
    natives.add(c"call_object", |call| {
        let Value::Object(object) = call.capability(0)? else { return Err(illegal().into()) };
        let (method, Args { values, mut charge }) = (call.text(1)?, call.read_args(2)?);
        charge.grow(method.len());
        call.check_memory();
        let (called, name) = (object.clone(), method.clone());
        let called = Called::Object(&called, &name);
        begin_host(call, called, charge, true, move || object.call(&method, values))
    });
    natives.add(c"get_object_member", |call| {
        let Value::Object(object) = call.capability(0)? else { return Err(illegal().into()) };
        let property = call.text(1)?;
        let target = object.origin().and_then(|origin| origin.clone().downcast::<Callback>().ok());
        let target = target.ok_or_else(|| no_such_method(&property))?;
        let name = property.clone();
        let called = Called::Object(&object, &name);
        begin_host(call, called, call.charge(name.len()), false, move || {
            target.run(Use::Get(property))
        })
    });
}

fn register_starts(natives: &mut Natives) {
    natives.add(c"is_bound", |call| call.give_bool(stub(call)?.is_bound()));
    natives.add(c"bind", |call| {
        let stub = stub(call)?;
        match stub.bind()? {
            Binding::Bound(_) => call.give_text("bound"),
            Binding::Wait(_) => call.give_text("wait"),
            Binding::Start(guard) => {
                call.shared.begin_start(stub, guard)?;
                call.give_text("start")
            }
        }
    });
    natives.add(c"wait_for_start", |call| call.begin(wait_for_start(stub(call)?), false));
    natives.add(c"start", |call| {
        let options = facet_options(call)?;
        end_start(call, Ok(options))
    });
    natives.add(c"start_failed", |call| {
        let error = error_from_js(call.ctx, call.hooks, &call.arg(1));
        // The caller throws it itself.
        let _ = end_start(call, Err(error));
        call.undefined()
    });
}

fn end_start<'js>(call: &Call<'_, 'js>, options: Result<FacetOptions>) -> Done<'js> {
    let stub = stub(call)?;
    let guard = call.shared.take_start(&stub);
    let guard =
        guard.ok_or_else(|| Error::type_error("Illegal invocation: no start is going on."))?;
    stub.finish(guard, options)?;
    call.undefined()
}

fn facet_options(call: &Call<'_, '_>) -> std::result::Result<FacetOptions, Fail> {
    let Handle::Value(Value::Class(class)) = call.handle(1)? else {
        return Err(Error::type_error(
            "The start callback of a facet must return an object whose class is a Durable Object class.",
        )
        .into());
    };
    let id = match call.present(2) {
        None => None,
        Some(id) if id.is_string() => Some(ActorId::Text(call.text(2)?)),
        Some(_) => match call.handle(2)? {
            Handle::Id(id) => Some(id),
            _ => {
                return Err(Error::type_error(
                    "The id of a facet must be a string or a DurableObjectId.",
                )
                .into());
            }
        },
    };
    Ok(FacetOptions { class, id })
}

fn register_facets(natives: &mut Natives) {
    fn facets(call: &Call<'_, '_>) -> Result<Facets> {
        Ok(Facets::new(call.shared.actor()?))
    }
    natives.add(c"facet", |call| {
        let stub = facets(call)?.stub(&call.text(0)?)?;
        call.give_cap(Handle::Value(Value::Stub(stub)))
    });
    natives.add(c"facet_abort", |call| {
        let reason = match call.present(1) {
            None => crate::ctx::aborted(None),
            Some(reason) => {
                error_from_js(call.ctx, call.hooks, &reason).with_code(ErrorCode::Aborted)
            }
        };
        facets(call)?.abort(&call.text(0)?, reason)?;
        call.undefined()
    });
    natives.add(c"facet_delete", |call| {
        facets(call)?.delete(&call.text(0)?)?;
        call.undefined()
    });
    natives.add(c"facet_clone", |call| {
        facets(call)?.clone(&call.text(0)?, &call.text(1)?)?;
        call.undefined()
    });
    natives.add(c"facet_list", |call| {
        let names = facets(call)?.list()?.into_iter().map(Value::String).collect();
        Ok(give::value(call.ctx, call.hooks, &Value::List(names))?)
    });
    natives.add(c"facet_exists", |call| call.give_bool(facets(call)?.exists(&call.text(0)?)?));
}
