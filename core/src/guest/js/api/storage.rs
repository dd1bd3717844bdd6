//! Natives of storage: key-value, SQL, transactions, alarms.

use std::sync::Arc;

use parking_lot::Mutex;
use rquickjs::Array;

use super::Natives;
use crate::error::{Error, ErrorCode, Result};
use crate::facet::Facets;
use crate::guest::js::give;
use crate::guest::js::native::{Call, Done, Fail, Handle, illegal, length};
use crate::guest::js::rows::Rows;
use crate::guest::outside::{Answer, Budget};
use crate::guest::rows::Form;
use crate::storage::{Batch, KvList, ListOptions, Span, SqlCursor};
use crate::value::{Value, ValueMap};

pub(super) fn register(natives: &mut Natives) {
    register_kv(natives);
    register_batches(natives);
    register_sql(natives);
    register_rows(natives);
    register_transactions(natives);
    register_alarms(natives);
}

fn register_kv(natives: &mut Natives) {
    natives.add(c"kv_get", |call| {
        let key = call.text(0)?;
        let value = call.shared.storage(|storage| storage.kv().get(&key))?;
        Ok(give::value(call.ctx, call.hooks, &value.unwrap_or(Value::Undefined))?)
    });
    natives.add(c"kv_put", |call| {
        let (key, value) = (call.text(0)?, call.read_stored(1)?);
        call.shared.storage(|storage| storage.kv().put(&key, &value))?;
        call.undefined()
    });
    natives.add(c"kv_delete", |call| {
        let key = call.text(0)?;
        call.give_bool(call.shared.storage(|storage| storage.kv().delete(&key))?)
    });
    natives.add(c"kv_list", |call| {
        let options = ListOptions::from_value(&call.read(0)?)?;
        let list = call.shared.storage(|storage| storage.kv().list(&options))?;
        call.give_cap(Handle::List(Arc::new(Mutex::new(list))))
    });
    natives.add(c"kv_next", |call| {
        let Handle::List(list) = call.handle(0)? else { return Err(illegal().into()) };
        let entry = next_entry(&list)?;
        let Some((key, value)) = entry else { return call.undefined() };
        entry_value(call, &key, &value)
    });
}

fn next_entry(list: &Mutex<KvList>) -> Result<Option<(String, Value)>> {
    list.lock().next().transpose()
}

fn entry_value<'js>(call: &Call<'_, 'js>, key: &str, value: &Value) -> Done<'js> {
    let entry = Array::new(call.ctx.clone())?;
    entry.set(0, key)?;
    entry.set(1, give::value(call.ctx, call.hooks, value)?)?;
    Ok(entry.into_value())
}

/// The keys of a list that the prelude has made. They may be one long text many times, which is copied.
fn keys(call: &Call<'_, '_>) -> std::result::Result<Vec<String>, Fail> {
    let list = call.arg(0);
    let list = list.as_array().ok_or_else(illegal)?;
    let mut left = Budget::of_keys(call.shared.actor()?.limits.message_bytes);
    let mut keys = Vec::new();
    for at in 0..length(list)? {
        let key = list.get::<String>(at)?;
        left.spend(key.len())?;
        keys.push(key);
    }
    Ok(keys)
}

fn register_batches(natives: &mut Natives) {
    natives.add(c"kv_get_many", |call| {
        let keys = keys(call)?;
        let entries = Array::new(call.ctx.clone())?;
        let mut count = 0;
        let task = call.shared.task()?;
        task.event.actor.storage()?.kv().get_many(keys, |key, value| {
            entries.set(count, entry_value(call, &key, &value)?)?;
            count += 1;
            Ok::<(), Fail>(())
        })?;
        Ok(entries.into_value())
    });
    natives.add(c"kv_put_many", |call| {
        let map = match call.read_stored(0)? {
            Value::Map(map) => map,
            Value::List(items) if items.is_empty() => ValueMap::new(),
            other => {
                let message =
                    format!("put() takes an object of entries, not a {}.", other.type_name());
                return Err(Error::type_error(message).into());
            }
        };
        let entries: Vec<_> = map.into_iter().collect();
        call.shared.storage(|storage| storage.kv().put_many(&entries))?;
        call.undefined()
    });
    natives.add(c"kv_delete_many", |call| {
        let keys = keys(call)?;
        let deleted = call.shared.storage(|storage| storage.kv().delete_many(&keys))?;
        call.give_number(deleted as f64)
    });
}

fn cursor(call: &Call<'_, '_>) -> Result<Arc<SqlCursor>> {
    match call.handle(0)? {
        Handle::Cursor(cursor) => Ok(cursor),
        _ => Err(illegal()),
    }
}

/// JavaScript's numbers are doubles; SQLite makes them whole again where a column's affinity says so.
fn as_bound(value: Value) -> Value {
    match value {
        Value::Int(number) => Value::Float(number as f64),
        value => value,
    }
}

