//! An open database: how it is set up, committed and closed, and what is kept compiled in it.

mod statements;

use std::ffi::CString;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use rusqlite::ffi;

use super::Durability;
use super::authorizer::switches;
use super::backing::Backing;
use super::cache::Cache;
use super::capture::{Capture, LEFT_PAGES, Left};
use super::commit::When;
use super::failure::Failure;
use super::format::PAGE_SIZE;
use super::live::Cursors;
use super::meter::Meter;
use super::own::{Own, OwnStatements};
use super::raw::{Bind, Column, Database, File, Statement};
use super::recent::Recent;
use crate::error::Result;

/// The longest text, blob or row.
pub(super) const MAX_LENGTH: usize = 4 << 20;

/// How many pages the write-ahead log has at least when they are moved to the database.
const CHECKPOINT_PAGES: u32 = 1000;
/// Beyond this the write-ahead log is cut back once its pages are in the database.
const WAL_BYTES: u64 = 4 << 20;

/// A database with the statements and cursors that are open in it.
pub(super) struct Connection {
    pub db: Database,
    own: OwnStatements,
    pub cache: Cache,
    pub cursors: Cursors,
    pub recent: Recent,
    /// How often guests have changed the schema or taken that back. SQLite compiles anew by itself what it was compiled
    /// for, but measures nothing.
    schema: u64,
    /// They have since the last commit.
    redefined: bool,
    /// Bytes that their statements have left in memory since the last commit or [`Connection::write_indexes`].
    pending: i64,
    /// They have written into full-text tables since then.
    unindexed: bool,
    durability: Durability,
    /// Hands on what is committed, in mode full.
    capture: Option<Capture>,
    /// The log is new, so that the first commit needs one sync instead of two.
    new_wal: bool,
    /// Something was committed since it was opened.
    written: bool,
    /// When the counters were last saved, or the database opened.
    pub usage_saved: Instant,
}

impl Connection {
    /// Sets up a database that was just opened. `new_wal` says that its log holds nothing yet; in mode full
    /// `capture` makes commits durable.
    pub fn new(
        db: Database,
        durability: Durability,
        capture: Option<Capture>,
        new_wal: bool,
        max_bytes: u64,
    ) -> Result<Connection, Failure> {
        let new_wal = new_wal && capture.is_none();
        let mut connection = Connection::set_up(db, durability, new_wal)?;
        connection.capture = capture;
        connection.limit_size(max_bytes)?;
        Ok(connection)
    }

    /// Sets up a database in mode full that nobody has asked for yet, and compiles what nearly each needs.
    pub fn spare(db: Database) -> Result<Connection, Failure> {
        let mut connection = Connection::set_up(db, Durability::Full, false)?;
        for own in [Own::Begin, Own::Commit, Own::Get, Own::Put] {
            connection.own(own)?;
        }
        Ok(connection)
    }

    /// Makes a spare one that of an actor.
    pub fn serve(
        &mut self,
        interrupt: Arc<AtomicBool>,
        meter: Arc<Meter>,
        capture: Capture,
        max_bytes: u64,
    ) -> Result<(), Failure> {
        self.db.serve(interrupt, meter)?;
        self.capture = Some(capture);
        self.usage_saved = Instant::now();
        self.limit_size(max_bytes)
    }

    fn limit_size(&mut self, max_bytes: u64) -> Result<(), Failure> {
        let pages = (max_bytes / PAGE_SIZE).clamp(1, u64::from(u32::MAX) - 1);
        execute(&mut self.db, &format!("PRAGMA max_page_count = {pages};"))
    }

