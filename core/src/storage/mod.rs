//! The storage of one actor: a SQLite database with a key-value table and guarded SQL.

mod alarm;
mod anchor;
mod authorizer;
mod backing;
mod batch;
mod blocks;
mod cache;
mod capture;
mod codec;
mod commit;
mod connection;
mod counts;
mod cursor;
mod disk;
mod facets;
mod failure;
mod files;
mod format;
mod fulltext;
mod functions;
mod gates;
mod guard;
mod import;
mod inspect;
mod kv;
mod list;
mod live;
mod locked;
mod logged;
mod meter;
mod own;
mod patterns;
mod query;
#[expect(unsafe_code, reason = "the calls of SQLite's C interface, all in one place")]
mod raw;
mod recent;
mod recover;
mod rounds;
mod row;
mod schema;
mod search;
mod spares;
mod sql;
mod state;
#[cfg(test)]
mod tests;
mod transaction;
mod tree;
mod unmade;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

pub(crate) use alarm::StoredAlarm;
pub(crate) use anchor::LOCK_FILE;
pub(crate) use batch::{Batch, Cell};
pub(crate) use cache::Columns;
pub(crate) use commit::{Deferred, When};
pub use cursor::SqlCursor;
pub(crate) use disk::{Disk, DiskUsage};
pub(crate) use files::{make_durable_dirs, sync_dir};
pub(crate) use import::stage;
pub(crate) use inspect::Inspection;
pub use kv::Kv;
pub use list::{KvList, ListOptions};
pub(crate) use meter::{Used, negated};
pub use query::QueryRows;
pub use sql::Sql;
pub(crate) use transaction::Span;
pub(crate) use tree::{Scratch, Tree};

use crate::alarm::AlarmSlot;
use crate::error::Result;
use own::Own;
use raw::Bind;
use state::Shared;

/// Makes SQLite count its memory, which works only before its first use. Whoever opens a database
/// that isn't an actor's calls this first.
pub(crate) fn count_memory() {
    let _ = raw::is_counted();
}

/// When an acknowledged write is safe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// On disk before the answer leaves: survives a power cut. The default.
    #[default]
    Full,
    /// Survives a crash of the process; a power cut may lose the last moments, never corrupts.
    Relaxed,
    /// No guarantee, for tests.
    None,
}

/// What a storage is told about its actor.
pub(crate) struct StorageOptions {
    /// Largest size of the database.
    pub storage_bytes: u64,
    /// Set while a limit or an abort stops the actor: running SQL ends with an error.
    pub interrupt: Arc<AtomicBool>,
    /// Where its alarm is entered.
    pub alarm: Option<Arc<AlarmSlot>>,
    /// What the actors of its object have in common.
    pub deferred: Arc<Deferred>,
}

/// The storage of one object or facet. Cloning is cheap; any thread may use it while the actor runs.
///
/// The first write opens a transaction, which is committed before anything leaves the actor.
#[derive(Clone)]
pub struct Storage(Arc<Shared>);

impl Storage {
    /// The key-value store.
    pub fn kv(&self) -> Kv<'_> {
        Kv(self)
    }

    /// SQL.
    pub fn sql(&self) -> Sql<'_> {
        Sql(self)
    }

    /// A text that names this moment: each one sorts after those that were given before, restarts
    /// included. Going back to a bookmark isn't supported yet.
    ///
    /// # Errors
    /// STORAGE.
    pub fn current_bookmark(&self) -> Result<String> {
        self.write(|connection| {
            let next = connection.number(Own::Bookmark, &[])?.unwrap_or_default() + 1;
            connection.run(Own::SetBookmark, &[Bind::Int(next as i64)])?;
            Ok(format!("{:08x}-{:08x}-00000000-{:032x}", next >> 32, next & 0xffff_ffff, 0))
        })
    }

    /// Commits what has been written and returns when it is as durable as the runtime promises.
    /// Within a transaction it does nothing: that is committed as a whole.
    ///
    /// # Errors
    /// STORAGE; RESET if a deferred constraint is violated, LIMIT_STORAGE. After an error what was
    /// uncommitted is gone, and every call answers that error until the object starts afresh.
    pub fn sync(&self) -> Result<()> {
        self.commit().map(drop)
    }
}
