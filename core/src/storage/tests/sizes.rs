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
    let columns = |term: &str, n: usize| format!("SELECT {} FROM t", vec![term; n].join(", "));
    let sums = |n: usize| format!("SELECT {} FROM t", sum(&|_| "length(a)".into(), 0..n));
    for (bytes, query, fits) in [
        (4_000_000, columns("a", 100), true),
        (4_000_000, columns("length(a)", 5), true),
        (900_000, columns("length(a)", 50), true),
        (1_000_000, columns("length(a)", 50), false),
        (4_000_000, columns("a LIKE '%b'", 50), true),
        (4_000_000, columns("a GLOB '*b'", 50), true),
        (4_000_000, "SELECT count(*) FROM t WHERE b = 1 AND a > 'x'".into(), true),
        (2_000_000, "SELECT count(*) FROM t WHERE b > 1 AND b < 9 AND a > 'x'".into(), true),
        (4_000_000, columns("json_type(a)", 1), true),
        (1_000_000, columns("json_extract(a, '$.b', '$.c')", 5), true),
        (120_000, sums(50), true),
        (4_000_000, sums(50), false),
        (16_000, sums(5000), true),
        (60_000, sums(5000), false),
        (4_000_000, "INSERT INTO t SELECT b, b FROM t".into(), true),
        (4_000_000, "INSERT INTO n SELECT a, a, a, a, a, a, a, a FROM t".into(), false),
        (300_000, "INSERT INTO n SELECT a, a, a, a, a, a, a, a FROM t".into(), true),
    ] {
        let storage = storage(bytes)?;
        exec(&storage, "CREATE TABLE n(a INT, b INT, c INT, d INT, e INT, f REAL, g, h NUMERIC)")?;
        exec(&storage, "ALTER TABLE t ADD COLUMN b INTEGER")?;
        let outcome = outcome(&storage, &query, vec![]);
        assert_eq!(outcome != TOO_BIG, fits, "{bytes}: {query:.60} {outcome}");
    }
    Ok(())
}

#[test]
fn a_format_is_long_only_if_it_is_none_of_the_statements_own() -> Result<()> {
    for (query, fits) in [
        ("SELECT a, strftime('%Y', 1), printf('%s: %d', a, 1), format('%d', 2) FROM t", true),
        ("SELECT a FROM t WHERE strftime('%Y-%m', b) = ?1 OR a <> ?2", true),
        ("SELECT strftime(a, b), strftime(a, 1) FROM t", false),
        ("SELECT a, strftime(?1, b), strftime(?2, b) FROM t", false),
        ("SELECT a, strftime(iif(b, ?1, '%Y'), b), strftime(iif(b, '%Y', ?2), b) FROM t", false),
        ("SELECT strftime(CASE 1 WHEN 1 THEN ?1 ELSE '%Y' END, b), a, ?2 FROM t", false),
        ("SELECT strftime(coalesce(?1, '%Y'), b), a, ?2 FROM t", false),
        ("SELECT a, strftime(?1 || '%Y', b), strftime(upper(?2), b) FROM t", false),
        ("SELECT 'x' || a, strftime(a, b), strftime(b, a) FROM t", false),
        ("SELECT printf(a), printf(a, 1) FROM t", false),
    ] {
        let storage = storage(2_000_000)?;
        exec(&storage, "ALTER TABLE t ADD COLUMN b INTEGER")?;
        let values = vec![Value::Int(1); if query.contains("?2") { 2 } else { 0 }];
        let outcome = outcome(&storage, query, values);
        assert_eq!(outcome != TOO_BIG, fits, "{query} {outcome}");
    }
    Ok(())
}

#[test]
fn a_row_of_a_full_text_table_is_as_long_as_a_value() -> Result<()> {
    let storage = memory();
    exec(&storage, "CREATE VIRTUAL TABLE f USING fts5(a, b, content = '')")?;
    let insert = |query: &str, bytes: usize| {
        outcome(&storage, query, vec![Value::String("a ".repeat(bytes / 2))])
    };
    assert_eq!(insert("INSERT INTO f VALUES (?1, ?1)", 2_000_000), "0 rows");
    assert_eq!(insert("INSERT INTO f VALUES (?1, ?1)", 3_000_000), TOO_BIG);
    Ok(())
}

#[test]
fn values_that_are_bound_are_no_longer() -> Result<()> {
    let query = format!("SELECT {}", sum(&|n| format!("(?1+{n})"), 0..2000));
    let bind = |bytes: usize| outcome(&memory(), &query, vec![Value::String("0".repeat(bytes))]);
    assert_eq!(bind(50_000), TOO_BIG);
    assert_eq!(bind(16_000), "1 rows");
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
