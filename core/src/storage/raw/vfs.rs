//! Layers between SQLite and the file system, one of them for databases in mode full.
//!
//! What its [`Backing`] has in memory is read and written there. With what it has in files, the layer beneath, SQLite's
//! own, does everything. The temporary files of all databases are in memory: SQLite sorts in pieces what goes into files,
//! but all at once what it keeps, which takes longer and is no place to stop.

mod file;

use std::cell::RefCell;
use std::ffi::{CStr, c_char, c_int};
use std::ptr::{null, null_mut};
use std::sync::{Arc, OnceLock};

use rusqlite::ffi;

use super::is_counted;
use crate::storage::backing::{Backing, Name};

/// What the layer is called in SQLite.
pub(super) const NAME: &CStr = c"facetbox-backing";
/// What each of its databases is called in SQLite. Their [`Backing`]s know the names in the file system.
pub(super) const DATABASE: &CStr = c"facetbox";
/// What the layer of other databases is called.
pub(super) const PLAIN: &CStr = c"facetbox";

/// Files that SQLite makes for itself.
const TEMPORARY: c_int = ffi::SQLITE_OPEN_TEMP_DB
    | ffi::SQLITE_OPEN_TEMP_JOURNAL
    | ffi::SQLITE_OPEN_TRANSIENT_DB
    | ffi::SQLITE_OPEN_SUBJOURNAL;

thread_local! {
    /// The database that is being opened on this thread.
    static OPENING: RefCell<Option<Arc<Backing>>> = const { RefCell::new(None) };
}

/// Runs `open`, which opens the connection of this database through the layer.
pub(super) fn opening<T>(backing: Arc<Backing>, open: impl FnOnce() -> T) -> T {
    OPENING.set(Some(backing));
    let opened = open();
    OPENING.set(None);
    opened
}

/// SQLite's own layers, and what came of entering ours.
struct Beneath {
    files: *mut ffi::sqlite3_vfs,
    /// Files in memory, which SQLite's allocator counts; null if that isn't bounded.
    memory: *mut ffi::sqlite3_vfs,
    code: c_int,
}

// SAFETY: SQLite calls its layers on any thread, and those that are entered once stay: ours is never taken out, and
// taking out the one beneath would break SQLite itself.
unsafe impl Send for Beneath {}
// SAFETY: as above.
unsafe impl Sync for Beneath {}

fn layers() -> &'static Beneath {
    static LAYERS: OnceLock<Beneath> = OnceLock::new();
    LAYERS.get_or_init(|| {
        let is_counted = is_counted(); // before SQLite is used
        // SAFETY: asks for the default layer.
        let files = unsafe { ffi::sqlite3_vfs_find(null()) };
        // SAFETY: asks for one of SQLite's own.
        let memory = unsafe { ffi::sqlite3_vfs_find(c"memdb".as_ptr()) };
        let memory = if is_counted { memory } else { null_mut() };
        // SAFETY: null or a layer that stays.
        let Some(known) = (unsafe { files.as_ref() }) else {
            return Beneath { files: null_mut(), memory, code: ffi::SQLITE_ERROR };
        };
        // SAFETY: as above.
        let room = unsafe { memory.as_ref() }.map_or(0, |memory| memory.szOsFile);
        let room = room.max(known.szOsFile);
        let backed = layer(known);
        let plain = ffi::sqlite3_vfs {
            zName: PLAIN.as_ptr(),
            xOpen: Some(open_plain),
            xDelete: Some(delete_beneath),
            xAccess: Some(access_beneath),
            xFullPathname: Some(resolve),
            szOsFile: room,
            ..backed
        };
        let backed = ffi::sqlite3_vfs { szOsFile: file::BENEATH_AT as c_int + room, ..backed };
        let code = [backed, plain].into_iter().fold(ffi::SQLITE_OK, |code, layer| match code {
            // SQLite links the layers with each other and keeps them, so each stays for good.
            // SAFETY: all of the layer is filled in, and it stays.
            ffi::SQLITE_OK => unsafe {
                ffi::sqlite3_vfs_register(Box::into_raw(Box::new(layer)), 0)
            },
            code => code,
        });
        Beneath { files, memory, code }
    })
}

/// Makes SQLite know the layers.
pub(super) fn register() -> c_int {
    layers().code
}

fn layer(beneath: &ffi::sqlite3_vfs) -> ffi::sqlite3_vfs {
    ffi::sqlite3_vfs {
        iVersion: 2,
        szOsFile: 0,
        mxPathname: beneath.mxPathname,
        pNext: null_mut(),
        zName: NAME.as_ptr(),
        pAppData: null_mut(),
        xOpen: Some(open),
        xDelete: Some(delete),
        xAccess: Some(access),
        xFullPathname: Some(full_path),
        // Nothing is ever loaded.
        xDlOpen: None,
        xDlError: None,
        xDlSym: None,
        xDlClose: None,
        xRandomness: Some(randomness),
        xSleep: Some(sleep),
        xCurrentTime: Some(current_time),
        xGetLastError: Some(last_error),
        xCurrentTimeInt64: Some(current_time_millis),
        xSetSystemCall: None,
        xGetSystemCall: None,
        xNextSystemCall: None,
    }
}

macro_rules! beneath {
    ($($name:ident = $method:ident($($argument:ident: $type:ty),*);)*) => {$(
        unsafe extern "C" fn $name(_: *mut ffi::sqlite3_vfs, $($argument: $type),*) -> c_int {
            let beneath = layers().files;
            // SAFETY: a layer of SQLite's stays.
            let method = unsafe { (*beneath).$method };
            // SAFETY: what SQLite would have called, with its own arguments.
            method.map_or(ffi::SQLITE_ERROR, |method| unsafe { method(beneath, $($argument),*) })
        }
    )*};
}

