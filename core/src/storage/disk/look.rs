//! Looking at databases from outside their actors, and listing them.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::ffi;

use super::*;
use crate::storage::backing::Backing;
use crate::storage::connection::execute;
use crate::storage::inspect::{self, Inspection};
use crate::storage::meter::{Amounts, sum};
use crate::storage::query::{self, QueryRows};
use crate::value::Value;

/// What databases take, and what their actors have used.
#[derive(Default)]
pub(crate) struct DiskUsage {
    pub bytes: u64,
    pub facets: u64,
    pub used: Amounts,
}

/// A database that is being looked at.
pub(super) enum Seen<'a> {
    /// A storage has it open. Its lock is held.
    Open(&'a mut Connection),
    /// No storage has it open, nor can one open it meanwhile.
    Closed,
}

impl Disk {
    /// Shows the state of the database in `dir` to `body`, which must not wait for a storage.
    pub(super) fn visit<T>(
        &self,
        dir: &Path,
        body: impl FnOnce(Seen<'_>) -> Result<T>,
    ) -> Result<T> {
        loop {
            let gate = self.0.gates.lock(dir);
            let open = self.0.open.lock().get(dir).cloned();
            let Some(open) = open else { return body(Seen::Closed) };
            drop(gate);
            if let Some(shared) = open.upgrade() {
                let mut state = shared.state.lock();
                if let Some(connection) = state.connection(false) {
                    // What others see of it doesn't go again.
                    connection.flush()?;
                    return body(Seen::Open(connection));
                }
            }
            // It is being closed.
            std::thread::yield_now();
        }
    }

    /// Shows the database in `dir` to `body`, if there is one.
    pub(super) fn look<T>(
        &self,
        dir: &Path,
        body: impl FnOnce(&mut Database) -> Result<T>,
    ) -> Result<Option<T>> {
        self.visit(dir, |seen| match (seen, &self.0.place) {
            (Seen::Open(connection), _) => body(&mut connection.db).map(Some),
            (Seen::Closed, Place::Memory(parked)) => {
                parked.lock().get_mut(dir).map(body).transpose()
            }
            (Seen::Closed, Place::Files(_)) => {
                self.open_closed(dir)?.as_mut().map(body).transpose()
            }
        })
    }

    /// Whether there is a database in `dir`.
    pub fn exists(&self, dir: &Path) -> Result<bool> {
        match &self.0.place {
            Place::Files(_) => {
                let is_known = self.backing(dir).is_some();
                let exists = if is_known { Ok(true) } else { fs::exists(dir.join(DATABASE)) };
                exists.map_err(|error| failed("look for", error))
            }
            Place::Memory(_) => Ok(self.look(dir, |_| Ok(()))?.is_some()),
        }
    }

    /// The name of the object in `dir`, as far as it can be read.
    pub fn name_of(&self, dir: &Path) -> Option<String> {
        self.look(dir, |db| Ok(inspect::name(db)?)).ok().flatten().flatten()
    }

    /// The number of a facet of the database in `dir`.
    pub fn facet_number(&self, dir: &Path, name: &str) -> Result<Option<u64>> {
        let facets = self.look(dir, |db| Ok(inspect::facets(db)?))?.unwrap_or_default();
        Ok(facets.into_iter().find(|(known, _)| known == name).map(|(_, number)| number))
    }

    /// When the alarm of the database in `dir` is due.
    pub fn due(&self, dir: &Path) -> Result<Option<i64>> {
        Ok(self.look(dir, |db| Ok(inspect::due(db)?))?.flatten())
    }

    /// Checks the database in `dir`.
    pub fn inspect(&self, dir: &Path) -> Result<Option<Inspection>> {
        self.look(dir, inspect::inspect)
    }

    /// Runs an operator's query on the database in `dir`.
    pub fn query(&self, dir: &Path, sql: &str, bindings: &[Value]) -> Result<Option<QueryRows>> {
        self.look(dir, |db| query::query(db, sql, bindings))
    }

    /// What the databases in `dir` and below take, and what their actors have used.
    pub fn usage(&self, dir: &Path) -> Result<DiskUsage> {
        self.steadily(|| self.usage_now(dir))
    }

    /// The same at this moment, while some of that may move.
    pub(crate) fn usage_now(&self, dir: &Path) -> Result<DiskUsage> {
        let mut usage = DiskUsage::default();
        match &self.0.place {
            Place::Files(_) => self.add_usage(dir, &mut usage)?,
            Place::Memory(_) => {
                for dir in self.in_memory(dir) {
                    let used =
                        self.look(&dir, |db| Ok((inspect::size(db)?, inspect::facets(db)?.len())))?;
                    let (bytes, facets) = used.unwrap_or_default();
                    usage.bytes += bytes;
                    usage.facets += facets as u64;
                    usage.used = sum(usage.used, self.used(&dir)?);
                }
            }
        }
        Ok(usage)
    }

    fn add_usage(&self, dir: &Path, usage: &mut DiskUsage) -> Result<()> {
        let measured = |error| failed("measure", error);
        usage.bytes += self.backing(dir).map_or(0, |backing| backing.bytes());
        for name in [DATABASE, WAL] {
            match fs::metadata(dir.join(name)) {
                Ok(metadata) => usage.bytes += metadata.len(),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(measured(error)),
            }
        }
        usage.used = sum(usage.used, self.used(dir)?);
        for facet in self.facets_in(dir).map_err(measured)?.values() {
            usage.facets += 1;
            self.add_usage(facet, usage)?;
        }
        Ok(())
    }

    /// What the actor in `dir` has used, saved or not.
    fn used(&self, dir: &Path) -> Result<Amounts> {
        let used = self.look(dir, |db| Ok(sum(inspect::usage(db)?, self.unsaved(dir))))?;
        Ok(used.unwrap_or_else(|| self.unsaved(dir)))
    }

    /// The directories two levels below `base` that have a database, in order of their path; at most
    /// `limit` of those after `after`.
    pub fn objects(&self, base: &Path, after: Option<&Path>, limit: usize) -> Result<Vec<PathBuf>> {
        let shard_of_after = after.and_then(Path::parent);
        let mut found = Vec::new();
        for shard in self.subdirs(base)? {
            if shard_of_after.is_some_and(|last| shard.as_path() < last) {
                continue;
            }
            for dir in self.subdirs(&shard)? {
                if found.len() == limit {
                    return Ok(found);
                }
                if after.is_none_or(|after| dir.as_path() > after) && self.exists(&dir)? {
                    found.push(dir);
                }
            }
        }
        Ok(found)
    }

    /// The directories in `dir`, in order; in memory those that lead to a database.
    pub fn subdirs(&self, dir: &Path) -> Result<Vec<PathBuf>> {
        let mut dirs = self.dirs_in_memory(dir);
        if let Place::Files(_) = self.0.place {
            dirs.extend(sorted_dirs(dir).map_err(|error| failed("list", error))?);
        }
        Ok(dirs.into_iter().collect())
    }

    /// The directories of facets in `dir` by number.
    pub(super) fn facets_in(&self, dir: &Path) -> io::Result<BTreeMap<u64, PathBuf>> {
        let number = |path: &PathBuf| files::facet_number(path.file_name()?);
        let in_memory = self.dirs_in_memory(dir).into_iter();
        let mut found: BTreeMap<_, _> =
            in_memory.filter_map(|path| number(&path).map(|number| (number, path))).collect();
        found.extend(files::facet_dirs(dir)?);
        Ok(found)
    }

    /// The numbers of the facets that have a directory in `dir`; in memory none have.
    pub fn facet_dirs(&self, dir: &Path) -> Result<Option<BTreeSet<u64>>> {
        match &self.0.place {
            Place::Memory(_) => Ok(None),
            Place::Files(_) => {
                let facets = self.facets_in(dir).map_err(|error| failed("list", error))?;
                Ok(Some(facets.into_keys().collect()))
            }
        }
    }

    /// How many facets there are below `dir`; in memory those that have a database.
    pub fn count_below(&self, dir: &Path) -> Result<u64> {
        match &self.0.place {
            Place::Memory(_) => {
                Ok(self.in_memory(dir).iter().filter(|known| *known != dir).count() as u64)
            }
            Place::Files(_) => {
                let mut count = 0;
                for facet in self.facets_in(dir).map_err(|error| failed("count", error))?.values() {
                    count += 1 + self.count_below(facet)?;
                }
                Ok(count)
            }
        }
    }

    /// The directories that are `dir` or below it and in memory: those of databases, with files those that are open
    /// or may not be made yet.
    fn in_memory(&self, dir: &Path) -> BTreeSet<PathBuf> {
        let Place::Memory(parked) = &self.0.place else {
            let unmade = |logged: &Arc<Logged>| logged.unmade.below(dir);
            return self.0.logged.as_ref().map(unmade).unwrap_or_default();
        };
        let open = self.0.open.lock();
        let parked = parked.lock();
        let mut dirs: BTreeSet<_> = open.keys().chain(parked.keys()).cloned().collect();
        dirs.retain(|known| known.starts_with(dir));
        dirs
    }

    /// The directories in `dir` that are in memory or lead to one that is.
    fn dirs_in_memory(&self, dir: &Path) -> BTreeSet<PathBuf> {
        let first = |path: &PathBuf| Some(dir.join(path.strip_prefix(dir).ok()?.iter().next()?));
        self.in_memory(dir).iter().filter_map(first).collect()
    }

    /// What is known of the database in `dir`, if something of it may be in memory.
    fn backing(&self, dir: &Path) -> Option<Arc<Backing>> {
        self.0.logged.as_ref()?.unmade.database(dir)
    }

    /// Makes the files of the database in `dir`, which isn't open, if it has none yet.
    pub(in crate::storage) fn place(&self, dir: &Path) -> io::Result<()> {
        self.backing(dir).map_or(Ok(()), |backing| backing.make_files())
    }

    /// Opens a database that no storage has open, without changing anything.
    fn open_closed(&self, dir: &Path) -> Result<Option<Database>> {
        let mut db = match self.backing(dir) {
            Some(backing) => {
                let mut db = Database::open_backed(backing, inspect::guard())?;
                db.configure(ffi::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
                db
            }
            None => match open_closed_file(dir)? {
                Some(db) => db,
                None => return Ok(None),
            },
        };
        inspect::set_up(&mut db)?;
        Ok(Some(db))
    }

    /// Makes the directory of a new facet, whose name must be as durable as its entry.
    pub fn make_facet_dir(&self, dir: &Path) -> Result<()> {
        match &self.0.place {
            Place::Memory(_) => Ok(()),
            Place::Files(durability) => {
                let made = match &self.0.logged {
                    Some(logged) => logged.add_dir(dir),
                    None => files::make_durable_dirs(dir, *durability),
                };
                made.map_err(|error| failed("create", error))
            }
        }
    }
}

fn open_closed_file(dir: &Path) -> Result<Option<Database>> {
    let path = dir.join(DATABASE);
    match files::read_header(dir).map_err(|error| failed("open", error))? {
        Some(header) => check_header(&header)?,
        None => return Ok(None),
    }
    let has_log = has_log(dir);
    let mut db = Database::open_file(&path, inspect::guard())?;
    if has_log {
        // What is in the log stays there: its actor brings it in.
        db.configure(ffi::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    }
    Ok(Some(db))
}

/// Opens a database that is kept closed, to move what is in its log.
pub(super) fn open_to_move(dir: &Path) -> Result<Database> {
    let mut db = Database::open_file(&dir.join(DATABASE), inspect::guard())?;
    db.configure(ffi::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    inspect::set_up(&mut db)?;
    execute(&mut db, "PRAGMA synchronous = OFF")?;
    Ok(db)
}

/// The directories in `dir`, by name; none if it is missing.
fn sorted_dirs(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut dirs = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            dirs.push(entry.path());
        }
    }
    dirs.sort();
    Ok(dirs)
}
