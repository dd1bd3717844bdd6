//! Reading the files of an open database through the connection's own handles.

use std::ffi::{c_int, c_void};

use rusqlite::ffi;

use super::Database;
use crate::storage::failure::Failure;

/// One of the files of a database.
#[derive(Clone, Copy)]
pub(in crate::storage) enum File {
    /// The database itself.
    Main,
    /// Its write-ahead log.
    Wal,
}

impl Database {
    /// Shows `each` the bytes of a file in order, piece by piece; none if it isn't open.
    ///
    /// Another handle must not be used for that: closing it would drop the locks that this
    /// connection has on the file.
    pub fn read_file(
        &mut self,
        file: File,
        mut each: impl FnMut(&[u8]) -> std::io::Result<()>,
    ) -> Result<std::io::Result<()>, Failure> {
        let which = match file {
            File::Main => ffi::SQLITE_FCNTL_FILE_POINTER,
            File::Wal => ffi::SQLITE_FCNTL_JOURNAL_POINTER,
        };
        let mut handle: *mut ffi::sqlite3_file = std::ptr::null_mut();
        let answer = (&raw mut handle).cast::<c_void>();
        // SAFETY: these two operations store a pointer to a file where the last argument points.
        let code =
            unsafe { ffi::sqlite3_file_control(self.raw, c"main".as_ptr(), which, answer) };
        self.check(code)?;
        if handle.is_null() {
            return Ok(Ok(()));
        }
        // SAFETY: SQLite's handle exists as long as the database is attached, that is, as long as
        // the connection is open.
        let methods = unsafe { (*handle).pMethods };
        if methods.is_null() {
            return Ok(Ok(())); // not open
        }
        // SAFETY: an open file has methods, a constant of its VFS.
        let methods = unsafe { &*methods };
        let (Some(size_of), Some(read)) = (methods.xFileSize, methods.xRead) else {
            return Ok(Ok(()));
        };
        let mut size = 0;
        // SAFETY: the handle is open, see above.
        self.check(unsafe { size_of(handle, &mut size) })?;
        let mut buffer = vec![0; 256 << 10];
        let mut position = 0;
        while position < size {
            let length = (size - position).min(buffer.len() as i64);
            let start = buffer.as_mut_ptr().cast();
            // SAFETY: the handle is open and the buffer has room for `length` bytes.
            self.check(unsafe { read(handle, start, length as c_int, position) })?;
            if let Err(error) = each(&buffer[..length as usize]) {
                return Ok(Err(error));
            }
            position += length;
        }
        Ok(Ok(()))
    }
}
