//! The only place that calls SQLite's C interface: one connection and everything made from it.
//!
//! A [`Database`] owns its statements and hands out numbers for them, never pointers. So every
//! pointer into a connection is behind the `Database` it belongs to, and whoever has that has the
//! connection for itself. This is the argument that most SAFETY comments below rest on:
//! *the connection is open until `Drop`, and nothing else uses it meanwhile*.

mod files;
mod fulltext;
mod functions;
mod hooks;
mod memory;
mod patch;
mod patterns;
mod program;
mod rank;
mod searches;
mod statement;
mod vfs;

use std::cell::Cell;
use std::ffi::{CStr, CString, c_int};
use std::path::Path;
use std::ptr::null_mut;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rusqlite::ffi;

pub(super) use files::File;
pub(super) use memory::{is_counted, thread_bytes};
pub(super) use statement::{Bind, Column, Statement};

use super::backing::Backing;
use super::failure::Failure;
use super::guard::Guard;
use super::meter::Meter;
use super::search::Bounds;
use crate::log::PAGE_BYTES;
use program::LOOKS;
use statement::Slots;

/// An open connection with its statements.
pub(super) struct Database {
    raw: *mut ffi::sqlite3,
    slots: Slots,
    /// What the authorizer and the progress handler read; SQLite holds a pointer to it.
    guard: Arc<Guard>,
    /// Our own functions are known.
    has_functions: bool,
    /// So are those of full-text tables.
    has_fulltext: bool,
    /// We see what its full-text tables are asked for.
    has_searches: bool,
    /// SQLite's optimizer knows that our `LIKE` and `GLOB` are what they are.
    has_patterns: bool,
    case_sensitive: bool,
    /// Instructions after which SQLite looks at the guard.
    looks: Cell<c_int>,
}

// SAFETY: the pointers lead to the connection and to statements of that same connection. SQLite
// allows a connection opened with NOMUTEX to be used from any thread, one at a time; a `Database` is
// not `Sync` and everything that touches the connection takes it by reference.
unsafe impl Send for Database {}

impl Database {
    /// Opens the file at `path`, which exists.
    pub fn open_file(path: &Path, guard: Arc<Guard>) -> Result<Database, Failure> {
        Database::open(&text_of(path)?, ffi::SQLITE_OPEN_NOFOLLOW, vfs::PLAIN, guard)
    }

    /// Opens a database of which something may be in memory.
    pub fn open_backed(backing: Arc<Backing>, guard: Arc<Guard>) -> Result<Database, Failure> {
        let flags = ffi::SQLITE_OPEN_NOFOLLOW;
        vfs::opening(backing, || Database::open(vfs::DATABASE, flags, vfs::NAME, guard))
    }

    /// Opens a database that lives in memory as long as this connection.
    pub fn open_memory(guard: Arc<Guard>) -> Result<Database, Failure> {
        Database::open(c":memory:", ffi::SQLITE_OPEN_CREATE, vfs::PLAIN, guard)
    }

    /// Opens a database through the layer that is called so.
    fn open(
        path: &CStr,
        flags: c_int,
        layer: &CStr,
        guard: Arc<Guard>,
    ) -> Result<Database, Failure> {
        let flags = flags
            | ffi::SQLITE_OPEN_READWRITE
            | ffi::SQLITE_OPEN_NOMUTEX
            | ffi::SQLITE_OPEN_PRIVATECACHE
            | ffi::SQLITE_OPEN_EXRESCODE;
        let code = vfs::register();
        if code != ffi::SQLITE_OK {
            return Err(Failure::of_code(code));
        }
        let mut raw = null_mut();
        // SAFETY: both texts end with NUL, and `raw` outlives the call.
        let code = unsafe { ffi::sqlite3_open_v2(path.as_ptr(), &mut raw, flags, layer.as_ptr()) };
        if raw.is_null() {
            return Err(Failure::of_code(code));
        }
        let slots = Slots::default();
        let (has_functions, has_fulltext, has_searches) = (false, false, false);
        let (has_patterns, case_sensitive) = (false, false);
        let looks = Cell::new(LOOKS);
        let database = Database {
            raw,
            slots,
            guard,
            has_functions,
            has_fulltext,
            has_searches,
            has_patterns,
            case_sensitive,
            looks,
        };
        match code {
            ffi::SQLITE_OK => {
                database.set_lookaside();
                database.install_hooks();
                Ok(database)
            }
            _ => Err(database.failure(code)),
        }
    }

