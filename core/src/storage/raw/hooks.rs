//! The functions that SQLite calls back: the authorizer, the progress handler and the log's hook.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use rusqlite::ffi;

use super::Database;
use crate::storage::authorizer::{self, Action};
use crate::storage::guard::Guard;

/// Instructions of the virtual machine between two looks at the interrupt flag.
const PROGRESS_OPS: c_int = 100;

impl Database {
    pub(super) fn install_hooks(&self) {
        let guard = Arc::as_ptr(&self.guard).cast_mut().cast::<c_void>();
        // SAFETY: SQLite calls `authorize` only within calls on this connection, during which
        // `self.guard` keeps what `guard` points to alive.
        unsafe { ffi::sqlite3_set_authorizer(self.raw, Some(authorize), guard) };
        // SAFETY: as above, for `progress`.
        unsafe { ffi::sqlite3_progress_handler(self.raw, PROGRESS_OPS, Some(progress), guard) };
        // SAFETY: as above, for `wal_written`. It takes the place of SQLite's automatic checkpoints.
        unsafe { ffi::sqlite3_wal_hook(self.raw, Some(wal_written), guard) };
    }
}

unsafe extern "C" fn progress(guard: *mut c_void) -> c_int {
    // SAFETY: it is the pointer that `install_hooks` gave, to a guard that is alive.
    let guard = unsafe { &*guard.cast::<Guard>() };
    // A panic would have to stop the statement; there is nothing in it that panics.
    c_int::from(guard.must_stop())
}

unsafe extern "C" fn wal_written(
    guard: *mut c_void,
    _: *mut ffi::sqlite3,
    _: *const c_char,
    pages: c_int,
) -> c_int {
    // SAFETY: it is the pointer that `install_hooks` gave, to a guard that is alive.
    let guard = unsafe { &*guard.cast::<Guard>() };
    guard.set_wal_pages(pages.unsigned_abs());
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
    let decide = || authorizer::allows(guard, &Action { code, first, second, database, accessor });
    match catch_unwind(AssertUnwindSafe(decide)) {
        Ok(true) => ffi::SQLITE_OK,
        _ => ffi::SQLITE_DENY,
    }
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
