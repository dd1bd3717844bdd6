//! Running SQL of guests and hosts.

use std::sync::Arc;

use rusqlite::ffi;

use super::Storage;
use super::cache::{Columns, Compiled};
use super::connection::Connection;
use super::counts::{Counts, Written};
use super::cursor::SqlCursor;
use super::failure::Failure;
use super::guard::Traits;
use super::row::{Rows, bound, read_row, wrong_count};
use super::state::State;
use crate::error::{Error, ErrorCode, Result};
use crate::value::Value;

/// SQL over one storage.
pub struct Sql<'a>(pub(super) &'a Storage);

impl Sql<'_> {
    /// Runs one or more statements, the last with `bindings`, and steps to its first row.
    ///
    /// A statement that writes runs to its end here, whether its rows are read or not; one that reads
    /// goes on as its rows are asked for. When a statement fails, those before it stay done.
    ///
    /// # Errors
    /// STORAGE with SQLite's message; INVALID_ARGUMENT for what can't be bound (a `TypeError`), a
    /// wrong number of bindings and statements that control transactions; LIMIT_STORAGE, RESET.
    pub fn exec(&self, query: &str, bindings: Vec<Value>) -> Result<SqlCursor> {
        if query.contains('\0') {
            return Err(invalid("SQL code must not contain NUL characters."));
        }
        let mut state = self.0.lock()?;
        let mut exec = Exec { storage: self.0, state: &mut state };
        let mut rest = query;
        loop {
            let (scratch, compiled, length) = exec.compile(rest)?;
            rest = &rest[length..];
            if rest.trim_ascii().is_empty() {
                return exec.last(scratch, compiled, &bindings);
            }
            exec.earlier(scratch, compiled)?;
        }
    }

    /// Bytes of the database in use: 0 before the first write.
    ///
    /// # Errors
    /// STORAGE.
    pub fn database_size(&self) -> Result<u64> {
        Ok(self.0.read(Connection::size)?.unwrap_or_default())
    }
}

fn invalid(message: &str) -> Error {
    Error::named(ErrorCode::InvalidArgument, "Error", message)
}

/// One `exec` that is going on.
struct Exec<'a> {
    storage: &'a Storage,
    state: &'a mut State,
}

/// What running a statement came to.
struct Outcome {
    /// The rows of a statement that wrote.
    rows: Option<Rows>,
    counts: Counts,
    written: Option<Written>,
    /// Whether the statement is at its first row.
    at_row: bool,
}

