//! One log for the writes of a whole data directory, so that one sync makes the commits of many durable.
//!
//! It knows places, which are names, and what is at them, which are pages; not what they mean. Whoever appends a
//! record and flushes it may count on reading it again, until it says that the place is settled: durable elsewhere.
//! The log goes through the regions of its file in turn and uses those again whose records all concern places that
//! are settled. So its end is complete at any time: for every place that isn't settled it has all records since it
//! was.

mod bell;
mod flush;
mod places;
mod read;
mod record;
mod region;
mod room;
#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};

use parking_lot::{Condvar, Mutex};

pub(crate) use read::Reader;
pub(crate) use record::{Change, Image, PAGE_BYTES, Pages, Record};
pub(crate) use region::REGION_BYTES;
pub(crate) use room::{PART_PAGES, Room};

use crate::medium::{BLOCK_BYTES, Handle, Medium};
use flush::{Flushes, Turn};
use places::Places;
use region::{HEADER_BYTES, Header, Regions, start};

/// A log that is being written.
pub(crate) struct Log {
    medium: Arc<dyn Medium>,
    path: PathBuf,
    /// More regions than this are in use only while what can't be settled takes its share of them.
    max_regions: u64,
    state: Mutex<State>,
    flushes: Flushes,
    /// Nothing becomes durable any more.
    has_failed: AtomicBool,
    crowded: AtomicBool,
    /// Twice as many are.
    full: AtomicBool,
    /// Bytes of records for which there is room in the file and which nobody has reserved.
    free: AtomicI64,
    /// How many wait for room, and what tells them that somebody has given some back or made the file longer.
    waiting: AtomicUsize,
    freed: Condvar,
}

#[derive(Default)]
struct State {
    /// Made with the first room that is reserved.
    file: Option<Arc<dyn Handle>>,
    regions: Regions,
    /// What the region says that is being filled.
    header: Option<Header>,
    slot: usize,
    /// Bytes of it that are used.
    used: usize,
    /// What is to be written, in order.
    pieces: Vec<Piece>,
    /// What was handed out to be written of a block that isn't full. It is written again with what follows.
    begun: Vec<u8>,
    /// Buffers for that, which are used again.
    spare: Vec<Vec<u8>>,
    turn: Turn,
    /// The sequence of the last record that was appended.
    appended: u64,
    /// Why nothing becomes durable any more.
    failed: Option<String>,
    /// The places that aren't settled.
    places: Places,
    /// Regions that may be in use besides.
    allowance: u64,
    /// Somebody makes the file longer.
    growing: bool,
}

/// Bytes for one region, from the beginning of a block on.
struct Piece {
    offset: u64,
    bytes: Vec<u8>,
}

impl Log {
    /// A log in a file that doesn't exist.
    pub fn new(medium: Arc<dyn Medium>, path: PathBuf) -> Log {
        let max_regions = medium.log_bytes() / REGION_BYTES as u64;
        Log {
            medium,
            path,
            max_regions,
            state: Mutex::default(),
            flushes: Flushes::default(),
            has_failed: AtomicBool::default(),
            crowded: AtomicBool::default(),
            full: AtomicBool::default(),
            free: AtomicI64::default(),
            waiting: AtomicUsize::default(),
            freed: Condvar::default(),
        }
    }

    /// Answers an error once the log has failed: nothing becomes durable any more.
    pub fn check(&self) -> io::Result<()> {
        if self.has_failed.load(Ordering::Acquire) { self.state.lock().check() } else { Ok(()) }
    }

    /// Appends a change, in the room that was reserved for it, and answers the sequence of its last record. It is
    /// durable when that is flushed.
    ///
    /// # Errors
    /// Those of the file, if more is appended than was reserved: then a part of it may have been. If nothing can be
    /// appended any more, the log has failed.
    pub fn append(&self, place: &str, change: Change<'_>, room: &mut Room) -> io::Result<u64> {
        let mut state = self.state.lock();
        state.check()?;
        let bytes = change.length(place);
        self.charge(&mut state, room, bytes)?;
        let before = state.capacity();
        let appended = self.put(&mut state, place, change);
        self.settle_room(&state, room, bytes, before);
        appended.map_err(|error| self.fail_with(&mut state, &error))
    }

