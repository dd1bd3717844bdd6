//! What SQLite answers when it refuses, and the error that it becomes.

use std::ffi::c_int;

use rusqlite::ffi;

use super::raw::code_text;
use crate::error::{Error, ErrorCode};

/// A failed call of SQLite.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    /// The extended result code.
    pub code: c_int,
    pub message: String,
    /// The byte of the SQL text that it is about.
    pub offset: Option<u32>,
}

impl Failure {
    /// A failure without a connection that knows more.
    pub fn of_code(code: c_int) -> Failure {
        Failure { code, message: code_text(code), offset: None }
    }

    /// A failure of our own making.
    pub fn plain(message: &str) -> Failure {
        Failure { code: ffi::SQLITE_ERROR, message: message.to_owned(), offset: None }
    }

    /// The result code without its extension.
    pub fn kind(&self) -> c_int {
        self.code & 0xff
    }

    /// Whether the machine's storage has failed, rather than the statement.
    pub fn is_of_device(&self) -> bool {
        let device =
            [ffi::SQLITE_IOERR, ffi::SQLITE_CANTOPEN, ffi::SQLITE_READONLY, ffi::SQLITE_PERM];
        device.contains(&self.kind())
    }

    /// `message at offset N: SQLITE_X (extended: SQLITE_X_Y)`, the form that workerd gives it.
    pub fn text(&self) -> String {
        let mut text = self.message.clone();
        if let Some(offset) = self.offset {
            text.push_str(&format!(" at offset {offset}"));
        }
        text.push_str(": ");
        text.push_str(name(self.kind()).unwrap_or("SQLITE_ERROR"));
        if self.code != self.kind() {
            match name(self.code) {
                Some(name) => text.push_str(&format!(" (extended: {name})")),
                None => text.push_str(&format!(" (extended: {})", self.code)),
            }
        }
        text
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Error {
        let code = match failure.kind() {
            ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB => ErrorCode::Corrupt,
            ffi::SQLITE_FULL => ErrorCode::LimitStorage,
            ffi::SQLITE_INTERRUPT => ErrorCode::Reset,
            _ => ErrorCode::Storage,
        };
        let error = Error::new(code, failure.text());
        match failure.is_of_device() {
            true => error.of_device(),
            false => error,
        }
    }
}

macro_rules! names {
    ($($name:ident)*) => {
        fn name(code: c_int) -> Option<&'static str> {
            match code {
                $(ffi::$name => Some(stringify!($name)),)*
                _ => None,
            }
        }
    };
}

names! {
    SQLITE_ERROR SQLITE_INTERNAL SQLITE_PERM SQLITE_ABORT SQLITE_BUSY SQLITE_LOCKED SQLITE_NOMEM
    SQLITE_READONLY SQLITE_INTERRUPT SQLITE_IOERR SQLITE_CORRUPT SQLITE_NOTFOUND SQLITE_FULL
    SQLITE_CANTOPEN SQLITE_PROTOCOL SQLITE_EMPTY SQLITE_SCHEMA SQLITE_TOOBIG SQLITE_CONSTRAINT
    SQLITE_MISMATCH SQLITE_MISUSE SQLITE_NOLFS SQLITE_AUTH SQLITE_FORMAT SQLITE_RANGE SQLITE_NOTADB

    SQLITE_ABORT_ROLLBACK SQLITE_BUSY_RECOVERY SQLITE_BUSY_SNAPSHOT SQLITE_LOCKED_SHAREDCACHE
    SQLITE_LOCKED_VTAB SQLITE_CORRUPT_VTAB SQLITE_CORRUPT_SEQUENCE SQLITE_CORRUPT_INDEX
    SQLITE_ERROR_MISSING_COLLSEQ SQLITE_ERROR_RETRY SQLITE_ERROR_SNAPSHOT
    SQLITE_CONSTRAINT_CHECK SQLITE_CONSTRAINT_COMMITHOOK SQLITE_CONSTRAINT_FOREIGNKEY
    SQLITE_CONSTRAINT_FUNCTION SQLITE_CONSTRAINT_NOTNULL SQLITE_CONSTRAINT_PRIMARYKEY
    SQLITE_CONSTRAINT_TRIGGER SQLITE_CONSTRAINT_UNIQUE SQLITE_CONSTRAINT_VTAB
    SQLITE_CONSTRAINT_ROWID SQLITE_CONSTRAINT_PINNED SQLITE_CONSTRAINT_DATATYPE
    SQLITE_READONLY_RECOVERY SQLITE_READONLY_CANTLOCK SQLITE_READONLY_ROLLBACK
    SQLITE_READONLY_DBMOVED SQLITE_READONLY_DIRECTORY
    SQLITE_CANTOPEN_ISDIR SQLITE_CANTOPEN_FULLPATH SQLITE_CANTOPEN_SYMLINK
    SQLITE_IOERR_READ SQLITE_IOERR_SHORT_READ SQLITE_IOERR_WRITE SQLITE_IOERR_FSYNC
    SQLITE_IOERR_DIR_FSYNC SQLITE_IOERR_TRUNCATE SQLITE_IOERR_FSTAT SQLITE_IOERR_UNLOCK
    SQLITE_IOERR_RDLOCK SQLITE_IOERR_DELETE SQLITE_IOERR_NOMEM SQLITE_IOERR_ACCESS
    SQLITE_IOERR_LOCK SQLITE_IOERR_CLOSE SQLITE_IOERR_CORRUPTFS SQLITE_IOERR_DATA
}
