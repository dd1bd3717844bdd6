//! Databases whose files aren't made yet.
//!
//! In mode full a commit is durable once it is in the commit log, so that files can wait. A new database is the
//! template, which never changes, and a write-ahead log in memory. All of it that was committed is in the commit log:
//! after a crash the recovery makes it of that. It gets files when it is settled, when it becomes large, and when there
//! are many like it.
//!
//! | stage | memory | commit log | files | after a crash |
//! |---|---|---|---|---|
//! | new | all of it | nothing, or the beginning of its first commit | none | there is nothing |
//! | logged | all of it | all that was committed | none; while they are made, a part of them | the log's |
//! | placed | nothing | the same until it is settled | all, not synced | the log's |
//!
//! Its files are made beside what is in memory, which counts until they are complete: an error on the way has changed
//! nothing. Those of its parent come first, so that nothing is ever found below a database that isn't there. What was
//! placed is like any other database, which the recovery brings back as it does those.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::blocks::Blocks;
use super::logged::Logged;
use super::raw::File;
use super::unmade::Held;
use crate::log::{Change, PAGE_BYTES, Pages, Room};

/// A database whose log would become longer gets its files.
const MAX_BYTES: u64 = 256 << 10;

/// A database that is in memory until it gets its files.
pub(super) struct Young {
    dir: PathBuf,
    place: String,
    logged: Weak<Logged>,
    /// What the database's own file would hold: whole pages.
    template: &'static [u8],
    /// Grows from each one to the next.
    number: u64,
    /// What all of them have in memory.
    held: Arc<Held>,
    state: Mutex<State>,
}

struct State {
    stage: Stage,
    /// What the write-ahead log's file would hold.
    wal: Blocks,
}

#[derive(Clone, Copy, PartialEq)]
enum Stage {
    /// Nothing of it is in the log.
    New,
    /// The log has what was committed.
    Logged,
    /// It has files. What is in memory means nothing.
    Placed,
    /// Its directory was removed: it never gets files.
    Gone,
}

/// What became of bytes that were to be written to memory.
#[derive(PartialEq)]
pub(super) enum Written {
    Done,
    /// They belong into its files, which it has.
    Placed,
    /// They don't fit: it needs its files first.
    NeedsFiles,
}

impl Young {
    /// A new database that begins with these bytes.
    pub fn new(logged: &Arc<Logged>, dir: &Path, template: &'static [u8]) -> Young {
        let held = logged.unmade.held.clone();
        let state = State { stage: Stage::New, wal: Blocks::default() };
        Young {
            dir: dir.to_owned(),
            place: logged.place_of(dir),
            logged: Arc::downgrade(logged),
            template,
            number: held.add_one(),
            held,
            state: Mutex::new(state),
        }
    }

    /// Where its files will be.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Its number among all of this runtime.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Whether it has files, from which everything is to be read.
    pub fn is_placed(&self) -> bool {
        self.state.lock().stage == Stage::Placed
    }

    /// Whether nothing was committed.
    pub fn is_new(&self) -> bool {
        self.state.lock().stage == Stage::New
    }

    /// How many bytes its files would have; 0 if it has them.
    pub fn bytes(&self) -> u64 {
        [File::Main, File::Wal].into_iter().filter_map(|file| self.size(file)).sum()
    }

    /// How many bytes one of its files would have. None, here and below, if it has files.
    pub fn size(&self, file: File) -> Option<u64> {
        let state = self.state.lock();
        let bytes = match file {
            File::Main => self.template.len(),
            File::Wal => state.wal.length(),
        };
        (state.stage != Stage::Placed).then_some(bytes as u64)
    }

    /// Copies what is there from an offset on; answers how many bytes that were.
    pub fn read(&self, file: File, bytes: &mut [u8], offset: u64) -> Option<usize> {
        let state = self.state.lock();
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let count = match file {
            File::Main => {
                let there = self.template.get(offset..).unwrap_or_default();
                let count = there.len().min(bytes.len());
                bytes[..count].copy_from_slice(&there[..count]);
                count
            }
            File::Wal => state.wal.read(bytes, offset),
        };
        (state.stage != Stage::Placed).then_some(count)
    }

