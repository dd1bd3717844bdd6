//! The state of one storage, behind its lock: the database, the transaction and what ended it.

mod errors;
mod savepoints;

use std::path::PathBuf;
use std::sync::Arc;

use event_listener::Event as Signal;
use rusqlite::ffi;

use super::commit::{Action, When};
use super::connection::Connection;
use super::disk::Disk;
use super::failure::Failure;
use super::format::new_in_memory;
use super::guard::Guard;
use super::locked::{Held, Locked};
use super::meter::Meter;
use super::own::Own;
use super::raw::{Bind, Column};
use super::{Durability, Span, Storage, StorageOptions};
use crate::error::{Error, ErrorCode, Result};

pub(super) use errors::interrupted;
use errors::{disk_full, violated};

/// What the clones of a storage share.
pub(super) struct Shared {
    pub disk: Disk,
    pub dir: PathBuf,
    pub options: StorageOptions,
    pub meter: Arc<Meter>,
    pub state: Locked,
    /// Tells whoever waits that a savepoint has ended.
    pub ended: Signal,
}

/// The state of a storage. The lock is never held while code of a user runs.
#[derive(Default)]
pub(super) struct State {
    /// Why it was shut down; every call answers this from then on.
    ended: Option<Error>,
    /// The error that made SQLite drop the transaction. Every call answers it until a rollback.
    poison: Option<Error>,
    /// The database, from its first use on.
    main: Option<Connection>,
    /// The database is known not to exist.
    absent: bool,
    /// Answers SQL that reads while the database doesn't exist.
    scratch: Option<Connection>,
    pub in_transaction: bool,
    /// The object's name has been stored, so that an operator's list can tell it.
    named: bool,
    /// Counts rollbacks, of savepoints too.
    rollbacks: u64,
    /// Savepoints within the transaction, the innermost last.
    savepoints: Vec<Span>,
    /// What runs after the commit.
    pub actions: Vec<Action>,
    /// The highest number that a facet got, even one whose creation was rolled back: its directory
    /// may still be in use.
    pub last_facet: u64,
    /// Counts lists, of which only the newest may be read.
    pub lists: u64,
    /// Lists up to this one are of a database that was deleted.
    pub deleted_lists: u64,
}

impl Shared {
    pub fn new(disk: Disk, dir: PathBuf, options: StorageOptions) -> Shared {
        Shared {
            meter: disk.meter(&dir),
            disk,
            dir,
            options,
            state: Locked::default(),
            ended: Signal::new(),
        }
    }

    /// A guard for a connection of this storage.
    pub fn guard(&self) -> Arc<Guard> {
        Arc::new(Guard::new(self.options.interrupt.clone(), self.meter.clone()))
    }

    /// Stores the name of an object, which its id doesn't tell.
    fn remember_name(&self, connection: &mut Connection) -> Result<(), Failure> {
        let key = self.options.alarm.as_ref().map(|slot| &slot.key);
        match key.filter(|key| key.facets.is_empty()).and_then(|key| key.name.as_ref()) {
            Some(name) => connection.run(Own::Name, &[Bind::Text(name.as_bytes())]),
            None => Ok(()),
        }
    }

    /// Shows `body` the connection, if it is open.
    pub fn with_connection<T>(&self, body: impl FnOnce(Option<&mut Connection>) -> T) -> T {
        body(self.state.lock().main.as_mut())
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let connection = self.state.get_mut().main.take();
        if let Some(connection) = connection {
            end_connection(self, connection);
        }
        self.disk.forget_meter(&self.dir, &self.meter);
    }
}

/// Rolls back what is open and gives the database back.
fn end_connection(shared: &Shared, mut connection: Connection) {
    if !shared.disk.is_ours() {
        // In a forked child: closing would write to files that the parent has open and locked.
        std::mem::forget(connection);
        return;
    }
    if !connection.db.is_autocommit() {
        // Closing rolls back too, but a database in memory isn't closed.
        let _ = connection.run(Own::Rollback, &[]);
    }
    if let Err(failure) = connection.save_usage_alone() {
        tracing::debug!(error = failure.text(), "the last counters of an actor are not saved");
    }
    // Whoever opens it next knows nothing of what was deferred.
    if let Err(failure) = shared.flush_deferred() {
        tracing::debug!(error = failure.text(), "the last commits of an actor may not be durable");
    }
    shared.disk.give_back(shared, connection);
}

