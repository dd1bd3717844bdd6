//! How much memory SQLite takes on each thread.
//!
//! A statement runs on one thread from one row to the next, so what that thread allocates meanwhile
//! is the statement's: a measure of one guest that others don't disturb. Most of what can run long
//! within one instruction of a statement allocates, so a statement that has to end gets no more.

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::ptr::{null, null_mut};
use std::sync::OnceLock;

use rusqlite::ffi;

use crate::storage::guard::Guard;

thread_local! {
    /// Bytes that this thread allocated through SQLite less those that it freed.
    static BYTES: Cell<i64> = const { Cell::new(0) };
    /// Who is asked before this thread gets more; null while nobody is.
    static ASKED: Cell<*const Guard> = const { Cell::new(null()) };
    /// The block that grew last as a list of a `NEAR`'s phrases does, the first time.
    static NEAR: Cell<*const c_void> = const { Cell::new(null()) };
}

/// Bytes of FTS5's list of a `NEAR`'s phrases, which grows by eight at a time. A row that has all of them takes steps
/// without a look, as many as the square of how many phrases times the places where one is. So there are at most 16:
/// FTS5 says nothing about a query before, but no other block of SQLite's grows twice in this way.
const NEAR_BYTES: [c_int; 3] = [96, 160, 224];

/// Has the guard asked for each block that this thread gets in `body`.
pub(super) fn guarded<T>(guard: &Guard, body: impl FnOnce() -> T) -> T {
    /// Asks whom it was before.
    struct Back(*const Guard);
    impl Drop for Back {
        fn drop(&mut self) {
            ASKED.set(self.0);
        }
    }
    let _back = Back(ASKED.replace(guard));
    body()
}

/// Whether the guest's statement that runs on this thread has to end.
pub(super) fn must_stop() -> bool {
    // SAFETY: null, or the guard that `guarded` borrows for as long as it is here.
    unsafe { ASKED.get().as_ref() }.is_some_and(Guard::must_stop)
}

/// Whether a guest's statement runs on this thread; then it takes too much.
fn must_starve() -> bool {
    // SAFETY: null, or the guard that `guarded` borrows for as long as it is here.
    unsafe { ASKED.get().as_ref() }.is_some_and(|guard| {
        guard.starve();
        true
    })
}

fn is_refused(bytes: c_int) -> bool {
    // SAFETY: null, or the guard that `guarded` borrows for as long as it is here.
    unsafe { ASKED.get().as_ref() }.is_some_and(|guard| guard.refuses(bytes.into()))
}

/// Whether a block that grows is the list of too long a `NEAR`.
fn is_long_near(block: *const c_void, before: c_int, bytes: c_int) -> bool {
    [before, bytes] == NEAR_BYTES[1..] && block == NEAR.get()
}

/// SQLite's own allocator, once the counting one is in its place.
static ALLOCATOR: OnceLock<Option<Allocator>> = OnceLock::new();

#[derive(Clone, Copy)]
struct Allocator {
    malloc: unsafe extern "C" fn(c_int) -> *mut c_void,
    free: unsafe extern "C" fn(*mut c_void),
    realloc: unsafe extern "C" fn(*mut c_void, c_int) -> *mut c_void,
    size: unsafe extern "C" fn(*mut c_void) -> c_int,
}

/// Bytes that this thread allocated through SQLite less those that it freed. Only differences mean
/// something: memory may be freed on another thread.
pub(in crate::storage) fn thread_bytes() -> i64 {
    BYTES.get()
}

/// Starts to count, unless it does so already; answers whether it counts.
///
/// This works only before SQLite is used for the first time. A program that uses the same SQLite on
/// its own may have done so.
pub(in crate::storage) fn is_counted() -> bool {
    let allocator = ALLOCATOR.get_or_init(|| {
        let installed = install();
        if installed.is_none() {
            tracing::warn!(
                target: "facetbox",
                "SQLite was used before the first runtime was opened: its memory isn't counted, and statements sort in files"
            );
        }
        installed
    });
    allocator.is_some()
}

fn install() -> Option<Allocator> {
    let mut methods = ffi::sqlite3_mem_methods {
        xMalloc: None,
        xFree: None,
        xRealloc: None,
        xSize: None,
        xRoundup: None,
        xInit: None,
        xShutdown: None,
        pAppData: null_mut(),
    };
    // SAFETY: this operation stores the methods where its argument points; it answers an error if
    // SQLite is in use.
    let code = unsafe { ffi::sqlite3_config(ffi::SQLITE_CONFIG_GETMALLOC, &raw mut methods) };
    if code != ffi::SQLITE_OK {
        return None;
    }
    let allocator = Allocator {
        malloc: methods.xMalloc?,
        free: methods.xFree?,
        realloc: methods.xRealloc?,
        size: methods.xSize?,
    };
    methods.xMalloc = Some(malloc);
    methods.xFree = Some(free);
    methods.xRealloc = Some(realloc);
    // SAFETY: this operation copies the methods; it answers an error if SQLite is in use. Should
    // another thread start to use SQLite at this very moment, it may see some of the new methods
    // and some of the old: they can be mixed, since the new ones hand out the old ones' blocks.
    let code = unsafe { ffi::sqlite3_config(ffi::SQLITE_CONFIG_MALLOC, &raw mut methods) };
    (code == ffi::SQLITE_OK).then_some(allocator)
}

/// The allocator beneath. The new methods are called by SQLite alone, which got them in `install`;
/// a call in the moment before `install` has ended waits here for that.
fn beneath() -> Option<&'static Allocator> {
    ALLOCATOR.wait().as_ref()
}

fn count(bytes: i64) {
    BYTES.set(BYTES.get() + bytes);
}

unsafe extern "C" fn malloc(bytes: c_int) -> *mut c_void {
    let Some(allocator) = beneath() else { return null_mut() };
    if is_refused(bytes) {
        return null_mut();
    }
    // SAFETY: SQLite's own method with SQLite's own argument.
    let block = unsafe { (allocator.malloc)(bytes) };
    if !block.is_null() {
        // SAFETY: as above; the block is alive.
        count(i64::from(unsafe { (allocator.size)(block) }));
    }
    block
}

unsafe extern "C" fn free(block: *mut c_void) {
    let Some(allocator) = beneath() else { return };
    // SAFETY: SQLite's own method; the block is alive and not null, by SQLite's contract.
    count(-i64::from(unsafe { (allocator.size)(block) }));
    // SAFETY: as above.
    unsafe { (allocator.free)(block) };
}

unsafe extern "C" fn realloc(block: *mut c_void, bytes: c_int) -> *mut c_void {
    let Some(allocator) = beneath() else { return null_mut() };
    // SAFETY: SQLite's own method; the block is alive and not null, by SQLite's contract.
    let before = unsafe { (allocator.size)(block) };
    if bytes > before && is_refused(bytes - before) {
        return null_mut();
    }
    if is_long_near(block, before, bytes) && must_starve() {
        return null_mut();
    }
    // SAFETY: as above.
    let moved = unsafe { (allocator.realloc)(block, bytes) };
    if !moved.is_null() {
        // SAFETY: as above; it is alive.
        count(i64::from(unsafe { (allocator.size)(moved) }) - i64::from(before));
        if [before, bytes] == NEAR_BYTES[..2] {
            NEAR.set(moved);
        }
    }
    moved
}
