//! Databases whose files aren't made yet.
//!
//! In mode full a commit is durable once it is in the commit log, so that files can wait. A new database begins in
//! memory and gets its files when it becomes large, is settled or is closed. Until then the log has all of it that
//! was committed, and a crash leaves it to the recovery.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::logged::Logged;
use super::raw::File;
use crate::log::{Change, PAGE_BYTES, Pages, Room};

/// Beyond this many bytes a database gets its files.
const MAX_BYTES: u64 = 256 << 10;

/// A database that is in memory until it gets its files.
pub(super) struct Young {
    dir: PathBuf,
    place: String,
    logged: Weak<Logged>,
    state: Mutex<State>,
}

struct State {
    stage: Stage,
    /// What the database's own file would hold. It isn't copied before a checkpoint changes it.
    main: Cow<'static, [u8]>,
    /// The same for its write-ahead log.
    wal: Vec<u8>,
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

impl Young {
    /// A database that begins with these bytes, which are whole pages.
    pub fn new(logged: &Arc<Logged>, dir: &Path, bytes: &'static [u8]) -> Young {
        let state = State { stage: Stage::New, main: Cow::Borrowed(bytes), wal: Vec::new() };
        Young {
            dir: dir.to_owned(),
            place: logged.place_of(dir),
            logged: Arc::downgrade(logged),
            state: Mutex::new(state),
        }
    }

    /// Where its files will be.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Whether it has files, from which everything is to be read.
    pub fn is_placed(&self) -> bool {
        self.state.lock().stage == Stage::Placed
    }

    /// Whether nothing was committed.
    pub fn is_new(&self) -> bool {
        self.state.lock().stage == Stage::New
    }

    /// How many bytes its files would have.
    pub fn bytes(&self) -> u64 {
        self.state.lock().bytes()
    }

    /// How many bytes one of its files would have.
    pub fn size(&self, file: File) -> u64 {
        self.state.lock().bytes_of(file).len() as u64
    }

    /// Copies what is there from an offset on; answers how many bytes that were.
    pub fn read(&self, file: File, bytes: &mut [u8], offset: u64) -> usize {
        let state = self.state.lock();
        let there = usize::try_from(offset).ok().and_then(|at| state.bytes_of(file).get(at..));
        let there = there.unwrap_or_default();
        let count = there.len().min(bytes.len());
        bytes[..count].copy_from_slice(&there[..count]);
        count
    }

    /// Writes bytes, unless that made it too large to stay in memory. Answers whether it has.
    pub fn write(&self, file: File, bytes: &[u8], offset: u64) -> bool {
        let mut state = self.state.lock();
        let end = offset + bytes.len() as u64;
        let more = end.saturating_sub(state.bytes_of(file).len() as u64);
        if state.bytes() + more > MAX_BYTES {
            return false;
        }
        let (start, end) = (offset as usize, end as usize);
        let there = state.bytes_to_change(file);
        if there.len() < end {
            there.resize(end, 0);
        }
        there[start..end].copy_from_slice(bytes);
        true
    }

    /// Cuts one of the files.
    pub fn truncate(&self, file: File, size: u64) {
        let mut state = self.state.lock();
        if size < state.bytes_of(file).len() as u64 {
            state.bytes_to_change(file).truncate(size as usize);
        }
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
        let state = self.state.lock();
        if state.stage == Stage::New { state.main.len() / PAGE_BYTES + 1 } else { 0 }
    }

    fn append(
        &self,
        logged: &Logged,
        state: &mut State,
        whole: bool,
        room: &mut Room,
    ) -> io::Result<()> {
        let pages: Vec<_> = (1..).zip(state.main.chunks(PAGE_BYTES)).collect();
        let size = if whole { pages.len() as u32 } else { 0 };
        let change = Change::Pages { new: true, size, pages: Pages::Given(&pages) };
        logged.log.append(&self.place, change, room)?;
        state.stage = Stage::Logged;
        Ok(())
    }

    /// Makes its files, if it may have any.
    ///
    /// # Errors
    /// Those of the files and of the log; then it stays in memory.
    pub fn make_files(self: &Arc<Young>) -> io::Result<()> {
        let logged = self.logged.upgrade().ok_or_else(|| io::Error::other("it is closed"))?;
        let mut state = self.state.lock();
        if let Stage::Placed | Stage::Gone = state.stage {
            return Ok(());
        }
        logged.log.check()?;
        if state.stage == Stage::New {
            let mut room = logged.log.reserve(&self.place, state.main.len() / PAGE_BYTES)?;
            self.append(&logged, &mut state, true, &mut room)?;
        }
        // A file may get to the disk in part. By then the log has to have the whole of it.
        logged.log.flush(logged.log.last(&self.place).unwrap_or_default())?;
        logged.write_files(&self.dir, &state.main, &state.wal)?;
        (state.stage, state.main, state.wal) = (Stage::Placed, Cow::default(), Vec::new());
        drop(state);
        logged.unmade.forget(self);
        Ok(())
    }

