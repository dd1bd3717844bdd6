//! Cursors over the rows of a statement.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::ffi;

use super::Storage;
use super::cache::{Columns, Compiled};
use super::connection::Connection;
use super::failure::Failure;
use super::guard::Traits;
use super::raw::{Column, Database};
use crate::error::{Error, ErrorCode, Result};
use crate::value::{Value, ValueMap};

/// What the rows that are held in memory for a guest may take.
const MAX_RESULT_BYTES: usize = 64 << 20;
/// What a half-read cursor may take whose statement has to end before its rows are read.
const MAX_SPILL_BYTES: usize = 4 << 20;

pub(super) type Row = Vec<Value>;

/// The cursors of a connection whose rows aren't all read, by number.
#[derive(Default)]
pub(super) struct Cursors {
    live: HashMap<u64, Live>,
    last: u64,
}

impl Cursors {
    pub fn is_empty(&self) -> bool {
        self.live.is_empty()
    }
}

/// A cursor that isn't at its end.
pub(super) enum Live {
    /// A statement that is at a row, the last of so many.
    Running(Compiled, u64),
    /// Rows that were read because the statement had to end; then the error that cut it short.
    Spilled(VecDeque<Row>, Option<Error>),
}

/// Counts of what a statement touched.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub read: u64,
    pub written: u64,
}

/// The rows of one `exec`, read as they are asked for.
///
/// A cursor may be kept, and survives later writes and commits. It sees those of them that it hasn't
/// passed yet, or not; a transaction that is rolled back may end it with an error.
pub struct SqlCursor {
    storage: Storage,
    columns: Arc<Columns>,
    state: Mutex<State>,
}

struct State {
    ready: VecDeque<Row>,
    /// The number of the live cursor, and whether it is one of the scratch database.
    live: Option<(bool, u64)>,
    counts: Counts,
}

impl SqlCursor {
    /// A cursor whose rows are all here.
    pub(super) fn finished(
        storage: &Storage,
        columns: Arc<Columns>,
        rows: VecDeque<Row>,
        counts: Counts,
    ) -> SqlCursor {
        let state = Mutex::new(State { ready: rows, live: None, counts });
        SqlCursor { storage: storage.clone(), columns, state }
    }

    /// A cursor whose statement is at its first row.
    pub(super) fn live(storage: &Storage, columns: Arc<Columns>, scratch: bool, id: u64) -> SqlCursor {
        let live = Some((scratch, id));
        let state = State { ready: VecDeque::new(), live, counts: Counts::default() };
        SqlCursor { storage: storage.clone(), columns, state: Mutex::new(state) }
    }

    /// The next row as a map; later columns of the same name win.
    ///
    /// # Errors
    /// STORAGE, RESET.
    pub fn next(&self) -> Result<Option<ValueMap>> {
        Ok(self.next_raw()?.map(|row| self.map(row)))
    }

    /// The next row as a list of its columns.
    ///
    /// # Errors
    /// STORAGE, RESET.
    pub fn next_raw(&self) -> Result<Option<Row>> {
        let mut state = self.state.lock();
        if let Some(row) = state.ready.pop_front() {
            return Ok(Some(row));
        }
        let Some((scratch, id)) = state.live else { return Ok(None) };
        let mut storage = self.storage.lock()?;
        let Some(connection) = storage.connection(scratch) else { return Ok(None) };
        match connection.advance(id) {
            Ok(advanced) => {
                if let Some(counts) = advanced.ended {
                    (state.live, state.counts) = (None, counts);
                }
                Ok(advanced.row)
            }
            Err(error) => {
                state.live = None;
                Err(error)
            }
        }
    }

    /// The only row that is left.
    ///
    /// # Errors
    /// GUEST_ERROR (an `Error`) if there is none or more than one; STORAGE, RESET.
    pub fn one(&self) -> Result<ValueMap> {
        let wrong = |what| {
            let message = format!("Expected exactly one result from SQL query, but got {what}.");
            Error::guest("Error", message)
        };
        let Some(row) = self.next()? else { return Err(wrong("no results")) };
        match self.next_raw()? {
            None => Ok(row),
            Some(_) => Err(wrong("multiple results")),
        }
    }

