//! What can be read from a database without being its actor.

use std::sync::Arc;

use rusqlite::ffi;

use super::connection::{MAX_LENGTH, execute};
use super::failure::Failure;
use super::format::PAGE_SIZE;
use super::guard::Guard;
use super::meter::{Amounts, parse};
use super::raw::{Column, Database};
use crate::error::Result;

/// Findings of one check that are asked for, and those of them that are told.
const FINDINGS: usize = 100;
const MAX_FINDINGS: usize = 10;

/// Facets by name, with their numbers.
pub(super) type FacetList = Vec<(String, u64)>;

/// A database as the operator sees it.
#[derive(Debug, Default)]
pub(crate) struct Inspection {
    /// What is wrong with it.
    pub findings: Vec<String>,
    /// Its facets by name, with their numbers.
    pub facets: FacetList,
    /// When its alarm is due.
    pub due: Option<i64>,
}

/// Sets up a database that is opened to be looked at: nothing in it may do harm.
pub(super) fn set_up(db: &mut Database) -> Result<(), Failure> {
    db.configure(ffi::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    db.configure(ffi::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    db.limit(ffi::SQLITE_LIMIT_ATTACHED, 0);
    db.limit(ffi::SQLITE_LIMIT_LENGTH, MAX_LENGTH as i32);
    // EXCLUSIVE comes first, so that no index of the log is made beside it.
    execute(
        db,
        "PRAGMA locking_mode = EXCLUSIVE; PRAGMA temp_store = MEMORY;
        PRAGMA mmap_size = 0; PRAGMA cell_size_check = ON; PRAGMA ignore_check_constraints = ON;",
    )
}

/// A guard for a database that no actor uses.
pub(super) fn guard() -> Arc<Guard> {
    Arc::new(Guard::idle())
}

/// Shows `each` the rows of a statement of our own: the reader of columns.
pub(super) fn rows(
    db: &mut Database,
    sql: &str,
    mut each: impl FnMut(&dyn Fn(usize) -> Cell),
) -> Result<(), Failure> {
    let Some(statement) = db.prepare(sql, false, false)?.statement else { return Ok(()) };
    let outcome = db.run(statement, &[], |db| {
        each(&|index| Cell::of(db.column(statement, index)));
        true
    });
    db.finalize(statement);
    outcome
}

/// A value of a row, for reading what may not be what we wrote.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cell {
    Int(i64),
    Text(String),
    Other,
}

impl Cell {
    fn of(column: Column<'_>) -> Cell {
        match column {
            Column::Int(n) => Cell::Int(n),
            Column::Text(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => Cell::Text(text.to_owned()),
                Err(_) => Cell::Other,
            },
            _ => Cell::Other,
        }
    }

    pub fn int(self) -> Option<i64> {
        if let Cell::Int(n) = self { Some(n) } else { None }
    }

    pub fn text(self) -> Option<String> {
        if let Cell::Text(text) = self { Some(text) } else { None }
    }
}

/// The name that the object's id was made from.
pub(super) fn name(db: &mut Database) -> Result<Option<String>, Failure> {
    let mut name = None;
    rows(db, "SELECT value FROM _fb_meta WHERE key = 'name'", |row| name = row(0).text())?;
    Ok(name)
}

/// What the actor has used, as far as it is saved.
pub(super) fn usage(db: &mut Database) -> Result<Amounts, Failure> {
    let mut usage = Amounts::default();
    rows(db, "SELECT value FROM _fb_meta WHERE key = 'usage'", |row| {
        usage = row(0).text().map(|text| parse(text.as_bytes())).unwrap_or_default();
    })?;
    Ok(usage)
}

/// The facets by name, with their numbers.
pub(super) fn facets(db: &mut Database) -> Result<FacetList, Failure> {
    let mut facets = Vec::new();
    rows(db, "SELECT name, number FROM _fb_facets ORDER BY name", |row| {
        if let (Some(name), Some(number)) = (row(0).text(), row(1).int()) {
            facets.push((name, number as u64));
        }
    })?;
    Ok(facets)
}

/// When the alarm is due.
pub(super) fn due(db: &mut Database) -> Result<Option<i64>, Failure> {
    let mut due = None;
    let sql = "SELECT coalesce(due, time) FROM _fb_alarm WHERE id = 1 AND time IS NOT NULL";
    rows(db, sql, |row| due = row(0).int())?;
    Ok(due)
}

/// Bytes that the database takes.
pub(super) fn size(db: &mut Database) -> Result<u64, Failure> {
    let mut pages = 0;
    rows(db, "SELECT page_count FROM pragma_page_count", |row| {
        pages = row(0).int().unwrap_or_default() as u64;
    })?;
    Ok(pages * PAGE_SIZE)
}

/// What SQLite finds wrong with the database, apart from rows that a guest's own CHECK refuses: guests may
/// switch that off.
pub(super) fn quick_check(db: &mut Database) -> Result<Vec<String>, Failure> {
    let mut findings = Vec::new();
    rows(db, &format!("PRAGMA quick_check({FINDINGS})"), |row| {
        let finding = row(0).text().unwrap_or_default();
        if finding != "ok" && !finding.starts_with("CHECK constraint failed") {
            findings.push(finding);
        }
    })?;
    findings.truncate(MAX_FINDINGS);
    Ok(findings)
}

/// Checks a database and reads what others depend on.
pub(super) fn inspect(db: &mut Database) -> Result<Inspection> {
    Ok(Inspection { findings: quick_check(db)?, facets: facets(db)?, due: due(db)? })
}
