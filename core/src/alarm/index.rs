//! Which alarms are due when: one table for a whole runtime.
//!
//! The truth about an alarm is in its actor's own database, written with its data. The index may be early,
//! never late: an alarm that moves earlier is entered before the actor's commit, one that moves later or goes
//! is corrected after it. Whoever fires an alarm looks at the truth first.

use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension, params};

use crate::error::{Error, ErrorCode, Result};
use crate::storage::{Durability, count_memory};

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS alarms(
        key TEXT PRIMARY KEY,
        namespace TEXT NOT NULL,
        object TEXT NOT NULL,
        name TEXT,
        facets TEXT NOT NULL,
        due INTEGER NOT NULL,
        parked INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS alarms_by_due ON alarms(parked, due);";

// `parked` is compared, because SQLite seeks in an index for comparisons only.
const RELEASE_ALL: &str = "UPDATE alarms SET parked = 0 WHERE parked = 1";
const RELEASE: &str = "UPDATE alarms SET parked = 0 WHERE parked = 1 AND namespace = ?1";
const NEXT_DUE: &str = "SELECT due FROM alarms WHERE parked = 0 ORDER BY due LIMIT 1";
const TAKE_DUE: &str = "UPDATE alarms SET parked = 1 WHERE key IN
    (SELECT key FROM alarms WHERE parked = 0 AND due <= ?1 ORDER BY due LIMIT ?2)
    RETURNING key, namespace, object, name, facets";

/// Whose alarm it is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AlarmKey {
    /// The actor's directory within the data directory: unique, and a prefix of its facets' keys.
    pub key: String,
    pub namespace: String,
    /// The object's id as text.
    pub object: String,
    /// The name that the object's id was made from.
    pub name: Option<String>,
    /// The names of the facets on the way from the object to the actor.
    pub facets: Vec<String>,
}

/// The table, opened at its first use.
pub(super) struct Index {
    path: Option<PathBuf>,
    durability: Durability,
    connection: Mutex<Option<Connection>>,
}

impl Index {
    /// The index in a file, or in memory.
    pub fn new(path: Option<PathBuf>, durability: Durability) -> Index {
        Index { path, durability, connection: Mutex::new(None) }
    }

    /// Whether there may be alarms from an earlier run.
    pub fn exists(&self) -> bool {
        self.path.as_deref().is_some_and(Path::exists)
    }

