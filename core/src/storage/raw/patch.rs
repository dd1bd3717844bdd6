//! SQL's `json_patch` and `jsonb_patch`, within bounds.
//!
//! SQLite looks each member of the patch up in all of the target, and nothing can interrupt a function. So what would
//! take long is refused, and the rest is left to SQLite: a function can't call the one that it stands in for, but that
//! of another connection.

use std::cell::OnceCell;
use std::ffi::{CStr, c_int, c_uint, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql, ffi};

use super::Database;
use super::Failure;
use super::functions::{give, text};
use crate::storage::functions::{Answer, Argument};

/// Members of the patch times bytes of both: less than 50 ms.
const MAX_STEPS: usize = 1 << 27;

/// Marks a text as JSON for other functions.
const JSON: c_uint = b'J' as c_uint;

/// A function, and the connection that has the original, once that was needed.
struct Patch {
    name: &'static CStr,
    query: &'static str,
    origin: OnceCell<Connection>,
}

const FUNCTIONS: [(&CStr, &str); 2] =
    [(c"json_patch", "SELECT json_patch(?1, ?2)"), (c"jsonb_patch", "SELECT jsonb_patch(?1, ?2)")];

impl Database {
    /// Makes the functions known, in place of SQLite's own.
    pub(super) fn install_patch(&self) -> Result<(), Failure> {
        let kind = ffi::SQLITE_UTF8
            | ffi::SQLITE_DETERMINISTIC
            | ffi::SQLITE_INNOCUOUS
            | ffi::SQLITE_RESULT_SUBTYPE;
        for (name, query) in FUNCTIONS {
            let patch = Box::new(Patch { name, query, origin: OnceCell::new() });
            let data = Box::into_raw(patch).cast::<c_void>();
            // SAFETY: the name ends with NUL, and `drop_patch` is called once with the data, also if this fails.
            let code = unsafe {
                ffi::sqlite3_create_function_v2(
                    self.raw,
                    name.as_ptr(),
                    2,
                    kind,
                    data,
                    Some(call),
                    None,
                    None,
                    Some(drop_patch),
                )
            };
            self.check(code)?;
        }
        Ok(())
    }
}

unsafe extern "C" fn drop_patch(data: *mut c_void) {
    // SAFETY: what `install_patch` gave, which nobody uses any more.
    drop(unsafe { Box::from_raw(data.cast::<Patch>()) });
}

unsafe extern "C" fn call(
    context: *mut ffi::sqlite3_context,
    _: c_int,
    values: *mut *mut ffi::sqlite3_value,
) {
    // SAFETY: SQLite's context of this call.
    let data = unsafe { ffi::sqlite3_user_data(context) }.cast::<Patch>();
    // SAFETY: what `install_patch` gave; it stays while the connection is open, which one thread uses at a time.
    let patch = unsafe { &*data };
    // SAFETY: SQLite gives two values, which stay throughout the call.
    let values = unsafe { std::slice::from_raw_parts(values, 2) };
    // SAFETY: values of this call, each of which is read once.
    let [target, change] = [0, 1].map(|at| unsafe { text(values[at]) });
    let answer = catch_unwind(AssertUnwindSafe(|| patch.apply(target, change)));
    let answer = answer.unwrap_or(Answer::Failed);
    let is_text = matches!(answer, Answer::Text(_));
    // SAFETY: the context of this call.
    unsafe { give(context, answer) };
    if is_text {
        // SAFETY: as above.
        unsafe { ffi::sqlite3_result_subtype(context, JSON) };
    }
}

impl Patch {
    fn apply(&self, target: Argument<'_>, change: Argument<'_>) -> Answer {
        let (members, bytes) = (most_members(change), length(target) + length(change));
        if members.saturating_mul(bytes) > MAX_STEPS {
            return Answer::Error(format!(
                "{}() with {members} members for {bytes} bytes takes too long; at most {} for so many",
                self.name.to_string_lossy(),
                MAX_STEPS / bytes
            ));
        }
        self.original(target, change).unwrap_or_else(|error| match error {
            rusqlite::Error::SqliteFailure(_, Some(message)) => Answer::Error(message),
            error => Answer::Error(error.to_string()),
        })
    }

    fn original(&self, target: Argument<'_>, change: Argument<'_>) -> rusqlite::Result<Answer> {
        let connection = match self.origin.get() {
            Some(connection) => connection,
            None => {
                let connection = Connection::open_in_memory()?;
                self.origin.get_or_init(|| connection)
            }
        };
        let mut statement = connection.prepare_cached(self.query)?;
        statement.query_row((target, change), |row| {
            Ok(match row.get_ref(0)? {
                ValueRef::Text(text) => Answer::Text(text.to_vec()),
                ValueRef::Blob(bytes) => Answer::Blob(bytes.to_vec()),
                _ => Answer::Null,
            })
        })
    }
}

impl ToSql for Argument<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match *self {
            Argument::Null => ValueRef::Null,
            Argument::Text(text) => ValueRef::Text(text),
            Argument::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

fn length(argument: Argument<'_>) -> usize {
    match argument {
        Argument::Null => 0,
        Argument::Text(bytes) | Argument::Blob(bytes) => bytes.len(),
    }
}

/// How many members a text or binary JSON has at most.
fn most_members(argument: Argument<'_>) -> usize {
    match argument {
        Argument::Text(text) => text.iter().filter(|byte| **byte == b':').count(),
        // A name and a value take a byte each at least.
        argument => length(argument) / 2,
    }
}
