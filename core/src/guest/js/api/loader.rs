//! Natives of the Worker Loader, of ctx.exports and of modules that are data.

use std::sync::Arc;

use rquickjs::{Array, ArrayBuffer};

use super::Natives;
use crate::bindings::Called;
use crate::charge::Holder;
use crate::error::{Error, Result};
use crate::guest::js::errors::error_from_js;
use crate::guest::js::give;
use crate::guest::js::native::{Call, Cap, Handle, illegal, set_own};
use crate::guest::js::program::Compiled;
use crate::guest::outside::checked_export;
use crate::loader::{ExportOptions, Loader, WorkerCode, WorkerStub};
use crate::value::Value;

pub(super) fn register(natives: &mut Natives) {
    natives.add(c"load", |call| {
        let worker = loader(call)?.load_for(guest(call), worker_code(call, 1)?)?;
        call.check_memory();
        count(call)?;
        call.give_cap(Handle::Worker(worker))
    });
    natives.add(c"cached_worker", |call| {
        let cached = match call.present(1) {
            Some(_) => loader(call)?.cached(&call.text(1)?),
            None => None,
        };
        if cached.is_some() {
            count(call)?;
        }
        cached.map_or_else(|| call.undefined(), |worker| call.give_cap(Handle::Worker(worker)))
    });
    natives.add(c"insert_worker", |call| {
        let code = worker_code(call, 2);
        count(call)?;
        let worker = loader(call)?.insert_for(guest(call), worker_id(call).as_deref(), code);
        call.check_memory();
        call.give_cap(Handle::Worker(worker))
    });
    natives.add(c"insert_failed", |call| {
        let error = error_from_js(call.ctx, call.hooks, &call.arg(2));
        count(call)?;
        let worker = loader(call)?.insert(worker_id(call).as_deref(), Err(error));
        call.give_cap(Handle::Worker(worker))
    });
    natives.add(c"get_class", |call| {
        let (name, options) = (checked_export(call.text(1)?)?, options(call, 2)?);
        let class = worker(call)?.class_for(guest(call), &name, options);
        call.check_memory();
        call.give_cap(Handle::Value(Value::Class(class)))
    });
    natives.add(c"get_entrypoint", |call| {
        let (name, options) = (checked_export(call.text(1)?)?, options(call, 2)?);
        let stub = worker(call)?.entrypoint_for(guest(call), &name, options)?;
        call.check_memory();
        call.give_cap(Handle::Value(Value::Stub(stub)))
    });
    natives.add(c"module_value", |call| {
        let program = call.shared.program.get();
        match program.and_then(|program| program.module(&call.text(0).ok()?)) {
            Some(Compiled::Value(_, Value::Bytes(bytes))) => {
                Ok(ArrayBuffer::new_copy(call.ctx.clone(), bytes)?.into_value())
            }
            Some(Compiled::Value(_, value)) => Ok(give::value(call.ctx, call.hooks, value)?),
            _ => call.undefined(),
        }
    });
    register_exports(natives);
}

/// Whose memory loaded code counts as.
fn guest(call: &Call<'_, '_>) -> Option<Arc<dyn Holder>> {
    Some(call.shared.guard.clone())
}

/// Counts a use of a loader.
fn count(call: &Call<'_, '_>) -> Result<()> {
    call.shared.task()?.event.count_call(Called::Loader(&loader(call)?));
    Ok(())
}

fn loader(call: &Call<'_, '_>) -> Result<Loader> {
    match call.capability(0)? {
        Value::Loader(loader) => Ok(loader),
        _ => Err(Error::type_error("Illegal invocation: this is no loader.")),
    }
}

fn worker(call: &Call<'_, '_>) -> Result<WorkerStub> {
    match call.handle(0)? {
        Handle::Worker(worker) => Ok(worker),
        _ => Err(illegal()),
    }
}

fn worker_code(call: &Call<'_, '_>, at: usize) -> Result<WorkerCode> {
    WorkerCode::from_guest(call.read(at)?, call.shared.actor()?.limits)
}

fn worker_id(call: &Call<'_, '_>) -> Option<String> {
    call.present(1).and_then(|_| call.text(1).ok())
}

fn options(call: &Call<'_, '_>, at: usize) -> Result<ExportOptions> {
    ExportOptions::from_value(call.read(at)?)
}

/// The code that the running guest was loaded from.
fn own_worker(call: &Call<'_, '_>) -> Result<WorkerStub> {
    let actor = call.shared.actor()?;
    let class = actor.class.as_guest();
    let class = class.ok_or_else(|| Error::type_error("Only loaded code has exports."))?;
    Ok(class.worker.clone())
}

fn export(call: &Call<'_, '_>, name: &str, kind: &str, options: ExportOptions) -> Result<Value> {
    let worker = own_worker(call)?;
    Ok(match kind {
        "class" => Value::Class(worker.class_for(guest(call), name, options)),
        _ => Value::Stub(worker.entrypoint_for(guest(call), name, options)?),
    })
}

fn register_exports(natives: &mut Natives) {
    natives.add(c"loopback", |call| {
        let (name, kind) = (call.text(0)?, call.text(1)?);
        let value = export(call, &name, &kind, ExportOptions::default())?;
        let made = Array::new(call.ctx.clone())?;
        set_own(&made, 0, Cap::make(call.ctx, Handle::Value(value))?)?;
        if let Some(namespace) = own_worker(call)?.namespace(&name) {
            let namespace = Handle::Value(Value::Namespace(namespace));
            set_own(&made, 1, Cap::make(call.ctx, namespace)?)?;
        }
        Ok(made.into_value())
    });
    natives.add(c"specialise", |call| {
        let value = export(call, &call.text(0)?, &call.text(1)?, options(call, 2)?)?;
        call.check_memory();
        call.give_cap(Handle::Value(value))
    });
}
