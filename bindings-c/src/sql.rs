//! SQL over the storage of a host class's object.

use std::mem::MaybeUninit;

use facetbox::{SqlCursor, Value};

use crate::error::facetbox_error_t;
use crate::guard::guard;
use crate::handle::{required, write};
use crate::slice::facetbox_str_t;
use crate::storage::facetbox_storage_t;
use crate::value::facetbox_value_t;

/// The rows of one statement, read as they are asked for.
///
/// Threads: any, one at a time.
pub struct facetbox_sql_cursor_t(SqlCursor);

/// Runs one or more statements, the last with `bindings`, a list of null, booleans, numbers, texts
/// and bytes. Fails with STORAGE and SQLite's message.
///
/// Owns: the caller, `*out`; `bindings` is borrowed.
/// Null: NULL `bindings` are none.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_storage_sql_exec(
    storage: Option<&facetbox_storage_t>,
    query: facetbox_str_t,
    bindings: Option<&facetbox_value_t>,
    out: Option<&mut MaybeUninit<Box<facetbox_sql_cursor_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let (storage, out) = (required(storage, "storage")?.get(), required(out, "out")?);
        let bindings = facetbox_value_t::items(bindings, "bindings")?.to_vec();
        let cursor = storage.sql().exec(query.read("query")?, bindings)?;
        out.write(Box::new(facetbox_sql_cursor_t(cursor)));
        Ok(())
    })
}

/// Writes how many bytes of the database are in use into `*out`.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_storage_database_size(
    storage: Option<&facetbox_storage_t>,
    out: Option<&mut MaybeUninit<u64>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| write(out, required(storage, "storage")?.get().sql().database_size()?))
}

/// Writes the next row into `*out` as a map from column names; NULL at the end.
///
/// Owns: the caller, `*out`.
/// Threads: one at a time for each `cursor`.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_sql_cursor_next(
    cursor: Option<&facetbox_sql_cursor_t>,
    out: Option<&mut MaybeUninit<Option<Box<facetbox_value_t>>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let row = required(cursor, "cursor")?.0.next()?;
        write(out, row.map(facetbox_value_t::boxed))
    })
}

/// Writes the next row into `*out` as a list of its columns; NULL at the end.
///
/// Owns: the caller, `*out`.
/// Threads: one at a time for each `cursor`.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_sql_cursor_next_raw(
    cursor: Option<&facetbox_sql_cursor_t>,
    out: Option<&mut MaybeUninit<Option<Box<facetbox_value_t>>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let row = required(cursor, "cursor")?.0.next_raw()?;
        write(out, row.map(facetbox_value_t::boxed))
    })
}

/// Writes the only row that is left into `*out` as a map; fails with GUEST_ERROR, as a guest would see it, if there
/// is none or more than one.
///
/// Owns: the caller, `*out`.
/// Threads: one at a time for each `cursor`.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_sql_cursor_one(
    cursor: Option<&facetbox_sql_cursor_t>,
    out: Option<&mut MaybeUninit<Box<facetbox_value_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| write(out, facetbox_value_t::boxed(required(cursor, "cursor")?.0.one()?)))
}

/// Writes the rows that are left into `*out` as a list of maps.
///
/// Owns: the caller, `*out`.
/// Threads: one at a time for each `cursor`.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_sql_cursor_to_array(
    cursor: Option<&facetbox_sql_cursor_t>,
    out: Option<&mut MaybeUninit<Box<facetbox_value_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let rows = required(cursor, "cursor")?.0.to_array()?;
        let rows: Vec<Value> = rows.into_iter().map(Value::Map).collect();
        write(out, facetbox_value_t::boxed(rows))
    })
}

/// Writes the rows that are left into `*out` as a list of lists of their columns.
///
/// Owns: the caller, `*out`.
/// Threads: one at a time for each `cursor`.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_sql_cursor_raw(
    cursor: Option<&facetbox_sql_cursor_t>,
    out: Option<&mut MaybeUninit<Box<facetbox_value_t>>>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        let rows = required(cursor, "cursor")?.0.raw()?;
        let rows: Vec<Value> = rows.into_iter().map(Value::List).collect();
        write(out, facetbox_value_t::boxed(rows))
    })
}

/// How many columns the rows have.
///
/// Null: answers 0.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_sql_cursor_column_count(
    cursor: Option<&facetbox_sql_cursor_t>,
) -> usize {
    guard(|| cursor.map_or(0, |cursor| cursor.0.column_names().len()))
}

/// The name of column `index`; absent beyond the end.
///
/// Owns: borrowed from `cursor`.
/// Null: gives absent text.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_sql_cursor_column_name(
    cursor: Option<&facetbox_sql_cursor_t>,
    index: usize,
) -> facetbox_str_t {
    guard(|| {
        let name = cursor.and_then(|cursor| cursor.0.column_names().get(index));
        facetbox_str_t::lend_optional(name.map(String::as_str))
    })
}

/// Rows read so far.
///
/// Null: answers 0.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_sql_cursor_rows_read(cursor: Option<&facetbox_sql_cursor_t>) -> u64 {
    guard(|| cursor.map_or(0, |cursor| cursor.0.rows_read()))
}

/// Rows written so far.
///
/// Null: answers 0.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_sql_cursor_rows_written(cursor: Option<&facetbox_sql_cursor_t>) -> u64 {
    guard(|| cursor.map_or(0, |cursor| cursor.0.rows_written()))
}

/// Frees a cursor.
///
/// Null: does nothing.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_sql_cursor_free(cursor: Option<Box<facetbox_sql_cursor_t>>) {
    guard(|| drop(cursor));
}