    /// Sets less memory aside for small allocations than SQLite's default of 48 KiB.
    fn set_lookaside(&self) {
        const SLOT_BYTES: c_int = 128;
        const SLOTS: c_int = 64;
        let (option, buffer) = (ffi::SQLITE_DBCONFIG_LOOKASIDE, null_mut::<std::ffi::c_void>());
        // SAFETY: this option takes a buffer, which may be null, and two ints. If it is refused, the
        // default stays.
        unsafe { ffi::sqlite3_db_config(self.raw, option, buffer, SLOT_BYTES, SLOTS) };
    }

    /// What the authorizer found and decides by.
    pub fn guard(&self) -> &Guard {
        &self.guard
    }

    /// Has the guard that nobody else has serve an actor from now on. What is compiled stays so, which it doesn't with
    /// another guard.
    pub fn serve(&mut self, interrupt: Arc<AtomicBool>, meter: Arc<Meter>) -> Result<(), Failure> {
        // SQLite has a pointer to it, which it follows within calls on the connection only.
        let guard = Arc::get_mut(&mut self.guard);
        guard.ok_or_else(|| Failure::plain("a guard is shared"))?.serve(interrupt, meter);
        Ok(())
    }

    /// Takes another guard from now on.
    pub fn set_guard(&mut self, guard: Arc<Guard>) {
        // The old guard has to live until SQLite has the pointer to the new one.
        let _old = std::mem::replace(&mut self.guard, guard);
        self.install_hooks();
    }

    /// Turns an option of `sqlite3_db_config` on or off.
    pub fn configure(&mut self, option: c_int, on: bool) -> Result<(), Failure> {
        // SAFETY: the options used take an int and a pointer, which may be null; the connection is
        // open.
        let code = unsafe {
            ffi::sqlite3_db_config(self.raw, option, c_int::from(on), null_mut::<c_int>())
        };
        self.check(code)
    }

    /// Sets a run-time limit.
    pub fn limit(&mut self, id: c_int, value: c_int) {
        // SAFETY: the connection is open.
        unsafe { ffi::sqlite3_limit(self.raw, id, value) };
    }

    /// Runs statements of our own that answer nothing. What they do calls none of our functions, unless those are known
    /// already.
    pub fn execute(&mut self, sql: &CStr) -> Result<(), Failure> {
        self.enter(None);
        // SAFETY: the text ends with NUL; without a callback the other pointers may be null.
        let code =
            unsafe { ffi::sqlite3_exec(self.raw, sql.as_ptr(), None, null_mut(), null_mut()) };
        self.check(code)
    }

    /// Whether no transaction is open.
    pub fn is_autocommit(&self) -> bool {
        // SAFETY: the connection is open.
        unsafe { ffi::sqlite3_get_autocommit(self.raw) != 0 }
    }

    /// Rows that were inserted, updated and deleted since the connection was opened.
    pub fn total_changes(&self) -> u64 {
        // SAFETY: the connection is open.
        unsafe { ffi::sqlite3_total_changes64(self.raw) as u64 }
    }

    /// Rows that the last statement which did so inserted, updated or deleted itself.
    pub fn changes(&self) -> u64 {
        // SAFETY: the connection is open.
        unsafe { ffi::sqlite3_changes64(self.raw) as u64 }
    }

    /// How many pages the commit of a transaction may write to the write-ahead log at most, with those that were
    /// written to it already, since the last commit or rollback.
    pub fn unlogged_pages(&mut self) -> usize {
        let cached = self.status(ffi::SQLITE_DBSTATUS_CACHE_USED, false) / PAGE_BYTES;
        // An empty transaction writes the first page.
        cached + self.status(ffi::SQLITE_DBSTATUS_CACHE_WRITE, false) + 1
    }

    /// Writes what the transaction has changed to the write-ahead log, as far as that can be before its end, and
    /// forgets all pages that SQLite can read again: those that are left are few.
    pub fn write_early(&mut self) -> Result<(), Failure> {
        // SAFETY: the connection is open.
        self.check(unsafe { ffi::sqlite3_db_cacheflush(self.raw) })?;
        // SAFETY: as above.
        self.check(unsafe { ffi::sqlite3_db_release_memory(self.raw) })
    }

