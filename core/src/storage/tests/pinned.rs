//! Mode full: the commit log stays short, whatever keeps a database from being settled.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::logged::{put, value};
use super::{Files, exec};
use crate::error::Result;
use crate::medium::{Handle, Medium, System};
use crate::storage::{Durability, SqlCursor, Storage};
use crate::value::Value;

const LOG_BYTES: u64 = 4 << 20;

/// The system's files with a short log.
struct Short;

impl Medium for Short {
    fn open(&self, path: &Path) -> io::Result<Box<dyn Handle>> {
        System.open(path)
    }
    fn create(&self, path: &Path) -> io::Result<Box<dyn Handle>> {
        System.create(path)
    }
    fn log_bytes(&self) -> u64 {
        LOG_BYTES
    }
}

fn write(storage: &Storage, kib: usize, key: i64) -> Result<()> {
    storage.kv().put(&format!("text {key}"), &Value::from("x".repeat(kib << 10)))
}

/// Commits of other databases, about 400 KiB each; answers how long the log is.
fn work(files: &Files, from: i64, to: i64) -> u64 {
    let busy = files.storage_at("busy");
    for n in from..to {
        write(&busy, 400, 0).expect("stored");
        put(&busy, n);
    }
    busy.close();
    fs::metadata(files.root().join("commit.log")).expect("there").len()
}

/// Lets `pin` leave something open at the object "a" and checks the length of the log while others work, and what
/// a crash leaves at any time: the object has to be at `committed`, and after its commit at 9.
fn check<T>(committed: Option<i64>, pin: impl FnOnce(&Storage) -> Result<T>) -> Result<()> {
    let files = Files::on(Arc::new(Short));
    let pinned = files.storage_at("a");
    let kept = pin(&pinned)?;
    for round in 0..6 {
        let length = work(&files, round * 20, round * 20 + 20);
        assert!(length <= 2 * LOG_BYTES + (3 << 20), "{length} after round {round}");
        let image = files.killed().reopened(Durability::Full);
        assert_eq!(value(&image.disk, &image.at("a")), committed, "round {round}");
        let findings = image.disk.inspect(&image.at("a"))?.map(|found| found.findings);
        assert!(findings.is_none_or(|found| found.is_empty()), "round {round}");
        assert_eq!(value(&image.disk, &image.at("busy")), Some(round * 20 + 19));
    }
    drop(kept);
    pinned.kv().put("k", &Value::Int(9))?;
    pinned.commit()?;
    work(&files, 0, 9);
    let image = files.killed().reopened(Durability::Full);
    assert_eq!(value(&image.disk, &image.at("a")), Some(9));
    Ok(())
}

#[test]
fn by_a_transaction_that_stays_open() -> Result<()> {
    check(Some(5), |storage| {
        (1..=5).for_each(|n| put(storage, n));
        storage.kv().put("k", &Value::Int(6))
    })
}

#[test]
fn by_the_first_transaction_of_a_database() -> Result<()> {
    check(None, |storage| storage.kv().put("k", &Value::Int(6)))
}

#[test]
fn by_a_transaction_whose_pages_are_written_early() -> Result<()> {
    check(Some(2), |storage| {
        (1..=2).for_each(|n| put(storage, n));
        write(storage, 3 << 10, 7)?;
        write(storage, 3 << 10, 8)?;
        storage.kv().put("k", &Value::Int(6))
    })
}

#[test]
fn by_a_transaction_that_begins_the_databases_own_log_anew() -> Result<()> {
    check(Some(3), |storage| {
        // So much is moved to the database with the commit.
        (0..3).try_for_each(|n| write(storage, 2 << 10, n))?;
        put(storage, 3);
        (0..3).try_for_each(|n| write(storage, 3 << 10, n))
    })
}

#[test]
fn by_rows_that_are_left_unread() -> Result<()> {
    check(Some(3), |storage| -> Result<SqlCursor> {
        exec(storage, "CREATE TABLE t(n); INSERT INTO t VALUES (1), (2), (3)")?;
        put(storage, 3);
        let cursor = storage.sql().exec("SELECT n FROM t", Vec::new())?;
        cursor.next()?;
        Ok(cursor)
    })
}

#[test]
fn by_databases_that_are_idle_or_closed() {
    let files = Files::on(Arc::new(Short));
    let idle = files.storage_at("idle");
    put(&idle, 1);
    put(&files.storage_at("closed"), 2);
    for round in 0..6 {
        let length = work(&files, round * 20, round * 20 + 20);
        assert!(length <= 2 * LOG_BYTES + (2 << 20), "{length} after round {round}");
        let image = files.killed().reopened(Durability::Full);
        assert_eq!(value(&image.disk, &image.at("idle")), Some(1 + round));
        assert_eq!(value(&image.disk, &image.at("closed")), Some(2));
        put(&idle, 2 + round);
    }
    files.disk.close();
    assert!(!super::exists(&files.root().join("commit.log")));
}

#[test]
fn by_more_open_transactions_than_it_has_room_for() -> Result<()> {
    let files = Files::on(Arc::new(Short));
    let pinned: Vec<_> = (0..12).map(|n| files.storage_at(&format!("pinned {n}"))).collect();
    for storage in &pinned {
        write(storage, 700, 1)?;
        put(storage, 1);
        storage.kv().put("k", &Value::Int(2))?;
    }
    let held = (12 * 720) << 10;
    for round in 0..10 {
        let length = work(&files, round * 20, round * 20 + 20);
        assert!(length <= 2 * (LOG_BYTES + 4 * held) + (2 << 20), "{length}");
    }
    let image = files.killed().reopened(Durability::Full);
    for n in 0..12 {
        let storage = image.storage_at(&format!("pinned {n}"));
        assert_eq!(storage.kv().get("k")?, Some(Value::Int(1)));
        let text = storage.kv().get("text 1")?;
        assert_eq!(text.as_ref().and_then(Value::as_str).map(str::len), Some(700 << 10));
    }
    Ok(())
}
