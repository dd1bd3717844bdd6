//! Values of the guest copied into Rust's.
//!
//! Tables are read raw, so no code of the guest runs while they are copied. What is read is bounded in
//! depth and in bytes: a small graph of shared tables may stand for a huge tree.

use std::ffi::c_void;

use mlua::{AnyUserData, Lua, MultiValue, Table, Value as LuaValue};

use super::{LuaCap, LuaOpaque, Marshal};
use crate::error::{Error, ErrorCode, Result};
use crate::guest::luau::errors::{LuaError, error_from_mlua};
use crate::guest::luau::stack::{Kind, Slot, Stack, protected, whole};
use crate::value::{MAX_DEPTH, Value, ValueMap, too_deep};

/// What a table costs of a message's size.
const TABLE_BYTES: usize = 32;

/// Where the table that is read is on the stack, behind the passage.
const WHOLE: Slot = 2;

impl Marshal {
    /// Copies a value of the guest, of at most `bytes`.
    ///
    /// # Errors
    /// VALUE_ERROR (a `DataCloneError`) with the path to what can't be copied; LIMIT_MESSAGE.
    pub fn read(&self, lua: &Lua, value: &LuaValue, bytes: u64) -> Result<Value> {
        Reader::new(self, lua, bytes).whole(value).map_err(Refusal::into_error)
    }

    /// Copies a value that is sent, of at most `bytes`: requests, responses and headers are taken over.
    ///
    /// # Errors
    /// As [`Marshal::read`].
    pub fn send(&self, lua: &Lua, value: &LuaValue, bytes: u64) -> Result<Value> {
        let mut reader = Reader { sends: true, ..Reader::new(self, lua, bytes) };
        reader.whole(value).map_err(Refusal::into_error)
    }

    /// Copies several values, such as bindings; absent ones are null.
    ///
    /// # Errors
    /// As [`Marshal::read`].
    pub fn read_all(&self, lua: &Lua, values: &MultiValue, bytes: u64) -> Result<Vec<Value>> {
        Reader::new(self, lua, bytes).all(values)
    }

    /// Copies arguments that are sent; absent ones are null.
    ///
    /// # Errors
    /// As [`Marshal::read`].
    pub fn send_all(&self, lua: &Lua, values: &MultiValue, bytes: u64) -> Result<Vec<Value>> {
        Reader { sends: true, ..Reader::new(self, lua, bytes) }.all(values)
    }
}

/// Why a value can't be copied, and the path to it, innermost part first.
struct Refusal {
    error: Error,
    path: Vec<String>,
}

impl Refusal {
    fn within(mut self, part: String) -> Refusal {
        self.path.push(part);
        self
    }

    fn into_error(self) -> Error {
        if self.path.is_empty() || self.error.code() != ErrorCode::ValueError {
            return self.error;
        }
        let path: String = self.path.iter().rev().map(String::as_str).collect();
        let message = format!("{} (at {})", self.error.message(), path.trim_start_matches('.'));
        Error::named(self.error.code(), self.error.name(), message)
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        Refusal { error, path: Vec::new() }
    }
}

impl From<mlua::Error> for Refusal {
    fn from(error: mlua::Error) -> Refusal {
        error_from_mlua(error).into()
    }
}

fn refused(message: impl Into<String>) -> Refusal {
    Error::new(ErrorCode::ValueError, message).into()
}

fn unsupported(what: &str) -> Refusal {
    refused(format!(
        "Could not serialize object of type \"{what}\". This type does not support serialization."
    ))
}

/// A table that is being read.
enum Open {
    List(Vec<Value>),
    Map(ValueMap),
    Dict(Vec<(Value, Value)>),
}

/// Copies one message out of the engine.
struct Reader<'a> {
    marshal: &'a Marshal,
    lua: &'a Lua,
    /// Whether requests, responses and headers are taken over instead of refused.
    sends: bool,
    left: u64,
    limit: u64,
    /// The tables that the current one is inside of.
    ancestors: Vec<*const c_void>,
    /// What of them was read. It isn't on Rust's stack: the engine may raise an error meanwhile.
    open: Vec<Open>,
}