impl Exec<'_> {
    fn connection(&mut self, scratch: bool) -> Result<&mut Connection> {
        let missing = || Error::new(ErrorCode::Storage, "The database is not open.");
        self.state.connection(scratch).ok_or_else(missing)
    }

    /// Compiles the first statement of `sql` where it is going to run.
    fn compile(&mut self, sql: &str) -> Result<(bool, Compiled, usize)> {
        let shared = &self.storage.0;
        let scratch = self.state.sql_reader(shared)?;
        let (compiled, length) = self.compile_in(scratch, sql)?;
        if !scratch || compiled.readonly {
            return Ok((scratch, compiled, length));
        }
        self.connection(true)?.release(compiled);
        self.state.writer(shared)?;
        let (compiled, length) = self.compile_in(false, sql)?;
        Ok((false, compiled, length))
    }

    fn compile_in(&mut self, scratch: bool, sql: &str) -> Result<(Compiled, usize)> {
        let connection = self.connection(scratch)?;
        match connection.compile(sql) {
            Ok(Some(compiled)) => Ok(compiled),
            Ok(None) => Err(invalid("SQL code did not contain a statement.")),
            Err(failure) => {
                let refused = failure.kind() == ffi::SQLITE_AUTH;
                if refused && connection.db.guard().traits().has(Traits::TRANSACTION) {
                    return Err(invalid(TRANSACTIONS));
                }
                Err(self.fail(failure))
            }
        }
    }

    /// Runs a statement that others follow, for its effect.
    fn earlier(&mut self, scratch: bool, compiled: Compiled) -> Result<()> {
        if self.connection(scratch)?.db.parameter_count(compiled.statement) > 0 {
            self.connection(scratch)?.release(compiled);
            return Err(invalid(
                "When executing multiple SQL statements in a single call, only the last statement can have parameters.",
            ));
        }
        let statement = compiled.statement;
        let outcome = self.start(scratch, &compiled, |connection| {
            connection.db.reset_counter(statement, ffi::SQLITE_STMTSTATUS_FULLSCAN_STEP);
            let before = connection.db.total_changes();
            let mut rows = 0;
            while connection.db.step(statement)? {
                rows += 1;
            }
            let written = connection.db.total_changes() - before;
            connection.meter(Counts { read: connection.rows_read(&compiled, rows), written });
            Ok(())
        });
        self.connection(scratch)?.release(compiled);
        outcome.and_then(|()| self.write_indexes(scratch))
    }

    /// What a statement has left isn't done while one that writes is going on.
    fn write_indexes(&mut self, scratch: bool) -> Result<()> {
        self.connection(scratch)?.write_indexes(false).map_err(|failure| self.fail(failure))
    }

    /// Runs the last statement up to its first row, or to its end if it writes.
    fn last(
        &mut self,
        scratch: bool,
        mut compiled: Compiled,
        values: &[Value],
    ) -> Result<SqlCursor> {
        let outcome = match self.bind(scratch, &compiled, values) {
            Ok(()) => self.run(scratch, &mut compiled),
            Err(error) => Err(error),
        };
        let storage = self.storage;
        let connection = self.connection(scratch)?;
        let columns = compiled.columns.clone();
        match outcome {
            Ok(outcome) if outcome.at_row => {
                let id = connection.open_cursor(compiled);
                Ok(SqlCursor::live(storage, columns, scratch, id))
            }
            Ok(outcome) => {
                connection.release(compiled);
                self.write_indexes(scratch)?;
                let Outcome { rows, counts, written, .. } = outcome;
                Ok(SqlCursor::finished(storage, columns, rows, counts, written))
            }
            Err(error) => {
                connection.release(compiled);
                Err(error)
            }
        }
    }

    fn bind(&mut self, scratch: bool, compiled: &Compiled, values: &[Value]) -> Result<()> {
        let db = &mut self.connection(scratch)?.db;
        let parameters = db.parameter_count(compiled.statement);
        if parameters != values.len() {
            return Err(invalid(&wrong_count(parameters, values.len())));
        }
        for (index, value) in (1..).zip(values) {
            db.bind(compiled.statement, index, bound(index, value)?)?;
        }
        Ok(())
    }

    fn run(&mut self, scratch: bool, compiled: &mut Compiled) -> Result<Outcome> {
        let statement = compiled.statement;
        let connection = self.connection(scratch)?;
        connection.db.reset_counter(statement, ffi::SQLITE_STMTSTATUS_FULLSCAN_STEP);
        let recompiled = connection.db.counter(statement, ffi::SQLITE_STMTSTATUS_REPREPARE);
        let before = connection.db.total_changes();
        let at_row = self.start(scratch, compiled, |connection| connection.db.step(statement))?;
        let connection = self.connection(scratch)?;
        if connection.db.counter(statement, ffi::SQLITE_STMTSTATUS_REPREPARE) != recompiled {
            compiled.columns = Arc::new(Columns::of(&connection.db, statement));
        }
        if compiled.readonly {
            let counts = Counts { read: connection.rows_read(compiled, 0), written: 0 };
            if !at_row {
                connection.meter(counts);
            }
            return Ok(Outcome { rows: None, counts, written: None, at_row });
        }
        let rows = if at_row { Some(self.drain(scratch, compiled)?) } else { None };
        let connection = self.connection(scratch)?;
        let total = connection.db.total_changes() - before;
        let changes = if total == 0 { 0 } else { connection.db.changes().min(total) };
        let written = Written {
            sql: compiled.sql.clone(),
            scanned: connection.rows_read(compiled, 0),
            changes,
            indirect: total - changes,
            created: u64::from(compiled.traits.has(Traits::CREATES)),
        };
        let counts = Counts { read: written.scanned, written: total };
        connection.meter(counts);
        Ok(Outcome { rows, counts, written: Some(written), at_row: false })
    }

    /// Starts a statement: in the transaction and with what has to surround it.
    fn start<T>(
        &mut self,
        scratch: bool,
        compiled: &Compiled,
        body: impl FnOnce(&mut Connection) -> Result<T, Failure>,
    ) -> Result<T> {
        let connection = match compiled.readonly {
            true => self.connection(scratch)?,
            false => self.state.writer(&self.storage.0)?,
        };
        if compiled.traits.has(Traits::DROPS) {
            connection.spill_cursors();
        }
        let outcome = connection.with_schema_check(compiled.traits, |connection| {
            let outcome = body(connection);
            if outcome.is_err() || compiled.traits.has(Traits::DEFINES) {
                // Before anything else: a statement that isn't over holds up savepoints.
                connection.db.reset(compiled.statement);
            }
            outcome
        });
        let outcome = match compiled.traits.is_case_sensitive() {
            Some(on) if outcome.is_ok() => connection.set_case_sensitive(on).and(outcome),
            _ => outcome,
        };
        if compiled.traits.redefines() {
            connection.note_definition();
        }
        if !compiled.readonly {
            connection.note_left(compiled.statement);
        }
        outcome.map_err(|failure| self.fail(failure))
    }

    /// The rows of a statement that writes, whose changes are all made before its first row.
    fn drain(&mut self, scratch: bool, compiled: &Compiled) -> Result<Rows> {
        let mut rows = self.connection(scratch)?.new_rows();
        loop {
            let connection = self.connection(scratch)?;
            rows.push(read_row(&connection.db, compiled)?)?;
            match connection.db.step(compiled.statement) {
                Ok(true) => {}
                Ok(false) => return Ok(rows),
                Err(failure) => return Err(self.fail(failure)),
            }
        }
    }

    fn fail(&mut self, failure: Failure) -> Error {
        let stopped = failure.kind() == ffi::SQLITE_INTERRUPT;
        let out_of_memory =
            |connection: &mut Connection| connection.db.guard().take_out_of_memory();
        let starved = [false, true]
            .into_iter()
            .filter_map(|scratch| self.state.connection(scratch).map(out_of_memory));
        let failure = match starved.fold(false, |any, one| any | one) && stopped {
            true => Failure::of_code(ffi::SQLITE_NOMEM),
            false => failure,
        };
        self.state.fail(failure, &self.storage.0)
    }
}

const TRANSACTIONS: &str = "To execute a transaction, please use the state.storage.transaction() or state.storage.transactionSync() APIs instead of the SQL BEGIN TRANSACTION or SAVEPOINT statements. The JavaScript API is safer because it will automatically roll back on exceptions, and because it interacts correctly with Durable Objects' automatic atomic write coalescing.";
