//! Mode full on a disk that has no room for a transaction.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::logged::{put, value};
use super::{Files, options};
use crate::error::{ErrorCode, Result};
use crate::medium::{Handle, Medium, System};
use crate::storage::Storage;
use crate::value::Value;

/// The system's files, none of which may be longer than that.
struct Small(Arc<AtomicU64>);

struct SmallFile(Box<dyn Handle>, Arc<AtomicU64>);

impl Medium for Small {
    fn open(&self, path: &Path) -> io::Result<Box<dyn Handle>> {
        Ok(Box::new(SmallFile(System.open(path)?, self.0.clone())))
    }
    fn create(&self, path: &Path) -> io::Result<Box<dyn Handle>> {
        Ok(Box::new(SmallFile(System.create(path)?, self.0.clone())))
    }
}

impl Handle for SmallFile {
    fn size(&self) -> io::Result<u64> {
        self.0.size()
    }
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.read_at(bytes, offset)
    }
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let end = offset + bytes.len() as u64;
        let room = self.1.load(Ordering::Relaxed);
        if end <= room.max(self.0.size()?) {
            return self.0.write_at(bytes, offset);
        }
        let fits = room.saturating_sub(offset) as usize;
        self.0.write_at(&bytes[..fits.min(bytes.len())], offset)?;
        Err(io::ErrorKind::StorageFull.into())
    }
    fn set_size(&self, size: u64) -> io::Result<()> {
        self.0.set_size(size)
    }
    fn sync(&self) -> io::Result<()> {
        self.0.sync()
    }
}

/// Writes so many MiB, without a commit.
fn write(storage: &Storage, mib: usize) -> Result<()> {
    let text = Value::from("x".repeat(1 << 20));
    (0..mib).try_for_each(|n| storage.kv().put(&format!("large {n}"), &text))
}

#[test]
fn a_transaction_that_the_disk_has_no_room_for_fails_alone() -> Result<()> {
    let room = Arc::new(AtomicU64::new(u64::MAX));
    let files = Files::on(Arc::new(Small(room.clone())));
    let (one, other) = (files.storage_at("a"), files.storage_at("b"));
    put(&one, 1);
    put(&other, 1);
    // The second needs pages that SQLite has written to its own log by then.
    for (n, mib) in [(2, 3), (3, 9)] {
        room.store(3 << 20, Ordering::Relaxed);
        one.kv().put("k", &Value::Int(-n))?;
        write(&one, mib)?;
        let error = one.commit().expect_err("there is no room in the log");
        assert_eq!(error.code(), ErrorCode::Storage, "{error}");
        assert!(error.message().contains("no space left"), "{error}");
        one.rollback();
        let small = files.killed().reopened(crate::storage::Durability::Full);
        assert_eq!(value(&small.disk, &small.at("a")), Some(n - 1));

        put(&other, n);
        put(&one, n);
        room.store(u64::MAX, Ordering::Relaxed);
        write(&one, mib)?;
        put(&one, n);
    }
    let image = files.cut().reopened(crate::storage::Durability::Full);
    for name in ["a", "b"] {
        assert_eq!(value(&image.disk, &image.at(name)), Some(3), "{name}");
    }
    let again = image.storage_at("a");
    assert_eq!(
        again.kv().get("large 8")?.map(|text| text.as_str().map(str::len)),
        Some(Some(1 << 20))
    );
    Ok(())
}

#[test]
fn a_log_that_cannot_be_made_leaves_nothing_behind() {
    let room = Arc::new(AtomicU64::new(1 << 19));
    let files = Files::on(Arc::new(Small(room)));
    let storage = files.disk.storage(files.at("a"), options());
    storage.kv().put("k", &Value::Int(1)).expect("nothing is written yet");
    storage.commit().expect_err("there is no room for the log");
    storage.close();
    files.disk.close();
    assert!(!super::exists(&files.root().join("commit.log")));
}
