//! How much memory SQLite takes on each thread.
//!
//! A statement runs on one thread from one row to the next, so what that thread allocates meanwhile
//! is the statement's: a measure of one guest that others don't disturb. Most of what can run long
//! within one instruction of a statement allocates, so a statement that has to end gets no more. The rest reads pages, of which it
//! gets no others, either.

use std::cell::Cell;
use std::ffi::{c_int, c_uint, c_void};
use std::ptr::{null, null_mut};
use std::sync::OnceLock;

use rusqlite::ffi;

use crate::storage::guard::Guard;
use crate::storage::search::Place;

thread_local! {
    /// Bytes that this thread allocated through SQLite less those that it freed.
    static BYTES: Cell<i64> = const { Cell::new(0) };
    /// Who is asked before this thread gets more; null while nobody is.
    static ASKED: Cell<*const Guard> = const { Cell::new(null()) };
    /// How many blocks of [`SET_BYTES`] this thread got since the last phrase of a full-text query, and the last one.
    static SETS: Cell<(u32, *const c_void)> = const { Cell::new((0, null())) };
}

/// Bytes of what FTS5 makes for a set of phrases, a `NEAR` or one by itself, when it has read the first. Between two
/// later ones it makes nothing of this length but the text of the second, for a moment.
const SET_BYTES: c_int = 96;

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

fn is_refused(bytes: c_int, list: Option<c_int>) -> bool {
    // SAFETY: null, or the guard that `guarded` borrows for as long as it is here.
    unsafe { ASKED.get().as_ref() }
        .is_some_and(|guard| guard.refuses(bytes.into(), list.map(i64::from)))
}

/// Has words of a full-text query, whose text is in this block, read by `read`, which answers how many there are.
pub(super) fn with_words<T>(
    text: *const c_void,
    is_same_phrase: bool,
    read: impl FnOnce() -> (T, u32),
) -> T {
    let (sets, last) = SETS.get();
    let place = match sets > u32::from(last == text) {
        _ if is_same_phrase => Place::SamePhrase,
        true => Place::Begins,
        false => Place::Near,
    };
    let (answer, words) = read();
    SETS.set((0, null()));
    // SAFETY: null, or the guard that `guarded` borrows for as long as it is here.
    if let Some(guard) = unsafe { ASKED.get().as_ref() } {
        guard.note_words(place, words);
    }
    answer
}

/// The new length of a block that may be one of FTS5's lists of places: they are as long as a power of two.
fn list(bytes: c_int) -> Option<c_int> {
    (bytes as u32).is_power_of_two().then_some(bytes)
}

/// The same of one that grows. What SQLite sorts grows like that too, but begins with the length of its first row, as a
/// number of four bytes: those of a list would be a number above 2^23, since it has no two zeros one after the other.
///
/// # Safety
/// There are `before` bytes at `block`.
unsafe fn list_that_grows(block: *const c_void, before: c_int, bytes: c_int) -> Option<c_int> {
    let is_list = || {
        // SAFETY: by the function's contract; they were written, since the block is full.
        let start = unsafe { block.cast::<u32>().read_unaligned() };
        u32::from_le(start) >= before as u32
    };
    list(bytes).filter(|_| list(before).is_some() && before >= 4 && is_list())
}

/// What takes a cache, the number of a page, and whether to make room for it.
type Fetch =
    unsafe extern "C" fn(*mut ffi::sqlite3_pcache, c_uint, c_int) -> *mut ffi::sqlite3_pcache_page;

/// How SQLite's own cache of pages gives one, once ours is in its place.
static FETCH: OnceLock<Fetch> = OnceLock::new();

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
    if code != ffi::SQLITE_OK {
        return None;
    }
    look_at_pages();
    Some(allocator)
}

/// Has caches of pages make no room for others to a statement that has to end. A cache that is full takes that of pages which
/// nobody uses, and no memory, so that an instruction which reads all of a table's pages, to free them, would go on.
fn look_at_pages() {
    // SAFETY: null stands for no function in each of its fields.
    let mut methods: ffi::sqlite3_pcache_methods2 = unsafe { std::mem::zeroed() };
    // SAFETY: this operation stores the methods where its argument points.
    let code = unsafe { ffi::sqlite3_config(ffi::SQLITE_CONFIG_GETPCACHE2, &raw mut methods) };
    let known = methods.xFetch.filter(|_| code == ffi::SQLITE_OK);
    let Some(known) = known else { return };
    let _ = FETCH.set(known); // before the first call of `fetch`
    methods.xFetch = Some(fetch);
    // SAFETY: this operation copies the methods, if SQLite isn't in use.
    unsafe { ffi::sqlite3_config(ffi::SQLITE_CONFIG_PCACHE2, &raw mut methods) };
}

unsafe extern "C" fn fetch(
    cache: *mut ffi::sqlite3_pcache,
    page: c_uint,
    create: c_int,
) -> *mut ffi::sqlite3_pcache_page {
    let Some(known) = FETCH.get() else { return null_mut() };
    // SAFETY: null, or the guard that `guarded` borrows for as long as it is here.
    let guard = unsafe { ASKED.get().as_ref() };
    // Pages that are there are still given: those that were changed have to be taken back.
    let ends = create != 0 && guard.is_some_and(Guard::ends);
    // SAFETY: SQLite's own method. Its last argument says only whether to make room.
    unsafe { known(cache, page, if ends { 0 } else { create }) }
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
    if is_refused(bytes, list(bytes)) {
        return null_mut();
    }
    // SAFETY: SQLite's own method with SQLite's own argument.
    let block = unsafe { (allocator.malloc)(bytes) };
    if bytes == SET_BYTES {
        SETS.set((SETS.get().0.saturating_add(1), block));
    }
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
    // SAFETY: as above, it has `before` bytes.
    let list = || unsafe { list_that_grows(block, before, bytes) };
    if bytes > before && is_refused(bytes - before, list()) {
        return null_mut();
    }
    // SAFETY: as above.
    let moved = unsafe { (allocator.realloc)(block, bytes) };
    if !moved.is_null() {
        // SAFETY: as above; it is alive.
        count(i64::from(unsafe { (allocator.size)(moved) }) - i64::from(before));
    }
    moved
}
