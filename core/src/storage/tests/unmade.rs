//! Databases that have no files yet.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use super::logged::{Failing, contents, put, value};
use super::{Files, exec, exists, number, options};
use crate::error::Result;
use crate::medium::{Handle, Medium, System};
use crate::storage::{Disk, Durability, Storage};
use crate::value::Value;

/// Files that can't get their names for a while.
#[derive(Clone, Default)]
struct Stubborn(Arc<AtomicBool>);

impl Stubborn {
    fn ask(&self) -> io::Result<()> {
        match self.0.load(Ordering::Relaxed) {
            true => Err(io::Error::other("refused")),
            false => Ok(()),
        }
    }

    fn set(&self, refuses: bool) {
        self.0.store(refuses, Ordering::Relaxed);
    }
}

impl Medium for Stubborn {
    fn open(&self, path: &Path) -> io::Result<Box<dyn Handle>> {
        System.open(path)
    }
    fn create(&self, path: &Path) -> io::Result<Box<dyn Handle>> {
        System.create(path)
    }
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        System.create_dir(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.ask()?;
        System.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        System.remove(path)
    }
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        System.sync_dir(path)
    }
}

fn full() -> Files {
    Files::with(Durability::Full)
}

/// Writes more than SQLite keeps before the end of a transaction.
fn grow(storage: &Storage) -> Result<()> {
    let large = Value::from("x".repeat(1 << 20));
    (0..6).try_for_each(|n| storage.kv().put(&format!("large {n}"), &large))
}

#[test]
fn a_new_database_has_no_files_even_when_it_is_closed() -> Result<()> {
    let files = full();
    let storage = files.storage();
    put(&storage, 1);
    assert!(storage.sleep());
    put(&storage, 2);
    storage.close();
    assert_eq!(value(&files.disk, &files.path()), Some(2));
    let rows = files.disk.query(&files.path(), "SELECT value FROM _fb_kv", &[])?;
    assert_eq!(rows.expect("a database").rows, [[Value::Int(2)]]);
    assert!(!exists(&files.dir.path().join("objects")), "looking changes nothing");
    assert!(files.disk.exists(&files.path())?);

    let image = files.killed();
    files.disk.place(&files.path()).expect("makes its files");
    assert_eq!(contents(&files.path()).len(), 2, "a database and its log");
    put(&files.storage(), 3);
    let later = files.cut();
    for (image, n) in [(image, 2), (later, 3)] {
        let image = image.reopened(Durability::Relaxed);
        assert_eq!(value(&image.disk, &image.path()), Some(n));
    }
    Ok(())
}

#[test]
fn many_without_files_get_them() -> Result<()> {
    let files = full();
    let text = Value::from("x".repeat(30_000));
    let at = |n: usize| files.at(&format!("{n:03}"));
    // Three times what may be in memory: those that the thread hasn't come to make their own.
    for n in 0..1_200 {
        let storage = files.disk.storage(at(n), options());
        storage.kv().put("text", &text)?;
        put(&storage, n as i64);
        storage.close();
    }
    let in_files = (0..1_200).filter(|n| exists(&at(*n).join("data.sqlite"))).count();
    assert!(in_files >= 700, "{in_files} have files");
    while !exists(&at(0).join("data.sqlite")) {
        std::thread::yield_now(); // the oldest first
    }
    for n in 0..1_200 {
        assert_eq!(value(&files.disk, &at(n)), Some(n as i64));
    }
    Ok(())
}

