//! What SQL may do.
//!
//! SQLite asks for every action of a statement while it compiles it, and again for the statements
//! that virtual tables compile while it runs. Whatever is not listed here is refused.
//!
//! Our own statements may do everything except run code that the database brings along: an action
//! within a trigger or view is refused to them.

use std::ffi::c_int;

use rusqlite::ffi;

use super::guard::{Guard, Traits};

/// One question of SQLite's authorizer. Names from a file need not be UTF-8.
pub(super) struct Action<'a> {
    pub code: c_int,
    pub first: Option<&'a [u8]>,
    pub second: Option<&'a [u8]>,
    pub database: Option<&'a [u8]>,
    /// The innermost trigger or view that acts.
    pub accessor: Option<&'a [u8]>,
}

/// Whether a name is kept for our own tables or workerd's, in any case.
pub(super) fn is_reserved(name: &[u8]) -> bool {
    name.get(..4).is_some_and(|start| {
        start.eq_ignore_ascii_case(b"_fb_") || start.eq_ignore_ascii_case(b"_cf_")
    })
}

pub(super) enum Decision {
    Allow,
    /// It is our part to do it.
    Ignore,
    Deny,
}

/// Decides about an action, and notes in the guard what kind of statement it belongs to.
pub(super) fn decide(guard: &Guard, action: &Action<'_>) -> Decision {
    let allowed = if guard.is_operator() {
        allows_operator(action)
    } else if !guard.is_guest() {
        action.accessor.is_none()
    } else {
        let traits = traits(action);
        guard.note(traits.unwrap_or_default());
        let allowed = allows_guest(action);
        if allowed && traits.is_some_and(|traits| traits.is_case_sensitive().is_some()) {
            return Decision::Ignore;
        }
        allowed
    };
    if allowed { Decision::Allow } else { Decision::Deny }
}

fn traits(action: &Action<'_>) -> Option<Traits> {
    Some(match action.code {
        ffi::SQLITE_FUNCTION => {
            return of_function(action.second.unwrap_or_default());
        }
        ffi::SQLITE_TRANSACTION | ffi::SQLITE_SAVEPOINT => Traits::TRANSACTION,
        ffi::SQLITE_ALTER_TABLE => Traits::DEFINES,
        ffi::SQLITE_CREATE_TABLE => Traits::DEFINES.and(Traits::CREATES),
        ffi::SQLITE_CREATE_INDEX | ffi::SQLITE_CREATE_VIEW | ffi::SQLITE_CREATE_TRIGGER => {
            Traits::CREATES
        }
        ffi::SQLITE_DROP_TABLE
        | ffi::SQLITE_DROP_INDEX
        | ffi::SQLITE_DROP_VIEW
        | ffi::SQLITE_DROP_TRIGGER
        | ffi::SQLITE_DROP_VTABLE => Traits::DROPS,
        ffi::SQLITE_READ => match action.second {
            // Of full-text tables it is what `bm25` says.
            Some(name) if name.eq_ignore_ascii_case(b"rank") => Traits::READS.and(Traits::FULLTEXT),
            _ => Traits::READS,
        },
        ffi::SQLITE_PRAGMA => {
            let value = unquoted(action.second?);
            let name = action.first.unwrap_or_default();
            if !name.eq_ignore_ascii_case(CASE_SENSITIVE_LIKE.as_bytes()) {
                return None;
            }
            match contains(&BOOLEANS[..TRUE], value) {
                true => Traits::CASE.and(Traits::CASE_ON),
                false => Traits::CASE,
            }
        }
        _ => return None,
    })
}

fn of_function(name: &[u8]) -> Option<Traits> {
    if contains(&["bm25", "highlight", "snippet"], name) {
        return Some(Traits::FULLTEXT);
    }
    contains(&["glob", "like"], name).then_some(Traits::PATTERNS)
}

/// An operator reads whatever there is, through views and virtual tables too.
fn allows_operator(action: &Action<'_>) -> bool {
    match action.code {
        ffi::SQLITE_SELECT | ffi::SQLITE_RECURSIVE | ffi::SQLITE_READ => true,
        ffi::SQLITE_FUNCTION => contains(FUNCTIONS, action.second.unwrap_or_default()),
        ffi::SQLITE_PRAGMA => {
            let name = action.first.unwrap_or_default();
            // Given a value, the others would set something.
            contains(SCHEMA_PRAGMAS, name) || action.second.is_none() && contains(FIGURES, name)
        }
        _ => false,
    }
}

/// Pragmas that show the schema, with the name of what they show.
const SCHEMA_PRAGMAS: &[&str] = &[
    "foreign_key_list",
    "index_info",
    "index_list",
    "index_xinfo",
    "table_info",
    "table_list",
    "table_xinfo",
];

