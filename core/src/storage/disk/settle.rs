//! Databases and the commit log: what is durable in it, and when it isn't needed any more.

use rusqlite::ffi;

use super::look::open_to_move;
use super::*;
use crate::storage::backing::Backing;
use crate::storage::capture::{self, Left};
use crate::storage::connection::execute;
use crate::storage::failure::Failure;
use crate::storage::inspect;
use crate::storage::raw::File;
use crate::storage::spares::Spare;

/// A database that is durable without the log, or without a part of it, but for the names of its files.
struct Settled {
    dir: PathBuf,
    place: String,
    need: Need,
}

/// What of the log a database needs.
enum Need {
    /// What comes after this record.
    Sequence(u64),
    /// What is in this region and later ones, since so many pages were appended again.
    Region(u64, usize),
}

impl Disk {
    pub(super) fn open_file(
        &self,
        shared: &Shared,
        durability: Durability,
    ) -> Result<Option<Connection>> {
        let dir = &shared.dir;
        let opens = |error| failed("open", error);
        // Once the log has failed nobody knows what of a database is durable.
        self.0.logged.as_ref().map_or(Ok(()), |logged| logged.log.check()).map_err(opens)?;
        if let Some(logged) = &self.0.logged
            && let Some(backing) = logged.unmade.database(dir)
        {
            return open_backed(shared, logged, &backing).map(Some);
        }
        let Some(header) = files::read_header(dir).map_err(opens)? else {
            return Ok(None);
        };
        check_header(&header)?;
        // The log may be there already, with what is not in the database yet.
        let has_log = has_log(dir);
        // What a journal takes back may have been the switch itself.
        if !uses_wal(&header) || !has_log && fs::exists(dir.join(files::JOURNAL)).map_err(opens)? {
            use_wal(dir)?;
        }
        if let Some(logged) = &self.0.logged {
            let backing = Arc::new(Backing::existing(logged, dir, has_log)?);
            return open_backed(shared, logged, &backing).map(Some);
        }
        let db = Database::open_file(&dir.join(DATABASE), shared.guard())?;
        let max_bytes = shared.options.storage_bytes;
        Ok(Some(Connection::new(db, durability, None, !has_log, max_bytes)?))
    }

    /// Makes a database that gets its files later, and opens it.
    pub(super) fn create_backed(
        &self,
        shared: &Shared,
        logged: &Arc<Logged>,
    ) -> Result<Connection> {
        logged.log.check().map_err(|error| failed("create", error))?;
        let dir = &shared.dir;
        let Spare { backing, mut connection } = self.0.spares.take(logged)?;
        backing.settle_in(logged, dir)?;
        let capture = logged.capture(dir, backing.clone(), false);
        let StorageOptions { interrupt, storage_bytes, .. } = &shared.options;
        connection.serve(interrupt.clone(), shared.meter.clone(), capture, *storage_bytes)?;
        backing.note_open();
        logged.unmade.add(&backing);
        Ok(connection)
    }

    pub(super) fn close_file(&self, dir: &Path, connection: Connection) {
        let backing = connection.backing().cloned();
        let left = connection.close();
        let Some(logged) = &self.0.logged else { return };
        logged.left(dir, left);
        if let Some(backing) = backing {
            logged.rest(&backing);
        }
    }

    /// Removes a directory of facets for good, so that nothing that comes into its place can meet what was there.
    pub(super) fn remove_files(&self, dir: &Path) -> io::Result<()> {
        let Some(logged) = &self.0.logged else { return files::remove(dir).map(drop) };
        let is_there = fs::exists(dir)?;
        if !is_there && !logged.unmade.has_any(dir) {
            return Ok(());
        }
        self.gone(dir)?;
        if !files::remove(dir)? {
            return Ok(());
        }
        dir.parent().map_or(Ok(()), |parent| sync_dir(parent, Durability::Full))
    }

    /// What is in `dir` and below is going to be removed. Answers the record that says so.
    pub(super) fn gone(&self, dir: &Path) -> io::Result<Option<u64>> {
        self.0.logged.as_ref().map(|logged| logged.gone(dir)).transpose()
    }

    /// What is in `dir` and below was put there, durably. Answers the record that says so.
    pub(super) fn placed(&self, dir: &Path) -> io::Result<Option<u64>> {
        self.0.logged.as_ref().map(|logged| logged.placed(dir)).transpose()
    }

    pub(in crate::storage) fn flush(&self, sequence: u64) -> io::Result<()> {
        self.0.logged.as_ref().map_or(Ok(()), |logged| logged.log.flush(sequence))
    }

