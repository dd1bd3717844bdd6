//! One file of a database that is in memory or in the file system.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{null, null_mut};
use std::sync::Arc;

use rusqlite::ffi;

use super::{layers, open_beneath, resolve};
use crate::storage::backing::{Backing, Name, Written};
use crate::storage::files::is_full;
use crate::storage::raw::File;

/// SQLite's handle. Behind it there is room for that of the layer beneath.
#[repr(C)]
struct Handle {
    /// All that SQLite sees of it.
    start: ffi::sqlite3_file,
    backing: Arc<Backing>,
    file: File,
    flags: c_int,
    /// The lock that SQLite believes to have.
    lock: c_int,
    /// The handle beneath is open.
    is_open: bool,
}

/// Where the handle of the layer beneath is.
pub(super) const BENEATH_AT: usize = size_of::<Handle>().next_multiple_of(16);

/// Version 1: without shared memory, which nothing needs while a database has one connection.
static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 1,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(characteristics),
    xShmMap: None,
    xShmLock: None,
    xShmBarrier: None,
    xShmUnmap: None,
    xFetch: None,
    xUnfetch: None,
};

/// Fills in a handle.
///
/// # Safety
/// `file` has room for it and for that of the layer beneath.
pub(super) unsafe fn begin(
    file: *mut ffi::sqlite3_file,
    backing: Arc<Backing>,
    which: File,
    flags: c_int,
) {
    let start = ffi::sqlite3_file { pMethods: &METHODS };
    let lock = ffi::SQLITE_LOCK_NONE;
    let handle = Handle { start, backing, file: which, flags, lock, is_open: false };
    // SAFETY: by the function's contract.
    unsafe { file.cast::<Handle>().write(handle) };
}

/// The database that a write-ahead log or a journal belongs to.
///
/// # Safety
/// `name` is what SQLite gives as the name of that, and this layer has opened the database.
pub(super) unsafe fn of_database(name: *const c_char) -> Arc<Backing> {
    // SAFETY: by the function's contract.
    let file = unsafe { ffi::sqlite3_database_file_object(name) };
    // SAFETY: as above.
    unsafe { handle(file) }.backing.clone()
}

/// # Safety
/// `file` was filled in by [`begin`] and isn't closed. SQLite uses it on one thread at a time.
unsafe fn handle<'a>(file: *mut ffi::sqlite3_file) -> &'a mut Handle {
    // SAFETY: by the function's contract; the handle beneath isn't a part of it.
    unsafe { &mut *file.cast::<Handle>() }
}

/// An open handle of the layer beneath.
struct Beneath {
    file: *mut ffi::sqlite3_file,
    methods: &'static ffi::sqlite3_io_methods,
}

/// The handle beneath of a file that was made.
///
/// # Safety
/// As [`handle`].
unsafe fn beneath(file: *mut ffi::sqlite3_file) -> Result<Beneath, c_int> {
    // SAFETY: by the function's contract.
    let known = unsafe { handle(file) };
    // SAFETY: `begin` was promised that there is room for it.
    let beneath = unsafe { file.byte_add(BENEATH_AT) };
    if !known.is_open {
        if known.backing.has(known.file) {
            return Err(ffi::SQLITE_IOERR); // its directory was removed
        }
        // SAFETY: as above; it isn't open.
        unsafe { open(known, beneath) }?;
        known.is_open = true;
    }
    // SAFETY: it is open.
    let methods = unsafe { (*beneath).pMethods };
    // SAFETY: a constant of the layer's.
    let methods = unsafe { methods.as_ref() }.ok_or(ffi::SQLITE_IOERR)?;
    Ok(Beneath { file: beneath, methods })
}