/// Pragmas that show a number.
const FIGURES: &[&str] = &["freelist_count", "page_count", "page_size", "user_version"];

fn allows_guest(action: &Action<'_>) -> bool {
    let first = action.first.unwrap_or_default();
    let second = action.second.unwrap_or_default();
    if action.code == ffi::SQLITE_ALTER_TABLE {
        // The database comes first here, and a column that is dropped in its place. A table's new
        // name isn't told at all: see `Connection::with_schema_check`.
        return first == b"main" && !is_reserved(second);
    }
    match action.database {
        None | Some(b"main") => {}
        // The schema of the temporary database, which is always empty, is consulted by ALTER TABLE.
        Some(b"temp") => return matches!(action.code, ffi::SQLITE_READ | ffi::SQLITE_UPDATE),
        Some(_) => return false,
    }
    match action.code {
        ffi::SQLITE_SELECT | ffi::SQLITE_RECURSIVE | ffi::SQLITE_ANALYZE => true,
        ffi::SQLITE_READ => !is_reserved(first) && allows_virtual_read(first),
        ffi::SQLITE_INSERT
        | ffi::SQLITE_UPDATE
        | ffi::SQLITE_DELETE
        | ffi::SQLITE_CREATE_TABLE
        | ffi::SQLITE_DROP_TABLE
        | ffi::SQLITE_CREATE_VIEW
        | ffi::SQLITE_DROP_VIEW
        | ffi::SQLITE_REINDEX => !is_reserved(first),
        ffi::SQLITE_CREATE_INDEX
        | ffi::SQLITE_DROP_INDEX
        | ffi::SQLITE_CREATE_TRIGGER
        | ffi::SQLITE_DROP_TRIGGER => !is_reserved(first) && !is_reserved(second),
        ffi::SQLITE_CREATE_VTABLE | ffi::SQLITE_DROP_VTABLE => {
            !is_reserved(first) && contains(MODULES, second)
        }
        ffi::SQLITE_FUNCTION => contains(FUNCTIONS, second),
        ffi::SQLITE_PRAGMA => allows_pragma(first, action.second),
        _ => false,
    }
}

fn contains(list: &[&str], name: &[u8]) -> bool {
    list.iter().any(|entry| entry.as_bytes().eq_ignore_ascii_case(name))
}

/// Modules that need no CREATE: reading one of them as a table shows the file, other statements or
/// what a pragma would.
fn allows_virtual_read(table: &[u8]) -> bool {
    match table.get(..7) {
        Some(prefix) if prefix.eq_ignore_ascii_case(b"pragma_") => {
            PRAGMAS.iter().any(|(name, _)| name.as_bytes().eq_ignore_ascii_case(&table[7..]))
        }
        _ => !contains(HIDDEN_MODULES, table),
    }
}

const MODULES: &[&str] = &["fts5", "fts5vocab", "rtree", "rtree_i32"];

/// Whether a table may be of a module.
pub(super) fn allows_module(name: &str) -> bool {
    contains(MODULES, name.as_bytes())
}

const HIDDEN_MODULES: &[&str] =
    &["bytecode", "dbstat", "fts3tokenize", "sqlite_dbpage", "sqlite_stmt", "tables_used"];

/// What a pragma may be given.
#[derive(Clone, Copy)]
enum Argument {
    Nothing,
    Boolean,
    Name,
    Any,
    OptionalName,
    NumberOrName,
    Number,
}

/// SQLite's own would put its function in the place of ours.
const CASE_SENSITIVE_LIKE: &str = "case_sensitive_like";

const PRAGMAS: &[(&str, Argument)] = &[
    ("data_version", Argument::Nothing),
    ("page_size", Argument::Nothing),
    (CASE_SENSITIVE_LIKE, Argument::Boolean),
    ("foreign_keys", Argument::Boolean),
    ("defer_foreign_keys", Argument::Boolean),
    ("ignore_check_constraints", Argument::Boolean),
    ("legacy_alter_table", Argument::Boolean),
    ("recursive_triggers", Argument::Boolean),
    ("reverse_unordered_selects", Argument::Boolean),
    ("table_list", Argument::Any),
    ("table_info", Argument::Name),
    ("table_xinfo", Argument::Name),
    ("foreign_key_list", Argument::Name),
    ("index_info", Argument::Name),
    ("index_list", Argument::Name),
    ("index_xinfo", Argument::Name),
    ("foreign_key_check", Argument::OptionalName),
    ("quick_check", Argument::NumberOrName),
    ("optimize", Argument::Number),
];

