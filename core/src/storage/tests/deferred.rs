//! Commits that a call of the actor's own facet doesn't wait for: nothing leaves the object before they are durable.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use super::logged::{Failing, put, value};
use super::{Files, options};
use crate::error::Result;
use crate::storage::{Durability, Storage, StorageOptions, When};
use crate::value::Value;

const MANY: i64 = 1 << 40;

/// An object with a facet, on a disk that counts what it syncs.
struct Object {
    files: Files,
    left: Arc<AtomicI64>,
    root: Storage,
    facet: Storage,
}

impl Object {
    fn new() -> Object {
        let left = Arc::new(AtomicI64::new(MANY));
        let files = Files::on(Arc::new(Failing { left: left.clone(), only_syncs: true }));
        let root = files.storage_at("a");
        put(&root, 1);
        let facet = facet_of(&files, &root);
        left.store(MANY, Ordering::Relaxed);
        Object { files, left, root, facet }
    }

    /// Commits a value of the root ahead of a call.
    fn put_ahead(&self, value: i64) -> Result<()> {
        self.root.kv().put("k", &Value::Int(value))?;
        self.root.commit_ahead().map(drop)
    }

    fn syncs(&self) -> i64 {
        MANY - self.left.load(Ordering::Relaxed)
    }

    /// What the root has after a power cut now.
    fn after_a_cut(&self) -> Option<i64> {
        let image = self.files.cut().reopened(Durability::Full);
        value(&image.disk, &image.at("a"))
    }
}

fn facet_of(files: &Files, root: &Storage) -> Storage {
    let options = StorageOptions { deferred: root.deferred().clone(), ..options() };
    files.disk.storage(files.at("a/1"), options)
}

#[test]
fn one_flush_makes_a_parents_and_a_facets_commit_durable() -> Result<()> {
    let object = Object::new();
    object.put_ahead(2)?;
    assert_eq!((object.syncs(), object.after_a_cut()), (0, Some(1)));
    put(&object.facet, 3);
    assert_eq!((object.syncs(), object.after_a_cut()), (1, Some(2)));
    object.root.commit()?;
    assert_eq!(object.syncs(), 1, "all of it is durable");
    Ok(())
}

#[test]
fn what_leaves_a_facet_that_has_written_nothing_waits() -> Result<()> {
    let object = Object::new();
    object.put_ahead(2)?;
    object.facet.commit()?;
    assert_eq!((object.syncs(), object.after_a_cut()), (1, Some(2)));
    Ok(())
}

#[test]
fn what_leaves_the_actor_itself_waits_also_within_a_transaction() -> Result<()> {
    let object = Object::new();
    object.put_ahead(2)?;
    object.root.commit()?;
    assert_eq!(object.after_a_cut(), Some(2));
    object.put_ahead(3)?;
    object.root.transaction_sync(|| object.root.commit().map(drop))?;
    assert_eq!(object.after_a_cut(), Some(3));
    Ok(())
}

#[test]
fn other_objects_do_not_wait() -> Result<()> {
    let object = Object::new();
    object.put_ahead(2)?;
    object.files.storage_at("b").commit()?;
    assert_eq!(object.syncs(), 0);
    Ok(())
}

#[test]
fn what_needs_a_durable_commit_gets_one() -> Result<()> {
    let object = Object::new();
    let left = object.left.clone();
    object
        .root
        .on_commit(When::Durable, move || assert_eq!(MANY - 1, left.load(Ordering::Relaxed)))?;
    object.put_ahead(2)?;
    assert_eq!((object.syncs(), object.after_a_cut()), (1, Some(2)));
    Ok(())
}

#[test]
fn whoever_opens_the_database_next_finds_it_durable() -> Result<()> {
    let object = Object::new();
    object.put_ahead(2)?;
    assert!(object.root.sleep());
    assert_eq!(object.after_a_cut(), Some(2));
    object.put_ahead(3)?;
    object.root.close();
    assert_eq!(object.after_a_cut(), Some(3));
    Ok(())
}

#[test]
fn what_an_operator_sees_is_durable() -> Result<()> {
    let object = Object::new();
    object.put_ahead(2)?;
    object.files.disk.query(&object.files.at("a"), "SELECT 1", &[])?;
    assert_eq!(object.after_a_cut(), Some(2));
    Ok(())
}

#[test]
fn a_flush_that_fails_is_an_error_for_both() -> Result<()> {
    let object = Object::new();
    object.put_ahead(2)?;
    object.facet.kv().put("k", &Value::Int(3))?;
    object.left.store(0, Ordering::Relaxed);
    object.facet.commit().expect_err("its own commit");
    object.root.commit().expect_err("what was deferred");
    facet_of(&object.files, &object.root).commit().expect_err("what was deferred, told by another");
    object.left.store(MANY, Ordering::Relaxed);
    object.root.commit().expect_err("nobody knows whether it is durable");
    Ok(())
}