    /// The rows that are left.
    ///
    /// # Errors
    /// STORAGE, RESET; GUEST_ERROR (an `Error`) if they take more than 64 MiB.
    pub fn to_array(&self) -> Result<Vec<ValueMap>> {
        Ok(self.raw()?.into_iter().map(|row| self.map(row)).collect())
    }

    /// The rows that are left as lists of their columns.
    ///
    /// # Errors
    /// As [`SqlCursor::to_array`].
    pub fn raw(&self) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        let mut bytes = 0;
        while let Some(row) = self.next_raw()? {
            bytes += size(&row);
            if bytes > MAX_RESULT_BYTES {
                return Err(too_large());
            }
            rows.push(row);
        }
        Ok(rows)
    }

    /// The names of the columns.
    pub fn column_names(&self) -> &[String] {
        &self.columns.names
    }

    /// Rows of tables and indexes read so far: an estimate, at least the rows of the result.
    pub fn rows_read(&self) -> u64 {
        self.counts().read
    }

    /// Rows of tables written, those that triggers and foreign keys wrote included.
    pub fn rows_written(&self) -> u64 {
        self.counts().written
    }

    fn counts(&self) -> Counts {
        let state = self.state.lock();
        let Some((scratch, id)) = state.live else { return state.counts };
        let Ok(mut storage) = self.storage.lock() else { return state.counts };
        storage.connection(scratch).and_then(|connection| connection.counts(id)).unwrap_or(state.counts)
    }

    fn map(&self, row: Row) -> ValueMap {
        let mut map = ValueMap::with_capacity(row.len());
        for (name, value) in self.columns.names.iter().zip(row) {
            match self.columns.duplicates {
                true => map.insert(name.as_str(), value),
                false => map.push(name.clone(), value),
            }
        }
        map
    }
}

impl Drop for SqlCursor {
    fn drop(&mut self) {
        let Some((scratch, id)) = self.state.get_mut().live else { return };
        if let Ok(mut storage) = self.storage.lock()
            && let Some(connection) = storage.connection(scratch)
        {
            connection.close_cursor(id);
        }
    }
}

/// What came of moving a cursor.
struct Advanced {
    row: Option<Row>,
    /// The final counts, if that was the last row.
    ended: Option<Counts>,
}

impl Connection {
    /// Enters a statement that is at its first row.
    pub(super) fn open_cursor(&mut self, compiled: Compiled) -> u64 {
        self.cursors.last += 1;
        self.cursors.live.insert(self.cursors.last, Live::Running(compiled, 1));
        self.cursors.last
    }

    fn close_cursor(&mut self, id: u64) {
        if let Some(Live::Running(compiled, _)) = self.cursors.live.remove(&id) {
            self.release(compiled);
        }
    }

    /// Reads the row that a cursor is at and moves to the next.
    fn advance(&mut self, id: u64) -> Result<Advanced> {
        let gone = Advanced { row: None, ended: Some(Counts::default()) };
        let Some(live) = self.cursors.live.get_mut(&id) else { return Ok(gone) };
        let (row, next) = match live {
            Live::Spilled(rows, error) => match (rows.pop_front(), error.take()) {
                (Some(row), error) => {
                    let ended = rows.is_empty() && error.is_none();
                    *live = Live::Spilled(std::mem::take(rows), error);
                    (row, Ok(!ended))
                }
                (None, error) => {
                    self.cursors.live.remove(&id);
                    return error.map_or(Ok(gone), Err);
                }
            },
            Live::Running(compiled, rows) => {
                let row = read_row(&self.db, compiled)?;
                let next = self.db.step(compiled.statement);
                *rows += u64::from(matches!(next, Ok(true)));
                (row, next)
            }
        };
        let ended = match next {
            Ok(true) => None,
            Ok(false) => {
                let counts = self.counts(id);
                self.close_cursor(id);
                counts
            }
            Err(failure) => {
                // The row is good; the error comes in place of the next.
                let error = self.read_error(failure);
                self.close_cursor(id);
                self.cursors.live.insert(id, Live::Spilled(VecDeque::new(), Some(error)));
                None
            }
        };
        Ok(Advanced { row: Some(row), ended })
    }

