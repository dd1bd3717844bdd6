//! One log for the writes of a whole data directory, so that one sync makes the commits of many durable.
//!
//! It knows places, which are names, and what is at them, which are pages; not what they mean. Whoever appends a
//! record and flushes it may count on reading it again, until it says that the place is settled: durable elsewhere.
//! The log goes through the regions of its file in turn and uses those again whose records all concern places that
//! are settled. So its end is complete at any time: for every place that isn't settled it has all records since it
//! was.

mod read;
mod record;
mod region;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Condvar, Mutex, MutexGuard};

pub(crate) use read::Reader;
pub(crate) use record::{Change, PAGE_BYTES, Pages, Record};
pub(crate) use region::REGION_BYTES;

use crate::medium::{Handle, Medium};
use region::{HEADER_BYTES, Header, Regions, start};

/// A log that is being written.
pub(crate) struct Log {
    medium: Arc<dyn Medium>,
    path: PathBuf,
    /// More regions than this are in use only while places can't be settled.
    max_regions: u64,
    state: Mutex<State>,
    /// Tells those who wait for a flush that one has ended.
    flushed: Condvar,
    crowded: AtomicBool,
}

#[derive(Default)]
struct State {
    /// Made with the first record.
    file: Option<Arc<dyn Handle>>,
    regions: Regions,
    /// What the region says that is being filled.
    header: Option<Header>,
    slot: usize,
    /// Bytes of it that are used.
    used: usize,
    /// What is to be written, in order.
    pieces: Vec<Piece>,
    /// The sequences of the last record that was appended, and of the last one that is durable.
    appended: u64,
    durable: u64,
    /// Somebody is writing.
    flushing: bool,
    failed: Option<String>,
    /// The places that aren't settled.
    places: BTreeMap<String, Unsettled>,
}

struct Unsettled {
    /// The number of the region with the first of its records.
    region: u64,
    /// The sequence of the last one.
    last: u64,
}

/// Bytes for one region.
struct Piece {
    offset: u64,
    bytes: Vec<u8>,
}

impl Log {
    /// A log in a file that doesn't exist.
    pub fn new(medium: Arc<dyn Medium>, path: PathBuf) -> Log {
        let max_regions = medium.log_bytes() / REGION_BYTES as u64;
        let (state, flushed, crowded) = Default::default();
        Log { medium, path, max_regions, state, flushed, crowded }
    }

    /// Answers an error once the log has failed: nothing becomes durable any more.
    pub fn check(&self) -> io::Result<()> {
        self.state.lock().check()
    }

    /// Makes sure that there is room for records of at least half a region.
    ///
    /// # Errors
    /// Those of the file, which is as it was unless the log has failed.
    pub fn reserve(&self) -> io::Result<()> {
        let mut state = self.state.lock();
        state.check()?;
        let oldest = state.header.map_or(1, |header| header.oldest);
        let has_room = state.header.is_some() && state.used <= REGION_BYTES / 2;
        match has_room || state.regions.free(oldest).is_some() {
            true => Ok(()),
            false => self.grow(&mut state),
        }
    }

    /// Appends a record and answers its sequence. It is durable when that is flushed.
    ///
    /// # Errors
    /// Those of the file; then the log has failed.
    pub fn append(&self, place: &str, change: Change<'_>) -> io::Result<u64> {
        let mut state = self.state.lock();
        state.check()?;
        let record = Record { sequence: state.appended + 1, place, change };
        let length = record.length();
        if state.header.is_none() || state.used + length > REGION_BYTES {
            self.begin_region(&mut state).map_err(|error| self.fail_with(&mut state, &error))?;
        }
        let state = &mut *state;
        let header = state.header.expect("a region was begun");
        let offset = start(state.slot) + state.used as u64;
        let follows = |piece: &Piece| piece.offset + piece.bytes.len() as u64 == offset;
        if !state.pieces.last().is_some_and(follows) {
            state.pieces.push(Piece { offset, bytes: Vec::with_capacity(length) });
        }
        if let Some(piece) = state.pieces.last_mut() {
            record.encode(header.salt, &mut piece.bytes);
        }
        state.used += length;
        state.appended = record.sequence;
        state.note(&record, header.number);
        Ok(record.sequence)
    }

    /// Makes a record durable with all those before it. Whoever comes first writes for all who wait.
    ///
    /// # Errors
    /// Those of the file; then the log has failed, and it isn't known whether the record is durable.
    pub fn flush(&self, sequence: u64) -> io::Result<()> {
        let mut state = self.state.lock();
        while state.durable < sequence {
            state.check()?;
            match state.flushing {
                true => self.flushed.wait(&mut state),
                false => self.write(&mut state),
            }
        }
        Ok(())
    }

    fn write(&self, state: &mut MutexGuard<'_, State>) {
        let Some(file) = state.file.clone() else { return };
        let (pieces, last) = (std::mem::take(&mut state.pieces), state.appended);
        state.flushing = true;
        let written = MutexGuard::unlocked(state, || {
            // Each region is whole on the disk before the next one is begun, which readers rely on.
            pieces.iter().try_for_each(|piece| {
                file.write_at(&piece.bytes, piece.offset)?;
                file.sync()
            })
        });
        state.flushing = false;
        match written {
            Ok(()) => state.durable = last,
            // What a sync has refused once it may call durable the next time, without its being so.
            Err(error) => drop(self.fail_with(state, &error)),
        }
        self.flushed.notify_all();
    }

    /// Lets the log fail because something that it relies on has.
    pub fn fail(&self, error: &io::Error) {
        self.fail_with(&mut self.state.lock(), error);
    }

