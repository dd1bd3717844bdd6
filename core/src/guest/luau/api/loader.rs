//! Natives of the Worker Loader and of ctx.exports.

use std::sync::Arc;

use mlua::chunk::ChunkMode;
use mlua::{AnyUserData, Function, Lua, MultiValue, UserDataRef, Value as LuaValue};

use super::{Host, Natives, cap, present, text};
use crate::bindings::Called;
use crate::charge::Holder;
use crate::error::{Error, ErrorCode, Result};
use crate::guest::luau::convert::{LuaCap, LuaWorker};
use crate::guest::luau::errors::{error_from_lua, error_from_mlua};
use crate::guest::luau::program::{CompiledModule, Program};
use crate::guest::outside::checked_export;
use crate::loader::{ExportOptions, Loader, WorkerCode, WorkerStub};
use crate::value::Value;

pub(super) fn register(natives: &Natives<'_>) -> mlua::Result<()> {
    natives.add("load", |host, lua, (target, code): (AnyUserData, LuaValue)| {
        let worker = loader(&target)?.load_for(guest(host), worker_code(host, lua, &code)?)?;
        count(host, &target)?;
        give_worker(host, lua, worker)
    })?;
    natives.add("cached_worker", |host, lua, (target, id): (AnyUserData, LuaValue)| {
        let Some(id) = present(id) else { return Ok(None) };
        let cached = loader(&target)?.cached(&text(&id, "A worker's id")?);
        if cached.is_some() {
            count(host, &target)?;
        }
        cached.map(|worker| give_worker(host, lua, worker)).transpose()
    })?;
    natives.add(
        "insert_worker",
        |host, lua, (target, id, ok, code): (AnyUserData, LuaValue, bool, LuaValue)| {
            let id = present(id).map(|id| text(&id, "A worker's id")).transpose()?;
            let code = match ok {
                true => worker_code(host, lua, &code),
                false => Err(error_from_lua(code)),
            };
            count(host, &target)?;
            give_worker(host, lua, loader(&target)?.insert_for(guest(host), id.as_deref(), code))
        },
    )?;
    natives.add(
        "get_class",
        |host, lua, (target, name, options): (AnyUserData, LuaValue, LuaValue)| {
            let (name, options) = (export_name(name)?, export_options(host, lua, &options)?);
            let class = worker(&target)?.0.class_for(guest(host), &name, options);
            host.give(lua, &Value::Class(class))
        },
    )?;
    natives.add(
        "get_entrypoint",
        |host, lua, (target, name, options): (AnyUserData, LuaValue, LuaValue)| {
            let (name, options) = (export_name(name)?, export_options(host, lua, &options)?);
            let stub = worker(&target)?.0.entrypoint_for(guest(host), &name, options)?;
            host.give(lua, &Value::Stub(stub))
        },
    )?;
    register_modules(natives)?;
    register_exports(natives)
}

fn loader(target: &AnyUserData) -> Result<Loader> {
    match &cap(target)?.0 {
        Value::Loader(loader) => Ok(loader.clone()),
        _ => Err(Error::type_error("Illegal invocation: this is no loader.")),
    }
}

/// Whose memory loaded code counts as.
fn guest(host: &Host) -> Option<Arc<dyn Holder>> {
    Some(host.shared.guard.clone())
}

/// Counts a use of a loader.
fn count(host: &Host, target: &AnyUserData) -> Result<()> {
    host.shared.task()?.event.count_call(Called::Loader(&loader(target)?));
    Ok(())
}

fn worker(target: &AnyUserData) -> Result<UserDataRef<LuaWorker>> {
    target.borrow::<LuaWorker>().map_err(|_| Error::type_error("Illegal invocation."))
}

fn give_worker(host: &Host, lua: &Lua, worker: WorkerStub) -> Result<LuaValue> {
    host.marshal.get().worker(lua, worker).map_err(error_from_mlua)
}

fn worker_code(host: &Host, lua: &Lua, code: &LuaValue) -> Result<WorkerCode> {
    WorkerCode::from_guest(host.read(lua, code)?, host.shared.actor()?.limits)
}

fn export_name(name: LuaValue) -> Result<String> {
    match present(name) {
        None => Ok("default".to_owned()),
        Some(name) => checked_export(text(&name, "An export's name")?),
    }
}