    /// Its connection is closed, which has moved everything in the write-ahead log to the database.
    pub fn forget_wal(&self) {
        self.state.lock().wal = Vec::new();
    }

    /// Its directory is going to be removed.
    fn lose(&self) {
        let mut state = self.state.lock();
        if state.stage != Stage::Placed {
            state.stage = Stage::Gone;
        }
    }
}

impl State {
    fn bytes(&self) -> u64 {
        (self.main.len() + self.wal.len()) as u64
    }

    fn bytes_of(&self, file: File) -> &[u8] {
        match file {
            File::Main => &self.main,
            File::Wal => &self.wal,
        }
    }

    fn bytes_to_change(&mut self, file: File) -> &mut Vec<u8> {
        match file {
            File::Main => self.main.to_mut(),
            File::Wal => &mut self.wal,
        }
    }
}

/// The directories that are in the log or in memory and not yet made: those of facets, and those of databases.
#[derive(Default)]
pub(super) struct Unmade(Mutex<BTreeMap<PathBuf, Entry>>);

#[derive(Default)]
struct Entry {
    /// The log says that the directory was made.
    made: bool,
    database: Option<Arc<Young>>,
}

impl Unmade {
    /// Enters a directory that the log has.
    pub fn add_dir(&self, dir: &Path) {
        self.0.lock().entry(dir.to_owned()).or_default().made = true;
    }

    /// Enters a database.
    pub fn add(&self, young: &Arc<Young>) {
        let mut entries = self.0.lock();
        entries.entry(young.dir.clone()).or_default().database = Some(young.clone());
    }

    /// Takes out a database that was never committed.
    pub fn take_back(&self, young: &Arc<Young>) {
        let mut entries = self.0.lock();
        let Some(entry) = entries.get_mut(&young.dir).filter(|entry| entry.is(young)) else {
            return;
        };
        entry.database = None;
        if !entry.made {
            entries.remove(&young.dir);
        }
    }

    /// Takes out a database that has its files.
    fn forget(&self, young: &Arc<Young>) {
        let mut entries = self.0.lock();
        if entries.get(&young.dir).is_some_and(|entry| entry.is(young)) {
            entries.remove(&young.dir);
        }
    }

    /// Makes a directory without a database with `make`, if it is one of them. It can't be lost meanwhile: what was
    /// removed must not come back.
    pub fn make_dir(&self, dir: &Path, make: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let mut entries = self.0.lock();
        if entries.get(dir).is_some_and(|entry| entry.database.is_none()) {
            make()?;
            entries.remove(dir);
        }
        Ok(())
    }

    /// Takes out a directory with those below, which are going to be removed.
    pub fn lose(&self, dir: &Path) {
        let below = self.below(dir);
        let mut entries = self.0.lock();
        let lost: Vec<_> = below.iter().filter_map(|dir| entries.remove(dir)?.database).collect();
        drop(entries);
        // Not within the lock: one may be getting its files.
        lost.iter().for_each(|young| young.lose());
    }

    /// Whether a directory is one of them.
    pub fn has(&self, dir: &Path) -> bool {
        self.0.lock().contains_key(dir)
    }

    /// Whether a directory or one below it is among them.
    pub fn has_any(&self, dir: &Path) -> bool {
        let entries = self.0.lock();
        let first = entries.range::<Path, _>(from(dir)).next();
        first.is_some_and(|(known, _)| known.starts_with(dir))
    }

    /// The database of a directory.
    pub fn database(&self, dir: &Path) -> Option<Arc<Young>> {
        self.0.lock().get(dir)?.database.clone()
    }

    /// A directory and those below, as far as they are among them.
    pub fn below(&self, dir: &Path) -> BTreeSet<PathBuf> {
        let entries = self.0.lock();
        let below = entries.range::<Path, _>(from(dir)).map(|(known, _)| known);
        below.take_while(|known| known.starts_with(dir)).cloned().collect()
    }
}

impl Entry {
    fn is(&self, young: &Arc<Young>) -> bool {
        self.database.as_ref().is_some_and(|known| Arc::ptr_eq(known, young))
    }
}

fn from(dir: &Path) -> (Bound<&Path>, Bound<&Path>) {
    (Bound::Included(dir), Bound::Unbounded)
}
