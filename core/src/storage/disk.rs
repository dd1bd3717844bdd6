//! Where databases are: files, or memory.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::connection::{Connection, check_header, new_in_memory, template};
use super::guard::Guard;
use super::raw::{self, Database};
use super::{Durability, Shared, Storage, StorageOptions};
use crate::error::{Error, ErrorCode, Result};

/// The name of a database in its directory.
const FILE: &str = "data.sqlite";
const WAL: &str = "data.sqlite-wal";

/// The place of every database of one runtime.
#[derive(Clone)]
pub(crate) struct Disk(Arc<Inner>);

struct Inner {
    place: Place,
    /// The storages whose database is open, by directory: a file that is open can't be opened again.
    open: Mutex<HashMap<PathBuf, Weak<Shared>>>,
}

enum Place {
    Files(Durability),
    /// The databases that no storage has open.
    Memory(Mutex<HashMap<PathBuf, Database>>),
}

impl Disk {
    /// Databases in files, each in a directory of its own.
    pub fn files(durability: Durability) -> Disk {
        Disk::new(Place::Files(durability))
    }

    /// Databases that live as long as the `Disk`.
    pub fn memory() -> Disk {
        Disk::new(Place::Memory(Mutex::default()))
    }

    fn new(place: Place) -> Disk {
        Disk(Arc::new(Inner { place, open: Mutex::default() }))
    }

    /// The storage in directory `dir`; nothing is created before the first write.
    pub fn storage(&self, dir: PathBuf, options: StorageOptions) -> Storage {
        Storage(Arc::new(Shared::new(self.clone(), dir, options)))
    }

    /// Removes a facet's directory with everything below it.
    pub fn remove_tree(&self, dir: &Path) -> Result<()> {
        match &self.0.place {
            Place::Memory(parked) => {
                parked.lock().retain(|path, _| !path.starts_with(dir));
                Ok(())
            }
            Place::Files(_) => match fs::remove_dir_all(dir) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    Err(failed("delete", error))
                }
                _ => Ok(()),
            },
        }
    }

    /// Copies a facet's directory with everything below it to a new place, as it was last committed
    /// (in memory: as it is). A missing source leaves the place empty.
    pub fn copy_tree(&self, from: &Path, to: &Path) -> Result<()> {
        match &self.0.place {
            Place::Files(durability) => self.copy_files(from, to, *durability),
            Place::Memory(parked) => self.copy_memory(parked, from, to),
        }
    }

    /// Closes what is still open and forgets what is in memory.
    pub fn close(&self) {
        let open: Vec<_> = self.0.open.lock().values().filter_map(Weak::upgrade).collect();
        for shared in open {
            Storage(shared).close();
        }
        if let Place::Memory(parked) = &self.0.place {
            parked.lock().clear();
        }
    }

    /// Opens the database of a storage if it exists.
    pub(super) fn open(&self, shared: &Arc<Shared>) -> Result<Option<Connection>> {
        let connection = match &self.0.place {
            Place::Memory(parked) => match parked.lock().remove(&shared.dir) {
                Some(mut db) => {
                    db.set_guard(shared.guard());
                    Some(Connection::new(db, Durability::None, shared.options.storage_bytes)?)
                }
                None => None,
            },
            Place::Files(durability) => open_file(shared, *durability)?,
        };
        if connection.is_some() {
            self.0.open.lock().insert(shared.dir.clone(), Arc::downgrade(shared));
        }
        Ok(connection)
    }

    /// Creates the database of a storage, which doesn't exist, and opens it.
    pub(super) fn create(&self, shared: &Arc<Shared>) -> Result<Connection> {
        match &self.0.place {
            Place::Memory(parked) => {
                parked.lock().insert(shared.dir.clone(), new_in_memory(shared.guard())?);
            }
            Place::Files(durability) => create_file(&shared.dir, *durability)
                .map_err(|error| failed("create", error))?,
        }
        let missing = || Error::new(ErrorCode::Storage, "The new database is missing.");
        self.open(shared)?.ok_or_else(missing)
    }

    /// Takes back the database of a storage that ends: closes it or keeps it in memory.
    pub(super) fn give_back(&self, shared: &Shared, connection: Connection) {
        let mut open = self.0.open.lock();
        match &self.0.place {
            Place::Memory(parked) => {
                parked.lock().insert(shared.dir.clone(), connection.into_database());
            }
            Place::Files(_) => drop(connection),
        }
        let ours = |known: &Weak<Shared>| std::ptr::eq(known.as_ptr(), shared);
        if open.get(&shared.dir).is_some_and(ours) {
            open.remove(&shared.dir);
        }
    }

    /// Removes the directories of facets that aren't in `known`: what a crash left behind.
    pub(super) fn sweep(&self, dir: &Path, known: &[u64]) -> Result<()> {
        let Place::Files(_) = self.0.place else { return Ok(()) };
        for (path, number) in facet_dirs(dir).map_err(|error| failed("read", error))? {
            if !known.contains(&number) {
                self.remove_tree(&path)?;
            }
        }
        Ok(())
    }

    fn copy_files(&self, from: &Path, to: &Path, durability: Durability) -> Result<()> {
        let storage = |error| failed("copy", error);
        match fs::exists(from.join(FILE)) {
            Ok(true) => {
                make_dirs(to, durability).map_err(storage)?;
                let open = self.0.open.lock().get(from).and_then(Weak::upgrade);
                let copied = match open {
                    Some(shared) => shared.with_open(|connection| copy_open(connection, to, durability))?,
                    None => None,
                };
                if copied.is_none() {
                    copy_closed(from, to, durability).map_err(storage)?;
                }
            }
            Ok(false) => {}
            Err(error) => return Err(storage(error)),
        }
        for (path, number) in facet_dirs(from).map_err(storage)? {
            self.copy_files(&path, &to.join(number.to_string()), durability)?;
        }
        Ok(())
    }

    fn copy_memory(
        &self,
        parked: &Mutex<HashMap<PathBuf, Database>>,
        from: &Path,
        to: &Path,
    ) -> Result<()> {
        let new_path = |path: &Path| path.strip_prefix(from).map(|rest| to.join(rest)).ok();
        let open: Vec<_> = self.0.open.lock().values().filter_map(Weak::upgrade).collect();
        let mut copies = Vec::new();
        for shared in open {
            let Some(path) = new_path(&shared.dir) else { continue };
            if let Some(copy) = shared.with_open(|connection| copy_database(&mut connection.db))? {
                copies.push((path, copy));
            }
        }
        let mut parked = parked.lock();
        for (path, db) in parked.iter_mut() {
            if let Some(path) = new_path(path) {
                copies.push((path, copy_database(db)?));
            }
        }
        parked.extend(copies);
        Ok(())
    }
}

