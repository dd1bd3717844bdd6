//! Objects and facets as plain SQLite files.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::objects::no_facet;
use super::turn::{Quiet, last_running};
use crate::actor::{BoxFuture, Event};
use crate::error::{Error, ErrorCode, Result};
use crate::facet::Facets;
use crate::id::ObjectId;
use crate::namespace::Namespace;
use crate::runtime::RuntimeInner;
use crate::storage::Scratch;
use crate::stub::{Place, Stub};

const MANIFEST: &str = "manifest.json";

impl Namespace {
    /// Copies the object with all its facets to `path`, a new directory, while it runs: waits until it is
    /// between two events and keeps it there. Facets are copied as they were last committed.
    ///
    /// In the directory `data.sqlite` is the object's database, a directory with a number is a facet and
    /// has the same in it, and `manifest.json` tells which facet that is. The databases are closed and
    /// have no log beside them. The directory gets its name when it is complete and on disk.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for an id of another namespace and if `path` exists or is within the data directory; NOT_FOUND if the object has
    /// no data; CORRUPT, STORAGE, DEADLOCK, CLOSED, FORKED.
    pub fn export(
        &self,
        id: &ObjectId,
        path: impl Into<PathBuf>,
    ) -> BoxFuture<'static, Result<()>> {
        let (namespace, id, path) = (self.clone(), id.clone(), path.into());
        let parent = Event::current();
        Box::pin(async move { export_object(&namespace, &id, &path, parent).await })
    }

    /// Like [`Namespace::export`], and blocks until it is done.
    ///
    /// # Errors
    /// As [`Namespace::export`].
    pub fn export_blocking(&self, id: &ObjectId, path: impl Into<PathBuf>) -> Result<()> {
        self.runtime().executor.block_on(self.export(id, path))
    }
}

impl Facets {
    /// Copies the facet with its own facets to `path`, a new directory, as they were last committed. The
    /// directory is like that of an object, and can be imported as one; see [`Namespace::export`].
    ///
    /// Blocks while it copies.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for an invalid name and if `path` exists or is within the data directory; NOT_FOUND if there is no such facet or it
    /// has no data; CORRUPT, STORAGE.
    pub fn export(&self, name: &str, path: impl Into<PathBuf>) -> Result<()> {
        let (actor, dir) = self.find(name)?;
        let dir = dir.ok_or_else(|| no_facet(name))?;
        export(&actor.runtime, &dir, &path.into(), Some(name))
    }
}

impl Stub {
    /// Copies the object or facet with everything below it to `path`, a new directory.
    ///
    /// # Errors
    /// UNSUPPORTED for an entrypoint; otherwise as [`Namespace::export`] and [`Facets::export`].
    pub fn export(&self, path: impl Into<PathBuf>) -> BoxFuture<'static, Result<()>> {
        let path = path.into();
        match self.place() {
            Ok(Place::Object(namespace, id)) => namespace.export(id, path),
            Ok(Place::Facet(facets, name)) => {
                let name = name.to_owned();
                Box::pin(async move { facets.export(&name, path) })
            }
            Err(error) => Box::pin(async move { Err(error) }),
        }
    }

    /// Like [`Stub::export`], and blocks until it is done.
    ///
    /// # Errors
    /// As [`Stub::export`].
    pub fn export_blocking(&self, path: impl Into<PathBuf>) -> Result<()> {
        self.wait_for(self.export(path))
    }
}

async fn export_object(
    namespace: &Namespace,
    id: &ObjectId,
    path: &Path,
    parent: Option<Arc<Event>>,
) -> Result<()> {
    namespace.check_id(id)?;
    let runtime = namespace.runtime();
    let _quiet = Quiet::wait(parent, || last_running(namespace, id, &[])).await?;
    let dir = runtime.object_dir(namespace.name(), id);
    let name = id.name().map(str::to_owned).or_else(|| runtime.disk.name_of(&dir));
    export(runtime, &dir, path, name.as_deref())
}

fn export(runtime: &RuntimeInner, dir: &Path, path: &Path, name: Option<&str>) -> Result<()> {
    let disk = &runtime.disk;
    if fs::symlink_metadata(path).is_ok() {
        return Err(Error::type_error(format!("Cannot export to {path:?}: it exists.")));
    }
    if !disk.exists(dir)? {
        return Err(Error::new(ErrorCode::NotFound, "There is nothing to export: it has no data."));
    }
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if runtime.contains(parent) {
        let message = format!("Cannot export to {path:?}: it is within the data directory.");
        return Err(Error::type_error(message));
    }
    let draft = Scratch::new(parent, ".facetbox-export-")?;
    let tree = disk.export(dir, draft.path())?;
    let finish = || -> io::Result<()> {
        let mut manifest = File::create_new(draft.path().join(MANIFEST))?;
        serde_json::to_writer_pretty(&mut manifest, &tree.manifest(name))?;
        manifest.write_all(b"\n")?;
        manifest.sync_all()?;
        fs::rename(draft.path(), path)
    };
    finish().map_err(|error| {
        Error::new(ErrorCode::Storage, format!("Cannot export to {path:?}: {error}"))
    })?;
    draft.keep();
    Ok(())
}
