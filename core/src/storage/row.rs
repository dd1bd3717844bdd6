//! Rows of results, and how much of them may be held in memory.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::cache::Compiled;
use super::codec;
use super::raw::{Bind, Column, Database};
use crate::error::{Error, Result};
use crate::value::Value;

/// What the rows of one result may take, and those that one connection holds for its cursors.
const MAX_BYTES: usize = 64 << 20;

/// The columns of a row.
pub(super) type Row = Vec<Value>;

/// Rows that are held for a cursor, counted with those of the connection's other cursors.
pub(super) struct Rows {
    rows: VecDeque<Row>,
    bytes: usize,
    total: Arc<AtomicUsize>,
}

impl Rows {
    pub fn new(total: Arc<AtomicUsize>) -> Rows {
        Rows { rows: VecDeque::new(), bytes: 0, total }
    }

    /// Adds a row, unless the connection holds too much.
    ///
    /// # Errors
    /// GUEST_ERROR.
    pub fn push(&mut self, row: Row) -> Result<()> {
        let bytes = size(&row);
        if is_too_large(self.total.fetch_add(bytes, Relaxed) + bytes) {
            self.total.fetch_sub(bytes, Relaxed);
            return Err(too_large());
        }
        self.bytes += bytes;
        self.rows.push_back(row);
        Ok(())
    }

    /// Takes out the first row.
    pub fn pop(&mut self) -> Option<Row> {
        let row = self.rows.pop_front()?;
        let bytes = size(&row);
        self.bytes -= bytes;
        self.total.fetch_sub(bytes, Relaxed);
        Some(row)
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        self.total.fetch_sub(self.bytes, Relaxed);
    }
}

/// The row that a statement is at.
///
/// # Errors
/// GUEST_ERROR if it alone is too large.
pub(super) fn read_row(db: &Database, compiled: &Compiled) -> Result<Row> {
    let mut bytes = 0;
    (0..db.column_count(compiled.statement))
        .map(|index| {
            let value = value(db.column(compiled.statement, index));
            bytes += value.size();
            if is_too_large(bytes) { Err(too_large()) } else { Ok(value) }
        })
        .collect()
}

pub(super) fn value(column: Column<'_>) -> Value {
    match column {
        Column::Null => Value::Null,
        Column::Int(n) => Value::Int(n),
        Column::Float(n) => Value::Float(n),
        Column::Text(bytes) => Value::String(codec::text(bytes)),
        Column::Blob(bytes) => Value::Bytes(bytes.to_vec()),
    }
}

/// What is wrong when a query gets another number of bindings than it has parameters.
pub(super) fn wrong_count(parameters: usize, bindings: usize) -> String {
    let wrong = "Wrong number of parameter bindings for SQL query.";
    format!("{wrong} It has {parameters} parameters, got {bindings} bindings.")
}

/// What a value is as parameter `index` of a query, of which the first is 1.
///
/// # Errors
/// INVALID_ARGUMENT (a `TypeError`) for what SQLite has no type for, integers of more than 64 bits included.
pub(super) fn bound(index: usize, value: &Value) -> Result<Bind<'_>> {
    Ok(match value {
        Value::Undefined | Value::Null => Bind::Null,
        Value::Bool(on) => Bind::Int(i64::from(*on)),
        Value::Int(n) => Bind::Int(*n),
        Value::Float(n) => Bind::Float(*n),
        Value::String(text) => Bind::Text(text.as_bytes()),
        Value::Bytes(bytes) | Value::View(_, bytes) => Bind::Blob(bytes),
        Value::BigInt(n) => Bind::Int(i64::try_from(n).map_err(|_| {
            Error::type_error(format!(
                "An integer beyond 64 bits can't be bound to parameter {index} of a SQL query."
            ))
        })?),
        _ => {
            let kind = value.type_name();
            return Err(Error::type_error(format!(
                "A value of type {kind} can't be bound to parameter {index} of a SQL query."
            )));
        }
    })
}

/// What a row takes in memory.
pub(super) fn size(row: &Row) -> usize {
    size_of::<Row>() + row.iter().map(|value| size_of::<Value>() + value.size()).sum::<usize>()
}

/// Whether rows of this size may not be held.
pub(super) fn is_too_large(bytes: usize) -> bool {
    bytes > MAX_BYTES
}

pub(super) fn too_large() -> Error {
    let message = "SQL query result set is too large to fit in memory. Use a streaming iterator (e.g. `for (let row of sql.exec(...))`) or add a LIMIT clause instead of calling toArray() on a very large result set.";
    Error::guest("Error", message)
}
