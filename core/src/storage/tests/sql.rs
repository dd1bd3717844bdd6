use super::{Files, exec, exec_with, memory, number, refusal};
use crate::error::{ErrorCode, Result};
use crate::storage::Storage;
use crate::value::Value;

const ENDLESS: &str = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c";

fn ints(rows: Vec<Vec<Value>>) -> Vec<i64> {
    rows.iter().map(|row| row[0].as_i64().expect("a whole number")).collect()
}

fn table(storage: &Storage) {
    exec(storage, "CREATE TABLE t(a INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (2), (3)")
        .expect("a table");
}

#[test]
fn values_are_bound_and_read_with_their_types() -> Result<()> {
    let storage = memory();
    let values = vec![
        Value::Null,
        Value::Int(i64::MAX),
        Value::Float(1.0),
        Value::String("ünï\0x".into()),
        Value::Bytes(vec![]),
        Value::Bytes(vec![0, 255]),
    ];
    let rows = exec_with(&storage, "SELECT ?, ?, ?, ?, ?, ?", values.clone())?;
    assert_eq!(format!("{rows:?}"), format!("{:?}", [values]));
    let types = "SELECT typeof(?), typeof(?), typeof(?), typeof(?), typeof(?)";
    let odd = vec![
        Value::Undefined,
        Value::Bool(true),
        Value::Float(5.0),
        Value::Float(f64::NAN),
        Value::String(String::new()),
    ];
    let texts = ["null", "integer", "real", "null", "text"].map(|text| Value::String(text.into()));
    assert_eq!(exec_with(&storage, types, odd)?, [texts]);
    let error = exec_with(&storage, "SELECT ?", vec![Value::List(vec![])]).expect_err("refused");
    assert_eq!((error.name(), error.code()), ("TypeError", ErrorCode::InvalidArgument));
    let lossy = exec(&storage, "SELECT CAST(x'61ff' AS TEXT)")?;
    assert_eq!(lossy, [[Value::String("a\u{fffd}".into())]]);
    Ok(())
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
    for (query, what) in [("SELECT 1 WHERE 0", "no results"), ("SELECT 1 UNION SELECT 2", "multiple results")] {
        let error = one(query).expect_err("refused");
        assert_eq!(error.message(), format!("Expected exactly one result from SQL query, but got {what}."));
        assert_eq!((error.name(), error.code()), ("Error", ErrorCode::GuestError));
    }
    Ok(())
}

#[test]
fn statements_in_a_row_run_until_one_fails() -> Result<()> {
    let storage = memory();
    let rows = exec_with(
        &storage,
        "CREATE TABLE t(a); INSERT INTO t VALUES (1); /* x */ SELECT a + ? FROM t; \n",
        vec![Value::Int(1)],
    )?;
    assert_eq!(ints(rows), [2]);
    assert!(refusal(&storage, "INSERT INTO t VALUES (2); SELECT * FROM nope").contains("no such table: nope"));
    assert_eq!(number(&storage, "SELECT count(*) FROM t"), 2);
    let error = exec_with(&storage, "INSERT INTO t VALUES (?); SELECT 1", vec![Value::Int(1)]);
    assert_eq!(
        error.expect_err("refused").message(),
        "When executing multiple SQL statements in a single call, only the last statement can have parameters."
    );
    assert_eq!(number(&storage, "SELECT count(*) FROM t"), 2);
    Ok(())
}

#[test]
fn code_without_a_statement_is_an_error() {
    let storage = memory();
    for query in ["", ";", " \n\t", "-- only a comment", "SELECT 1; -- trailing", "/* open"] {
        assert_eq!(refusal(&storage, query), "SQL code did not contain a statement.", "{query:?}");
    }
    for query in ["SELECT 1; ", "SELECT 1;\u{c}", "SELECT 1;\r\n", "/* why */ SELECT 1 -- because"] {
        assert_eq!(number(&storage, query), 1, "{query:?}");
    }
    assert_eq!(refusal(&storage, "SELECT 1\0; DROP TABLE t"), "SQL code must not contain NUL characters.");
}

#[test]
fn errors_have_workerds_form() {
    let storage = memory();
    exec(&storage, "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT NOT NULL)").expect("a table");
    exec(&storage, "INSERT INTO t VALUES (1, 'x')").expect("a row");
    let cases = [
        ("SELECT * bunk;", "near \"bunk\": syntax error at offset 9: SQLITE_ERROR"),
        ("SELECT ;", "near \";\": syntax error at offset 7: SQLITE_ERROR"),
        ("SELECT * FROM nope", "no such table: nope: SQLITE_ERROR"),
        ("INSERT INTO t VALUES (1, 'y')", "UNIQUE constraint failed: t.a: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_PRIMARYKEY)"),
        ("INSERT INTO t VALUES (2, NULL)", "NOT NULL constraint failed: t.b: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_NOTNULL)"),
        ("INSERT INTO t VALUES ('x', 'y')", "datatype mismatch: SQLITE_MISMATCH"),
        ("SELECT ?", "Wrong number of parameter bindings for SQL query."),
    ];
    for (query, message) in cases {
        assert_eq!(refusal(&storage, query), message, "{query}");
        let error = exec(&storage, query).expect_err("still an error");
        assert_eq!(error.name(), "Error");
    }
    let error = exec_with(&storage, "SELECT 1", vec![Value::Int(5)]).expect_err("refused");
    assert_eq!(error.message(), "Wrong number of parameter bindings for SQL query.");
    assert_eq!(number(&storage, "SELECT count(*) FROM t"), 1);
}

