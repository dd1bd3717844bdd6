//! How full-text tables call the functions of `storage::fulltext`, in place of SQLite's own of the same name.

use std::ffi::{c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{null, null_mut};

use rusqlite::ffi::{self, Fts5Context, Fts5ExtensionApi};

use super::Database;
use super::functions::{give, text};
use super::memory::must_stop;
use super::rank::bm25;
use crate::storage::fulltext::{Best, Marker, Match, Sentences};
use crate::storage::functions::{Answer, Argument};

/// The oldest version of the interface that has all that is called here.
const VERSION: c_int = 4;
/// Matches in one row. SQLite's own list of more doesn't fit into a block of memory.
const MAX_MATCHES: usize = 1 << 20;
/// Words and matches between two looks at whether the statement has to end.
const PIECE: usize = 1 << 12;
/// Most words of a snippet.
const MAX_WORDS: i64 = 64;

impl Database {
    /// Makes the functions known. A table takes what it knows when a statement that uses it is compiled.
    pub(super) fn install_fulltext(&self) {
        let api = self.fulltext_api();
        // SAFETY: null, or the connection's interface, which stays while it is open.
        let create = unsafe { api.as_ref() }.and_then(|api| api.xCreateFunction);
        let Some(create) = create else { return };
        for (name, function) in [
            (c"bm25", bm25 as unsafe extern "C" fn(_, _, _, _, _)),
            (c"highlight", highlight),
            (c"snippet", snippet),
        ] {
            // SAFETY: the interface is the connection's. Without memory SQLite's own function stays.
            unsafe { create(api, name.as_ptr(), null_mut(), Some(function), None) };
        }
    }
}

impl Database {
    /// The interface of full-text tables, which stays while the connection is open; null without memory.
    pub(super) fn fulltext_api(&self) -> *mut ffi::fts5_api {
        let mut statement = null_mut();
        let query = c"SELECT fts5(?1)".as_ptr();
        // SAFETY: the text ends with NUL, and the end of what was compiled may be null.
        let code =
            unsafe { ffi::sqlite3_prepare_v2(self.raw, query, -1, &raw mut statement, null_mut()) };
        let mut api: *mut ffi::fts5_api = null_mut();
        if code == ffi::SQLITE_OK {
            let place = (&raw mut api).cast::<c_void>();
            // SAFETY: the statement is alive, and `place` outlives it.
            unsafe {
                ffi::sqlite3_bind_pointer(statement, 1, place, c"fts5_api_ptr".as_ptr(), None)
            };
            // SAFETY: as above.
            unsafe { ffi::sqlite3_step(statement) };
        }
        // SAFETY: alive, or null, which does nothing.
        unsafe { ffi::sqlite3_finalize(statement) };
        api
    }
}

/// A result code of SQLite that is no success.
pub(super) type Code = c_int;

/// A row of a full-text table that a function is called for.
pub(super) struct Row<'a> {
    pub api: &'a Fts5ExtensionApi,
    pub context: *mut Fts5Context,
}

pub(super) fn checked(code: c_int) -> Result<(), Code> {
    if code == ffi::SQLITE_OK { Ok(()) } else { Err(code) }
}

pub(super) fn look(count: usize) -> Result<(), Code> {
    if count.is_multiple_of(PIECE) && must_stop() { Err(ffi::SQLITE_INTERRUPT) } else { Ok(()) }
}

