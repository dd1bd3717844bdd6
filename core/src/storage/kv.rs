//! The key-value store.

use super::Storage;
use super::codec::{self, Stored};
use super::connection::Connection;
use super::failure::Failure;
use super::list::{KvList, ListOptions};
use super::meter::Used;
use super::own::Own;
use super::raw::Bind;
use crate::error::{Error, Result};
use crate::value::Value;

/// The key-value store of one storage.
pub struct Kv<'a>(pub(super) &'a Storage);

impl Kv<'_> {
    /// The value of `key`.
    ///
    /// # Errors
    /// STORAGE; CORRUPT for a value that wasn't written by Facetbox.
    pub fn get(&self, key: &str) -> Result<Option<Value>> {
        self.0.read(|connection| get(connection, key))?.flatten().transpose()
    }

    /// Stores a value.
    ///
    /// # Errors
    /// INVALID_ARGUMENT (a `TypeError`) for undefined; VALUE_ERROR for capabilities and values nested
    /// deeper than 128; STORAGE, LIMIT_STORAGE.
    pub fn put(&self, key: &str, value: &Value) -> Result<()> {
        let stored = stored(value)?;
        self.0.write(|connection| put(connection, key, value, &stored))
    }

    /// Deletes a key; answers whether it was there.
    ///
    /// # Errors
    /// STORAGE.
    pub fn delete(&self, key: &str) -> Result<bool> {
        // What isn't there needs no transaction, let alone a database.
        if !self.0.read(|connection| exists(connection, key))?.unwrap_or(false) {
            return Ok(false);
        }
        self.0.write(|connection| delete(connection, key))
    }

    /// Lists entries in order of their keys' UTF-8 bytes.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for contradicting options; STORAGE.
    pub fn list(&self, options: &ListOptions) -> Result<KvList> {
        KvList::new(self.0, options)
    }

    /// Hands the values of those of `keys` that exist to `each`, each once, in order of the keys' UTF-8 bytes.
    /// They are read one by one: all of them could be more than fits into memory.
    pub(crate) fn get_many<E: From<Error>>(
        &self,
        mut keys: Vec<String>,
        mut each: impl FnMut(String, Value) -> Result<(), E>,
    ) -> Result<(), E> {
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            if let Some(value) = self.get(&key)? {
                each(key, value)?;
            }
        }
        Ok(())
    }

    /// Stores all values or none; those that are undefined are skipped.
    pub(crate) fn put_many(&self, entries: &[(String, Value)]) -> Result<()> {
        let entries = entries.iter().filter(|(_, value)| !matches!(value, Value::Undefined));
        let entries = entries
            .map(|(key, value)| Ok((key, value, stored(value)?)))
            .collect::<Result<Vec<_>>>()?;
        if entries.is_empty() {
            return Ok(());
        }
        self.0.transaction_sync(|| {
            self.0.write(|connection| {
                entries
                    .iter()
                    .try_for_each(|(key, value, stored)| put(connection, key, value, stored))
            })
        })
    }

    /// Deletes keys; answers how many were there.
    pub(crate) fn delete_many(&self, keys: &[String]) -> Result<u64> {
        let mut deleted = 0;
        for key in keys {
            deleted += u64::from(self.delete(key)?);
        }
        Ok(deleted)
    }
}

fn stored(value: &Value) -> Result<Stored<'_>> {
    match value {
        Value::Undefined => Err(Error::type_error("put() called with undefined value.")),
        _ => Stored::new(value),
    }
}

fn get(connection: &mut Connection, key: &str) -> Result<Option<Result<Value>>, Failure> {
    connection.db.guard().meter().add(Used::RowsRead, 1);
    if let Some(value) = connection.recent.get(key) {
        return Ok(Some(Ok(value.clone())));
    }
    let statement = connection.own(Own::Get)?;
    let mut value = None;
    connection.db.run(statement, &[Bind::Text(key.as_bytes())], |db| {
        value = Some(codec::read(db.column(statement, 0)));
        false
    })?;
    if let Some(Ok(value)) = &value {
        connection.recent.keep(key, value);
    }
    Ok(value)
}

fn exists(connection: &mut Connection, key: &str) -> Result<bool, Failure> {
    let statement = connection.own(Own::Get)?;
    let mut found = false;
    connection.db.run(statement, &[Bind::Text(key.as_bytes())], |_| {
        found = true;
        false
    })?;
    Ok(found)
}

fn put(
    connection: &mut Connection,
    key: &str,
    value: &Value,
    stored: &Stored<'_>,
) -> Result<(), Failure> {
    connection.db.guard().meter().add(Used::RowsWritten, 1);
    connection.run(Own::Put, &[Bind::Text(key.as_bytes()), stored.bind()])?;
    match stored {
        // Read back as it is.
        Stored::Own(_) => connection.recent.keep(key, value),
        Stored::Encoded(_) => connection.recent.forget(key),
    }
    Ok(())
}

fn delete(connection: &mut Connection, key: &str) -> Result<bool, Failure> {
    connection.recent.forget(key);
    let before = connection.db.total_changes();
    connection.run(Own::Delete, &[Bind::Text(key.as_bytes())])?;
    connection.db.guard().meter().add(Used::RowsWritten, 1);
    Ok(connection.db.total_changes() > before)
}