    /// Has the log shortened if it has become long, and waits for that if it is twice as long as it may be; has files
    /// made if many databases are without. Nobody may hold a lock meanwhile.
    pub(in crate::storage) fn make_room(&self) {
        let Some(logged) = &self.0.logged else { return };
        let is_full = logged.log.is_full();
        if !logged.log.take_crowded() && !logged.unmade.held.take_crowded() && !is_full {
            return;
        }
        let disk = Arc::downgrade(&self.0);
        let round = move || {
            if let Some(inner) = disk.upgrade() {
                Disk(inner).settle_oldest();
            }
        };
        if !self.0.settler.ask(is_full, round) {
            self.settle_oldest();
        }
    }

    /// Settles the databases that keep the log from using its oldest regions again. What the log has of those with an
    /// open transaction is appended again; where a statement runs is left for the next time.
    fn settle_oldest(&self) {
        let Some(logged) = &self.0.logged else { return };
        let _one = logged.settling.lock();
        self.settle(logged, logged.log.oldest());
        if let Err(error) = logged.log.shrink() {
            tracing::warn!(%error, "the commit log stays longer than it needs to be");
        }
        self.move_oldest(logged);
    }

    /// Takes the write-ahead logs of those databases out of memory that have been there for longest, if too much is in it.
    fn move_oldest(&self, logged: &Logged) {
        if !logged.unmade.held.is_above_half() {
            return;
        }
        for backing in logged.unmade.databases() {
            if !logged.unmade.held.is_above_half() {
                return;
            }
            let moved = self.move_open(logged, &backing);
            let moved = moved
                .unwrap_or_else(|| backing.make_files().map_err(|error| capture::failed(&error)));
            if let Err(failure) = moved {
                tracing::warn!(error = failure.text(), "a write-ahead log stays in memory");
                if failure.kind() == ffi::SQLITE_FULL {
                    return;
                }
            }
        }
    }

    /// Moves the write-ahead log of an open database to its file, so that the next one is in memory again. None if the
    /// database isn't open, or is being used.
    fn move_open(&self, logged: &Logged, backing: &Arc<Backing>) -> Option<Result<(), Failure>> {
        let open = self.0.open.lock().get(backing.dir()).cloned();
        let shared = open?.upgrade()?;
        let mut state = shared.state.try_lock()?;
        check(logged).ok()?;
        let in_transaction = state.in_transaction;
        let connection = state.connection(false)?;
        let is_it = connection.backing().is_some_and(|known| Arc::ptr_eq(known, backing));
        let is_free = !in_transaction && connection.cursors.is_empty();
        (is_it && is_free).then(|| connection.checkpoint(true))
    }

    /// Keeps databases from being settled meanwhile.
    #[cfg(test)]
    pub(in crate::storage) fn hold_settling(&self) -> Option<parking_lot::MutexGuard<'_, ()>> {
        self.0.logged.as_ref().map(|logged| logged.settling.lock())
    }

    /// Settles what isn't and removes the log. If that fails, it stays for when the directory is opened next.
    pub(super) fn end_log(&self) {
        self.0.settler.stop();
        self.0.spares.stop();
        let Some(logged) = &self.0.logged else { return };
        // Of what has come into the place of the directory nothing is ours.
        if logged.log.check().is_err() || logged.anchor.look().is_err() {
            return;
        }
        self.settle_all(logged);
        if let Err(error) = logged.log.end() {
            tracing::warn!(%error, "the commit log stays until the directory is opened again");
        }
    }

    fn settle_all(&self, logged: &Logged) {
        let _one = logged.settling.lock();
        self.settle(logged, logged.log.unsettled());
    }

    /// Settles all that can be.
    #[cfg(test)]
    pub(in crate::storage) fn settle_now(&self) {
        self.0.logged.iter().for_each(|logged| self.settle_all(logged));
    }

    fn settle(&self, logged: &Logged, places: Vec<String>) {
        let mut settled = Vec::new();
        for place in places {
            match self.settle_files(logged, place) {
                Ok(done) => settled.extend(done),
                Err(error) => tracing::warn!(%error, "a database can't be settled"),
            }
        }
        let dirs = settled.iter().map(|settled: &Settled| settled.dir.as_path());
        if let Err(error) = logged.sync_names(dirs) {
            tracing::warn!(%error, "databases can't be settled");
            return;
        }
        let mut carried = 0;
        for Settled { place, need, .. } in settled {
            match need {
                Need::Sequence(sequence) => logged.log.settle(&place, sequence),
                Need::Region(region, pages) => {
                    logged.log.carry(&place, region);
                    carried += pages;
                }
            }
        }
        logged.log.allow(carried);
    }

    /// Brings a database's file up to date and makes it durable; None if it is being used.
    fn settle_files(&self, logged: &Logged, place: String) -> Result<Option<Settled>> {
        let dir = logged.dir_of(&place);
        let gate = self.0.gates.lock(&dir);
        let open = self.0.open.lock().get(&dir).cloned();
        let Some(open) = open else {
            check(logged)?;
            let Some(sequence) = logged.log.last(&place) else { return Ok(None) };
            settle_closed(logged, &dir, sequence)?;
            return Ok(Some(Settled { dir, place, need: Need::Sequence(sequence) }));
        };
        drop(gate);
        let Some(shared) = open.upgrade() else { return Ok(None) };
        let Some(mut state) = shared.state.try_lock() else { return Ok(None) };
        check(logged)?;
        let in_transaction = state.in_transaction;
        let Some(connection) = state.connection(false) else { return Ok(None) };
        // Only the log has what has no files.
        if let Some(backing) = connection.backing() {
            backing.make_file().map_err(|error| failed("create", error))?;
        }
        // What is left to read would have to be held in memory for the sake of others.
        if in_transaction || !connection.cursors.is_empty() {
            let synced = connection.sync_database();
            synced.map_err(|failure| lose(logged, failure.into()))?;
            let carried = connection.carry()?;
            let need = carried.map(|(region, pages)| Need::Region(region, pages));
            return Ok(need.map(|need| Settled { dir, place, need }));
        }
        connection.checkpoint(true)?;
        let synced = connection.sync_database();
        synced.map_err(|failure| lose(logged, failure.into()))?;
        sync_empty_wal(logged, &dir)?;
        let sequence = logged.log.last(&place);
        Ok(sequence.map(|sequence| Settled { dir, place, need: Need::Sequence(sequence) }))
    }
}

