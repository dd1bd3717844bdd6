//! Namespaces and the ids of their objects.

use std::hash::{Hash, Hasher};
use std::path::PathBuf;

use facetbox::ActorId;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::aio::Home;
use crate::error::{Result, at_least, check_signals, invalid_argument};
use crate::from_python;
use crate::interpreter::detach;
use crate::stub::Stub;
use crate::whole::{self, ObjectIterator};

/// A name bound to a class; every id of it is one object in the whole runtime.
///
/// Iterating over it gives an ObjectInfo for each object that has data, in order of their ids.
#[pyclass(frozen, module = "facetbox")]
pub struct Namespace(pub facetbox::Namespace);

#[pymethods]
impl Namespace {
    /// Its name.
    #[getter]
    fn name(&self) -> &str {
        self.0.name()
    }

    /// The id that belongs to a name: always the same one.
    fn id_from_name(&self, name: &str) -> ObjectId {
        ObjectId::new(self.0.id_from_name(name))
    }

    /// Reads an id back from its text.
    ///
    /// Raises InvalidArgument for anything but 64 hex digits of an id of this namespace.
    fn id_from_string(&self, text: &str) -> Result<ObjectId> {
        Ok(ObjectId::new(self.0.id_from_string(text)?))
    }

    /// A new random id.
    fn new_unique_id(&self) -> Result<ObjectId> {
        Ok(ObjectId::new(self.0.new_unique_id()?))
    }

    /// A stub of the object with this id. Neither creates nor contacts it.
    ///
    /// Raises InvalidArgument for an id of another namespace.
    fn get(&self, id: &ObjectId) -> Result<Stub> {
        Ok(Stub(self.0.get(id.of_object()?)?))
    }

    /// A stub of the object with this name: `get(id_from_name(name))`.
    fn get_by_name(&self, name: &str) -> Stub {
        Stub(self.0.get_by_name(name))
    }