impl Storage {
    /// The state, unless the storage has ended.
    pub(super) fn lock(&self) -> Result<Held<'_>> {
        let state = self.0.state.lock();
        state.check()?;
        Ok(state)
    }

    /// What the actor has used.
    pub(crate) fn meter(&self) -> &Meter {
        &self.0.meter
    }

    /// Saves what was counted after the storage had ended.
    pub(crate) fn save_late_usage(&self) {
        let state = self.0.state.lock();
        if state.ended.is_some() {
            self.0.disk.save_usage(&self.0);
        }
    }

    /// Reads with `body`; answers None if there is no database.
    pub(super) fn read<T>(
        &self,
        body: impl FnOnce(&mut Connection) -> Result<T, Failure>,
    ) -> Result<Option<T>> {
        let mut state = self.lock()?;
        let Some(connection) = state.reader(&self.0)? else {
            return Ok(None);
        };
        body(connection).map(Some).map_err(|failure| state.fail(failure, &self.0))
    }

    /// Writes with `body` in the transaction, which is opened if need be.
    pub(super) fn write<T>(
        &self,
        body: impl FnOnce(&mut Connection) -> Result<T, Failure>,
    ) -> Result<T> {
        let mut state = self.lock()?;
        let connection = state.writer(&self.0)?;
        body(connection).map_err(|failure| state.fail(failure, &self.0))
    }

    /// Writes what a guest's statements have left for the commit, which nothing would stop there. What fails is told by
    /// the commit.
    pub(crate) fn write_indexes(&self) {
        if self.0.state.is_idle() {
            return;
        }
        let Ok(mut state) = self.lock() else { return };
        let written = match &mut state.main {
            Some(main) => main.write_indexes(true),
            None => return,
        };
        if let Err(failure) = written {
            let error = state.fail(failure, &self.0);
            state.poison.get_or_insert(error);
        }
    }

    /// Discards what is uncommitted, closes the database and answers `error` from now on.
    pub(crate) fn shutdown_with(&self, error: Error) {
        let mut state = self.0.state.lock();
        if state.ended.is_some() {
            return;
        }
        state.ended = Some(error);
        state.forget_transaction();
        state.scratch = None;
        if let Some(connection) = state.main.take() {
            end_connection(&self.0, connection);
        }
        self.0.disk.save_usage(&self.0);
        self.0.ended.notify(usize::MAX);
    }

    /// Closes the database until its next use, unless a transaction or a cursor is open. What was written
    /// is committed by then.
    pub(crate) fn sleep(&self) -> bool {
        let mut state = self.0.state.lock();
        let busy = state.in_transaction
            || state.main.as_ref().is_some_and(|main| !main.cursors.is_empty());
        if !busy {
            state.scratch = None;
            if let Some(connection) = state.main.take() {
                end_connection(&self.0, connection);
            }
            state.absent = false;
            self.0.disk.save_usage(&self.0);
        }
        !busy
    }

    /// Closes the database with the runtime; what is uncommitted is discarded.
    pub(crate) fn close(&self) {
        let message = "Durable Object storage is no longer accessible.";
        self.shutdown_with(Error::new(ErrorCode::Closed, message));
    }

    /// Whether a commit has nothing to do.
    pub(crate) fn is_idle(&self) -> bool {
        self.0.state.is_idle()
    }

    /// Makes what has been committed survive a power cut in mode relaxed too, before files go that it no
    /// longer names: else a cut could bring the names back without all of their files.
    pub(crate) fn settle(&self) -> Result<()> {
        let mut state = self.lock()?;
        match &mut state.main {
            Some(main) => Ok(main.settle()?),
            None => Ok(()),
        }
    }
}

