//! What guests see of the schema: everything but our own tables.
//!
//! Code that finds out whether its tables are there, or shows them all, must not find ours. SQLite knows no rows
//! that only some may read, so a statement that mentions the schema gets expressions of the same names before it.

use std::borrow::Cow;

/// They take precedence over the tables of these names.
const SHOWN: &str = "\
    sqlite_schema AS (SELECT * FROM main.sqlite_schema WHERE substr(tbl_name, 1, 4) <> '_fb_'), \
    sqlite_master AS (SELECT * FROM main.sqlite_schema WHERE substr(tbl_name, 1, 4) <> '_fb_')";
const SHOWN_TABLES: &str = "\
    pragma_table_list AS (SELECT * FROM main.pragma_table_list WHERE substr(name, 1, 4) <> '_fb_')";
/// What stands for the pragma.
const TABLES: &str = "SELECT * FROM pragma_table_list WHERE substr(name, 1, 4) <> '_fb_'";

/// A statement that doesn't see our tables in the schema.
#[derive(Debug, PartialEq)]
pub(super) struct Shown {
    pub sql: String,
    /// Where the text was put in, how long it is, and that of what it stands for.
    at: usize,
    added: usize,
    removed: usize,
}

impl Shown {
    /// None if the first statement of `sql` doesn't mention the schema, or isn't of a kind that reads it.
    pub fn of(sql: &str) -> Option<Shown> {
        let (schema, tables) = mentioned(sql);
        if !schema && !tables {
            return None;
        }
        let start = first_token(sql, 0);
        let keyword = word(sql, start).to_ascii_uppercase();
        if keyword == "PRAGMA" {
            return Shown::of_pragma(sql, start);
        }
        let sql = &*unqualified(sql);
        let shown = match (schema, tables) {
            (true, true) => format!("{SHOWN}, {SHOWN_TABLES}"),
            (true, false) => SHOWN.to_owned(),
            _ => SHOWN_TABLES.to_owned(),
        };
        let (at, text) = match keyword.as_str() {
            "WITH" => {
                let next = first_token(sql, start + keyword.len());
                let recursive = word(sql, next);
                let is_keyword = recursive.eq_ignore_ascii_case("RECURSIVE");
                let at = if is_keyword { next + recursive.len() } else { start + keyword.len() };
                (at, format!(" {shown}, "))
            }
            "SELECT" | "VALUES" | "INSERT" | "REPLACE" | "UPDATE" | "DELETE" => {
                (start, format!("WITH {shown} "))
            }
            _ => return None,
        };
        let shown = [&sql[..at], &text, &sql[at..]].concat();
        Some(Shown { sql: shown, at, added: text.len(), removed: 0 })
    }

    /// The list of all tables.
    fn of_pragma(sql: &str, start: usize) -> Option<Shown> {
        let name = first_token(sql, start + "PRAGMA".len());
        let end = name + word(sql, name).len();
        let rest = &sql[first_token_or_end(sql, end)..];
        let is_list = word(sql, name).eq_ignore_ascii_case("table_list");
        let is_whole = rest.is_empty() || rest.starts_with(';');
        (is_list && is_whole).then(|| Shown {
            sql: [&sql[..start], TABLES, &sql[end..]].concat(),
            at: start,
            added: TABLES.len(),
            removed: end - start,
        })
    }

    /// The place in the original text.
    pub fn original(&self, offset: usize) -> usize {
        if offset < self.at {
            return offset;
        }
        (offset + self.removed).saturating_sub(self.added).max(self.at)
    }
}

/// Whether the schema is mentioned, and whether the list of tables is. That may be a function of a table's name, which no
/// expression can stand for, and which tells of that table only.
fn mentioned(sql: &str) -> (bool, bool) {
    let (mut schema, mut tables) = (false, false);
    for at in memchr::memchr_iter(b'_', sql.as_bytes()) {
        let (before, after) = (&sql.as_bytes()[..at], &sql.as_bytes()[at + 1..]);
        let ends = |end: &[u8]| {
            before
                .len()
                .checked_sub(end.len())
                .is_some_and(|at| before[at..].eq_ignore_ascii_case(end))
        };
        schema |= ends(b"sqlite") && (begins(after, b"master") || begins(after, b"schema"));
        let is_function = || sql[at + "_list".len()..].trim_ascii_start().starts_with('(');
        tables |= ends(b"table") && begins(after, b"list") && !is_function();
    }
    (schema, tables)
}

fn begins(text: &[u8], start: &[u8]) -> bool {
    text.get(..start.len()).is_some_and(|text| text.eq_ignore_ascii_case(start))
}