impl Row<'_> {
    fn columns(&self) -> Result<c_int, Code> {
        let count = self.api.xColumnCount.ok_or(ffi::SQLITE_ERROR)?;
        // SAFETY: the context of a call that is going on, as everywhere below.
        Ok(unsafe { count(self.context) })
    }

    pub fn phrases(&self) -> Result<c_int, Code> {
        let count = self.api.xPhraseCount.ok_or(ffi::SQLITE_ERROR)?;
        // SAFETY: see `columns`.
        Ok(unsafe { count(self.context) })
    }

    /// The text of a column, which stays throughout the call; none if it is null or not kept.
    fn text(&self, column: c_int) -> Result<Option<&[u8]>, Code> {
        let text = self.api.xColumnText.ok_or(ffi::SQLITE_ERROR)?;
        let read = |start: *mut _, length: *mut _| {
            // SAFETY: see `columns`.
            unsafe { text(self.context, column, start, length) }
        };
        // SAFETY: the interface's contract.
        unsafe { self.bytes(read) }
    }

    /// # Safety
    /// `read` gives null or where so many bytes are, which stay throughout the call.
    unsafe fn bytes(
        &self,
        read: impl FnOnce(*mut *const c_char, *mut c_int) -> c_int,
    ) -> Result<Option<&[u8]>, Code> {
        let (mut start, mut length) = (null(), 0);
        checked(read(&mut start, &mut length))?;
        if start.is_null() {
            return Ok(None);
        }
        // SAFETY: by the function's contract.
        Ok(Some(unsafe { std::slice::from_raw_parts(start.cast(), length.max(0) as usize) }))
    }

    /// How many words a column has, or all columns if it is -1.
    pub fn words(&self, column: c_int) -> Result<c_int, Code> {
        let size = self.api.xColumnSize.ok_or(ffi::SQLITE_ERROR)?;
        let mut words = 0;
        // SAFETY: see `columns`.
        checked(unsafe { size(self.context, column, &mut words) })?;
        Ok(words)
    }

    /// What the query matches in all columns, in order.
    fn matches(&self) -> Result<Vec<Match>, Code> {
        let size = self.api.xPhraseSize.ok_or(ffi::SQLITE_ERROR)?;
        let mut matches = Vec::new();
        for phrase in 0..self.phrases()? {
            // SAFETY: see `columns`.
            let length = unsafe { size(self.context, phrase) };
            self.each_match(phrase, |column, word| {
                if matches.len() == MAX_MATCHES {
                    return Err(ffi::SQLITE_NOMEM);
                }
                matches.push(Match { column, word, phrase, length });
                Ok(())
            })?;
        }
        matches.sort(); // one run for each phrase
        Ok(matches)
    }

    /// Shows `each` the columns and words where a phrase matches, in order.
    pub fn each_match(
        &self,
        phrase: c_int,
        mut each: impl FnMut(c_int, c_int) -> Result<(), Code>,
    ) -> Result<(), Code> {
        let first = self.api.xPhraseFirst.ok_or(ffi::SQLITE_ERROR)?;
        let next = self.api.xPhraseNext.ok_or(ffi::SQLITE_ERROR)?;
        let (columns, mut count) = (self.columns()?, 0);
        let mut places = ffi::Fts5PhraseIter { a: null(), b: null() };
        let (mut column, mut word) = (-1, 0);
        look(count)?;
        // SAFETY: see `columns`.
        let code = unsafe { first(self.context, phrase, &mut places, &mut column, &mut word) };
        checked(code)?;
        while column >= 0 {
            if column >= columns {
                return Err(ffi::SQLITE_CORRUPT_VTAB);
            }
            count += 1;
            look(count)?;
            each(column, word)?;
            // SAFETY: see `columns`; `places` is as `first` or the last call left it.
            unsafe { next(self.context, &mut places, &mut column, &mut word) };
        }
        Ok(())
    }

    /// Shows `each` where the words of a column's text are.
    fn each_word(
        &self,
        column: c_int,
        text: Option<&[u8]>,
        each: &mut Each<'_>,
    ) -> Result<(), Code> {
        let locale = self.api.xColumnLocale.ok_or(ffi::SQLITE_ERROR)?;
        let tokenize = self.api.xTokenize_v2.ok_or(ffi::SQLITE_ERROR)?;
        let read = |start: *mut _, length: *mut _| {
            // SAFETY: see `columns`.
            unsafe { locale(self.context, column, start, length) }
        };
        // SAFETY: the interface's contract.
        let (locale, locale_length) = parts(unsafe { self.bytes(read) }?);
        let (start, length) = parts(text);
        let mut words = Words { count: 0, each };
        let data = (&raw mut words).cast::<c_void>();
        // SAFETY: see `columns`; the texts and `words` outlive the call, and `word` takes what is given here.
        checked(unsafe {
            tokenize(self.context, start, length, locale, locale_length, data, Some(word))
        })
    }
}

