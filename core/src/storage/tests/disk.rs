use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;

use super::{Files, exec, exists, number, options};
use crate::error::{ErrorCode, Result};
use crate::storage::meter::Used;
use crate::storage::{Disk, Durability, Storage};
use crate::value::Value;

fn fill(storage: &Storage, value: i64) {
    storage.kv().put("k", &Value::Int(value)).expect("stored");
    exec(storage, "CREATE TABLE IF NOT EXISTS t(a); INSERT INTO t VALUES (1)").expect("a row");
    storage.commit().expect("commits");
}

fn value(storage: &Storage) -> Option<i64> {
    storage.kv().get("k").expect("readable").and_then(|value| value.as_i64())
}

fn entries(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir)
        .expect("a directory")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn every_durability_keeps_what_was_committed() {
    for durability in [Durability::Full, Durability::Relaxed, Durability::None] {
        let files = Files::with(durability);
        fill(&files.storage(), 7);
        files.disk.close();
        assert_eq!(entries(&files.path()), ["data.sqlite"], "the log goes with the last handle");
        assert!(!exists(&files.dir.path().join("commit.log")));
        assert_eq!(value(&files.reopened(durability).storage()), Some(7));
    }
}

/// Opens the database, reads, and closes it.
fn read_once(files: &Files) {
    let storage = files.storage();
    assert_eq!(value(&storage), Some(7));
    storage.meter().add(Used::Events, 1);
    storage.close();
}

fn events(files: &Files) -> u64 {
    files.disk.usage(&files.path()).expect("readable").used[Used::Events as usize]
}

#[test]
fn what_an_actor_that_reads_has_used_stays_in_a_short_log() {
    let files = Files::with(Durability::Relaxed);
    fill(&files.storage(), 7);
    let database = fs::read(files.file()).expect("readable");
    let log = files.path().join("data.sqlite-wal");
    let mut times = 0;
    loop {
        read_once(&files);
        times += 1;
        assert_eq!(events(&files), times);
        if !log.exists() {
            break;
        }
        assert!(times < 20, "the log is never moved");
        assert_eq!(fs::read(files.file()).expect("readable"), database);
    }
    assert!(times > 1, "the log is moved each time");

    read_once(&files);
    fs::remove_file(&log).expect("there");
    assert_eq!((value(&files.storage()), events(&files)), (Some(7), times), "as after a power cut");

    read_once(&files);
    fill(&files.storage(), 8);
    assert_eq!(entries(&files.path()), ["data.sqlite"]);
    assert_eq!((value(&files.storage()), events(&files)), (Some(8), times + 1));
}

#[test]
fn what_becomes_another_actor_s_is_summed_up_once() {
    let files = Files::new();
    let parent = files.storage();
    fill(&parent, 7);
    let dir = files.path().join("1");
    fs::create_dir_all(&dir).expect("a directory");
    let facet = files.disk.storage(dir, options());
    facet.meter().add(Used::Events, 1);
    let (begin, begun) = mpsc::channel::<usize>();
    thread::scope(|scope| {
        let (disk, storages) = (&files.disk, [&facet, &parent]);
        scope.spawn(move || {
            for from in begun {
                let _moving = disk.moving();
                let moved = storages[from].meter().take_unsaved();
                thread::yield_now();
                storages[1 - from].meter().add_all(moved);
            }
        });
        for round in 0..1_000 {
            begin.send(round % 2).expect("it listens");
            assert_eq!(events(&files), 1, "in round {round}");
        }
        drop(begin);
    });
}

#[test]
fn there_is_no_shared_memory_file() {
    let files = Files::new();
    let storage = files.storage();
    fill(&storage, 1);
    assert_eq!(entries(&files.path()), ["data.sqlite", "data.sqlite-wal"]);
}

#[test]
fn a_crash_loses_nothing_that_was_committed() -> Result<()> {
    let files = Files::new();
    let storage = files.storage();
    fill(&storage, 1);
    storage.kv().put("k", &Value::Int(2))?;
    // What a crash would leave: the files as they are now.
    let crashed = Files::new();
    fs::create_dir_all(crashed.path()).expect("a directory");
    for name in entries(&files.path()) {
        fs::copy(files.path().join(&name), crashed.path().join(&name)).expect("copied");
    }
    assert_eq!(value(&crashed.storage()), Some(1));
    Ok(())
}

