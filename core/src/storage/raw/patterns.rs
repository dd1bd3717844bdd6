//! How SQLite calls `LIKE` and `GLOB` of `storage::patterns`, and uses indexes for them.

use std::cell::Cell;
use std::ffi::{CStr, c_int, c_uint, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};

use rusqlite::ffi;

use super::Database;
use super::functions::{give, text};
use super::memory::must_stop;
use crate::storage::failure::Failure;
use crate::storage::functions::{Answer, Argument};
use crate::storage::patterns::{GLOB, Kind, LIKE, LIKE_CASE, Pattern, only_character};

const KIND: c_int = ffi::SQLITE_UTF8 | ffi::SQLITE_DETERMINISTIC | ffi::SQLITE_INNOCUOUS;

/// SQLite's own flags of a function: what is made with `KIND` has the first, and only its own functions get the others.
const FLAGS: c_uint = (ffi::SQLITE_UTF8 | ffi::SQLITE_DETERMINISTIC) as c_uint;
const MAY_USE_INDEXES: c_uint = 0x4;
const IS_CASE_SENSITIVE: c_uint = 0x8;

/// The version of SQLite that [`Context`] and [`Definition`] are of.
const VERSION: c_int = 3_054_001;

/// What SQLite's `sqlite3_context` begins with.
#[repr(C)]
struct Context {
    out: *mut c_void,
    definition: *mut Definition,
}

/// What SQLite's `FuncDef` begins with.
#[repr(C)]
struct Definition {
    arguments: i16,
    flags: c_uint,
    data: *mut c_void,
    next: *mut Definition,
    call: Option<Call>,
}

type Call = unsafe extern "C" fn(*mut ffi::sqlite3_context, c_int, *mut *mut ffi::sqlite3_value);

thread_local! {
    /// Calls are those of `mark_patterns`.
    static MARKS: Cell<bool> = const { Cell::new(false) };
}

impl Database {
    /// Makes the functions known, in place of SQLite's own.
    pub(super) fn install_patterns(&self) -> Result<(), Failure> {
        self.install_like(&LIKE)?;
        self.install_pattern(c"glob", 2, &GLOB)
    }

    fn install_like(&self, kind: &'static Kind) -> Result<(), Failure> {
        self.install_pattern(c"like", 2, kind)?;
        self.install_pattern(c"like", 3, kind)
    }

    fn install_pattern(
        &self,
        name: &CStr,
        count: c_int,
        kind: &'static Kind,
    ) -> Result<(), Failure> {
        let data = std::ptr::from_ref(kind).cast_mut().cast::<c_void>();
        let name = name.as_ptr();
        // SAFETY: the name ends with NUL; `call` only reads what `data` points to, a static.
        let code = unsafe {
            ffi::sqlite3_create_function_v2(
                self.raw,
                name,
                count,
                KIND,
                data,
                Some(call),
                None,
                None,
                None,
            )
        };
        self.check(code)
    }

    /// Says whether `LIKE` tells upper from lower case; no statement may be running.
    pub fn set_case_sensitive(&mut self, on: bool) -> Result<(), Failure> {
        if on == self.case_sensitive {
            return Ok(());
        }
        self.install_functions()?;
        self.install_like(if on { &LIKE_CASE } else { &LIKE })?;
        self.case_sensitive = on;
        self.has_patterns = false;
        Ok(())
    }

    pub fn is_case_sensitive(&self) -> bool {
        self.case_sensitive
    }

    /// Tells SQLite that the functions are the operators `LIKE` and `GLOB`, for which it uses indexes. There is no way to
    /// do so but from within a call. It is done when they are first used.
    pub(super) fn mark_patterns(&mut self) {
        self.has_patterns = true;
        MARKS.set(true);
        // Without a mark there is no index, and nothing else is different.
        let marked = self.execute(c"SELECT like('', ''), like('', '', '!'), glob('', '')");
        MARKS.set(false);
        debug_assert!(marked.is_ok());
    }
}

