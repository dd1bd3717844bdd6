//! Prepared statements, by number.

use std::ffi::{CStr, c_int};
use std::ptr::null_mut;

use rusqlite::ffi;

use super::Database;
use super::memory::guarded;
use super::program::Needs;
use crate::storage::connection::MAX_LENGTH;
use crate::storage::failure::Failure;
use crate::storage::guard::Traits;
use crate::storage::search::Bounds;

/// The number of a statement of one [`Database`]. It is dead once the statement is finalized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::storage) struct Statement {
    index: usize,
    generation: u32,
}

/// A value to be bound.
#[derive(Clone, Copy)]
pub(in crate::storage) enum Bind<'a> {
    Null,
    Int(i64),
    Float(f64),
    Text(&'a [u8]),
    Blob(&'a [u8]),
}

/// A value of the current row, valid until the statement moves on.
pub(in crate::storage) enum Column<'a> {
    Null,
    Int(i64),
    Float(f64),
    Text(&'a [u8]),
    Blob(&'a [u8]),
}

/// The statements of a connection.
#[derive(Default)]
pub(super) struct Slots {
    slots: Vec<Slot>,
    free: Vec<usize>,
}

struct Slot {
    /// Null while the slot is free.
    raw: *mut ffi::sqlite3_stmt,
    generation: u32,
    guest: bool,
    /// Bytes that a guest's statement holds while it runs.
    held: i64,
    /// What it has asked full-text tables for.
    bounds: Bounds,
    needs: Needs,
}

impl Slot {
    /// It runs anew.
    fn begin(&mut self) {
        (self.held, self.bounds) = (0, Bounds::NONE);
    }
}

impl Slots {
    fn add(&mut self, raw: *mut ffi::sqlite3_stmt, guest: bool, needs: Needs) -> Statement {
        let index = self.free.pop().unwrap_or_else(|| {
            let (raw, generation, held, bounds) = (null_mut(), 0, 0, Bounds::NONE);
            self.slots.push(Slot { raw, generation, guest, held, bounds, needs });
            self.slots.len() - 1
        });
        let slot = &mut self.slots[index];
        (slot.raw, slot.guest, slot.needs) = (raw, guest, needs);
        slot.begin();
        Statement { index, generation: slot.generation }
    }

    fn get(&self, statement: Statement) -> &Slot {
        let slot = &self.slots[statement.index];
        assert_eq!(slot.generation, statement.generation, "the statement is finalized");
        slot
    }

    fn take(&mut self, statement: Statement) -> *mut ffi::sqlite3_stmt {
        self.get(statement);
        let slot = &mut self.slots[statement.index];
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(statement.index);
        std::mem::replace(&mut slot.raw, null_mut())
    }

    pub(super) fn finalize(&mut self) {
        for slot in std::mem::take(self).slots {
            // SAFETY: alive, or null, which does nothing; its number is gone with the slots.
            unsafe { ffi::sqlite3_finalize(slot.raw) };
        }
    }
}

/// A compiled statement and how many bytes of the text it took.
pub(in crate::storage) struct Prepared {
    /// None if the text began with nothing but spaces and comments.
    pub statement: Option<Statement>,
    pub length: usize,
}

impl Database {
    /// Compiles the first statement of `sql` for a guest or for ourselves.
    ///
    /// `sql` must not contain NUL: SQLite would see its end there.
    pub fn prepare(&mut self, sql: &str, guest: bool, keep: bool) -> Result<Prepared, Failure> {
        self.install_functions()?;
        self.compile(sql, guest, keep)
    }

    /// The same of one of our own that stays. What it does calls none of our functions.
    pub fn prepare_own(&mut self, sql: &str) -> Result<Prepared, Failure> {
        self.compile(sql, false, true)
    }

    fn compile(&mut self, sql: &str, guest: bool, keep: bool) -> Result<Prepared, Failure> {
        let length =
            c_int::try_from(sql.len()).map_err(|_| Failure::of_code(ffi::SQLITE_TOOBIG))?;
        let flags = if keep { ffi::SQLITE_PREPARE_PERSISTENT } else { 0 };
        let (mut raw, mut tail) = (null_mut(), std::ptr::null());
        let start = sql.as_ptr().cast();
        let mut prepare = |database: &Database| {
            database.guard.start_compiling();
            // SAFETY: `start` points to `length` bytes of text; the results outlive the call.
            unsafe {
                ffi::sqlite3_prepare_v3(database.raw, start, length, flags, &mut raw, &mut tail)
            }
        };
        self.enter(guest.then_some((0, Bounds::NONE)));
        let code = match guest {
            true => guarded(&self.guard, || prepare(self)),
            false => prepare(self),
        };
        if code != ffi::SQLITE_OK {
            return Err(self.stopped(guest, code));
        }
        if self.guard.traits().has(Traits::FULLTEXT) && !self.has_fulltext {
            // SAFETY: the statement was just compiled, or is null, and is known nowhere.
            unsafe { ffi::sqlite3_finalize(raw) };
            self.enter(None);
            self.install_fulltext();
            self.has_fulltext = true;
            return self.compile(sql, guest, keep);
        }
        if self.guard.traits().has(Traits::PATTERNS) && !self.has_patterns {
            // SAFETY: as above.
            unsafe { ffi::sqlite3_finalize(raw) };
            self.mark_patterns();
            return self.compile(sql, guest, keep);
        }
        let needs = match guest {
            true => self.needs(raw).map_err(|code| {
                let failure = self.stopped(guest, code);
                // SAFETY: as above.
                unsafe { ffi::sqlite3_finalize(raw) };
                failure
            })?,
            false => Needs::NONE,
        };
        if needs.searches && !self.has_searches {
            self.enter(None);
            self.watch_searches();
            self.has_searches = true;
        }
        let statement = (!raw.is_null()).then(|| self.slots.add(raw, guest, needs));
        Ok(Prepared { statement, length: tail as usize - start as usize })
    }

    /// Ends a statement.
    pub fn finalize(&mut self, statement: Statement) {
        let raw = self.slots.take(statement);
        // SAFETY: it was alive until `take` made its number dead.
        unsafe { ffi::sqlite3_finalize(raw) };
    }

    /// The pointer of a statement that is alive, as it is until `finalize`.
    fn raw(&self, statement: Statement) -> *mut ffi::sqlite3_stmt {
        self.slots.get(statement).raw
    }

    /// Whether it changes nothing in the database.
    pub fn is_readonly(&self, statement: Statement) -> bool {
        // SAFETY: the statement is alive.
        unsafe { ffi::sqlite3_stmt_readonly(self.raw(statement)) != 0 }
    }

    /// Whether it writes into virtual tables, if it is a guest's.
    pub fn writes_virtual(&self, statement: Statement) -> bool {
        self.slots.get(statement).needs.keeps
    }

    /// How many parameters it has.
    pub fn parameter_count(&self, statement: Statement) -> usize {
        // SAFETY: the statement is alive.
        unsafe { ffi::sqlite3_bind_parameter_count(self.raw(statement)) as usize }
    }

    /// How many columns its rows have.
    pub fn column_count(&self, statement: Statement) -> usize {
        // SAFETY: the statement is alive.
        unsafe { ffi::sqlite3_column_count(self.raw(statement)) as usize }
    }

    /// The name of a column.
    pub fn column_name(&self, statement: Statement, index: usize) -> String {
        // SAFETY: the statement is alive.
        let name = unsafe { ffi::sqlite3_column_name(self.raw(statement), index as c_int) };
        if name.is_null() {
            return String::new();
        }
        // SAFETY: the name ends with NUL and stays until the statement is compiled anew.
        unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned()
    }

    /// A counter of the statement since it was last asked with `reset`.
    pub fn counter(&self, statement: Statement, which: c_int) -> u64 {
        // SAFETY: the statement is alive.
        unsafe { ffi::sqlite3_stmt_status(self.raw(statement), which, 0) as u64 }
    }

    /// Sets a counter to 0.
    pub fn reset_counter(&mut self, statement: Statement, which: c_int) {
        // SAFETY: the statement is alive.
        unsafe { ffi::sqlite3_stmt_status(self.raw(statement), which, 1) };
    }

    /// Binds a copy of `value` to parameter `index`, counted from 1.
    pub fn bind(
        &mut self,
        statement: Statement,
        index: usize,
        value: Bind<'_>,
    ) -> Result<(), Failure> {
        let raw = self.raw(statement);
        let length = self.slots.get(statement).needs.length;
        let code = self.with_length(length, || {
            // SAFETY: the statement is alive; SQLite copies what it is given.
            unsafe { bind(raw, index as c_int, value, ffi::SQLITE_TRANSIENT()) }
        });
        self.check(code)
    }

    /// Goes to the next row; false at the end.
    pub fn step(&mut self, statement: Statement) -> Result<bool, Failure> {
        self.step_as(statement, self.slots.get(statement).guest)
    }

    /// Runs one of our own statements as if it were a guest's, which may be stopped.
    pub fn run_for_guest(&mut self, statement: Statement) -> Result<(), Failure> {
        let done = self.step_as(statement, true);
        self.reset(statement);
        done.map(|_| ())
    }

    fn step_as(&mut self, statement: Statement, guest: bool) -> Result<bool, Failure> {
        let slot = self.slots.get(statement);
        self.enter(guest.then_some((slot.held, slot.bounds)));
        // SAFETY: the statement is alive.
        let step = || unsafe { ffi::sqlite3_step(slot.raw) };
        let code = match guest {
            true => {
                self.set_looks(slot.needs.looks);
                guarded(&self.guard, || self.with_length(slot.needs.length, step))
            }
            false => step(),
        };
        if guest {
            let slot = &mut self.slots.slots[statement.index];
            (slot.held, slot.bounds) = (self.guard.held(), self.guard.bounds());
        }
        match code {
            ffi::SQLITE_ROW => Ok(true),
            ffi::SQLITE_DONE => Ok(false),
            code => Err(self.stopped(guest, code)),
        }
    }

    /// Runs `body` while no value may be longer.
    fn with_length(&self, length: usize, body: impl FnOnce() -> c_int) -> c_int {
        if length == MAX_LENGTH {
            return body();
        }
        // SAFETY: the connection is open.
        unsafe { ffi::sqlite3_limit(self.raw, ffi::SQLITE_LIMIT_LENGTH, length as c_int) };
        let code = body();
        // SAFETY: as above.
        unsafe { ffi::sqlite3_limit(self.raw, ffi::SQLITE_LIMIT_LENGTH, MAX_LENGTH as c_int) };
        code
    }

    /// What SQLite says about a statement that failed. One that was refused memory because it has to end was
    /// interrupted.
    fn stopped(&self, guest: bool, code: c_int) -> Failure {
        let failure = self.failure(code);
        let starved =
            failure.kind() == ffi::SQLITE_NOMEM || failure.code == ffi::SQLITE_IOERR_NOMEM;
        match guest && starved && self.guard.was_refused() {
            true => Failure::of_code(ffi::SQLITE_INTERRUPT),
            false => failure,
        }
    }

    /// Makes a statement ready to run again and lets go of what was bound.
    pub fn reset(&mut self, statement: Statement) {
        let raw = self.raw(statement);
        // SAFETY: the statement is alive. The answer repeats the error of the last step.
        unsafe { ffi::sqlite3_reset(raw) };
        // SAFETY: as above.
        unsafe { ffi::sqlite3_clear_bindings(raw) };
        self.slots.slots[statement.index].begin();
    }

    /// Runs a statement with values that are borrowed instead of copied, showing `each` its rows
    /// until that answers false.
    pub fn run(
        &mut self,
        statement: Statement,
        values: &[Bind<'_>],
        mut each: impl FnMut(&Database) -> bool,
    ) -> Result<(), Failure> {
        let run = Run { database: self, statement };
        for (index, value) in (1..).zip(values) {
            let raw = run.database.raw(statement);
            // SAFETY: the statement is alive. `run` unbinds the values when it is dropped, at the
            // end of this function, and they are borrowed for longer than that.
            let code = unsafe { bind(raw, index, *value, ffi::SQLITE_STATIC()) };
            run.database.check(code)?;
        }
        while run.database.step(statement)? && each(run.database) {}
        Ok(())
    }

    /// A column of the row that the statement is at; null if it is at none.
    pub fn column(&self, statement: Statement, index: usize) -> Column<'_> {
        let (raw, index) = (self.raw(statement), index as c_int);
        // SAFETY: the statement is alive; SQLite checks the index.
        let kind = unsafe { ffi::sqlite3_column_type(raw, index) };
        match kind {
            // SAFETY: as above.
            ffi::SQLITE_INTEGER => Column::Int(unsafe { ffi::sqlite3_column_int64(raw, index) }),
            // SAFETY: as above.
            ffi::SQLITE_FLOAT => Column::Float(unsafe { ffi::sqlite3_column_double(raw, index) }),
            ffi::SQLITE_TEXT => {
                // SAFETY: as above.
                let start = unsafe { ffi::sqlite3_column_text(raw, index) };
                Column::Text(self.column_bytes(raw, index, start))
            }
            ffi::SQLITE_BLOB => {
                // SAFETY: as above.
                let start = unsafe { ffi::sqlite3_column_blob(raw, index) };
                Column::Blob(self.column_bytes(raw, index, start.cast()))
            }
            _ => Column::Null,
        }
    }

    fn column_bytes(&self, raw: *mut ffi::sqlite3_stmt, index: c_int, start: *const u8) -> &[u8] {
        // SAFETY: `raw` is alive.
        let length = unsafe { ffi::sqlite3_column_bytes(raw, index) } as usize;
        if start.is_null() || length == 0 {
            return &[];
        }
        // SAFETY: the column was just read as text or blob without a conversion of its encoding, so
        // its bytes stay where they are until the statement moves on, which needs `&mut self`.
        unsafe { std::slice::from_raw_parts(start, length) }
    }
}

/// Resets a statement when its run ends, however that happens.
struct Run<'a> {
    database: &'a mut Database,
    statement: Statement,
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        self.database.reset(self.statement);
    }
}

