//! `LIKE` and `GLOB` are our own, and answer as SQLite's.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::{exec, exec_with, interruptible, memory, number, refusal};
use crate::error::{ErrorCode, Result};
use crate::storage::Storage;
use crate::storage::patterns::{GLOB, LIKE, LIKE_CASE, Pattern, only_character};
use crate::value::Value;

/// Numbers that are the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % end
    }

    /// Bytes made of some of the pieces.
    fn bytes(&mut self, pieces: &[&[u8]], most: usize) -> Vec<u8> {
        let count = self.below(most + 1);
        (0..count).flat_map(|_| pieces[self.below(pieces.len())]).copied().collect()
    }
}

const TEXTS: &[&[u8]] = &[
    b"a",
    b"a",
    b"A",
    b"b",
    b"c",
    b"%",
    b"_",
    b"*",
    b"?",
    b"[",
    b"]",
    b"-",
    b"^",
    b"!",
    b"\xc3\xa4",
    b"\xc3\x84",
    b"\xe2\x82\xac",
    b"\xf0\x9f\x98\x80",
    b"\x80",
    b"\xbf\xbf",
    b"\xff",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\xc0\x80",
    b"\xef\xbf\xbe",
    b"\xf8\x88\x80\x80\x80",
    b"\0",
];

#[test]
fn they_answer_as_sqlites_own_do() -> rusqlite::Result<()> {
    let database = Connection::open_in_memory()?;
    let mut numbers = Numbers(1);
    for (kind, query) in [
        (&GLOB, "SELECT glob(CAST(?1 AS TEXT), CAST(?2 AS TEXT)), ?3"),
        (&LIKE, "SELECT like(CAST(?1 AS TEXT), CAST(?2 AS TEXT)), ?3"),
        (&LIKE, "SELECT like(CAST(?1 AS TEXT), CAST(?2 AS TEXT), CAST(?3 AS TEXT))"),
        (&LIKE_CASE, "SELECT like(CAST(?1 AS TEXT), CAST(?2 AS TEXT)), ?3"),
    ] {
        database.pragma_update(None, "case_sensitive_like", kind.is_case_sensitive())?;
        let mut statement = database.prepare(query)?;
        for _ in 0..40_000 {
            let escape = TEXTS[numbers.below(TEXTS.len() - 1)];
            let pattern = numbers.bytes(TEXTS, 7);
            let text = match numbers.below(2) {
                0 => numbers.bytes(TEXTS, 7),
                _ => numbers.bytes(&TEXTS[..5], 7),
            };
            let with_escape = query.contains("AS TEXT))") && query.matches("CAST").count() == 3;
            let character = only_character(escape);
            if with_escape && character.is_none() {
                continue;
            }
            let wanted: bool = statement.query_row((&pattern, &text, escape), |row| row.get(0))?;
            let pattern_of = Pattern::new(kind, &pattern, character.filter(|_| with_escape));
            let matched = pattern_of.matches(&text, &mut || false);
            assert_eq!(matched, Ok(wanted), "{query} of {pattern:x?}, {text:x?}, {escape:x?}");
        }
    }
    Ok(())
}

#[test]
fn values_that_are_no_texts_are_compared_as_sqlite_does() -> Result<()> {
    let storage = memory();
    let database = Connection::open_in_memory().expect("opens");
    let values = ["NULL", "1", "-2.5", "''", "'1'", "'a%'", "x'61'", "x'00'", "zeroblob(3)", "'%'"];
    for a in values {
        for b in values {
            for query in [
                format!("{a} LIKE {b}"),
                format!("{a} GLOB {b}"),
                format!("{a} LIKE {b} ESCAPE '%'"),
                format!("{a} NOT LIKE {b} ESCAPE NULL"),
                format!("like({a}, {b})"),
            ] {
                let query = format!("SELECT ifnull({query}, -1)");
                let wanted: i64 =
                    database.query_row(&query, [], |row| row.get(0)).expect("answers");
                assert_eq!(number(&storage, &query), wanted, "{query}");
            }
        }
    }
    for escape in ["''", "'ab'", "'äö'"] {
        let message = refusal(&storage, &format!("SELECT 'a' LIKE 'b' ESCAPE {escape}"));
        assert!(message.starts_with("ESCAPE expression must be a single character"), "{message}");
    }
    Ok(())
}

