//! How many rows a statement touched.
//!
//! Stock SQLite counts the steps of full scans and the rows that are changed, but neither lookups nor
//! entries of indexes. Those are taken from the statement's program: what it does to each row.

use std::collections::HashSet;
use std::sync::Arc;

use rusqlite::ffi;

use super::cache::Compiled;
use super::connection::Connection;
use super::failure::Failure;
use super::guard::Traits;
use super::meter::Used;
use super::raw::Column;

/// Rows of tables and entries of indexes that were read and written.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub read: u64,
    pub written: u64,
}

/// What is known right after a statement that writes has run.
pub(super) struct Written {
    pub sql: Arc<str>,
    /// Steps of scans.
    pub scanned: u64,
    /// Rows that the statement changed itself.
    pub changes: u64,
    /// Rows that its triggers and foreign keys changed.
    pub indirect: u64,
    /// Entries that it made in the schema.
    pub created: u64,
}

impl Connection {
    /// Counts rows for the actor's usage: those of tables, without what is estimated of indexes.
    pub(super) fn meter(&self, counts: Counts) {
        let meter = self.db.guard().meter();
        meter.add(Used::RowsRead, counts.read);
        meter.add(Used::RowsWritten, counts.written);
    }

    /// An estimate of the rows that a statement has read, of which `rows` came out: each full scan
    /// goes to one more row than it has steps.
    pub(super) fn rows_read(&self, compiled: &Compiled, rows: u64) -> u64 {
        let steps = self.db.counter(compiled.statement, ffi::SQLITE_STMTSTATUS_FULLSCAN_STEP);
        match (compiled.traits.has(Traits::READS), steps) {
            (false, _) => 0,
            (true, 0) => rows,
            (true, steps) => rows.max(steps + 1),
        }
    }

    /// An estimate of the rows that a statement has touched which wrote.
    pub(super) fn rows_touched(&mut self, written: &Written) -> Counts {
        let (lookups, entries) = match written.changes {
            0 => (0, 0),
            _ => self.touched_per_row(&written.sql).unwrap_or((0, 1)),
        };
        Counts {
            read: written.scanned + written.changes * lookups + written.created,
            written: written.changes * entries.max(1) + written.indirect + 2 * written.created,
        }
    }

    /// The tables and indexes in which a statement looks something up for each row that it changes,
    /// and those in which it writes.
    fn touched_per_row(&mut self, sql: &str) -> Result<(u64, u64), Failure> {
        let prepared = self.db.prepare(&format!("EXPLAIN {sql}"), true, false)?;
        let Some(statement) = prepared.statement else {
            return Ok((0, 1));
        };
        let (mut open, mut looked_up, mut written): (HashSet<_>, HashSet<_>, HashSet<_>) =
            Default::default();
        let mut last_address = -1;
        let outcome = self.db.run(statement, &[], |db| {
            let (Column::Int(address), Column::Text(opcode), Column::Int(cursor)) =
                (db.column(statement, 0), db.column(statement, 1), db.column(statement, 2))
            else {
                return true;
            };
            if address < last_address {
                return false; // the program of a trigger begins
            }
            last_address = address;
            match opcode {
                b"OpenWrite" => {
                    open.insert(cursor);
                }
                b"NotExists" | b"NoConflict" | b"SeekRowid" | b"Found" | b"NotFound" => {
                    looked_up.insert(cursor);
                }
                b"Insert" | b"IdxInsert" | b"Delete" | b"IdxDelete" => {
                    written.insert(cursor);
                }
                // A whole table or index at once, named by its first page.
                b"Clear" => {
                    open.insert(-cursor);
                    written.insert(-cursor);
                }
                _ => {}
            }
            true
        });
        self.db.finalize(statement);
        outcome?;
        let count = |set: HashSet<i64>| set.intersection(&open).count() as u64;
        Ok((count(looked_up), count(written)))
    }
}
