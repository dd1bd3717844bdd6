//! Namespaces and the ids of their objects.

use pyo3::prelude::*;

use crate::error::Result;
use crate::stub::Stub;

/// A name bound to a class; every id of it is one object in the whole runtime.
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
        ObjectId(self.0.id_from_name(name))
    }

    /// Reads an id back from its text.
    ///
    /// Raises InvalidArgument for anything but 64 hex digits of an id of this namespace.
    fn id_from_string(&self, text: &str) -> Result<ObjectId> {
        Ok(ObjectId(self.0.id_from_string(text)?))
    }

    /// A new random id.
    fn new_unique_id(&self) -> Result<ObjectId> {
        Ok(ObjectId(self.0.new_unique_id()?))
    }

    /// A stub of the object with this id. Neither creates nor contacts it.
    ///
    /// Raises InvalidArgument for an id of another namespace.
    fn get(&self, id: &ObjectId) -> Result<Stub> {
        Ok(Stub(self.0.get(&id.0)?))
    }

    /// A stub of the object with this name: `get(id_from_name(name))`.
    fn get_by_name(&self, name: &str) -> Stub {
        Stub(self.0.get_by_name(name))
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.0)
    }
}

/// Identifies one object of a namespace. `str(id)` gives its 64 hex digits.
///
/// Ids are equal when their digits are, whatever their names.
#[pyclass(frozen, eq, hash, module = "facetbox")]
#[derive(PartialEq, Hash)]
pub struct ObjectId(pub facetbox::ObjectId);

#[pymethods]
impl ObjectId {
    /// The name it was made from, if it was and was not read back from text.
    #[getter]
    fn name(&self) -> Option<&str> {
        self.0.name()
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.0)
    }
}
