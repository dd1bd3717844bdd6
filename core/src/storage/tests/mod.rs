//! Tests of the storage as the rest of the core sees it: through `Disk` and `Storage`.

mod codec;
mod cursors;
mod deferred;
mod disk;
mod facets;
mod full;
mod fulltext;
mod functions;
mod kv;
mod limits;
mod logged;
mod patterns;
mod pinned;
mod sandbox;
mod sizes;
mod sql;
mod transactions;
mod unmade;
mod unmade_faults;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tempfile::TempDir;

use super::{Disk, Durability, Storage, StorageOptions};
use crate::error::Result;
use crate::medium::System;
use crate::value::Value;

fn options() -> StorageOptions {
    StorageOptions {
        storage_bytes: 1 << 30,
        interrupt: Arc::default(),
        alarm: None,
        deferred: Arc::default(),
    }
}

/// A storage in memory.
fn memory() -> Storage {
    Disk::memory().storage(PathBuf::from("/o"), options())
}

/// A data directory for one test.
struct Files {
    dir: TempDir,
    disk: Disk,
}

impl Files {
    fn new() -> Files {
        Files::with(Durability::None)
    }

    fn with(durability: Durability) -> Files {
        let dir = TempDir::new().expect("a temporary directory");
        let root = dir.path().canonicalize().expect("the directory exists");
        let disk = Disk::files(&root, durability, Arc::new(System)).expect("a new directory");
        Files { dir, disk }
    }

    /// Opens the same directory anew.
    fn reopened(self, durability: Durability) -> Files {
        let root = self.dir.path().canonicalize().expect("the directory exists");
        let disk = Disk::files(&root, durability, Arc::new(System)).expect("recovers");
        Files { disk, ..self }
    }

    fn path(&self) -> PathBuf {
        let root = self.dir.path().canonicalize().expect("the directory exists");
        root.join("objects").join("o")
    }

    fn file(&self) -> PathBuf {
        self.path().join("data.sqlite")
    }

    fn storage(&self) -> Storage {
        self.disk.storage(self.path(), options())
    }

    /// Ends `storage` after a commit and opens its database anew.
    fn reopen(&self, storage: &Storage) -> Storage {
        storage.commit().expect("commits");
        storage.close();
        self.storage()
    }
}

fn exec(storage: &Storage, query: &str) -> Result<Vec<Vec<Value>>> {
    exec_with(storage, query, Vec::new())
}

fn exec_with(storage: &Storage, query: &str, bindings: Vec<Value>) -> Result<Vec<Vec<Value>>> {
    storage.sql().exec(query, bindings)?.raw()
}

/// The message of an error of `query`.
fn refusal(storage: &Storage, query: &str) -> String {
    match exec(storage, query) {
        Ok(rows) => panic!("{query} answered {rows:?}"),
        Err(error) => error.message().to_owned(),
    }
}

/// The first column of the only row as a whole number.
fn number(storage: &Storage, query: &str) -> i64 {
    let rows = exec(storage, query).unwrap_or_else(|error| panic!("{query}: {error}"));
    rows[0][0].as_i64().expect("a whole number")
}

fn exists(path: &Path) -> bool {
    path.try_exists().expect("can be looked at")
}

fn interruptible() -> (Storage, Arc<AtomicBool>) {
    let interrupt = Arc::new(AtomicBool::new(false));
    let options = StorageOptions { interrupt: interrupt.clone(), ..options() };
    (Disk::memory().storage(PathBuf::from("/o"), options), interrupt)
}