beneath! {
    delete_beneath = xDelete(name: *const c_char, sync: c_int);
    access_beneath = xAccess(name: *const c_char, flags: c_int, answer: *mut c_int);
    randomness = xRandomness(length: c_int, bytes: *mut c_char);
    sleep = xSleep(micros: c_int);
    current_time = xCurrentTime(days: *mut f64);
    last_error = xGetLastError(length: c_int, text: *mut c_char);
    current_time_millis = xCurrentTimeInt64(millis: *mut ffi::sqlite3_int64);
    resolve = xFullPathname(name: *const c_char, length: c_int, path: *mut c_char);
    open_beneath = xOpen(
        name: *const c_char, file: *mut ffi::sqlite3_file, flags: c_int, answer: *mut c_int
    );
}

/// The backing of a database and what of it has a name that SQLite has made from the database's. None for other names.
///
/// # Safety
/// `name` is what SQLite gives to this layer.
unsafe fn find(name: *const c_char) -> Option<(Arc<Backing>, Name)> {
    // SAFETY: SQLite's names end with NUL.
    let text = unsafe { CStr::from_ptr(name) }.to_bytes();
    let suffix = text.strip_prefix(DATABASE.to_bytes())?;
    let which = Name::ALL.into_iter().find(|which| which.suffix().as_bytes() == suffix)?;
    // SAFETY: SQLite keeps these three in one place, with which it finds the database.
    Some((unsafe { file::of_database(name) }, which))
}

unsafe extern "C" fn delete(
    layer: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    sync: c_int,
) -> c_int {
    // SAFETY: SQLite's own argument.
    let Some((backing, which)) = (unsafe { find(name) }) else { return ffi::SQLITE_IOERR_DELETE };
    match backing.name(which) {
        // SAFETY: the name ends with NUL.
        Some(name) => unsafe { delete_beneath(layer, name.as_ptr(), sync) },
        None => ffi::SQLITE_OK,
    }
}

unsafe extern "C" fn access(
    layer: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    flags: c_int,
    answer: *mut c_int,
) -> c_int {
    // SAFETY: SQLite's own argument.
    let found = unsafe { find(name) };
    match found.as_ref().and_then(|(backing, which)| backing.name(*which)) {
        // SAFETY: the name ends with NUL; the answer is SQLite's.
        Some(name) => unsafe { access_beneath(layer, name.as_ptr(), flags, answer) },
        None => {
            // SAFETY: where SQLite wants the answer.
            unsafe { *answer = 0 };
            ffi::SQLITE_OK
        }
    }
}

/// The names of databases are whole. Whether one leads through a link is looked at when it has files.
unsafe extern "C" fn full_path(
    _: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    length: c_int,
    path: *mut c_char,
) -> c_int {
    // SAFETY: SQLite's names end with NUL.
    let bytes = unsafe { CStr::from_ptr(name) }.count_bytes() + 1;
    if bytes > length as usize {
        return ffi::SQLITE_CANTOPEN;
    }
    // SAFETY: both are that long, and the second is SQLite's own.
    unsafe { name.copy_to_nonoverlapping(path, bytes) };
    ffi::SQLITE_OK
}

unsafe extern "C" fn open(
    layer: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    answer: *mut c_int,
) -> c_int {
    let (backing, which) = if flags & ffi::SQLITE_OPEN_MAIN_DB != 0 {
        (OPENING.take(), super::File::Main)
    } else if flags & ffi::SQLITE_OPEN_WAL != 0 {
        // SAFETY: SQLite gives the name of a write-ahead log, whose database this layer has opened.
        (Some(unsafe { file::of_database(name) }), super::File::Wal)
    } else {
        let backing = if flags & ffi::SQLITE_OPEN_MAIN_JOURNAL != 0 {
            // SAFETY: SQLite gives the name of a journal, whose database this layer has opened.
            Some(unsafe { file::of_database(name) })
        } else {
            None
        };
        let journal = backing.as_ref().and_then(|backing| backing.name(Name::Journal));
        // It lasts until the journal is closed, since the database is closed after that.
        let name = journal.map_or(name, CStr::as_ptr);
        // SAFETY: SQLite's own arguments; there is more room in the handle than that layer needs.
        return unsafe { open_plain(layer, name, file, flags, answer) };
    };
    let Some(backing) = backing else {
        // SAFETY: the handle is SQLite's to fill in.
        unsafe { (*file).pMethods = null() };
        return ffi::SQLITE_CANTOPEN;
    };
    // SAFETY: SQLite gives room for a handle of this layer.
    unsafe { file::begin(file, backing, which, flags) };
    // SAFETY: null or where SQLite wants to know how the file was opened.
    if let Some(answer) = unsafe { answer.as_mut() } {
        *answer = flags;
    }
    ffi::SQLITE_OK
}

/// Opens a temporary file in memory, and others in the file system. The layer beneath uses the handle as its own.
unsafe extern "C" fn open_plain(
    layer: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    answer: *mut c_int,
) -> c_int {
    let memory = layers().memory;
    // SAFETY: null or a layer that stays.
    let method = unsafe { memory.as_ref() }.and_then(|memory| memory.xOpen);
    match method.filter(|_| flags & TEMPORARY != 0) {
        // SAFETY: SQLite's own arguments; there is room for a handle of either layer.
        Some(method) => unsafe { method(memory, name, file, flags, answer) },
        // SAFETY: as above.
        None => unsafe { open_beneath(layer, name, file, flags, answer) },
    }
}
