//! The cursors of a connection that aren't at their end.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use rusqlite::ffi;

use super::batch::Place;
use super::cache::Compiled;
use super::connection::Connection;
use super::counts::Counts;
use super::failure::Failure;
use super::meter::Used;
use super::row::{Rows, read_row};
use super::state::interrupted;
use crate::error::{Error, ErrorCode};

/// How many statements may be half run. Cursors beyond are those that nobody reads any more but that
/// the guest's garbage collector hasn't met yet.
const MAX_RUNNING: usize = 1000;

/// Cursors by number, in order of their age.
#[derive(Default)]
pub(super) struct Cursors {
    running: BTreeMap<u64, Running>,
    /// Cursors whose statements had to end: the rows that were left and the error after them.
    ended: HashMap<u64, (Rows, Option<Error>)>,
    last: u64,
    /// Bytes of all rows that are held for cursors.
    held: Arc<AtomicUsize>,
}

impl Cursors {
    /// Whether none is open.
    pub fn is_empty(&self) -> bool {
        self.running.is_empty() && self.ended.is_empty()
    }
}

/// A statement that is at a row.
struct Running {
    compiled: Compiled,
    /// Rows that it has come to.
    rows: u64,
}

/// What came of moving a cursor.
#[derive(Default)]
pub(super) struct Advanced {
    /// Whether there was a row.
    pub row: bool,
    /// The final counts, if nothing comes after the row.
    pub finished: Option<Counts>,
    /// What happened in place of the row, or else will be answered in place of the next.
    pub error: Option<Error>,
}

impl Advanced {
    /// There are no more rows.
    fn finished() -> Advanced {
        Advanced { finished: Some(Counts::default()), ..Advanced::default() }
    }
}

impl Connection {
    /// A place for rows that a cursor is to answer later.
    pub(super) fn new_rows(&self) -> Rows {
        Rows::new(self.cursors.held.clone())
    }

    /// Enters a statement that is at its first row.
    pub(super) fn open_cursor(&mut self, compiled: Compiled) -> u64 {
        if self.cursors.running.len() >= MAX_RUNNING
            && let Some((&oldest, _)) = self.cursors.running.first_key_value()
        {
            let error = canceled(&format!("more than {MAX_RUNNING} were left half read"));
            self.end_cursor(oldest, self.new_rows(), Some(error));
        }
        self.cursors.last += 1;
        self.cursors.running.insert(self.cursors.last, Running { compiled, rows: 1 });
        self.cursors.last
    }

    /// Forgets a cursor that nobody reads any more.
    pub(super) fn close_cursor(&mut self, id: u64) {
        self.cursors.ended.remove(&id);
        if let Some(counts) = self.counts(id) {
            self.db.guard().meter().add(Used::RowsRead, counts.read);
        }
        if let Some(running) = self.cursors.running.remove(&id) {
            self.release(running.compiled);
        }
    }

    /// Ends a cursor's statement; it answers `rows` and then `error`.
    fn end_cursor(&mut self, id: u64, rows: Rows, error: Option<Error>) {
        self.close_cursor(id);
        self.cursors.ended.insert(id, (rows, error));
    }

    /// Reads the row that a cursor is at into `place` and moves to the next.
    pub(super) fn advance(&mut self, id: u64, place: &mut impl Place) -> Advanced {
        if let Some((rows, error)) = self.cursors.ended.get_mut(&id) {
            if let Some(row) = rows.pop() {
                place.take(row);
                return Advanced { row: true, ..Advanced::default() };
            }
            let error = error.take();
            self.close_cursor(id);
            return Advanced { error, ..Advanced::finished() };
        }
        let Some(running) = self.cursors.running.get_mut(&id) else { return Advanced::finished() };
        if let Err(error) = place.read(&self.db, &running.compiled) {
            self.close_cursor(id);
            return Advanced { error: Some(error), ..Advanced::finished() };
        }
        match self.db.step(running.compiled.statement) {
            Ok(true) => {
                running.rows += 1;
                Advanced { row: true, ..Advanced::default() }
            }
            Ok(false) => {
                let finished = self.counts(id);
                self.close_cursor(id);
                Advanced { row: true, finished, error: None }
            }
            Err(failure) => {
                let error = Some(self.read_error(failure));
                self.end_cursor(id, self.new_rows(), error.clone());
                Advanced { row: true, finished: None, error }
            }
        }
    }

    /// The error of a statement that only reads.
    fn read_error(&mut self, failure: Failure) -> Error {
        match (failure.kind(), self.db.guard().take_out_of_memory()) {
            (ffi::SQLITE_INTERRUPT, true) => Failure::of_code(ffi::SQLITE_NOMEM).into(),
            (ffi::SQLITE_INTERRUPT, false) => interrupted(),
            _ => failure.into(),
        }
    }

    /// What a live cursor has touched so far.
    pub(super) fn counts(&self, id: u64) -> Option<Counts> {
        let Running { compiled, rows } = self.cursors.running.get(&id)?;
        Some(Counts { read: self.rows_read(compiled, *rows), written: 0 })
    }

    /// Ends the statements of all cursors by reading their rows, as far as there is room for them.
    pub(super) fn spill_cursors(&mut self) {
        while let Some((id, running)) = self.cursors.running.pop_first() {
            let mut rows = self.new_rows();
            let error = self.spill(&running.compiled, &mut rows);
            let read = self.rows_read(&running.compiled, running.rows + rows.len() as u64);
            self.db.guard().meter().add(Used::RowsRead, read);
            self.release(running.compiled);
            self.cursors.ended.insert(id, (rows, error));
        }
    }

    fn spill(&mut self, compiled: &Compiled, rows: &mut Rows) -> Option<Error> {
        const MAX_ROWS: usize = 10_000;
        loop {
            let pushed = read_row(&self.db, compiled).and_then(|row| rows.push(row));
            if pushed.is_err() || rows.len() > MAX_ROWS {
                return Some(canceled("too many rows were left to read"));
            }
            match self.db.step(compiled.statement) {
                Ok(true) => {}
                Ok(false) => return None,
                Err(failure) => return Some(self.read_error(failure)),
            }
        }
    }

    /// Ends all cursors with an error.
    pub(super) fn cancel_cursors(&mut self, error: &Error) {
        let running = self.cursors.running.keys().copied();
        let all: Vec<_> = running.chain(self.cursors.ended.keys().copied()).collect();
        for id in all {
            self.end_cursor(id, self.new_rows(), Some(error.clone()));
        }
    }
}

fn canceled(reason: &str) -> Error {
    let message = format!("SQL cursor was canceled because {reason}.");
    Error::new(ErrorCode::Storage, message)
}
