//! Which objects there are, what they use, and their end.

use crate::error::{Error, ErrorCode, Result};
use crate::facet::Facets;
use crate::id::ObjectId;
use crate::namespace::Namespace;
use crate::storage::{DiskUsage, Used};
use crate::stub::{Place, Stub};

/// An object that has data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Its id, which knows the name if that is known.
    pub id: ObjectId,
    /// The name that the id was made from, if it was, if it has at most 1,024 bytes and if the object was
    /// reached by it when it wrote.
    pub name: Option<String>,
}

/// What an object or a facet takes and has used, everything below it included.
///
/// What an object has used only grows: emptying, aborting or restarting it changes nothing of that, and what a facet has
/// used that is deleted or replaced counts as its parent's from then on. So does what a facet has used that has
/// never written anything, once it sleeps, and what an entrypoint has used as that of the object or facet that calls it. A clone or
/// import begins with what its source had used, which doesn't count twice for the object around a clone. It is kept in
/// the actors' databases: an object that has never written has none, and a crash may lose the last five seconds (for an
/// actor that doesn't write: all since it woke up).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes of its databases and their logs.
    pub storage_bytes: u64,
    /// Facets at all levels below it.
    pub facets: u64,
    /// Events that have ended.
    pub events: u64,
    /// CPU time of guests in milliseconds.
    pub cpu_ms: u64,
    /// Rows that were read: entries of the key-value store, and rows of SQL as far as SQLite counts them.
    pub rows_read: u64,
    /// Rows that were written, without entries of indexes.
    pub rows_written: u64,
    /// Bytes of the arguments and requests of events.
    pub bytes_in: u64,
    /// Bytes of their results and responses.
    pub bytes_out: u64,
    /// Calls that guests have made of what isn't theirs: host functions and objects, stubs, `fetch()`.
    pub subrequests: u64,
}

impl From<DiskUsage> for Usage {
    fn from(usage: DiskUsage) -> Usage {
        // An actor's own part alone can be negative, see `negated`.
        let used = |what: Used| (usage.used[what as usize] as i64).max(0) as u64;
        Usage {
            storage_bytes: usage.bytes,
            facets: usage.facets,
            events: used(Used::Events),
            cpu_ms: used(Used::CpuMicros) / 1000,
            rows_read: used(Used::RowsRead),
            rows_written: used(Used::RowsWritten),
            bytes_in: used(Used::BytesIn),
            bytes_out: used(Used::BytesOut),
            subrequests: used(Used::Subrequests),
        }
    }
}

impl Namespace {
    /// The objects that have data, in order of their ids: at most `limit` of those after `after`.
    ///
    /// The next page begins after the last id of this one. An object has data from its first write until
    /// it is deleted, even if it has emptied its storage. Blocks while it reads the disk.
    ///
    /// # Errors
    /// INVALID_ARGUMENT (a `TypeError`) for an id of another namespace; STORAGE, CLOSED, FORKED.
    pub fn list(&self, after: Option<&ObjectId>, limit: usize) -> Result<Vec<ObjectInfo>> {
        let runtime = self.runtime();
        runtime.check_open()?;
        after.map_or(Ok(()), |id| self.check_id(id))?;
        let base = runtime.namespace_dir(self.name());
        let after = after.map(|id| runtime.object_dir(self.name(), id));
        let dirs = runtime.disk.objects(&base, after.as_deref(), limit)?;
        let infos = dirs.into_iter().filter_map(|dir| {
            let parts = dir.strip_prefix(&base).ok()?.iter().map(|part| part.to_str());
            let id = self.id_from_string(&parts.collect::<Option<String>>()?).ok()?;
            let named = runtime.disk.name_of(&dir).map(|name| self.id_from_name(&name));
            let id = named.filter(|named| *named == id).unwrap_or(id);
            Some(ObjectInfo { name: id.name().map(str::to_owned), id })
        });
        Ok(infos.collect())
    }

    /// Whether the object has data. It isn't started.
    ///
    /// # Errors
    /// INVALID_ARGUMENT (a `TypeError`) for an id of another namespace; STORAGE, CLOSED, FORKED.
    pub fn exists(&self, id: &ObjectId) -> Result<bool> {
        self.check_id(id)?;
        let runtime = self.runtime();
        runtime.check_open()?;
        runtime.disk.exists(&runtime.object_dir(self.name(), id))
    }

    /// Ends the object and removes its data, its facets and their alarms. Stubs that are bound to it fail
    /// with ABORTED; a new stub reaches a new, empty object. Does nothing if there is none.
    ///
    /// What the object was doing is cut short, its uncommitted writes are gone. All data goes at once:
    /// after a crash either everything is there or nothing. Blocks while it removes files.
    ///
    /// # Errors
    /// INVALID_ARGUMENT (a `TypeError`) for an id of another namespace; STORAGE, CLOSED, FORKED.
    pub fn delete(&self, id: &ObjectId) -> Result<()> {
        self.check_id(id)?;
        let runtime = self.runtime();
        runtime.check_open()?;
        let dir = runtime.object_dir(self.name(), id);
        let scratch = runtime.scratch_dir()?;
        let deleted = Error::new(ErrorCode::Aborted, "Object was deleted.");
        let trash = self.vacate(id, &deleted, || {
            let trash = runtime.disk.discard(&dir, &scratch)?;
            runtime.alarms.forget_tree(&runtime.key_of(&dir));
            Ok(trash)
        })?;
        drop(trash);
        Ok(())
    }

    /// What the object takes and has used with all its facets; zero if it has no data. Neither starts it nor
    /// waits for what it is doing; opens each database for a moment that isn't open.
    ///
    /// # Errors
    /// INVALID_ARGUMENT (a `TypeError`) for an id of another namespace; STORAGE, CORRUPT, CLOSED, FORKED.
    pub fn usage(&self, id: &ObjectId) -> Result<Usage> {
        self.check_id(id)?;
        let runtime = self.runtime();
        runtime.check_open()?;
        runtime.disk.usage(&runtime.object_dir(self.name(), id)).map(Usage::from)
    }
}

impl Facets {
    /// What the facet takes with all its own facets.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for an invalid name, NOT_FOUND if there is no such facet, STORAGE.
    pub fn usage(&self, name: &str) -> Result<Usage> {
        let (actor, dir) = self.find(name)?;
        let dir = dir.ok_or_else(|| no_facet(name))?;
        actor.runtime.disk.usage(&dir).map(Usage::from)
    }
}

impl Stub {
    /// Whether the object has data, or the facet exists. Neither is started.
    ///
    /// # Errors
    /// UNSUPPORTED for an entrypoint; otherwise as [`Namespace::exists`] and [`Facets::exists`].
    pub fn exists(&self) -> Result<bool> {
        match self.place()? {
            Place::Object(namespace, id) => namespace.exists(id),
            Place::Facet(facets, name) => facets.exists(name),
        }
    }

    /// What the object or facet takes with everything below it.
    ///
    /// # Errors
    /// UNSUPPORTED for an entrypoint; otherwise as [`Namespace::usage`] and [`Facets::usage`].
    pub fn usage(&self) -> Result<Usage> {
        match self.place()? {
            Place::Object(namespace, id) => namespace.usage(id),
            Place::Facet(facets, name) => facets.usage(name),
        }
    }
}

pub(super) fn no_facet(name: &str) -> Error {
    Error::new(ErrorCode::NotFound, format!("There is no facet {name:?}."))
}
