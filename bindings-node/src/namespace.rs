//! Namespaces.

use std::sync::Arc;

use napi::{Env, Result};
use napi_derive::napi;

use crate::id::ObjectId;
use crate::mailbox::Mailbox;
use crate::stub::Stub;

/// A name bound to a class.
#[napi]
pub struct Namespace {
    core: facetbox::Namespace,
    mailbox: Arc<Mailbox>,
}

impl Namespace {
    pub(crate) fn new(core: facetbox::Namespace, mailbox: &Arc<Mailbox>) -> Namespace {
        Namespace { core, mailbox: mailbox.clone() }
    }

    pub(crate) fn core(&self) -> &facetbox::Namespace {
        &self.core
    }
}

#[napi]
impl Namespace {
    /// Its name.
    #[napi(getter, catch_unwind)]
    pub fn name(&self) -> String {
        self.core.name().to_owned()
    }

    /// The id that belongs to a name.
    #[napi(catch_unwind)]
    pub fn id_from_name(&self, name: String) -> ObjectId {
        ObjectId::new(self.core.id_from_name(&name))
    }

    /// Reads an id back from its text.
    #[napi(catch_unwind)]
    pub fn id_from_string(&self, env: &Env, text: String) -> Result<ObjectId> {
        let id = self.core.id_from_string(&text);
        self.mailbox.check(env, id.map(ObjectId::new))
    }

    /// A new random id.
    #[napi(catch_unwind)]
    pub fn new_unique_id(&self, env: &Env) -> Result<ObjectId> {
        let id = self.core.new_unique_id();
        self.mailbox.check(env, id.map(ObjectId::new))
    }

    /// A stub of the object with this id.
    #[napi(catch_unwind)]
    pub fn get(&self, env: &Env, id: &ObjectId) -> Result<Stub> {
        let stub = self.core.get(id.core());
        let stub = self.mailbox.check(env, stub)?;
        Ok(Stub::new(stub, &self.mailbox))
    }

    /// A stub of the object with this name.
    #[napi(catch_unwind)]
    pub fn get_by_name(&self, name: String) -> Stub {
        Stub::new(self.core.get_by_name(&name), &self.mailbox)
    }
}
