use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures_lite::future::{block_on, poll_once};

use super::{Files, exec, memory, number, refusal};
use crate::error::{Error, ErrorCode, Result};
use crate::storage::{Span, Storage, When};
use crate::value::Value;

fn put(storage: &Storage, key: &str) {
    storage.kv().put(key, &Value::Int(1)).expect("stored");
}

fn has(storage: &Storage, key: &str) -> bool {
    storage.kv().get(key).expect("readable").is_some()
}

fn fails() -> Result<()> {
    Err(Error::guest("RangeError", "mine"))
}

#[test]
fn what_is_not_committed_is_lost_and_what_is_stays() -> Result<()> {
    let files = Files::new();
    let storage = files.storage();
    put(&storage, "a");
    storage.commit()?;
    put(&storage, "b");
    exec(&storage, "CREATE TABLE t(a)")?;
    storage.close();
    let storage = files.storage();
    assert!(has(&storage, "a") && !has(&storage, "b"));
    assert_eq!(number(&storage, "SELECT count(*) FROM sqlite_schema WHERE name = 't'"), 0);
    Ok(())
}

#[test]
fn a_rollback_takes_everything_back_even_in_a_new_database() -> Result<()> {
    let storage = Files::new().storage();
    put(&storage, "a");
    exec(&storage, "CREATE TABLE t(a)")?;
    storage.facet_create("f")?;
    storage.rollback();
    assert!(!has(&storage, "a"));
    assert_eq!(storage.facet_names()?, []);
    assert!(refusal(&storage, "SELECT * FROM t").contains("no such table"));
    put(&storage, "a");
    exec(&storage, "CREATE TABLE t(a)")?;
    storage.commit()?;
    assert!(has(&storage, "a"));
    Ok(())
}

#[test]
fn a_transaction_answers_its_bodys_value_or_error() -> Result<()> {
    let storage = memory();
    put(&storage, "before");
    assert_eq!(storage.transaction_sync(|| Ok(7))?, 7);
    let error = storage.transaction_sync(|| {
        put(&storage, "inside");
        storage.kv().delete("before")?;
        exec(&storage, "CREATE TABLE t(x)")?;
        fails()
    });
    assert_eq!(error.expect_err("passed on").name(), "RangeError");
    assert!(has(&storage, "before") && !has(&storage, "inside"));
    assert!(refusal(&storage, "SELECT * FROM t").contains("no such table"));
    storage.commit()?;
    assert!(has(&storage, "before"));
    Ok(())
}

#[test]
fn transactions_nest() -> Result<()> {
    let storage = memory();
    storage.transaction_sync(|| {
        put(&storage, "outer");
        storage
            .transaction_sync(|| {
                put(&storage, "lost");
                fails()
            })
            .expect_err("passed on");
        storage.transaction_sync(|| {
            put(&storage, "inner");
            Ok(())
        })
    })?;
    storage
        .transaction_sync(|| {
            storage.transaction_sync(|| {
                put(&storage, "committed within what is rolled back");
                Ok(())
            })?;
            fails()
        })
        .expect_err("passed on");
    storage.commit()?;
    let keys: Vec<_> = storage.kv().list(&Default::default())?.collect::<Result<Vec<_>>>()?;
    assert_eq!(keys.into_iter().map(|(key, _)| key).collect::<Vec<_>>(), ["inner", "outer"]);
    Ok(())
}

#[test]
fn a_transaction_whose_body_panics_is_rolled_back() {
    let storage = memory();
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        storage.transaction_sync(|| -> Result<()> {
            put(&storage, "a");
            std::panic::resume_unwind(Box::new("on purpose"));
        })
    }));
    assert!(outcome.is_err());
    assert!(!has(&storage, "a"));
    storage.delete_all().expect("no transaction is open");
}

