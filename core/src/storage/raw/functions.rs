//! How SQLite calls the functions of `storage::functions`.

use std::ffi::{c_int, c_void};
use std::panic::catch_unwind;

use rusqlite::ffi;

use super::Database;
use super::Failure;
use super::memory::must_stop;
use crate::storage::functions::{
    Answer, Argument, Call, FUNCTIONS, Function, MAX_ARGUMENTS, Number,
};

impl Database {
    /// Makes the functions known, in place of SQLite's own of the same name, before the first statement that may call
    /// one: many databases never see such a statement.
    ///
    /// # Errors
    /// SQLITE_NOMEM; SQLITE_BUSY while a statement runs, which ours don't when another one is compiled. A statement that
    /// could call SQLite's own isn't compiled.
    pub fn install_functions(&mut self) -> Result<(), Failure> {
        if self.has_functions {
            return Ok(());
        }
        let kind = ffi::SQLITE_UTF8 | ffi::SQLITE_DETERMINISTIC | ffi::SQLITE_INNOCUOUS;
        for function in FUNCTIONS {
            let (name, count) = (function.name.as_ptr(), function.arguments as c_int);
            let data = std::ptr::from_ref(function).cast_mut().cast::<c_void>();
            // SAFETY: the name ends with NUL; `call` only reads what `data` points to, a static.
            let code = unsafe {
                ffi::sqlite3_create_function_v2(
                    self.raw,
                    name,
                    count,
                    kind,
                    data,
                    Some(call),
                    None,
                    None,
                    None,
                )
            };
            self.check(code)?;
        }
        self.install_patch()?;
        self.install_patterns()?;
        self.has_functions = true;
        Ok(())
    }
}

unsafe extern "C" fn call(
    context: *mut ffi::sqlite3_context,
    count: c_int,
    values: *mut *mut ffi::sqlite3_value,
) {
    if must_stop() {
        // SAFETY: SQLite's context of this call.
        return unsafe { ffi::sqlite3_result_error_code(context, ffi::SQLITE_INTERRUPT) };
    }
    // SAFETY: SQLite's context of this call.
    let function = unsafe { ffi::sqlite3_user_data(context) }.cast::<Function>();
    // SAFETY: it is what `install_functions` gave: a static.
    let function = unsafe { &*function };
    let count = (count as usize).min(MAX_ARGUMENTS);
    let values = match count {
        0 => &[],
        // SAFETY: SQLite gives `count` values, which stay throughout the call.
        _ => unsafe { std::slice::from_raw_parts(values, count) },
    };
    let answer = catch_unwind(|| match function.call {
        Call::Text(call) => {
            let mut arguments = [Argument::Null; MAX_ARGUMENTS];
            for (argument, value) in arguments.iter_mut().zip(values) {
                // SAFETY: a value of this call, which is read once.
                *argument = unsafe { text(*value) };
            }
            call(&arguments[..count])
        }
        Call::Math(call) => {
            let mut arguments = [Number::Int(0); MAX_ARGUMENTS];
            for (argument, value) in arguments.iter_mut().zip(values) {
                // SAFETY: as above.
                let Some(number) = (unsafe { number(*value) }) else {
                    return Answer::Null;
                };
                *argument = number;
            }
            call(&arguments[..count])
        }
    });
    // SAFETY: the context of this call.
    unsafe { give(context, answer.unwrap_or(Answer::Failed)) };
}

/// # Safety
/// The context is that of a call that is going on.
pub(super) unsafe fn give(context: *mut ffi::sqlite3_context, answer: Answer) {
    match answer {
        Answer::Null => {}
        // SAFETY: by the function's contract.
        Answer::Int(n) => unsafe { ffi::sqlite3_result_int64(context, n) },
        // SAFETY: as above.
        Answer::Float(n) => unsafe { ffi::sqlite3_result_double(context, n) },
        Answer::Text(text) => {
            let (start, length) = (text.as_ptr().cast(), text.len() as u64);
            let (copied, utf8) = (ffi::SQLITE_TRANSIENT(), ffi::SQLITE_UTF8 as u8);
            // SAFETY: as above; SQLite copies the text.
            unsafe { ffi::sqlite3_result_text64(context, start, length, copied, utf8) };
        }
        Answer::Blob(bytes) => {
            let (start, length) = (bytes.as_ptr().cast(), bytes.len() as u64);
            // SAFETY: as above; SQLite copies the bytes. A slice's pointer is never null.
            unsafe { ffi::sqlite3_result_blob64(context, start, length, ffi::SQLITE_TRANSIENT()) };
        }
        // SAFETY: as above.
        Answer::TooBig => unsafe { ffi::sqlite3_result_error_toobig(context) },
        Answer::Error(text) => {
            let (start, length) = (text.as_ptr().cast(), text.len() as c_int);
            // SAFETY: as above; SQLite copies the text.
            unsafe { ffi::sqlite3_result_error(context, start, length) };
        }
        // SAFETY: as above.
        Answer::Failed => unsafe { ffi::sqlite3_result_error_code(context, ffi::SQLITE_INTERNAL) },
    }
}

/// # Safety
/// The value is one of a call that is going on, which the result must not outlive, and nothing else
/// reads it: that could move its bytes.
pub(super) unsafe fn text<'a>(value: *mut ffi::sqlite3_value) -> Argument<'a> {
    // SAFETY: by the function's contract.
    let kind = unsafe { ffi::sqlite3_value_type(value) };
    let (start, wrap): (*const u8, fn(&'a [u8]) -> Argument<'a>) = match kind {
        ffi::SQLITE_NULL => return Argument::Null,
        // SAFETY: as above.
        ffi::SQLITE_BLOB => (unsafe { ffi::sqlite3_value_blob(value) }.cast(), Argument::Blob),
        // SAFETY: as above.
        _ => (unsafe { ffi::sqlite3_value_text(value) }, Argument::Text),
    };
    // SAFETY: as above.
    let length = unsafe { ffi::sqlite3_value_bytes(value) } as usize;
    if start.is_null() || length == 0 {
        return wrap(&[]);
    }
    // SAFETY: the value has so many bytes there, and they stay, see above.
    wrap(unsafe { std::slice::from_raw_parts(start, length) })
}

/// # Safety
/// The value is one of a call that is going on.
unsafe fn number(value: *mut ffi::sqlite3_value) -> Option<Number> {
    // SAFETY: by the function's contract.
    match unsafe { ffi::sqlite3_value_numeric_type(value) } {
        // SAFETY: as above.
        ffi::SQLITE_INTEGER => Some(Number::Int(unsafe { ffi::sqlite3_value_int64(value) })),
        // SAFETY: as above.
        ffi::SQLITE_FLOAT => Some(Number::Float(unsafe { ffi::sqlite3_value_double(value) })),
        _ => None,
    }
}