impl State {
    fn check(&self) -> Result<()> {
        match self.ended.as_ref().or(self.poison.as_ref()) {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }

    /// Whether a commit has nothing to do and nothing to tell.
    pub fn is_idle(&self) -> bool {
        let clear = self.ended.is_none() && self.poison.is_none();
        clear && !self.in_transaction && self.savepoints.is_empty() && self.actions.is_empty()
    }

    pub fn rollbacks(&self) -> u64 {
        self.rollbacks
    }

    /// Whether a transaction was opened explicitly.
    pub fn in_savepoint(&self) -> bool {
        !self.savepoints.is_empty()
    }

    /// How many savepoints are open.
    pub fn depth(&self) -> usize {
        self.savepoints.len()
    }

    /// An explicit transaction that is open, a sync one if there is one.
    pub fn open(&self) -> Option<Span> {
        let sync = self.savepoints.iter().find(|span| **span == Span::Sync);
        sync.or(self.savepoints.last()).copied()
    }

    /// The database, if it exists.
    pub fn reader(&mut self, shared: &Arc<Shared>) -> Result<Option<&mut Connection>> {
        if self.main.is_none() && !self.absent {
            self.main = shared.disk.open(shared)?;
            self.absent = self.main.is_none();
            self.opened(shared)?;
        }
        Ok(self.main.as_mut())
    }

    /// The database within a transaction; both are made if need be.
    pub fn writer(&mut self, shared: &Arc<Shared>) -> Result<&mut Connection> {
        if self.reader(shared)?.is_none() {
            let mut connection = shared.disk.create(shared)?;
            if let Some(scratch) = &mut self.scratch {
                connection.copy_switches(scratch)?;
            }
            self.main = Some(connection);
            self.absent = false;
            shared.disk.sweep(&shared.dir, &[])?;
        }
        let in_transaction = self.in_transaction;
        let connection = self.main.as_mut().expect("the database was just opened");
        if !in_transaction {
            connection.run(Own::Begin, &[])?;
            self.in_transaction = true;
            if !self.named {
                self.named = true;
                shared.remember_name(connection)?;
            }
        }
        Ok(connection)
    }

    /// Where SQL that reads runs, and whether that is the scratch database.
    pub fn sql_reader(&mut self, shared: &Arc<Shared>) -> Result<bool> {
        if self.reader(shared)?.is_some() {
            return Ok(false);
        }
        if self.scratch.is_none() {
            let db = new_in_memory(shared.guard())?;
            let max_bytes = shared.options.storage_bytes;
            self.scratch = Some(Connection::new(db, Durability::None, None, false, max_bytes)?);
        }
        Ok(true)
    }

    /// One of the two databases, if it is open.
    pub fn connection(&mut self, scratch: bool) -> Option<&mut Connection> {
        match scratch {
            true => self.scratch.as_mut(),
            false => self.main.as_mut(),
        }
    }

    /// Looks after what a crash left behind, when the database has been opened.
    fn opened(&mut self, shared: &Arc<Shared>) -> Result<()> {
        let Some(connection) = &mut self.main else {
            return Ok(());
        };
        let mut known = Vec::new();
        let statement = connection.own(Own::FacetList)?;
        connection.db.run(statement, &[], |db| {
            if let Column::Int(number) = db.column(statement, 0) {
                known.push(number as u64);
            }
            true
        })?;
        shared.disk.sweep(&shared.dir, &known)
    }

    /// Commits the transaction, if one is open. Answers the record of the log that has to be durable before anything
    /// leaves, if that wasn't waited for.
    pub fn commit(&mut self, when: When, shared: &Shared) -> Result<Option<u64>> {
        if !self.in_transaction {
            return Ok(None);
        }
        let Some(main) = &mut self.main else {
            return Ok(None);
        };
        let held = shared.disk.check_anchor();
        let saved = held.and_then(|()| main.save_usage_if_due());
        let committed = saved.and_then(|save| main.commit(when).map(|last| (save, last)));
        let failure = match committed {
            Ok((save, last)) => {
                save.into_iter().for_each(|save| save.committed(main));
                self.in_transaction = false;
                return Ok(last);
            }
            Err(failure) => failure,
        };
        if !main.db.is_autocommit() {
            // A deferred constraint, or a device that failed: the transaction is still open.
            main.run(Own::Rollback, &[]).ok();
        }
        let error = match failure.kind() {
            ffi::SQLITE_CONSTRAINT => violated(&failure),
            // The quota refuses pages as statements ask for them.
            ffi::SQLITE_FULL => disk_full(&failure, shared),
            _ => self.error(failure, shared),
        };
        self.forget_transaction();
        self.poison = Some(error.clone());
        Err(error)
    }

    pub fn forget_transaction(&mut self) {
        self.rollbacks += u64::from(self.in_transaction);
        self.in_transaction = false;
        self.named = false;
        self.savepoints.clear();
        self.actions.clear();
        if let Some(main) = &mut self.main {
            main.note_rollback();
        }
    }

    /// Finds out whether an error has made SQLite drop the transaction, which poisons the storage.
    pub fn check_transaction(&mut self, error: &Error) {
        let dropped = self.main.as_ref().is_some_and(|main| main.db.is_autocommit());
        if self.in_transaction && dropped {
            self.forget_transaction();
            self.poison = Some(error.clone());
        }
    }
}
