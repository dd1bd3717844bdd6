//! A SQLite VFS that asks a plan before it touches a file, and tells it afterwards.
//!
//! It is the system's own VFS with a few methods replaced: the system's initialises the file where SQLite has
//! made room for it, and then the file's table of methods is exchanged for ours, whose functions call the system's
//! on the same file.
#![expect(unsafe_code, reason = "SQLite's interface to the operating system is C")]

use std::collections::HashMap;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, MutexGuard, OnceLock, PoisonError};

use rusqlite::ffi;

/// What SQLite is about to do, or has done, with a file.
#[derive(Debug)]
pub enum Call<'a> {
    /// Opens it; makes it if it is missing.
    Open,
    Read,
    Write {
        offset: u64,
        bytes: &'a [u8],
    },
    Truncate(u64),
    Sync,
    Delete,
    /// Makes an empty file, whatever was there. This and what follows isn't done by SQLite.
    Create,
    Rename(&'a Path),
    CreateDir,
    SyncDir,
}

/// What becomes of a call.
pub enum Decision {
    Do,
    /// Leaves it out and answers that it has been done.
    Pretend,
    /// Answers with a result code of SQLite's instead.
    Fail(c_int),
}

/// Decides about the calls, one at a time.
pub trait Plan: Send {
    fn before(&mut self, path: &Path, call: &Call) -> Decision;
    fn after(&mut self, path: &Path, call: &Call);
}

/// The methods of a file: the system has several tables of them, all of them constants.
type Methods = &'static ffi::sqlite3_io_methods;

/// Locked during each call, so that a plan sees no call half done.
#[derive(Default)]
struct State {
    /// The open files by the address of their handle.
    files: HashMap<usize, File>,
    /// Our tables of methods by the address of the system's.
    tables: HashMap<usize, Methods>,
    plan: Option<Box<dyn Plan>>,
}

#[derive(Clone)]
struct File {
    path: PathBuf,
    real: Methods,
}

static STATE: LazyLock<Mutex<State>> = LazyLock::new(Mutex::default);
/// The address of the system's VFS.
static REAL: OnceLock<usize> = OnceLock::new();

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes this the VFS of every database that is opened in this process from now on.
pub fn install() {
    REAL.get_or_init(|| {
        // SAFETY: may be called at any time; null asks for the default.
        let real = unsafe { ffi::sqlite3_vfs_find(std::ptr::null()) };
        // SAFETY: SQLite always has a default VFS on the systems that this runs on, and never frees it.
        let mut ours = unsafe { *real };
        ours.zName = c"planned".as_ptr();
        ours.xOpen = Some(open);
        ours.xDelete = Some(delete);
        let ours = Box::into_raw(Box::new(ours));
        // SAFETY: the structure is complete, and lives as long as the process because it is never freed.
        unsafe { ffi::sqlite3_vfs_register(ours, 1) };
        real as usize
    });
}

/// Follows a plan from now on, or none.
pub fn follow(plan: Option<Box<dyn Plan>>) {
    state().plan = plan;
}

/// Does one call as the plan says that isn't one of SQLite's.
pub fn ask<T: Default>(
    path: &Path,
    call: &Call,
    run: impl FnOnce() -> io::Result<T>,
) -> io::Result<T> {
    let mut state = state();
    let Some(plan) = &mut state.plan else {
        drop(state);
        return run();
    };
    let done = match plan.before(path, call) {
        Decision::Fail(ffi::SQLITE_FULL) => return Err(io::ErrorKind::StorageFull.into()),
        Decision::Fail(_) => return Err(io::Error::other("disk I/O error")),
        Decision::Pretend => T::default(),
        Decision::Do => run()?,
    };
    plan.after(path, call);
    Ok(done)
}

fn real() -> *mut ffi::sqlite3_vfs {
    *REAL.get().expect("our functions are called after `install`") as *mut ffi::sqlite3_vfs
}

/// Does one call as the plan says.
fn intercept(
    mut state: MutexGuard<'_, State>,
    path: &Path,
    call: &Call,
    run: impl FnOnce() -> c_int,
) -> c_int {
    let Some(plan) = &mut state.plan else { return run() };
    let code = match plan.before(path, call) {
        Decision::Fail(code) => return code,
        Decision::Pretend => ffi::SQLITE_OK,
        Decision::Do => run(),
    };
    if code == ffi::SQLITE_OK {
        plan.after(path, call);
    }
    code
}

