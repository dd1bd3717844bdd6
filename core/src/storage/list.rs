//! Lists of the key-value store.

use std::collections::VecDeque;

use super::Storage;
use super::codec;
use super::facets::deleted;
use super::meter::Used;
use super::own::Own;
use super::raw::{Bind, Column};
use crate::error::{Error, ErrorCode, Result};
use crate::value::Value;

/// How much is read from the database at a time.
const CHUNK_ENTRIES: usize = 100;
const CHUNK_BYTES: usize = 64 << 10;

/// Which keys a list covers, and how.
#[derive(Clone, Debug, Default)]
pub struct ListOptions {
    /// First key, inclusive.
    pub start: Option<String>,
    /// Last key before the first, exclusive. Not together with `start`.
    pub start_after: Option<String>,
    /// End, exclusive.
    pub end: Option<String>,
    /// Only keys with this prefix.
    pub prefix: Option<String>,
    /// From the last key to the first.
    pub reverse: bool,
    /// At most so many entries; above 0.
    pub limit: Option<u64>,
}

impl ListOptions {
    /// Reads it from a map with the keys `start`, `startAfter`, `end`, `prefix`, `reverse`, `limit`.
    /// Null counts as absent, and other keys are ignored.
    ///
    /// # Errors
    /// INVALID_ARGUMENT (a `TypeError`) if a value has the wrong type or `limit` isn't above 0.
    pub fn from_value(value: &Value) -> Result<ListOptions> {
        if value.is_nullish() {
            return Ok(ListOptions::default());
        }
        let map = value.as_map().ok_or_else(|| {
            Error::type_error(format!("list() options must be a map, got {}.", value.type_name()))
        })?;
        let field = |name| map.get(name).filter(|value| !value.is_nullish());
        let wrong = |name, value: &Value, kind| {
            let message =
                format!("list() option {name} must be {kind}, got {}.", value.type_name());
            Error::type_error(message)
        };
        let text = |name| {
            field(name)
                .map(|value| {
                    let text = value.as_str().map(str::to_owned);
                    text.ok_or_else(|| wrong(name, value, "a string"))
                })
                .transpose()
        };
        let reverse = match field("reverse") {
            Some(value) => value.as_bool().ok_or_else(|| wrong("reverse", value, "a boolean"))?,
            None => false,
        };
        let limit = match field("limit") {
            Some(value) => {
                let limit = value.as_f64().ok_or_else(|| wrong("limit", value, "a number"))?;
                if limit.is_nan() || limit < 1.0 {
                    return Err(not_positive());
                }
                Some(limit as u64) // larger than any list saturates
            }
            None => None,
        };
        Ok(ListOptions {
            start: text("start")?,
            start_after: text("startAfter")?,
            end: text("end")?,
            prefix: text("prefix")?,
            reverse,
            limit,
        })
    }

    /// The first key and the one after the last, unless no key can be between them.
    fn range(&self) -> Result<Option<Range>> {
        let mut start = match (&self.start, &self.start_after) {
            (Some(_), Some(_)) => {
                let message = "list() cannot be called with both start and startAfter values.";
                return Err(Error::type_error(message));
            }
            (Some(start), None) => start.clone().into_bytes(),
            (None, Some(after)) => successor(after.as_bytes()),
            (None, None) => Vec::new(),
        };
        if self.limit == Some(0) {
            return Err(not_positive());
        }
        let mut end = self.end.clone().map(String::into_bytes);
        if let Some(prefix) = self.prefix.as_ref().filter(|prefix| !prefix.is_empty()) {
            start = start.max(prefix.clone().into_bytes());
            let after = after_prefix(prefix.as_bytes());
            end = Some(end.map_or(after.clone(), |end| end.min(after)));
        }
        let empty = end.as_ref().is_some_and(|end| *end <= start);
        Ok((!empty).then_some(Range { start, end }))
    }
}

/// Keys from `start` on and before `end`.
struct Range {
    start: Vec<u8>,
    end: Option<Vec<u8>>,
}

fn not_positive() -> Error {
    Error::type_error("List limit must be positive.")
}

