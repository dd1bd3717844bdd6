use super::{Files, exec, memory, number};
use crate::error::{ErrorCode, Result};
use crate::storage::Storage;
use crate::value::Value;

const ENDLESS: &str =
    "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c";

fn ints(rows: Vec<Vec<Value>>) -> Vec<i64> {
    rows.iter().map(|row| row[0].as_i64().expect("a whole number")).collect()
}

fn table(storage: &Storage) {
    exec(storage, "CREATE TABLE t(a INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (2), (3)")
        .expect("a table");
}

#[test]
fn rows_are_maps_in_which_the_later_of_two_names_wins() -> Result<()> {
    let cursor = memory().sql().exec("SELECT 1 AS a, 2 AS b, 3 AS a", vec![])?;
    assert_eq!(cursor.column_names(), ["a", "b", "a"]);
    let row = cursor.one()?;
    let entries: Vec<_> = row.iter().map(|(name, value)| (name, value.as_i64())).collect();
    assert_eq!(entries, [("a", Some(3)), ("b", Some(2))]);
    assert_eq!(cursor.column_names().len(), 3);
    Ok(())
}

#[test]
fn one_wants_exactly_one_row() -> Result<()> {
    let storage = memory();
    let one = |query| storage.sql().exec(query, vec![]).and_then(|cursor| cursor.one());
    assert_eq!(one("SELECT 7 AS x")?.get("x"), Some(&Value::Int(7)));
    for (query, what) in
        [("SELECT 1 WHERE 0", "no results"), ("SELECT 1 UNION SELECT 2", "multiple results")]
    {
        let error = one(query).expect_err("refused");
        assert_eq!(
            error.message(),
            format!("Expected exactly one result from SQL query, but got {what}.")
        );
        assert_eq!((error.name(), error.code()), ("Error", ErrorCode::GuestError));
    }
    Ok(())
}

#[test]
fn rows_of_writes_are_all_there_and_hold_nothing_up() -> Result<()> {
    let files = Files::new();
    let storage = files.storage();
    table(&storage);
    let cursor = storage.sql().exec("INSERT INTO t(a) VALUES (4), (5), (6) RETURNING a", vec![])?;
    assert_eq!(cursor.next_raw()?, Some(vec![Value::Int(4)]));
    storage.transaction_sync(|| {
        let inner = storage.sql().exec("UPDATE t SET a = a + 10 RETURNING a", vec![])?;
        assert_eq!(inner.next_raw()?, Some(vec![Value::Int(11)]));
        Ok(())
    })?;
    storage.commit()?;
    assert_eq!(ints(cursor.raw()?), [5, 6]);
    let storage = files.reopen(&storage);
    assert_eq!(number(&storage, "SELECT count(*) FROM t"), 6);
    Ok(())
}

#[test]
fn a_cursor_reads_only_what_is_asked_for() -> Result<()> {
    let storage = memory();
    let cursor = storage.sql().exec(ENDLESS, vec![])?;
    for expected in 1..=1000 {
        assert_eq!(cursor.next_raw()?, Some(vec![Value::Int(expected)]));
    }
    Ok(())
}

#[test]
fn one_text_may_be_read_by_many_cursors_at_once() -> Result<()> {
    let storage = memory();
    table(&storage);
    let open = || storage.sql().exec("SELECT a FROM t ORDER BY a", vec![]);
    let (first, second) = (open()?, open()?);
    assert_eq!(first.next_raw()?, second.next_raw()?);
    assert_eq!(ints(first.raw()?), [2, 3]);
    let third = open()?;
    drop(first);
    assert_eq!(ints(second.raw()?), [2, 3]);
    assert_eq!(ints(third.raw()?), [1, 2, 3]);
    Ok(())
}

#[test]
fn cursors_survive_writes_commits_and_schema_changes() -> Result<()> {
    let files = Files::new();
    let storage = files.storage();
    table(&storage);
    storage.commit()?;
    let cursor = storage.sql().exec("SELECT a FROM t ORDER BY a", vec![])?;
    assert_eq!(cursor.next_raw()?, Some(vec![Value::Int(1)]));
    exec(&storage, "UPDATE t SET a = a + 100 WHERE a = 1")?;
    storage.commit()?;
    storage.kv().put("k", &Value::Int(1))?;
    exec(&storage, "ALTER TABLE t ADD COLUMN b; CREATE INDEX i ON t(b)")?;
    storage.commit()?;
    assert_eq!(cursor.next_raw()?, Some(vec![Value::Int(2)]));
    assert_eq!(ints(cursor.raw()?), [3, 101]);
    Ok(())
}

