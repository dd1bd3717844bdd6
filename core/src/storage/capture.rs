//! What a connection commits, handed on to the commit log.
//!
//! SQLite writes it to the write-ahead log first, from where it is read back: that is in memory, as a rule, and stays
//! SQLite's own.

use std::io;
use std::sync::Arc;

use rusqlite::ffi;

use super::backing::Backing;
use super::failure::Failure;
use super::files::is_full;
use super::logged::Logged;
use super::raw::{Database, File};
use crate::log::{Change, PAGE_BYTES, PART_PAGES, Pages, Room};

/// The write-ahead log's header, and that of each page in it.
const HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;
const FRAME_BYTES: usize = FRAME_HEADER_BYTES + PAGE_BYTES;
/// How many pages a write-ahead log may have to stay beside a closed database.
pub(super) const LEFT_PAGES: u32 = 16;
/// Pages of a transaction that are appended before they are flushed: they are in memory until then.
const PENDING_PAGES: usize = 8 * PART_PAGES;

type Salt = [u8; 8];

/// How far a write-ahead log has been handed on.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    /// Changes when the log is begun anew.
    salt: Salt,
    pages: u32,
}

/// What a connection in mode full leaves beside the database.
pub(super) enum Left {
    /// There was nothing to leave.
    Nothing,
    /// All of its write-ahead log is in the database.
    Moved,
    /// The write-ahead log, handed on up to a mark.
    Log(Option<Mark>),
}

/// Hands on what one connection commits.
pub(super) struct Capture {
    logged: Arc<Logged>,
    place: String,
    backing: Arc<Backing>,
    /// The write-ahead log may have something in it.
    has_log: bool,
    mark: Option<Mark>,
    /// The sequence of the last record.
    last: u64,
    /// For what is committed next.
    room: Option<Room>,
}

impl Capture {
    /// For the database at a place, whose write-ahead log, if it has one, has been handed on up to a mark, the last
    /// part of it in a record.
    pub fn new(
        logged: Arc<Logged>,
        place: String,
        backing: Arc<Backing>,
        has_log: bool,
        mark: Option<Mark>,
        last: u64,
    ) -> Capture {
        Capture { logged, place, backing, has_log, mark, last, room: None }
    }

    /// What stands for the database's files.
    pub fn backing(&self) -> &Arc<Backing> {
        &self.backing
    }

    /// The write-ahead log has been emptied.
    pub fn note_cut(&mut self) {
        (self.has_log, self.mark) = (false, None);
    }

    /// Prepares the end of the connection. A log with few pages stays: moving it would cost more than reading it
    /// again. So does one in memory. One that isn't durable must not get to the database.
    pub fn finish(&mut self, db: &mut Database) -> Left {
        let appended = self.append(db).is_ok() && self.logged.log.check().is_ok();
        let is_long = self.mark.is_some_and(|mark| mark.pages > LEFT_PAGES);
        match appended {
            // The file goes, with what it has had.
            true if !self.has_log && self.backing.has_wal_file() => Left::Moved,
            _ if self.backing.has(File::Wal) => Left::Log(self.mark),
            true if !self.has_log => Left::Nothing,
            true if is_long && self.flush().is_ok() => Left::Moved,
            _ => Left::Log(self.mark),
        }
    }

    /// Makes sure that the transaction can be handed on when it has been committed, which may write so many pages
    /// beyond those that SQLite has in memory. One for which there is no room is to be rolled back.
    pub fn reserve(&mut self, db: &mut Database, more: usize) -> Result<(), Failure> {
        self.room = None;
        let unknown = match (self.has_log, &self.mark) {
            (true, None) => db.file_size(File::Wal)? as usize / FRAME_BYTES,
            _ => 0,
        };
        let more = more + unknown + self.backing.new_pages();
        let mut room = self.logged.log.reserve(&self.place, db.unlogged_pages() + more);
        if room.as_ref().is_err_and(is_full) {
            // Most pages in memory are as they were. Which ones, SQLite tells only like this.
            db.write_early()?;
            room = self.logged.log.reserve(&self.place, db.unlogged_pages() + more);
        }
        self.room = Some(room.map_err(|error| failed(&error))?);
        Ok(())
    }

    /// What a transaction had reserved isn't needed: it was rolled back.
    pub fn give_back(&mut self, db: &mut Database) {
        self.room = None;
        db.note_logged();
    }

    /// Appends to the commit log what was committed since the last time. Answers the last record.
    pub fn append(&mut self, db: &mut Database) -> Result<u64, Failure> {
        let room = self.room.take();
        if !db.guard().take_committed() {
            return Ok(self.last);
        }
        self.has_log = true;
        let pages = db.guard().wal_pages();
        let room = match room {
            Some(room) => Ok(room),
            // What SQLite commits by itself.
            None => self.logged.log.reserve(&self.place, pages as usize + self.backing.new_pages()),
        };
        let appended = room.and_then(|mut room| {
            self.backing.enter(&self.logged, &mut room)?;
            self.append_pages(db, pages, &mut room)
        });
        db.note_logged();
        let appended = appended.map(|()| self.last);
        appended.map_err(|error| {
            // What comes next would be worth nothing without it.
            self.logged.log.fail(&error);
            failed(&error)
        })
    }

