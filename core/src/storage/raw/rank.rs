//! The function `bm25` of full-text tables, which `rank` stands for: as SQLite's own, whose time grows with the product
//! of how many phrases a query has and how often they match, but in one pass over each phrase's places.

use std::ffi::{c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};

use rusqlite::ffi::{self, Fts5Context, Fts5ExtensionApi};

use super::fulltext::{Code, Row, checked, finish, look};
use crate::storage::functions::Answer;

const K1: f64 = 1.2;
const B: f64 = 0.75;
/// The least weight of a phrase, for those that most rows have.
const LEAST: f64 = 1e-6;

/// What is the same for all rows of a query.
struct Ranking {
    /// How much each phrase says, by how few rows it is in.
    weights: Vec<f64>,
    /// Words of a row, on average.
    average: f64,
}

pub(super) unsafe extern "C" fn bm25(
    api: *const Fts5ExtensionApi,
    context: *mut Fts5Context,
    call: *mut ffi::sqlite3_context,
    count: c_int,
    values: *mut *mut ffi::sqlite3_value,
) {
    // SAFETY: what full-text tables call a function with.
    let row = Row { api: unsafe { &*api }, context };
    let values = match count {
        0 => &[],
        // SAFETY: as above, `count` of them, which may be none.
        _ => unsafe { std::slice::from_raw_parts(values, count as usize) },
    };
    let made = catch_unwind(AssertUnwindSafe(|| score(&row, values)));
    // SAFETY: the context of this call.
    unsafe { finish(call, made) };
}

/// The more a row has of what the query wants, the less. Each value is how much the column of its place counts.
fn score(row: &Row<'_>, values: &[*mut ffi::sqlite3_value]) -> Result<Answer, Code> {
    // SAFETY: values of the call that is going on.
    let columns: Vec<f64> =
        values.iter().map(|value| unsafe { ffi::sqlite3_value_double(*value) }).collect();
    let ranking = ranking(row)?;
    let words = f64::from(row.words(-1)?);
    let mut score = 0.0;
    for (phrase, weight) in (0..).zip(&ranking.weights) {
        let mut frequency = 0.0;
        row.each_match(phrase, |column, _| {
            frequency += columns.get(column as usize).unwrap_or(&1.0);
            Ok(())
        })?;
        score += weight
            * ((frequency * (K1 + 1.0))
                / (frequency + K1 * (1.0 - B + B * words / ranking.average)));
    }
    Ok(Answer::Float(-score))
}

fn ranking<'a>(row: &Row<'a>) -> Result<&'a Ranking, Code> {
    let get = row.api.xGetAuxdata.ok_or(ffi::SQLITE_ERROR)?;
    let set = row.api.xSetAuxdata.ok_or(ffi::SQLITE_ERROR)?;
    // SAFETY: the context of a call that is going on, as below.
    let kept = unsafe { get(row.context, 0) }.cast::<Ranking>();
    // SAFETY: null or what is given below, which stays while the query runs.
    if let Some(kept) = unsafe { kept.as_ref() } {
        return Ok(kept);
    }
    let ranking = Box::into_raw(Box::new(make_ranking(row)?));
    // SAFETY: `drop_ranking` is called once with what is given, also if this fails.
    checked(unsafe { set(row.context, ranking.cast(), Some(drop_ranking)) })?;
    // SAFETY: as above.
    Ok(unsafe { &*ranking })
}

unsafe extern "C" fn drop_ranking(ranking: *mut c_void) {
    // SAFETY: what `ranking` gave, which nobody uses any more.
    drop(unsafe { Box::from_raw(ranking.cast::<Ranking>()) });
}

fn make_ranking(row: &Row<'_>) -> Result<Ranking, Code> {
    let rows_of = row.api.xRowCount.ok_or(ffi::SQLITE_ERROR)?;
    let words_of = row.api.xColumnTotalSize.ok_or(ffi::SQLITE_ERROR)?;
    let find = row.api.xQueryPhrase.ok_or(ffi::SQLITE_ERROR)?;
    let (mut rows, mut words) = (0, 0);
    // SAFETY: the context of a call that is going on, as below.
    checked(unsafe { rows_of(row.context, &mut rows) })?;
    // SAFETY: as above.
    checked(unsafe { words_of(row.context, -1, &mut words) })?;
    let mut weights = Vec::new();
    for phrase in 0..row.phrases()? {
        look(0)?;
        let mut found: i64 = 0;
        let data = (&raw mut found).cast();
        // SAFETY: as above; `found` outlives the call, and `count` takes it.
        checked(unsafe { find(row.context, phrase, data, Some(count)) })?;
        let weight = (((rows - found) as f64 + 0.5) / (found as f64 + 0.5)).ln();
        weights.push(if weight <= 0.0 { LEAST } else { weight });
    }
    Ok(Ranking { weights, average: words as f64 / rows as f64 })
}

unsafe extern "C" fn count(
    _: *const Fts5ExtensionApi,
    _: *mut Fts5Context,
    found: *mut c_void,
) -> c_int {
    // SAFETY: what `make_ranking` gives, which nothing else uses during its call.
    let found = unsafe { &mut *found.cast::<i64>() };
    *found += 1;
    look(*found as usize).err().unwrap_or(ffi::SQLITE_OK)
}
