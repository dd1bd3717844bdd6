//! Compiled statements of guests, by their text.

use std::collections::HashMap;
use std::sync::Arc;

use super::guard::Traits;
use super::raw::{Database, Statement};

/// SQL text that the cache holds at most.
const MAX_BYTES: usize = 1 << 20;
/// Statements that it holds at most, since even a short one takes kilobytes when it is compiled.
const MAX_STATEMENTS: usize = 200;

/// A compiled statement of a guest.
pub(super) struct Compiled {
    pub sql: Arc<str>,
    pub statement: Statement,
    pub traits: Traits,
    /// The schema that it was compiled for, see [`Connection`].
    ///
    /// [`Connection`]: super::connection::Connection
    pub schema: u64,
    pub readonly: bool,
    pub columns: Arc<Columns>,
}

/// The names of a statement's columns.
#[derive(Debug, PartialEq)]
pub(crate) struct Columns {
    pub names: Vec<String>,
    /// Whether two have the same name.
    pub duplicates: bool,
}

impl Columns {
    pub(super) fn of(database: &Database, statement: Statement) -> Columns {
        let count = database.column_count(statement);
        let names: Vec<_> =
            (0..count).map(|index| database.column_name(statement, index)).collect();
        let duplicates = (1..count).any(|index| names[..index].contains(&names[index]));
        Columns { names, duplicates }
    }
}

/// The statements that aren't in use.
#[derive(Default)]
pub(super) struct Cache {
    entries: HashMap<Arc<str>, Entry>,
    bytes: usize,
    clock: u64,
}

struct Entry {
    compiled: Compiled,
    used: u64,
}

impl Cache {
    /// Takes out the statement of a text.
    pub fn take(&mut self, sql: &str) -> Option<Compiled> {
        let entry = self.entries.remove(sql)?;
        self.bytes -= sql.len();
        Some(entry.compiled)
    }

    /// Keeps a statement that has been reset, at the cost of those that weren't used for longest.
    pub fn put(&mut self, database: &mut Database, compiled: Compiled) {
        self.clock += 1;
        self.bytes += compiled.sql.len();
        let entry = Entry { used: self.clock, compiled };
        if let Some(old) = self.entries.insert(entry.compiled.sql.clone(), entry) {
            self.bytes -= old.compiled.sql.len();
            database.finalize(old.compiled.statement);
        }
        while self.bytes > MAX_BYTES || self.entries.len() > MAX_STATEMENTS {
            let Some(oldest) = self.entries.values().min_by_key(|entry| entry.used) else {
                break;
            };
            let sql = oldest.compiled.sql.clone();
            if let Some(compiled) = self.take(&sql) {
                database.finalize(compiled.statement);
            }
        }
    }
}
