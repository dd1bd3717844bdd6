//! The files of an open database, through the connection's own handles.

use std::ffi::{c_int, c_void};
use std::io;

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

/// An open file of SQLite's and what can be done with it.
struct Handle<'a> {
    file: *mut ffi::sqlite3_file,
    methods: &'a ffi::sqlite3_io_methods,
}

impl Database {
    /// Shows `each` the bytes of a file in order, piece by piece; none if it isn't open.
    ///
    /// Another handle must not be used for that: closing it would drop the locks that this
    /// connection has on the file.
    pub fn read_file(
        &mut self,
        file: File,
        mut each: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<io::Result<()>, Failure> {
        let size = self.file_size(file)? as i64;
        let Some(handle) = self.handle(file)? else { return Ok(Ok(())) };
        let Some(read) = handle.methods.xRead else { return Ok(Ok(())) };
        let mut buffer = vec![0; 256 << 10];
        let mut position = 0;
        while position < size {
            let length = (size - position).min(buffer.len() as i64);
            let start = buffer.as_mut_ptr().cast();
            // SAFETY: the handle is open and the buffer has room for `length` bytes.
            self.check(unsafe { read(handle.file, start, length as c_int, position) })?;
            if let Err(error) = each(&buffer[..length as usize]) {
                return Ok(Err(error));
            }
            position += length;
        }
        Ok(Ok(()))
    }

    /// How many bytes a file has; none if it isn't open.
    pub fn file_size(&mut self, file: File) -> Result<u64, Failure> {
        let Some(handle) = self.handle(file)? else { return Ok(0) };
        let Some(size_of) = handle.methods.xFileSize else { return Ok(0) };
        let mut size = 0;
        // SAFETY: the handle is open.
        self.check(unsafe { size_of(handle.file, &mut size) })?;
        Ok(u64::try_from(size).unwrap_or_default())
    }

    /// Reads a part of a file, which must be that long.
    pub fn read_file_at(
        &mut self,
        file: File,
        bytes: &mut [u8],
        offset: u64,
    ) -> Result<(), Failure> {
        let handle = self.handle(file)?;
        let read = handle.as_ref().and_then(|handle| handle.methods.xRead);
        let (Some(handle), Some(read), Ok(length)) = (handle, read, c_int::try_from(bytes.len()))
        else {
            return Err(Failure::plain("a file of the database isn't open"));
        };
        // SAFETY: the handle is open and the buffer has room for `length` bytes.
        self.check(unsafe { read(handle.file, bytes.as_mut_ptr().cast(), length, offset as i64) })
    }

    /// Makes what was written to a file durable, and the name of a new log.
    pub fn sync_file(&mut self, file: File) -> Result<(), Failure> {
        let Some(handle) = self.handle(file)? else {
            return Ok(());
        };
        let Some(sync) = handle.methods.xSync else {
            return Ok(());
        };
        // SAFETY: the handle is open.
        self.check(unsafe { sync(handle.file, ffi::SQLITE_SYNC_NORMAL) })
    }

    /// Moves what is in the log to the database, and then empties the log if it is to be cut.
    pub fn checkpoint(&mut self, cut: bool) -> Result<(), Failure> {
        self.enter(None);
        let how =
            if cut { ffi::SQLITE_CHECKPOINT_TRUNCATE } else { ffi::SQLITE_CHECKPOINT_PASSIVE };
        let main = c"main".as_ptr();
        let no_counts = std::ptr::null_mut;
        // SAFETY: the connection is open; the pointers to results may be null.
        let code = unsafe {
            ffi::sqlite3_wal_checkpoint_v2(self.raw, main, how, no_counts(), no_counts())
        };
        self.check(code)
    }

    fn handle(&self, file: File) -> Result<Option<Handle<'_>>, Failure> {
        let which = match file {
            File::Main => ffi::SQLITE_FCNTL_FILE_POINTER,
            File::Wal => ffi::SQLITE_FCNTL_JOURNAL_POINTER,
        };
        let mut file: *mut ffi::sqlite3_file = std::ptr::null_mut();
        let answer = (&raw mut file).cast::<c_void>();
        // SAFETY: these two operations store a pointer to a file where the last argument points.
        let code = unsafe { ffi::sqlite3_file_control(self.raw, c"main".as_ptr(), which, answer) };
        self.check(code)?;
        if file.is_null() {
            return Ok(None);
        }
        // SAFETY: SQLite's handle stays as long as the connection is open.
        let methods = unsafe { (*file).pMethods };
        // SAFETY: null if the file isn't open, else a constant of its file system layer.
        let methods = unsafe { methods.as_ref() };
        Ok(methods.map(|methods| Handle { file, methods }))
    }
}