    fn with<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        let mut connection = self.connection.lock();
        let opened = match connection.take() {
            Some(opened) => Ok(opened),
            None => self.open(),
        };
        let outcome = opened.and_then(|opened| work(connection.insert(opened)));
        outcome.map_err(|error| {
            // Without SQLite's own message, which has the path: guests see this error.
            let reason =
                error.sqlite_error().map_or_else(|| error.to_string(), ToString::to_string);
            Error::new(ErrorCode::Storage, format!("Cannot use the index of alarms: {reason}"))
        })
    }

    fn open(&self) -> rusqlite::Result<Connection> {
        count_memory();
        let connection = match &self.path {
            Some(path) => Connection::open(path)?,
            None => Connection::open_in_memory()?,
        };
        let synchronous = match self.durability {
            Durability::Full => "FULL",
            Durability::Relaxed => "NORMAL",
            Durability::None => "OFF",
        };
        connection.execute_batch(&format!(
            "PRAGMA locking_mode = EXCLUSIVE;
             PRAGMA journal_mode = WAL;
             PRAGMA synchronous = {synchronous};
             {SCHEMA}
             {RELEASE_ALL};"
        ))?;
        Ok(connection)
    }

    /// Enters an alarm that is due at `due_ms`, unless it is entered as due earlier.
    pub fn at_most(&self, key: &AlarmKey, due_ms: i64) -> Result<()> {
        self.enter(key, due_ms, "WHERE excluded.due < due OR parked")
    }

    /// Enters an alarm that is due at `due_ms`.
    pub fn set(&self, key: &AlarmKey, due_ms: i64) -> Result<()> {
        self.enter(key, due_ms, "WHERE excluded.due <> due OR parked")
    }

    fn enter(&self, key: &AlarmKey, due_ms: i64, condition: &str) -> Result<()> {
        let facets = serde_json::to_string(&key.facets).expect("a list of texts is JSON");
        self.with(|connection| {
            let mut statement = connection.prepare_cached(&format!(
                "INSERT INTO alarms(key, namespace, object, name, facets, due) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT(key) DO UPDATE SET due = excluded.due, parked = 0 {condition}"
            ))?;
            statement.execute(params![key.key, key.namespace, key.object, key.name, facets, due_ms])?;
            Ok(())
        })
    }

    /// Takes an alarm out.
    pub fn remove(&self, key: &str) -> Result<()> {
        self.with(|connection| {
            connection.prepare_cached("DELETE FROM alarms WHERE key = ?1")?.execute([key])?;
            Ok(())
        })
    }

    /// Takes out the alarms of everything in a directory and below.
    pub fn remove_tree(&self, key: &str) -> Result<()> {
        self.with(|connection| {
            let sql = "DELETE FROM alarms WHERE key = ?1 OR (key >= ?1 || '/' AND key < ?1 || '0')";
            connection.prepare_cached(sql)?.execute([key])?;
            Ok(())
        })
    }

    /// Alarms that are due at `now_ms`, at most `limit`. They are parked: out of the way until they are
    /// entered again or released.
    pub fn take_due(&self, now_ms: i64, limit: usize) -> Result<Vec<AlarmKey>> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached(TAKE_DUE)?;
            let keys = statement.query_map(params![now_ms, limit as i64], |row| {
                let facets: String = row.get(4)?;
                Ok(AlarmKey {
                    key: row.get(0)?,
                    namespace: row.get(1)?,
                    object: row.get(2)?,
                    name: row.get(3)?,
                    facets: serde_json::from_str(&facets).unwrap_or_default(),
                })
            })?;
            keys.collect()
        })
    }

    /// When an alarm is due as far as the table knows.
    pub fn due_of(&self, key: &str) -> Result<Option<i64>> {
        self.with(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT due FROM alarms WHERE key = ?1")?;
            statement.query_row([key], |row| row.get(0)).optional()
        })
    }

    /// When the next alarm is due.
    pub fn next_due(&self) -> Result<Option<i64>> {
        self.with(|connection| {
            connection.prepare_cached(NEXT_DUE)?.query_row([], |row| row.get(0)).optional()
        })
    }

    /// Releases the parked alarms of a namespace.
    pub fn release(&self, namespace: &str) -> Result<()> {
        self.with(|connection| {
            connection.prepare_cached(RELEASE)?.execute([namespace])?;
            Ok(())
        })
    }

    /// Closes the table.
    pub fn close(&self) {
        self.connection.lock().take();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(key: &str) -> AlarmKey {
        AlarmKey {
            key: key.into(),
            namespace: "N".into(),
            object: "id".into(),
            name: Some("o".into()),
            facets: vec!["a\"b".into()],
        }
    }

    #[test]
    fn alarms_are_taken_in_order_once_and_can_be_released() {
        let index = Index::new(None, Durability::None);
        index.set(&key("b"), 20).unwrap();
        index.set(&key("a"), 10).unwrap();
        index.set(&key("c"), 30).unwrap();
        assert_eq!(index.next_due().unwrap(), Some(10));
        assert_eq!(index.take_due(20, 9).unwrap().len(), 2);
        assert_eq!(index.take_due(20, 9).unwrap(), []);
        assert_eq!(index.next_due().unwrap(), Some(30));
        index.release("N").unwrap();
        assert_eq!(index.take_due(20, 1).unwrap(), [key("a")]);
    }

    #[test]
    fn an_entry_moves_earlier_at_once_and_later_only_by_set() {
        let index = Index::new(None, Durability::None);
        index.at_most(&key("a"), 20).unwrap();
        index.at_most(&key("a"), 30).unwrap();
        assert_eq!(index.next_due().unwrap(), Some(20));
        index.at_most(&key("a"), 10).unwrap();
        assert_eq!(index.next_due().unwrap(), Some(10));
        index.set(&key("a"), 30).unwrap();
        assert_eq!(index.next_due().unwrap(), Some(30));
    }

    #[test]
    fn a_tree_goes_with_its_root_and_spares_its_neighbours() {
        let index = Index::new(None, Durability::None);
        for name in ["x/1", "x/1/2", "x/10", "x"] {
            index.set(&key(name), 1).unwrap();
        }
        index.remove_tree("x/1").unwrap();
        let mut left: Vec<_> =
            index.take_due(1, 9).unwrap().into_iter().map(|key| key.key).collect();
        left.sort();
        assert_eq!(left, ["x", "x/10"]);
    }

    #[test]
    fn no_statement_reads_the_whole_table() {
        let index = Index::new(None, Durability::None);
        for sql in [RELEASE_ALL, RELEASE, NEXT_DUE, TAKE_DUE] {
            let plan: rusqlite::Result<Vec<String>> = index
                .with(|connection| {
                    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
                    let parameters = vec![1; statement.parameter_count()];
                    let steps = rusqlite::params_from_iter(parameters);
                    Ok(statement.query_map(steps, |row| row.get(3))?.collect())
                })
                .unwrap();
            let plan = plan.unwrap().join("\n");
            assert!(plan.contains("SEARCH") && !plan.contains("SCAN alarms"), "{sql}: {plan}");
        }
    }

    #[test]
    fn what_was_parked_when_the_process_ended_is_due_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = Some(dir.path().join("alarms.sqlite"));
        let index = Index::new(path.clone(), Durability::Full);
        assert!(!index.exists());
        index.set(&key("a"), 10).unwrap();
        assert_eq!(index.take_due(10, 9).unwrap().len(), 1);
        drop(index);
        let index = Index::new(path, Durability::Full);
        assert!(index.exists());
        assert_eq!(index.take_due(10, 9).unwrap(), [key("a")]);
    }
}