fn register_sql(natives: &mut Natives) {
    natives.add(c"sql_exec", |call| {
        let query = call.text(0)?;
        let bindings = call.read_bindings(1)?.into_iter().map(as_bound).collect();
        let cursor = call.shared.storage(|storage| storage.sql().exec(&query, bindings))?;
        call.give_cap(Handle::Cursor(Arc::new(cursor)))
    });
    natives.add(c"database_size", |call| {
        let size = call.shared.storage(|storage| storage.sql().database_size())?;
        call.give_number(size as f64)
    });
    natives.add(c"sql_columns", |call| {
        let names = cursor(call)?.column_names().iter().map(|name| name.as_str().into()).collect();
        Ok(give::value(call.ctx, call.hooks, &Value::List(names))?)
    });
    natives.add(c"sql_rows_read", |call| call.give_number(cursor(call)?.rows_read() as f64));
    natives.add(c"sql_rows_written", |call| call.give_number(cursor(call)?.rows_written() as f64));
}

fn register_rows(natives: &mut Natives) {
    natives.add(c"sql_next", |call| {
        let cursor = cursor(call)?;
        next(call, &cursor, Form::Named(cursor.columns()))
    });
    natives.add(c"sql_next_raw", |call| next(call, &*cursor(call)?, Form::Raw));
    natives.add(c"sql_one", |call| {
        let (cursor, mut batch) = (cursor(call)?, Batch::default());
        cursor.read_one(&mut batch)?;
        Ok(Rows::new(call.ctx, Form::Named(cursor.columns()))?.first(&batch)?)
    });
    natives.add(c"sql_to_array", |call| {
        let cursor = cursor(call)?;
        collect(call, &cursor, Form::Named(cursor.columns()))
    });
    natives.add(c"sql_raw", |call| collect(call, &*cursor(call)?, Form::Raw));
}

fn next<'js>(call: &Call<'_, 'js>, cursor: &SqlCursor, form: Form<'_>) -> Done<'js> {
    let mut batch = Batch::default();
    cursor.read(&mut batch, 1)?;
    Ok(Rows::new(call.ctx, form)?.first(&batch)?)
}

/// The rows that are left. Those of a batch are made before the next is read, so that they count as the guest's memory.
fn collect<'js>(call: &Call<'_, 'js>, cursor: &SqlCursor, form: Form<'_>) -> Done<'js> {
    let (rows, list) = (Rows::new(call.ctx, form)?, Array::new(call.ctx.clone())?);
    let (mut batch, mut count) = (Batch::default(), 0);
    loop {
        cursor.read(&mut batch, usize::MAX)?;
        if batch.is_empty() {
            return Ok(list.into_value());
        }
        count = rows.append(&list, count, &batch)?;
    }
}

fn register_transactions(natives: &mut Natives) {
    natives.add(c"begin", |call| {
        let span = if call.flag(0) { Span::Async } else { Span::Sync };
        let depth = call.shared.storage(|storage| storage.begin(span))?;
        call.give_number(depth as f64)
    });
    natives.add(c"finish", |call| {
        let (depth, commit) = (call.index(0)? as usize, call.flag(1));
        if depth == 0 {
            return Err(illegal().into());
        }
        call.shared.storage(|storage| storage.end(depth, commit))?;
        call.undefined()
    });
    natives.add(c"sync", |call| {
        // The driver commits before it waits for anything, and this waits for nothing else.
        call.begin(Box::pin(async { Ok(Answer::Nothing) }), false)
    });
    natives.add(c"bookmark", |call| {
        let bookmark = call.shared.storage(|storage| storage.current_bookmark())?;
        call.give_text(&bookmark)
    });
    natives.add(c"no_recovery", |_| {
        let message =
            "This Durable Object's storage back-end does not implement point-in-time recovery.";
        Err(Error::named(ErrorCode::Unsupported, "Error", message).into())
    });
    natives.add(c"delete_all", |call| {
        Facets::new(call.shared.actor()?).delete_all()?;
        call.undefined()
    });
}

fn register_alarms(natives: &mut Natives) {
    natives.add(c"get_alarm", |call| {
        let time = call.shared.storage(|storage| storage.get_alarm())?;
        let time = time.map_or(Value::Null, Value::Int);
        Ok(give::value(call.ctx, call.hooks, &time)?)
    });
    natives.add(c"set_alarm", |call| {
        let time = call.number(0)?;
        if time.is_nan() {
            return Err(
                Error::type_error("setAlarm() cannot be called with an invalid time.").into()
            );
        }
        call.shared.storage(|storage| storage.set_alarm(time as i64))?;
        call.undefined()
    });
    natives.add(c"delete_alarm", |call| {
        call.shared.storage(|storage| storage.delete_alarm())?;
        call.undefined()
    });
}
