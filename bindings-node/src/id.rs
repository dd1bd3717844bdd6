//! Object ids.

use napi_derive::napi;

/// The id of one object.
#[napi]
pub struct ObjectId {
    core: facetbox::ObjectId,
}

impl ObjectId {
    pub(crate) fn new(core: facetbox::ObjectId) -> ObjectId {
        ObjectId { core }
    }

    pub(crate) fn core(&self) -> &facetbox::ObjectId {
        &self.core
    }
}

#[napi]
impl ObjectId {
    /// The id as 64 hex digits.
    #[napi(getter, catch_unwind)]
    pub fn text(&self) -> String {
        self.core.to_string()
    }

    /// The name that it was made from.
    #[napi(getter, catch_unwind)]
    pub fn name(&self) -> Option<String> {
        self.core.name().map(str::to_owned)
    }
}