#[test]
fn ending_an_outer_transaction_ends_those_within() -> Result<()> {
    let storage = memory();
    let outer = storage.begin(Span::Sync)?;
    put(&storage, "a");
    let inner = storage.begin(Span::Sync)?;
    assert_eq!((outer, inner), (1, 2));
    put(&storage, "b");
    storage.end(outer, false)?;
    assert!(!has(&storage, "a") && !has(&storage, "b"));
    let error = storage.end(inner, true).expect_err("has ended");
    assert_eq!(error.message(), "Cannot commit transaction due to an earlier SQL critical error");
    storage.end(inner, false)?;
    let outer = storage.begin(Span::Sync)?;
    storage.begin(Span::Sync)?;
    put(&storage, "c");
    storage.end(outer, true)?;
    assert!(has(&storage, "c"));
    Ok(())
}

#[test]
fn a_commit_leaves_explicit_transactions_alone() -> Result<()> {
    let storage = memory();
    put(&storage, "a");
    let outer = storage.begin(Span::Async)?;
    assert_eq!(storage.commit()?, Some(Span::Async));
    let inner = storage.begin(Span::Sync)?;
    storage.begin(Span::Async)?;
    put(&storage, "b");
    assert_eq!(storage.commit()?, Some(Span::Sync));
    storage.end(inner, true)?;
    assert_eq!(storage.commit()?, Some(Span::Async));
    storage.end(outer, false)?;
    assert_eq!(storage.commit()?, None);
    assert!(has(&storage, "a") && !has(&storage, "b"));
    Ok(())
}

#[test]
fn a_commit_can_wait_for_the_end_of_a_transaction() -> Result<()> {
    let storage = memory();
    let outer = storage.begin(Span::Async)?;
    let inner = storage.begin(Span::Sync)?;
    put(&storage, "a");
    let when_free = |until: fn(Span) -> bool| {
        let storage = &storage;
        Box::pin(async move {
            while let Some((_, ended)) = storage.commit_unless(until)? {
                ended.await;
            }
            Ok::<_, Error>(())
        })
    };
    let mut after_sync = when_free(|span| span == Span::Sync);
    let mut after_all = when_free(|_| true);
    let mut poll = |what: u8| match what {
        0 => block_on(poll_once(&mut after_sync)).transpose(),
        _ => block_on(poll_once(&mut after_all)).transpose(),
    };
    assert_eq!((poll(0)?, poll(1)?), (None, None));
    storage.end(inner, true)?;
    assert_eq!((poll(0)?, poll(1)?), (Some(()), None));
    storage.end(outer, true)?;
    assert_eq!(poll(1)?, Some(()));
    storage.rollback();
    assert!(has(&storage, "a"));
    Ok(())
}

#[test]
fn sync_waits_for_the_end_of_a_transaction() -> Result<()> {
    let files = Files::new();
    let storage = files.storage();
    storage.transaction_sync(|| {
        put(&storage, "a");
        storage.sync()
    })?;
    storage.sync()?;
    storage.close();
    assert!(has(&files.storage(), "a"));
    Ok(())
}

#[test]
fn savepoints_see_virtual_tables_and_cursors() -> Result<()> {
    let storage = memory();
    exec(&storage, "CREATE VIRTUAL TABLE f USING fts5(a)")?;
    exec(&storage, "INSERT INTO f VALUES ('one')")?;
    put(&storage, "k");
    let cursor = storage.sql().exec("SELECT a FROM f", vec![])?;
    storage
        .transaction_sync(|| {
            exec(&storage, "INSERT INTO f VALUES ('two')")?;
            put(&storage, "l");
            fails()
        })
        .expect_err("passed on");
    storage.commit()?;
    drop(cursor);
    assert_eq!(number(&storage, "SELECT count(*) FROM f('one OR two')"), 1);
    assert!(has(&storage, "k") && !has(&storage, "l"));
    Ok(())
}

