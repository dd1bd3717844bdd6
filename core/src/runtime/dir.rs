//! The data directory: made or recognised, locked, and freed of what a crash has left.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorCode, Result};
use crate::storage::{Durability, LOCK_FILE, make_durable_dirs, sync_dir};

const FORMAT_FILE: &str = "FORMAT";

/// The version of the directory's layout.
const FORMAT: &str = "facetbox 3\n";
/// Those before: without a commit log, and with one that has zeros of pages. As long as there is none, nothing else
/// differs.
const FORMATS_BEFORE: [&str; 2] = ["facetbox 1\n", "facetbox 2\n"];

/// FORMAT until it is complete: what a crash in that moment leaves.
const DRAFT: &str = "LOCK.format";
/// What comes or goes as a whole is here while it isn't all there.
const SCRATCH: &str = "tmp";

/// Removes what a crash has left half done.
pub(super) fn empty_scratch(root: &Path) {
    match fs::remove_dir_all(root.join(SCRATCH)) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            tracing::warn!(%error, "temporary files of an earlier run stay");
        }
        _ => {}
    }
}

/// Makes the directory in which things come or go, if it is missing.
pub(super) fn make_scratch(root: &Path) -> Result<PathBuf> {
    let dir = root.join(SCRATCH);
    match fs::create_dir(&dir) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(Error::new(
            ErrorCode::Storage,
            format!("Cannot create the directory {dir:?}: {error}"),
        )),
        _ => Ok(dir),
    }
}

/// Makes or recognises a data directory and takes its lock. Answers its absolute path and the lock.
pub(super) fn open(path: &Path, durability: Durability) -> Result<(PathBuf, File)> {
    // Once in the life of a directory: without FORMAT, or its own name, everything in it is lost.
    let durability = if durability == Durability::None { durability } else { Durability::Full };
    let root = std::path::absolute(path)
        .and_then(|path| make_durable_dirs(&path, durability))
        .map_err(|e| failed("create", path, &e))
        .and_then(|()| path.canonicalize().map_err(|e| failed("open", path, &e)))?;
    let current = recognise(path, &root)?;
    let lock = lock(path, &root)?;
    if !current {
        write_format(&root, durability).map_err(|e| failed("write", path, &e))?;
    }
    Ok((root, lock))
}

/// Refuses what isn't ours or is newer; answers whether it has the format of this version already.
fn recognise(path: &Path, root: &Path) -> Result<bool> {
    match fs::read_to_string(root.join(FORMAT_FILE)) {
        Ok(text) if text == FORMAT => Ok(true),
        Ok(text) if FORMATS_BEFORE.contains(&text.as_str()) => Ok(false),
        Ok(text) => {
            let message = format!(
                "{path:?} was written by another version of Facetbox or is not a Facetbox data directory: its FORMAT is {:?}, this version knows {:?}.",
                text.trim(),
                FORMAT.trim()
            );
            Err(Error::new(ErrorCode::Corrupt, message))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let ours = |name: &OsStr| name == LOCK_FILE || name == DRAFT;
            let entries = fs::read_dir(root).map_err(|e| failed("read", path, &e))?;
            match entries.flatten().find(|entry| !ours(&entry.file_name())) {
                Some(foreign) => {
                    let message = format!(
                        "{path:?} is not a Facetbox data directory: it has no FORMAT file but contains {:?}.",
                        foreign.file_name()
                    );
                    Err(Error::new(ErrorCode::Corrupt, message))
                }
                None => Ok(false),
            }
        }
        Err(error) => Err(failed("read", path, &error)),
    }
}

/// Takes the lock of the directory, and writes into its file who has it.
fn lock(path: &Path, root: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).read(true).write(true);
    let mut lock = options.open(root.join(LOCK_FILE)).map_err(|e| failed("lock", path, &e))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let _ = lock.read_to_string(&mut holder);
            let holder = holder.trim();
            let mut message = format!("The data directory {path:?} is in use by process {holder}.");
            if holder == std::process::id().to_string() {
                message.push_str(" That is this one: close the runtime that has it open.");
            }
            return Err(Error::new(ErrorCode::InUse, message));
        }
        Err(TryLockError::Error(error)) => return Err(failed("lock", path, &error)),
    }
    let mut write_pid = || {
        lock.set_len(0)?;
        lock.rewind()?;
        writeln!(lock, "{}", std::process::id())
    };
    write_pid().map_err(|e| failed("lock", path, &e))?;
    Ok(lock)
}

/// Written whole under another name, so that a crash leaves either nothing or the file.
fn write_format(root: &Path, durability: Durability) -> io::Result<()> {
    let draft = root.join(DRAFT);
    let mut file = File::create(&draft)?;
    file.write_all(FORMAT.as_bytes())?;
    file.sync_all()?;
    fs::rename(&draft, root.join(FORMAT_FILE))?;
    sync_dir(root, durability)
}

fn failed(what: &str, path: &Path, error: &io::Error) -> Error {
    Error::new(ErrorCode::Storage, format!("Cannot {what} the data directory {path:?}: {error}"))
}
