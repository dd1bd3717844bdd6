//! Mode full: the commit log, and what a crash leaves of everything else.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use rusqlite::config::DbConfig;

use super::{Files, exec, exists, number, options};
use crate::error::{ErrorCode, Result};
use crate::medium::{Handle, Medium, System};
use crate::storage::{Disk, Durability, Storage};
use crate::value::Value;

pub(super) fn put(storage: &Storage, value: i64) {
    storage.kv().put("k", &Value::Int(value)).expect("stored");
    storage.commit().expect("commits");
}

pub(super) fn value(disk: &Disk, dir: &Path) -> Option<i64> {
    let storage = disk.storage(dir.to_owned(), options());
    let value = storage.kv().get("k").expect("readable").and_then(|value| value.as_i64());
    storage.close();
    value
}

impl Files {
    pub(super) fn root(&self) -> PathBuf {
        self.dir.path().canonicalize().expect("the directory exists")
    }

    pub(super) fn at(&self, name: &str) -> PathBuf {
        self.root().join("objects").join(name)
    }

    pub(super) fn storage_at(&self, name: &str) -> Storage {
        self.disk.storage(self.at(name), options())
    }

    pub(super) fn on(medium: Arc<dyn Medium>) -> Files {
        let files = Files::new();
        let disk = Disk::files(&files.root(), Durability::Full, medium).expect("opens");
        Files { disk, ..files }
    }

    /// What is on the disk if the process is killed now, in a directory of its own that isn't opened yet.
    pub(super) fn killed(&self) -> Files {
        self.killed_in(Files::new())
    }

    pub(super) fn killed_in(&self, image: Files) -> Files {
        let _quiet = self.disk.hold_settling();
        copy(&self.root(), &image.root());
        image
    }

    /// What is there after a power cut that spared only the log: databases are torn, their own logs stale.
    pub(super) fn cut(&self) -> Files {
        self.cut_in(Files::new())
    }

    pub(super) fn cut_in(&self, image: Files) -> Files {
        let image = self.killed_in(image);
        let objects = image.root().join("objects");
        if exists(&objects) {
            damage(&objects);
        }
        image
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        match path.is_dir() {
            true => copy(&path, &target),
            false => drop(fs::copy(&path, &target).expect("copied")),
        }
    }
}

fn damage(dir: &Path) {
    for entry in fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => damage(&path),
            false => fs::write(&path, [7; 5000]).expect("written"),
        }
    }
}

/// Files below a directory, with their contents.
pub(super) fn contents(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => found.extend(contents(&path)),
            false => found.push((path.clone(), fs::read(&path).expect("readable"))),
        }
    }
    found.sort();
    found
}

#[test]
fn the_log_alone_brings_new_databases_back() {
    let files = Files::with(Durability::Full);
    let (one, other) = (files.storage_at("a/b"), files.storage_at("c"));
    (1..=30).for_each(|n| put(&one, n));
    put(&other, 7);
    other.close();
    files.disk.place(&files.at("c")).expect("makes its files");
    one.kv().put("k", &Value::Int(99)).expect("stored"); // not committed

    let images = [files.killed(), files.cut(), {
        let image = files.killed();
        fs::remove_dir_all(image.root().join("objects")).expect("removed");
        image
    }];
    for image in images {
        let image = image.reopened(Durability::Full);
        assert!(!exists(&image.root().join("commit.log")));
        assert!(!exists(&image.at("a/b").join("data.sqlite-wal")));
        assert_eq!(value(&image.disk, &image.at("a/b")), Some(30));
        assert_eq!(value(&image.disk, &image.at("c")), Some(7));
    }
}

#[test]
fn each_mode_recovers_first() {
    let files = Files::with(Durability::Full);
    put(&files.storage_at("a"), 5);
    for durability in [Durability::Relaxed, Durability::None] {
        let image = files.cut().reopened(durability);
        assert_eq!(value(&image.disk, &image.at("a")), Some(5));
    }
}

#[test]
fn closing_leaves_plain_files_and_no_log() {
    let files = Files::with(Durability::Full);
    let storages: Vec<_> = (0..5).map(|n| files.storage_at(&n.to_string())).collect();
    storages.iter().for_each(|storage| put(storage, 3));
    storages[..2].iter().for_each(|storage| storage.close());
    files.disk.close();
    assert!(!exists(&files.root().join("commit.log")));
    for (path, bytes) in contents(&files.root()) {
        assert!(path.ends_with("data.sqlite"), "{path:?}");
        assert!(bytes.starts_with(b"SQLite format 3\0"));
    }
}