#[test]
fn a_violated_deferred_constraint_resets_at_the_commit() -> Result<()> {
    let files = Files::new();
    let storage = files.storage();
    exec(&storage, "CREATE TABLE p(id INTEGER PRIMARY KEY); CREATE TABLE c(p REFERENCES p(id))")?;
    storage.commit()?;
    put(&storage, "lost");
    exec(&storage, "PRAGMA defer_foreign_keys = ON")?;
    exec(&storage, "INSERT INTO c VALUES (99)")?;
    let error = storage.commit().expect_err("violated");
    assert_eq!(error.code(), ErrorCode::Reset);
    assert_eq!(
        error.message(),
        "Durable Object was reset and rolled back to its last known good state because the application left the database in a state where constraints were violated: FOREIGN KEY constraint failed: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_FOREIGNKEY)"
    );
    assert_eq!(storage.kv().get("lost").expect_err("poisoned"), error);
    assert_eq!(storage.commit().expect_err("poisoned"), error);
    storage.rollback();
    assert!(!has(&storage, "lost"));
    assert_eq!(number(&storage, "SELECT count(*) FROM c"), 0);
    Ok(())
}

#[test]
fn deferred_constraints_may_be_satisfied_later() -> Result<()> {
    let storage = memory();
    exec(&storage, "CREATE TABLE p(id INTEGER PRIMARY KEY); CREATE TABLE c(p REFERENCES p(id))")?;
    storage.transaction_sync(|| {
        exec(
            &storage,
            "PRAGMA defer_foreign_keys = ON; INSERT INTO c VALUES (1); INSERT INTO p VALUES (1)",
        )
    })?;
    storage.commit()?;
    exec(&storage, "INSERT INTO c VALUES (2)").expect_err("immediate again");
    assert_eq!(number(&storage, "SELECT count(*) FROM c"), 1);
    Ok(())
}

#[test]
fn actions_run_after_the_commit_and_are_dropped_by_a_rollback() -> Result<()> {
    let storage = memory();
    let count = Arc::new(AtomicU32::new(0));
    let add = |n: u32| -> Result<()> {
        let (count, storage) = (count.clone(), storage.clone());
        storage.clone().on_commit(When::Committed, move || {
            has(&storage, "the lock is free");
            count.fetch_add(n, Ordering::Relaxed);
        })
    };
    put(&storage, "a");
    add(1)?;
    storage.transaction_sync(|| {
        add(10)?;
        storage
            .transaction_sync(|| {
                add(100)?;
                fails()
            })
            .expect_err("passed on");
        Ok(())
    })?;
    storage
        .transaction_sync(|| {
            storage.transaction_sync(|| add(1000))?;
            fails()
        })
        .expect_err("passed on");
    assert_eq!(count.load(Ordering::Relaxed), 0);
    storage.commit()?;
    assert_eq!(count.load(Ordering::Relaxed), 11);
    storage.commit()?;
    assert_eq!(count.load(Ordering::Relaxed), 11);
    add(1)?; // without a transaction: with the next commit
    storage.commit()?;
    assert_eq!(count.load(Ordering::Relaxed), 12);
    add(1)?;
    storage.rollback();
    storage.commit()?;
    assert_eq!(count.load(Ordering::Relaxed), 12);
    Ok(())
}

#[test]
fn after_shutdown_everything_answers_its_error() {
    let storage = memory();
    put(&storage, "a");
    let error = Error::new(ErrorCode::Aborted, "stopped on purpose");
    storage.shutdown_with(error.clone());
    storage.close();
    let answers = [
        storage.kv().get("a").map(drop),
        storage.kv().put("a", &Value::Null),
        storage.kv().list(&Default::default()).map(drop),
        storage.sql().exec("SELECT 1", vec![]).map(drop),
        storage.transaction_sync(|| Ok(())),
        storage.commit().map(drop),
        storage.facet_names().map(drop),
        storage.delete_all().map(drop),
        storage.on_commit(When::Committed, || ()),
    ];
    for answer in answers {
        assert_eq!(answer.expect_err("ended"), error);
    }
    storage.rollback();
    assert_eq!(storage.commit().expect_err("still ended"), error);
}

#[test]
fn threads_take_turns() -> Result<()> {
    let storage = memory();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let storage = &storage;
            scope.spawn(move || {
                for n in 0..200 {
                    storage.kv().put(&format!("{thread}/{n}"), &Value::Int(n)).expect("stored");
                    number(storage, "SELECT 1");
                }
            });
        }
    });
    assert_eq!(storage.kv().list(&Default::default())?.count(), 800);
    Ok(())
}
