//! How we see what full-text tables are asked for: their tokenizers read each phrase of a query.
//!
//! Tables without `tokenize` use the tokenizer that FTS5 has registered first, whatever is registered under its name
//! later, and other tables are there before anybody knows that they are searched. So the functions of those that
//! are registered are replaced, in the places that SQLite's interface leads to.

use std::cell::Cell;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr::null_mut;
use std::sync::OnceLock;

use rusqlite::ffi;

use super::Database;
use super::memory::with_words;

/// What takes a word.
type Take = unsafe extern "C" fn(*mut c_void, c_int, *const c_char, c_int, c_int, c_int) -> c_int;
/// A tokenizer of the first version of the interface.
type Tokenize = unsafe extern "C" fn(
    *mut ffi::Fts5Tokenizer,
    *mut c_void,
    c_int,
    *const c_char,
    c_int,
    Option<Take>,
) -> c_int;
/// One of the second version, which takes a locale too.
type Tokenize2 = unsafe extern "C" fn(
    *mut ffi::Fts5Tokenizer,
    *mut c_void,
    c_int,
    *const c_char,
    c_int,
    *const c_char,
    c_int,
    Option<Take>,
) -> c_int;

/// FTS5's own tokenizers of the first version.
const NAMES: [&CStr; 3] = [c"unicode61", c"ascii", c"trigram"];
/// Their functions, which are the same in each connection.
static ORIGINALS: [OnceLock<Tokenize>; 3] = [const { OnceLock::new() }; 3];
const WATCHING: [Tokenize; 3] = [watching::<0>, watching::<1>, watching::<2>];
/// `porter` has one of the others read and shortens what that gives.
static PORTER: OnceLock<Tokenize2> = OnceLock::new();

thread_local! {
    /// A phrase is being read.
    static IS_READING: Cell<bool> = const { Cell::new(false) };
}

impl Database {
    /// Sees all queries of full-text tables from now on, of those too that are open.
    pub(super) fn watch_searches(&self) {
        let api = self.fulltext_api();
        // SAFETY: null, or the connection's interface, which stays while it is open.
        let Some(known) = (unsafe { api.as_ref() }) else { return };
        let (Some(find), Some(find2)) = (known.xFindTokenizer, known.xFindTokenizer_v2) else {
            return;
        };
        for ((name, original), watching) in NAMES.iter().zip(&ORIGINALS).zip(WATCHING) {
            let mut found = ffi::fts5_tokenizer { xCreate: None, xDelete: None, xTokenize: None };
            let (mut data, mut second) = (null_mut(), null_mut());
            // SAFETY: the interface is the connection's, and the results outlive the calls.
            let code = unsafe { find(api, name.as_ptr(), &mut data, &mut found) };
            // SAFETY: as above.
            let code2 = unsafe { find2(api, name.as_ptr(), &mut data, &mut second) };
            if [code, code2] != [ffi::SQLITE_OK; 2] {
                continue;
            }
            // FTS5 keeps both versions of a tokenizer's functions side by side.
            let first = second.cast::<ffi::fts5_tokenizer>().wrapping_sub(1);
            // SAFETY: FTS5's block has more than that before what `second` leads to: the name, the data and a flag.
            let there = unsafe { &mut *first };
            let same = |a: &ffi::fts5_tokenizer, b: &ffi::fts5_tokenizer| {
                (a.xCreate.map(|it| it as usize), a.xDelete.map(|it| it as usize))
                    == (b.xCreate.map(|it| it as usize), b.xDelete.map(|it| it as usize))
                    && a.xTokenize.map(|it| it as usize) == b.xTokenize.map(|it| it as usize)
            };
            let Some(tokenize) = found.xTokenize.filter(|_| same(there, &found)) else { continue };
            original.get_or_init(|| tokenize);
            there.xTokenize = Some(watching);
        }
        let (mut data, mut second) = (null_mut(), null_mut());
        // SAFETY: as above.
        let code = unsafe { find2(api, c"porter".as_ptr(), &mut data, &mut second) };
        // SAFETY: null, or the place of its functions, which stays while the connection is open.
        let porter = unsafe { second.as_mut() }.filter(|_| code == ffi::SQLITE_OK);
        if let Some((porter, tokenize)) = porter.and_then(|it| it.xTokenize.map(|to| (it, to))) {
            PORTER.get_or_init(|| tokenize);
            porter.xTokenize = Some(watching_porter);
        }
    }
}

/// Where the words of a phrase go, and how many there were.
struct Words {
    data: *mut c_void,
    take: Option<Take>,
    count: u32,
}

unsafe extern "C" fn counting(
    data: *mut c_void,
    flags: c_int,
    word: *const c_char,
    length: c_int,
    start: c_int,
    end: c_int,
) -> c_int {
    // SAFETY: what `watched` gives, which nothing else uses during its call.
    let words = unsafe { &mut *data.cast::<Words>() };
    words.count = words.count.saturating_add(1);
    // SAFETY: what the tokenizer was to call, with its own arguments.
    words.take.map_or(ffi::SQLITE_ERROR, |take| unsafe {
        take(words.data, flags, word, length, start, end)
    })
}

/// Has a tokenizer read a text, and counts its words if that is a phrase of a query.
///
/// # Safety
/// The arguments are those that FTS5 has called the tokenizer with.
unsafe fn watched(
    data: *mut c_void,
    flags: c_int,
    text: *const c_char,
    take: Option<Take>,
    read: impl FnOnce(*mut c_void, Option<Take>) -> c_int,
) -> c_int {
    if flags & ffi::FTS5_TOKENIZE_QUERY == 0 || IS_READING.replace(true) {
        return read(data, take);
    }
    // SAFETY: FTS5 gives the phrase that the words are added to first of what it has there, or null.
    let is_same_phrase = !unsafe { data.cast::<*const c_void>().read() }.is_null();
    let code = with_words(text.cast(), is_same_phrase, || {
        let mut words = Words { data, take, count: 0 };
        let code = read((&raw mut words).cast(), Some(counting));
        (code, words.count)
    });
    IS_READING.set(false);
    code
}

unsafe extern "C" fn watching<const AT: usize>(
    tokenizer: *mut ffi::Fts5Tokenizer,
    data: *mut c_void,
    flags: c_int,
    text: *const c_char,
    length: c_int,
    take: Option<Take>,
) -> c_int {
    let Some(original) = ORIGINALS[AT].get() else { return ffi::SQLITE_ERROR };
    let read = |data, take| {
        // SAFETY: what FTS5 would have called, with its own arguments or what stands in for them.
        unsafe { original(tokenizer, data, flags, text, length, take) }
    };
    // SAFETY: FTS5's own arguments.
    unsafe { watched(data, flags, text, take, read) }
}

unsafe extern "C" fn watching_porter(
    tokenizer: *mut ffi::Fts5Tokenizer,
    data: *mut c_void,
    flags: c_int,
    text: *const c_char,
    length: c_int,
    locale: *const c_char,
    locale_length: c_int,
    take: Option<Take>,
) -> c_int {
    let Some(original) = PORTER.get() else { return ffi::SQLITE_ERROR };
    let read = |data, take| {
        // SAFETY: as in `watching`.
        unsafe { original(tokenizer, data, flags, text, length, locale, locale_length, take) }
    };
    // SAFETY: as in `watching`.
    unsafe { watched(data, flags, text, take, read) }
}
