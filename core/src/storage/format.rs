//! What a database of ours is: its header, its own tables, and a new one.

use std::sync::{Arc, OnceLock};

use super::connection::execute;
use super::failure::Failure;
use super::guard::Guard;
use super::raw::Database;
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
