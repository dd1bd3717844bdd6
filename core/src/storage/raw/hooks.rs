//! The functions that SQLite calls back: the authorizer, the progress handler and the log's hook.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use rusqlite::ffi;

use super::Database;
use crate::storage::authorizer::{Action, Decision, decide};
use crate::storage::guard::Guard;

impl Database {
    pub(super) fn install_hooks(&self) {
        let guard = Arc::as_ptr(&self.guard).cast_mut().cast::<c_void>();
        // SAFETY: SQLite calls `authorize` only within calls on this connection, during which
        // `self.guard` keeps what `guard` points to alive.
        unsafe { ffi::sqlite3_set_authorizer(self.raw, Some(authorize), guard) };
        self.install_progress(self.looks.get());
        // SAFETY: as above, for `wal_written`. It takes the place of SQLite's automatic checkpoints.
        unsafe { ffi::sqlite3_wal_hook(self.raw, Some(wal_written), guard) };
    }

    /// Has SQLite ask the guard after so many instructions of its virtual machine.
    pub(super) fn install_progress(&self, instructions: c_int) {
        let guard = Arc::as_ptr(&self.guard).cast_mut().cast::<c_void>();
        // SAFETY: as in `install_hooks`, for `progress`.
        unsafe { ffi::sqlite3_progress_handler(self.raw, instructions, Some(progress), guard) };
    }
}

unsafe extern "C" fn progress(guard: *mut c_void) -> c_int {
    // SAFETY: it is the pointer that `install_hooks` gave, to a guard that is alive.
    let guard = unsafe { &*guard.cast::<Guard>() };
    fail_closed(|| c_int::from(guard.must_stop()), 1)
}

unsafe extern "C" fn wal_written(
    guard: *mut c_void,
    _: *mut ffi::sqlite3,
    _: *const c_char,
    pages: c_int,
) -> c_int {
    // SAFETY: it is the pointer that `install_hooks` gave, to a guard that is alive.
    let guard = unsafe { &*guard.cast::<Guard>() };
    guard.note_commit(pages.unsigned_abs());
    ffi::SQLITE_OK
}

unsafe extern "C" fn authorize(
    guard: *mut c_void,
    code: c_int,
    first: *const c_char,
    second: *const c_char,
    database: *const c_char,
    accessor: *const c_char,
) -> c_int {
    // SAFETY: it is the pointer that `install_hooks` gave, to a guard that is alive.
    let guard = unsafe { &*guard.cast::<Guard>() };
    // SAFETY: SQLite gives null or a text that ends with NUL and lives throughout the call.
    let first = unsafe { text(first) };
    // SAFETY: as above.
    let second = unsafe { text(second) };
    // SAFETY: as above.
    let database = unsafe { text(database) };
    // SAFETY: as above.
    let accessor = unsafe { text(accessor) };
    let decide = || match decide(guard, &Action { code, first, second, database, accessor }) {
        Decision::Allow => ffi::SQLITE_OK,
        Decision::Ignore => ffi::SQLITE_IGNORE,
        Decision::Deny => ffi::SQLITE_DENY,
    };
    fail_closed(decide, ffi::SQLITE_DENY)
}

/// What `decide` answers, or `refusal` if it panics: a statement never goes on unchecked.
fn fail_closed(decide: impl FnOnce() -> c_int, refusal: c_int) -> c_int {
    catch_unwind(AssertUnwindSafe(decide)).unwrap_or(refusal)
}

/// # Safety
/// `text` is null or ends with NUL and lives as long as `'a`.
unsafe fn text<'a>(text: *const c_char) -> Option<&'a [u8]> {
    if text.is_null() {
        return None;
    }
    // SAFETY: by the function's contract.
    Some(unsafe { CStr::from_ptr(text) }.to_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Installed in place of `progress` and `authorize`.
    unsafe extern "C" fn panics(_: *mut c_void) -> c_int {
        fail_closed(|| panic!("on purpose"), 1)
    }

    unsafe extern "C" fn panics_too(
        _: *mut c_void,
        _: c_int,
        _: *const c_char,
        _: *const c_char,
        _: *const c_char,
        _: *const c_char,
    ) -> c_int {
        fail_closed(|| panic!("on purpose"), ffi::SQLITE_DENY)
    }

    fn count(database: &rusqlite::Connection) -> rusqlite::Result<i64> {
        let query = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 10000)
            SELECT count(*) FROM c";
        database.query_row(query, [], |row| row.get(0))
    }

    #[test]
    fn a_panic_in_a_callback_fails_the_statement() {
        // Whoever opens the first database of the process decides how SQLite counts memory.
        let _first =
            Database::open_memory(Arc::new(Guard::new(Arc::default(), Arc::default()))).unwrap();
        let database = rusqlite::Connection::open_in_memory().unwrap();
        assert_eq!(count(&database), Ok(10_000));
        // SAFETY: the connection is open and used by this thread alone.
        let raw = unsafe { database.handle() };
        // SAFETY: as above; the callback needs no data.
        unsafe { ffi::sqlite3_progress_handler(raw, 100, Some(panics), std::ptr::null_mut()) };
        assert!(count(&database).unwrap_err().to_string().contains("interrupted"));
        // SAFETY: as above.
        unsafe { ffi::sqlite3_progress_handler(raw, 0, None, std::ptr::null_mut()) };
        // SAFETY: as above.
        unsafe { ffi::sqlite3_set_authorizer(raw, Some(panics_too), std::ptr::null_mut()) };
        assert!(count(&database).unwrap_err().to_string().contains("not authorized"));
    }
}
