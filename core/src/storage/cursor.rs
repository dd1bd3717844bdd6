//! Cursors over the rows of a statement.

use std::sync::Arc;

use parking_lot::Mutex;

use super::Storage;
use super::batch::{Batch, Place};
use super::cache::Columns;
use super::counts::{Counts, Written};
use super::row::{Row, Rows, is_too_large, size, too_large};
use crate::error::{Error, Result};
use crate::value::ValueMap;

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
    /// The rows of a statement that wrote.
    ready: Option<Rows>,
    /// The number of the live cursor, and whether it is one of the scratch database.
    live: Option<(bool, u64)>,
    counts: Counts,
    /// What `counts` are still to be estimated from.
    written: Option<Written>,
}

impl SqlCursor {
    /// A cursor whose rows, if there are any, are all here.
    pub(super) fn finished(
        storage: &Storage,
        columns: Arc<Columns>,
        rows: Option<Rows>,
        counts: Counts,
        written: Option<Written>,
    ) -> SqlCursor {
        let state = State { ready: rows, live: None, counts, written };
        SqlCursor { storage: storage.clone(), columns, state: Mutex::new(state) }
    }

    /// A cursor whose statement is at its first row.
    pub(super) fn live(
        storage: &Storage,
        columns: Arc<Columns>,
        scratch: bool,
        id: u64,
    ) -> SqlCursor {
        let live = Some((scratch, id));
        let state = State { ready: None, live, counts: Counts::default(), written: None };
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
        let mut row = None;
        self.advance(&mut row, |_| false)?;
        Ok(row)
    }

    /// Reads the next rows into a batch, in place of those that it holds: `count` at most, and no more than fit. It is
    /// empty at the end.
    ///
    /// # Errors
    /// As [`SqlCursor::next`]; the batch is of no use then.
    pub(crate) fn read(&self, batch: &mut Batch, count: usize) -> Result<()> {
        batch.clear();
        let mut left = count;
        self.advance(batch, |batch| {
            left -= 1;
            left > 0 && !batch.is_full()
        })
    }

    /// Reads the next row, and others for as long as `more` answers that.
    fn advance<P: Place>(&self, place: &mut P, mut more: impl FnMut(&P) -> bool) -> Result<()> {
        let mut state = self.state.lock();
        if let Some(rows) = &mut state.ready {
            while let Some(row) = rows.pop() {
                place.take(row);
                if !more(place) {
                    break;
                }
            }
            return Ok(());
        }
        let Some((scratch, id)) = state.live else {
            return Ok(());
        };
        let mut storage = self.storage.lock()?;
        loop {
            let Some(connection) = storage.connection(scratch) else {
                return Ok(());
            };
            let advanced = connection.advance(id, place);
            let finished = advanced.finished.is_some();
            if let Some(counts) = advanced.finished {
                (state.live, state.counts) = (None, counts);
            }
            if let Some(error) = advanced.error {
                storage.check_transaction(&error);
                if !advanced.row {
                    return Err(error);
                }
            }
            if finished || !more(place) {
                return Ok(());
            }
        }
    }

    /// The only row that is left.
    ///
    /// # Errors
    /// GUEST_ERROR (an `Error`) if there is none or more than one; STORAGE, RESET.
    pub fn one(&self) -> Result<ValueMap> {
        let row = self.next()?.ok_or_else(|| no_single("no results"))?;
        self.check_end().map(|()| row)
    }

    /// Reads the only row that is left into a batch.
    ///
    /// # Errors
    /// As [`SqlCursor::one`].
    pub(crate) fn read_one(&self, batch: &mut Batch) -> Result<()> {
        self.read(batch, 1)?;
        if batch.is_empty() {
            return Err(no_single("no results"));
        }
        self.check_end()
    }

    fn check_end(&self) -> Result<()> {
        match self.next_raw()? {
            None => Ok(()),
            Some(_) => Err(no_single("multiple results")),
        }
    }

    /// The rows that are left.
    ///
    /// # Errors
    /// STORAGE, RESET; GUEST_ERROR (an `Error`) if they take more than 64 MiB.
    pub fn to_array(&self) -> Result<Vec<ValueMap>> {
        let names = self.columns.names.iter().map(|name| size_of::<String>() + name.len()).sum();
        self.collect(names, |row| self.map(row))
    }

    /// The rows that are left as lists of their columns.
    ///
    /// # Errors
    /// As [`SqlCursor::to_array`].
    pub fn raw(&self) -> Result<Vec<Row>> {
        self.collect(0, |row| row)
    }

    fn collect<T>(&self, row_bytes: usize, make: impl Fn(Row) -> T) -> Result<Vec<T>> {
        let mut rows = Vec::new();
        let mut bytes = 0;
        while let Some(row) = self.next_raw()? {
            bytes += row_bytes + size(&row);
            if is_too_large(bytes) {
                return Err(too_large());
            }
            rows.push(make(row));
        }
        Ok(rows)
    }

    /// The names of the columns.
    pub fn column_names(&self) -> &[String] {
        &self.columns.names
    }

    pub(crate) fn columns(&self) -> &Columns {
        &self.columns
    }

    /// Rows of tables and entries of indexes read so far. An estimate: SQLite counts only full scans.
    pub fn rows_read(&self) -> u64 {
        self.counts().read
    }

    /// Rows of tables and entries of indexes written, those by triggers and foreign keys included. An
    /// estimate: SQLite doesn't count what happens to indexes.
    pub fn rows_written(&self) -> u64 {
        self.counts().written
    }

    fn counts(&self) -> Counts {
        let mut state = self.state.lock();
        if state.live.is_none() && state.written.is_none() {
            return state.counts;
        }
        let Ok(mut storage) = self.storage.lock() else {
            return state.counts;
        };
        if let Some((scratch, id)) = state.live {
            let counts = storage.connection(scratch).and_then(|connection| connection.counts(id));
            return counts.unwrap_or(state.counts);
        }
        if let (Some(connection), Some(written)) = (storage.connection(false), &state.written) {
            state.counts = connection.rows_touched(written);
            state.written = None;
        }
        state.counts
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

fn no_single(what: &str) -> Error {
    Error::guest("Error", format!("Expected exactly one result from SQL query, but got {what}."))
}

impl Drop for SqlCursor {
    fn drop(&mut self) {
        let Some((scratch, id)) = self.state.get_mut().live else {
            return;
        };
        // Also when an error has poisoned the storage: the statement mustn't outlive the cursor.
        if let Some(connection) = self.storage.0.state.lock().connection(scratch) {
            connection.close_cursor(id);
        }
    }
}
