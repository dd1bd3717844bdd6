use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::{Files, exec, exec_with, interruptible, memory, number, options, refusal};
use crate::error::{Error, ErrorCode, Result};
use crate::pace::{Gate, Pacer};
use crate::storage::{Disk, Durability, Storage, StorageOptions};
use crate::value::Value;

const ENDLESS: &str =
    "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c";

fn small(disk: &Disk, path: PathBuf) -> Storage {
    disk.storage(path, StorageOptions { storage_bytes: 1 << 20, ..options() })
}

#[test]
fn an_interrupt_ends_an_endless_query() {
    let (storage, interrupt) = interruptible();
    exec(&storage, "CREATE TABLE t(a); INSERT INTO t VALUES (1)").expect("a table");
    storage.commit().expect("commits");
    let started = Instant::now();
    std::thread::scope(|scope| {
        let query = scope.spawn(|| exec(&storage, ENDLESS));
        std::thread::sleep(Duration::from_millis(20));
        interrupt.store(true, Ordering::Release);
        let error = query.join().expect("no panic").expect_err("interrupted");
        assert_eq!(error.code(), ErrorCode::Reset);
    });
    assert!(started.elapsed() < Duration::from_secs(5));
    interrupt.store(false, Ordering::Release);
    assert_eq!(number(&storage, "SELECT count(*) FROM t"), 1);
}

#[test]
fn a_query_that_burns_lets_others_have_the_core() -> Result<()> {
    let (storage, _) = interruptible();
    let is_open = AtomicBool::new(false);
    // There is no core for anybody.
    let mut pacer = Pacer::new(0);
    pacer.look(vec![Gate::current()], Instant::now());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(20));
            is_open.store(true, Ordering::Release);
            drop(pacer);
        });
        exec(&storage, &format!("{ENDLESS} LIMIT 10000").replace("count(*)", "x"))?;
        assert!(is_open.load(Ordering::Acquire));
        Ok(())
    })
}

#[test]
fn an_interrupted_write_poisons_until_the_rollback() -> Result<()> {
    let (storage, interrupt) = interruptible();
    exec(&storage, "CREATE TABLE t(a)")?;
    storage.commit()?;
    exec(&storage, "INSERT INTO t VALUES (1)")?;
    interrupt.store(true, Ordering::Release);
    let query = "INSERT INTO t WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c";
    let error = storage.transaction_sync(|| {
        let error = exec(&storage, query).expect_err("interrupted");
        assert_eq!(storage.kv().get("a").expect_err("poisoned"), error);
        Ok(())
    });
    let error = error.expect_err("the transaction is gone");
    assert_eq!(error.message(), "Cannot commit transaction due to an earlier SQL critical error");
    assert_eq!(storage.commit().expect_err("poisoned").code(), ErrorCode::Reset);
    interrupt.store(false, Ordering::Release);
    storage.rollback();
    assert_eq!(number(&storage, "SELECT count(*) FROM t"), 0);
    Ok(())
}

#[test]
fn an_interrupt_does_not_stop_our_own_statements() -> Result<()> {
    let (storage, interrupt) = interruptible();
    for n in 0..500 {
        storage.kv().put(&format!("k{n:03}"), &Value::Int(n))?;
    }
    interrupt.store(true, Ordering::Release);
    assert_eq!(storage.kv().list(&Default::default())?.count(), 500);
    storage.sync()
}

#[test]
fn the_quota_ends_the_transaction_and_leaves_what_was_there() -> Result<()> {
    for in_files in [false, true] {
        let files = Files::new();
        let storage = match in_files {
            true => small(&files.disk, files.path()),
            false => small(&Disk::memory(), files.path()),
        };
        exec(&storage, "CREATE TABLE t(a)")?;
        let insert = "INSERT INTO t VALUES (zeroblob(50000))";
        for _ in 0..10 {
            exec(&storage, insert)?;
        }
        storage.commit()?;
        let error = loop {
            if let Err(error) = exec(&storage, insert) {
                break error;
            }
        };
        assert_eq!(error.code(), ErrorCode::LimitStorage);
        assert!(error.message().contains("database or disk is full: SQLITE_FULL"), "{error}");
        assert!(error.message().contains("may use 1048576 (storage_bytes)"), "{error}");
        assert_eq!(storage.commit().expect_err("poisoned"), error);
        storage.rollback();
        assert_eq!(number(&storage, "SELECT count(*) FROM t"), 10);
        exec(&storage, "DELETE FROM t")?;
        for _ in 0..10 {
            exec(&storage, insert)?;
        }
        storage.commit()?;
    }
    Ok(())
}