/// A closed database that somebody has switched to a rollback journal.
fn switched() -> (Files, PathBuf) {
    let files = Files::with(Durability::Full);
    put(&files.storage_at("o"), 1);
    files.disk.close();
    let file = files.at("o").join("data.sqlite");
    let other = rusqlite::Connection::open(&file).expect("opens");
    other.pragma_update(None, "journal_mode", "DELETE").expect("switched");
    drop(other);
    assert_eq!(fs::read(&file).expect("readable")[18..20], [1, 1]);
    (files, file)
}

/// What is written next to that is durable without the database's own file.
fn assert_durable(files: Files, file: &Path) {
    let files = files.reopened(Durability::Full);
    // Opened once: what the first has found amiss the next would mend.
    let storage = files.storage_at("o");
    assert_eq!(storage.kv().get("k").expect("readable"), Some(Value::Int(1)));
    let synced = fs::read(file).expect("readable");
    put(&storage, 2);
    let image = files.killed();
    fs::write(image.at("o").join("data.sqlite"), synced).expect("written");
    let image = image.reopened(Durability::Full);
    assert_eq!(value(&image.disk, &image.at("o")), Some(2));
}

#[test]
fn a_database_that_was_switched_to_another_journal_is_durable() {
    let (files, file) = switched();
    assert_durable(files, &file);
}

/// A process that switches it back may end on the way: the next takes that back, and would go on with the other journal.
#[test]
fn a_database_that_was_half_switched_back_is_durable() {
    let (files, file) = switched();
    let mut bytes = fs::read(&file).expect("readable");
    let pages = (bytes.len() / 4096) as u32;
    // The journal: its header has the count of pages in it, the beginning of checksums, the database's pages, and sizes.
    let mut journal = vec![0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];
    for number in [1, 0, pages, 512, 4096] {
        journal.extend(u32::to_be_bytes(number));
    }
    journal.resize(512, 0);
    journal.extend(1u32.to_be_bytes());
    journal.extend(&bytes[..4096]);
    let sum: u32 = (1..=20).map(|step| u32::from(bytes[4096 - 200 * step])).sum();
    journal.extend(sum.to_be_bytes());
    bytes[18..20].fill(2);
    fs::write(&file, bytes).expect("written");
    let left = file.with_extension("sqlite-journal");
    fs::write(&left, journal).expect("written");
    assert_durable(files, &file);
    assert!(!exists(&left));
}

#[test]
fn what_was_deleted_stays_so_and_never_shows_in_what_is_new() -> Result<()> {
    let files = Files::with(Durability::Full);
    for name in ["a", "a/1", "ab"] {
        let storage = files.storage_at(name);
        (1..=9).for_each(|n| put(&storage, n));
        storage.close();
        files.disk.place(&files.at(name)).expect("makes its files");
    }
    let before = files.cut();
    files.disk.remove_tree(&files.at("a"))?;
    put(&files.storage_at("other"), 1); // makes the removal durable

    // The log says that it is gone, but its files are back.
    let back = files.cut();
    copy(&before.at("a"), &back.at("a"));
    let back = back.reopened(Durability::Full);
    assert!(!exists(&back.at("a")));
    assert_eq!(value(&back.disk, &back.at("ab")), Some(9));

    let again = files.storage_at("a");
    assert_eq!(again.kv().get("k")?, None);
    again.kv().put("new", &Value::Int(1))?;
    again.commit()?;
    let image = files.cut().reopened(Durability::Full);
    let storage = image.storage_at("a");
    assert_eq!((storage.kv().get("k")?, storage.kv().get("new")?), (None, Some(Value::Int(1))));
    assert_eq!(value(&image.disk, &image.at("a/1")), None);
    Ok(())
}

#[test]
fn a_copy_in_the_place_of_what_was_deleted_stays() -> Result<()> {
    let files = Files::with(Durability::Full);
    let source = files.storage_at("a/1");
    put(&source, 4);
    put(&files.storage_at("a/2"), 2);
    files.disk.remove_tree(&files.at("a/2"))?;
    files.disk.copy_tree(&files.at("a/1"), &files.at("a/2"))?;
    put(&source, 5);
    let image = files.killed().reopened(Durability::Full);
    assert_eq!(value(&image.disk, &image.at("a/1")), Some(5));
    assert_eq!(value(&image.disk, &image.at("a/2")), Some(4));

    // Commits on top of the copied log are as durable as any.
    put(&files.storage_at("a/2"), 6);
    let image = files.killed().reopened(Durability::Full);
    assert_eq!(value(&image.disk, &image.at("a/2")), Some(6));
    Ok(())
}

