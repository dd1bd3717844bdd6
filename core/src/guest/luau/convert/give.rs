//! Values made into the engine's.

use mlua::{Lua, MultiValue, Table, Value as LuaValue};

use super::{LuaCap, LuaOpaque, Marshal};
use crate::actor::ActorId;
use crate::guest::luau::errors::error_to_lua;
use crate::guest::luau::stack::{self, Slot, Stack, protected};
use crate::value::{Value, ValueMap};

/// Whole numbers beyond this are 64-bit integers of the engine, which the binding knows only inside of tables.
const MAX_SAFE: i64 = 1 << 53;

/// Where the marker of empty maps is while a table is made, behind the passage.
const MARKER: Slot = 2;

/// Values on their way into a function of the guest.
pub(in crate::guest::luau) enum Passed {
    Plain(MultiValue),
    Packed(Table),
}

impl Passed {
    /// Whether these values have to be packed.
    pub fn is_packed(values: &[Value]) -> bool {
        values.iter().any(is_large)
    }
}

impl Marshal {
    /// Makes the engine's form of one value. A whole number beyond 2^53 at the top needs
    /// [`Marshal::values`].
    pub fn value(&self, lua: &Lua, value: &Value) -> mlua::Result<LuaValue> {
        Ok(match value {
            Value::Undefined | Value::Null => LuaValue::Nil,
            Value::Bool(value) => LuaValue::Boolean(*value),
            Value::Int(number) => LuaValue::Integer(*number),
            Value::Float(number) => LuaValue::Number(*number),
            Value::String(text) => LuaValue::String(stack::text(lua, text.as_bytes())?),
            Value::Bytes(bytes) | Value::View(_, bytes) => {
                LuaValue::Buffer(stack::buffer(lua, bytes)?)
            }
            Value::List(_) | Value::Map(_) | Value::Dict(_) => {
                LuaValue::Table(self.table(lua, |giver, stack| giver.value(stack, value))?)
            }
            value => self.object(lua, value)?,
        })
    }

    /// Makes what isn't copied piece by piece.
    fn object(&self, lua: &Lua, value: &Value) -> mlua::Result<LuaValue> {
        let make = |kind| self.make.call((kind, capability(lua, value)?));
        match value {
            Value::Date(time) => self.make_date.call(*time),
            Value::Error(error) => error_to_lua(lua, error.clone()),
            Value::Request(request) => {
                self.web.request_to_lua(lua, request, "follow").map(LuaValue::Table)
            }
            Value::Response(response) => {
                self.web.response_to_lua(lua, response).map(LuaValue::Table)
            }
            Value::Headers(headers) => self.web.headers_to_lua(lua, headers).map(LuaValue::Table),
            Value::Stub(stub) => {
                let id = stub.id().map(|id| self.id(lua, &ActorId::Object(id.clone())));
                let name = stub.name();
                self.make.call(("stub", capability(lua, value)?, id.transpose()?, name))
            }
            Value::Function(_) => make("function"),
            Value::Object(_) => make("object"),
            Value::Class(_) => make("class"),
            Value::Namespace(_) => make("namespace"),
            Value::Loader(_) => make("loader"),
            other => Ok(LuaValue::UserData(lua.create_userdata(LuaOpaque(other.clone()))?)),
        }
    }

    /// Makes values to be passed to a function: themselves, or `packed` and a table of them if some are
    /// whole numbers that a double can't hold.
    pub fn values(&self, lua: &Lua, values: &[Value]) -> mlua::Result<Passed> {
        if values.is_empty() {
            return Ok(Passed::Plain(MultiValue::new()));
        }
        if !Passed::is_packed(values) {
            // Something may be put in front of them.
            let mut plain = MultiValue::with_capacity(values.len() + 1);
            for value in values {
                plain.push_back(self.value(lua, value)?);
            }
            return Ok(Passed::Plain(plain));
        }
        let packed = self.table(lua, |giver, stack| giver.list(stack, values))?;
        packed.raw_set("n", values.len())?;
        Ok(Passed::Packed(packed))
    }