/// Whether a database's header says that it has a write-ahead log.
fn uses_wal(header: &[u8]) -> bool {
    header[18..20] == [2, 2]
}

/// Has a database use a write-ahead log that somebody else has switched that off for, as in what was exported: nothing
/// else of it gets into the commit log.
fn use_wal(dir: &Path) -> Result<()> {
    let mut db = Database::open_file(&dir.join(DATABASE), inspect::guard())?;
    execute(&mut db, "PRAGMA journal_mode = WAL")?;
    drop(db);
    let header = files::read_header(dir).map_err(|error| failed("open", error))?;
    match header.is_some_and(|header| uses_wal(&header)) {
        // SQLite leaves the removal of its journal to the system. If that came back after a power cut, it would take back
        // a part of what the commit log has brought into the database.
        true => sync_dir(dir, Durability::Full).map_err(|error| failed("open", error)),
        false => {
            let message = "The object's database can't be switched to a write-ahead log.";
            Err(Error::new(ErrorCode::Storage, message))
        }
    }
}

/// Opens a database that may have something in memory.
fn open_backed(
    shared: &Shared,
    logged: &Arc<Logged>,
    backing: &Arc<Backing>,
) -> Result<Connection> {
    let dir = &shared.dir;
    let mut db = Database::open_backed(backing.clone(), shared.guard())?;
    // It is decided at the end whether what is in its log may be moved.
    db.configure(ffi::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    let has_log = backing.size(File::Wal).map_or_else(|| has_log(dir), |bytes| bytes > 0);
    let capture = logged.capture(dir, backing.clone(), has_log);
    let max_bytes = shared.options.storage_bytes;
    let connection = Connection::new(db, Durability::Full, Some(capture), !has_log, max_bytes)?;
    backing.note_open();
    logged.unmade.add(backing);
    Ok(connection)
}

/// Asked while nobody commits to the database. Once the log has failed, a write-ahead log may have what the commit
/// log doesn't, and what is read from that again later must not meet it in the file.
fn check(logged: &Logged) -> Result<()> {
    logged.log.check().map_err(|error| failed("write", error))
}

/// Settles the files of a database that is kept closed.
fn settle_closed(logged: &Logged, dir: &Path, sequence: u64) -> Result<()> {
    let storage = |error| failed("write", error);
    logged.log.flush(sequence).map_err(storage)?;
    logged.make(dir).map_err(storage)?;
    if !files::is_there(dir).map_err(storage)? {
        return Ok(());
    }
    if has_log(dir) {
        let mut db = open_to_move(dir)?;
        db.checkpoint(true)?;
        // Its name goes with the last handle.
        db.configure(ffi::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
        drop(db);
        logged.left(dir, Left::Moved);
    }
    let file = logged.medium.open(&dir.join(DATABASE)).map_err(storage)?;
    file.sync().map_err(|error| lose(logged, storage(error)))?;
    sync_empty_wal(logged, dir)
}

fn sync_empty_wal(logged: &Logged, dir: &Path) -> Result<()> {
    logged.sync_empty_wal(dir).map_err(|error| lose(logged, failed("write", error)))
}

/// A sync that has failed may succeed the next time without having done anything: what the log has is all that is
/// left, and it has to be read from there.
fn lose(logged: &Logged, error: Error) -> Error {
    logged.log.fail(&io::Error::other(error.message().to_owned()));
    error
}