fn parts(text: Option<&[u8]>) -> (*const c_char, c_int) {
    text.map_or((null(), 0), |text| (text.as_ptr().cast(), text.len() as c_int))
}

/// Takes the start and end of a word.
type Each<'a> = dyn FnMut(usize, usize) -> Result<(), Code> + 'a;

struct Words<'a, 'b> {
    count: usize,
    each: &'a mut Each<'b>,
}

unsafe extern "C" fn word(
    data: *mut c_void,
    flags: c_int,
    _: *const c_char,
    _: c_int,
    start: c_int,
    end: c_int,
) -> c_int {
    if flags & ffi::FTS5_TOKEN_COLOCATED != 0 {
        return ffi::SQLITE_OK;
    }
    // SAFETY: what `each_word` gives, which nothing else uses during its call.
    let words = unsafe { &mut *data.cast::<Words<'_, '_>>() };
    let next = AssertUnwindSafe(|| {
        words.count += 1;
        look(words.count)?;
        (words.each)(start.max(0) as usize, end.max(0) as usize)
    });
    match catch_unwind(next) {
        Ok(Ok(())) => ffi::SQLITE_OK,
        Ok(Err(code)) => code,
        Err(_) => ffi::SQLITE_INTERNAL,
    }
}

unsafe extern "C" fn highlight(
    api: *const Fts5ExtensionApi,
    context: *mut Fts5Context,
    call: *mut ffi::sqlite3_context,
    count: c_int,
    values: *mut *mut ffi::sqlite3_value,
) {
    // SAFETY: what full-text tables call a function with.
    unsafe { answer(api, context, call, count, values, "highlight", highlighted) };
}

unsafe extern "C" fn snippet(
    api: *const Fts5ExtensionApi,
    context: *mut Fts5Context,
    call: *mut ffi::sqlite3_context,
    count: c_int,
    values: *mut *mut ffi::sqlite3_value,
) {
    // SAFETY: what full-text tables call a function with.
    unsafe { answer(api, context, call, count, values, "snippet", snipped) };
}

