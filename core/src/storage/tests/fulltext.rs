use std::sync::atomic::Ordering;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, params_from_iter};

use super::{exec_with, interruptible, memory};
use crate::error::{ErrorCode, Result};
use crate::storage::Storage;
use crate::storage::raw::thread_bytes;
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

const RANKS: &[&str] =
    &["bm25(t)", "bm25(t, 0, 2.5)", "bm25(t, 'x', 7, 9)", "bm25(t, NULL)", "rank"];

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
                ValueRef::Real(number) => Value::Float(number),
                _ => Value::Null,
            };
            all.push_str(&format!("{value:?}\n"));
        }
        Ok(all)
    };
    read().map_err(|error| error.to_string())
}

#[test]
fn functions_of_our_own_answer_as_sqlites_do() -> Result<()> {
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
        let ranks = RANKS.iter().map(|rank| rank.to_string());
        for call in highlights.chain(snippets).chain(ranks) {
            for query in QUERIES {
                let query = format!("SELECT {call} FROM t WHERE {query} ORDER BY rank, rowid");
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

/// How many rows of `t` a query finds.
fn found(storage: &Storage, query: &str) -> Result<usize> {
    let query = vec![Value::String(query.into())];
    exec_with(storage, "SELECT rowid FROM t WHERE t MATCH ?", query).map(|rows| rows.len())
}

fn is_refused(storage: &Storage, query: &str) -> bool {
    let error = found(storage, query).err();
    error.is_some_and(|error| error.message() == "out of memory: SQLITE_NOMEM")
}

/// A table of one text.
fn table(options: &str, text: String) -> Result<Storage> {
    let storage = memory();
    let create = format!("CREATE VIRTUAL TABLE t USING fts5(a{options})");
    exec_with(&storage, &create, vec![])?;
    exec_with(&storage, "INSERT INTO t VALUES (?)", vec![Value::String(text)])?;
    storage.commit()?; // an error of memory drops what isn't
    Ok(storage)
}

fn near(count: usize, word: &str) -> String {
    format!("b OR NEAR({}, 3)", format!("{word} ").repeat(count))
}

#[test]
fn long_queries_find_what_they_are_asked_for() -> Result<()> {
    let storage = table("", "a ".repeat(100))?;
    for count in [1, 2, 9, 16, 17, 38] {
        assert_eq!(found(&storage, &near(count, "a")), Ok(1), "{count}");
    }
    assert!(is_refused(&storage, &near(39, "a")) && is_refused(&storage, &near(5000, "a")));
    assert!(is_refused(&storage, &near(39, "\"a a\"")));
    for (join, count) in
        [(" ", 1000), (" OR ", 1000), (" AND ", 1000), (" + ", 100), (" NOT ", 100)]
    {
        let query = vec!["a"; count].join(join);
        assert_eq!(found(&storage, &query), Ok(usize::from(join != " NOT ")), "{join}");
    }
    assert_eq!(found(&storage, &format!("\"{}\"", "a ".repeat(100))), Ok(1));
    assert_eq!(found(&storage, &vec![near(16, "a"); 5].join(" OR ")), Ok(1));
    Ok(())
}

#[test]
fn the_more_phrases_are_near_each_other_the_fewer_places_a_row_has_of_each() -> Result<()> {
    let word = "b".repeat(95); // takes as much as what FTS5 makes of a set of phrases
    for (options, text, word, most) in [
        ("", "a ".repeat(2_000_000), "a", 2),
        ("", "a ".repeat(500_000), "a", 3),
        ("", "a ".repeat(100_000), "a", 6),
        ("", format!("{word} ").repeat(40_000), word.as_str(), 9),
        (", tokenize = porter", "a ".repeat(500_000), "a", 3),
        (", tokenize = 'porter ascii'", "a ".repeat(500_000), "a", 3),
        (", tokenize = ascii", "a ".repeat(500_000), "a", 3),
        (", tokenize = trigram", "a".repeat(500_000), "aaa", 3),
        ("", "a1 a2 ".repeat(250_000), "a*", 3),
    ] {
        let storage = table(options, text)?;
        assert_eq!(found(&storage, &near(most, word)), Ok(1), "{options} {word}");
        for more in [1, 4, 12] {
            assert!(is_refused(&storage, &near(most + more, word)), "{options} {word} {more}");
        }
    }
    Ok(())
}

#[test]
fn the_longer_a_phrase_is_the_fewer_places_a_row_has_of_its_words() -> Result<()> {
    let storage = table("", "a ".repeat(1_000_000))?;
    let phrase = |count: usize| format!("\"{}\"", "a ".repeat(count));
    assert_eq!(found(&storage, &phrase(10)), Ok(1));
    assert!(is_refused(&storage, &phrase(24)));
    assert!(is_refused(&storage, &vec![phrase(4); 8].join(" OR ")));
    let storage = table("", "a ".repeat(20_000))?;
    assert_eq!(found(&storage, &phrase(100)), Ok(1));
    Ok(())
}

#[test]
fn queries_in_a_long_text_of_many_words_are_not_refused() -> Result<()> {
    // The nth word is used as often as the first by n.
    let (words, mut seed) = (50_000_f64, 7_u32);
    let mut word = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        format!("w{} ", words.powf(f64::from(seed >> 8) / f64::from(1 << 24)) as u32)
    };
    let mut text = String::new();
    while text.len() < 4_100_000 {
        text += &word();
    }
    let storage = table("", text)?;
    for query in [
        "NEAR(w1 w2 w3 w4 w5 w6 w7 w8, 30)",
        "NEAR(w1 w2 w3, 9) OR NEAR(w4 w5 w6, 9) OR \"w1 w1 w1 w1 w1\"",
        "NEAR(w1* w2 w3*, 9)",
        "\"w1 w2\"",
    ] {
        assert_eq!(found(&storage, query), Ok(1), "{query}");
    }
    Ok(())
}

#[test]
fn queries_are_bounded_one_by_one_and_what_is_sorted_is_not() -> Result<()> {
    let storage = memory();
    for query in [
        "CREATE VIRTUAL TABLE t USING fts5(a, b UNINDEXED)",
        "INSERT INTO t WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 500)
            SELECT 'a b c d e f g h', printf('%9000d', x) FROM c",
        "CREATE TABLE q AS SELECT 'NEAR(a b c d e f g h)' AS a FROM t",
    ] {
        exec_with(&storage, query, vec![])?;
    }
    let rows = |query: &str| exec_with(&storage, query, vec![]).map(|rows| rows.len());
    let near = "t MATCH 'NEAR(a b c d e f g h, 20)'";
    assert_eq!(rows(&format!("SELECT b, a FROM t WHERE {near} ORDER BY b DESC")), Ok(500));
    assert_eq!(rows("SELECT q.rowid FROM q, t WHERE t MATCH q.a AND t.rowid = 1"), Ok(500));
    Ok(())
}

#[test]
fn what_waits_for_the_end_of_a_transaction_is_bounded() -> Result<()> {
    let (storage, interrupt) = interruptible();
    exec_with(&storage, "CREATE VIRTUAL TABLE t USING fts5(a, content = '')", vec![])?;
    exec_with(&storage, "INSERT INTO t(t, rank) VALUES ('hashsize', 2000000000)", vec![])?;
    storage.commit()?;
    let insert = |from: usize| {
        let words = (from..from + 10_000).map(|n| format!("{n:x} ")).collect();
        exec_with(&storage, "INSERT INTO t(a) VALUES (?)", vec![Value::String(words)]).map(drop)
    };
    let before = thread_bytes();
    for n in 0..40 {
        insert(n * 10_000)?;
        let more = thread_bytes() - before;
        assert!(more < 12 << 20, "{more} bytes after {n}");
    }
    storage.commit()?;
    let query = "SELECT count(*) FROM t WHERE t MATCH 'ab OR 61a7f'";
    assert_eq!(exec_with(&storage, query, vec![])?, [[Value::Int(2)]]);
    interrupt.store(true, Ordering::Release);
    assert_eq!(insert(0).expect_err("is stopped").code(), ErrorCode::Reset);
    Ok(())
}

#[test]
fn what_a_commit_would_merge_is_merged_before_and_can_be_stopped() -> Result<()> {
    let (storage, interrupt) = interruptible();
    let exec = |sql: &str| exec_with(&storage, sql, vec![]);
    exec("CREATE VIRTUAL TABLE t USING fts5(a)")?;
    exec("INSERT INTO t(t, rank) VALUES ('automerge', 0)")?;
    let pages = || exec("SELECT count(*), sum(length(block)) FROM t_data");
    let (mut most, mut merges) = (0, 0);
    for _ in 0..40 {
        exec("INSERT INTO t VALUES ('a b c')")?;
        storage.write_indexes();
        let before = pages()?;
        let Value::Int(count) = before[0][0] else { unreachable!("a count") };
        merges += usize::from(count < most);
        most = count;
        storage.commit()?;
        assert_eq!(pages()?, before, "the commit has merged");
    }
    assert_eq!(merges, 2); // one of each 16
    exec("INSERT INTO t VALUES ('d')")?;
    interrupt.store(true, Ordering::Release);
    storage.write_indexes();
    assert_eq!(storage.commit().expect_err("is stopped").code(), ErrorCode::Reset);
    interrupt.store(false, Ordering::Release);
    storage.rollback();
    assert_eq!(exec("SELECT count(*) FROM t WHERE t MATCH 'a OR d'")?, [[Value::Int(40)]]);
    Ok(())
}

#[test]
fn indexes_are_written_whatever_has_changed_in_the_schema() -> Result<()> {
    let storage = memory();
    let exec = |sql: &str| exec_with(&storage, sql, vec![]).map(drop);
    for n in 0..3 {
        exec(&format!("CREATE VIRTUAL TABLE f{n} USING fts5(a)"))?;
        exec(&format!("CREATE VIRTUAL TABLE r{n} USING rtree(id, a, b)"))?;
        storage.write_indexes();
        exec(&format!("INSERT INTO f{n} VALUES ('a')"))?;
        storage.write_indexes();
        exec(&format!("INSERT INTO r{n} VALUES (1, 2, 3)"))?;
        storage.write_indexes();
        exec(&format!("ALTER TABLE f{n} RENAME TO g{n}"))?;
        exec(&format!("INSERT INTO g{n} VALUES ('b')"))?;
        storage.write_indexes();
        storage.commit()?;
    }
    Ok(())
}

#[test]
fn an_event_that_writes_no_full_text_leaves_nothing() -> Result<()> {
    let storage = memory();
    exec_with(&storage, "CREATE TABLE t(a)", vec![])?;
    exec_with(&storage, "INSERT INTO t VALUES (1)", vec![])?;
    storage.write_indexes();
    storage.commit()?;
    storage.write_indexes();
    assert_eq!(exec_with(&storage, "SELECT a FROM t", vec![])?, [[Value::Int(1)]]);
    Ok(())
}