    /// Puts a change into as many records as it takes, since each is in one region.
    fn put(&self, state: &mut State, place: &str, change: Change<'_>) -> io::Result<u64> {
        let Change::Pages { mut new, size, pages: Pages::Given(mut rest) } = change else {
            if state.left() < change.length(place) {
                self.begin_region(state)?;
            }
            return Ok(state.add(place, change));
        };
        loop {
            let fitting = record::pages_within(state.left(), place).min(rest.len());
            if fitting == 0 && (!rest.is_empty() || state.left() < change.length(place)) {
                self.begin_region(state)?;
                continue;
            }
            let (pages, left) = rest.split_at(fitting);
            let size = if left.is_empty() { size } else { 0 };
            let part = Change::Pages { new, size, pages: Pages::Given(pages) };
            let sequence = state.add(place, part);
            if left.is_empty() {
                return Ok(sequence);
            }
            (new, rest) = (false, left);
        }
    }

    /// Lets the log fail because something that it relies on has.
    pub fn fail(&self, error: &io::Error) {
        self.fail_with(&mut self.state.lock(), error);
    }

    fn fail_with(&self, state: &mut State, error: &io::Error) -> io::Error {
        if state.failed.is_none() {
            tracing::error!(%error, path = %self.path.display(), "the commit log has failed");
            state.failed = Some(error.to_string());
            self.has_failed.store(true, Ordering::Release);
        }
        self.freed.notify_all();
        io::Error::new(error.kind(), error.to_string())
    }

    /// Whether places should be settled, asked once.
    pub fn take_crowded(&self) -> bool {
        self.crowded.load(Ordering::Relaxed) && self.crowded.swap(false, Ordering::Relaxed)
    }

    /// Whether the log is twice as long as it may be.
    pub fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    /// The places whose records keep the oldest quarter of the regions from being used again.
    pub fn oldest(&self) -> Vec<String> {
        let state = self.state.lock();
        state.places.up_to(state.number().saturating_sub(self.max_regions(&state) * 3 / 4))
    }

    /// All places that aren't settled.
    pub fn unsettled(&self) -> Vec<String> {
        self.state.lock().places.up_to(u64::MAX)
    }

    /// The sequence of the last record of a place, if it isn't settled.
    pub fn last(&self, place: &str) -> Option<u64> {
        self.state.lock().places.last(place)
    }

    /// Everything up to a record of a place is durable elsewhere.
    pub fn settle(&self, place: &str, sequence: u64) {
        self.state.lock().places.settle(place, sequence);
    }

    /// The number of the region that is being filled; 0 before the first.
    pub fn region(&self) -> u64 {
        self.state.lock().number()
    }

    /// The records of a place before this region aren't needed any more: what they have is durable elsewhere, or has
    /// been appended and flushed again since.
    pub fn carry(&self, place: &str, region: u64) {
        self.state.lock().places.carry(place, region);
    }

    /// What so many pages take is in the log again and again, and must not make it seem crowded.
    pub fn allow(&self, pages: usize) {
        let mut state = self.state.lock();
        state.allowance = 4 * pages.div_ceil(REGION_BYTES / PAGE_BYTES) as u64;
        let in_use = state.places.oldest().map_or(0, |oldest| state.number() - oldest);
        self.full.store(in_use >= 2 * self.max_regions(&state), Ordering::Relaxed);
    }

    /// Gives room back that isn't needed.
    ///
    /// # Errors
    /// Those of the file.
    pub fn shrink(&self) -> io::Result<()> {
        let mut state = self.state.lock();
        // As long as that isn't durable, what the region before says holds.
        let Some(header) = state.header.filter(|header| self.flushes.are_durable(header.first))
        else {
            return Ok(());
        };
        if state.growing {
            return Ok(());
        }
        let keep = self.max_regions(&state) as usize;
        self.drop_regions(&mut state, |count, last| count > keep && last < header.oldest)
    }

