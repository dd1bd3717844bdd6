//! Where databases are: files, or memory.

mod look;
mod meters;
mod settle;
mod transfer;

pub(crate) use look::DiskUsage;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use parking_lot::{Mutex, RwLock};

use super::anchor::{Anchor, lost};
use super::connection::Connection;
use super::failure::Failure;
use super::files::{self, DATABASE, WAL, has_log, sync_dir};
use super::format::{check_header, new_in_memory, template};
use super::gates::Gates;
use super::guard::Guard;
use super::logged::Logged;
use super::meter::Meter;
use super::raw::Database;
use super::recover::recover;
use super::rounds::Rounds;
use super::spares::Spares;
use super::state::Shared;
use super::{Durability, Storage, StorageOptions};
use crate::error::{Error, ErrorCode, Result};
use crate::medium::Medium;
use crate::process::Process;
use look::Seen;
use meters::Moves;

/// The place of every database of one runtime.
#[derive(Clone)]
pub(crate) struct Disk(Arc<Inner>);

struct Inner {
    place: Place,
    /// None in memory.
    anchor: Option<Arc<Anchor>>,
    /// The commit log, in mode full.
    logged: Option<Arc<Logged>>,
    /// The storages whose database is open, by directory: what is open can't be opened again.
    open: Mutex<HashMap<PathBuf, Weak<Shared>>>,
    gates: Gates,
    /// What the actors that have a storage have used, by directory.
    meters: Mutex<BTreeMap<PathBuf, Weak<Meter>>>,
    moves: Moves,
    /// No database is opened any more to save that.
    closed: RwLock<bool>,
    /// Makes room in the commit log.
    settler: Arc<Rounds>,
    spares: Arc<Spares>,
    process: Process,
}

impl Drop for Inner {
    fn drop(&mut self) {
        // A forked child doesn't have the threads.
        if self.process.is_current() {
            self.settler.stop();
            self.spares.stop();
        }
    }
}

enum Place {
    Files(Durability),
    /// The databases that no storage has open.
    Memory(Mutex<HashMap<PathBuf, Database>>),
}

impl Disk {
    /// Databases in files, each in a directory of its own below `root`. What a crash has left in a commit log is
    /// brought into them first.
    ///
    /// # Errors
    /// CORRUPT for a log that is damaged; STORAGE.
    pub fn files(root: &Path, durability: Durability, medium: Arc<dyn Medium>) -> Result<Disk> {
        recover(root, &*medium).map_err(|error| {
            let code = match error.kind() {
                io::ErrorKind::InvalidData => ErrorCode::Corrupt,
                _ => ErrorCode::Storage,
            };
            Error::new(code, format!("Cannot recover the data directory {root:?}: {error}"))
        })?;
        let is_full = durability == Durability::Full;
        let anchor = Arc::new(Anchor::new(root));
        let logged = is_full.then(|| Arc::new(Logged::new(root, medium, anchor.clone())));
        Ok(Disk::new(Place::Files(durability), Some(anchor), logged))
    }

    /// Databases that live as long as the `Disk`.
    pub fn memory() -> Disk {
        Disk::new(Place::Memory(Mutex::default()), None, None)
    }

    fn new(place: Place, anchor: Option<Arc<Anchor>>, logged: Option<Arc<Logged>>) -> Disk {
        let process = Process::current();
        let (open, gates, meters, moves, closed) = Default::default();
        let (settler, spares) = (Rounds::new("facetbox-settle"), Spares::new(process));
        Disk(Arc::new(Inner {
            place,
            anchor,
            logged,
            open,
            gates,
            meters,
            moves,
            closed,
            settler,
            spares,
            process,
        }))
    }

    /// The storage in directory `dir`; nothing is created before the first write.
    pub fn storage(&self, dir: PathBuf, options: StorageOptions) -> Storage {
        Storage(Arc::new(Shared::new(self.clone(), dir, options)))
    }

    /// Removes a facet's directory with everything below it.
    pub fn remove_tree(&self, dir: &Path) -> Result<()> {
        match &self.0.place {
            Place::Files(_) => self.remove_files(dir).map_err(|error| failed("delete", error)),
            Place::Memory(parked) => {
                parked.lock().retain(|path, _| !path.starts_with(dir));
                Ok(())
            }
        }
    }

    /// Copies a facet's directory with everything below it to a new place, as it was last committed
    /// (in memory: as it is). A missing source leaves the place empty.
    pub fn copy_tree(&self, from: &Path, to: &Path) -> Result<()> {
        match &self.0.place {
            Place::Files(durability) => {
                self.copy_files(from, to, *durability)?;
                self.placed(to).map(drop).map_err(|error| failed("copy", error))
            }
            Place::Memory(parked) => self.copy_memory(parked, from, to),
        }
    }

    /// How many databases are open.
    pub fn open_count(&self) -> usize {
        self.0.open.lock().len()
    }

    /// Closes what is still open and forgets what is in memory.
    pub fn close(&self) {
        for shared in self.open_storages() {
            Storage(shared).close();
        }
        *self.0.closed.write() = true;
        self.end_log();
        if let Place::Memory(parked) = &self.0.place {
            parked.lock().clear();
        }
    }