    /// The error of a statement that only reads.
    pub(super) fn read_error(&mut self, failure: Failure) -> Error {
        match (failure.kind(), self.db.guard().take_out_of_memory()) {
            (ffi::SQLITE_INTERRUPT, true) => Failure::of_code(ffi::SQLITE_NOMEM).into(),
            (ffi::SQLITE_INTERRUPT, false) => super::state::interrupted(),
            _ => failure.into(),
        }
    }

    /// What a live cursor has touched so far.
    fn counts(&self, id: u64) -> Option<Counts> {
        match self.cursors.live.get(&id)? {
            Live::Running(compiled, rows) => {
                Some(Counts { read: self.rows_read(compiled, *rows), written: 0 })
            }
            Live::Spilled(..) => Some(Counts::default()),
        }
    }

    /// An estimate of the rows that a statement has read, of which `rows` came out: SQLite counts the
    /// steps of full scans, each of which goes to one more row than it has steps.
    pub(super) fn rows_read(&self, compiled: &Compiled, rows: u64) -> u64 {
        let steps = self.db.counter(compiled.statement, ffi::SQLITE_STMTSTATUS_FULLSCAN_STEP);
        match (compiled.traits.has(Traits::READS), steps) {
            (false, _) => 0,
            (true, 0) => rows,
            (true, steps) => rows.max(steps + 1),
        }
    }

    /// Ends the statements of all cursors by reading their rows, up to a size.
    pub(super) fn spill_cursors(&mut self) {
        for id in self.cursors.live.keys().copied().collect::<Vec<_>>() {
            if let Some(live) = self.cursors.live.remove(&id) {
                let spilled = match live {
                    Live::Running(compiled, _) => {
                        let (rows, error) = self.spill(&compiled);
                        self.release(compiled);
                        Live::Spilled(rows, error)
                    }
                    spilled => spilled,
                };
                self.cursors.live.insert(id, spilled);
            }
        }
    }

    fn spill(&mut self, compiled: &Compiled) -> (VecDeque<Row>, Option<Error>) {
        let mut rows = VecDeque::new();
        let mut bytes = 0;
        loop {
            match read_row(&self.db, compiled) {
                Ok(row) => {
                    bytes += size(&row);
                    rows.push_back(row);
                }
                Err(error) => return (rows, Some(error)),
            }
            if bytes > MAX_SPILL_BYTES {
                let message = "SQL cursor was canceled because something was dropped while it had more than 4 MiB of rows left.";
                return (rows, Some(Error::new(ErrorCode::Storage, message)));
            }
            match self.db.step(compiled.statement) {
                Ok(true) => {}
                Ok(false) => return (rows, None),
                Err(failure) => return (rows, Some(self.read_error(failure))),
            }
        }
    }

    /// Ends all cursors with an error.
    pub(super) fn cancel_cursors(&mut self, error: &Error) {
        for id in self.cursors.live.keys().copied().collect::<Vec<_>>() {
            self.close_cursor(id);
            self.cursors.live.insert(id, Live::Spilled(VecDeque::new(), Some(error.clone())));
        }
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
            if bytes > MAX_RESULT_BYTES { Err(too_large()) } else { Ok(value) }
        })
        .collect()
}

fn value(column: Column<'_>) -> Value {
    match column {
        Column::Null => Value::Null,
        Column::Int(n) => Value::Int(n),
        Column::Float(n) => Value::Float(n),
        Column::Text(bytes) => Value::String(String::from_utf8_lossy(bytes).into_owned()),
        Column::Blob(bytes) => Value::Bytes(bytes.to_vec()),
    }
}

pub(super) fn size(row: &Row) -> usize {
    row.iter().map(Value::size).sum()
}

/// Whether rows of this size may not be held.
pub(super) fn is_too_large(bytes: usize) -> bool {
    bytes > MAX_RESULT_BYTES
}

pub(super) fn too_large() -> Error {
    let message = "SQL query result set is too large to fit in memory. Use a streaming iterator (e.g. `for (let row of sql.exec(...))`) or add a LIMIT clause instead of calling toArray() on a very large result set.";
    Error::guest("Error", message)
}
