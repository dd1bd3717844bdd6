//! What is in the commit log or in memory and not in the file system, and the databases that are open.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;

use super::backing::Backing;

/// What each database without a file takes beside its write-ahead log.
pub(super) const ONE_BYTES: u64 = 1 << 10;
/// What databases may have in memory before the oldest of them get files, which a thread makes until
/// they have half of it.
const CROWDED_BYTES: u64 = 8 << 20;
/// From here on whoever needs more makes the files of the database that needs it.
const MAX_BYTES: u64 = 2 * CROWDED_BYTES;

/// How much databases have in memory.
#[derive(Default)]
pub(super) struct Held {
    bytes: AtomicU64,
    crowded: AtomicBool,
    /// How many there have been, and how many of them there are.
    count: AtomicU64,
    there: AtomicU64,
}

impl Held {
    /// Takes account of one more; answers its number.
    pub fn add_one(&self) -> u64 {
        self.there.fetch_add(1, Ordering::Relaxed);
        self.count.fetch_add(1, Ordering::Relaxed)
    }

    pub fn remove_one(&self) {
        self.there.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many bytes of it each has if all have as much.
    pub fn share(&self) -> u64 {
        CROWDED_BYTES / 2 / self.there.load(Ordering::Relaxed).max(1)
    }

    /// Takes account of more, unless that is too much.
    pub fn grow(&self, bytes: u64) -> bool {
        let fits = self.bytes.load(Ordering::Relaxed) + bytes <= MAX_BYTES;
        if fits {
            self.add(bytes);
        }
        fits
    }

    pub fn shrink(&self, bytes: u64) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Takes account of more, in any case.
    pub fn add(&self, bytes: u64) {
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        if before + bytes > CROWDED_BYTES {
            self.crowded.store(true, Ordering::Relaxed);
        }
    }

    /// Whether some of them should get their files, asked once.
    pub fn take_crowded(&self) -> bool {
        self.crowded.load(Ordering::Relaxed) && self.crowded.swap(false, Ordering::Relaxed)
    }

    /// Whether they still have more than half of what they may have.
    pub fn is_above_half(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) > CROWDED_BYTES / 2
    }
}

/// The directories of facets that aren't made yet, which the log has, and those of databases that are open or have
/// something in memory.
#[derive(Default)]
pub(super) struct Unmade {
    entries: Mutex<BTreeMap<PathBuf, Entry>>,
    pub held: Arc<Held>,
}

#[derive(Default)]
struct Entry {
    /// The log says that the directory was made.
    made: bool,
    database: Option<Arc<Backing>>,
}

impl Unmade {
    /// Enters a directory that the log has.
    pub fn add_dir(&self, dir: &Path) {
        self.entries.lock().entry(dir.to_owned()).or_default().made = true;
    }

    /// Enters a database.
    pub fn add(&self, backing: &Arc<Backing>) {
        let mut entries = self.entries.lock();
        entries.entry(backing.dir().to_owned()).or_default().database = Some(backing.clone());
    }

    /// Takes out a database of which nothing was committed, with what is below it.
    pub fn take_back(&self, backing: &Backing) {
        self.lose_where(backing.dir(), |dir| dir != backing.dir());
        let mut entries = self.entries.lock();
        if let Some(entry) = entries.get_mut(backing.dir()).filter(|entry| entry.is(backing)) {
            entry.database = None;
            if !entry.made {
                entries.remove(backing.dir());
            }
        }
    }

    /// Takes out a database that has nothing in memory.
    pub fn forget(&self, backing: &Backing) {
        let mut entries = self.entries.lock();
        if entries.get(backing.dir()).is_some_and(|entry| entry.is(backing)) {
            entries.remove(backing.dir());
        }
    }

    /// Makes a directory without a database with `make`, if it is one of them. It can't be lost meanwhile: what was
    /// removed must not come back.
    pub fn make_dir(&self, dir: &Path, make: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let mut entries = self.entries.lock();
        if entries.get(dir).is_some_and(|entry| entry.database.is_none()) {
            make()?;
            entries.remove(dir);
        }
        Ok(())
    }

    /// Takes out a directory with those below, which are going to be removed.
    pub fn lose(&self, dir: &Path) {
        self.lose_where(dir, |_| true);
    }

    fn lose_where(&self, dir: &Path, goes: impl Fn(&Path) -> bool) {
        let below = self.below(dir);
        let mut entries = self.entries.lock();
        let lost = below.iter().filter(|dir| goes(dir));
        let lost: Vec<_> = lost.filter_map(|dir| entries.remove(dir)?.database).collect();
        drop(entries);
        // Not within the lock: one may be getting its files.
        lost.iter().for_each(|backing| backing.lose());
    }

    /// Whether a directory is one of them.
    pub fn has(&self, dir: &Path) -> bool {
        self.entries.lock().contains_key(dir)
    }

    /// Whether a directory or one below it is among them.
    pub fn has_any(&self, dir: &Path) -> bool {
        let entries = self.entries.lock();
        let first = entries.range::<Path, _>(from(dir)).next();
        first.is_some_and(|(known, _)| known.starts_with(dir))
    }

    /// The database of a directory.
    pub fn database(&self, dir: &Path) -> Option<Arc<Backing>> {
        self.entries.lock().get(dir)?.database.clone()
    }

    /// All databases, those first that have been there for longest.
    pub fn databases(&self) -> Vec<Arc<Backing>> {
        let entries = self.entries.lock();
        let databases = entries.values().filter_map(|entry| entry.database.clone());
        let mut databases: Vec<_> = databases.collect();
        databases.sort_by_key(|backing| backing.number());
        databases
    }

    /// A directory and those below, as far as they are among them.
    pub fn below(&self, dir: &Path) -> BTreeSet<PathBuf> {
        let entries = self.entries.lock();
        let below = entries.range::<Path, _>(from(dir)).map(|(known, _)| known);
        below.take_while(|known| known.starts_with(dir)).cloned().collect()
    }
}

impl Entry {
    fn is(&self, backing: &Backing) -> bool {
        self.database.as_ref().is_some_and(|known| std::ptr::eq(Arc::as_ptr(known), backing))
    }
}

fn from(dir: &Path) -> (Bound<&Path>, Bound<&Path>) {
    (Bound::Included(dir), Bound::Unbounded)
}