/// # Safety
/// The arguments are those that a full-text table has called a function with.
unsafe fn answer<const N: usize>(
    api: *const Fts5ExtensionApi,
    context: *mut Fts5Context,
    call: *mut ffi::sqlite3_context,
    count: c_int,
    values: *mut *mut ffi::sqlite3_value,
    name: &str,
    make: fn(&Row<'_>, [*mut ffi::sqlite3_value; N]) -> Result<Answer, Code>,
) {
    // SAFETY: by the function's contract.
    let api = unsafe { &*api };
    let made = match count as usize == N && api.iVersion >= VERSION {
        true => {
            // SAFETY: there are `count` values.
            let values = unsafe { *values.cast::<[*mut ffi::sqlite3_value; N]>() };
            catch_unwind(AssertUnwindSafe(|| make(&Row { api, context }, values)))
        }
        false => Ok(Ok(Answer::Error(format!("wrong number of arguments to function {name}()")))),
    };
    // SAFETY: by the function's contract.
    unsafe { finish(call, made) };
}

/// # Safety
/// The context is that of a call that is going on.
pub(super) unsafe fn finish(
    call: *mut ffi::sqlite3_context,
    made: std::thread::Result<Result<Answer, Code>>,
) {
    match made {
        // SAFETY: by the function's contract.
        Ok(Ok(answer)) => unsafe { give(call, answer) },
        // SAFETY: as above.
        Ok(Err(code)) => unsafe { ffi::sqlite3_result_error_code(call, code) },
        // SAFETY: as above.
        Err(_) => unsafe { give(call, Answer::Failed) },
    }
}

/// An argument that is a number: what is below or above the range counts as its end.
fn number(value: *mut ffi::sqlite3_value, range: std::ops::RangeInclusive<i64>) -> i64 {
    // SAFETY: a value of the call that is going on.
    let number = unsafe { ffi::sqlite3_value_int64(value) };
    number.clamp(*range.start(), *range.end())
}

/// An argument that is a text.
fn mark<'a>(value: *mut ffi::sqlite3_value) -> Option<&'a [u8]> {
    // SAFETY: a value of the call that is going on; its bytes stay throughout, as nothing else reads it.
    match unsafe { text(value) } {
        Argument::Null => None,
        Argument::Text(text) | Argument::Blob(text) => Some(text),
    }
}

const COLUMNS: std::ops::RangeInclusive<i64> = -1..=i32::MAX as i64;

/// `highlight(column, open, close)`: the text with marks around what matches.
fn highlighted(row: &Row<'_>, values: [*mut ffi::sqlite3_value; 3]) -> Result<Answer, Code> {
    let [column, open, close] = values;
    let column = number(column, COLUMNS) as c_int;
    let text = match row.text(column) {
        Err(ffi::SQLITE_RANGE) => return Ok(Answer::Text(Vec::new())),
        Ok(None) => return Ok(Answer::Null),
        text => text?.unwrap_or_default(),
    };
    let matches = row.matches()?;
    let mut marker =
        Marker::new(text, [mark(open), mark(close)], (0, -1), of_column(&matches, column));
    mark_words(row, column, text, &mut marker)?;
    marker.close();
    marker.take_rest();
    Ok(Answer::Text(marker.into_text()))
}

/// `snippet(column, open, close, ellipsis, words)`: the part of the text that shows best what matches.
fn snipped(row: &Row<'_>, values: [*mut ffi::sqlite3_value; 5]) -> Result<Answer, Code> {
    let [column, open, close, ellipsis, length] = values;
    let column = number(column, COLUMNS) as c_int;
    let ellipsis = mark(ellipsis).unwrap_or_default();
    let length = number(length, 0..=MAX_WORDS);
    let best = best(row, column, length)?;
    let Some(text) = row.text(best.column)? else { return Ok(Answer::Null) };
    let words = if best.words == 0 { row.words(best.column)? } else { best.words };
    let last = best.word + length as i32 - 1;
    let matches = row.matches()?;
    let marks = [Some(mark(open).unwrap_or_default()), Some(mark(close).unwrap_or_default())];
    let kept = (best.word, last);
    let mut marker = Marker::new(text, marks, kept, of_column(&matches, best.column));
    if best.word > 0 {
        marker.add(ellipsis);
    }
    mark_words(row, best.column, text, &mut marker)?;
    marker.close();
    match last >= words - 1 {
        true => marker.take_rest(),
        false => marker.add(ellipsis),
    }
    Ok(Answer::Text(marker.into_text()))
}

/// The best part of one column, or of all if it is -1.
fn best(row: &Row<'_>, column: c_int, length: i64) -> Result<Best, Code> {
    let columns = match column {
        -1 => 0..row.columns()?,
        _ => column..row.columns()?.min(column.saturating_add(1)),
    };
    if columns.is_empty() && row.phrases()? == 0 {
        return Err(ffi::SQLITE_NOMEM); // as SQLite's own, which wants a list for no phrases first
    }
    let matches = row.matches()?;
    let mut best = Best::of(column.max(0));
    for column in columns {
        let text = row.text(column)?;
        let mut sentences = Sentences::new(text.unwrap_or_default());
        row.each_word(column, text, &mut |start, _| {
            sentences.word(start);
            Ok(())
        })?;
        let words = row.words(column)?;
        let matches = of_column(&matches, column);
        if matches.iter().any(|place| place.word > words) {
            return Err(ffi::SQLITE_CORRUPT_VTAB);
        }
        best.look(matches, &sentences.starts, words, length);
    }
    Ok(best)
}

fn mark_words(
    row: &Row<'_>,
    column: c_int,
    text: &[u8],
    marker: &mut Marker<'_>,
) -> Result<(), Code> {
    row.each_word(column, Some(text), &mut |start, end| {
        marker.word(start, end).map_err(|_| ffi::SQLITE_TOOBIG)
    })
}

fn of_column(matches: &[Match], column: i32) -> &[Match] {
    let before = |end: i32| matches.partition_point(|place| place.column < end);
    &matches[before(column)..before(column + 1)]
}
