//! What SQLite's files of a database are, in mode full: the file system's, or as far as that isn't needed, memory.
//!
//! A commit is durable once it is in the commit log, so that files can wait. Nobody syncs a write-ahead log,
//! and after a crash it is worth nothing: it is in memory, and gets a file only when a transaction is too large for that,
//! or when there are too many and the database is closed or in use. Otherwise it is moved to the database then. A new database is in memory, too: it is the template, which never changes. It gets
//! its file when it is settled, when its write-ahead log becomes long, and when there are many like it.
//!
//! | stage | memory | commit log | files | after a crash |
//! |---|---|---|---|---|
//! | new | all of it | nothing, or the beginning of its first commit | none | there is nothing |
//! | logged | all of it | all that was committed | none; while it is made, a part of it | the log's |
//! | filed | the write-ahead log | what was committed since it was settled | its own, not synced | the log's |
//! | placed | nothing | the same | both, not synced | the log's |
//!
//! Files are made beside what is in memory, which counts until they are complete: an error on the way has changed
//! nothing. Those of its parent come first, so that nothing is ever found below a database that isn't there. When the
//! write-ahead log of a placed database has been emptied, the next one is in memory again.

use std::ffi::{CStr, CString};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, Weak};

use parking_lot::Mutex;

use super::blocks::Blocks;
use super::failure::Failure;
use super::files::DATABASE;
use super::logged::Logged;
use super::raw::File;
use super::unmade::{Held, ONE_BYTES};
use crate::log::{Change, PAGE_BYTES, Pages, Room};

/// A write-ahead log that would become longer gets a file.
const MAX_BYTES: u64 = 256 << 10;
/// How many pages it has at most when they are moved to the database: less than that, so that most transactions fit.
const MOVED_PAGES: u32 = 48;
/// And at least, however little memory there is.
const MIN_PAGES: u32 = 4;

/// What stands for the two files of one database.
pub(super) struct Backing {
    /// Set before anything is written.
    home: OnceLock<Home>,
    logged: Weak<Logged>,
    /// What the file of one that is in memory would hold: whole pages.
    template: &'static [u8],
    /// Grows from each one to the next.
    number: u64,
    /// What all of them have in memory.
    held: Arc<Held>,
    state: Mutex<State>,
}

/// Where a database is.
struct Home {
    dir: PathBuf,
    place: String,
    /// The names of its files, in the order of [`Name`].
    names: [CString; 3],
}

/// What SQLite makes names from that of a database for.
#[derive(Clone, Copy)]
pub(super) enum Name {
    Database,
    Wal,
    Journal,
}

impl Name {
    pub const ALL: [Name; 3] = [Name::Database, Name::Wal, Name::Journal];

    /// What it adds.
    pub fn suffix(self) -> &'static str {
        match self {
            Name::Database => "",
            Name::Wal => "-wal",
            Name::Journal => "-journal",
        }
    }
}

impl Home {
    fn new(logged: &Logged, dir: &Path) -> Result<Home, Failure> {
        let path = dir.join(DATABASE);
        let name = |name: Name| CString::new(format!("{}{}", path.to_str()?, name.suffix())).ok();
        let [Some(database), Some(wal), Some(journal)] = Name::ALL.map(name) else {
            return Err(Failure::plain("the path of the database is not valid UTF-8"));
        };
        let (dir, place) = (dir.to_owned(), logged.place_of(dir));
        Ok(Home { dir, place, names: [database, wal, journal] })
    }
}

struct State {
    stage: Stage,
    /// Its directory was removed: it never gets files.
    is_gone: bool,
    /// A storage has it open.
    is_open: bool,
    /// The write-ahead log may have a file, be it an empty one.
    has_wal_file: bool,
    /// What the write-ahead log's file would hold.
    wal: Blocks,
}

#[derive(Clone, Copy, PartialEq)]
enum Stage {
    /// Nothing of it is in the log.
    New,
    /// The log has what was committed.
    Logged,
    /// It has a file, and its write-ahead log has none that means anything.
    Filed,
    /// Both have.
    Placed,
}

/// What became of bytes that were to be written to memory.
#[derive(PartialEq)]
pub(super) enum Written {
    Done,
    /// They belong into a file, which is there.
    Placed,
    /// They don't fit: a file is needed first.
    NeedsFiles,
}