fn on_file(file: *mut ffi::sqlite3_file, call: &Call, run: impl FnOnce(Methods) -> c_int) -> c_int {
    let state = state();
    let File { path, real } = state.files[&(file as usize)].clone();
    intercept(state, &path, call, || run(real))
}

fn path_of(name: *const c_char) -> Option<PathBuf> {
    if name.is_null() {
        return None; // a temporary file
    }
    // SAFETY: SQLite's names of files end with NUL and live during the call.
    let name = unsafe { CStr::from_ptr(name) };
    Some(PathBuf::from(name.to_string_lossy().into_owned()))
}

unsafe extern "C" fn open(
    _vfs: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    let real = real();
    let run = move || {
        // SAFETY: the system's VFS exists as long as the process.
        let open = unsafe { (*real).xOpen }.expect("every VFS opens files");
        // SAFETY: the arguments are those that SQLite gave us; our VFS asks for as much room for a file as the
        // system's needs.
        unsafe { open(real, name, file, flags, out) }
    };
    let Some(path) = path_of(name) else { return run() };
    // SAFETY: SQLite gives room for a file; a file without methods is one that needs no closing.
    unsafe { (*file).pMethods = std::ptr::null() };
    let code = intercept(state(), &path, &Call::Open, run);
    if code == ffi::SQLITE_OK {
        replace_methods(file, path);
    }
    code
}

/// Exchanges the methods of a file that the system has just opened.
fn replace_methods(file: *mut ffi::sqlite3_file, path: PathBuf) {
    // SAFETY: `file` is open, so the system has set its methods.
    let methods = unsafe { (*file).pMethods };
    // SAFETY: the system's methods are constants.
    let real: Methods = unsafe { &*methods };
    let mut state = state();
    let ours =
        *state.tables.entry(methods as usize).or_insert_with(|| Box::leak(Box::new(ours(real))));
    state.files.insert(file as usize, File { path, real });
    // SAFETY: as above; our table lives as long as the process.
    unsafe { (*file).pMethods = ours };
}

fn ours(real: Methods) -> ffi::sqlite3_io_methods {
    let mut ours = *real;
    // Without shared memory and memory maps: databases are opened for exclusive use.
    ours.iVersion = 1;
    ours.xClose = Some(close);
    ours.xRead = Some(read);
    ours.xWrite = Some(write);
    ours.xTruncate = Some(truncate);
    ours.xSync = Some(sync);
    ours
}

unsafe extern "C" fn delete(
    _vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    sync_dir: c_int,
) -> c_int {
    let real = real();
    let run = || {
        // SAFETY: the system's VFS exists as long as the process.
        let delete = unsafe { (*real).xDelete }.expect("every VFS deletes files");
        // SAFETY: the arguments are those that SQLite gave us.
        unsafe { delete(real, name, sync_dir) }
    };
    match path_of(name) {
        Some(path) => intercept(state(), &path, &Call::Delete, run),
        None => run(),
    }
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    let File { real, .. } = state().files.remove(&(file as usize)).expect("the file is open");
    let close = real.xClose.expect("every file can be closed");
    // SAFETY: the file is open and the system's; it is closed once.
    unsafe { close(file) }
}

unsafe extern "C" fn read(
    file: *mut ffi::sqlite3_file,
    buffer: *mut c_void,
    length: c_int,
    offset: ffi::sqlite3_int64,
) -> c_int {
    on_file(file, &Call::Read, |real| {
        let read = real.xRead.expect("every file can be read");
        // SAFETY: the file is open and the system's; the other arguments are SQLite's.
        unsafe { read(file, buffer, length, offset) }
    })
}

unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    buffer: *const c_void,
    length: c_int,
    offset: ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: SQLite gives a buffer of `length` bytes, which isn't changed during the call.
    let bytes = unsafe { std::slice::from_raw_parts(buffer.cast::<u8>(), length as usize) };
    on_file(file, &Call::Write { offset: offset as u64, bytes }, |real| {
        let write = real.xWrite.expect("every file can be written");
        // SAFETY: the file is open and the system's; the other arguments are SQLite's.
        unsafe { write(file, buffer, length, offset) }
    })
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, size: ffi::sqlite3_int64) -> c_int {
    on_file(file, &Call::Truncate(size as u64), |real| {
        let truncate = real.xTruncate.expect("every file can be truncated");
        // SAFETY: the file is open and the system's.
        unsafe { truncate(file, size) }
    })
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, flags: c_int) -> c_int {
    on_file(file, &Call::Sync, |real| {
        let sync = real.xSync.expect("every file can be synced");
        // SAFETY: the file is open and the system's.
        unsafe { sync(file, flags) }
    })
}
