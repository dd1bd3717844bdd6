use std::fs;

use super::{Files, exec, exists, memory, number};
use crate::error::Result;
use crate::storage::Storage;
use crate::value::Value;

fn names(storage: &Storage) -> Vec<(String, u64)> {
    storage.facet_names().expect("readable")
}

#[test]
fn facets_are_entered_found_and_taken_out() -> Result<()> {
    let storage = memory();
    assert_eq!(storage.facet_number("a")?, None);
    assert_eq!(storage.facet_create("b")?, 1);
    assert_eq!(storage.facet_create("a")?, 2);
    assert_eq!(names(&storage), [("a".into(), 2), ("b".into(), 1)]);
    assert_eq!(storage.facet_number("a")?, Some(2));
    storage.facet_create("a").expect_err("is there already");
    assert_eq!(storage.facet_delete("b")?, Some(1));
    assert_eq!(storage.facet_delete("b")?, None);
    assert_eq!(names(&storage), [("a".into(), 2)]);
    Ok(())
}

#[test]
fn numbers_are_never_used_again() -> Result<()> {
    let files = Files::new();
    let storage = files.storage();
    assert_eq!(storage.facet_create("a")?, 1);
    storage.facet_delete("a")?;
    assert_eq!(storage.facet_create("a")?, 2);
    storage.commit()?;
    assert_eq!(storage.facet_create("rolled back")?, 3);
    storage.rollback();
    assert_eq!(storage.facet_create("b")?, 4);
    storage.commit()?;
    assert_eq!(storage.delete_all()?, [2, 4]);
    let storage = files.reopen(&storage);
    assert_eq!(storage.facet_create("a")?, 5);
    Ok(())
}

#[test]
fn directories_of_unknown_facets_are_swept_when_the_parent_opens() -> Result<()> {
    let files = Files::new();
    let storage = files.storage();
    assert_eq!(storage.facet_create("a")?, 1);
    let path = files.path();
    for name in ["1", "7", "other"] {
        fs::create_dir_all(path.join(name).join("1")).expect("a directory");
    }
    let storage = files.reopen(&storage);
    assert_eq!(names(&storage), [("a".into(), 1)]);
    assert!(exists(&path.join("1").join("1")) && exists(&path.join("other")));
    assert!(!exists(&path.join("7")));
    Ok(())
}

#[test]
fn deleting_everything_keeps_nothing_of_the_guests() -> Result<()> {
    let files = Files::new();
    let storage = files.storage();
    storage.kv().put("k", &Value::Int(1))?;
    exec(&storage, "CREATE TABLE p(id INTEGER PRIMARY KEY AUTOINCREMENT, b UNIQUE); CREATE INDEX i ON p(b);
        CREATE TABLE c(p REFERENCES p(id)); INSERT INTO p VALUES (1, 2); INSERT INTO c VALUES (1);
        CREATE VIEW \"v\"\"x\" AS SELECT * FROM p; CREATE TRIGGER g AFTER DELETE ON p BEGIN SELECT 1; END;
        CREATE VIRTUAL TABLE f USING fts5(a); INSERT INTO f VALUES ('one');
        CREATE VIRTUAL TABLE r USING rtree(id, x, y); CREATE TABLE \"odd \"\" name\"(a);
        CREATE TABLE big(a); INSERT INTO big VALUES (zeroblob(3000000)); ANALYZE")?;
    storage.facet_create("child")?;
    storage.commit()?;
    storage.kv().put("uncommitted", &Value::Int(1))?;
    assert_eq!(storage.delete_all()?, [1]);
    let ours = "SELECT count(*) FROM sqlite_schema WHERE name NOT LIKE '\\_fb\\_%' ESCAPE '\\' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
    assert_eq!(number(&storage, ours), 0);
    assert_eq!(storage.kv().list(&Default::default())?.count(), 0);
    assert_eq!(names(&storage), []);
    assert_eq!(number(&storage, "PRAGMA foreign_keys"), 1);
    exec(&storage, "DROP TABLE f_data").expect_err("there is none");
    exec(&storage, "CREATE TABLE _fb_x(a)").expect_err("still guarded");
    assert!(fs::metadata(files.file()).expect("a file").len() < 100_000);
    storage.kv().put("k", &Value::Int(2))?;
    let storage = files.reopen(&storage);
    assert_eq!(storage.kv().get("k")?, Some(Value::Int(2)));
    assert_eq!(number(&storage, ours), 0);
    Ok(())
}

#[test]
fn deleting_everything_of_nothing_creates_nothing() -> Result<()> {
    let files = Files::new();
    let storage = files.storage();
    assert!(storage.delete_all()?.is_empty());
    assert!(!exists(&files.path()));
    storage.kv().put("k", &Value::Int(1))?;
    assert!(storage.delete_all()?.is_empty());
    assert_eq!(storage.kv().get("k")?, None);
    Ok(())
}

#[test]
fn everything_cannot_be_deleted_within_a_transaction() -> Result<()> {
    let storage = memory();
    storage.kv().put("a", &Value::Int(1))?;
    let error = storage.transaction_sync(|| {
        storage.kv().put("b", &Value::Int(1))?;
        storage.delete_all()
    });
    assert_eq!(
        error.expect_err("refused").message(),
        "Cannot call deleteAll() within a transaction"
    );
    assert!(storage.kv().get("a")?.is_some() && storage.kv().get("b")?.is_none());
    Ok(())
}