#[test]
fn files_that_are_not_ours_are_refused_and_left_alone() {
    let files = Files::new();
    fill(&files.storage(), 1);
    let good = fs::read(files.file()).expect("readable");
    let with = |at: usize, bytes: &[u8]| {
        let mut bad = good.clone();
        bad[at..at + bytes.len()].copy_from_slice(bytes);
        bad
    };
    let cases = [
        (Vec::new(), "not a SQLite database"),
        (b"SQLite format 3".to_vec(), "not a SQLite database"),
        (vec![b'x'; 8192], "not a SQLite database"),
        (with(68, &[0, 0, 0, 1]), "another application"),
        (with(60, &[0, 0, 0, 2]), "format version 2"),
        (with(100, &[0xff; 300]), "malformed"),
        (with(16, &[0x12, 0x34]), "not a database"),
    ];
    for (bytes, message) in cases {
        fs::write(files.file(), &bytes).expect("written");
        let storage = files.storage();
        let error = storage.kv().get("k").expect_err("refused");
        assert_eq!(error.code(), ErrorCode::Corrupt, "{error}");
        assert!(error.message().contains(message), "{error}");
        storage.kv().put("k", &Value::Null).expect_err("refused");
        exec(&storage, "SELECT 1").expect_err("refused");
        storage.close();
        assert_eq!(fs::read(files.file()).expect("readable"), bytes);
        assert_eq!(entries(&files.path()), ["data.sqlite"]);
    }
}

#[test]
fn a_file_is_open_once() -> Result<()> {
    let files = Files::new();
    let first = files.storage();
    fill(&first, 1);
    let second = files.storage();
    assert_eq!(second.kv().get("k").expect_err("in use").code(), ErrorCode::Storage);
    first.close();
    assert_eq!(value(&second), Some(1));
    Ok(())
}

/// A tree of an object, its facet 1 and that one's facet 1.
fn tree(disk: &Disk, root: &Path) -> Vec<Storage> {
    [root.to_owned(), root.join("1"), root.join("1/1")]
        .into_iter()
        .zip(1..)
        .map(|(path, n)| {
            let storage = disk.storage(path, options());
            storage.facet_create("child").expect("entered");
            fill(&storage, n);
            storage
        })
        .collect()
}

fn check_copy(disk: &Disk, root: &Path) {
    for (path, n) in [(root.to_owned(), 1), (root.join("1"), 2), (root.join("1/1"), 3)] {
        let storage = disk.storage(path, options());
        assert_eq!(value(&storage), Some(n));
        assert_eq!(number(&storage, "SELECT count(*) FROM t"), 1);
        storage.close();
    }
}

#[test]
fn a_tree_is_copied_while_it_is_open() -> Result<()> {
    let files = Files::new();
    let storages = tree(&files.disk, &files.path());
    storages[1].kv().put("k", &Value::Int(99))?; // not committed
    let copy = files.path().with_file_name("copy");
    files.disk.copy_tree(&files.path(), &copy)?;
    check_copy(&files.disk, &copy);
    fill(&storages[1], 5);
    assert_eq!(value(&storages[1]), Some(5));
    drop(storages);
    let second = files.path().with_file_name("second");
    files.disk.copy_tree(&copy, &second)?;
    check_copy(&files.disk, &second);
    Ok(())
}

#[test]
fn a_tree_in_memory_is_copied_and_removed() -> Result<()> {
    let disk = Disk::memory();
    let (root, copy) = (PathBuf::from("/o"), PathBuf::from("/copy"));
    let storages = tree(&disk, &root);
    storages[2].close();
    disk.copy_tree(&root, &copy)?;
    check_copy(&disk, &copy);
    disk.remove_tree(&copy.join("1"))?;
    assert_eq!(value(&disk.storage(copy.clone(), options())), Some(1));
    assert_eq!(value(&disk.storage(copy.join("1"), options())), None);
    assert_eq!(value(&disk.storage(copy.join("1/1"), options())), None);
    Ok(())
}

#[test]
fn copying_or_removing_nothing_does_nothing() -> Result<()> {
    let files = Files::new();
    for disk in [&files.disk, &Disk::memory()] {
        let (from, to) = (files.path(), files.path().with_file_name("to"));
        disk.copy_tree(&from, &to)?;
        disk.remove_tree(&from)?;
        assert!(!exists(&to));
        assert_eq!(value(&disk.storage(to, options())), None);
    }
    Ok(())
}

#[test]
fn memory_outlives_its_storages() -> Result<()> {
    let disk = Disk::memory();
    let storage = || disk.storage(PathBuf::from("/o"), options());
    let first = storage();
    fill(&first, 7);
    exec(&first, "PRAGMA foreign_keys = OFF; PRAGMA recursive_triggers = ON")?;
    first.kv().put("k", &Value::Int(8))?;
    first.close();
    let second = storage();
    assert_eq!(number(&second, "PRAGMA foreign_keys"), 1);
    assert_eq!(number(&second, "PRAGMA recursive_triggers"), 0);
    assert_eq!(value(&second), Some(7));
    second.kv().put("k", &Value::Int(9))?;
    drop(second);
    assert_eq!(value(&storage()), Some(7));
    disk.close();
    assert_eq!(value(&storage()), None);
    Ok(())
}

#[test]
fn closing_the_disk_closes_what_is_open() {
    let files = Files::new();
    let storage = files.storage();
    fill(&storage, 1);
    files.disk.close();
    let error = storage.kv().get("k").expect_err("closed");
    assert_eq!(error.code(), ErrorCode::Closed);
    assert_eq!(entries(&files.path()), ["data.sqlite"]);
}