    /// The result of a wait as the prelude takes it.
    pub fn result(&self, lua: &Lua, value: &Value) -> mlua::Result<MultiValue> {
        Ok(match self.values(lua, std::slice::from_ref(value))? {
            Passed::Plain(values) => values,
            Passed::Packed(table) => MultiValue::from_iter([
                LuaValue::Table(self.packed.clone()),
                LuaValue::Table(table),
            ]),
        })
    }

    /// A table of a map; one without entries is marked, so that it goes back as a map.
    pub fn map(&self, lua: &Lua, map: &ValueMap) -> mlua::Result<Table> {
        self.table(lua, |giver, stack| giver.map(stack, map))
    }

    /// The table that `make` leaves on the stack.
    fn table(
        &self,
        lua: &Lua,
        make: impl FnOnce(&mut Giver<'_>, &Stack) -> Result<(), Failed>,
    ) -> mlua::Result<Table> {
        let mut giver = Giver { marshal: self, lua, failure: None };
        let made = protected(lua, (self.passage.table(), &self.web.map_marker), |stack| {
            if make(&mut giver, stack).is_ok() {
                stack.keep_last(1);
            }
        });
        giver.failure.map_or(made, Err)
    }
}

fn is_large(value: &Value) -> bool {
    matches!(value, Value::Int(number) if !(-MAX_SAFE..=MAX_SAFE).contains(number))
}

fn capability(lua: &Lua, value: &Value) -> mlua::Result<mlua::AnyUserData> {
    lua.create_userdata(LuaCap(value.clone()))
}

/// Tells that the giver has a failure.
struct Failed;

/// Makes values on the engine's stack, each on top of it.
struct Giver<'a> {
    marshal: &'a Marshal,
    lua: &'a Lua,
    failure: Option<mlua::Error>,
}

impl Giver<'_> {
    /// Makes an element of a table.
    fn value(&mut self, stack: &Stack, value: &Value) -> Result<(), Failed> {
        match value {
            Value::Undefined | Value::Null => stack.push_null(),
            Value::Bool(value) => stack.push_boolean(*value),
            Value::Int(number) => stack.push_integer(*number),
            Value::Float(number) => stack.push_number(*number),
            Value::String(text) => stack.push_text(text.as_bytes()),
            Value::Bytes(bytes) | Value::View(_, bytes) => stack.push_bytes(bytes),
            Value::List(items) => return self.list(stack, items),
            Value::Map(map) => return self.map(stack, map),
            Value::Dict(entries) => return self.dict(stack, entries),
            value => return self.object(stack, value),
        }
        Ok(())
    }

    fn object(&mut self, stack: &Stack, value: &Value) -> Result<(), Failed> {
        let made = self.marshal.object(self.lua, value);
        made.and_then(|made| self.marshal.passage.put_in(stack, made)).map_err(|error| {
            self.failure = Some(error);
            Failed
        })
    }

    fn list(&mut self, stack: &Stack, items: &[Value]) -> Result<(), Failed> {
        stack.push_table(items.len(), 0);
        let table = stack.top();
        for (at, item) in (1..).zip(items) {
            self.value(stack, item)?;
            stack.set_element(table, at);
        }
        Ok(())
    }

    fn map(&mut self, stack: &Stack, map: &ValueMap) -> Result<(), Failed> {
        stack.push_table(0, map.len());
        let table = stack.top();
        for (key, value) in map.iter() {
            stack.push_text(key.as_bytes());
            self.value(stack, value)?;
            stack.set(table);
        }
        if map.is_empty() {
            stack.copy(MARKER);
            stack.set_metatable(table);
        }
        Ok(())
    }

    fn dict(&mut self, stack: &Stack, entries: &[(Value, Value)]) -> Result<(), Failed> {
        stack.push_table(0, entries.len());
        let table = stack.top();
        for (key, value) in entries {
            self.value(stack, key)?;
            self.value(stack, value)?;
            stack.set(table);
        }
        Ok(())
    }
}