#[test]
fn what_was_deleted_below_is_kept_when_a_copy_brings_it_back() -> Result<()> {
    let files = Files::with(Durability::Full);
    put(&files.storage_at("backup"), 1);
    put(&files.storage_at("backup/3"), 3);
    put(&files.storage_at("a"), 1);
    put(&files.storage_at("a/3"), 2);
    files.disk.remove_tree(&files.at("a/3"))?;
    files.disk.remove_tree(&files.at("a"))?;
    files.disk.copy_tree(&files.at("backup"), &files.at("a"))?;
    put(&files.storage_at("backup"), 5);
    let image = files.killed().reopened(Durability::Full);
    assert_eq!(value(&image.disk, &image.at("a/3")), Some(3));

    put(&files.storage_at("a/3"), 4);
    let image = files.killed().reopened(Durability::Full);
    assert_eq!(value(&image.disk, &image.at("a/3")), Some(4));
    Ok(())
}

#[test]
fn a_log_that_mode_relaxed_has_left_is_kept() {
    let files = Files::with(Durability::Relaxed);
    let storage = files.storage_at("a");
    (1..=20).for_each(|n| put(&storage, n));
    let full = files.killed().reopened(Durability::Full);
    assert_eq!(value(&full.disk, &full.at("a")), Some(20));
    let image = full.killed().reopened(Durability::Full);
    assert_eq!(value(&image.disk, &image.at("a")), Some(20), "nothing was written");

    let storage = full.storage_at("a");
    storage.kv().put("other", &Value::Int(1)).expect("stored");
    storage.commit().expect("commits");
    let image = full.killed().reopened(Durability::Full);
    assert_eq!(value(&image.disk, &image.at("a")), Some(20));
}

/// The system's files, until some time.
pub(super) struct Failing {
    pub left: Arc<AtomicI64>,
    pub only_syncs: bool,
}

struct FailingFile(Box<dyn Handle>, Arc<AtomicI64>, bool);

fn ask(left: &AtomicI64) -> io::Result<()> {
    match left.fetch_sub(1, Ordering::Relaxed) > 0 {
        true => Ok(()),
        false => Err(io::Error::other("refused")),
    }
}

impl Failing {
    fn ask(&self) -> io::Result<()> {
        if self.only_syncs { Ok(()) } else { ask(&self.left) }
    }

    fn wrap(&self, file: Box<dyn Handle>) -> Box<dyn Handle> {
        Box::new(FailingFile(file, self.left.clone(), self.only_syncs))
    }
}

impl Medium for Failing {
    fn open(&self, path: &Path) -> io::Result<Box<dyn Handle>> {
        self.ask()?;
        Ok(self.wrap(System.open(path)?))
    }
    fn create(&self, path: &Path) -> io::Result<Box<dyn Handle>> {
        self.ask()?;
        Ok(self.wrap(System.create(path)?))
    }
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.ask()?;
        System.create_dir(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.ask()?;
        System.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.ask()?;
        System.remove(path)
    }
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.ask()?;
        System.sync_dir(path)
    }
}

impl Handle for FailingFile {
    fn size(&self) -> io::Result<u64> {
        self.0.size()
    }
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.read_at(bytes, offset)
    }
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        if !self.2 && ask(&self.1).is_err() {
            // A part of it gets there.
            self.0.write_at(&bytes[..bytes.len() / 2], offset)?;
            return Err(io::Error::other("refused"));
        }
        self.0.write_at(bytes, offset)
    }
    fn set_size(&self, size: u64) -> io::Result<()> {
        if !self.2 {
            ask(&self.1)?;
        }
        self.0.set_size(size)
    }
    fn sync(&self) -> io::Result<()> {
        ask(&self.1)?;
        self.0.sync()
    }
}

