//! A statement of many instructions takes shorter values: nothing looks between two of them.

use super::{exec, exec_with, memory};
use crate::error::Result;
use crate::storage::Storage;
use crate::value::Value;

const TOO_BIG: &str = "string or blob too big: SQLITE_TOOBIG";

fn storage(bytes: usize) -> Result<Storage> {
    let storage = memory();
    exec(&storage, "CREATE TABLE t(a)")?;
    exec_with(&storage, "INSERT INTO t VALUES (?)", vec![Value::String("0".repeat(bytes))])?;
    Ok(storage)
}

/// A sum of so many terms, which isn't deep.
fn sum(term: &dyn Fn(usize) -> String, range: std::ops::Range<usize>) -> String {
    match range.len() {
        1 => term(range.start),
        length => {
            let middle = range.start + length / 2;
            format!("({}+{})", sum(term, range.start..middle), sum(term, middle..range.end))
        }
    }
}

fn outcome(storage: &Storage, query: &str, values: Vec<Value>) -> String {
    match exec_with(storage, query, values) {
        Ok(rows) => format!("{} rows", rows.len()),
        Err(error) => error.message().to_owned(),
    }
}

#[test]
fn the_longest_value_depends_on_the_program() -> Result<()> {
    let lengths = |n: usize| format!("SELECT {} FROM t", sum(&|_| "length(a)".into(), 0..n));
    let patterns =
        |n: usize| format!("SELECT {} FROM t", sum(&|n| format!("(a LIKE '1{n}')"), 0..n));
    for (bytes, query, fits) in [
        (4_000_000, "SELECT a FROM t".into(), true),
        (4_000_000, lengths(50), true),
        (4_000_000, lengths(500), false),
        (500_000, lengths(500), true),
        (500_000, lengths(5000), false),
        (60_000, lengths(5000), true),
        (4_000_000, patterns(10), true),
        (4_000_000, patterns(50), false),
        (1_000_000, patterns(50), true),
        (1_000_000, patterns(500), false),
        (100_000, patterns(500), true),
        (100_000, patterns(3000), false),
        (16_000, patterns(3000), true),
    ] {
        let expected = if fits { "1 rows" } else { TOO_BIG };
        assert_eq!(outcome(&storage(bytes)?, &query, vec![]), expected, "{bytes}: {query:.60}");
    }
    Ok(())
}

#[test]
fn values_that_are_bound_are_no_longer() -> Result<()> {
    let query = format!("SELECT {}", sum(&|n| format!("(?1+{n})"), 0..2000));
    let bind = |bytes: usize| outcome(&memory(), &query, vec![Value::String("0".repeat(bytes))]);
    assert_eq!(bind(1_000_000), TOO_BIG);
    assert_eq!(bind(50_000), "1 rows");
    Ok(())
}

#[test]
fn a_statement_that_has_grown_is_measured_anew() -> Result<()> {
    let heavy =
        format!("CREATE VIEW v AS SELECT {} AS b FROM t", sum(&|_| "length(a)".into(), 0..500));
    let light = "CREATE VIEW v AS SELECT a AS b FROM t";
    let query = "SELECT b FROM v";
    let storage = storage(4_000_000)?;
    exec(&storage, light)?;
    assert_eq!(outcome(&storage, query, vec![]), "1 rows");
    exec(&storage, &format!("DROP VIEW v; {heavy}"))?;
    assert_eq!(outcome(&storage, query, vec![]), TOO_BIG);
    storage.commit()?;
    let undone = storage.transaction_sync(|| {
        exec(&storage, &format!("DROP VIEW v; {light}"))?;
        assert_eq!(outcome(&storage, query, vec![]), "1 rows");
        exec(&storage, "SELECT nothing")
    });
    assert!(undone.is_err());
    assert_eq!(outcome(&storage, query, vec![]), TOO_BIG);
    Ok(())
}
