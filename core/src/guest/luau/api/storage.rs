//! Natives of storage: key-value, SQL, transactions.

use mlua::{AnyUserData, Lua, MultiValue, Table, UserData, UserDataRef, Value as LuaValue};
use parking_lot::Mutex;

use super::{Host, Natives, text};
use crate::error::{Error, ErrorCode, Result};
use crate::facet::Facets;
use crate::guest::luau::errors::error_from_mlua;
use crate::guest::luau::{rows, stack};
use crate::guest::outside::{Answer, Budget};
use crate::guest::rows::Form;
use crate::storage::{Batch, KvList, ListOptions, Span, SqlCursor};
use crate::value::{Value, ValueMap};

struct LuaKvList(Mutex<KvList>);
impl UserData for LuaKvList {}

struct LuaCursor(SqlCursor);
impl UserData for LuaCursor {}

pub(super) fn register(natives: &Natives<'_>) -> mlua::Result<()> {
    register_kv(natives)?;
    register_batches(natives)?;
    register_sql(natives)?;
    register_rows(natives)?;
    register_transactions(natives)
}

fn key(value: &LuaValue) -> Result<String> {
    text(value, "A key")
}

fn register_kv(natives: &Natives<'_>) -> mlua::Result<()> {
    natives.add("kv_get", |host, lua, name: LuaValue| {
        let value = host.shared.storage(|storage| storage.kv().get(&key(&name)?))?;
        host.give(lua, &value.unwrap_or(Value::Undefined))
    })?;
    natives.add("kv_put", |host, lua, (name, value): (LuaValue, LuaValue)| {
        let value = host.read(lua, &value)?;
        host.shared.storage(|storage| storage.kv().put(&key(&name)?, &value))
    })?;
    natives.add("kv_delete", |host, _, name: LuaValue| {
        host.shared.storage(|storage| storage.kv().delete(&key(&name)?))
    })?;
    natives.add("kv_list", |host, lua, options: LuaValue| {
        let options = ListOptions::from_value(&host.read(lua, &options)?)?;
        let list = host.shared.storage(|storage| storage.kv().list(&options))?;
        lua.create_userdata(LuaKvList(Mutex::new(list))).map_err(error_from_mlua)
    })?;
    natives.add("kv_next", |host, lua, list: AnyUserData| {
        let list = list.borrow::<LuaKvList>().map_err(error_from_mlua)?;
        let entry = list.0.lock().next();
        let Some((key, value)) = entry.transpose()? else { return Ok(MultiValue::new()) };
        entry_to_lua(host, lua, &key, &value)
    })
}

/// A key and its value; a stored null is the sentinel, so that the entry isn't taken for none.
fn entry_to_lua(host: &Host, lua: &Lua, key: &str, value: &Value) -> Result<MultiValue> {
    let mut pair = MultiValue::new();
    pair.push_back(LuaValue::String(stack::text(lua, key.as_bytes()).map_err(error_from_mlua)?));
    match value {
        Value::Null | Value::Undefined => pair.push_back(LuaValue::NULL),
        value => pair.extend(host.give(lua, value)?),
    }
    Ok(pair)
}

/// The keys of a list, refusing anything else. They may be one long text many times, which is copied.
fn keys(host: &Host, list: &Table) -> Result<Vec<String>> {
    let mut left = Budget::of_keys(host.shared.actor()?.limits.message_bytes);
    let mut keys = Vec::new();
    for at in 1..=list.raw_len() {
        let key = key(&list.raw_get(at).map_err(error_from_mlua)?)?;
        left.spend(key.len())?;
        keys.push(key);
    }
    Ok(keys)
}

fn register_batches(natives: &Natives<'_>) -> mlua::Result<()> {
    natives.add("kv_get_many", |host, lua, list: Table| {
        let keys = keys(host, &list)?;
        let entries = lua.create_table().map_err(error_from_mlua)?;
        let actor = host.shared.actor()?;
        actor.storage()?.kv().get_many(keys, |key, value| {
            let entry = Value::List(vec![key.into(), value]);
            let entry = host.marshal.get().value(lua, &entry).map_err(error_from_mlua)?;
            entries.raw_push(entry).map_err(error_from_mlua)
        })?;
        Ok(entries)
    })?;
    natives.add("kv_put_many", |host, lua, entries: Table| {
        let map = map_of(host.read(lua, &LuaValue::Table(entries))?)?;
        let entries: Vec<_> = map.into_iter().collect();
        host.shared.storage(|storage| storage.kv().put_many(&entries))
    })?;
    natives.add("kv_delete_many", |host, _, list: Table| {
        let keys = keys(host, &list)?;
        host.shared.storage(|storage| storage.kv().delete_many(&keys))
    })
}

fn map_of(value: Value) -> Result<ValueMap> {
    match value {
        Value::List(items) if items.is_empty() => Ok(ValueMap::new()),
        Value::Map(map) => Ok(map),
        other => Err(Error::type_error(format!(
            "put() takes a map of entries, not a {}.",
            other.type_name()
        ))),
    }
}

