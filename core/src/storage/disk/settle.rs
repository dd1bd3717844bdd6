//! Databases and the commit log: what is durable in it, and when it isn't needed any more.

use rusqlite::ffi;

use super::look::open_to_move;
use super::*;
use crate::storage::capture::Left;

/// A database that is durable without the log, but for the names of its files.
struct Settled {
    dir: PathBuf,
    place: String,
    /// Up to here.
    sequence: u64,
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
        let Some(header) = files::read_header(dir).map_err(opens)? else {
            return Ok(None);
        };
        check_header(&header)?;
        // The log may be there already, with what is not in the database yet.
        let has_log = has_log(dir);
        let mut db = Database::open_file(&dir.join(DATABASE), shared.guard())?;
        let capture = self.0.logged.as_ref().map(|logged| logged.capture(dir, has_log));
        // With the commit log it is decided at the end whether what is in that log may be moved.
        db.configure(ffi::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, capture.is_some())?;
        let max_bytes = shared.options.storage_bytes;
        Ok(Some(Connection::new(db, durability, capture, !has_log, max_bytes)?))
    }

    pub(super) fn close_file(&self, dir: &Path, connection: Connection) {
        let left = connection.close();
        if let Some(logged) = &self.0.logged {
            logged.left(dir, left);
        }
    }

    /// Removes a directory of facets for good, so that nothing that comes into its place can meet what was there.
    pub(super) fn remove_files(&self, dir: &Path) -> io::Result<()> {
        if self.0.logged.is_none() || !fs::exists(dir)? {
            return files::remove(dir).map(drop);
        }
        self.gone(dir)?;
        files::remove(dir)?;
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

    pub(super) fn flush(&self, sequence: u64) -> io::Result<()> {
        self.0.logged.as_ref().map_or(Ok(()), |logged| logged.log.flush(sequence))
    }

    /// Settles the databases that keep the log from using its oldest regions again, if it has become long. Those
    /// that are being used are left for the next time.
    pub(in crate::storage) fn make_room(&self) {
        let Some(logged) = &self.0.logged else { return };
        if !logged.log.take_crowded() {
            return;
        }
        if let Some(_one) = logged.settling.try_lock() {
            self.settle(logged, logged.log.oldest());
            if let Err(error) = logged.log.shrink() {
                tracing::warn!(%error, "the commit log stays longer than it needs to be");
            }
        }
    }

    /// Settles what isn't and removes the log. If that fails, it stays for when the directory is opened next.
    pub(super) fn end_log(&self) {
        let Some(logged) = &self.0.logged else { return };
        if logged.log.check().is_err() {
            return;
        }
        let _one = logged.settling.lock();
        self.settle(logged, logged.log.unsettled());
        if let Err(error) = logged.log.end() {
            tracing::warn!(%error, "the commit log stays until the directory is opened again");
        }
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
        for Settled { place, sequence, .. } in settled {
            logged.log.settle(&place, sequence);
        }
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
            return Ok(Some(Settled { dir, place, sequence }));
        };
        drop(gate);
        let Some(shared) = open.upgrade() else { return Ok(None) };
        let Some(mut state) = shared.state.try_lock() else { return Ok(None) };
        check(logged)?;
        if state.in_transaction {
            return Ok(None);
        }
        let Some(connection) = state.connection(false) else { return Ok(None) };
        // What is left to read would have to be held in memory for the sake of others.
        if !connection.cursors.is_empty() {
            return Ok(None);
        }
        connection.checkpoint(true)?;
        let synced = connection.sync_files();
        synced.map_err(|failure| lose(logged, failure.into()))?;
        let sequence = logged.log.last(&place);
        Ok(sequence.map(|sequence| Settled { dir, place, sequence }))
    }
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
    file.sync().map_err(|error| lose(logged, storage(error)))
}

/// A sync that has failed may succeed the next time without having done anything: what the log has is all that is
/// left, and it has to be read from there.
fn lose(logged: &Logged, error: Error) -> Error {
    logged.log.fail(&io::Error::other(error.message().to_owned()));
    error
}