impl State {
    /// Whether a file's contents are in memory.
    fn has(&self, file: File) -> bool {
        match file {
            File::Main => !self.has_file(),
            File::Wal => self.stage != Stage::Placed,
        }
    }

    fn has_file(&self) -> bool {
        matches!(self.stage, Stage::Filed | Stage::Placed)
    }
}

impl Backing {
    /// A new database that begins with these bytes, and has no directory yet.
    pub fn new(logged: &Arc<Logged>, template: &'static [u8]) -> Backing {
        Backing::begin(logged, template, Stage::New)
    }

    /// One that has a file, and perhaps a write-ahead log with something in it.
    ///
    /// # Errors
    /// The directory's name can't be one of SQLite's.
    pub fn existing(logged: &Arc<Logged>, dir: &Path, has_log: bool) -> Result<Backing, Failure> {
        let stage = if has_log { Stage::Placed } else { Stage::Filed };
        let backing = Backing::begin(logged, &[], stage);
        backing.settle_in(logged, dir)?;
        Ok(backing)
    }

    fn begin(logged: &Arc<Logged>, template: &'static [u8], stage: Stage) -> Backing {
        let held = logged.unmade.held.clone();
        if stage == Stage::New {
            held.add(ONE_BYTES);
        }
        let has_wal_file = stage == Stage::Placed;
        let (is_gone, is_open, wal) = Default::default();
        let state = State { stage, is_gone, is_open, has_wal_file, wal };
        Backing {
            home: OnceLock::new(),
            logged: Arc::downgrade(logged),
            template,
            number: held.add_one(),
            held,
            state: Mutex::new(state),
        }
    }

    /// Gives it its directory, once.
    ///
    /// # Errors
    /// As [`Backing::existing`].
    pub fn settle_in(&self, logged: &Logged, dir: &Path) -> Result<(), Failure> {
        let home = Home::new(logged, dir)?;
        self.home.set(home).map_err(|_| Failure::plain("a database has two directories"))
    }

    fn home(&self) -> io::Result<&Home> {
        self.home.get().ok_or_else(|| io::Error::other("the database has no directory yet"))
    }

    /// A storage has it open from now on.
    pub fn note_open(&self) {
        self.state.lock().is_open = true;
    }

    /// No storage has it open any more. Answers whether something of it is in memory.
    pub fn rest(&self) -> bool {
        let mut state = self.state.lock();
        state.is_open = false;
        let is_empty = state.stage == Stage::Filed && state.wal.length() == 0;
        !state.is_gone && state.has(File::Wal) && !is_empty
    }

    /// Where its files will be.
    pub fn dir(&self) -> &Path {
        &self.home().expect("who asks has given it one").dir
    }

    /// What a file of it is called in the file system. None as long as it has no directory.
    pub fn name(&self, name: Name) -> Option<&CStr> {
        self.home.get().map(|home| home.names[name as usize].as_c_str())
    }

    /// Its number among all of this runtime.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Whether what a file would hold is in memory.
    pub fn has(&self, file: File) -> bool {
        self.state.lock().has(file)
    }

    /// Whether the write-ahead log may have a file, be it an empty one.
    pub fn has_wal_file(&self) -> bool {
        self.state.lock().has_wal_file
    }

    /// Whether nothing was committed.
    pub fn is_new(&self) -> bool {
        let state = self.state.lock();
        state.stage == Stage::New && !state.is_gone
    }

    /// Whether a write-ahead log of so many pages is to be moved to the database.
    pub fn is_long(&self, pages: u32) -> bool {
        let state = self.state.lock();
        // Others need the memory, too.
        let is_crowding = state.stage == Stage::Filed
            && self.held.is_above_half()
            && state.wal.bytes() as u64 >= self.held.share();
        pages >= if is_crowding { MIN_PAGES } else { MOVED_PAGES }
    }

    /// How many bytes it has in memory.
    pub fn bytes(&self) -> u64 {
        [File::Main, File::Wal].into_iter().filter_map(|file| self.size(file)).sum()
    }

    /// How many bytes one of its files would have. None, here and below, if it is in the file system.
    pub fn size(&self, file: File) -> Option<u64> {
        let state = self.state.lock();
        let bytes = match file {
            File::Main => self.template.len(),
            File::Wal => state.wal.length(),
        };
        state.has(file).then_some(bytes as u64)
    }

