//! The natives behind the guest API, by topic.

mod context;
mod loader;
mod namespace;
mod storage;
mod stub;

use std::sync::{Arc, OnceLock};

use mlua::{AnyUserData, Lua, MultiValue, UserDataRef, Value as LuaValue};

pub(super) use self::context::set_early;
use super::convert::{LuaCap, Marshal};
use super::errors::error_from_mlua;
use super::native;
use super::vm::Shared;
use crate::error::{Error, ErrorCode, Result};
use crate::guest::watchdog::{Interrupt, Stop};
use crate::value::Value;

/// The marshal of a machine, which is made after its natives.
#[derive(Clone, Default)]
pub(super) struct MarshalCell(Arc<OnceLock<Arc<Marshal>>>);

impl MarshalCell {
    pub fn set(&self, marshal: Marshal) -> Arc<Marshal> {
        self.0.get_or_init(|| Arc::new(marshal)).clone()
    }

    fn get(&self) -> &Marshal {
        self.0.get().expect("natives run after the machine is made")
    }
}

/// What every native needs: the machine's state and its marshal.
struct Host {
    shared: Arc<Shared>,
    marshal: MarshalCell,
}

pub(super) fn add_natives(
    all: &native::Natives<'_>,
    shared: &Arc<Shared>,
    marshal: &MarshalCell,
) -> mlua::Result<()> {
    let natives = Natives { all, shared, marshal };
    context::register(&natives)?;
    storage::register(&natives)?;
    stub::register(&natives)?;
    namespace::register(&natives)?;
    loader::register(&natives)
}

/// Adds natives that get the host state as their first argument.
struct Natives<'a> {
    all: &'a native::Natives<'a>,
    shared: &'a Arc<Shared>,
    marshal: &'a MarshalCell,
}

impl Natives<'_> {
    fn add<A, R, F>(&self, name: &'static str, function: F) -> mlua::Result<()>
    where
        A: mlua::FromLuaMulti,
        R: mlua::IntoLuaMulti,
        F: Fn(&Host, &Lua, A) -> Result<R> + Send + 'static,
    {
        if !self.all.wants(name) {
            return Ok(());
        }
        let host = Host { shared: self.shared.clone(), marshal: self.marshal.clone() };
        self.all.add(name, move |lua, args: A| {
            function(&host, lua, args).inspect_err(|error| {
                // A guest can't go on by catching it.
                if error.code() == ErrorCode::LimitStorage {
                    host.shared.limit.lock().get_or_insert_with(|| error.clone());
                    host.shared.guard.interrupt(Stop::Storage);
                }
            })
        })
    }
}

impl Host {
    /// Makes the guest's form of a value.
    fn give(&self, lua: &Lua, value: &Value) -> Result<MultiValue> {
        self.marshal.get().result(lua, value).map_err(error_from_mlua)
    }

    /// Copies a value of the guest.
    fn read(&self, lua: &Lua, value: &LuaValue) -> Result<Value> {
        let limit = self.shared.actor()?.limits.message_bytes;
        self.marshal.get().read(lua, value, limit)
    }

    /// Copies what the guest binds to a query.
    fn read_all(&self, lua: &Lua, values: &MultiValue) -> Result<Vec<Value>> {
        let limit = self.shared.actor()?.limits.message_bytes;
        self.marshal.get().read_all(lua, values, limit)
    }

    /// Copies arguments that the guest sends.
    fn send_all(&self, lua: &Lua, values: &MultiValue) -> Result<Vec<Value>> {
        let limit = self.shared.actor()?.limits.message_bytes;
        self.marshal.get().send_all(lua, values, limit)
    }
}

/// The capability inside a userdata.
fn cap(userdata: &AnyUserData) -> Result<UserDataRef<LuaCap>> {
    userdata.borrow::<LuaCap>().map_err(|_| Error::type_error("Illegal invocation."))
}

/// An absent option and `null` mean the same.
fn present(value: LuaValue) -> Option<LuaValue> {
    (!value.is_nil() && value != LuaValue::NULL).then_some(value)
}

/// Text that must be there.
fn text(value: &LuaValue, what: &str) -> Result<String> {
    match value {
        LuaValue::String(text) => match text.to_str() {
            Ok(text) => Ok(text.to_owned()),
            Err(_) => Err(Error::type_error(format!("{what} must be valid UTF-8."))),
        },
        LuaValue::Integer(number) => Ok(number.to_string()),
        LuaValue::Number(number) => Ok(number.to_string()),
        other => {
            Err(Error::type_error(format!("{what} must be a string, got {}.", other.type_name())))
        }
    }
}
