//! Values between Rust and the engine, copied both ways.
//!
//! Tables are copied on the engine's stack, in one protected call each.

mod give;
mod read;

pub(super) use give::Passed;

use std::sync::Arc;

use mlua::{AnyUserData, Function, Lua, Table, UserData, UserDataMethods, Value as LuaValue};

use super::errors::FREE_BYTES;
use super::guard::Guard;
use super::stack::Passage;
use super::web::WebApi;
use crate::actor::ActorId;
use crate::loader::WorkerStub;
use crate::value::Value;

/// A capability as the engine holds it: guests see it only inside a sealed table.
pub(super) struct LuaCap(pub Value);
impl UserData for LuaCap {}

/// Loaded code as the engine holds it.
pub(super) struct LuaWorker(pub WorkerStub);
impl UserData for LuaWorker {}

/// An id as the engine holds it.
pub(super) struct LuaId(pub ActorId);
impl UserData for LuaId {}

/// A value without a form of its own in Luau: a set or a big integer. It can be passed on.
struct LuaOpaque(Value);

impl UserData for LuaOpaque {
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_meta_method(mlua::MetaMethod::ToString, |_, this, ()| {
            Ok(match &this.0 {
                Value::BigInt(number) => number.to_string(),
                other => format!("[object {}]", other.type_name()),
            })
        });
    }
}

/// Knows the engine's tables that stand for something, and makes them.
pub(super) struct Marshal {
    pub web: WebApi,
    /// Metatable -> what Rust takes its instances for.
    kinds: Table,
    /// Metatable -> name of the class, for messages.
    classes: Table,
    /// Luau function -> the host function behind it.
    functions: Table,
    make: Function,
    make_date: Function,
    /// Stands before a table of values that hold 64-bit integers.
    packed: Table,
    passage: Passage,
    guard: Arc<Guard>,
}

impl Marshal {
    /// `native` is the table of natives, `api` what the prelude returned.
    pub fn new(
        lua: &Lua,
        web: WebApi,
        native: &Table,
        api: &Table,
        guard: Arc<Guard>,
    ) -> mlua::Result<Marshal> {
        let date: Table = web.globals.raw_get("Date")?;
        Ok(Marshal {
            kinds: native.raw_get("kinds")?,
            classes: native.raw_get("classes")?,
            functions: api.raw_get("functions")?,
            make: api.raw_get("make")?,
            make_date: date.raw_get("new")?,
            packed: api.raw_get("packed")?,
            passage: Passage::new(lua)?,
            guard,
            web,
        })
    }

    pub fn id(&self, lua: &Lua, id: &ActorId) -> mlua::Result<LuaValue> {
        match id {
            ActorId::Text(text) => Ok(LuaValue::String(lua.create_string(text)?)),
            ActorId::Object(object) => {
                let userdata = lua.create_userdata(LuaId(id.clone()))?;
                // The engine has a text once; the host has the name of each id.
                if let Some(name) = object.name().filter(|name| name.len() > FREE_BYTES) {
                    userdata.set_user_value(lua.create_buffer_with_capacity(name.len())?)?;
                }
                self.make.call(("id", userdata, object.to_string(), object.name()))
            }
        }
    }

    pub fn worker(&self, lua: &Lua, worker: WorkerStub) -> mlua::Result<LuaValue> {
        self.make.call(("worker", lua.create_userdata(LuaWorker(worker))?))
    }

    /// The capability that a sealed table of the guest stands for.
    pub fn capability(&self, value: &LuaValue) -> Option<Value> {
        let table = value.as_table()?;
        let kind = self.kind(table)?;
        self.held(table, &kind)
    }

    fn kind(&self, table: &Table) -> Option<String> {
        self.kinds.raw_get(table.metatable()?).ok()?
    }

    fn held(&self, table: &Table, kind: &str) -> Option<Value> {
        let key = match kind {
            "cap" => "_cap",
            "loopback" => "_class",
            _ => return None,
        };
        let userdata: AnyUserData = table.raw_get(key).ok()?;
        userdata.borrow::<LuaCap>().ok().map(|cap| cap.0.clone())
    }
}