/// The key right after `key`.
fn successor(key: &[u8]) -> Vec<u8> {
    [key, b"\0"].concat()
}

/// The first key after all those that begin with `prefix`, which is UTF-8 and so never ends with FF.
fn after_prefix(prefix: &[u8]) -> Vec<u8> {
    let mut after = prefix.to_vec();
    if let Some(last) = after.last_mut() {
        *last += 1;
    }
    after
}

/// Entries of a list, read piece by piece as they are asked for, so that it sees what is written
/// behind its current piece. A later `list` on the same storage invalidates it.
pub struct KvList {
    storage: Storage,
    /// Which list of the storage it is; none has the number 0.
    number: u64,
    reverse: bool,
    /// What is left beyond `ready`; None at the end.
    range: Option<Range>,
    limit: u64,
    ready: VecDeque<(String, Value)>,
}

impl KvList {
    pub(super) fn new(storage: &Storage, options: &ListOptions) -> Result<KvList> {
        let range = options.range()?;
        let mut state = storage.lock()?;
        let number = match range {
            // A list that is known to be empty never reads, and so ends no other list.
            None => 0,
            Some(_) => {
                state.lists += 1;
                state.lists
            }
        };
        drop(state);
        Ok(KvList {
            storage: storage.clone(),
            number,
            reverse: options.reverse,
            range,
            limit: options.limit.unwrap_or(u64::MAX),
            ready: VecDeque::new(),
        })
    }

    /// Reads the next piece.
    fn fill(&mut self) -> Result<()> {
        let Some(Range { start, end }) = self.range.take().filter(|_| self.limit > 0) else {
            return Ok(());
        };
        // Every text is smaller than a BLOB.
        let until = end.as_deref().map_or(Bind::Blob(&[]), Bind::Text);
        let own = if self.reverse { Own::ListReverse } else { Own::List };
        let wanted = usize::try_from(self.limit).map_or(CHUNK_ENTRIES, |n| n.min(CHUNK_ENTRIES));
        let mut entries = Vec::with_capacity(wanted);
        let (mut bytes, mut last) = (0, Vec::new());
        self.storage.read(|connection| {
            let statement = connection.own(own)?;
            connection.db.run(statement, &[Bind::Text(&start), until], |db| {
                let Column::Text(key) = db.column(statement, 0) else {
                    return false;
                };
                let value = codec::read(db.column(statement, 1));
                bytes += key.len() + value.as_ref().map_or(0, Value::size);
                last.clear();
                last.extend_from_slice(key);
                entries.push((String::from_utf8_lossy(key).into_owned(), value));
                entries.len() < wanted && bytes < CHUNK_BYTES
            })?;
            connection.db.guard().meter().add(Used::RowsRead, entries.len() as u64);
            Ok(())
        })?;
        let full = entries.len() == wanted || bytes >= CHUNK_BYTES;
        self.limit -= entries.len() as u64;
        self.range = match (full, self.reverse) {
            (false, _) => None,
            (true, false) => Some(Range { start: successor(&last), end }),
            (true, true) => Some(Range { start, end: Some(last) }),
        };
        for (key, value) in entries {
            self.ready.push_back((key, value?));
        }
        Ok(())
    }

    fn check(&self) -> Result<()> {
        let state = self.storage.lock()?;
        if self.number <= state.deleted_lists {
            return Err(deleted());
        }
        if self.number == state.lists {
            return Ok(());
        }
        let message = "kv.list() iterator was invalidated because a new call to kv.list() was started. Only one kv.list() iterator can exist at a time.";
        Err(Error::named(ErrorCode::InvalidArgument, "Error", message))
    }
}

impl Iterator for KvList {
    type Item = Result<(String, Value)>;

    fn next(&mut self) -> Option<Result<(String, Value)>> {
        if self.number == 0 || (self.ready.is_empty() && self.range.is_none()) {
            return None;
        }
        let filled = self.check().and_then(|()| match self.ready.is_empty() {
            true => self.fill(),
            false => Ok(()),
        });
        match filled {
            Ok(()) => self.ready.pop_front().map(Ok),
            Err(error) => {
                self.range = None;
                self.ready.clear();
                Some(Err(error))
            }
        }
    }
}