fn export_options(host: &Host, lua: &Lua, options: &LuaValue) -> Result<ExportOptions> {
    ExportOptions::from_value(host.read(lua, options)?)
}

/// The code that the running guest was loaded from.
fn own_worker(host: &Host) -> Result<WorkerStub> {
    let actor = host.shared.actor()?;
    let class = actor.class.as_guest();
    let class = class.ok_or_else(|| Error::type_error("Only loaded code has exports."))?;
    Ok(class.worker.clone())
}

fn export(host: &Host, name: &str, kind: &str, options: ExportOptions) -> Result<Value> {
    let worker = own_worker(host)?;
    Ok(match kind {
        "class" => Value::Class(worker.class_for(guest(host), name, options)),
        _ => Value::Stub(worker.entrypoint_for(guest(host), name, options)?),
    })
}

fn program(host: &Host) -> Result<&Program> {
    let program = host.shared.program.get();
    program.map(|program| &**program).ok_or_else(|| Error::type_error("No code is loaded."))
}

fn register_modules(natives: &Natives<'_>) -> mlua::Result<()> {
    natives.add("resolve", |host, _, (from, path): (String, String)| {
        program(host)?.resolve(&from, &path)
    })?;
    // Gives a chunk to be run, or nil and the value of a module that is none.
    natives.add("module", |host, lua, (name, require): (String, Function)| {
        let module = program(host)?.module(&name).ok_or_else(|| {
            Error::named(ErrorCode::LoadError, "Error", format!("No such module: \"{name}\"."))
        })?;
        let value = match module {
            CompiledModule::Luau(bytecode) => {
                let chunk = chunk(lua, &name, &bytecode.0, require).map_err(error_from_mlua)?;
                return Ok(MultiValue::from_iter([LuaValue::Function(chunk)]));
            }
            CompiledModule::Text(text) => {
                LuaValue::String(lua.create_string(text).map_err(error_from_mlua)?)
            }
            CompiledModule::Data(data) => {
                LuaValue::Buffer(lua.create_buffer(data).map_err(error_from_mlua)?)
            }
            CompiledModule::Json(value) => {
                host.marshal.get().value(lua, value).map_err(error_from_mlua)?
            }
            CompiledModule::Js => {
                let message =
                    format!("Module \"{name}\" is JavaScript; a Luau module can't require it.");
                return Err(Error::named(ErrorCode::LoadError, "Error", message));
            }
        };
        Ok(MultiValue::from_iter([LuaValue::Nil, value]))
    })
}

/// A module's function, with globals of its own on top of the machine's.
fn chunk(lua: &Lua, name: &str, bytecode: &[u8], require: Function) -> mlua::Result<Function> {
    let environment = lua.create_table()?;
    environment.raw_set("require", require)?;
    let metatable = lua.create_table()?;
    metatable.raw_set("__index", lua.globals())?;
    metatable.raw_set("__metatable", "locked")?;
    metatable.set_readonly(true);
    environment.set_metatable(Some(metatable))?;
    // Nothing can change what the names of built-in functions mean, so the engine may resolve them once.
    environment.set_safeenv(true);
    lua.load(bytecode)
        .set_mode(ChunkMode::Binary)
        .set_name(format!("={name}"))
        .set_environment(environment)
        .into_function()
}

fn register_exports(natives: &Natives<'_>) -> mlua::Result<()> {
    natives.add("loopback", |host, lua, (name, kind): (String, String)| {
        let value = export(host, &name, &kind, ExportOptions::default())?;
        let namespace = own_worker(host)?.namespace(&name).map(Value::Namespace);
        let userdata = |value| lua.create_userdata(LuaCap(value)).map(LuaValue::UserData);
        let mut made = MultiValue::new();
        made.push_back(userdata(value).map_err(error_from_mlua)?);
        if let Some(namespace) = namespace {
            made.push_back(userdata(namespace).map_err(error_from_mlua)?);
        }
        Ok(made)
    })?;
    natives.add("specialise", |host, lua, (name, kind, options): (String, String, LuaValue)| {
        let options = export_options(host, lua, &options)?;
        host.give(lua, &export(host, &name, &kind, options)?)
    })
}
