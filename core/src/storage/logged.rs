//! The databases of a data directory whose commits are durable in its commit log.
//!
//! Their own files are synced only when they are settled: then the log isn't needed for them any more. Until then
//! it has everything since they were settled last, so that their files, names and directories may be in any state.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::anchor::Anchor;
use super::backing::Backing;
use super::capture::{Capture, Left, Mark};
use super::files::{self, DATABASE, DRAFT, WAL, make_dirs};
use super::raw::File;
use super::unmade::Unmade;
use crate::log::{Change, Log, Room};
use crate::medium::Medium;

/// The file of the commit log in a data directory.
pub(super) const LOG: &str = "commit.log";

/// The commit log of a data directory, and what is known of the databases that it is for.
pub(super) struct Logged {
    pub log: Arc<Log>,
    pub medium: Arc<dyn Medium>,
    root: PathBuf,
    pub anchor: Arc<Anchor>,
    /// What isn't made yet.
    pub unmade: Unmade,
    /// Directories with names that may not be on the disk, with the moment of the last change.
    unsynced: Mutex<Unsynced>,
    /// How far the write-ahead logs of closed databases have been handed on.
    marks: Mutex<HashMap<PathBuf, Mark>>,
    /// Held by the one who settles databases.
    pub settling: Mutex<()>,
}

#[derive(Default)]
struct Unsynced {
    dirs: BTreeMap<PathBuf, u64>,
    moment: u64,
}

impl Unsynced {
    fn add(&mut self, dir: PathBuf) {
        self.moment += 1;
        self.dirs.insert(dir, self.moment);
    }
}

impl Logged {
    /// For a data directory without a log.
    pub fn new(root: &Path, medium: Arc<dyn Medium>, anchor: Arc<Anchor>) -> Logged {
        let log = Arc::new(Log::new(medium.clone(), root.join(LOG)));
        let (unmade, unsynced, marks, settling) = Default::default();
        Logged { log, medium, root: root.to_owned(), anchor, unmade, unsynced, marks, settling }
    }

    /// What the log calls a directory.
    pub fn place_of(&self, dir: &Path) -> String {
        let relative = dir.strip_prefix(&self.root).unwrap_or(dir);
        let parts: Vec<_> = relative.iter().map(|part| part.to_string_lossy()).collect();
        parts.join("/")
    }

    /// The directory that the log calls so.
    pub fn dir_of(&self, place: &str) -> PathBuf {
        self.root.join(place)
    }

    /// Hands on what the connection to the database in `dir` commits, whose write-ahead log may have something in it.
    pub fn capture(
        self: &Arc<Logged>,
        dir: &Path,
        backing: Arc<Backing>,
        has_log: bool,
    ) -> Capture {
        let (place, mark) = (self.place_of(dir), self.marks.lock().remove(dir));
        // What an earlier connection has appended may not be durable yet.
        let last = self.log.last(&place).unwrap_or_default();
        Capture::new(self.clone(), place, backing, has_log, mark, last)
    }

    /// The database in `dir` is closed.
    pub fn left(&self, dir: &Path, left: Left) {
        match left {
            Left::Nothing => {}
            Left::Moved => {
                self.marks.lock().remove(dir);
                self.unsynced.lock().add(dir.to_owned());
            }
            Left::Log(None) => {}
            Left::Log(Some(mark)) => {
                self.marks.lock().insert(dir.to_owned(), mark);
            }
        }
    }

    /// The connection of a database is closed.
    pub fn rest(&self, backing: &Arc<Backing>) {
        if backing.is_new() {
            // Nothing of it was committed, nor of what it may have below.
            self.unmade.take_back(backing);
        } else if backing.rest() {
            self.unmade.add(backing);
        } else {
            self.unmade.forget(backing);
        }
    }

    /// Writes the file of a database, of which the log has all.
    pub fn write_database(&self, dir: &Path, bytes: &[u8]) -> io::Result<()> {
        if files::is_there(dir)? {
            return Err(io::Error::other("there is a database already"));
        }
        self.make_dirs(dir)?;
        let (draft, medium) = (dir.join(DRAFT), &*self.medium);
        let write = || {
            // What belonged to another one means nothing.
            files::remove_file(medium, &dir.join(WAL))?;
            medium.create(&draft)?.write_at(bytes, 0)?;
            medium.rename(&draft, &dir.join(DATABASE))
        };
        write().inspect_err(|_| {
            // Others may need the space.
            drop(files::remove_file(medium, &draft));
        })?;
        self.unsynced.lock().add(dir.to_owned());
        Ok(())
    }

