//! SQL of an operator: reads everything, changes nothing.

use rusqlite::ffi;

use super::failure::Failure;
use super::raw::{Bind, Database, Statement};
use super::row::{bound, size, value, wrong_count};
use crate::error::{Error, ErrorCode, Result};
use crate::value::Value;

/// Rows and bytes that one answer has at most.
const MAX_ROWS: usize = 10_000;
const MAX_BYTES: usize = 16 << 20;

/// What an operator's query answers.
#[derive(Clone, Debug, Default)]
pub struct QueryRows {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// The rows, each with a value per column.
    pub rows: Vec<Vec<Value>>,
    /// Whether rows are missing because there are more than 10,000, or more than 16 MiB.
    pub truncated: bool,
}

/// Runs one statement that reads.
pub(super) fn query(db: &mut Database, sql: &str, bindings: &[Value]) -> Result<QueryRows> {
    if sql.contains('\0') {
        return Err(Error::type_error("SQL code must not contain NUL characters."));
    }
    let binds = (1..)
        .zip(bindings)
        .map(|(index, value)| bound(index, value))
        .collect::<Result<Vec<_>>>()?;
    db.guard().set_operator(true);
    let outcome = run(db, sql, &binds);
    db.guard().set_operator(false);
    outcome
}

fn run(db: &mut Database, sql: &str, binds: &[Bind<'_>]) -> Result<QueryRows> {
    let prepared = db.prepare(sql, false, false).map_err(refused)?;
    let Some(statement) = prepared.statement else {
        return Err(Error::type_error("SQL code did not contain a statement."));
    };
    let outcome = match sql[prepared.length..].trim_ascii() {
        "" => collect(db, statement, binds),
        _ => Err(Error::type_error("A query of an operator must be a single statement.")),
    };
    db.finalize(statement);
    outcome
}

fn collect(db: &mut Database, statement: Statement, binds: &[Bind<'_>]) -> Result<QueryRows> {
    if !db.is_readonly(statement) {
        return Err(only_reads());
    }
    let parameters = db.parameter_count(statement);
    if parameters != binds.len() {
        return Err(Error::type_error(wrong_count(parameters, binds.len())));
    }
    let count = db.column_count(statement);
    let columns = (0..count).map(|index| db.column_name(statement, index)).collect();
    let mut answer = QueryRows { columns, ..QueryRows::default() };
    let mut bytes = 0;
    let ended = db.run(statement, binds, |db| {
        let row: Vec<_> = (0..count).map(|index| value(db.column(statement, index))).collect();
        bytes += size(&row);
        answer.truncated = answer.rows.len() == MAX_ROWS || bytes > MAX_BYTES;
        if !answer.truncated {
            answer.rows.push(row);
        }
        !answer.truncated
    });
    ended.map_err(refused)?;
    Ok(answer)
}

fn refused(failure: Failure) -> Error {
    match failure.kind() {
        ffi::SQLITE_AUTH => only_reads(),
        ffi::SQLITE_INTERRUPT => {
            let message = "The query was stopped because it took too much time or memory.";
            Error::new(ErrorCode::LimitCpu, message)
        }
        _ => failure.into(),
    }
}

fn only_reads() -> Error {
    Error::type_error("A query of an operator may only read: SELECT, VALUES, WITH or EXPLAIN.")
}
