//! Values between Rust and the engine, copied both ways.
//!
//! Tables are read raw, so no code of the guest runs while they are copied. What is read is bounded in
//! depth and in bytes: a small graph of shared tables may stand for a huge tree.

use std::ffi::c_void;
use std::sync::Arc;

use mlua::{
    AnyUserData, Function, Lua, MultiValue, Table, UserData, UserDataMethods, Value as LuaValue,
};

use super::guard::Guard;
use super::native::{LuaError, error_to_lua};
use super::web::WebApi;
use crate::actor::ActorId;
use crate::error::{Error, ErrorCode, Result};
use crate::loader::WorkerStub;
use crate::value::{MAX_DEPTH, Value, ValueMap, too_deep};

/// What a table costs of a message's size.
const TABLE_BYTES: usize = 32;

/// Whole numbers beyond this are 64-bit integers of the engine, not doubles.
const MAX_SAFE: i64 = 1 << 53;

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
    set_integer: Function,
    /// Stands before a table of values that hold 64-bit integers.
    packed: Table,
    guard: Arc<Guard>,
}

impl Marshal {
    /// `native` is the table of natives, `api` what the prelude returned.
    pub fn new(
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
            set_integer: api.raw_get("set_integer")?,
            packed: api.raw_get("packed")?,
            guard,
            web,
        })
    }

    /// Makes the engine's form of one value. A whole number beyond 2^53 at the top needs
    /// [`Marshal::values`].
    pub fn value(&self, lua: &Lua, value: &Value) -> mlua::Result<LuaValue> {
        Ok(match value {
            Value::Undefined | Value::Null => LuaValue::Nil,
            Value::Bool(value) => LuaValue::Boolean(*value),
            Value::Int(number) => LuaValue::Integer(*number),
            Value::Float(number) => LuaValue::Number(*number),
            Value::String(text) => LuaValue::String(lua.create_string(text)?),
            Value::Bytes(bytes) => LuaValue::Buffer(lua.create_buffer(bytes)?),
            Value::List(items) => LuaValue::Table(self.list(lua, items)?),
            Value::Map(map) => LuaValue::Table(self.map(lua, map)?),
            Value::Dict(entries) => LuaValue::Table(self.dict(lua, entries)?),
            Value::Date(time) => self.make_date.call(*time)?,
            Value::Set(_) | Value::BigInt(_) => {
                LuaValue::UserData(lua.create_userdata(LuaOpaque(value.clone()))?)
            }
            Value::Error(error) => error_to_lua(lua, error.clone())?,
            Value::Stub(stub) => {
                let id = stub.id().map(|id| self.id(lua, &ActorId::Object(id.clone())));
                let name = stub.name();
                self.make.call(("stub", capability(lua, value)?, id.transpose()?, name))?
            }
            Value::Function(_) => self.make.call(("function", capability(lua, value)?))?,
            Value::Object(_) => self.make.call(("object", capability(lua, value)?))?,
            Value::Class(_) => self.make.call(("class", capability(lua, value)?))?,
            Value::Namespace(_) => self.make.call(("namespace", capability(lua, value)?))?,
            Value::Loader(_) => self.make.call(("loader", capability(lua, value)?))?,
        })
    }

    /// Makes values to be passed to a function: themselves, or `packed` and a table of them if some are
    /// whole numbers that a double can't hold.
    pub fn values(&self, lua: &Lua, values: &[Value]) -> mlua::Result<Passed> {
        if !values.iter().any(is_large) {
            let values = values.iter().map(|value| self.value(lua, value));
            return Ok(Passed::Plain(values.collect::<mlua::Result<_>>()?));
        }
        let table = lua.create_table_with_capacity(values.len(), 1)?;
        for (at, value) in values.iter().enumerate() {
            self.set(lua, &table, at + 1, value)?;
        }
        table.raw_set("n", values.len())?;
        Ok(Passed::Packed(table))
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

    fn set(
        &self,
        lua: &Lua,
        table: &Table,
        key: impl mlua::IntoLua,
        value: &Value,
    ) -> mlua::Result<()> {
        match value {
            Value::Int(number) if is_large(value) => {
                self.set_integer.call((table, key, number.to_string()))
            }
            Value::Undefined | Value::Null => table.raw_set(key, LuaValue::NULL),
            value => table.raw_set(key, self.value(lua, value)?),
        }
    }

    fn list(&self, lua: &Lua, items: &[Value]) -> mlua::Result<Table> {
        let table = lua.create_table_with_capacity(items.len(), 0)?;
        for (at, item) in items.iter().enumerate() {
            self.set(lua, &table, at + 1, item)?;
        }
        Ok(table)
    }

    /// A table of a map; one without entries is marked, so that it goes back as a map.
    pub fn map(&self, lua: &Lua, map: &ValueMap) -> mlua::Result<Table> {
        let table = lua.create_table_with_capacity(0, map.len())?;
        for (key, value) in map.iter() {
            self.set(lua, &table, key, value)?;
        }
        if map.is_empty() {
            table.set_metatable(Some(self.web.map_marker.clone()))?;
        }
        Ok(table)
    }

    fn dict(&self, lua: &Lua, entries: &[(Value, Value)]) -> mlua::Result<Table> {
        let table = lua.create_table_with_capacity(0, entries.len())?;
        for (key, value) in entries {
            let key = match self.value(lua, key)? {
                LuaValue::Nil => LuaValue::NULL,
                key => key,
            };
            self.set(lua, &table, key, value)?;
        }
        Ok(table)
    }

    /// A row of a result: NULL columns are absent.
    pub fn row(&self, lua: &Lua, row: &ValueMap) -> mlua::Result<Table> {
        let table = lua.create_table_with_capacity(0, row.len())?;
        for (key, value) in row.iter().filter(|(_, value)| !value.is_nullish()) {
            self.set(lua, &table, key, value)?;
        }
        Ok(table)
    }

    /// A row of a result as a list, with `null` for NULL.
    pub fn raw_row(&self, lua: &Lua, row: &[Value]) -> mlua::Result<Table> {
        self.list(lua, row)
    }

    pub fn id(&self, lua: &Lua, id: &ActorId) -> mlua::Result<LuaValue> {
        match id {
            ActorId::Text(text) => Ok(LuaValue::String(lua.create_string(text)?)),
            ActorId::Object(object) => {
                let userdata = lua.create_userdata(LuaId(id.clone()))?;
                self.make.call(("id", userdata, object.to_string(), object.name()))
            }
        }
    }

    pub fn worker(&self, lua: &Lua, worker: WorkerStub) -> mlua::Result<LuaValue> {
        self.make.call(("worker", lua.create_userdata(LuaWorker(worker))?))
    }

    /// Copies a value of the guest, of at most `bytes`.
    ///
    /// # Errors
    /// VALUE_ERROR (a `DataCloneError`) with the path to what can't be copied; LIMIT_MESSAGE.
    pub fn read(&self, value: &LuaValue, bytes: u64) -> Result<Value> {
        let mut reader = Reader { marshal: self, left: bytes, limit: bytes, ancestors: Vec::new() };
        reader.value(value).map_err(Refusal::into_error)
    }

    /// Copies arguments; absent ones are null.
    ///
    /// # Errors
    /// As [`Marshal::read`].
    pub fn read_all(&self, values: &MultiValue, bytes: u64) -> Result<Vec<Value>> {
        let mut reader = Reader { marshal: self, left: bytes, limit: bytes, ancestors: Vec::new() };
        let read = values.iter().map(|value| reader.value(value));
        read.collect::<Result<_, _>>().map_err(Refusal::into_error)
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

/// Values on their way into a function of the guest.
pub(super) enum Passed {
    Plain(MultiValue),
    Packed(Table),
}

fn is_large(value: &Value) -> bool {
    matches!(value, Value::Int(number) if !(-MAX_SAFE..=MAX_SAFE).contains(number))
}

fn capability(lua: &Lua, value: &Value) -> mlua::Result<AnyUserData> {
    lua.create_userdata(LuaCap(value.clone()))
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
        super::native::error_from_mlua(error).into()
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

/// Copies one message out of the engine.
struct Reader<'a> {
    marshal: &'a Marshal,
    left: u64,
    limit: u64,
    ancestors: Vec<*const c_void>,
}

impl Reader<'_> {
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

    fn value(&mut self, value: &LuaValue) -> Result<Value, Refusal> {
        self.spend(8)?;
        Ok(match value {
            LuaValue::Nil => Value::Null,
            value if *value == LuaValue::NULL => Value::Null,
            LuaValue::Boolean(value) => Value::Bool(*value),
            LuaValue::Integer(number) => Value::Int(*number),
            LuaValue::Number(number) => Value::Float(*number),
            LuaValue::String(text) => Value::String(self.text(text)?),
            LuaValue::Buffer(buffer) => {
                self.spend(buffer.len())?;
                Value::Bytes(buffer.to_vec())
            }
            LuaValue::Table(table) => {
                self.spend(TABLE_BYTES)?;
                self.check_stopped()?;
                return self.table(table);
            }
            LuaValue::UserData(userdata) => self.userdata(userdata)?,
            LuaValue::Function(_) => {
                match self.marshal.functions.raw_get::<Option<AnyUserData>>(value)? {
                    Some(userdata) => self.cap(&userdata)?,
                    None => return Err(unsupported("function")),
                }
            }
            other => return Err(unsupported(other.type_name())),
        })
    }

    fn text(&mut self, text: &mlua::LuaString) -> Result<String, Refusal> {
        let bytes = text.as_bytes();
        self.spend(bytes.len())?;
        match std::str::from_utf8(&bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(_) => Err(refused(
                "Could not serialize a string that is not valid UTF-8; use a buffer for bytes.",
            )),
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

    fn cap(&self, userdata: &AnyUserData) -> Result<Value, Refusal> {
        Ok(userdata.borrow::<LuaCap>()?.0.clone())
    }

    fn table(&mut self, table: &Table) -> Result<Value, Refusal> {
        let mut marked = false;
        if let Some(metatable) = table.metatable() {
            marked = metatable == self.marshal.web.map_marker;
            if !marked {
                return self.instance(table, &metatable);
            }
        }
        let address = table.to_pointer();
        if self.ancestors.contains(&address) {
            return Err(refused("Could not serialize a table that contains itself"));
        }
        if self.ancestors.len() >= MAX_DEPTH {
            return Err(too_deep().into());
        }
        self.ancestors.push(address);
        let length = table.raw_len();
        let read = if marked || (length == 0 && !table.is_empty()) {
            self.entries(table, marked)
        } else {
            self.list(table, length)
        };
        self.ancestors.pop();
        read
    }

    /// A table with an array part: a list if its keys are exactly 1 to `length`.
    fn list(&mut self, table: &Table, length: usize) -> Result<Value, Refusal> {
        let mut others = false;
        let mut count = 0;
        table.for_each(|key: LuaValue, _: LuaValue| {
            count += 1;
            let position = match key {
                LuaValue::Integer(at) => usize::try_from(at).unwrap_or(0),
                _ => 0,
            };
            others |= position == 0 || position > length;
            Ok(())
        })?;
        if others || count != length {
            return self.entries(table, false);
        }
        let mut items = Vec::with_capacity(length.min(1 << 16));
        for at in 1..=length {
            let item: LuaValue = table.raw_get(at)?;
            items.push(self.value(&item).map_err(|refusal| refusal.within(format!("[{at}]")))?);
        }
        Ok(Value::List(items))
    }

    /// A table of entries: a map if all keys are text, else a dict.
    fn entries(&mut self, table: &Table, marked: bool) -> Result<Value, Refusal> {
        let mut entries: Vec<(LuaValue, LuaValue)> = Vec::new();
        table.for_each(|key: LuaValue, value: LuaValue| {
            entries.push((key, value));
            Ok(())
        })?;
        let is_map = entries.iter().all(|(key, _)| matches!(key, LuaValue::String(_)));
        if !is_map && marked {
            return Err(refused("Could not serialize a map with a key that is not a string"));
        }
        let (mut map, mut dict) = (ValueMap::with_capacity(entries.len()), Vec::new());
        for (key, item) in entries {
            let part = || match &key {
                LuaValue::String(text) => format!(".{}", text.to_string_lossy()),
                LuaValue::Integer(number) => format!("[{number}]"),
                LuaValue::Number(number) => format!("[{number}]"),
                LuaValue::Boolean(key) => format!("[{key}]"),
                // Its text would be an address.
                key => format!("[{}]", key.type_name()),
            };
            let item = self.value(&item).map_err(|refusal| refusal.within(part()))?;
            match &key {
                LuaValue::String(text) if is_map => map.push(self.text(text)?, item),
                key => {
                    dict.push((self.value(key).map_err(|refusal| refusal.within(part()))?, item))
                }
            }
        }
        Ok(if is_map { Value::Map(map) } else { Value::Dict(dict) })
    }

    /// A table with a metatable: one of ours, or an instance of a class that can't be copied.
    fn instance(&mut self, table: &Table, metatable: &Table) -> Result<Value, Refusal> {
        let kind: Option<String> = self.marshal.kinds.raw_get(metatable)?;
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
        let name: Option<String> = self.marshal.classes.raw_get(metatable)?;
        Err(unsupported(name.as_deref().unwrap_or("table with a metatable")))
    }
}