/// How SQLite goes about a query.
fn plan(storage: &Storage, query: &str, values: Vec<Value>) -> Result<String> {
    let rows = exec_with(storage, &format!("EXPLAIN QUERY PLAN {query}"), values)?;
    Ok(rows[0][3].as_str().unwrap_or_default().to_owned())
}

#[test]
fn indexes_are_used() -> Result<()> {
    let storage = memory();
    exec(
        &storage,
        "CREATE TABLE t(a TEXT, b TEXT COLLATE NOCASE); CREATE INDEX i ON t(a); CREATE INDEX j ON t(b);
         INSERT INTO t VALUES ('ab', 'ab'), ('AB', 'AB'), ('b', 'b')",
    )?;
    let cursor = storage.sql().exec("SELECT a FROM t", vec![])?;
    let by_a = "SEARCH t USING INDEX i (a>? AND a<?)";
    let by_b = "SEARCH t USING INDEX j (b>? AND b<?)";
    for (term, plan_of) in [
        ("a GLOB 'a*'", by_a),
        ("a GLOB '*a'", "SCAN t"),
        ("a LIKE 'a%'", "SCAN t"),
        ("b LIKE 'a%'", by_b),
        ("b LIKE 'a!%%' ESCAPE '!'", by_b),
    ] {
        let query = format!("SELECT * FROM t WHERE {term}");
        assert_eq!(plan(&storage, &query, vec![])?, plan_of, "{query}");
    }
    assert_eq!(cursor.raw()?.len(), 3);
    // With a value that is bound the plan is made when it is known; a row that is found is read, and no other.
    let read = |pattern: &str| {
        let cursor = storage
            .sql()
            .exec("SELECT a FROM t WHERE a GLOB ?", vec![Value::String(pattern.into())])?;
        Ok::<_, crate::error::Error>((cursor.raw()?.len(), cursor.rows_read()))
    };
    assert_eq!(read("a*")?, (1, 1));
    assert_eq!(read("*b")?, (2, 3));
    Ok(())
}

#[test]
fn case_may_be_told_apart() -> Result<()> {
    let storage = memory();
    let count = "SELECT count(*) FROM t WHERE a LIKE 'a%'";
    let setting = |on: &str| exec(&storage, &format!("PRAGMA case_sensitive_like = {on}"));
    assert_eq!(number(&storage, "SELECT 'A' LIKE 'a'"), 1);
    setting("ON")?;
    assert_eq!(number(&storage, "SELECT 'A' LIKE 'a'"), 0);
    exec(
        &storage,
        "CREATE TABLE t(a TEXT); CREATE INDEX i ON t(a); INSERT INTO t VALUES ('ab'), ('AB')",
    )?;
    storage.commit()?;
    for _ in 0..2 {
        assert_eq!(number(&storage, count), 1);
        assert!(plan(&storage, count, vec![])?.contains("a>? AND a<?"));
        let cursor = storage.sql().exec("SELECT a FROM t", vec![])?;
        setting("no")?;
        assert_eq!(cursor.raw()?.len(), 2);
        assert_eq!(number(&storage, count), 2);
        assert!(!plan(&storage, count, vec![])?.contains("a>? AND a<?"));
        setting("'Yes'")?;
    }
    let invalid = refusal(&storage, "PRAGMA case_sensitive_like = maybe");
    assert!(invalid.contains("not authorized"), "{invalid}");
    Ok(())
}

#[test]
fn a_long_comparison_is_stopped() -> Result<()> {
    let (storage, interrupt) = interruptible();
    let text = Value::String("a".repeat(4_000_000));
    let many: Vec<_> = (0..60).map(|n| format!("?1 LIKE '%{}b{n}'", "a".repeat(40))).collect();
    let query = format!("SELECT {}", many.join(", "));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(100));
            interrupt.store(true, Ordering::Release);
        });
        let started = Instant::now();
        let error = exec_with(&storage, &query, vec![text]).expect_err("is stopped");
        assert_eq!(error.code(), ErrorCode::Reset);
        assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    });
    Ok(())
}
