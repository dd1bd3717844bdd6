//! The facets of an object.

use std::sync::Arc;

use facetbox::{Error, ErrorCode};
use napi::bindgen_prelude::AsyncTask;
use napi::{Env, Result};
use napi_derive::napi;

use crate::class::unexpected;
use crate::codec::unpack_error;
use crate::mailbox::{Kind, Mailbox, Reply};
use crate::reference::JsRef;
use crate::stub::Stub;
use crate::task::Blocking;
use crate::usage::Usage;

/// The facets of one object or facet.
#[napi]
pub struct Facets {
    core: facetbox::Facets,
    mailbox: Arc<Mailbox>,
}

impl Facets {
    pub(crate) fn new(core: facetbox::Facets, mailbox: &Arc<Mailbox>) -> Facets {
        Facets { core, mailbox: mailbox.clone() }
    }
}

#[napi]
impl Facets {
    /// A stub of a facet; `start` is the reference of its start callback.
    #[napi(catch_unwind)]
    pub fn get(&self, env: &Env, name: String, start: u32) -> Result<Stub> {
        let start = JsRef::new(&self.mailbox, start);
        let stub = self.core.get_async(&name, move || {
            let reply = start.mailbox().ask(Kind::Start, &start, "", ().into(), None);
            Box::pin(async move {
                match reply.await? {
                    Reply::Facet(options) => Ok(options),
                    _ => Err(unexpected()),
                }
            })
        });
        let stub = self.mailbox.check(env, stub)?;
        Ok(Stub::new(stub, &self.mailbox))
    }

    /// Stops a facet; `reason` is a packed error.
    #[napi(catch_unwind)]
    pub fn abort(&self, env: &Env, name: String, reason: &[u8]) -> Result<()> {
        let reason = unpack_error(&self.mailbox, reason);
        let reason = Error::named(ErrorCode::Aborted, reason.name(), reason.message());
        self.mailbox.check(env, self.core.abort(&name, reason))
    }

    /// Stops a facet and deletes its data.
    #[napi(catch_unwind)]
    pub fn delete(&self, env: &Env, name: String) -> Result<()> {
        self.mailbox.check(env, self.core.delete(&name))
    }

    /// Replaces facet `dst` by a copy of `src`.
    #[napi(catch_unwind)]
    pub fn clone(&self, env: &Env, src: String, dst: String) -> Result<()> {
        self.mailbox.check(env, self.core.clone(&src, &dst))
    }

    /// The names of the facets that exist.
    #[napi(catch_unwind)]
    pub fn list(&self, env: &Env) -> Result<Vec<String>> {
        self.mailbox.check(env, self.core.list())
    }

    /// Whether a facet exists.
    #[napi(catch_unwind)]
    pub fn exists(&self, env: &Env, name: String) -> Result<bool> {
        self.mailbox.check(env, self.core.exists(&name))
    }

    /// What a facet takes, measured on a thread of Node's pool.
    #[napi(ts_return_type = "Promise<Usage>", catch_unwind)]
    pub fn usage(&self, name: String) -> AsyncTask<Blocking<facetbox::Usage, Usage>> {
        let facets = Clone::clone(&self.core);
        Blocking::new(&self.mailbox, move || facets.usage(&name), |_, usage| Ok(usage.into()))
    }

    /// Copies a facet to a directory, on a thread of Node's pool.
    #[napi(ts_return_type = "Promise<void>", catch_unwind)]
    pub fn export(&self, name: String, path: String) -> AsyncTask<Blocking<(), ()>> {
        let facets = Clone::clone(&self.core);
        Blocking::new(&self.mailbox, move || facets.export(&name, &path), |_, ()| Ok(()))
    }
}