    /// Copies what is there from an offset on; answers how many bytes that were.
    pub fn read(&self, file: File, bytes: &mut [u8], offset: u64) -> Option<usize> {
        let state = self.state.lock();
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        state.has(file).then(|| match file {
            File::Main => {
                let there = self.template.get(offset..).unwrap_or_default();
                let count = there.len().min(bytes.len());
                bytes[..count].copy_from_slice(&there[..count]);
                count
            }
            File::Wal => state.wal.read(bytes, offset),
        })
    }

    /// Writes bytes if they belong into memory.
    pub fn write(&self, file: File, bytes: &[u8], offset: u64) -> Written {
        let mut state = self.state.lock();
        if !state.has(file) {
            return Written::Placed;
        }
        let end = offset + bytes.len() as u64;
        let more = (end as usize).saturating_sub(state.wal.length()).max(bytes.len());
        let most = Blocks::growth(more) as u64;
        // The template stays as it is.
        if matches!(file, File::Main) || end > MAX_BYTES || !self.held.grow(most) {
            return Written::NeedsFiles;
        }
        let before = state.wal.bytes();
        state.wal.write(bytes, offset as usize);
        self.held.shrink(most - (state.wal.bytes() - before) as u64);
        Written::Done
    }

    /// Cuts the write-ahead log.
    pub fn truncate_wal(&self, size: u64) -> Option<()> {
        let mut state = self.state.lock();
        if !state.has(File::Wal) {
            return None;
        }
        let before = state.wal.bytes();
        state.wal.truncate(size as usize);
        self.held.shrink((before - state.wal.bytes()) as u64);
        Some(())
    }

    /// The file of the write-ahead log has been emptied: what comes next is in memory.
    pub fn note_empty_wal(&self) {
        let mut state = self.state.lock();
        if state.stage == Stage::Placed {
            state.stage = Stage::Filed;
        }
    }

    /// Something is going to be committed: what it begins with comes first in the log, as a part of that commit.
    pub fn enter(&self, logged: &Logged, room: &mut Room) -> io::Result<()> {
        let mut state = self.state.lock();
        if state.stage == Stage::New && !state.is_gone {
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
        logged.log.append(&self.home()?.place, change, room)?;
        state.stage = Stage::Logged;
        Ok(())
    }

    /// Makes its own file, if it may have any, after those of the databases above.
    ///
    /// # Errors
    /// Those of the files and of the log; then it stays in memory.
    pub fn make_file(&self) -> io::Result<()> {
        self.make(|_, _| Ok(()))
    }

    /// Makes both of its files, like [`Backing::make_file`].
    ///
    /// # Errors
    /// As there.
    pub fn make_files(&self) -> io::Result<()> {
        self.make(|logged, state| {
            if state.is_gone || state.stage == Stage::Placed {
                return Ok(());
            }
            logged.write_wal(self.dir(), &state.wal.to_vec())?;
            self.held.shrink(state.wal.bytes() as u64);
            (state.stage, state.wal) = (Stage::Placed, Blocks::default());
            state.has_wal_file = true;
            if !state.is_open {
                logged.unmade.forget(self);
            }
            Ok(())
        })
    }

    fn make(&self, then: impl FnOnce(&Logged, &mut State) -> io::Result<()>) -> io::Result<()> {
        let logged = self.logged.upgrade().ok_or_else(|| io::Error::other("it is closed"))?;
        let Home { dir, place, .. } = self.home()?;
        if self.has(File::Main) {
            logged.make_above(dir)?;
        }
        let mut state = self.state.lock();
        if !state.is_gone && !state.has_file() {
            logged.log.check()?;
            if state.stage == Stage::New {
                let mut room = logged.log.reserve(place, self.template.len() / PAGE_BYTES)?;
                self.append(&logged, &mut state, true, &mut room)?;
            }
            // It may get to the disk in part. By then the log has to have the whole of it.
            logged.log.flush(logged.log.last(place).unwrap_or_default())?;
            logged.write_database(dir, self.template)?;
            state.stage = Stage::Filed;
            self.held.shrink(ONE_BYTES);
        }
        then(&logged, &mut state)
    }

    /// Its directory is going to be removed.
    pub fn lose(&self) {
        self.state.lock().is_gone = true;
    }
}

impl Drop for Backing {
    fn drop(&mut self) {
        let state = self.state.get_mut();
        let own = if state.has_file() { 0 } else { ONE_BYTES };
        self.held.shrink(own + state.wal.bytes() as u64);
        self.held.remove_one();
    }
}