/// The file system below /proc never has space, which is all that this looks at.
#[cfg(target_os = "linux")]
#[test]
fn a_full_file_system_is_not_taken_for_the_quota() -> Result<()> {
    let storage = small(&Disk::memory(), PathBuf::from("/proc"));
    exec(&storage, "CREATE TABLE t(a)")?;
    storage.commit()?;
    let insert = "INSERT INTO t VALUES (zeroblob(50000))";
    let error = (0..100).find_map(|_| exec(&storage, insert).err()).expect("full");
    assert_eq!(error.code(), ErrorCode::Storage);
    assert!(error.is_of_device());
    let message = "database or disk is full: SQLITE_FULL: there is no space left on the device.";
    assert_eq!(error.message(), message);
    assert_eq!(storage.commit().expect_err("poisoned"), error);
    storage.rollback();
    assert_eq!(number(&storage, "SELECT count(*) FROM t"), 0);
    Ok(())
}

#[test]
fn the_quota_holds_for_keys_and_may_be_lowered() -> Result<()> {
    let files = Files::new();
    let storage = small(&files.disk, files.path());
    let value = Value::Bytes(vec![0; 10_000]);
    let error = (0..).find_map(|n| storage.kv().put(&format!("{n}"), &value).err()).expect("full");
    assert_eq!(error.code(), ErrorCode::LimitStorage);
    storage.rollback();
    for n in 0..50 {
        storage.kv().put(&format!("{n}"), &value)?;
    }
    storage.commit()?;
    storage.close();
    let tiny = StorageOptions { storage_bytes: 8192, ..options() };
    let storage = files.disk.storage(files.path(), tiny);
    assert!(storage.kv().get("7")?.is_some());
    assert!((0..9).any(|n| storage.kv().put(&format!("more{n}"), &value).is_err()));
    Ok(())
}

#[test]
fn one_key_written_again_and_again_stays_within_the_quota() -> Result<()> {
    let storage = small(&Disk::memory(), PathBuf::from("/o"));
    for n in 0..2000 {
        storage.kv().put("k", &Value::String(format!("{}{n}", "y".repeat(10_000))))?;
    }
    storage.sync()
}

#[test]
fn sorting_may_not_take_all_memory() {
    let storage = memory();
    let query = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 1000000)
        SELECT max(b) FROM (SELECT randomblob(1000) AS b FROM c ORDER BY b LIMIT 999999)";
    assert_eq!(refusal(&storage, query), "out of memory: SQLITE_NOMEM");
    assert_eq!(number(&storage, "SELECT 1"), 1);
}

#[test]
fn a_cursor_may_not_collect_memory_step_by_step() -> Result<()> {
    let storage = memory();
    let query = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c)
        SELECT DISTINCT length(b), b FROM (SELECT randomblob(10000) AS b FROM c)";
    let cursor = storage.sql().exec(query, vec![])?;
    let error = (0..100_000).find_map(|_| cursor.next_raw().err()).expect("is stopped");
    assert_eq!(error.message(), "out of memory: SQLITE_NOMEM");
    assert_eq!(cursor.next_raw()?, None);
    Ok(())
}

#[test]
fn the_log_stays_short_however_long_a_cursor_is_left() -> Result<()> {
    let files = Files::new();
    let storage = files.storage();
    exec(&storage, "CREATE TABLE t(a, b); INSERT INTO t VALUES (1, 'x'), (2, 'y')")?;
    storage.commit()?;
    let cursor = storage.sql().exec("SELECT a FROM t", vec![])?;
    for n in 0..100 {
        exec_with(&storage, "UPDATE t SET b = zeroblob(100000 + ?)", vec![Value::Int(n)])?;
        storage.commit()?;
    }
    let log = std::fs::metadata(files.path().join("data.sqlite-wal")).expect("a log").len();
    assert!(log < 10 << 20, "the log has {log} bytes");
    assert_eq!(cursor.raw()?, [[Value::Int(1)], [Value::Int(2)]]);
    Ok(())
}

