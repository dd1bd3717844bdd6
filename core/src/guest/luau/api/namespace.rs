//! Natives of namespaces and ids.

use mlua::{AnyUserData, Lua, Value as LuaValue};

use super::{Host, Natives, cap, present, text};
use crate::actor::ActorId;
use crate::error::{Error, ErrorCode, Result};
use crate::guest::luau::convert::LuaId;
use crate::guest::luau::errors::error_from_mlua;
use crate::id::ObjectId;
use crate::namespace::Namespace;
use crate::value::Value;

pub(super) fn register(natives: &Natives<'_>) -> mlua::Result<()> {
    natives.add("id_from_name", |host, lua, (target, name): (AnyUserData, LuaValue)| {
        give_id(host, lua, namespace(&target)?.id_from_name(&text(&name, "A name")?))
    })?;
    natives.add("id_from_string", |host, lua, (target, hex): (AnyUserData, LuaValue)| {
        give_id(host, lua, namespace(&target)?.id_from_string(&text(&hex, "An id")?)?)
    })?;
    natives.add("new_unique_id", |host, lua, (target, wish): (AnyUserData, LuaValue)| {
        if present(wish).is_some() {
            return Err(no_jurisdiction());
        }
        give_id(host, lua, namespace(&target)?.new_unique_id()?)
    })?;
    natives.add("jurisdiction", |_, _, wish: LuaValue| match present(wish) {
        None => Ok(()),
        Some(_) => Err(no_jurisdiction()),
    })?;
    natives.add(
        "get_object",
        |host, lua, (target, id, mode): (AnyUserData, AnyUserData, LuaValue)| {
            check_routing(mode)?;
            let id = id.borrow::<LuaId>().map_err(|_| Error::type_error("get() takes an id."))?;
            let ActorId::Object(id) = &id.0 else {
                return Err(Error::type_error("get() takes the id of an object."));
            };
            host.give(lua, &Value::Stub(namespace(&target)?.get(id)?))
        },
    )?;
    natives.add(
        "get_by_name",
        |host, lua, (target, name, mode): (AnyUserData, LuaValue, LuaValue)| {
            check_routing(mode)?;
            host.give(lua, &Value::Stub(namespace(&target)?.get_by_name(&text(&name, "A name")?)))
        },
    )
}

fn namespace(target: &AnyUserData) -> Result<Namespace> {
    match &cap(target)?.0 {
        Value::Namespace(namespace) => Ok(namespace.clone()),
        _ => Err(Error::type_error("Illegal invocation: this is no namespace.")),
    }
}

fn give_id(host: &Host, lua: &Lua, id: ObjectId) -> Result<LuaValue> {
    host.marshal.get().id(lua, &ActorId::Object(id)).map_err(error_from_mlua)
}

fn no_jurisdiction() -> Error {
    let message = "Jurisdiction restrictions are not implemented.";
    Error::named(ErrorCode::Unsupported, "Error", message)
}

fn check_routing(mode: LuaValue) -> Result<()> {
    match present(mode) {
        None => Ok(()),
        Some(mode) => match text(&mode, "routingMode")?.as_str() {
            "primary-only" => Ok(()),
            other => Err(Error::named(
                ErrorCode::InvalidArgument,
                "RangeError",
                format!("unknown routingMode: {other}"),
            )),
        },
    }
}
