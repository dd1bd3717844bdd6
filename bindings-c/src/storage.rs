//! The storage of a host class's object: keys and values, transactions.

use std::ffi::c_void;
use std::mem::MaybeUninit;

use facetbox::{KvList, ListOptions, Storage};

use crate::callback::{call_body, facetbox_body_fn};
use crate::error::facetbox_error_t;
use crate::guard::guard;
use crate::handle::{required, write};
use crate::slice::facetbox_str_t;
use crate::value::facetbox_value_t;

/// The storage of one object or facet: a database of its own.
///
/// Owns: borrowed from the context, never freed.
/// Threads: any, while the instance runs.
pub struct facetbox_storage_t(Storage);

/// Entries of a list, read one by one. A later list on the same storage invalidates it.
///
/// Threads: one at a time.
pub struct facetbox_kv_list_t(KvList);

impl From<Storage> for facetbox_storage_t {
    fn from(storage: Storage) -> facetbox_storage_t {
        facetbox_storage_t(storage)
    }
}

impl facetbox_storage_t {
    /// The storage.
    pub fn get(&self) -> &Storage {
        &self.0
    }
}

/// Writes the value of `key` into `*out`; NULL if it isn't there.
///
/// Owns: the caller, `*out`.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_storage_kv_get(
    storage: Option<&facetbox_storage_t>,
    key: facetbox_str_t,
    out: Option<&mut MaybeUninit<Option<Box<facetbox_value_t>>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let value = required(storage, "storage")?.0.kv().get(key.read("key")?)?;
        write(out, value.map(facetbox_value_t::boxed))
    })
}

/// Stores a value under `key`. Functions, stubs and other capabilities can't be stored: VALUE_ERROR.
///
/// Owns: `value` is borrowed.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_storage_kv_put(
    storage: Option<&facetbox_storage_t>,
    key: facetbox_str_t,
    value: Option<&facetbox_value_t>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let value = required(value, "value")?.get();
        required(storage, "storage")?.0.kv().put(key.read("key")?, value)
    })
}

/// Deletes `key`; writes into `*existed` whether it was there.
///
/// Null: `existed` may be NULL.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_storage_kv_delete(
    storage: Option<&facetbox_storage_t>,
    key: facetbox_str_t,
    existed: Option<&mut MaybeUninit<bool>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let was_there = required(storage, "storage")?.0.kv().delete(key.read("key")?)?;
        existed.map(|existed| existed.write(was_there));
        Ok(())
    })
}

/// Lists entries in order of their keys' bytes. `options` is a map with the keys `start`,
/// `startAfter`, `end`, `prefix`, `reverse`, `limit`; others are ignored, as JavaScript does.
///
/// Owns: the caller, `*out`; `options` is borrowed.
/// Null: NULL `options` list everything.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_storage_kv_list(
    storage: Option<&facetbox_storage_t>,
    options: Option<&facetbox_value_t>,
    out: Option<&mut MaybeUninit<Box<facetbox_kv_list_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let options = options.map(|options| ListOptions::from_value(options.get()));
        let options = options.transpose()?.unwrap_or_default();
        let list = required(storage, "storage")?.0.kv().list(&options)?;
        write(out, Box::new(facetbox_kv_list_t(list)))
    })
}

/// Writes the next entry into `*key` (a text) and `*value`; both are NULL at the end.
///
/// Owns: the caller, `*key` and `*value`.
/// Threads: one at a time for each `list`.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_kv_list_next(
    list: Option<&mut facetbox_kv_list_t>,
    key: Option<&mut MaybeUninit<Option<Box<facetbox_value_t>>>>,
    value: Option<&mut MaybeUninit<Option<Box<facetbox_value_t>>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let (key, value) = (required(key, "key")?, required(value, "value")?);
        let entry = required(list, "list")?.0.next().transpose()?;
        let (next_key, next_value) = entry.unzip();
        key.write(next_key.map(facetbox_value_t::boxed));
        value.write(next_value.map(facetbox_value_t::boxed));
        Ok(())
    })
}

/// Frees a list.
///
/// Null: does nothing.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_kv_list_free(list: Option<Box<facetbox_kv_list_t>>) {
    guard(|| drop(list));
}

/// Runs `body` in a transaction (within one: a savepoint), which is rolled back if it returns an
/// error; that error is what this function returns. `body` can't call others: INVALID_ARGUMENT.
///
/// Owns: `user_data` is borrowed during the call.
/// Null: `body` must not be NULL.
/// Threads: any; `body` runs on this thread, during the call.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_storage_transaction_sync(
    storage: Option<&facetbox_storage_t>,
    body: facetbox_body_fn,
    user_data: *mut c_void,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        required(body, "body")?;
        required(storage, "storage")?.0.transaction_sync(|| call_body(body, user_data))
    })
}

/// As `facetbox_storage_transaction_sync`, for a `body` that calls others: they run before it is known
/// whether the transaction is committed. What was written before is committed first.
///
/// Owns: `user_data` is borrowed during the call.
/// Null: `body` must not be NULL.
/// Threads: any; `body` runs on this thread, during the call.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_storage_transaction(
    storage: Option<&facetbox_storage_t>,
    body: facetbox_body_fn,
    user_data: *mut c_void,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        required(body, "body")?;
        required(storage, "storage")?.0.transaction(|| call_body(body, user_data))
    })
}

/// Commits what has been written and returns when it is as durable as the runtime promises.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_storage_sync(
    storage: Option<&facetbox_storage_t>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| required(storage, "storage")?.0.sync())
}

/// Sets the alarm to a time in Unix milliseconds, in place of the one that is set; a time in the past
/// means now. It is set when the transaction commits. INVALID_ARGUMENT for a time that isn't above 0.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_storage_set_alarm(
    storage: Option<&facetbox_storage_t>,
    time_ms: i64,
) -> Option<Box<facetbox_error_t>> {
    guard(|| required(storage, "storage")?.0.set_alarm(time_ms))
}

/// Writes into `*out` the time that the alarm is set to, in Unix milliseconds; 0 if none is. Within its
/// handler it reads as unset.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_storage_get_alarm(
    storage: Option<&facetbox_storage_t>,
    out: Option<&mut MaybeUninit<i64>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| write(out, required(storage, "storage")?.0.get_alarm()?.unwrap_or(0)))
}

/// Deletes the alarm, if one is set.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_storage_delete_alarm(
    storage: Option<&facetbox_storage_t>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| required(storage, "storage")?.0.delete_alarm())
}

/// Writes a bookmark of the storage's present state into `*out`, as text. Bookmarks of one database are
/// in the order of the states.
///
/// Owns: the caller, `*out`.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_storage_get_current_bookmark(
    storage: Option<&facetbox_storage_t>,
    out: Option<&mut MaybeUninit<Box<facetbox_value_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let bookmark = required(storage, "storage")?.0.current_bookmark()?;
        write(out, facetbox_value_t::boxed(bookmark))
    })
}
