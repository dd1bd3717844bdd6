use super::{Files, exec, exec_with, memory, number, refusal};
use crate::error::{ErrorCode, Result};
use crate::storage::Storage;
use crate::value::Value;

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
fn statements_in_a_row_run_until_one_fails() -> Result<()> {
    let storage = memory();
    let rows = exec_with(
        &storage,
        "CREATE TABLE t(a); INSERT INTO t VALUES (1); /* x */ SELECT a + ? FROM t; \n",
        vec![Value::Int(1)],
    )?;
    assert_eq!(ints(rows), [2]);
    assert!(
        refusal(&storage, "INSERT INTO t VALUES (2); SELECT * FROM nope")
            .contains("no such table: nope")
    );
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
    for query in ["SELECT 1; ", "SELECT 1;\u{c}", "SELECT 1;\r\n", "/* why */ SELECT 1 -- because"]
    {
        assert_eq!(number(&storage, query), 1, "{query:?}");
    }
    assert_eq!(
        refusal(&storage, "SELECT 1\0; DROP TABLE t"),
        "SQL code must not contain NUL characters."
    );
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
        (
            "INSERT INTO t VALUES (1, 'y')",
            "UNIQUE constraint failed: t.a: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_PRIMARYKEY)",
        ),
        (
            "INSERT INTO t VALUES (2, NULL)",
            "NOT NULL constraint failed: t.b: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_NOTNULL)",
        ),
        ("INSERT INTO t VALUES ('x', 'y')", "datatype mismatch: SQLITE_MISMATCH"),
        (
            "SELECT ?",
            "Wrong number of parameter bindings for SQL query. It has 1 parameters, got 0 bindings.",
        ),
    ];
    for (query, message) in cases {
        assert_eq!(refusal(&storage, query), message, "{query}");
        let error = exec(&storage, query).expect_err("still an error");
        assert_eq!(error.name(), "Error");
    }
    let error = exec_with(&storage, "SELECT 1", vec![Value::Int(5)]).expect_err("refused");
    let wrong =
        "Wrong number of parameter bindings for SQL query. It has 0 parameters, got 1 bindings.";
    assert_eq!(error.message(), wrong);
    let date = exec_with(&storage, "SELECT ?, ?", vec![Value::Int(5), Value::Date(0.0)]);
    let wrong = "A value of type date can't be bound to parameter 2 of a SQL query.";
    assert_eq!(date.expect_err("refused").message(), wrong);
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
fn rows_are_counted() -> Result<()> {
    let storage = memory();
    let counts = |query: &str| -> Result<(u64, u64)> {
        let cursor = storage.sql().exec(query, vec![])?;
        cursor.raw()?;
        Ok((cursor.rows_read(), cursor.rows_written()))
    };
    let cases = [
        ("SELECT 1", (0, 0)),
        ("CREATE TABLE plain(v INTEGER)", (1, 2)),
        ("CREATE TABLE keyed(id INTEGER PRIMARY KEY, v INTEGER)", (1, 2)),
        ("SELECT * FROM plain", (0, 0)),
        ("INSERT INTO plain VALUES (1)", (0, 1)),
        ("INSERT INTO plain VALUES (2), (3), (4)", (0, 3)),
        ("INSERT INTO keyed VALUES (1, 10), (2, 20), (3, 30)", (3, 3)),
        ("SELECT * FROM plain", (4, 0)),
        ("SELECT * FROM plain WHERE v = 3", (4, 0)),
        ("SELECT * FROM plain LIMIT 2", (2, 0)),
        ("SELECT * FROM keyed WHERE id = 2", (1, 0)),
        ("SELECT max(v) FROM keyed", (3, 0)),
        ("UPDATE keyed SET v = 0 WHERE id = 1", (1, 1)),
        ("INSERT INTO keyed VALUES (1, 1) ON CONFLICT(id) DO UPDATE SET v = 5", (1, 1)),
        ("DELETE FROM keyed WHERE id = 1", (1, 1)),
        ("DELETE FROM keyed WHERE id = 99", (0, 0)),
        ("INSERT INTO plain SELECT v FROM plain", (4, 4)),
        ("DELETE FROM plain", (0, 8)),
        ("CREATE TABLE u(a UNIQUE, b); CREATE INDEX ub ON u(b)", (1, 2)),
        ("INSERT INTO u VALUES (1, 2)", (1, 3)),
        ("UPDATE u SET b = 3 WHERE a = 1", (0, 2)),
        ("DELETE FROM u", (0, 3)),
        (
            "CREATE TRIGGER g AFTER INSERT ON plain BEGIN INSERT INTO u VALUES (new.v, 1); END",
            (1, 2),
        ),
        ("INSERT INTO plain VALUES (7), (8)", (0, 4)),
    ];
    for (query, expected) in cases {
        assert_eq!(counts(query)?, expected, "{query}");
    }
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