#[test]
fn logs_of_open_databases_are_moved_and_begin_again_in_memory() -> Result<()> {
    const COUNT: usize = 300;
    let files = full();
    let text = Value::from("x".repeat(30_000));
    let at = |files: &Files, n: usize| files.at(&format!("{n:03}"));
    // More than the thread leaves in memory, and less than makes whoever writes make files.
    let make = |n: usize| {
        let storage = files.disk.storage(at(&files, n), options());
        storage.kv().put("text", &text)?;
        put(&storage, 0);
        Ok(storage)
    };
    let open = (0..COUNT).map(make).collect::<Result<Vec<_>>>()?;
    while !exists(&at(&files, 0).join("data.sqlite")) {
        std::thread::yield_now();
    }
    drop(files.disk.hold_settling()); // the thread has moved what it moves, of which none may be in use
    let image = files.killed().reopened(Durability::Full);
    (0..COUNT).for_each(|n| assert_eq!(value(&image.disk, &at(&image, n)), Some(0)));
    (1..).zip(&open).for_each(|(n, storage)| put(storage, n));
    let logs = (0..COUNT).filter(|n| exists(&at(&files, *n).join("data.sqlite-wal"))).count();
    assert_eq!(logs, 0, "a log has a file");
    let image = files.killed().reopened(Durability::Full);
    for (n, storage) in open.iter().enumerate() {
        assert_eq!(value(&image.disk, &at(&image, n)), Some(n as i64 + 1));
        assert_eq!(storage.kv().get("text")?, Some(text.clone()));
    }
    Ok(())
}

#[test]
fn a_database_without_a_commit_leaves_nothing() -> Result<()> {
    let files = full();
    let storage = files.storage();
    storage.kv().put("k", &Value::Int(1))?;
    storage.close();
    assert!(!files.disk.exists(&files.path())?);
    assert!(!exists(&files.dir.path().join("objects")));
    assert_eq!(value(&files.disk, &files.path()), None);
    files.disk.close();
    assert!(contents(files.dir.path()).is_empty());
    Ok(())
}

#[test]
fn a_large_transaction_goes_on_in_files() -> Result<()> {
    let files = full();
    let storage = files.storage();
    exec(&storage, "CREATE TABLE t(n); INSERT INTO t VALUES (1), (2), (3)")?;
    let cursor = storage.sql().exec("SELECT n FROM t", Vec::new())?;
    assert!(cursor.next()?.is_some());
    assert!(!exists(&files.file()));
    grow(&storage)?;
    assert!(exists(&files.file()), "it doesn't stay in memory");
    assert_eq!(cursor.to_array()?.len(), 2);
    let before = [files.killed(), files.cut()];
    storage.commit()?;
    let after = [files.killed(), files.cut()];
    for (images, rows) in [(before, None), (after, Some(3))] {
        for image in images {
            let image = image.reopened(Durability::Full);
            let storage = image.storage();
            let found = exec(&storage, "SELECT count(*) FROM t");
            assert_eq!(found.ok().map(|rows| rows[0][0].clone()), rows.map(Value::Int));
            assert_eq!(storage.kv().get("large 5")?.is_some(), rows.is_some());
        }
    }

    let other = rusqlite::Connection::open(files.file()).expect("opens");
    let read = other.query_row("SELECT count(*) FROM _fb_kv", [], |row| row.get::<_, i64>(0));
    assert!(read.expect_err("it is locked").to_string().contains("locked"));
    grow(&storage)?;
    storage.rollback();
    assert_eq!(number(&storage, "SELECT count(*) FROM t"), 3);
    put(&storage, 5);
    let image = files.cut().reopened(Durability::Full);
    assert_eq!(value(&image.disk, &image.path()), Some(5));
    Ok(())
}

/// How long the file of the write-ahead log is, if there is one.
fn wal_length(files: &Files) -> Option<u64> {
    fs::metadata(files.path().join("data.sqlite-wal")).ok().map(|wal| wal.len())
}

#[test]
fn a_write_ahead_log_is_in_memory_as_far_as_there_is_room() -> Result<()> {
    let files = full();
    put(&files.storage(), 1);
    files.disk.close();
    let files = files.reopened(Durability::Full);
    let storage = files.storage();
    (2..=200).for_each(|n| put(&storage, n));
    assert_eq!(wal_length(&files), None);
    let image = files.killed().reopened(Durability::Relaxed);
    assert_eq!(value(&image.disk, &image.path()), Some(200));
    storage.close();
    assert_eq!(value(&files.disk, &files.path()), Some(200));
    let rows = files.disk.query(&files.path(), "SELECT value FROM _fb_kv", &[])?;
    assert_eq!(rows.expect("a database").rows, [[Value::Int(200)]]);

    let storage = files.storage();
    grow(&storage)?;
    assert!(wal_length(&files).is_some_and(|length| length > 1 << 20), "it is too large");
    storage.commit()?;
    assert_eq!(wal_length(&files), Some(0), "it was moved");
    put(&storage, 201);
    assert_eq!(wal_length(&files), Some(0), "what comes next is in memory again");
    let image = files.killed().reopened(Durability::Full);
    assert_eq!(value(&image.disk, &image.path()), Some(201));
    files.disk.settle_now();
    put(&storage, 202);
    storage.close();
    assert_eq!(value(&files.disk, &files.path()), Some(202));
    files.disk.close();
    assert_eq!(contents(&files.path()).len(), 1, "a database without a log");
    let files = files.reopened(Durability::None);
    assert_eq!(value(&files.disk, &files.path()), Some(202));
    Ok(())
}