    /// Pages that are written to the write-ahead log count from here on.
    pub fn note_logged(&mut self) {
        self.status(ffi::SQLITE_DBSTATUS_CACHE_WRITE, true);
    }

    fn status(&mut self, which: c_int, reset: bool) -> usize {
        let (mut now, mut highest) = (0, 0);
        // SAFETY: the connection is open and both numbers outlive the call.
        let code = unsafe {
            ffi::sqlite3_db_status(self.raw, which, &mut now, &mut highest, c_int::from(reset))
        };
        debug_assert_eq!(code, ffi::SQLITE_OK);
        usize::try_from(now).unwrap_or_default()
    }

    /// The bytes of the database file that this database would be.
    pub fn serialize(&mut self) -> Result<Vec<u8>, Failure> {
        let mut size = 0;
        // SAFETY: the connection is open and `size` outlives the call.
        let start = unsafe { ffi::sqlite3_serialize(self.raw, c"main".as_ptr(), &mut size, 0) };
        if start.is_null() {
            return Err(Failure::of_code(ffi::SQLITE_NOMEM));
        }
        // SAFETY: SQLite made a buffer of `size` bytes for us.
        let bytes = unsafe { std::slice::from_raw_parts(start, size as usize) }.to_vec();
        // SAFETY: the buffer is ours to free and isn't used any more.
        unsafe { ffi::sqlite3_free(start.cast()) };
        Ok(bytes)
    }

    /// Replaces the contents of `target` by those of this database.
    pub fn copy_into(&mut self, target: &mut Database) -> Result<(), Failure> {
        const MAIN: *const std::ffi::c_char = c"main".as_ptr();
        // SAFETY: both connections are open and distinct, since both are borrowed exclusively.
        let backup = unsafe { ffi::sqlite3_backup_init(target.raw, MAIN, self.raw, MAIN) };
        if backup.is_null() {
            return Err(target.failure(ffi::SQLITE_ERROR));
        }
        // SAFETY: `backup` was just made and not finished.
        unsafe { ffi::sqlite3_backup_step(backup, -1) };
        // SAFETY: as above; it is finished here, once.
        let code = unsafe { ffi::sqlite3_backup_finish(backup) };
        target.check(code)
    }

    /// Says whose statement comes: a guest's, which holds so many bytes and has such bounds, or one of our own.
    fn enter(&self, guest: Option<(i64, Bounds)>) {
        match guest {
            Some((held, bounds)) => self.guard.enter_guest(held, bounds),
            None => self.guard.enter_own(),
        }
    }

    fn check(&self, code: c_int) -> Result<(), Failure> {
        match code {
            ffi::SQLITE_OK => Ok(()),
            _ => Err(self.failure(code)),
        }
    }

    /// What SQLite says about the call that just answered `code`.
    fn failure(&self, code: c_int) -> Failure {
        // SAFETY: the connection is open, if only in an error state.
        let known = unsafe { ffi::sqlite3_extended_errcode(self.raw) };
        if known & 0xff != code & 0xff {
            return Failure::of_code(code);
        }
        // SAFETY: as above.
        let offset = unsafe { ffi::sqlite3_error_offset(self.raw) };
        // SAFETY: as above; the text lives until the next call on the connection.
        let message = unsafe { ffi::sqlite3_errmsg(self.raw) };
        // SAFETY: SQLite's messages end with NUL.
        let message = unsafe { CStr::from_ptr(message) }.to_string_lossy().into_owned();
        Failure { code, message, offset: u32::try_from(offset).ok() }
    }
}

impl Database {
    /// Ends every statement; their numbers must not be used any more.
    pub fn finalize_all(&mut self) {
        self.slots.finalize();
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.finalize_all();
        // SAFETY: the connection is open and has no statements and no backups left, so this closes
        // it; nothing can use it afterwards.
        unsafe { ffi::sqlite3_close(self.raw) };
    }
}

fn text_of(path: &Path) -> Result<CString, Failure> {
    let path = path.to_str().and_then(|path| CString::new(path).ok());
    path.ok_or_else(|| Failure::plain("the path of the database is not valid UTF-8"))
}

/// SQLite's text for a result code.
pub(super) fn code_text(code: c_int) -> String {
    // SAFETY: answers a constant for every number.
    let text = unsafe { ffi::sqlite3_errstr(code) };
    // SAFETY: the constant ends with NUL.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}
