//! Taking back what guests were given.

use napi_derive::napi;

/// Takes functions, objects and stubs back; `Bridge.wrap` wraps them.
#[napi]
#[derive(Default)]
pub struct Revoker {
    core: facetbox::Revoker,
}

impl Revoker {
    pub(crate) fn core(&self) -> &facetbox::Revoker {
        &self.core
    }
}

#[napi]
impl Revoker {
    /// A revoker of nothing yet.
    #[napi(constructor, catch_unwind)]
    pub fn new() -> Revoker {
        Revoker::default()
    }

    /// Takes back all that was wrapped, and what will be.
    #[napi(catch_unwind)]
    pub fn revoke(&self) {
        self.core.revoke();
    }

    /// Whether that has been done.
    #[napi(getter, catch_unwind)]
    pub fn is_revoked(&self) -> bool {
        self.core.is_revoked()
    }
}
