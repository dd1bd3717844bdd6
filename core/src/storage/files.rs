//! The files of databases: made, copied and kept whole across crashes.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::Durability;
use super::connection::Connection;
use super::failure::Failure;
use super::raw;
use crate::medium::{Medium, System};

/// The name of a database in its directory.
pub(super) const DATABASE: &str = "data.sqlite";
/// The name of its write-ahead log, which is there while it is open, after a crash, and while it holds no more than
/// counters; in mode full where it doesn't fit into memory.
pub(super) const WAL: &str = "data.sqlite-wal";
/// The name of a rollback journal, which is there when somebody has died who used one: SQLite takes back what was half done.
pub(super) const JOURNAL: &str = "data.sqlite-journal";

/// A database on its way to that name.
pub(super) const DRAFT: &str = "data.new";

/// How much of a database is looked at before SQLite sees it.
const HEADER_BYTES: u64 = 100;

/// The first bytes of the database in `dir`, if there is one.
pub(super) fn read_header(dir: &Path) -> io::Result<Option<Vec<u8>>> {
    if !is_there(dir)? {
        return Ok(None);
    }
    let mut header = Vec::with_capacity(HEADER_BYTES as usize);
    File::open(dir.join(DATABASE))?.take(HEADER_BYTES).read_to_end(&mut header)?;
    Ok(Some(header))
}

/// Whether there is a database in `dir`. One that isn't ours alone is an error.
pub(super) fn is_there(dir: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(dir.join(DATABASE)) {
        Ok(metadata) => check_ours(&metadata).map(|()| true),
        Err(error) if is_missing(&error) => {
            // Nothing may be made where a link leads to. SQLite looks at it again if there is a database.
            match fs::symlink_metadata(dir) {
                Ok(metadata) if metadata.is_symlink() => {
                    Err(io::Error::other("its directory is a link"))
                }
                _ => Ok(false),
            }
        }
        Err(error) => Err(error),
    }
}

/// Whether the database in `dir` has a write-ahead log with something in it.
pub(super) fn has_log(dir: &Path) -> bool {
    fs::metadata(dir.join(WAL)).is_ok_and(|wal| wal.len() > 0)
}

/// Refuses links, pipes and the like, and files with a second name through which others may write.
fn check_ours(metadata: &fs::Metadata) -> io::Result<()> {
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    #[cfg(unix)]
    if std::os::unix::fs::MetadataExt::nlink(metadata) > 1 {
        return Err(io::Error::other("the file has a second name (a hard link)"));
    }
    Ok(())
}

/// Writes a new database, and makes everything durable but its own name: SQLite syncs the directory
/// with the log, which it makes there later.
pub(super) fn create(dir: &Path, bytes: &[u8], durability: Durability) -> io::Result<()> {
    let changed = make_dirs(&System, dir)?;
    write_whole(&dir.join(DATABASE), durability, |file| file.write_all(bytes))?;
    changed.iter().try_for_each(|dir| sync_dir(dir, durability))
}

/// Copies the database in `from` to `to` as it was last committed; `open` is its connection, if it is
/// open here. Answers whether there was one.
pub(super) fn copy(
    from: &Path,
    to: &Path,
    open: Option<&mut Connection>,
    durability: Durability,
) -> io::Result<bool> {
    if open.is_none() && !fs::exists(from)? {
        return Ok(false);
    }
    // A facet that has never written is a directory without a database.
    let changed = make_dirs(&System, to)?;
    let found = open.is_some() || fs::exists(from.join(DATABASE))?;
    if found {
        match open {
            Some(connection) => copy_open(connection, to, durability)?,
            None => copy_closed(from, to, durability)?,
        }
        sync_dir(to, durability)?;
    }
    changed.iter().try_for_each(|dir| sync_dir(dir, durability))?;
    Ok(found)
}