fn failed(what: &str, error: io::Error) -> Error {
    // Without the path: guests see this error.
    Error::new(ErrorCode::Storage, format!("Cannot {what} the object's database: {error}"))
}

fn open_file(shared: &Shared, durability: Durability) -> Result<Option<Connection>> {
    let path = shared.dir.join(FILE);
    let mut header = Vec::new();
    match File::open(&path).and_then(|file| file.take(100).read_to_end(&mut header)) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("open", error)),
    }
    check_header(&header)?;
    let db = Database::open_file(&path, shared.guard())?;
    Ok(Some(Connection::new(db, durability, shared.options.storage_bytes)?))
}

/// Writes a new database under another name first, so that a crash leaves all of it or nothing.
fn create_file(dir: &Path, durability: Durability) -> io::Result<()> {
    make_dirs(dir, durability)?;
    let bytes = template().map_err(|error| io::Error::other(error.message().to_owned()))?;
    write_whole(&dir.join(FILE), durability, |file| file.write_all(bytes))?;
    // The log's creation makes the new name durable too: SQLite syncs the directory then.
    Ok(())
}

/// Writes a file under another name and gives it its own when it is complete.
fn write_whole(
    path: &Path,
    durability: Durability,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<()> {
    let draft = path.with_extension("new");
    let mut file = File::create(&draft)?;
    write(&mut file)?;
    sync(&file, durability)?;
    fs::rename(&draft, path)
}

fn sync(file: &File, durability: Durability) -> io::Result<()> {
    match durability {
        Durability::Full | Durability::Relaxed => file.sync_all(),
        Durability::None => Ok(()),
    }
}

#[cfg(unix)]
fn sync_dir(dir: &Path, durability: Durability) -> io::Result<()> {
    match durability {
        Durability::Full => File::open(dir)?.sync_all(),
        Durability::Relaxed | Durability::None => Ok(()),
    }
}

/// Other systems make names durable with the files.
#[cfg(not(unix))]
fn sync_dir(_: &Path, _: Durability) -> io::Result<()> {
    Ok(())
}

/// Makes a directory and those above it, and their names durable.
fn make_dirs(dir: &Path, durability: Durability) -> io::Result<()> {
    match fs::create_dir(dir) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let Some(parent) = dir.parent() else { return Err(error) };
            make_dirs(parent, durability)?;
            match fs::create_dir(dir) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
        }
        Err(error) => return Err(error),
    }
    match dir.parent() {
        Some(parent) => sync_dir(parent, durability),
        None => Ok(()),
    }
}

/// The directories of facets in `dir`: those whose names are numbers.
fn facet_dirs(dir: &Path) -> io::Result<Vec<(PathBuf, u64)>> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut dirs = Vec::new();
    for entry in entries {
        let entry = entry?;
        if let Some(number) = entry.file_name().to_str().and_then(|name| name.parse().ok()) {
            dirs.push((entry.path(), number));
        }
    }
    Ok(dirs)
}

/// Copies the files of a database that is open here: together they hold what was last committed.
fn copy_open(connection: &mut Connection, to: &Path, durability: Durability) -> Result<()> {
    for (file, name) in [(raw::File::Wal, WAL), (raw::File::Main, FILE)] {
        let mut outcome = Ok(());
        write_whole(&to.join(name), durability, |copy| {
            match connection.db.read_file(file, |bytes| copy.write_all(bytes)) {
                Ok(written) => written,
                Err(failure) => {
                    outcome = Err(failure);
                    Ok(())
                }
            }
        })
        .map_err(|error| failed("copy", error))?;
        outcome?;
    }
    sync_dir(to, durability).map_err(|error| failed("copy", error))
}

/// Copies the files of a database that isn't open.
fn copy_closed(from: &Path, to: &Path, durability: Durability) -> io::Result<()> {
    // The database comes last: without it there is nothing.
    for name in [WAL, FILE] {
        match File::open(from.join(name)) {
            Ok(mut source) => write_whole(&to.join(name), durability, |copy| {
                io::copy(&mut source, copy).map(|_| ())
            })?,
            Err(error) if name == WAL && error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    sync_dir(to, durability)
}

/// Copies a database that is in memory.
fn copy_database(db: &mut Database) -> Result<Database> {
    let mut copy = Database::open_memory(Arc::new(Guard::new(Arc::default())))?;
    db.copy_into(&mut copy)?;
    Ok(copy)
}