/// Opens the file that has been made, with the lock that SQLite believes to have.
///
/// # Safety
/// `beneath` has room for a handle of the layer beneath.
unsafe fn open(known: &Handle, beneath: *mut ffi::sqlite3_file) -> Result<(), c_int> {
    let (is_main, which) = match known.file {
        File::Main => (true, Name::Database),
        File::Wal => (false, Name::Wal),
    };
    // It has one before anything is written, and lasts as long as the handle.
    let name = known.backing.name(which).ok_or(ffi::SQLITE_CANTOPEN)?;
    if is_main {
        refuse_links(name)?;
    }
    // SAFETY: by the function's contract. SQLite expects this of one who opens a file.
    unsafe { (*beneath).pMethods = null() };
    // SAFETY: the flags are SQLite's own, and there is room for the handle.
    let code = unsafe { open_beneath(null_mut(), name.as_ptr(), beneath, known.flags, null_mut()) };
    let is_locked = known.lock != ffi::SQLITE_LOCK_NONE;
    // SQLite's rule: nothing without SHARED first.
    let wanted = [ffi::SQLITE_LOCK_SHARED, known.lock].into_iter().filter(|_| is_locked);
    // SAFETY: the layer has set this, be it to null.
    let methods = unsafe { (*beneath).pMethods };
    // SAFETY: null or a constant of the layer's.
    let methods = unsafe { methods.as_ref() };
    let take = methods.and_then(|methods| methods.xLock);
    let code = wanted.fold(code, |code, wanted| match (code, take) {
        // SAFETY: the handle is open.
        (ffi::SQLITE_OK, Some(take)) => unsafe { take(beneath, wanted) },
        _ => code,
    });
    if code == ffi::SQLITE_OK {
        return Ok(());
    }
    if let Some(close) = methods.and_then(|methods| methods.xClose) {
        // SAFETY: the handle has methods, so it has to be closed, even if opening it has failed.
        unsafe { close(beneath) };
    }
    Err(code)
}

/// A path that leads through a link isn't followed, as SQLite does it with other databases.
fn refuse_links(name: &CStr) -> Result<(), c_int> {
    // SAFETY: a layer of SQLite's stays.
    let room = unsafe { (*layers().files).mxPathname } + 1;
    let mut path = vec![0; room as usize];
    // SAFETY: the name ends with NUL, and there is room for the path.
    match unsafe { resolve(null_mut(), name.as_ptr(), room, path.as_mut_ptr()) } {
        ffi::SQLITE_OK => Ok(()),
        ffi::SQLITE_OK_SYMLINK => Err(ffi::SQLITE_CANTOPEN),
        code => Err(code),
    }
}

/// Runs a method; a panic is an error of the file.
fn guarded(method: impl FnOnce() -> Result<c_int, c_int>) -> c_int {
    match catch_unwind(AssertUnwindSafe(method)) {
        Ok(Ok(code) | Err(code)) => code,
        Err(_) => ffi::SQLITE_IOERR,
    }
}

/// Answers what `in_memory` does, unless the file system has the file: then calls the method of the layer beneath.
macro_rules! method {
    ($file:ident, $in_memory:expr, $method:ident($($argument:expr),*)) => {
        guarded(|| {
            // SAFETY: SQLite gives a handle that it has opened and not closed.
            let known = unsafe { handle($file) };
            let in_memory: &dyn Fn(&Backing, File) -> Option<c_int> = &$in_memory;
            if let Some(code) = in_memory(&known.backing, known.file) {
                return Ok(code);
            }
            // SAFETY: as above.
            let beneath = unsafe { beneath($file) }?;
            let method = beneath.methods.$method.ok_or(ffi::SQLITE_IOERR)?;
            // SAFETY: the handle beneath is open; the other arguments are SQLite's own.
            Ok(unsafe { method(beneath.file, $($argument),*) })
        })
    };
}

/// What a method without an effect in memory answers there.
fn there(code: c_int) -> impl Fn(&Backing, File) -> Option<c_int> {
    move |backing, file| backing.has(file).then_some(code)
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: SQLite gives a handle that it has opened.
    let is_open = unsafe { handle(file) }.is_open;
    let code = method!(file, |_, _| (!is_open).then_some(ffi::SQLITE_OK), xClose());
    // SAFETY: SQLite doesn't use it any more, and its memory isn't ours to free.
    unsafe { file.cast::<Handle>().drop_in_place() };
    code
}

unsafe extern "C" fn read(
    file: *mut ffi::sqlite3_file,
    bytes: *mut c_void,
    length: c_int,
    offset: ffi::sqlite3_int64,
) -> c_int {
    let from_memory = |backing: &Backing, which| {
        // SAFETY: SQLite's buffer has room for so many bytes, which it has written before or doesn't read.
        let bytes = unsafe { std::slice::from_raw_parts_mut(bytes.cast::<u8>(), length as usize) };
        let count = backing.read(which, bytes, offset as u64)?;
        bytes[count..].fill(0);
        Some(if count < bytes.len() { ffi::SQLITE_IOERR_SHORT_READ } else { ffi::SQLITE_OK })
    };
    method!(file, from_memory, xRead(bytes, length, offset))
}

unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    bytes: *const c_void,
    length: c_int,
    offset: ffi::sqlite3_int64,
) -> c_int {
    let to_memory = |backing: &Backing, which| {
        // SAFETY: SQLite gives a buffer with so many bytes.
        let bytes = unsafe { std::slice::from_raw_parts(bytes.cast::<u8>(), length as usize) };
        match backing.write(which, bytes, offset as u64) {
            Written::Done => Some(ffi::SQLITE_OK),
            Written::Placed => None,
            Written::NeedsFiles => make(backing, which).err(),
        }
    };
    method!(file, to_memory, xWrite(bytes, length, offset))
}

/// Makes a file of a database.
fn make(backing: &Backing, which: File) -> Result<(), c_int> {
    let made = match which {
        File::Main => backing.make_file(),
        File::Wal => backing.make_files(),
    };
    made.map_err(|error| {
        tracing::warn!(%error, "the files of a database can't be made");
        if is_full(&error) { ffi::SQLITE_FULL } else { ffi::SQLITE_IOERR_WRITE }
    })
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, size: ffi::sqlite3_int64) -> c_int {
    let in_memory = |backing: &Backing, which| match which {
        File::Wal => backing.truncate_wal(size as u64).map(|()| ffi::SQLITE_OK),
        File::Main if backing.has(which) => make(backing, which).err(),
        File::Main => None,
    };
    // After each checkpoint SQLite cuts the database to the size that it has, as a rule, which the system makes work of.
    let mut now = -1;
    // SAFETY: SQLite gives a handle that it has opened and not closed.
    let is_main = matches!(unsafe { handle(file) }.file, File::Main);
    // SAFETY: as above.
    if is_main && unsafe { self::size(file, &raw mut now) } == ffi::SQLITE_OK && now == size {
        return ffi::SQLITE_OK;
    }
    let code = method!(file, in_memory, xTruncate(size));
    // SAFETY: SQLite gives a handle that it has opened and not closed.
    let known = unsafe { handle(file) };
    if code == ffi::SQLITE_OK && size == 0 && matches!(known.file, File::Wal) {
        known.backing.note_empty_wal();
    }
    code
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, flags: c_int) -> c_int {
    method!(file, there(ffi::SQLITE_OK), xSync(flags))
}

unsafe extern "C" fn size(file: *mut ffi::sqlite3_file, answer: *mut ffi::sqlite3_int64) -> c_int {
    let in_memory = |backing: &Backing, which| {
        let size = backing.size(which)?;
        // SAFETY: where SQLite wants the answer.
        unsafe { *answer = size as i64 };
        Some(ffi::SQLITE_OK)
    };
    method!(file, in_memory, xFileSize(answer))
}

unsafe extern "C" fn lock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    let code = method!(file, there(ffi::SQLITE_OK), xLock(level));
    if code == ffi::SQLITE_OK {
        // SAFETY: SQLite gives a handle that it has opened and not closed.
        unsafe { handle(file) }.lock = level;
    }
    code
}

unsafe extern "C" fn unlock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    let code = method!(file, there(ffi::SQLITE_OK), xUnlock(level));
    // SAFETY: SQLite gives a handle that it has opened and not closed.
    unsafe { handle(file) }.lock = level;
    code
}

unsafe extern "C" fn check_reserved_lock(
    file: *mut ffi::sqlite3_file,
    answer: *mut c_int,
) -> c_int {
    let in_memory = |backing: &Backing, which| {
        // Nobody else has it.
        // SAFETY: where SQLite wants the answer.
        unsafe { *answer = 0 };
        backing.has(which).then_some(ffi::SQLITE_OK)
    };
    method!(file, in_memory, xCheckReservedLock(answer))
}

unsafe extern "C" fn control(
    file: *mut ffi::sqlite3_file,
    what: c_int,
    argument: *mut c_void,
) -> c_int {
    method!(file, there(ffi::SQLITE_NOTFOUND), xFileControl(what, argument))
}

unsafe extern "C" fn sector_size(file: *mut ffi::sqlite3_file) -> c_int {
    method!(file, there(4096), xSectorSize())
}

unsafe extern "C" fn characteristics(file: *mut ffi::sqlite3_file) -> c_int {
    let flags = ffi::SQLITE_IOCAP_POWERSAFE_OVERWRITE;
    method!(file, there(flags), xDeviceCharacteristics())
}