/// Binds a value.
///
/// # Safety
/// The statement is alive. With `SQLITE_STATIC` the value has to stay until it is unbound.
unsafe fn bind(
    statement: *mut ffi::sqlite3_stmt,
    index: c_int,
    value: Bind<'_>,
    keep: ffi::sqlite3_destructor_type,
) -> c_int {
    match value {
        // SAFETY: the statement is alive.
        Bind::Null => unsafe { ffi::sqlite3_bind_null(statement, index) },
        // SAFETY: as above.
        Bind::Int(value) => unsafe { ffi::sqlite3_bind_int64(statement, index, value) },
        // SAFETY: as above.
        Bind::Float(value) => unsafe { ffi::sqlite3_bind_double(statement, index, value) },
        Bind::Text(bytes) => {
            let (start, length) = (bytes.as_ptr().cast(), bytes.len() as u64);
            let utf8 = ffi::SQLITE_UTF8 as u8;
            // SAFETY: as above; `start` points to `length` bytes, for as long as `keep` says.
            unsafe { ffi::sqlite3_bind_text64(statement, index, start, length, keep, utf8) }
        }
        Bind::Blob(bytes) => {
            let (start, length) = (bytes.as_ptr().cast(), bytes.len() as u64);
            // SAFETY: as above. A slice's pointer is never null, so no bytes are an empty blob.
            unsafe { ffi::sqlite3_bind_blob64(statement, index, start, length, keep) }
        }
    }
}