impl<'a> Reader<'a> {
    fn new(marshal: &'a Marshal, lua: &'a Lua, bytes: u64) -> Reader<'a> {
        let (ancestors, open) = (Vec::new(), Vec::new());
        Reader { marshal, lua, sends: false, left: bytes, limit: bytes, ancestors, open }
    }

    fn all(mut self, values: &MultiValue) -> Result<Vec<Value>> {
        let read = values.iter().map(|value| self.whole(value));
        read.collect::<Result<_, _>>().map_err(Refusal::into_error)
    }

    fn spend(&mut self, bytes: usize) -> Result<(), Refusal> {
        self.left = self.left.checked_sub(bytes as u64).ok_or_else(|| {
            let message = format!(
                "Serialized RPC arguments or return values are limited to {} bytes, but this value is larger.",
                self.limit
            );
            Error::new(ErrorCode::LimitMessage, message)
        })?;
        Ok(())
    }

    /// Copying takes long for large values; a guest that is stopped meanwhile must not wait for its end.
    fn check_stopped(&self) -> Result<(), Refusal> {
        match self.marshal.guard.stopped() {
            None => Ok(()),
            Some(_) => Err(Error::new(ErrorCode::Reset, "The guest was stopped.").into()),
        }
    }

    /// Copies a value that the binding holds.
    fn whole(&mut self, value: &LuaValue) -> Result<Value, Refusal> {
        let LuaValue::Table(table) = value else {
            self.spend(8)?;
            return Ok(match value {
                LuaValue::Nil => Value::Null,
                value if *value == LuaValue::NULL => Value::Null,
                LuaValue::Boolean(value) => Value::Bool(*value),
                LuaValue::Integer(number) => Value::Int(*number),
                LuaValue::Number(number) => Value::Float(*number),
                LuaValue::String(text) => Value::String(self.text(&text.as_bytes())?),
                LuaValue::Buffer(buffer) => {
                    self.spend(buffer.len())?;
                    Value::Bytes(buffer.to_vec())
                }
                value => self.object(value)?,
            });
        };
        let mut read = Ok(Value::Null);
        protected::<()>(self.lua, (self.marshal.passage.table(), table), |stack| {
            read = self.value(stack, WHOLE);
        })?;
        read
    }

    fn value(&mut self, stack: &Stack, slot: Slot) -> Result<Value, Refusal> {
        self.spend(8)?;
        Ok(match stack.kind(slot) {
            Kind::Nil | Kind::Null => Value::Null,
            Kind::Boolean => Value::Bool(stack.boolean_at(slot)),
            Kind::Number => {
                let number = stack.number_at(slot);
                whole(number).map_or(Value::Float(number), Value::Int)
            }
            Kind::Integer => Value::Int(stack.integer_at(slot)),
            Kind::Text => Value::String(self.text(stack.text_at(slot))?),
            Kind::Buffer => {
                let bytes = stack.buffer_at(slot);
                self.spend(bytes.len())?;
                Value::Bytes(bytes.to_vec())
            }
            Kind::Table => {
                self.spend(TABLE_BYTES)?;
                self.check_stopped()?;
                return self.table(stack, slot);
            }
            Kind::Other => self.object(&self.marshal.passage.take_out(stack, slot)?)?,
        })
    }

    fn text(&mut self, text: &[u8]) -> Result<String, Refusal> {
        self.spend(text.len())?;
        match std::str::from_utf8(text) {
            Ok(text) => Ok(text.to_owned()),
            Err(_) => Err(refused(
                "Could not serialize a string that is not valid UTF-8; use a buffer for bytes.",
            )),
        }
    }

    /// Something that isn't copied piece by piece.
    fn object(&mut self, value: &LuaValue) -> Result<Value, Refusal> {
        let read = self.opaque(value)?;
        self.spend(read.overhead())?;
        Ok(read)
    }

    fn opaque(&mut self, value: &LuaValue) -> Result<Value, Refusal> {
        match value {
            LuaValue::Table(table) => self.instance(table),
            LuaValue::UserData(userdata) => self.userdata(userdata),
            LuaValue::Function(_) => {
                match self.marshal.functions.raw_get::<Option<AnyUserData>>(value)? {
                    Some(userdata) => Ok(userdata.borrow::<LuaCap>()?.0.clone()),
                    None => Err(unsupported("function")),
                }
            }
            other => Err(unsupported(other.type_name())),
        }
    }

    fn userdata(&self, userdata: &AnyUserData) -> Result<Value, Refusal> {
        if let Ok(error) = userdata.borrow::<LuaError>() {
            return Ok(Value::Error(error.0.clone()));
        }
        match userdata.borrow::<LuaOpaque>() {
            Ok(opaque) => Ok(opaque.0.clone()),
            Err(_) => Err(unsupported("userdata")),
        }
    }

    /// A table with a metatable: one of ours, or an instance of a class that can't be copied.
    fn instance(&mut self, table: &Table) -> Result<Value, Refusal> {
        let Some(metatable) = table.metatable() else {
            return Err(unsupported("table"));
        };
        let kind: Option<String> = self.marshal.kinds.raw_get(&metatable)?;
        match kind.as_deref() {
            Some("facet") => {
                return Err(refused(
                    "Stubs pointing to Durable Object facets are not serializable.",
                ));
            }
            Some("date") => return Ok(Value::Date(table.raw_get("_ms")?)),
            Some(kind) => {
                if let Some(value) = self.marshal.held(table, kind) {
                    return Ok(value);
                }
            }
            None => {}
        }
        if self.sends
            && let Some(message) = self.marshal.web.message_from_lua(self.lua, table)?
        {
            self.spend(message.size() - message.overhead())?;
            return Ok(message);
        }
        let name: Option<String> = self.marshal.classes.raw_get(metatable)?;
        Err(unsupported(name.as_deref().unwrap_or("table with a metatable")))
    }

    fn table(&mut self, stack: &Stack, slot: Slot) -> Result<Value, Refusal> {
        let mut marked = false;
        if stack.metatable(slot) {
            marked = stack.pointer(stack.top()) == self.marshal.web.map_marker.to_pointer();
            stack.pop(1);
            if !marked {
                return self.object(&self.marshal.passage.take_out(stack, slot)?);
            }
        }
        let address = stack.pointer(slot);
        if self.ancestors.contains(&address) {
            return Err(refused("Could not serialize a table that contains itself"));
        }
        if self.ancestors.len() >= MAX_DEPTH {
            return Err(too_deep().into());
        }
        self.ancestors.push(address);
        let length = stack.length(slot);
        let read = match marked || !stack.is_list(slot, length, || {}) {
            true => self.entries(stack, slot, marked),
            false => self.list(stack, slot, length),
        };
        self.ancestors.pop();
        read
    }

    fn list(&mut self, stack: &Stack, slot: Slot, length: usize) -> Result<Value, Refusal> {
        self.open.push(Open::List(Vec::with_capacity(length.min(1 << 16))));
        let place = stack.top() + 1;
        for at in 1..=length {
            stack.element(slot, at);
            let item = self.value(stack, place).map_err(|r| r.within(format!("[{at}]")))?;
            if let Some(Open::List(items)) = self.open.last_mut() {
                items.push(item);
            }
            stack.pop(1);
        }
        Ok(self.close())
    }

    /// A table of entries: a map if all keys are text, else a dict.
    fn entries(&mut self, stack: &Stack, slot: Slot, marked: bool) -> Result<Value, Refusal> {
        let (key, item) = (stack.top() + 1, stack.top() + 2);
        let (mut count, mut is_map, mut at) = (0, true, 0);
        while let Some(next) = stack.next(slot, at) {
            (count, at) = (count + 1, next);
            is_map &= stack.kind(key) == Kind::Text;
            stack.pop(2);
        }
        if !is_map && marked {
            return Err(refused("Could not serialize a map with a key that is not a string"));
        }
        self.open.push(match is_map {
            true => Open::Map(ValueMap::with_capacity(count)),
            false => Open::Dict(Vec::with_capacity(count)),
        });
        at = 0;
        while let Some(next) = stack.next(slot, at) {
            at = next;
            self.entry(stack, key, item)?;
            stack.pop(2);
        }
        Ok(self.close())
    }

    fn entry(&mut self, stack: &Stack, key: Slot, item: Slot) -> Result<(), Refusal> {
        let value = self.value(stack, item).map_err(|r| r.within(self.part(stack, key)))?;
        if let Some(Open::Dict(entries)) = self.open.last_mut() {
            entries.push((Value::Null, value));
            let name = self.value(stack, key).map_err(|r| r.within(self.part(stack, key)))?;
            if let Some(Open::Dict(entries)) = self.open.last_mut()
                && let Some(entry) = entries.last_mut()
            {
                entry.0 = name;
            }
            return Ok(());
        }
        let name = self.text(stack.text_at(key))?;
        if let Some(Open::Map(map)) = self.open.last_mut() {
            map.push(name, value);
        }
        Ok(())
    }

    /// An entry's part of a path.
    fn part(&self, stack: &Stack, key: Slot) -> String {
        match stack.kind(key) {
            Kind::Text => format!(".{}", String::from_utf8_lossy(stack.text_at(key))),
            Kind::Number => format!("[{}]", stack.number_at(key)),
            Kind::Integer => format!("[{}]", stack.integer_at(key)),
            Kind::Boolean => format!("[{}]", stack.boolean_at(key)),
            // Its text would be an address.
            _ => format!("[{}]", stack.type_name(key)),
        }
    }

    /// The innermost table, when it has been read.
    fn close(&mut self) -> Value {
        match self.open.pop() {
            Some(Open::List(items)) => Value::List(items),
            Some(Open::Map(map)) => Value::Map(map),
            Some(Open::Dict(entries)) => Value::Dict(entries),
            None => Value::Null,
        }
    }
}