#[test]
fn a_recovery_that_ends_anywhere_is_done_again() {
    let files = Files::with(Durability::Full);
    for name in ["a", "d/e", "b"] {
        let storage = files.storage_at(name);
        (1..=5).for_each(|n| put(&storage, n));
    }
    files.disk.remove_tree(&files.at("b")).expect("removed");
    put(&files.storage_at("c"), 5);
    let mut steps = 0;
    for left in 0.. {
        let image = files.cut();
        let medium = Failing { left: Arc::new(left.into()), only_syncs: false };
        let outcome = Disk::files(&image.root(), Durability::Full, Arc::new(medium));
        let finished = match outcome {
            Ok(_) => true,
            Err(error) => {
                assert_eq!(error.code(), ErrorCode::Storage, "{error}");
                false
            }
        };
        let image = image.reopened(Durability::Full);
        for name in ["a", "d/e", "c"] {
            assert_eq!(value(&image.disk, &image.at(name)), Some(5), "{name} after {left} steps");
        }
        assert!(!exists(&image.at("b")));
        if finished {
            break;
        }
        steps += 1;
    }
    assert!(steps > 20, "{steps} steps");
}

#[test]
fn a_damaged_log_is_refused_and_left_as_it_is() {
    let files = Files::with(Durability::Full);
    let storage = files.storage_at("a");
    let text = Value::from("x".repeat(300_000));
    for n in 0..12 {
        storage.kv().put(&n.to_string(), &text).expect("stored");
        storage.commit().expect("commits");
    }
    let image = files.killed();
    let path = image.root().join("commit.log");
    let mut bytes = fs::read(&path).expect("readable");
    bytes[300] ^= 1;
    fs::write(&path, &bytes).expect("written");
    let outcome = Disk::files(&image.root(), Durability::Full, Arc::new(System));
    let error = outcome.err().expect("refused");
    assert_eq!(error.code(), ErrorCode::Corrupt, "{error}");
    assert!(error.message().contains("damaged"), "{error}");
    assert_eq!(fs::read(&path).expect("readable"), bytes);
}

#[test]
fn a_sync_that_fails_ends_all_writing_until_the_directory_is_opened_again() {
    let left = Arc::new(AtomicI64::new(i64::MAX));
    let medium = Failing { left: left.clone(), only_syncs: true };
    let files = Files::on(Arc::new(medium));
    let (one, other) = (files.storage_at("a"), files.storage_at("b"));
    put(&one, 1);
    put(&other, 1);
    left.store(0, Ordering::Relaxed);
    one.kv().put("k", &Value::Int(2)).expect("stored");
    let error = one.commit().expect_err("refused");
    assert_eq!(error.code(), ErrorCode::Storage, "{error}");
    assert!(error.message().contains("(refused)"), "{error}");
    left.store(i64::MAX, Ordering::Relaxed);

    other.kv().put("k", &Value::Int(3)).expect("stored");
    let error = other.commit().expect_err("not by another sync either");
    assert!(error.message().contains("close the runtime and open it again"), "{error}");
    one.close();
    let again = files.storage_at("a");
    again.kv().get("k").expect_err("nobody knows what is durable");
    files.disk.close();

    let files = files.reopened(Durability::Full);
    assert!([Some(1), Some(2)].contains(&value(&files.disk, &files.at("a"))));
    assert_eq!(value(&files.disk, &files.at("b")), Some(1));
    put(&files.storage_at("b"), 4);
}

#[test]
fn a_commit_that_the_log_did_not_take_never_gets_to_the_file() -> Result<()> {
    let files = Files::with(Durability::Full);
    let storage = files.storage_at("a");
    exec(&storage, "CREATE TABLE t(n); INSERT INTO t VALUES (1)")?;
    put(&storage, 1);
    storage.close();
    files.disk.close();

    let left = Arc::new(AtomicI64::new(i64::MAX));
    let medium = Failing { left: left.clone(), only_syncs: true };
    let disk = Disk::files(&files.root(), Durability::Full, Arc::new(medium))?;
    let storage = disk.storage(files.at("a"), options());
    put(&storage, 2);
    storage.close();
    put(&disk.storage(files.at("c"), options()), 1); // all records of the one above are durable
    // As if the log had failed between SQLite's commit and the record of it.
    let raw = rusqlite::Connection::open(files.at("a").join("data.sqlite")).expect("opens");
    raw.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).expect("is set");
    raw.execute("UPDATE t SET n = 3", []).expect("committed");
    drop(raw);
    left.store(0, Ordering::Relaxed);
    let other = disk.storage(files.at("b"), options());
    other.kv().put("k", &Value::Int(1)).expect("nothing is written yet");
    other.commit().expect_err("the log can't be written");
    left.store(i64::MAX, Ordering::Relaxed);
    disk.close();

    let files = files.reopened(Durability::Full);
    let storage = files.storage_at("a");
    assert_eq!(storage.kv().get("k")?, Some(Value::Int(2)));
    assert_eq!(number(&storage, "SELECT n FROM t"), 1);
    Ok(())
}
