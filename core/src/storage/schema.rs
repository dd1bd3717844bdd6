//! What guests see of the schema: everything but our own tables.
//!
//! Code that finds out whether its tables are there, or shows them all, must not find ours. SQLite knows no rows
//! that only some may read, so a statement that mentions the schema gets expressions of the same names before it.

/// They take precedence over the tables of these names.
const SHOWN: &str = "\
    sqlite_schema AS (SELECT * FROM main.sqlite_schema WHERE substr(tbl_name, 1, 4) <> '_fb_'), \
    sqlite_master AS (SELECT * FROM main.sqlite_schema WHERE substr(tbl_name, 1, 4) <> '_fb_')";

/// A statement that doesn't see our tables in the schema.
#[derive(Debug, PartialEq)]
pub(super) struct Shown {
    pub sql: String,
    /// Where the text was put in, and how long it is.
    at: usize,
    added: usize,
}

impl Shown {
    /// None if the first statement of `sql` doesn't mention the schema, or isn't of a kind that reads it.
    pub fn of(sql: &str) -> Option<Shown> {
        if !mentions_schema(sql) {
            return None;
        }
        let start = first_token(sql, 0);
        let keyword = word(sql, start).to_ascii_uppercase();
        let (at, text) = match keyword.as_str() {
            "WITH" => {
                let next = first_token(sql, start + keyword.len());
                let recursive = word(sql, next);
                let is_keyword = recursive.eq_ignore_ascii_case("RECURSIVE");
                let at = if is_keyword { next + recursive.len() } else { start + keyword.len() };
                (at, format!(" {SHOWN}, "))
            }
            "SELECT" | "VALUES" | "INSERT" | "REPLACE" | "UPDATE" | "DELETE" => {
                (start, format!("WITH {SHOWN} "))
            }
            _ => return None,
        };
        Some(Shown { sql: [&sql[..at], &text, &sql[at..]].concat(), at, added: text.len() })
    }

    /// The place in the original text.
    pub fn original(&self, offset: usize) -> usize {
        if offset < self.at { offset } else { offset.saturating_sub(self.added).max(self.at) }
    }
}

fn mentions_schema(sql: &str) -> bool {
    memchr::memmem::find_iter(sql.as_bytes(), b"_").any(|at| {
        let before = &sql.as_bytes()[..at];
        let after = &sql.as_bytes()[at + 1..];
        let ends = |text: &[u8], end: &[u8]| {
            text.len() >= end.len() && text[text.len() - end.len()..].eq_ignore_ascii_case(end)
        };
        let begins = |start: &[u8]| {
            after.get(..start.len()).is_some_and(|text| text.eq_ignore_ascii_case(start))
        };
        ends(before, b"sqlite") && (begins(b"master") || begins(b"schema"))
    })
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
