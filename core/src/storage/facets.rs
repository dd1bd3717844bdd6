//! The registry of a parent's children, and the deletion of everything.

use rusqlite::ffi;

use super::Storage;
use super::commit::When;
use super::connection::{Connection, execute};
use super::failure::Failure;
use super::format::PAGE_SIZE;
use super::own::Own;
use super::raw::{Bind, Column};
use crate::error::{Error, ErrorCode, Result};

/// Free pages beyond which deleting everything makes the file smaller.
const MANY_FREE_PAGES: u64 = 64;

impl Storage {
    /// The number of the child facet `name`, if it exists.
    pub(crate) fn facet_number(&self, name: &str) -> Result<Option<u64>> {
        Ok(self.read(|connection| facet_number(connection, name))?.flatten())
    }

    /// Every child facet with its number, by name.
    pub(crate) fn facet_names(&self) -> Result<Vec<(String, u64)>> {
        Ok(self.read(facet_names)?.unwrap_or_default())
    }

    /// How many children there are.
    pub(crate) fn facet_count(&self) -> Result<u64> {
        let count = self.read(|connection| connection.number(Own::FacetCount, &[]))?;
        Ok(count.flatten().unwrap_or_default())
    }

    /// Enters a child facet in the open transaction; numbers are never used again.
    pub(crate) fn facet_create(&self, name: &str) -> Result<u64> {
        let mut state = self.lock()?;
        let last = state.last_facet;
        let connection = state.writer(&self.0)?;
        match facet_create(connection, name, last) {
            Ok(number) => {
                state.last_facet = number;
                Ok(number)
            }
            Err(failure) => Err(state.fail(failure, &self.0)),
        }
    }

    /// Takes a child facet out in the open transaction.
    pub(crate) fn facet_delete(&self, name: &str) -> Result<Option<u64>> {
        let Some(number) = self.facet_number(name)? else {
            return Ok(None);
        };
        self.write(|connection| {
            connection.run(Own::FacetDelete, &[Bind::Int(number as i64)])?;
            Ok(Some(number))
        })
    }

    /// Deletes every key, table and facet entry and commits that; answers the numbers of the facets.
    ///
    /// What was uncommitted is discarded. Cursors that are open end with an error.
    pub(crate) fn delete_all(&self) -> Result<Vec<u64>> {
        let mut state = self.lock()?;
        if state.in_savepoint() {
            let message = "Cannot call deleteAll() within a transaction";
            return Err(Error::named(ErrorCode::InvalidArgument, "Error", message));
        }
        drop(state);
        self.rollback();
        state = self.lock()?;
        state.deleted_lists = state.lists;
        let Some(connection) = state.reader(&self.0)? else {
            return Ok(Vec::new());
        };
        connection.cancel_cursors(&deleted());
        wipe(connection).map_err(|failure| state.fail(failure, &self.0))
    }
}

/// What cursors and lists answer whose database was deleted.
pub(super) fn deleted() -> Error {
    let message = "SQLite query was canceled because the database was deleted.";
    Error::new(ErrorCode::Storage, message)
}

fn facet_number(connection: &mut Connection, name: &str) -> Result<Option<u64>, Failure> {
    connection.number(Own::FacetNumber, &[Bind::Text(name.as_bytes())])
}

fn facet_names(connection: &mut Connection) -> Result<Vec<(String, u64)>, Failure> {
    let statement = connection.own(Own::FacetList)?;
    let mut names = Vec::new();
    connection.db.run(statement, &[], |db| {
        if let (Column::Int(number), Column::Text(name)) =
            (db.column(statement, 0), db.column(statement, 1))
        {
            names.push((String::from_utf8_lossy(name).into_owned(), number as u64));
        }
        true
    })?;
    Ok(names)
}

fn facet_create(connection: &mut Connection, name: &str, last: u64) -> Result<u64, Failure> {
    let stored = connection.number(Own::LastFacet, &[])?.unwrap_or_default();
    let number = last.max(stored) + 1;
    connection.run(Own::FacetAdd, &[Bind::Int(number as i64), Bind::Text(name.as_bytes())])?;
    connection.run(Own::SetLastFacet, &[Bind::Int(number as i64)])?;
    Ok(number)
}

/// Deletes everything but what `_fb_meta` remembers.
fn wipe(connection: &mut Connection) -> Result<Vec<u64>, Failure> {
    let numbers = facet_names(connection)?.into_iter().map(|(_, number)| number).collect();
    // Tables go in any order, and the tables of a broken virtual table like any other.
    connection.db.configure(ffi::SQLITE_DBCONFIG_ENABLE_FKEY, false)?;
    connection.db.configure(ffi::SQLITE_DBCONFIG_DEFENSIVE, false)?;
    connection.recent.clear();
    let outcome = connection.run(Own::Begin, &[]).and_then(|()| {
        drop_guests(connection)?;
        execute(
            &mut connection.db,
            "DELETE FROM _fb_kv; DELETE FROM _fb_facets;
             UPDATE _fb_alarm SET time = NULL, due = NULL, generation = generation + 1;",
        )?;
        connection.commit(When::Durable).map(drop)
    });
    if outcome.is_err() && !connection.db.is_autocommit() {
        connection.run(Own::Rollback, &[])?;
    }
    connection.db.configure(ffi::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.db.configure(ffi::SQLITE_DBCONFIG_ENABLE_FKEY, true)?;
    outcome?;
    shrink(connection);
    Ok(numbers)
}

fn drop_guests(connection: &mut Connection) -> Result<(), Failure> {
    let statement = connection.own(Own::Guests)?;
    let mut drops = Vec::new();
    connection.db.run(statement, &[], |db| {
        if let (Column::Text(kind), Column::Text(name)) =
            (db.column(statement, 0), db.column(statement, 1))
        {
            let kind = if kind == b"view" { "VIEW" } else { "TABLE" };
            drops.push(format!(
                "DROP {kind} IF EXISTS main.{}",
                quoted(&String::from_utf8_lossy(name))
            ));
        }
        true
    })?;
    if !drops.is_empty() {
        connection.db.install_functions()?;
    }
    drops.iter().try_for_each(|sql| execute(&mut connection.db, sql))
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Gives space back to the file system. The space would be used again otherwise, so failing is fine.
fn shrink(connection: &mut Connection) {
    let free = connection.number(Own::FreePages, &[]).ok().flatten().unwrap_or_default();
    if free < MANY_FREE_PAGES {
        return;
    }
    // VACUUM attaches a database for its work.
    connection.db.limit(ffi::SQLITE_LIMIT_ATTACHED, 1);
    // It writes each page that is in use.
    let pages = connection.size().unwrap_or_default() / PAGE_SIZE;
    let shrunk = connection
        .reserve(pages as usize)
        .and_then(|()| execute(&mut connection.db, "VACUUM"))
        .inspect_err(|_| connection.give_back())
        .and_then(|()| connection.checkpoint(true));
    if let Err(failure) = shrunk {
        tracing::debug!(error = failure.text(), "an emptied database keeps its size");
    }
    connection.db.limit(ffi::SQLITE_LIMIT_ATTACHED, 0);
}