#[test]
fn statements_have_limits() -> Result<()> {
    let storage = memory();
    let list = |item: &str, times| vec![item; times].join(", ");
    let cases = [
        (
            format!("SELECT {}", ["1"; 6].join(" UNION ALL SELECT ")),
            "too many terms in compound SELECT",
        ),
        (format!("SELECT {}", list("1", 101)), "too many columns"),
        (format!("SELECT max({})", list("1", 128)), "too many arguments on function max"),
        ("SELECT ?101".into(), "variable number must be between ?1 and ?100"),
        (format!("SELECT {}1{}", "(".repeat(1000), ")".repeat(1000)), "Recursion limit"),
        (
            format!("SELECT {}1", "1+".repeat(150)),
            "Expression tree is too large (maximum depth 100)",
        ),
        ("SELECT zeroblob(20000000)".into(), "SQLITE_TOOBIG"),
        (format!("SELECT length('{}')", "a".repeat(100_000)), "SQLITE_TOOBIG"),
        (format!("SELECT 'x' LIKE '{}'", "%".repeat(51)), "LIKE or GLOB pattern too complex"),
    ];
    for (query, message) in cases {
        let refused = refusal(&storage, &query);
        assert!(refused.contains(message), "{refused}");
    }
    let long = Value::String("x".repeat(20_000_000));
    let error = exec_with(&storage, "SELECT length(?)", vec![long]).expect_err("too big");
    assert_eq!(error.message(), "string or blob too big: SQLITE_TOOBIG");
    exec(&storage, &format!("SELECT {}", list("1", 100)))?;
    exec(&storage, &format!("SELECT max({})", list("1", 127)))?;
    exec(&storage, &format!("SELECT length('{}')", "a".repeat(99_900)))?;
    Ok(())
}

#[test]
fn triggers_stop_at_their_depth() -> Result<()> {
    let storage = memory();
    exec(&storage, "CREATE TABLE t(n); PRAGMA recursive_triggers = ON")?;
    exec(
        &storage,
        "CREATE TRIGGER d AFTER INSERT ON t WHEN new.n > 0 BEGIN INSERT INTO t VALUES (new.n - 1); END",
    )?;
    exec(&storage, "INSERT INTO t VALUES (8)")?;
    assert_eq!(number(&storage, "SELECT count(*) FROM t"), 9);
    let refused = refusal(&storage, "INSERT INTO t VALUES (30)");
    assert!(refused.contains("triggers nested too deep"), "{refused}");
    exec(&storage, "DELETE FROM t; INSERT INTO t VALUES (2)")?;
    assert_eq!(number(&storage, "SELECT count(*) FROM t"), 3);
    Ok(())
}

/// SQLite frees all pages of a table in one instruction.
#[test]
fn an_interrupt_ends_the_freeing_of_a_table() -> Result<()> {
    for durability in [Durability::None, Durability::Full] {
        let files = Files::with(durability);
        let interrupt = Arc::new(AtomicBool::new(false));
        let options = StorageOptions { interrupt: interrupt.clone(), ..options() };
        let storage = files.disk.storage(files.path(), options);
        exec(&storage, "CREATE TABLE t(a)")?;
        let free = "DELETE FROM t";
        exec(&storage, free)?; // compiles it
        let fill = "INSERT INTO t WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 4000) SELECT zeroblob(3000) FROM c";
        exec(&storage, fill)?;
        storage.commit()?;
        // SQLite keeps which pages were freed in the transaction, so that it takes memory for that once only.
        let taken_back = storage.transaction_sync(|| {
            exec(&storage, free)?;
            Err::<(), _>(Error::new(ErrorCode::Aborted, "on purpose"))
        });
        taken_back.expect_err("fails");
        interrupt.store(true, Ordering::Release);
        assert_eq!(exec(&storage, free).expect_err("interrupted").code(), ErrorCode::Reset);
        interrupt.store(false, Ordering::Release);
        storage.rollback();
        assert_eq!(number(&storage, "SELECT count(*) FROM t"), 4000);
        assert_eq!(exec(&storage, "PRAGMA quick_check")?, [[Value::from("ok")]]);
        exec(&storage, "DROP TABLE t")?;
        storage.commit()?;
    }
    Ok(())
}