    /// Writes the file of a write-ahead log, which may be open.
    pub fn write_wal(&self, dir: &Path, bytes: &[u8]) -> io::Result<()> {
        self.anchor.look()?;
        let file = self.medium.create(&dir.join(WAL))?;
        self.unsynced.lock().add(dir.to_owned());
        file.write_at(bytes, 0).inspect_err(|_| {
            // Others may need the space, and a part of it must not be taken for all.
            if let Err(error) = file.set_size(0) {
                self.log.fail(&error);
            }
        })
    }

    /// Makes it durable that the write-ahead log is empty, as far as it has a file: what it had before must not come
    /// back once the commit log doesn't have what came after.
    pub fn sync_empty_wal(&self, dir: &Path) -> io::Result<()> {
        match self.medium.open(&dir.join(WAL)) {
            Ok(file) => file.sync(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Makes the directory of a facet, which is in the log before the facet's entry is.
    ///
    /// That of a parent without files waits. Others don't: after a crash the write-ahead log beside the parent's file
    /// may have the entry, without the commit log's having anything of it.
    pub fn add_dir(&self, dir: &Path) -> io::Result<()> {
        let (place, mut room) = self.room(dir)?;
        let above = dir.parent().and_then(|parent| self.unmade.database(parent));
        if above.is_some_and(|backing| backing.has(File::Main)) {
            // Whoever settles what the log has finds it there.
            self.unmade.add_dir(dir);
        } else if !self.make_dirs(dir)? {
            return Ok(());
        }
        self.log.append(&place, Change::Made, &mut room).map(drop)
    }

    /// Makes what isn't made yet of a directory whose database isn't open.
    pub fn make(&self, dir: &Path) -> io::Result<()> {
        match self.unmade.database(dir) {
            Some(backing) => backing.make_files(),
            None if self.unmade.has(dir) => {
                self.make_above(dir)?;
                self.unmade.make_dir(dir, || self.make_dirs(dir).map(drop))
            }
            None => Ok(()),
        }
    }

    /// Makes the file of the database that a directory is a facet's of, and of those above that.
    pub fn make_above(&self, dir: &Path) -> io::Result<()> {
        let above = dir.parent().and_then(|parent| self.unmade.database(parent));
        above.map_or(Ok(()), |backing| backing.make_file())
    }

    fn make_dirs(&self, dir: &Path) -> io::Result<bool> {
        self.anchor.look()?;
        // Whoever finds a directory has to know already that its name may not be on the disk.
        let mut unsynced = self.unsynced.lock();
        let changed = make_dirs(&*self.medium, dir)?;
        let any = !changed.is_empty();
        changed.into_iter().for_each(|dir| unsynced.add(dir));
        Ok(any)
    }

    /// What is in `dir` and below is going to be removed.
    pub fn gone(&self, dir: &Path) -> io::Result<u64> {
        let (place, mut room) = self.room(dir)?;
        self.unmade.lose(dir);
        self.marks.lock().retain(|known, _| !known.starts_with(dir));
        self.unsynced.lock().dirs.retain(|known, _| !known.starts_with(dir));
        self.log.append(&place, Change::Gone, &mut room)
    }

    /// What is in `dir` and below has been put there, and is durable there.
    pub fn placed(&self, dir: &Path) -> io::Result<u64> {
        let (place, mut room) = self.room(dir)?;
        self.sync_names([dir])?;
        self.unmade.lose(dir);
        self.marks.lock().retain(|known, _| !known.starts_with(dir));
        self.log.append(&place, Change::Placed, &mut room)
    }

    /// The place of a directory, and room for a record about it that has no pages.
    fn room(&self, dir: &Path) -> io::Result<(String, Room)> {
        self.anchor.look()?;
        let place = self.place_of(dir);
        let room = self.log.reserve(&place, 0)?;
        Ok((place, room))
    }

    /// Makes the names of directories, of what is in them and of all above durable.
    pub fn sync_names<'a>(&self, dirs: impl IntoIterator<Item = &'a Path>) -> io::Result<()> {
        let mut above: BTreeMap<PathBuf, u64> = BTreeMap::new();
        {
            let unsynced = self.unsynced.lock();
            for dir in dirs.into_iter().flat_map(Path::ancestors) {
                if let Some(moment) = unsynced.dirs.get(dir) {
                    above.insert(dir.to_owned(), *moment);
                }
            }
        }
        for dir in above.keys() {
            match self.medium.sync_dir(dir) {
                // It was removed meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    self.log.fail(&error);
                    return Err(error);
                }
                Ok(()) => {}
            }
        }
        let mut unsynced = self.unsynced.lock();
        // What has changed since stays.
        unsynced.dirs.retain(|dir, moment| above.get(dir) != Some(moment));
        Ok(())
    }
}