/// The pragmas that a guest may switch, whose state belongs to SQLite's connection.
pub(super) fn switches() -> impl Iterator<Item = &'static str> {
    PRAGMAS
        .iter()
        .filter(|(name, kind)| matches!(kind, Argument::Boolean) && *name != CASE_SENSITIVE_LIKE)
        .map(|(name, _)| *name)
}

fn allows_pragma(name: &[u8], argument: Option<&[u8]>) -> bool {
    let Some((_, kind)) =
        PRAGMAS.iter().find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name))
    else {
        return false;
    };
    let allowed_name = |name: &[u8]| !is_reserved(unquoted(name));
    match (kind, argument) {
        (Argument::Any, _) | (Argument::Nothing, None) => true,
        (Argument::Nothing, Some(_)) | (Argument::Name, None) => false,
        (_, None) => true,
        (Argument::Boolean, Some(value)) => contains(BOOLEANS, unquoted(value)),
        (Argument::Name | Argument::OptionalName | Argument::NumberOrName, Some(name)) => {
            allowed_name(name)
        }
        (Argument::Number, Some(number)) => is_number(number),
    }
}

/// The first [`TRUE`] are true.
const BOOLEANS: &[&str] = &["true", "yes", "on", "1", "false", "no", "off", "0"];
const TRUE: usize = 4;

fn unquoted(text: &[u8]) -> &[u8] {
    match text {
        [b'\'', inner @ .., b'\'']
        | [b'"', inner @ .., b'"']
        | [b'`', inner @ .., b'`']
        | [b'[', inner @ .., b']'] => inner,
        _ => text,
    }
}

fn is_number(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"-").unwrap_or(text);
    match text.strip_prefix(b"0x").or_else(|| text.strip_prefix(b"0X")) {
        Some(hex) => (1..=8).contains(&hex.len()) && hex.iter().all(u8::is_ascii_hexdigit),
        None => (1..=10).contains(&text.len()) && text.iter().all(u8::is_ascii_digit),
    }
}

/// Names in the form that the authorizer gets them: some functions have several spellings.
const FUNCTIONS: &[&str] = &[
    // core
    "abs",
    "changes",
    "char",
    "coalesce",
    "concat",
    "concat_ws",
    "format",
    "glob",
    "hex",
    "if",
    "ifnull",
    "iif",
    "instr",
    "last_insert_rowid",
    "length",
    "like",
    "likelihood",
    "likely",
    "lower",
    "ltrim",
    "max",
    "min",
    "nullif",
    "octet_length",
    "printf",
    "quote",
    "random",
    "randomblob",
    "replace",
    "round",
    "rtrim",
    "sign",
    "soundex",
    "substr",
    "substring",
    "total_changes",
    "trim",
    "typeof",
    "unhex",
    "unicode",
    "unlikely",
    "upper",
    "zeroblob",
    // dates
    "current_date",
    "current_time",
    "current_timestamp",
    "date",
    "datetime",
    "julianday",
    "strftime",
    "time",
    "timediff",
    "unixepoch",
    // aggregates and windows
    "avg",
    "count",
    "cume_dist",
    "dense_rank",
    "first_value",
    "group_concat",
    "lag",
    "last_value",
    "lead",
    "nth_value",
    "ntile",
    "percent_rank",
    "rank",
    "row_number",
    "string_agg",
    "sum",
    "total",
    // mathematics
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "ceil",
    "ceiling",
    "cos",
    "cosh",
    "degrees",
    "exp",
    "floor",
    "ln",
    "log",
    "log10",
    "log2",
    "mod",
    "pi",
    "pow",
    "power",
    "radians",
    "sin",
    "sinh",
    "sqrt",
    "tan",
    "tanh",
    "trunc",
    // JSON
    "->",
    "->>",
    "json",
    "json_array",
    "json_array_length",
    "json_each",
    "json_extract",
    "json_group_array",
    "json_group_object",
    "json_insert",
    "json_object",
    "json_patch",
    "json_quote",
    "json_remove",
    "json_replace",
    "json_set",
    "json_tree",
    "json_type",
    "json_valid",
    "jsonb",
    "jsonb_array",
    "jsonb_each",
    "jsonb_extract",
    "jsonb_group_array",
    "jsonb_group_object",
    "jsonb_insert",
    "jsonb_object",
    "jsonb_patch",
    "jsonb_remove",
    "jsonb_replace",
    "jsonb_set",
    "jsonb_tree",
    // full-text search and R-trees
    "bm25",
    "highlight",
    "match",
    "rtreecheck",
    "snippet",
    // what ALTER TABLE runs on the schema
    "sqlite_drop_column",
    "sqlite_rename_column",
    "sqlite_rename_quotefix",
    "sqlite_rename_table",
    "sqlite_rename_test",
];