    /// The objects that have data, each as an ObjectInfo, in order of their ids: at most `limit` of
    /// those after `after`. The next page begins after the last id of this one.
    ///
    /// An object has data from its first write until it is deleted, even if it has emptied its storage.
    #[pyo3(signature = (after=None, limit=1_000))]
    fn list<'py>(
        &self,
        py: Python<'py>,
        after: Option<&ObjectId>,
        limit: i64,
    ) -> Result<Vec<Bound<'py, PyAny>>> {
        let limit = at_least("limit", limit, 0)?;
        let after = after.map(ObjectId::of_object).transpose()?;
        let infos = detach(py, || self.0.list(after, limit))?;
        infos.into_iter().map(|info| whole::object_info(py, info)).collect()
    }

    /// Whether the object has data. It isn't started.
    fn exists(&self, py: Python<'_>, id: &ObjectId) -> Result<bool> {
        let id = id.of_object()?;
        Ok(detach(py, || self.0.exists(id))?)
    }

    /// Ends the object and removes its data, its facets and their alarms. Stubs that are bound to it
    /// raise AbortedError; a new stub reaches a new, empty object. Does nothing if there is none.
    ///
    /// What the object was doing is cut short, its uncommitted writes are gone. All data goes at once.
    fn delete(&self, py: Python<'_>, id: &ObjectId) -> Result<()> {
        let id = id.of_object()?;
        Ok(detach(py, || self.0.delete(id))?)
    }

    /// What the object takes with all its facets, as a Usage; zero if it has no data. Neither starts it
    /// nor waits for what it is doing.
    fn usage<'py>(&self, py: Python<'py>, id: &ObjectId) -> Result<Bound<'py, PyAny>> {
        let id = id.of_object()?;
        whole::usage(py, detach(py, || self.0.usage(id))?)
    }

    /// Copies the object with all its facets to `path`, a new directory, while it runs: waits until it is
    /// between two events and keeps it there. Facets are copied as they were last committed.
    ///
    /// In the directory `data.sqlite` is the object's database, a directory with a number is a facet and
    /// has the same in it, and `manifest.json` tells which facet that is. The directory gets its name
    /// when it is complete and on disk.
    ///
    /// Raises NotFoundError if the object has no data, InvalidArgument if `path` exists.
    fn export(&self, py: Python<'_>, id: &ObjectId, path: PathBuf) -> Result<()> {
        let done = self.0.export(id.of_object()?, path);
        Ok(detach(py, || self.0.block_on(done, check_signals))?)
    }

    /// Makes the object from what was exported to `path`, of the same object or another: with its facets
    /// and alarms. All of it is there, or nothing after an error or a crash.
    ///
    /// The files may come from anywhere: they are copied first and checked before the object gets them.
    ///
    /// Raises InvalidArgument if the object has data, StorageError for files that aren't an export, are
    /// damaged or of a newer version, LimitError for more than the namespace's limits allow.
    #[pyo3(name = "import_")]
    fn import(&self, py: Python<'_>, id: &ObjectId, path: PathBuf) -> Result<()> {
        let id = id.of_object()?;
        Ok(detach(py, || self.0.import(id, path))?)
    }

    /// Runs one SQL statement that reads, on the database of the object or, with names of facets, of the
    /// facet that they lead to, and returns QueryRows: at most 10,000 rows and 16 MiB.
    ///
    /// It sees everything, Facetbox's own tables included, and can't write. Waits until what it reads is
    /// between two events; a facet that doesn't run isn't started.
    ///
    /// Raises InvalidArgument for a statement that does anything but read, for several statements and a
    /// wrong number of bindings; NotFoundError if there is no such object or facet or it has no data;
    /// LimitError for a query that takes too much time or memory; StorageError with SQLite's message.
    #[pyo3(signature = (id, query, /, *bindings, facets=None))]
    fn query<'py>(
        &self,
        py: Python<'py>,
        id: &ObjectId,
        query: &str,
        bindings: &Bound<'py, PyTuple>,
        facets: Option<Vec<String>>,
    ) -> Result<Bound<'py, PyAny>> {
        let facets = facets.unwrap_or_default();
        let facets: Vec<&str> = facets.iter().map(String::as_str).collect();
        let answer = self.0.query(
            id.of_object()?,
            &facets,
            query,
            from_python::args(bindings, &Home::Caller)?,
        );
        whole::query_rows(py, detach(py, || self.0.block_on(answer, check_signals))?)
    }

    fn __iter__(&self) -> ObjectIterator {
        ObjectIterator::new(&self.0)
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.0)
    }
}

/// Identifies one object of a namespace. `str(id)` gives its 64 hex digits.
///
/// Ids are equal when their digits are, whatever their names. What a facet sees as its id may be any text that its
/// supervisor has chosen: `str(id)` then gives that.
#[pyclass(frozen, eq, hash, module = "facetbox")]
#[derive(PartialEq)]
pub struct ObjectId(pub ActorId);

#[pymethods]
impl ObjectId {
    /// The name it was made from, if it was and was not read back from text.
    #[getter]
    fn name(&self) -> Option<&str> {
        match &self.0 {
            ActorId::Object(id) => id.name(),
            ActorId::Text(_) => None,
        }
    }

    fn __str__(&self) -> String {
        match &self.0 {
            ActorId::Object(id) => id.to_string(),
            ActorId::Text(text) => text.clone(),
        }
    }

    fn __repr__(&self) -> String {
        match &self.0 {
            ActorId::Object(id) => format!("{id:?}"),
            ActorId::Text(text) => format!("ObjectId({text:?})"),
        }
    }
}

impl ObjectId {
    /// The id of an object.
    pub fn new(id: facetbox::ObjectId) -> ObjectId {
        ObjectId(ActorId::Object(id))
    }

    /// The id that it is, unless it is a text that a facet was given.
    pub fn of_object(&self) -> Result<&facetbox::ObjectId> {
        match &self.0 {
            ActorId::Object(id) => Ok(id),
            ActorId::Text(text) => {
                let message =
                    format!("{text:?} is what a facet has as its id, not an object's id.");
                Err(invalid_argument(message))
            }
        }
    }
}

impl Hash for ObjectId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match &self.0 {
            ActorId::Object(id) => id.hash(state),
            ActorId::Text(text) => text.hash(state),
        }
    }
}
