//! The storage of an object: key-value pairs and SQL.

use std::sync::Arc;

use facetbox::{Error, ErrorCode, ListOptions, Value};
use napi::bindgen_prelude::{AsyncTask, Function};
use napi::{Env, Result};
use napi_derive::napi;

use crate::capability::Capability;
use crate::codec::{Packed, Sent, unpack, unpack_list};
use crate::mailbox::Mailbox;
use crate::task::Blocking;

/// The storage of one object or facet.
#[napi]
pub struct Storage {
    core: facetbox::Storage,
    mailbox: Arc<Mailbox>,
}

impl Storage {
    pub(crate) fn new(core: facetbox::Storage, mailbox: &Arc<Mailbox>) -> Storage {
        Storage { core, mailbox: mailbox.clone() }
    }
}

#[napi]
impl Storage {
    /// The value of a key.
    #[napi(catch_unwind)]
    pub fn kv_get(&self, env: &Env, key: String) -> Result<Option<Sent>> {
        let value = self.mailbox.check(env, self.core.kv().get(&key))?;
        value.map(|value| send(&self.mailbox, env, value)).transpose()
    }

    /// Stores a value.
    #[napi(catch_unwind)]
    pub fn kv_put(
        &self,
        env: &Env,
        key: String,
        bytes: &[u8],
        capabilities: Option<Vec<Capability<'_>>>,
    ) -> Result<()> {
        let value = unpack(&self.mailbox, bytes, capabilities);
        let done = value.and_then(|value| self.core.kv().put(&key, &value));
        self.mailbox.check(env, done)
    }

    /// Deletes a key; answers whether it was there.
    #[napi(catch_unwind)]
    pub fn kv_delete(&self, env: &Env, key: String) -> Result<bool> {
        self.mailbox.check(env, self.core.kv().delete(&key))
    }

    /// Lists entries; the options are a packed map.
    #[napi(catch_unwind)]
    pub fn kv_list(&self, env: &Env, options: &[u8]) -> Result<KvList> {
        let options = unpack(&self.mailbox, options, None);
        let options = options.and_then(|options| ListOptions::from_value(&options));
        let list = options.and_then(|options| self.core.kv().list(&options));
        Ok(KvList { core: self.mailbox.check(env, list)?, mailbox: self.mailbox.clone() })
    }

    /// Runs SQL statements, the last with a packed list of bindings.
    #[napi(catch_unwind)]
    pub fn exec(
        &self,
        env: &Env,
        query: String,
        bytes: &[u8],
        capabilities: Option<Vec<Capability<'_>>>,
    ) -> Result<SqlCursor> {
        let bindings = unpack_list(&self.mailbox, bytes, capabilities);
        let cursor = bindings.and_then(|bindings| self.core.sql().exec(&query, bindings));
        Ok(SqlCursor { core: self.mailbox.check(env, cursor)?, mailbox: self.mailbox.clone() })
    }

    /// Bytes of the database in use.
    #[napi(getter, catch_unwind)]
    pub fn database_size(&self, env: &Env) -> Result<f64> {
        Ok(self.mailbox.check(env, self.core.sql().database_size())? as f64)
    }

    /// Runs `body` in a transaction, which is rolled back unless it answers true.
    #[napi(catch_unwind)]
    pub fn transaction_sync(&self, env: &Env, body: Function<'_, (), bool>) -> Result<()> {
        let mut rolled_back = false;
        let outcome = self.core.transaction_sync(|| match body.call(()) {
            Ok(true) => Ok(()),
            _ => {
                rolled_back = true;
                Err(Error::new(ErrorCode::Aborted, "The transaction is rolled back."))
            }
        });
        match outcome {
            Err(_) if rolled_back => Ok(()),
            outcome => self.mailbox.check(env, outcome),
        }
    }

    /// The time that the alarm is set to.
    #[napi(catch_unwind)]
    pub fn get_alarm(&self, env: &Env) -> Result<Option<i64>> {
        self.mailbox.check(env, self.core.get_alarm())
    }