    /// Makes everything durable that was appended.
    pub fn flush(&self) -> Result<(), Failure> {
        self.logged.log.flush(self.last).map_err(|error| failed(&error))
    }

    /// Appends again what the database's file doesn't have for certain, provided that everything is durable that was
    /// written to it: then the log isn't needed before the region that is answered, with how many pages that took.
    /// Nothing is answered if it can't be told what that is.
    ///
    /// Nobody may commit meanwhile; a transaction may be open.
    pub fn carry(&mut self, db: &mut Database) -> Result<Option<(u64, usize)>, Failure> {
        self.append(db)?;
        let mark = match self.mark {
            None if self.has_log => return Ok(None),
            // If it has been begun anew, all that was committed is in the file.
            Some(mark) if begin(db).map_err(|error| failed(&error))?.salt == mark.salt => {
                Some(mark)
            }
            _ => None,
        };
        let pages = mark.map_or(0, |mark| mark.pages);
        let room = self.logged.log.reserve(&self.place, pages as usize);
        let mut room = room.map_err(|error| failed(&error))?;
        let region = self.logged.log.region();
        let carried = match mark {
            Some(mark) => {
                self.mark = Some(Mark { pages: 0, ..mark });
                self.append_pages(db, pages, &mut room)
            }
            None => self.append_size(db, &mut room),
        };
        carried.map_err(|error| {
            // Half of it must not be taken for a part of the next transaction.
            self.logged.log.fail(&error);
            failed(&error)
        })?;
        self.flush()?;
        Ok(Some((region, pages as usize)))
    }

    /// Says how long the database is, and with that, that nothing else beside it counts.
    fn append_size(&mut self, db: &mut Database, room: &mut Room) -> io::Result<()> {
        let bytes = db.file_size(File::Main).map_err(|failure| io::Error::other(failure.text()))?;
        let size = (bytes / PAGE_BYTES as u64) as u32;
        let change = Change::Pages { new: false, size, pages: Pages::Given(&[]) };
        self.last = self.logged.log.append(&self.place, change, room)?;
        Ok(())
    }

    fn append_pages(&mut self, db: &mut Database, pages: u32, room: &mut Room) -> io::Result<()> {
        let known = self.mark.filter(|mark| mark.pages < pages);
        let mut at = known.map_or_else(|| begin(db), Ok)?;
        let (mut restarts, mut pending) = (known.is_some(), 0);
        while at.pages < pages {
            let count = ((pages - at.pages) as usize).min(PART_PAGES);
            let begin_at = HEADER_BYTES + at.pages as usize * FRAME_BYTES;
            let bytes = read(db, begin_at, count * FRAME_BYTES)?;
            let frames: Vec<_> = bytes.chunks_exact(FRAME_BYTES).collect();
            if frames.iter().any(|frame| frame[8..16] != at.salt) {
                if !std::mem::take(&mut restarts) {
                    return Err(io::Error::other("a write-ahead log isn't as it was written"));
                }
                at = begin(db)?;
                continue;
            }
            restarts = false;
            at.pages += count as u32;
            let images: Vec<_> = frames
                .iter()
                .map(|frame| (number(frame, 0), &frame[FRAME_HEADER_BYTES..]))
                .collect();
            let is_last = at.pages == pages;
            let size = frames.last().filter(|_| is_last).map_or(0, |frame| number(frame, 4));
            let change = Change::Pages { new: false, size, pages: Pages::Given(&images) };
            self.last = self.logged.log.append(&self.place, change, room)?;
            pending += count;
            // The beginning of a transaction means nothing without its end.
            if pending >= PENDING_PAGES {
                self.logged.log.flush(self.last)?;
                pending = 0;
            }
        }
        self.mark = Some(at);
        Ok(())
    }
}

/// The beginning of a write-ahead log.
fn begin(db: &mut Database) -> io::Result<Mark> {
    let header = read(db, 0, HEADER_BYTES)?;
    let mut salt = Salt::default();
    salt.copy_from_slice(&header[16..24]);
    Ok(Mark { salt, pages: 0 })
}

fn read(db: &mut Database, offset: usize, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    db.read_file_at(File::Wal, &mut bytes, offset as u64)
        .map_err(|failure| io::Error::other(failure.text()))?;
    Ok(bytes)
}

/// SQLite's numbers are big-endian.
fn number(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// The failure that an error of the commit log is.
pub(super) fn failed(error: &io::Error) -> Failure {
    let code = if is_full(error) { ffi::SQLITE_FULL } else { ffi::SQLITE_IOERR };
    Failure { code, message: format!("Cannot write the commit log: {error}"), offset: None }
}