/// Whether an expression has this name.
fn is_ours(name: &str) -> bool {
    let ours = ["sqlite_master", "sqlite_schema", "pragma_table_list"];
    ours.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// Blanks in the place of `main.` before the names that the expressions have.
fn unqualified(sql: &str) -> Cow<'_, str> {
    let (mut text, mut at) = (Cow::Borrowed(sql), 0);
    while at < sql.len() {
        let end = token_end(sql, at);
        if sql[at..end].eq_ignore_ascii_case("main") {
            let dot = first_token(sql, end);
            if sql[dot..].starts_with('.') && is_ours(word(sql, first_token(sql, dot + 1))) {
                text.to_mut().replace_range(at..=dot, &" ".repeat(dot + 1 - at));
            }
        }
        at = end;
    }
    text
}

/// Where a token ends that begins there: a word, a text, a comment, or one character.
fn token_end(sql: &str, at: usize) -> usize {
    let rest = &sql[at..];
    let until = |from: usize, end: &str| {
        rest[from..].find(end).map_or(sql.len(), |found| at + from + found + end.len())
    };
    match rest.as_bytes()[0] {
        b'\'' => until(1, "'"),
        b'"' => until(1, "\""),
        b'`' => until(1, "`"),
        b'[' => until(1, "]"),
        b'-' if rest.starts_with("--") => until(2, "\n"),
        b'/' if rest.starts_with("/*") => until(2, "*/"),
        byte if byte.is_ascii_alphanumeric() || byte == b'_' => at + word(sql, at).len(),
        _ => at + rest.chars().next().map_or(1, char::len_utf8),
    }
}

/// Where the next token begins, or the end of the statement.
fn first_token_or_end(sql: &str, from: usize) -> usize {
    let next = first_token(sql, from);
    sql[from..next].find(';').map_or(next, |end| from + end)
}

/// Where the next token begins, behind blanks and comments.
fn first_token(sql: &str, from: usize) -> usize {
    let mut rest = &sql[from..];
    loop {
        let trimmed = rest.trim_ascii_start();
        let comment = match trimmed {
            line if line.starts_with("--") => line.find('\n').map(|end| end + 1),
            block if block.starts_with("/*") => block.find("*/").map(|end| end + 2),
            empty if empty.starts_with(';') => Some(1),
            _ => return sql.len() - trimmed.len(),
        };
        rest = &trimmed[comment.unwrap_or(trimmed.len())..];
    }
}

fn word(sql: &str, from: usize) -> &str {
    let rest = &sql[from..];
    let end = rest.find(|char: char| !char.is_ascii_alphanumeric() && char != '_');
    &rest[..end.unwrap_or(rest.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_statements_that_read_the_schema_change() {
        for sql in
            ["SELECT 1", "SELECT sqlite_x", "DROP TABLE sqlite_master", "", "-- sqlite_schema"]
        {
            assert_eq!(Shown::of(sql), None, "{sql}");
        }
    }

    #[test]
    fn the_list_of_tables_stands_for_its_pragma() {
        for (before, list, after) in
            [("", "PRAGMA table_list", ""), (" -- a\n", "pragma  TABLE_LIST", " ; SELECT 2")]
        {
            let sql = [before, list, after].concat();
            let shown = Shown::of(&sql).unwrap();
            assert_eq!(shown.sql, [before, TABLES, after].concat());
            assert_eq!(shown.original(before.len() + TABLES.len()), before.len() + list.len());
        }
        for other in
            ["PRAGMA table_list(a)", "PRAGMA table_list = a", "PRAGMA table_info(sqlite_master)"]
        {
            assert_eq!(Shown::of(other), None, "{other}");
        }
    }

    #[test]
    fn the_names_lose_their_schema_but_not_in_texts() {
        let text = |sql| unqualified(sql).into_owned();
        assert_eq!(
            text("SELECT * FROM Main . sqlite_MASTER"),
            "SELECT * FROM        sqlite_MASTER"
        );
        for same in [
            "SELECT 'main.sqlite_master', \"main.sqlite_master\", [main.sqlite_master] -- main.sqlite_master",
            "SELECT main.a, domain.sqlite_master, 'é' FROM main.b /* main.sqlite_master */",
            "SELECT main",
            "SELECT main é, main 'x', main.é FROM sqlite_master",
        ] {
            assert_eq!(text(same), same);
        }
    }

    #[test]
    fn the_text_goes_before_the_statement_or_behind_its_with() {
        for (before, after) in [
            ("", "SELECT * FROM sqlite_master"),
            ("-- sql\n /* x */", "select 1 from SQLITE_SCHEMA"),
            ("WITH", " a AS (SELECT 1) SELECT * FROM a, sqlite_master"),
            (" with /**/ Recursive", " a AS (SELECT 1) SELECT * FROM a, sqlite_master"),
        ] {
            let sql = [before, after].concat();
            let shown = Shown::of(&sql).unwrap();
            assert!(shown.sql.starts_with(before) && shown.sql.ends_with(after), "{sql}");
            let end = shown.sql.len() - 3;
            assert_eq!(shown.original(end), sql.len() - 3);
        }
    }
}