/// Removes a file if it is there.
pub(super) fn remove_file(medium: &dyn Medium, file: &Path) -> io::Result<()> {
    match medium.remove(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Whether an error says that there is no room left.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// The number of the facet whose directory has this name.
pub(super) fn facet_number(name: &OsStr) -> Option<u64> {
    name.to_str()?.parse().ok()
}

/// The directories of facets in `dir`: those whose names are numbers.
pub(super) fn facet_dirs(dir: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut dirs = Vec::new();
    for entry in entries {
        let entry = entry?;
        if let Some(number) = facet_number(&entry.file_name()) {
            dirs.push((number, entry.path()));
        }
    }
    Ok(dirs)
}

/// Removes a directory with everything in it; answers whether it was there.
pub(super) fn remove(dir: &Path) -> io::Result<bool> {
    match fs::remove_dir_all(dir) {
        Ok(()) => Ok(true),
        Err(error) if is_missing(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether an error says that there is nothing, nor a directory where it could be.
fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Copies the files of an open database through its own handles: together they hold what was last
/// committed, since what isn't has no end in the log. The database comes last: without it there is
/// nothing.
pub(super) fn copy_open(
    connection: &mut Connection,
    to: &Path,
    durability: Durability,
) -> io::Result<()> {
    for (file, name) in [(raw::File::Wal, WAL), (raw::File::Main, DATABASE)] {
        write_whole(&to.join(name), durability, |copy| {
            connection.db.read_file(file, |bytes| copy.write_all(bytes)).map_err(other)?
        })?;
    }
    Ok(())
}

pub(super) fn copy_closed(from: &Path, to: &Path, durability: Durability) -> io::Result<()> {
    for name in [WAL, DATABASE] {
        match File::open(from.join(name)) {
            Ok(mut source) => write_whole(&to.join(name), durability, |copy| {
                io::copy(&mut source, copy).map(drop)
            })?,
            Err(error) if name == WAL && error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn other(failure: Failure) -> io::Error {
    io::Error::other(failure.text())
}

/// Writes a file under another name and gives it its own when its contents are durable, so that a
/// crash leaves all of it or nothing.
fn write_whole(
    path: &Path,
    durability: Durability,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<()> {
    let draft = path.with_extension("new");
    let mut file = File::create(&draft)?;
    write(&mut file)?;
    match durability {
        // Without it a power cut could leave the name with nothing behind.
        Durability::Full | Durability::Relaxed => file.sync_all()?,
        Durability::None => {}
    }
    fs::rename(&draft, path)
}

/// Makes a directory and those above it, with names as durable as the mode promises.
pub(crate) fn make_durable_dirs(dir: &Path, durability: Durability) -> io::Result<()> {
    make_dirs(&System, dir)?.iter().try_for_each(|dir| sync_dir(dir, durability))
}

/// Makes a directory and those above it; answers the directories that have got a new entry.
pub(super) fn make_dirs(medium: &dyn Medium, dir: &Path) -> io::Result<Vec<PathBuf>> {
    let exists = |error: &io::Error| error.kind() == io::ErrorKind::AlreadyExists;
    let mut changed = match medium.create_dir(dir) {
        Ok(()) => Vec::new(),
        Err(error) if exists(&error) => return Ok(Vec::new()),
        Err(error) => {
            let (io::ErrorKind::NotFound, Some(parent)) = (error.kind(), dir.parent()) else {
                return Err(error);
            };
            let changed = make_dirs(medium, parent)?;
            match medium.create_dir(dir) {
                Err(error) if !exists(&error) => return Err(error),
                _ => changed,
            }
        }
    };
    changed.extend(dir.parent().map(Path::to_owned));
    Ok(changed)
}

/// Bytes that are left for us on the file system of a directory, which may not be made yet, if that can be told.
#[cfg(unix)]
pub(super) fn free_bytes(dir: &Path) -> Option<u64> {
    let system = dir.ancestors().find_map(|dir| rustix::fs::statvfs(dir).ok())?;
    Some(system.f_bavail.saturating_mul(system.f_frsize))
}

/// Not told by the standard library.
#[cfg(not(unix))]
pub(super) fn free_bytes(_: &Path) -> Option<u64> {
    None
}

/// Makes the names in a directory durable.
#[cfg(unix)]
pub(crate) fn sync_dir(dir: &Path, durability: Durability) -> io::Result<()> {
    match durability {
        Durability::Full => File::open(dir)?.sync_all(),
        Durability::Relaxed | Durability::None => Ok(()),
    }
}

/// Other systems make names durable with the files.
#[cfg(not(unix))]
pub(crate) fn sync_dir(_: &Path, _: Durability) -> io::Result<()> {
    Ok(())
}