    /// Sets the alarm.
    #[napi(catch_unwind)]
    pub fn set_alarm(&self, env: &Env, time_ms: f64) -> Result<()> {
        let set = match time_ms.is_nan() {
            true => Err(Error::type_error("setAlarm() cannot be called with an invalid time.")),
            false => self.core.set_alarm(time_ms as i64),
        };
        self.mailbox.check(env, set)
    }

    /// Deletes the alarm.
    #[napi(catch_unwind)]
    pub fn delete_alarm(&self, env: &Env) -> Result<()> {
        self.mailbox.check(env, self.core.delete_alarm())
    }

    /// A text that names this moment.
    #[napi(catch_unwind)]
    pub fn current_bookmark(&self, env: &Env) -> Result<String> {
        self.mailbox.check(env, self.core.current_bookmark())
    }

    /// Commits what was written and waits until it is durable, off the JavaScript thread.
    #[napi(ts_return_type = "Promise<void>", catch_unwind)]
    pub fn sync(&self) -> AsyncTask<Blocking<(), ()>> {
        let storage = self.core.clone();
        Blocking::new(&self.mailbox, move || storage.sync(), |_, ()| Ok(()))
    }
}

/// Entries of a list.
#[napi]
pub struct KvList {
    core: facetbox::KvList,
    mailbox: Arc<Mailbox>,
}

#[napi]
impl KvList {
    /// The next key and value as a packed list.
    #[napi(catch_unwind)]
    pub fn next(&mut self, env: &Env) -> Result<Option<Sent>> {
        let entry = self.core.next().transpose();
        let entry = self.mailbox.check(env, entry)?;
        let pair = entry.map(|(key, value)| Value::List(vec![key.into(), value]));
        pair.map(|pair| send(&self.mailbox, env, pair)).transpose()
    }
}

/// Rows of a statement.
#[napi]
pub struct SqlCursor {
    core: facetbox::SqlCursor,
    mailbox: Arc<Mailbox>,
}

#[napi]
impl SqlCursor {
    /// The next row as a packed map.
    #[napi(catch_unwind)]
    pub fn next(&self, env: &Env) -> Result<Option<Sent>> {
        let row = self.mailbox.check(env, self.core.next())?;
        row.map(|row| send(&self.mailbox, env, Value::Map(row))).transpose()
    }

    /// The next row as a packed list of columns.
    #[napi(catch_unwind)]
    pub fn next_raw(&self, env: &Env) -> Result<Option<Sent>> {
        let row = self.mailbox.check(env, self.core.next_raw())?;
        row.map(|row| send(&self.mailbox, env, Value::List(row))).transpose()
    }

    /// The only row that is left.
    #[napi(catch_unwind)]
    pub fn one(&self, env: &Env) -> Result<Sent> {
        let row = self.mailbox.check(env, self.core.one())?;
        send(&self.mailbox, env, Value::Map(row))
    }

    /// The rows that are left.
    #[napi(catch_unwind)]
    pub fn to_array(&self, env: &Env) -> Result<Sent> {
        let rows = self.mailbox.check(env, self.core.to_array())?;
        send(&self.mailbox, env, Value::List(rows.into_iter().map(Value::Map).collect()))
    }

    /// The rows that are left as lists of columns.
    #[napi(catch_unwind)]
    pub fn raw(&self, env: &Env) -> Result<Sent> {
        let rows = self.mailbox.check(env, self.core.raw())?;
        send(&self.mailbox, env, Value::List(rows.into_iter().map(Value::List).collect()))
    }

    /// The names of the columns.
    #[napi(getter, catch_unwind)]
    pub fn column_names(&self) -> Vec<String> {
        self.core.column_names().to_vec()
    }

    /// Rows read so far.
    #[napi(getter, catch_unwind)]
    pub fn rows_read(&self) -> f64 {
        self.core.rows_read() as f64
    }

    /// Rows written so far.
    #[napi(getter, catch_unwind)]
    pub fn rows_written(&self) -> f64 {
        self.core.rows_written() as f64
    }
}

fn send(mailbox: &Arc<Mailbox>, env: &Env, value: Value) -> Result<Sent> {
    Packed::value(mailbox, value).into_js(env)
}
