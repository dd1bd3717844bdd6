//! An open database: how it is set up, and what is kept compiled in it.

use std::ffi::CString;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use rusqlite::ffi;

use super::Durability;
use super::authorizer::switches;
use super::backing::Backing;
use super::cache::{Cache, Columns, Compiled};
use super::capture::{Capture, LEFT_PAGES, Left};
use super::commit::When;
use super::failure::Failure;
use super::guard::{Guard, Traits};
use super::live::Cursors;
use super::meter::Meter;
use super::own::{Own, OwnStatements};
use super::raw::{Bind, Column, Database, File, Statement};
use super::recent::Recent;
use super::schema::Shown;
use crate::error::{Error, ErrorCode, Result};

/// "FbBx" in the header of every database of ours.
pub(super) const APPLICATION_ID: u32 = 0x4662_4278;
/// The version of the tables below, in the header too.
pub(super) const FORMAT_VERSION: u32 = 1;
pub(super) const PAGE_SIZE: u64 = 4096;

/// Our own tables. They exist from the start, so that no guest can take their names first.
const SCHEMA: &str = "
    CREATE TABLE _fb_kv(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
    CREATE TABLE _fb_facets(number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
    CREATE TABLE _fb_meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
    CREATE TABLE _fb_alarm(id INTEGER PRIMARY KEY, time INTEGER, due INTEGER,
        generation INTEGER NOT NULL, retries INTEGER, exponent INTEGER);";

/// The longest text, blob or row.
pub(super) const MAX_LENGTH: usize = 4 << 20;

/// What guests' statements may be and use, at most.
const LIMITS: &[(i32, i32)] = &[
    (ffi::SQLITE_LIMIT_LENGTH, MAX_LENGTH as i32),
    (ffi::SQLITE_LIMIT_SQL_LENGTH, 100_000),
    (ffi::SQLITE_LIMIT_COLUMN, 100),
    (ffi::SQLITE_LIMIT_EXPR_DEPTH, 100),
    (ffi::SQLITE_LIMIT_COMPOUND_SELECT, 5),
    (ffi::SQLITE_LIMIT_VDBE_OP, 25_000),
    (ffi::SQLITE_LIMIT_FUNCTION_ARG, 127),
    (ffi::SQLITE_LIMIT_ATTACHED, 0),
    (ffi::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 50),
    (ffi::SQLITE_LIMIT_VARIABLE_NUMBER, 100),
    (ffi::SQLITE_LIMIT_TRIGGER_DEPTH, 10),
    (ffi::SQLITE_LIMIT_WORKER_THREADS, 0),
    (ffi::SQLITE_LIMIT_PARSER_DEPTH, 500),
];

/// Bytes that guests' statements may leave in memory until the indexes of full-text tables are written before the end
/// of the event.
const MAX_PENDING: i64 = 2 << 20;

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
        for (limit, value) in LIMITS {
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

    /// A guest's statement has changed the schema, or tried to.
    pub fn note_definition(&mut self) {
        self.schema += 1;
        self.redefined = true;
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

    /// A guest's statement that writes has left so much in memory as the guard holds.
    pub fn note_left(&mut self, statement: Statement) {
        self.pending = self.pending.saturating_add(self.db.guard().held());
        self.unindexed |= self.db.writes_virtual(statement);
    }

    /// Writes what full-text tables keep in memory for their indexes, if that may be much or if `all` of it is to be. They
    /// do so for each savepoint, and otherwise at the end of the transaction, where nothing stops them, however much of
    /// their indexes they merge.
    pub fn write_indexes(&mut self, all: bool) -> Result<(), Failure> {
        if self.pending <= MAX_PENDING && !(all && self.unindexed) {
            return Ok(());
        }
        self.note_indexed();
        // Compiled now: a change of the schema would have SQLite compile it anew while it runs for the guest, who may not.
        let Some(savepoint) = self.db.prepare_own("SAVEPOINT _fb")?.statement else {
            return Ok(());
        };
        let begun = self.db.run_for_guest(savepoint);
        self.db.finalize(savepoint);
        begun?;
        self.run(Own::Release, &[])
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

    /// The first statement of a guest's text, and how much of the text it takes.
    ///
    /// None if there is no statement.
    pub fn compile(&mut self, sql: &str) -> Result<Option<(Compiled, usize)>, Failure> {
        if let Some(compiled) = self.cache.take(sql) {
            if compiled.schema == self.schema {
                return Ok(Some((compiled, sql.len())));
            }
            self.db.finalize(compiled.statement);
        }
        let (prepared, length) = self.prepare_shown(sql)?;
        let Some(statement) = prepared else {
            return Ok(None);
        };
        let is_last = sql[length..].trim_ascii().is_empty();
        let compiled = Compiled {
            sql: if is_last { sql.into() } else { sql[..length].into() },
            statement,
            traits: self.db.guard().traits(),
            schema: self.schema,
            readonly: self.db.is_readonly(statement),
            columns: Arc::new(Columns::of(&self.db, statement)),
        };
        Ok(Some((compiled, length)))
    }

    /// Prepares the first statement of a guest's text so that it doesn't see our tables.
    fn prepare_shown(&mut self, sql: &str) -> Result<(Option<Statement>, usize), Failure> {
        let Some(shown) = Shown::of(sql) else {
            let prepared = self.db.prepare(sql, true, true)?;
            return Ok((prepared.statement, prepared.length));
        };
        let prepared = self.db.prepare(&shown.sql, true, true).map_err(|mut failure| {
            failure.offset = failure.offset.map(|at| shown.original(at as usize) as u32);
            failure
        })?;
        Ok((prepared.statement, shown.original(prepared.length)))
    }

    /// Makes a statement ready for its next use.
    pub fn release(&mut self, compiled: Compiled) {
        self.db.reset(compiled.statement);
        self.cache.put(&mut self.db, compiled);
    }

    /// Runs `body` so that a schema which breaks our rules undoes it: SQLite's authorizer isn't told
    /// a table's new name when it is renamed, nor which tables foreign keys refer to.
    pub fn with_schema_check<T>(
        &mut self,
        traits: Traits,
        body: impl FnOnce(&mut Connection) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        if !traits.has(Traits::DEFINES) {
            return body(self);
        }
        self.run(Own::Savepoint, &[])?;
        let outcome = body(self).and_then(|done| {
            if self.finds(Own::ReservedNames)? || self.finds(Own::ReservedParents)? {
                return Err(Failure {
                    message: "not authorized".into(),
                    ..Failure::of_code(ffi::SQLITE_AUTH)
                });
            }
            Ok(done)
        });
        if self.db.is_autocommit() {
            return outcome; // the whole transaction is gone
        }
        if outcome.is_err() {
            self.run(Own::RollbackTo, &[])?;
        }
        self.run(Own::Release, &[])?;
        outcome
    }

    /// Says whether `LIKE` tells upper from lower case. What is compiled may use an index for it or not because of that.
    pub fn set_case_sensitive(&mut self, on: bool) -> Result<(), Failure> {
        self.spill_cursors();
        self.schema += 1;
        self.db.set_case_sensitive(on)
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

/// A new database in memory with our own tables.
pub(super) fn new_in_memory(guard: Arc<Guard>) -> Result<Database, Failure> {
    let mut db = Database::open_memory(guard)?;
    execute(&mut db, SCHEMA)?;
    Ok(db)
}

/// The bytes of a new database: one page for each of our tables, marked as using a write-ahead log.
///
/// Made once per process, since switching a new file to its log costs milliseconds.
pub(super) fn template() -> Result<&'static [u8]> {
    static TEMPLATE: OnceLock<Vec<u8>> = OnceLock::new();
    if let Some(bytes) = TEMPLATE.get() {
        return Ok(bytes);
    }
    let bytes = build_template()?;
    Ok(TEMPLATE.get_or_init(|| bytes))
}

fn build_template() -> Result<Vec<u8>, Failure> {
    let mut db = Database::open_memory(Arc::new(Guard::idle()))?;
    execute(
        &mut db,
        &format!(
            "PRAGMA page_size = {PAGE_SIZE};
             PRAGMA application_id = {APPLICATION_ID};
             PRAGMA user_version = {FORMAT_VERSION};
             {SCHEMA}"
        ),
    )?;
    let mut bytes = db.serialize()?;
    // The format's read and write versions: 2 stands for the write-ahead log.
    bytes[18..20].fill(2);
    Ok(bytes)
}

/// Refuses a file that isn't a database of ours, going by its first 100 bytes.
pub(super) fn check_header(header: &[u8]) -> Result<()> {
    let corrupt = |reason: String| Err(Error::new(ErrorCode::Corrupt, reason));
    if header.len() < 100 || !header.starts_with(b"SQLite format 3\0") {
        return corrupt("The object's file is not a SQLite database; it is left as it is.".into());
    }
    let number = |at: usize| {
        u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    if number(68) != APPLICATION_ID {
        return corrupt(format!(
            "The object's file is a SQLite database of another application (application_id {}); it is left as it is.",
            number(68)
        ));
    }
    if number(60) != FORMAT_VERSION {
        return corrupt(format!(
            "The object's file has format version {}, but this version of Facetbox knows version {FORMAT_VERSION}; it is left as it is.",
            number(60)
        ));
    }
    Ok(())
}
