use std::sync::atomic::Ordering;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, params_from_iter};

use super::{exec_with, interruptible, memory};
use crate::error::{ErrorCode, Result};
use crate::storage::Storage;
use crate::value::Value;

const TABLES: &[&str] = &[
    "fts5(x, y)",
    "fts5(x, y UNINDEXED)",
    "fts5(x, y, tokenize = 'porter ascii')",
    "fts5(x, y, tokenize = trigram)",
    "fts5(x, y, detail = none)",
    "fts5(x, y, detail = column, prefix = 1)",
    "fts5(x, y, columnsize = 0)",
    "fts5(x, y, content = '')",
];

const QUERIES: &[&str] = &[
    "t MATCH 'a'",
    "t MATCH 'a OR \"b a\" OR \"a b a\"'",
    "t MATCH '\"a a\"'",
    "t MATCH 'a* OR bc'",
    "t MATCH 'y : b OR x : a'",
    "t MATCH 'NEAR(a b, 2)'",
    "t MATCH 'aba OR abc OR \"bab\"'",
    "y LIKE '%b%'",
];

const HIGHLIGHTS: &[&str] = &[
    "0, '[', ']'",
    "1, '<b>', '</b>'",
    "0, NULL, ']'",
    "0, '', NULL",
    "1, x'5b005d', 7",
    "-1, '[', ']'",
    "2, '[', ']'",
    "NULL, '[', ']'",
    "'x', '[', ']'",
    "1e300, '[', ']'",
    "0, '['",
    "0, '[', ']', 1",
];

const SNIPPETS: &[&str] = &[
    "0, '[', ']', '...', 3",
    "1, '[', ']', '...', 1",
    "-1, '[', ']', '...', 5",
    "-1, '<', '>', NULL, 2",
    "-7, NULL, '>', '', 64",
    "0, '[', ']', '...', 0",
    "0, '[', ']', '...', -1",
    "-1, '[', ']', '...', 1e300",
    "-1, '[', ']', '...', NULL",
    "2, '[', ']', '...', 3",
    "9223372036854775807, '[', ']', '...', 3",
    "0, '[', ']', '...'",
];

/// Texts of few words, so that much matches, from a sequence that is always the same.
struct Texts(u64);

impl Texts {
    fn number(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) % below
    }

    fn next(&mut self) -> Value {
        const WORDS: &[&str] = &[
            "a", "b", "A", "ab", "bc", "a.", "b:", "é", "aba", "(a", "\0", ".", "  ", "\n", "a-b",
        ];
        let length = match self.number(8) {
            0 => return Value::Null,
            1 => 0,
            kind => self.number(6 * kind * kind),
        };
        let words = (0..length).map(|_| WORDS[self.number(WORDS.len() as u64) as usize]);
        Value::String(words.collect::<Vec<_>>().join(if self.number(4) == 0 { "" } else { " " }))
    }
}

fn rows(storage: &Storage, query: &str) -> std::result::Result<String, String> {
    let rows = exec_with(storage, query, vec![]).map_err(|error| error.message().to_owned())?;
    Ok(rows.iter().map(|row| format!("{:?}\n", row[0])).collect())
}

fn sqlites(database: &Connection, query: &str) -> std::result::Result<String, String> {
    let read = || -> rusqlite::Result<String> {
        let mut statement = database.prepare(query)?;
        let mut rows = statement.query([])?;
        let mut all = String::new();
        while let Some(row) = rows.next()? {
            let value = match row.get_ref(0)? {
                ValueRef::Text(text) => Value::String(String::from_utf8_lossy(text).into_owned()),
                _ => Value::Null,
            };
            all.push_str(&format!("{value:?}\n"));
        }
        Ok(all)
    };
    read().map_err(|error| error.to_string())
}

#[test]
fn highlight_and_snippet_answer_as_sqlites_own_do() -> Result<()> {
    let mut texts = Texts(7);
    for table in TABLES {
        let storage = memory();
        let database = Connection::open_in_memory().expect("opens");
        let create = format!("CREATE VIRTUAL TABLE t USING {table}");
        exec_with(&storage, &create, vec![])?;
        database.execute_batch(&create).expect("a table");
        for _ in 0..40 {
            let row = [texts.next(), texts.next()];
            let insert = "INSERT INTO t VALUES (?, ?)";
            exec_with(&storage, insert, row.to_vec())?;
            let row = row.iter().map(|value| match value {
                Value::String(text) => Some(text),
                _ => None,
            });
            database.execute(insert, params_from_iter(row)).expect("a row");
        }
        storage.commit()?; // an error of memory would drop it
        let highlights = HIGHLIGHTS.iter().map(|arguments| format!("highlight(t, {arguments})"));
        let snippets = SNIPPETS.iter().map(|arguments| format!("snippet(t, {arguments})"));
        for call in highlights.chain(snippets) {
            for query in QUERIES {
                let query = format!("SELECT {call} FROM t WHERE {query}");
                match (rows(&storage, &query), sqlites(&database, &query)) {
                    (Ok(ours), Ok(theirs)) => assert_eq!(ours, theirs, "{table}: {query}"),
                    (Err(ours), Err(theirs)) => {
                        let theirs = theirs.split(" in SELECT").next().unwrap_or_default();
                        assert!(ours.starts_with(theirs), "{table}: {query}: {ours}: {theirs}");
                    }
                    (ours, theirs) => panic!("{table}: {query}: {ours:?}: {theirs:?}"),
                }
            }
        }
    }
    Ok(())
}

#[test]
fn a_statement_that_has_to_end_gets_no_more_memory() -> Result<()> {
    let (storage, interrupt) = interruptible();
    exec_with(&storage, "CREATE VIRTUAL TABLE t USING fts5(a)", vec![])?;
    storage.commit()?;
    interrupt.store(true, Ordering::Release);
    let insert = "INSERT INTO t VALUES ('a b c')"; // too short for another look
    for query in [insert, "SELECT highlight(t, 0, '', '') FROM t WHERE t MATCH 'a'"] {
        let error = exec_with(&storage, query, vec![]).expect_err("is stopped");
        assert_eq!(error.code(), ErrorCode::Reset, "{query}: {error}");
    }
    interrupt.store(false, Ordering::Release);
    exec_with(&storage, insert, vec![])?;
    Ok(())
}

#[test]
fn one_row_may_not_have_all_too_many_different_words() -> Result<()> {
    let storage = memory();
    exec_with(&storage, "CREATE VIRTUAL TABLE t USING fts5(a)", vec![])?;
    let words = |count: usize| (0..count).map(|n| format!("{n:x} ")).collect::<String>();
    let insert = "INSERT INTO t VALUES (?)";
    exec_with(&storage, insert, vec![Value::String(words(100_000))])?;
    let error = exec_with(&storage, insert, vec![Value::String(words(400_000))]);
    assert_eq!(error.expect_err("refused").message(), "out of memory: SQLITE_NOMEM");
    Ok(())
}