    /// Writes bytes if they belong into memory.
    pub fn write(&self, file: File, bytes: &[u8], offset: u64) -> Written {
        let mut state = self.state.lock();
        if state.stage == Stage::Placed {
            return Written::Placed;
        }
        let end = offset + bytes.len() as u64;
        let more = end.saturating_sub(state.wal.length() as u64);
        // The template stays as it is.
        if matches!(file, File::Main) || end > MAX_BYTES || !self.held.grow(more) {
            return Written::NeedsFiles;
        }
        state.wal.write(bytes, offset as usize);
        Written::Done
    }

    /// Cuts the write-ahead log.
    pub fn truncate_wal(&self, size: u64) -> Option<()> {
        let mut state = self.state.lock();
        if state.stage == Stage::Placed {
            return None;
        }
        let less = (state.wal.length() as u64).saturating_sub(size);
        state.wal.truncate(size as usize);
        self.held.shrink(less);
        Some(())
    }

    /// Something is going to be committed: what it begins with comes first in the log, as a part of that commit.
    pub fn enter(&self, logged: &Logged, room: &mut Room) -> io::Result<()> {
        let mut state = self.state.lock();
        if state.stage == Stage::New {
            self.append(logged, &mut state, false, room)?;
        }
        Ok(())
    }

    /// For how many pages that needs room, its record included.
    pub fn new_pages(&self) -> usize {
        if self.is_new() { self.template.len() / PAGE_BYTES + 1 } else { 0 }
    }

    fn append(
        &self,
        logged: &Logged,
        state: &mut State,
        whole: bool,
        room: &mut Room,
    ) -> io::Result<()> {
        let pages: Vec<_> = (1..).zip(self.template.chunks(PAGE_BYTES)).collect();
        let size = if whole { pages.len() as u32 } else { 0 };
        let change = Change::Pages { new: true, size, pages: Pages::Given(&pages) };
        logged.log.append(&self.place, change, room)?;
        state.stage = Stage::Logged;
        Ok(())
    }

    /// Makes its files, if it may have any, after those of the databases above.
    ///
    /// # Errors
    /// Those of the files and of the log; then it stays in memory.
    pub fn make_files(&self) -> io::Result<()> {
        let logged = self.logged.upgrade().ok_or_else(|| io::Error::other("it is closed"))?;
        logged.make_above(&self.dir)?;
        let mut state = self.state.lock();
        if let Stage::Placed | Stage::Gone = state.stage {
            return Ok(());
        }
        logged.log.check()?;
        if state.stage == Stage::New {
            let mut room = logged.log.reserve(&self.place, self.template.len() / PAGE_BYTES)?;
            self.append(&logged, &mut state, true, &mut room)?;
        }
        // A file may get to the disk in part. By then the log has to have the whole of it.
        logged.log.flush(logged.log.last(&self.place).unwrap_or_default())?;
        logged.write_files(&self.dir, self.template, &state.wal.to_vec())?;
        self.end(&mut state, Stage::Placed);
        drop(state);
        logged.unmade.forget(self);
        Ok(())
    }

    /// Its directory is going to be removed.
    pub fn lose(&self) {
        let mut state = self.state.lock();
        if state.stage != Stage::Placed {
            state.stage = Stage::Gone;
        }
    }

    /// What is in memory isn't needed any more.
    fn end(&self, state: &mut State, stage: Stage) {
        self.held.shrink(state.wal.length() as u64);
        (state.stage, state.wal) = (stage, Blocks::default());
    }
}

impl Drop for Young {
    fn drop(&mut self) {
        let bytes = self.state.get_mut().wal.length() as u64;
        self.held.shrink(bytes);
        self.held.remove_one();
    }
}
