//! The statements of guests: how they are compiled, what they may be, and what they leave behind.

use std::sync::Arc;

use rusqlite::ffi;

use super::{Connection, MAX_LENGTH};
use crate::storage::cache::{Columns, Compiled};
use crate::storage::failure::Failure;
use crate::storage::guard::Traits;
use crate::storage::own::Own;
use crate::storage::raw::Statement;
use crate::storage::schema::Shown;

/// What guests' statements may be and use, at most.
pub(super) const LIMITS: &[(i32, i32)] = &[
    (ffi::SQLITE_LIMIT_LENGTH, MAX_LENGTH as i32),
    (ffi::SQLITE_LIMIT_SQL_LENGTH, 100_000),
    (ffi::SQLITE_LIMIT_COLUMN, 100),
    (ffi::SQLITE_LIMIT_EXPR_DEPTH, 100),
    (ffi::SQLITE_LIMIT_COMPOUND_SELECT, 5),
    (ffi::SQLITE_LIMIT_VDBE_OP, 25_000),
    (ffi::SQLITE_LIMIT_FUNCTION_ARG, 127),
    (ffi::SQLITE_LIMIT_ATTACHED, 0),
    (ffi::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 50),
    (ffi::SQLITE_LIMIT_VARIABLE_NUMBER, 100),
    (ffi::SQLITE_LIMIT_TRIGGER_DEPTH, 10),
    (ffi::SQLITE_LIMIT_WORKER_THREADS, 0),
    (ffi::SQLITE_LIMIT_PARSER_DEPTH, 500),
];

/// Bytes that guests' statements may leave in memory until the indexes of full-text tables are written before the end
/// of the event.
const MAX_PENDING: i64 = 2 << 20;

impl Connection {
    /// A guest's statement has changed the schema, or tried to.
    pub fn note_definition(&mut self) {
        self.schema += 1;
        self.redefined = true;
    }

    /// A guest's statement that writes has left so much in memory as the guard holds.
    pub fn note_left(&mut self, statement: Statement) {
        self.pending = self.pending.saturating_add(self.db.guard().held());
        self.unindexed |= self.db.writes_virtual(statement);
    }

    /// Writes what full-text tables keep in memory for their indexes, if that may be much or if `all` of it is to be. They
    /// do so for each savepoint, and otherwise at the end of the transaction, where nothing stops them, however much of
    /// their indexes they merge.
    pub fn write_indexes(&mut self, all: bool) -> Result<(), Failure> {
        if self.pending <= MAX_PENDING && !(all && self.unindexed) {
            return Ok(());
        }
        self.note_indexed();
        // Compiled now: a change of the schema would have SQLite compile it anew while it runs for the guest, who may not.
        let Some(savepoint) = self.db.prepare_own("SAVEPOINT _fb")?.statement else {
            return Ok(());
        };
        let begun = self.db.run_for_guest(savepoint);
        self.db.finalize(savepoint);
        begun?;
        self.run(Own::Release, &[])
    }

    /// The first statement of a guest's text, and how much of the text it takes.
    ///
    /// None if there is no statement.
    pub fn compile(&mut self, sql: &str) -> Result<Option<(Compiled, usize)>, Failure> {
        if let Some(compiled) = self.cache.take(sql) {
            if compiled.schema == self.schema {
                return Ok(Some((compiled, sql.len())));
            }
            self.db.finalize(compiled.statement);
        }
        let (prepared, length) = self.prepare_shown(sql)?;
        let Some(statement) = prepared else {
            return Ok(None);
        };
        let is_last = sql[length..].trim_ascii().is_empty();
        let compiled = Compiled {
            sql: if is_last { sql.into() } else { sql[..length].into() },
            statement,
            traits: self.db.guard().traits(),
            schema: self.schema,
            readonly: self.db.is_readonly(statement),
            columns: Arc::new(Columns::of(&self.db, statement)),
        };
        Ok(Some((compiled, length)))
    }

    /// Prepares the first statement of a guest's text so that it doesn't see our tables.
    fn prepare_shown(&mut self, sql: &str) -> Result<(Option<Statement>, usize), Failure> {
        let Some(shown) = Shown::of(sql) else {
            let prepared = self.db.prepare(sql, true, true)?;
            return Ok((prepared.statement, prepared.length));
        };
        let prepared = self.db.prepare(&shown.sql, true, true).map_err(|mut failure| {
            failure.offset = failure.offset.map(|at| shown.original(at as usize) as u32);
            failure
        })?;
        Ok((prepared.statement, shown.original(prepared.length)))
    }

    /// Makes a statement ready for its next use.
    pub fn release(&mut self, compiled: Compiled) {
        self.db.reset(compiled.statement);
        self.cache.put(&mut self.db, compiled);
    }

    /// Runs `body` so that a schema which breaks our rules undoes it: SQLite's authorizer isn't told
    /// a table's new name when it is renamed, nor which tables foreign keys refer to.
    pub fn with_schema_check<T>(
        &mut self,
        traits: Traits,
        body: impl FnOnce(&mut Connection) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        if !traits.has(Traits::DEFINES) {
            return body(self);
        }
        self.run(Own::Savepoint, &[])?;
        let outcome = body(self).and_then(|done| {
            if self.finds(Own::ReservedNames)? || self.finds(Own::ReservedParents)? {
                return Err(Failure {
                    message: "not authorized".into(),
                    ..Failure::of_code(ffi::SQLITE_AUTH)
                });
            }
            Ok(done)
        });
        if self.db.is_autocommit() {
            return outcome; // the whole transaction is gone
        }
        if outcome.is_err() {
            self.run(Own::RollbackTo, &[])?;
        }
        self.run(Own::Release, &[])?;
        outcome
    }

    /// Says whether `LIKE` tells upper from lower case. What is compiled may use an index for it or not because of that.
    pub fn set_case_sensitive(&mut self, on: bool) -> Result<(), Failure> {
        self.spill_cursors();
        self.schema += 1;
        self.db.set_case_sensitive(on)
    }
}