/// # Safety
/// The context is that of a call of our function with as many arguments, for which `kind` was given.
unsafe fn mark(context: *mut ffi::sqlite3_context, count: c_int, kind: &Kind) {
    // SAFETY: answers a constant.
    if unsafe { ffi::sqlite3_libversion_number() } != VERSION {
        return;
    }
    // SAFETY: in this version a context begins like that.
    let definition = unsafe { (*context.cast::<Context>()).definition };
    // SAFETY: in this version it points to such a definition, which nobody else uses during the call.
    let definition = unsafe { &mut *definition };
    let is_ours = c_int::from(definition.arguments) == count
        && definition.flags & !MAY_USE_INDEXES & !IS_CASE_SENSITIVE == FLAGS
        && definition.data.cast_const().cast() == std::ptr::from_ref(kind)
        && definition.call.is_some_and(|known| std::ptr::fn_addr_eq(known, call as Call));
    if is_ours {
        definition.flags |= MAY_USE_INDEXES;
        if kind.is_case_sensitive() {
            definition.flags |= IS_CASE_SENSITIVE;
        }
    }
}

unsafe extern "C" fn call(
    context: *mut ffi::sqlite3_context,
    count: c_int,
    values: *mut *mut ffi::sqlite3_value,
) {
    // SAFETY: SQLite's context of this call.
    let kind = unsafe { ffi::sqlite3_user_data(context) }.cast::<Kind>();
    // SAFETY: it is what `install_pattern` gave: a static.
    let kind = unsafe { &*kind };
    // SAFETY: SQLite gives `count` values, which stay throughout the call; two at least.
    let values = unsafe { std::slice::from_raw_parts(values, count as usize) };
    if MARKS.get() {
        // SAFETY: the context of this call, which is ours, see above.
        unsafe { mark(context, count, kind) };
    }
    // SAFETY: as above.
    let connection = unsafe { ffi::sqlite3_context_db_handle(context) };
    // SAFETY: the connection is the one that makes this call. -1 changes nothing.
    let longest =
        unsafe { ffi::sqlite3_limit(connection, ffi::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, -1) };
    let compared = catch_unwind(AssertUnwindSafe(|| compare(kind, values, longest)));
    match compared {
        // SAFETY: as above.
        Ok(Some(answer)) => unsafe { give(context, answer) },
        // SAFETY: as above.
        Ok(None) => unsafe { ffi::sqlite3_result_error_code(context, ffi::SQLITE_INTERRUPT) },
        // SAFETY: as above.
        Err(_) => unsafe { give(context, Answer::Failed) },
    }
}

/// Whether the first value as a pattern matches the second; none if there is no time for that.
fn compare(kind: &Kind, values: &[*mut ffi::sqlite3_value], longest: c_int) -> Option<Answer> {
    // SAFETY: a value of the call that is going on, each of which is read once.
    let bytes = |at: usize| match unsafe { text(values[at]) } {
        Argument::Null => None,
        Argument::Text(bytes) | Argument::Blob(bytes) => Some(bytes),
    };
    let pattern = bytes(0);
    if pattern.is_some_and(|pattern| pattern.len() > longest as usize) {
        return Some(Answer::Error("LIKE or GLOB pattern too complex".into()));
    }
    let mut escape = None;
    if values.len() == 3 {
        let Some(only) = bytes(2) else { return Some(Answer::Null) };
        escape = only_character(only);
        if escape.is_none() {
            let message = "ESCAPE expression must be a single character";
            return Some(Answer::Error(message.into()));
        }
    }
    let (Some(pattern), Some(compared)) = (pattern, bytes(1)) else {
        return Some(Answer::Null);
    };
    if compared.len() > SHORT && must_stop() {
        return None;
    }
    let pattern = Pattern::new(kind, pattern, escape);
    let matched = pattern.matches(compared, &mut must_stop).ok()?;
    Some(Answer::Int(matched.into()))
}

/// Bytes of a text that need no look before.
const SHORT: usize = 1 << 12;