#[test]
fn an_emptied_log_is_on_the_disk_before_the_commit_log_forgets_it() -> Result<()> {
    let left = Arc::new(AtomicI64::new(1 << 20));
    let files = Files::on(Arc::new(Failing { left: left.clone(), only_syncs: true }));
    let storage = files.storage();
    let syncs = || {
        let before = left.load(Ordering::Relaxed);
        files.disk.settle_now();
        before - left.load(Ordering::Relaxed)
    };
    put(&storage, 1);
    assert_eq!((syncs(), wal_length(&files)), (0, None));
    grow(&storage)?;
    storage.commit()?;
    assert_eq!((syncs(), wal_length(&files)), (1, Some(0)));
    Ok(())
}

/// An object with a facet that has written, which has one too, and one that has not.
fn tree(files: &Files) -> Result<Vec<Storage>> {
    let root = files.path();
    let dirs = [root.clone(), root.join("1"), root.join("1/1")];
    let storages: Vec<_> =
        dirs.iter().map(|dir| files.disk.storage(dir.clone(), options())).collect();
    for (n, (storage, dir)) in (1..).zip(storages.iter().zip(&dirs)) {
        storage.facet_create("child")?;
        files.disk.make_facet_dir(&dir.join("1"))?;
        put(storage, n);
    }
    storages[0].facet_create("silent")?;
    files.disk.make_facet_dir(&root.join("2"))?;
    storages[0].commit()?;
    assert!(!exists(&root));
    Ok(storages)
}

fn check_tree(disk: &Disk, root: &Path) -> Result<()> {
    for (below, n) in [("", 1), ("1", 2), ("1/1", 3)] {
        assert_eq!(value(disk, &root.join(below)), Some(n), "{below}");
    }
    assert_eq!(disk.count_below(root)?, 4);
    Ok(())
}

#[test]
fn what_has_no_files_is_seen_from_outside() -> Result<()> {
    let files = full();
    let (disk, root) = (&files.disk, files.path());
    let _storages = tree(&files)?;
    let objects = files.path().parent().expect("a parent").to_owned();
    assert_eq!(disk.subdirs(&objects)?, std::slice::from_ref(&root));
    assert_eq!(disk.facet_dirs(&root)?, Some([1, 2].into()));
    assert_eq!(disk.count_below(&root)?, 4);
    assert_eq!(disk.facet_number(&root, "silent")?, Some(2));
    assert!(!disk.exists(&root.join("2"))?);
    let rows = disk.query(&root, "SELECT value FROM _fb_kv", &[])?.expect("a database");
    assert_eq!(rows.rows, [[Value::Int(1)]]);
    let usage = disk.usage(&root)?;
    assert_eq!(usage.facets, 4);
    assert!(usage.bytes >= 3 * 6 * 4096, "{}", usage.bytes);
    assert!(!exists(&root), "looking changes nothing");

    let copy = root.with_file_name("copy");
    disk.copy_tree(&root, &copy)?;
    check_tree(disk, &copy)?;
    let to = files.dir.path().join("export");
    fs::create_dir(&to).expect("made");
    disk.export(&root, &to)?;
    assert_eq!(contents(&to).len(), 3, "databases without logs");
    let image = files.killed().reopened(Durability::Full);
    check_tree(&image.disk, &image.path())?;
    check_tree(&image.disk, &image.path().with_file_name("copy"))?;
    Ok(())
}