#[test]
fn a_statement_that_failed_works_again() -> Result<()> {
    let storage = memory();
    table(&storage);
    let insert = "INSERT INTO t VALUES (?)";
    exec_with(&storage, insert, vec![Value::Int(2)]).expect_err("a duplicate");
    exec_with(&storage, insert, vec![Value::Int(4)])?;
    exec(&storage, "INSERT INTO t VALUES (5), (6), (1)").expect_err("a duplicate");
    assert_eq!(ints(exec(&storage, "SELECT a FROM t")?), [1, 2, 3, 4]);
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
fn a_cached_statement_follows_the_schema() -> Result<()> {
    let storage = memory();
    let columns = || -> Result<Vec<String>> {
        let cursor = storage.sql().exec("SELECT * FROM t", vec![])?;
        cursor.raw()?;
        Ok(cursor.column_names().to_vec())
    };
    exec(&storage, "CREATE TABLE t(a)")?;
    assert_eq!(columns()?, ["a"]);
    exec(&storage, "ALTER TABLE t ADD COLUMN b")?;
    assert_eq!(columns()?, ["a", "b"]);
    exec(&storage, "DROP TABLE t")?;
    assert!(refusal(&storage, "SELECT * FROM t").contains("no such table: t"));
    exec(&storage, "CREATE TABLE t(z)")?;
    assert_eq!(columns()?, ["z"]);
    Ok(())
}

#[test]
fn thousands_of_texts_do_not_pile_up() -> Result<()> {
    let storage = memory();
    for n in 0..3000 {
        assert_eq!(number(&storage, &format!("SELECT {n}")), n);
    }
    let long = format!("SELECT 1 /* {} */", "x".repeat(90_000));
    for n in 0..30 {
        assert_eq!(number(&storage, &format!("{long} + {n}")), 1 + n);
    }
    Ok(())
}

#[test]
fn switches_set_before_the_first_write_stay() -> Result<()> {
    let storage = Files::new().storage();
    exec(&storage, "PRAGMA foreign_keys = OFF")?;
    exec(&storage, "PRAGMA recursive_triggers = ON")?;
    storage.kv().put("a", &Value::Null)?;
    assert_eq!(number(&storage, "PRAGMA foreign_keys"), 0);
    assert_eq!(number(&storage, "PRAGMA recursive_triggers"), 1);
    assert_eq!(number(&storage, "PRAGMA defer_foreign_keys"), 0);
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
    assert!(error.message().starts_with("SQL query result set is too large to fit in memory."), "{error}");
    assert_eq!(number(&storage, "SELECT 1"), 1);
    let wide = (0..30).map(|n| format!("hex(zeroblob(1500000)) AS c{n}")).collect::<Vec<_>>().join(", ");
    exec(&storage, &format!("SELECT {wide}")).expect_err("one row is too large");
    assert_eq!(number(&storage, "SELECT 1"), 1);
    Ok(())
}

#[test]
fn rows_are_counted() -> Result<()> {
    let storage = memory();
    let counts = |query: &str| -> Result<(u64, u64)> {
        let cursor = storage.sql().exec(query, vec![])?;
        cursor.raw()?;
        Ok((cursor.rows_read(), cursor.rows_written()))
    };
    exec(&storage, "CREATE TABLE t(id INTEGER PRIMARY KEY, v INTEGER)")?;
    assert_eq!(counts("INSERT INTO t(v) VALUES (2), (3), (4), (5)")?.1, 4);
    assert_eq!(counts("SELECT * FROM t")?, (4, 0));
    assert_eq!(counts("SELECT * FROM t WHERE v = 3")?, (4, 0));
    assert_eq!(counts("SELECT * FROM t LIMIT 2")?, (2, 0));
    assert_eq!(counts("SELECT * FROM t WHERE id = 2")?, (1, 0));
    assert_eq!(counts("SELECT max(v) FROM t")?, (4, 0));
    assert_eq!(counts("SELECT 1")?, (0, 0));
    assert_eq!(counts("UPDATE t SET v = 0 WHERE id IN (1, 2)")?.1, 2);
    assert_eq!(counts("DELETE FROM t WHERE id = 99")?.1, 0);
    assert_eq!(counts("DELETE FROM t")?.1, 4);
    let cursor = storage.sql().exec("SELECT * FROM t", vec![])?;
    assert_eq!(cursor.rows_read(), 0);
    Ok(())
}

#[test]
fn the_size_counts_pages_in_use() -> Result<()> {
    let storage = memory();
    exec(&storage, "CREATE TABLE first(a)")?;
    let before = storage.sql().database_size()?;
    exec(&storage, "CREATE TABLE t(a)")?;
    assert_eq!(storage.sql().database_size()? - before, 4096);
    exec(&storage, "INSERT INTO t VALUES (zeroblob(1000000))")?;
    assert!(storage.sql().database_size()? - before > 1_000_000);
    exec(&storage, "DROP TABLE t")?;
    assert_eq!(storage.sql().database_size()?, before);
    Ok(())
}