    fn set_up(
        mut db: Database,
        durability: Durability,
        new_wal: bool,
    ) -> Result<Connection, Failure> {
        db.configure(ffi::SQLITE_DBCONFIG_ENABLE_FKEY, true)?;
        db.configure(ffi::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        for (limit, value) in statements::LIMITS {
            db.limit(*limit, *value);
        }
        let synchronous = synchronous(if new_wal { Durability::None } else { durability });
        // EXCLUSIVE comes first: only then the log's index is kept in memory instead of a file.
        execute(
            &mut db,
            &format!(
                "PRAGMA locking_mode = EXCLUSIVE;
                 {synchronous}
                 PRAGMA temp_store = FILE;
                 PRAGMA mmap_size = 0;
                 PRAGMA cell_size_check = ON;
                 PRAGMA journal_size_limit = {WAL_BYTES};"
            ),
        )?;
        db.configure(ffi::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        let (own, cache, cursors, recent) = Default::default();
        let (schema, redefined, pending, unindexed) = (0, false, 0, false);
        let usage_saved = Instant::now();
        let (written, capture) = (false, None);
        Ok(Connection {
            db,
            own,
            cache,
            cursors,
            recent,
            schema,
            redefined,
            pending,
            unindexed,
            durability,
            capture,
            new_wal,
            written,
            usage_saved,
        })
    }

    /// Commits the transaction. If this fails while it is still open, it is to be rolled back. Answers the record of
    /// the log that makes it durable once it is, if that isn't waited for.
    pub fn commit(&mut self, when: When) -> Result<Option<u64>, Failure> {
        self.commit_reserved()?;
        (self.written, self.redefined) = (true, false);
        self.note_indexed();
        let appended = match (&mut self.capture, when) {
            (Some(capture), When::Committed) => Some(capture.append(&mut self.db)?),
            _ => {
                self.make_durable()?;
                None
            }
        };
        if self.new_wal {
            // SQLite would have synced the log's header first. There is nothing before it that the order protects.
            execute(&mut self.db, synchronous(self.durability))?;
            self.new_wal = false;
        }
        if self.has_long_wal() {
            match self.checkpoint(self.capture.is_some()) {
                // It is committed. The write-ahead log becomes longer until there is no room for that, either.
                Err(failure) if self.capture.is_some() && failure.kind() == ffi::SQLITE_FULL => {
                    tracing::debug!(error = failure.text(), "a write-ahead log can't be moved");
                }
                moved => moved?,
            }
        }
        Ok(appended)
    }

    /// With the commit log a checkpoint syncs nothing, and SQLite looks for a page among all of its earlier images.
    fn has_long_wal(&self) -> bool {
        let pages = self.db.guard().wal_pages();
        match self.backing().filter(|_| self.cursors.is_empty()) {
            Some(backing) => backing.is_long(pages),
            None => pages >= CHECKPOINT_PAGES,
        }
    }

    /// Makes everything durable that was committed.
    pub fn flush(&self) -> Result<(), Failure> {
        self.capture.as_ref().map_or(Ok(()), Capture::flush)
    }

    /// Makes sure that what is going to be committed, of so many pages beyond those in memory, can be made durable.
    pub fn reserve(&mut self, more: usize) -> Result<(), Failure> {
        self.capture.as_mut().map_or(Ok(()), |capture| capture.reserve(&mut self.db, more))
    }

    /// What was going to be committed was rolled back.
    pub fn give_back(&mut self) {
        if let Some(capture) = &mut self.capture {
            capture.give_back(&mut self.db);
        }
    }

    fn commit_reserved(&mut self) -> Result<(), Failure> {
        let committed = self.reserve(0).and_then(|()| self.run(Own::Commit, &[]));
        committed.inspect_err(|_| self.give_back())
    }

    /// Makes what was committed as durable as mode full promises. Nothing gets to the database file before that:
    /// it could get there in part.
    fn make_durable(&mut self) -> Result<(), Failure> {
        match &mut self.capture {
            Some(capture) => {
                capture.append(&mut self.db)?;
                capture.flush()
            }
            None => Ok(()),
        }
    }

    /// Moves what is in the write-ahead log to the database, and empties that if it is to be cut.
    pub fn checkpoint(&mut self, cut: bool) -> Result<(), Failure> {
        self.make_durable()?;
        // Cursors hold on to the log; it would grow for as long as they are left unread.
        self.spill_cursors();
        self.db.checkpoint(cut)?;
        self.db.guard().note_checkpoint();
        if cut {
            self.capture.as_mut().map(Capture::note_cut);
        }
        Ok(())
    }

    /// What stands for the database's files, in mode full.
    pub fn backing(&self) -> Option<&Arc<Backing>> {
        self.capture.as_ref().map(Capture::backing)
    }

    /// Makes the database's file durable.
    pub fn sync_database(&mut self) -> Result<(), Failure> {
        self.db.sync_file(File::Main)
    }

    /// See [`Capture::carry`], after [`Connection::sync_database`].
    pub fn carry(&mut self) -> Result<Option<(u64, usize)>, Failure> {
        self.capture.as_mut().map_or(Ok(None), |capture| capture.carry(&mut self.db))
    }

    /// Runs a last transaction before the database is closed, which a power cut may take back, but nothing before
    /// it. If that is all that was written, it waits in the log for the next time: moving it costs two syncs.
    pub fn run_last<T>(
        &mut self,
        body: impl FnOnce(&mut Connection) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.run(Own::Begin, &[])?;
        let done = body(self)?;
        self.commit_reserved()?;
        if self.capture.is_none() {
            let leave = !self.written && self.db.guard().wal_pages() <= LEFT_PAGES;
            self.db.configure(ffi::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, leave)?;
        }
        Ok(done)
    }

    /// Syncs the log if the mode hasn't made that part of each commit.
    pub fn settle(&mut self) -> Result<(), Failure> {
        match self.durability {
            Durability::Relaxed => self.db.sync_file(File::Wal),
            Durability::Full | Durability::None => Ok(()),
        }
    }

    /// Closes it, which moves what is in its log to the database: see [`Connection::run_last`]. In mode full a
    /// short log stays.
    pub fn close(mut self) -> Left {
        if let Some(capture) = &mut self.capture {
            let left = capture.finish(&mut self.db);
            if matches!(left, Left::Log(_)) {
                return left;
            }
            // SQLite can't refuse this. If it did, the log would stay: it is as good.
            let moved = self.db.configure(ffi::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false);
            return if moved.is_ok() { left } else { Left::Log(None) };
        }
        if self.new_wal {
            // Nothing was committed by us, but SQLite may have done so for PRAGMA optimize.
            if let Err(failure) = execute(&mut self.db, synchronous(self.durability)) {
                tracing::debug!(error = failure.text(), "a database is closed without a sync");
            }
        }
        Left::Nothing
    }

    /// Ends everything that is open in it and sets back what guests may switch.
    pub fn into_database(mut self) -> Database {
        self.db.finalize_all();
        if let Err(failure) = self.db.set_case_sensitive(false) {
            tracing::debug!(error = failure.text(), "LIKE stays as it is");
        }
        for pragma in switches() {
            if let Err(failure) = execute(&mut self.db, &format!("PRAGMA {pragma} = off")) {
                tracing::debug!(error = failure.text(), pragma, "a switch stays as it is");
            }
        }
        self.db
    }

    /// One of our own statements.
    pub fn own(&mut self, own: Own) -> Result<Statement, Failure> {
        self.own.get(&mut self.db, own)
    }

    /// Runs one of our own statements for its effect.
    pub fn run(&mut self, own: Own, values: &[Bind<'_>]) -> Result<(), Failure> {
        if let Own::Rollback | Own::RollbackTo = own {
            self.note_rollback();
        }
        let done = self.own.run(&mut self.db, own, values);
        if let Own::Rollback = own {
            self.give_back();
        }
        done
    }

    /// What the transaction has changed is gone, or some of it.
    pub fn note_rollback(&mut self) {
        self.recent.clear();
        self.schema += u64::from(self.redefined);
        self.note_indexed();
    }

    fn note_indexed(&mut self) {
        (self.pending, self.unindexed) = (0, false);
    }

    /// The first column of the only row of one of our own statements.
    pub fn number(&mut self, own: Own, values: &[Bind<'_>]) -> Result<Option<u64>, Failure> {
        let statement = self.own(own)?;
        let mut number = None;
        self.db.run(statement, values, |db| {
            if let Column::Int(n) = db.column(statement, 0) {
                number = u64::try_from(n).ok();
            }
            false
        })?;
        Ok(number)
    }

    /// Whether one of our own statements finds a row.
    pub fn finds(&mut self, own: Own) -> Result<bool, Failure> {
        Ok(self.number(own, &[])?.is_some())
    }

    /// Bytes in use.
    pub fn size(&mut self) -> Result<u64, Failure> {
        Ok(self.number(Own::UsedPages, &[])?.unwrap_or_default() * PAGE_SIZE)
    }

    /// Sets what guests may switch by PRAGMA as it is in `other`.
    pub fn copy_switches(&mut self, other: &mut Connection) -> Result<(), Failure> {
        self.db.set_case_sensitive(other.db.is_case_sensitive())?;
        for pragma in switches() {
            let statement = other.db.prepare(&format!("PRAGMA {pragma}"), false, false)?.statement;
            let Some(statement) = statement else { continue };
            let mut on = None;
            other.db.run(statement, &[], |db| {
                on = Some(matches!(db.column(statement, 0), Column::Int(1)));
                false
            })?;
            other.db.finalize(statement);
            if let Some(on) = on {
                execute(&mut self.db, &format!("PRAGMA {pragma} = {on}"))?;
            }
        }
        Ok(())
    }
}

fn synchronous(durability: Durability) -> &'static str {
    match durability {
        // The commit log makes commits durable.
        Durability::Full => "PRAGMA synchronous = OFF;",
        Durability::Relaxed => "PRAGMA synchronous = NORMAL;",
        Durability::None => "PRAGMA synchronous = OFF;",
    }
}

/// Runs statements of our own making.
pub(super) fn execute(db: &mut Database, sql: &str) -> Result<(), Failure> {
    let sql = CString::new(sql).map_err(|_| Failure::plain("a statement contains NUL"))?;
    db.execute(&sql)
}