#[test]
fn closing_makes_all_files() -> Result<()> {
    let files = full();
    let storages = tree(&files)?;
    files.disk.close();
    let left = contents(files.dir.path());
    assert!(left.iter().all(|(path, _)| path.ends_with("data.sqlite")), "{left:?}");
    let files = files.reopened(Durability::Full);
    check_tree(&files.disk, &files.path())?;
    drop(storages);
    Ok(())
}

#[test]
fn what_is_removed_never_gets_files() -> Result<()> {
    let files = full();
    let (disk, root) = (&files.disk, files.path());
    let storages = tree(&files)?;
    disk.remove_tree(&root.join("1"))?;
    assert_eq!(disk.count_below(&root)?, 1);
    put(&storages[1], 7);
    grow(&storages[1]).expect_err("it has no place to go to");
    storages[1].close();
    put(&storages[0], 4); // makes the removal durable
    let image = files.killed().reopened(Durability::Full);
    assert_eq!(value(&image.disk, &image.path()), Some(4));
    assert_eq!(value(&image.disk, &image.path().join("1")), None);
    let trash = files.dir.path().join("tmp");
    fs::create_dir(&trash).expect("made");
    disk.discard(&root, &trash)?;
    assert!(!disk.exists(&root)?);
    drop(storages);
    assert!(!exists(&root));

    put(&files.storage(), 9);
    let image = files.cut().reopened(Durability::Full);
    assert_eq!(value(&image.disk, &image.path()), Some(9));
    assert_eq!(image.disk.count_below(&image.path())?, 0);
    Ok(())
}

#[test]
fn facets_that_their_parent_does_not_know_are_swept_before_they_have_files() -> Result<()> {
    let files = full();
    let storage = files.storage();
    put(&storage, 1);
    storage.facet_create("child")?;
    files.disk.make_facet_dir(&files.path().join("1"))?;
    put(&files.disk.storage(files.path().join("1"), options()), 2);
    storage.rollback();
    storage.sleep();
    assert_eq!(files.disk.count_below(&files.path())?, 1);
    assert_eq!(value(&files.disk, &files.path()), Some(1));
    assert_eq!(files.disk.count_below(&files.path())?, 0);
    Ok(())
}

#[test]
fn what_can_not_get_its_files_stays() -> Result<()> {
    let stubborn = Stubborn::default();
    let files = Files::on(Arc::new(stubborn.clone()));
    let storage = files.storage();
    put(&storage, 1);
    stubborn.set(true);
    grow(&storage).expect_err("no files");
    storage.rollback();
    put(&storage, 2);
    storage.close();
    files.disk.settle_now();
    files.disk.place(&files.path()).expect_err("not yet");
    assert!(contents(&files.path()).is_empty(), "nothing half made stays");
    assert_eq!(value(&files.disk, &files.path()), Some(2));
    let image = files.killed().reopened(Durability::Full);
    assert_eq!(value(&image.disk, &image.path()), Some(2));

    stubborn.set(false);
    grow(&files.storage())?;
    assert!(exists(&files.file()));
    put(&files.storage_at("other"), 1);
    stubborn.set(true);
    put(&files.storage_at("third"), 3);
    files.disk.close();
    assert!(exists(&files.dir.path().join("commit.log")), "it isn't settled");
    let files = files.reopened(Durability::Full);
    assert_eq!(value(&files.disk, &files.at("third")), Some(3));
    Ok(())
}

#[cfg(unix)]
#[test]
fn files_are_never_made_behind_a_link() -> Result<()> {
    let files = full();
    let storage = files.storage();
    put(&storage, 1);
    let elsewhere = files.dir.path().join("elsewhere");
    for dir in [&elsewhere, &files.dir.path().join("objects")] {
        fs::create_dir(dir).expect("made");
    }
    std::os::unix::fs::symlink(&elsewhere, files.path()).expect("made");
    files.disk.place(&files.path()).expect_err("a link");
    grow(&storage).expect_err("a link");
    storage.close();
    assert!(contents(&elsewhere).is_empty());
    fs::remove_file(files.path()).expect("removed");
    assert_eq!(value(&files.disk, &files.path()), Some(1));
    Ok(())
}