fn register_sql(natives: &Natives<'_>) -> mlua::Result<()> {
    natives.add("sql_exec", |host, lua, (query, bindings): (LuaValue, MultiValue)| {
        let query = text(&query, "A SQL query")?;
        let bindings = host.read_all(lua, &bindings)?;
        let cursor = host.shared.storage(|storage| storage.sql().exec(&query, bindings))?;
        lua.create_userdata(LuaCursor(cursor)).map_err(error_from_mlua)
    })?;
    natives.add("database_size", |host, _, ()| {
        host.shared.storage(|storage| storage.sql().database_size())
    })?;
    natives.add("sql_field", |_, lua, (cursor, field): (AnyUserData, String)| {
        let cursor = borrow(&cursor)?;
        Ok(match field.as_str() {
            "rowsRead" => LuaValue::Integer(cursor.0.rows_read() as i64),
            "rowsWritten" => LuaValue::Integer(cursor.0.rows_written() as i64),
            _ => {
                let names = cursor.0.column_names().iter().map(String::as_str);
                LuaValue::Table(lua.create_sequence_from(names).map_err(error_from_mlua)?)
            }
        })
    })
}

fn borrow(cursor: &AnyUserData) -> Result<UserDataRef<LuaCursor>> {
    cursor.borrow::<LuaCursor>().map_err(error_from_mlua)
}

fn register_rows(natives: &Natives<'_>) -> mlua::Result<()> {
    natives.add("sql_next", |_, lua, cursor: AnyUserData| {
        let cursor = &borrow(&cursor)?.0;
        next(lua, cursor, Form::Named(cursor.columns()))
    })?;
    natives.add("sql_next_raw", |_, lua, cursor: AnyUserData| {
        next(lua, &borrow(&cursor)?.0, Form::Raw)
    })?;
    natives.add("sql_one", |_, lua, cursor: AnyUserData| {
        let cursor = &borrow(&cursor)?.0;
        let mut batch = Batch::default();
        cursor.read_one(&mut batch)?;
        rows::first(lua, &batch, Form::Named(cursor.columns())).map_err(error_from_mlua)
    })?;
    natives.add("sql_to_array", |host, lua, cursor: AnyUserData| {
        let cursor = &borrow(&cursor)?.0;
        collect(host, lua, cursor, Form::Named(cursor.columns()))
    })?;
    natives.add("sql_raw", |host, lua, cursor: AnyUserData| {
        collect(host, lua, &borrow(&cursor)?.0, Form::Raw)
    })
}

fn next(lua: &Lua, cursor: &SqlCursor, form: Form<'_>) -> Result<Option<Table>> {
    let mut batch = Batch::default();
    cursor.read(&mut batch, 1)?;
    if batch.is_empty() {
        return Ok(None);
    }
    rows::first(lua, &batch, form).map(Some).map_err(error_from_mlua)
}

/// The rows that are left. Those of a batch are made before the next is read, so that they count as the guest's memory.
fn collect(host: &Host, lua: &Lua, cursor: &SqlCursor, form: Form<'_>) -> Result<Table> {
    let list = lua.create_table().map_err(error_from_mlua)?;
    let mut left = host.shared.actor()?.limits.memory_bytes;
    let (mut batch, mut count) = (Batch::default(), 0);
    loop {
        cursor.read(&mut batch, usize::MAX)?;
        if batch.is_empty() {
            return Ok(list);
        }
        left = left.checked_sub(batch.size() as u64).ok_or_else(too_many_rows)?;
        count = rows::append(lua, &list, count, &batch, form).map_err(error_from_mlua)?;
    }
}

fn too_many_rows() -> Error {
    Error::guest(
        "Error",
        "SQL query result set is too large to fit in memory. Use a streaming iterator (for row in cursor do) or add a LIMIT clause instead of calling toArray() on a very large result set.",
    )
}

fn register_transactions(natives: &Natives<'_>) -> mlua::Result<()> {
    natives.add("begin", |host, _, waits: bool| {
        let span = if waits { Span::Async } else { Span::Sync };
        host.shared.storage(|storage| storage.begin(span))
    })?;
    natives.add("depth", |host, _, ()| host.shared.storage(|storage| Ok(storage.depth())))?;
    natives.add("finish", |host, _, (depth, commit): (usize, bool)| {
        host.shared.storage(|storage| storage.end(depth, commit))
    })?;
    natives.add("sync", |host, _, ()| {
        // The driver commits before it waits for anything, and this waits for nothing else.
        host.shared.wait(Box::pin(async { Ok(Answer::Nothing) }))
    })?;
    natives
        .add("bookmark", |host, _, ()| host.shared.storage(|storage| storage.current_bookmark()))?;
    natives.add("no_recovery", |_, _, ()| {
        let message =
            "This Durable Object's storage back-end does not implement point-in-time recovery.";
        Err::<(), _>(Error::named(ErrorCode::Unsupported, "Error", message))
    })?;
    natives.add("get_alarm", |host, _, ()| host.shared.storage(|storage| storage.get_alarm()))?;
    natives.add("set_alarm", |host, _, time: f64| {
        if time.is_nan() {
            return Err(Error::type_error("setAlarm() cannot be called with an invalid time."));
        }
        host.shared.storage(|storage| storage.set_alarm(time as i64))
    })?;
    natives
        .add("delete_alarm", |host, _, ()| host.shared.storage(|storage| storage.delete_alarm()))?;
    natives.add("delete_all", |host, _, ()| Facets::new(host.shared.actor()?).delete_all())
}