    fn fail_with(&self, state: &mut State, error: &io::Error) -> io::Error {
        if state.failed.is_none() {
            tracing::error!(%error, path = %self.path.display(), "the commit log has failed");
            state.failed = Some(error.to_string());
        }
        self.flushed.notify_all();
        io::Error::new(error.kind(), error.to_string())
    }

    /// Whether places should be settled, asked once.
    pub fn take_crowded(&self) -> bool {
        self.crowded.load(Ordering::Relaxed) && self.crowded.swap(false, Ordering::Relaxed)
    }

    /// The places whose records keep the oldest quarter of the regions from being used again.
    pub fn oldest(&self) -> Vec<String> {
        let state = self.state.lock();
        let number = state.header.map_or(0, |header| header.number);
        let bound = number.saturating_sub(self.max_regions * 3 / 4);
        let old = state.places.iter().filter(|(_, place)| place.region <= bound);
        old.map(|(place, _)| place.clone()).collect()
    }

    /// All places that aren't settled.
    pub fn unsettled(&self) -> Vec<String> {
        self.state.lock().places.keys().cloned().collect()
    }

    /// The sequence of the last record of a place, if it isn't settled.
    pub fn last(&self, place: &str) -> Option<u64> {
        self.state.lock().places.get(place).map(|place| place.last)
    }

    /// Everything up to a record of a place is durable elsewhere.
    pub fn settle(&self, place: &str, sequence: u64) {
        let mut state = self.state.lock();
        if state.places.get(place).is_some_and(|place| place.last <= sequence) {
            state.places.remove(place);
        }
    }

    /// Gives room back that isn't needed.
    ///
    /// # Errors
    /// Those of the file.
    pub fn shrink(&self) -> io::Result<()> {
        let mut state = self.state.lock();
        // As long as that isn't durable, what the region before says holds.
        let Some(header) = state.header.filter(|header| header.first <= state.durable) else {
            return Ok(());
        };
        let shrunk = state.regions.shrink(header.oldest, self.max_regions as usize);
        match state.file.as_ref().filter(|_| shrunk) {
            Some(file) => file.set_size(start(state.regions.count())),
            None => Ok(()),
        }
    }

    /// Removes the file of a log that nobody needs any more. It takes no records afterwards.
    ///
    /// # Errors
    /// Those of the file, which may stay; and if the log has failed or a place isn't settled.
    pub fn end(&self) -> io::Result<()> {
        let mut state = self.state.lock();
        state.check()?;
        if let Some((place, _)) = state.places.first_key_value() {
            return Err(io::Error::other(format!("{place:?} isn't settled")));
        }
        state.failed = Some("it is closed".into());
        let is_there = state.file.take().is_some();
        if is_there { remove(&*self.medium, &self.path) } else { Ok(()) }
    }

    /// Begins to fill a region whose records don't matter any more, or a new one.
    fn begin_region(&self, state: &mut State) -> io::Result<()> {
        let oldest = state.header.map_or(1, |header| header.oldest);
        let slot = match state.regions.free(oldest) {
            Some(slot) => slot,
            None => {
                self.grow(state)?;
                state.regions.count() - 1
            }
        };
        let number = state.header.map_or(1, |header| header.number + 1);
        let oldest = state.places.values().map(|place| place.region).min().unwrap_or(number);
        if number - oldest >= self.max_regions {
            self.crowded.store(true, Ordering::Relaxed);
        }
        let header = Header::new(number, oldest, state.appended + 1)?;
        state.regions.take(slot, number);
        let mut bytes = Vec::new();
        header.encode(&mut bytes);
        state.pieces.push(Piece { offset: start(slot), bytes });
        (state.header, state.slot, state.used) = (Some(header), slot, HEADER_BYTES);
        Ok(())
    }

    /// Makes the file longer by a region, or makes it.
    fn grow(&self, state: &mut State) -> io::Result<()> {
        let zeros = vec![0; REGION_BYTES];
        let offset = start(state.regions.count());
        match &state.file {
            Some(file) => {
                file.write_at(&zeros, offset)?;
                let synced = file.sync();
                synced.map_err(|error| self.fail_with(state, &error))?;
            }
            None => {
                let file = self.medium.create(&self.path)?;
                file.write_at(&zeros, offset)?;
                file.sync()?;
                self.medium.sync_dir(parent(&self.path))?;
                state.file = Some(file.into());
            }
        }
        state.regions.add();
        Ok(())
    }
}

impl State {
    fn check(&self) -> io::Result<()> {
        match &self.failed {
            Some(error) => Err(io::Error::other(format!(
                "the commit log has failed ({error}); close the runtime and open it again"
            ))),
            None => Ok(()),
        }
    }

    fn note(&mut self, record: &Record<'_>, region: u64) {
        match record.change {
            Change::Pages { .. } | Change::Made => {
                if let Some(known) = self.places.get_mut(record.place) {
                    known.last = record.sequence;
                } else {
                    let place = Unsettled { region, last: record.sequence };
                    self.places.insert(record.place.to_owned(), place);
                }
            }
            Change::Gone | Change::Placed => {
                self.places.retain(|place, _| !is_within(place, record.place));
            }
        }
    }
}

/// Whether a place is another one or below it.
pub(crate) fn is_within(place: &str, other: &str) -> bool {
    place.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Removes the file of a log for good.
pub(crate) fn remove(medium: &dyn Medium, path: &Path) -> io::Result<()> {
    medium.remove(path)?;
    medium.sync_dir(parent(path))
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}
