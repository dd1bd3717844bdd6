//! Connections to new databases, opened before they are needed: SQLite takes as long to open one and to read its schema
//! as all else takes that a new app needs. What they are of is in memory, where each begins alike.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use rusqlite::ffi;

use super::backing::Backing;
use super::connection::Connection;
use super::format::template;
use super::guard::Guard;
use super::logged::Logged;
use super::raw::Database;
use super::rounds::Rounds;
use crate::error::Result;
use crate::process::Process;

/// How many are kept ready, from the first new database on: an object's and its first facet's.
const READY: usize = 2;

/// A new database without a directory, and the connection to it.
pub(super) struct Spare {
    pub backing: Arc<Backing>,
    pub connection: Connection,
}

impl Spare {
    fn make(logged: &Arc<Logged>) -> Result<Spare> {
        let backing = Arc::new(Backing::new(logged, template()?));
        let mut db = Database::open_backed(backing.clone(), Arc::new(Guard::idle()))?;
        // It is decided at the end whether what is in its log may be moved.
        db.configure(ffi::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        Ok(Spare { backing, connection: Connection::spare(db)? })
    }
}

/// What gives one that is ready. Without its type, so that handles of the runtime can be sent to threads without compilers
/// having to look at all that a connection holds.
type Ready = Box<dyn FnOnce() -> Spare + Send>;

/// Those that are ready, and the thread that makes them.
pub(super) struct Spares {
    ready: Mutex<Vec<Ready>>,
    maker: Arc<Rounds>,
    process: Process,
}

impl Spares {
    pub fn new(process: Process) -> Arc<Spares> {
        let (ready, maker) = (Mutex::default(), Rounds::new("facetbox-spares"));
        Arc::new(Spares { ready, maker, process })
    }

    /// One of those that are ready, or a new one. Others are made meanwhile.
    pub fn take(self: &Arc<Spares>, logged: &Arc<Logged>) -> Result<Spare> {
        let ready = self.ready.lock().pop();
        let (spares, of) = (Arc::downgrade(self), Arc::downgrade(logged));
        self.maker.ask(false, move || fill(&spares, &of));
        ready.map_or_else(|| Spare::make(logged), |ready| Ok(ready()))
    }

    /// Ends the thread, and drops what nobody has taken.
    pub fn stop(&self) {
        self.maker.stop();
        let spares = std::mem::take(&mut *self.ready.lock());
        drop(spares);
    }
}

impl Drop for Spares {
    fn drop(&mut self) {
        if !self.process.is_current() {
            // In a forked child SQLite's locks may be held by threads that aren't there.
            std::mem::forget(std::mem::take(self.ready.get_mut()));
        }
    }
}

/// Makes connections until enough are ready.
fn fill(spares: &Weak<Spares>, logged: &Weak<Logged>) {
    while let (Some(spares), Some(logged)) = (spares.upgrade(), logged.upgrade()) {
        if spares.ready.lock().len() >= READY {
            break;
        }
        // Whoever needs one has the error.
        let Ok(spare) = Spare::make(&logged) else { break };
        spares.ready.lock().push(Box::new(|| spare));
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::medium::System;
    use crate::storage::anchor::Anchor;
    use crate::storage::backing::Name;
    use crate::storage::own::Own;

    #[test]
    fn a_spare_has_no_directory_before_it_is_taken() {
        let root = TempDir::new().expect("a temporary directory");
        let anchor = Arc::new(Anchor::new(root.path()));
        let logged = Arc::new(Logged::new(root.path(), Arc::new(System), anchor));
        let spares = Spares::new(Process::current());
        let Spare { backing, mut connection } = spares.take(&logged).expect("made");
        assert!(backing.is_new());
        assert_eq!(backing.name(Name::Wal), None);
        assert!(backing.make_file().is_err(), "nowhere");
        assert_eq!(connection.number(Own::FacetCount, &[]).expect("read"), Some(0));
        backing.settle_in(&logged, &root.path().join("o")).expect("a directory");
        assert!(
            backing.name(Name::Wal).expect("a name").to_bytes().ends_with(b"/o/data.sqlite-wal")
        );
        backing.settle_in(&logged, &root.path().join("p")).expect_err("it has one");
    }

    #[test]
    fn others_are_made_meanwhile_and_dropped_at_the_end() {
        let root = TempDir::new().expect("a temporary directory");
        let anchor = Arc::new(Anchor::new(root.path()));
        let logged = Arc::new(Logged::new(root.path(), Arc::new(System), anchor));
        let spares = Spares::new(Process::current());
        let taken = spares.take(&logged).expect("made");
        spares.maker.ask(true, || panic!("the first round is what is repeated"));
        assert_eq!(spares.ready.lock().len(), READY);
        assert_eq!(logged.unmade.held.share(), (4 << 20) / (READY as u64 + 1));
        spares.stop();
        assert!(spares.ready.lock().is_empty());
        assert_eq!(logged.unmade.held.share(), 4 << 20, "but for what was taken");
        drop(taken);
        spares.take(&logged).expect("made by who needs it");
    }
}
