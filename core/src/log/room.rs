//! Room in the log's file, reserved before anything is appended: whoever commits can still turn back then.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use parking_lot::MutexGuard;

use super::record::{ENTRY_BYTES, MAX_PLACE_BYTES, RECORD_HEADER_BYTES, length_of};
use super::region::{HEADER_BYTES, REGION_BYTES, start};
use super::{Log, State, parent};
use crate::medium::Handle;

/// Pages of what is appended at once, at most, if the room for it is to suffice.
pub(crate) const PART_PAGES: usize = 120;

/// What a region may lose: less than a record with one page, which doesn't fit into its end, and the beginning of
/// one that is continued from the region before.
const LOST_BYTES: usize = 2 * (RECORD_HEADER_BYTES + MAX_PLACE_BYTES) + ENTRY_BYTES;
/// What there is room for in each region that is free.
const REGION_ROOM: u64 = (REGION_BYTES - HEADER_BYTES - LOST_BYTES) as u64;

/// How long others may keep room that they have reserved until the file is made longer instead.
const PATIENCE: Duration = Duration::from_millis(5);

/// Bytes for which there is room in the log. What isn't used is given back when it is dropped.
pub(crate) struct Room {
    log: Arc<Log>,
    bytes: u64,
}

impl Drop for Room {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.log.free.fetch_add(self.bytes as i64, Ordering::SeqCst);
            self.log.tell_of_room();
        }
    }
}

impl State {
    /// Bytes of records for which there is room in the file, however they fit into its regions.
    pub(super) fn capacity(&self) -> u64 {
        let free = self.regions.free_count(self.oldest()) as u64;
        self.left().saturating_sub(LOST_BYTES) as u64 + free * REGION_ROOM
    }
}

impl Log {
    /// Makes sure that there is room for records about a place with so many pages, which are appended
    /// [`PART_PAGES`] at a time. Waits while others are about to use what there is.
    ///
    /// # Errors
    /// Those of the file, `StorageFull` for one. The log is as it was unless it has failed.
    pub fn reserve(self: &Arc<Log>, place: &str, pages: usize) -> io::Result<Room> {
        if place.len() > MAX_PLACE_BYTES {
            let message =
                format!("a place of {} bytes; {MAX_PLACE_BYTES} are possible", place.len());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let bytes = length_of(place, pages) + pages / PART_PAGES * length_of(place, 0);
        self.check()?;
        if self.take(bytes as u64) {
            return Ok(Room { log: self.clone(), bytes: bytes as u64 });
        }
        let mut room = Room { log: self.clone(), bytes: 0 };
        self.charge(&mut self.state.lock(), &mut room, bytes)?;
        Ok(room)
    }

    /// Takes what is missing in a room.
    pub(super) fn charge(
        &self,
        state: &mut MutexGuard<'_, State>,
        room: &mut Room,
        bytes: usize,
    ) -> io::Result<()> {
        let missing = (bytes as u64).saturating_sub(room.bytes);
        let mut patient = room.bytes == 0;
        while !self.take(missing) {
            // Most of what is reserved isn't used, and is given back as soon as that is known.
            match patient && state.capacity() >= missing {
                true => patient = self.wait_for_room(state),
                false => self.grow(state)?,
            }
            state.check()?;
        }
        room.bytes += missing;
        Ok(())
    }

    /// Takes account of what was appended in a room, since when the file had room for `before` bytes.
    pub(super) fn settle_room(&self, state: &State, room: &mut Room, bytes: usize, before: u64) {
        room.bytes -= bytes as u64;
        let used = before as i64 - state.capacity() as i64;
        self.free.fetch_add(bytes as i64 - used, Ordering::SeqCst);
        self.tell_of_room();
    }

    fn take(&self, bytes: u64) -> bool {
        let left = |free: i64| (free >= bytes as i64).then(|| free - bytes as i64);
        self.free.fetch_update(Ordering::SeqCst, Ordering::SeqCst, left).is_ok()
    }

    fn tell_of_room(&self) {
        if self.waiting.load(Ordering::SeqCst) > 0 {
            self.freed.notify_all();
        }
    }

    /// Answers whether there was a change in time. What changes before this has begun to wait may be missed.
    fn wait_for_room(&self, state: &mut MutexGuard<'_, State>) -> bool {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let waited = self.freed.wait_for(state, PATIENCE);
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        !waited.timed_out()
    }

    /// Makes the file longer by a region, or makes it; waits if somebody else does so. Others append meanwhile.
    fn grow(&self, state: &mut MutexGuard<'_, State>) -> io::Result<()> {
        if state.growing {
            self.wait_for_room(state);
            return Ok(());
        }
        state.growing = true;
        let (slot, is_there) = (state.regions.count(), state.file.is_some());
        let grown = MutexGuard::unlocked(state, || match is_there {
            true => self.add_region(slot).map(|()| None),
            false => self.make_file().map(Some),
        });
        let grown = match grown {
            Ok(made) => {
                state.file = made.or(state.file.take());
                state.regions.add();
                self.free.fetch_add(REGION_ROOM as i64, Ordering::SeqCst);
                Ok(())
            }
            Err(error) => {
                // What was made in vain is more use to others.
                self.drop_regions(state, |count, last| count > 1 && last == 0).ok();
                Err(error)
            }
        };
        state.growing = false;
        self.tell_of_room();
        grown
    }

    /// Through a handle of its own: a failure that a sync tells here must not be missing where records are synced.
    fn add_region(&self, slot: usize) -> io::Result<()> {
        let file = self.medium.open(&self.path)?;
        let written = file.write_at(&vec![0; REGION_BYTES], start(slot));
        written.inspect_err(|_| drop(file.set_size(start(slot))))?;
        file.sync().inspect_err(|error| self.fail(error))
    }

    fn make_file(&self) -> io::Result<Arc<dyn Handle>> {
        let file = self.medium.create_log(&self.path)?;
        let make = || {
            file.write_at(&vec![0; REGION_BYTES], 0)?;
            file.sync()?;
            self.medium.sync_dir(parent(&self.path))
        };
        match make() {
            Ok(()) => Ok(file.into()),
            Err(error) => {
                drop(file);
                self.medium.remove(&self.path).ok();
                Err(error)
            }
        }
    }

    /// Makes the file shorter by regions at its end that are free and for which `is_needless` holds, given how many
    /// there are and the number of the last one's last use.
    pub(super) fn drop_regions(
        &self,
        state: &mut State,
        is_needless: impl Fn(usize, u64) -> bool,
    ) -> io::Result<()> {
        let before = state.regions.count();
        while let Some(last) = state.regions.last()
            && is_needless(state.regions.count(), last)
            && self.take(REGION_ROOM)
        {
            state.regions.pop();
        }
        match &state.file {
            Some(file) if state.regions.count() < before => {
                file.set_size(start(state.regions.count()))
            }
            _ => Ok(()),
        }
    }
}