    /// Opens the database of a storage if it exists.
    pub(super) fn open(&self, shared: &Arc<Shared>) -> Result<Option<Connection>> {
        self.enter(shared, || match &self.0.place {
            Place::Files(durability) => self.open_file(shared, *durability),
            Place::Memory(parked) => {
                let db = parked.lock().remove(&shared.dir);
                db.map(|db| adopt(db, shared)).transpose()
            }
        })
    }

    /// Creates the database of a storage, which doesn't exist, and opens it.
    pub(super) fn create(&self, shared: &Arc<Shared>) -> Result<Connection> {
        let created = match (&self.0.place, &self.0.logged) {
            (Place::Files(_), Some(logged)) => {
                self.enter(shared, || self.create_backed(shared, logged).map(Some))
            }
            (Place::Files(durability), None) => {
                self.check_place().map_err(|error| failed("create", error))?;
                files::create(&shared.dir, template()?, *durability)
                    .map_err(|error| failed("create", error))?;
                self.open(shared)
            }
            (Place::Memory(parked), _) => {
                parked.lock().insert(shared.dir.clone(), new_in_memory(shared.guard())?);
                self.open(shared)
            }
        };
        let missing = || Error::new(ErrorCode::Storage, "The new database is missing.");
        created?.ok_or_else(missing)
    }

    fn enter(
        &self,
        shared: &Arc<Shared>,
        open: impl FnOnce() -> Result<Option<Connection>>,
    ) -> Result<Option<Connection>> {
        let _gate = self.0.gates.lock(&shared.dir);
        self.check_place().map_err(|error| failed("open", error))?;
        if self.0.open.lock().contains_key(&shared.dir) {
            return Err(Error::new(ErrorCode::Storage, "The object's database is still open."));
        }
        let connection = open()?;
        if connection.is_some() {
            self.0.open.lock().insert(shared.dir.clone(), Arc::downgrade(shared));
        }
        Ok(connection)
    }

    /// Refuses what is done by names once the directory isn't the one that was opened.
    fn check_place(&self) -> io::Result<()> {
        self.0.anchor.as_ref().map_or(Ok(()), |anchor| anchor.look())
    }

    /// Refuses what would be written for nobody: the directory isn't the one that was opened.
    pub(super) fn check_anchor(&self) -> Result<(), Failure> {
        self.0.anchor.as_ref().map_or(Ok(()), |anchor| anchor.check()).map_err(|error| {
            // Nothing that waits for its being durable is answered either.
            self.0.logged.iter().for_each(|logged| logged.log.fail(&error));
            lost(&error)
        })
    }

    /// Whether this process opened the databases, and not one that it was forked from.
    pub(super) fn is_ours(&self) -> bool {
        self.0.process.is_current()
    }

    /// Takes back the database of a storage that ends: closes it or keeps it in memory.
    pub(super) fn give_back(&self, shared: &Shared, connection: Connection) {
        match &self.0.place {
            Place::Files(_) => self.close_file(&shared.dir, connection),
            Place::Memory(parked) => {
                parked.lock().insert(shared.dir.clone(), connection.into_database());
            }
        }
        self.0.open.lock().remove(&shared.dir);
    }

    /// Removes the directories of facets that aren't in `known`: what a crash left behind.
    pub(super) fn sweep(&self, dir: &Path, known: &[u64]) -> Result<()> {
        let Place::Files(_) = self.0.place else {
            return Ok(());
        };
        for (number, path) in self.facets_in(dir).map_err(|error| failed("read", error))? {
            if !known.contains(&number) {
                self.remove_tree(&path)?;
            }
        }
        Ok(())
    }

    fn open_storages(&self) -> Vec<Arc<Shared>> {
        self.0.open.lock().values().filter_map(Weak::upgrade).collect()
    }

    fn copy_files(&self, from: &Path, to: &Path, durability: Durability) -> Result<()> {
        self.visit(from, |seen| {
            let open = match seen {
                Seen::Open(connection) => Some(connection),
                Seen::Closed => None,
            };
            if let Some(logged) = &self.0.logged {
                let made = open.as_ref().map_or_else(|| logged.make(from), |_| Ok(()));
                made.and_then(|()| logged.make_above(to)).map_err(|error| failed("copy", error))?;
            }
            files::copy(from, to, open, durability).map_err(|error| failed("copy", error))
        })?;
        for (number, path) in self.facets_in(from).map_err(|error| failed("copy", error))? {
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
        let mut copies = Vec::new();
        for shared in self.open_storages() {
            let Some(path) = new_path(&shared.dir) else {
                continue;
            };
            let copy = shared.with_connection(|connection| {
                connection.map(|connection| copy_database(&mut connection.db)).transpose()
            })?;
            copies.extend(copy.map(|copy| (path, copy)));
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

/// An error without the path: guests see it.
fn failed(what: &str, error: io::Error) -> Error {
    Error::new(ErrorCode::Storage, format!("Cannot {what} the object's database: {error}"))
        .of_device()
}

/// Opens a database that is in memory for a storage.
fn adopt(mut db: Database, shared: &Shared) -> Result<Connection> {
    db.set_guard(shared.guard());
    Ok(Connection::new(db, Durability::None, None, false, shared.options.storage_bytes)?)
}

/// Copies a database that is in memory.
fn copy_database(db: &mut Database) -> Result<Database> {
    let mut copy = Database::open_memory(Arc::new(Guard::idle()))?;
    db.copy_into(&mut copy)?;
    Ok(copy)
}