#[test]
fn half_read_cursors_do_not_stand_in_the_way_of_a_drop() -> Result<()> {
    let storage = memory();
    table(&storage);
    exec(&storage, "CREATE TABLE u(b)")?;
    let cursor = storage.sql().exec("SELECT a FROM t", vec![])?;
    let endless = storage.sql().exec(ENDLESS, vec![])?;
    exec(&storage, "DROP TABLE u")?;
    exec(&storage, "DROP TABLE t")?;
    assert_eq!(ints(cursor.raw()?), [1, 2, 3]);
    assert_eq!(endless.next_raw()?, Some(vec![Value::Int(1)]));
    let error = endless.raw().expect_err("cut short");
    assert!(error.message().contains("SQL cursor was canceled"), "{error}");
    assert_eq!(endless.next_raw()?, None);
    Ok(())
}

#[test]
fn cursors_end_with_the_database() -> Result<()> {
    let storage = memory();
    table(&storage);
    storage.commit()?;
    let cursor = storage.sql().exec("SELECT a FROM t", vec![])?;
    storage.delete_all()?;
    let error = cursor.next_raw().expect_err("canceled");
    assert_eq!(error.message(), "SQLite query was canceled because the database was deleted.");
    table(&storage);
    let cursor = storage.sql().exec("SELECT a FROM t", vec![])?;
    storage.close();
    let error = cursor.next_raw().expect_err("closed");
    assert_eq!(error.message(), "Durable Object storage is no longer accessible.");
    assert!(storage.sql().exec("SELECT 1", vec![]).is_err());
    Ok(())
}

#[test]
fn a_cursor_from_before_the_first_write_goes_on() -> Result<()> {
    let files = Files::new();
    let storage = files.storage();
    let cursor = storage.sql().exec("VALUES (1), (2), (3)", vec![])?;
    table(&storage);
    storage.commit()?;
    assert_eq!(ints(cursor.raw()?), [1, 2, 3]);
    Ok(())
}

#[test]
fn a_result_beyond_memory_is_refused() -> Result<()> {
    let storage = memory();
    let error = exec(&storage, ENDLESS).expect_err("too large");
    assert!(
        error.message().starts_with("SQL query result set is too large to fit in memory."),
        "{error}"
    );
    assert_eq!(number(&storage, "SELECT 1"), 1);
    let wide =
        (0..30).map(|n| format!("hex(zeroblob(1500000)) AS c{n}")).collect::<Vec<_>>().join(", ");
    exec(&storage, &format!("SELECT {wide}")).expect_err("one row is too large");
    assert_eq!(number(&storage, "SELECT 1"), 1);
    Ok(())
}

#[test]
fn the_oldest_of_very_many_cursors_is_canceled() -> Result<()> {
    let storage = memory();
    let open = || storage.sql().exec("SELECT 1 UNION ALL SELECT 2", vec![]);
    let cursors = (0..1500).map(|_| open()).collect::<Result<Vec<_>>>()?;
    let error = cursors[0].next_raw().expect_err("canceled");
    assert!(error.message().contains("more than 1000 were left half read"), "{error}");
    assert_eq!(ints(cursors[1499].raw()?), [1, 2]);
    assert_eq!(ints(cursors[500].raw()?), [1, 2]);
    Ok(())
}

#[test]
fn rows_that_are_kept_for_cursors_are_bounded_together() -> Result<()> {
    let storage = memory();
    exec(&storage, "CREATE TABLE t(a)")?;
    let returning = "INSERT INTO t VALUES (1) RETURNING zeroblob(4000000)";
    let mut kept = Vec::new();
    let error = loop {
        match storage.sql().exec(returning, vec![]) {
            Ok(cursor) => kept.push(cursor),
            Err(error) => break error,
        }
    };
    assert!(error.message().contains("too large to fit in memory"), "{error}");
    assert!((10..20).contains(&kept.len()));
    kept.pop();
    storage.sql().exec(returning, vec![])?;
    Ok(())
}
