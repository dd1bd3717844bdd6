//! Whether a data directory is still where it was opened. What is open can be removed, moved or replaced all the same;
//! what is written afterwards would be lost with the files that it goes into, or meet those of somebody else.

use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use rusqlite::ffi;

use super::failure::Failure;

/// The file that is locked as long as the directory is open, so that nothing else can get its identity.
pub(crate) const LOCK_FILE: &str = "LOCK";

/// Where much is committed it is looked for once in so many milliseconds.
const LOOK_EVERY_MS: u64 = 20;

const LOST: &str = "the data directory was removed, moved or replaced while it was open; nothing is saved any more";

/// What tells a data directory from others that may come into its place.
pub(super) struct Anchor {
    lock: PathBuf,
    /// That file, kept open: what is at its name is compared with it. None where there was no such file; then nothing is
    /// known, and nothing refused.
    file: Option<File>,
    opened: Instant,
    /// When it was looked for last, in milliseconds since then.
    looked: AtomicU64,
    is_lost: AtomicBool,
}

#[cfg(unix)]
fn are_same(a: &Metadata, b: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

/// Elsewhere what is open keeps its name.
#[cfg(not(unix))]
fn are_same(_: &Metadata, _: &Metadata) -> bool {
    true
}

impl Anchor {
    /// Of a directory whose lock is held.
    pub fn new(root: &Path) -> Anchor {
        let lock = root.join(LOCK_FILE);
        let file = File::open(&lock).ok();
        let (looked, is_lost) = Default::default();
        Anchor { lock, file, opened: Instant::now(), looked, is_lost }
    }

    /// Refuses to go on once the directory isn't there any more, as far as that is known: looks for it now and then.
    pub fn check(&self) -> io::Result<()> {
        if !self.is_lost.load(Ordering::Relaxed) {
            let now = self.opened.elapsed().as_millis() as u64;
            if now < self.looked.load(Ordering::Relaxed) + LOOK_EVERY_MS {
                return Ok(());
            }
            self.looked.store(now, Ordering::Relaxed);
        }
        self.look()
    }

    /// The same, after looking for it: for what is done by the names of files.
    pub fn look(&self) -> io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let is_gone = match fs::symlink_metadata(&self.lock) {
            Ok(found) => file.metadata().is_ok_and(|held| !are_same(&held, &found)),
            // What can't be looked at may be there.
            Err(error) => {
                matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
            }
        };
        if is_gone && !self.is_lost.swap(true, Ordering::Relaxed) {
            let root = self.lock.parent().unwrap_or(&self.lock);
            tracing::error!(path = %root.display(), "{LOST}; close the runtime");
        }
        match self.is_lost.load(Ordering::Relaxed) {
            true => Err(io::Error::other(LOST)),
            false => Ok(()),
        }
    }
}

/// What a commit fails with then: SQLite has a code for that.
pub(super) fn lost(error: &io::Error) -> Failure {
    Failure { message: error.to_string(), ..Failure::of_code(ffi::SQLITE_READONLY_DBMOVED) }
}