    /// Removes the file of a log that nobody needs any more. It takes no records afterwards.
    ///
    /// # Errors
    /// Those of the file, which may stay; and if the log has failed or a place isn't settled.
    pub fn end(&self) -> io::Result<()> {
        let mut state = self.state.lock();
        state.check()?;
        if let Some(place) = state.places.first() {
            return Err(io::Error::other(format!("{place:?} isn't settled")));
        }
        state.failed = Some("it is closed".into());
        self.has_failed.store(true, Ordering::Release);
        let is_there = state.file.take().is_some();
        if is_there { remove(&*self.medium, &self.path) } else { Ok(()) }
    }

    /// More regions than this should not be in use.
    fn max_regions(&self, state: &State) -> u64 {
        self.max_regions + state.allowance
    }

    /// Begins to fill a region whose records don't matter any more.
    fn begin_region(&self, state: &mut State) -> io::Result<()> {
        let slot = state.regions.free(state.oldest()).ok_or(io::ErrorKind::StorageFull)?;
        let number = state.number() + 1;
        let oldest = state.places.oldest().unwrap_or(number);
        let (in_use, max) = (number - oldest, self.max_regions(state));
        self.full.store(in_use >= 2 * max, Ordering::Relaxed);
        if in_use >= max {
            self.crowded.store(true, Ordering::Relaxed);
        }
        let header = Header::new(number, oldest, state.appended + 1)?;
        state.regions.take(slot, number);
        state.begun.clear();
        header.encode(state.new_piece(start(slot)));
        (state.header, state.slot, state.used) = (Some(header), slot, HEADER_BYTES);
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

    /// The number of the region that is being filled; 0 before the first.
    fn number(&self) -> u64 {
        self.header.map_or(0, |header| header.number)
    }

    /// The number of the oldest region whose records matter to whoever reads.
    fn oldest(&self) -> u64 {
        self.header.map_or(1, |header| header.oldest)
    }

    /// Bytes that are left in the region that is being filled.
    fn left(&self) -> usize {
        if self.header.is_some() { REGION_BYTES - self.used } else { 0 }
    }

    /// Begins to gather bytes for a place in the file, where the block ends that was begun.
    fn new_piece(&mut self, offset: u64) -> &mut Vec<u8> {
        let mut bytes = self.spare.pop().unwrap_or_default();
        bytes.extend(&self.begun);
        let offset = offset - self.begun.len() as u64;
        self.pieces.push(Piece { offset, bytes });
        let last = self.pieces.len() - 1;
        &mut self.pieces[last].bytes
    }

    /// Takes out what is to be written, in whole blocks: what is behind the last record means nothing.
    fn take_pieces(&mut self) -> Vec<Piece> {
        let mut pieces = std::mem::take(&mut self.pieces);
        if let Some(last) = pieces.last() {
            let begun = last.bytes.len() % BLOCK_BYTES;
            self.begun.clear();
            self.begun.extend(&last.bytes[last.bytes.len() - begun..]);
        }
        for piece in &mut pieces {
            piece.bytes.resize(piece.bytes.len().next_multiple_of(BLOCK_BYTES), 0);
        }
        pieces
    }

    /// Adds a record for which there is room in the region.
    fn add(&mut self, place: &str, change: Change<'_>) -> u64 {
        let header = self.header.expect("a region was begun");
        let record = Record { sequence: self.appended + 1, place, change };
        let offset = start(self.slot) + self.used as u64;
        let follows = |piece: &Piece| piece.offset + piece.bytes.len() as u64 == offset;
        if !self.pieces.last().is_some_and(follows) {
            self.new_piece(offset);
        }
        if let Some(piece) = self.pieces.last_mut() {
            self.used += record.encode(header.salt, &mut piece.bytes);
        }
        self.appended = record.sequence;
        self.places.note(&record, header.number);
        record.sequence
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
