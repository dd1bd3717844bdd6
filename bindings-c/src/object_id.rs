//! Ids of objects.

use facetbox::{ActorId, Error, ObjectId, Result};

use crate::guard::guard;
use crate::slice::facetbox_str_t;

/// Identifies one object of a namespace; or what a facet was told as its id, which may be any text.
///
/// Threads: any; it never changes.
pub struct facetbox_object_id_t {
    id: ActorId,
    text: String,
}

impl From<ActorId> for facetbox_object_id_t {
    fn from(id: ActorId) -> facetbox_object_id_t {
        let text = match &id {
            ActorId::Object(id) => id.to_string(),
            ActorId::Text(text) => text.clone(),
        };
        facetbox_object_id_t { id, text }
    }
}

impl facetbox_object_id_t {
    /// A handle of an object's id.
    pub fn boxed(id: ObjectId) -> Box<facetbox_object_id_t> {
        Box::new(ActorId::Object(id).into())
    }

    /// The id of an object of a namespace, rather than what a facet was told.
    pub fn object(&self) -> Result<&ObjectId> {
        match &self.id {
            ActorId::Object(id) => Ok(id),
            ActorId::Text(_) => Err(Error::type_error("Argument 'id' is not the id of an object.")),
        }
    }

    /// The id.
    pub fn get(&self) -> &ActorId {
        &self.id
    }
}

/// The id as text: 64 hex digits, or the text that the supervisor chose.
///
/// Owns: borrowed from `id`.
/// Null: gives absent text.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_object_id_to_string(
    id: Option<&facetbox_object_id_t>,
) -> facetbox_str_t {
    guard(|| facetbox_str_t::lend_optional(id.map(|id| id.text.as_str())))
}

/// The name that the id was made from; absent if there is none or it isn't known.
///
/// Owns: borrowed from `id`.
/// Null: gives absent text.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_object_id_name(id: Option<&facetbox_object_id_t>) -> facetbox_str_t {
    guard(|| match id.map(facetbox_object_id_t::get) {
        Some(ActorId::Object(id)) => facetbox_str_t::lend_optional(id.name()),
        _ => facetbox_str_t::NONE,
    })
}

/// Whether two ids are the same, whatever their names.
///
/// Null: equals nothing.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_object_id_equals(
    a: Option<&facetbox_object_id_t>,
    b: Option<&facetbox_object_id_t>,
) -> bool {
    guard(|| matches!((a, b), (Some(a), Some(b)) if a.id == b.id))
}

/// Another handle of the same id.
///
/// Owns: the caller.
/// Null: gives NULL.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_object_id_clone(
    id: Option<&facetbox_object_id_t>,
) -> Option<Box<facetbox_object_id_t>> {
    guard(|| id.map(|id| Box::new(id.id.clone().into())))
}

/// Frees an id.
///
/// Null: does nothing.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_object_id_free(id: Option<Box<facetbox_object_id_t>>) {
    guard(|| drop(id));
}
