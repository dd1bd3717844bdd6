//! The context of a JavaScript class's instance.

use std::sync::Arc;

use facetbox::{ActorId, ConcurrencyGuard};
use napi::bindgen_prelude::Either;
use napi::{Env, Result};
use napi_derive::napi;

use crate::codec::{Packed, Sent, unpack_error};
use crate::facets::Facets;
use crate::id::ObjectId;
use crate::mailbox::Mailbox;
use crate::storage::Storage;
use crate::stub::{Call, Ended};
use crate::transaction::Transaction;

/// The context of one object or facet.
#[napi]
pub struct Ctx {
    core: facetbox::Ctx,
    mailbox: Arc<Mailbox>,
}

impl Ctx {
    pub(crate) fn new(core: facetbox::Ctx, mailbox: &Arc<Mailbox>) -> Ctx {
        Ctx { core, mailbox: mailbox.clone() }
    }
}

#[napi]
impl Ctx {
    /// The object's id, or the text that a facet's supervisor chose.
    #[napi(getter, catch_unwind)]
    pub fn id(&self) -> Either<ObjectId, String> {
        match self.core.id() {
            ActorId::Object(id) => Either::A(ObjectId::new(id.clone())),
            ActorId::Text(text) => Either::B(text.clone()),
        }
    }

    /// The props that the class was bound with.
    #[napi(getter, catch_unwind)]
    pub fn props(&self, env: &Env) -> Result<Sent> {
        Packed::value(&self.mailbox, self.core.props().clone()).into_js(env)
    }

    /// The storage.
    #[napi(getter, catch_unwind)]
    pub fn storage(&self) -> Storage {
        Storage::new(self.core.storage().clone(), &self.mailbox)
    }

    /// The facets.
    #[napi(getter, catch_unwind)]
    pub fn facets(&self) -> Facets {
        Facets::new(self.core.facets(), &self.mailbox)
    }

    /// Aborts the object and throws the error that the handler is to end with.
    #[napi(catch_unwind)]
    pub fn abort(&self, env: &Env, reason: Option<String>) -> Result<()> {
        let error = self.core.abort(reason.as_deref());
        self.mailbox.check(env, Err(error))
    }

    /// Breaks the object with a packed error.
    #[napi(catch_unwind)]
    pub fn fail(&self, error: &[u8]) {
        self.core.fail(unpack_error(&self.mailbox, error));
    }

    /// Deletes everything that the object and its facets store.
    #[napi(catch_unwind)]
    pub fn delete_all(&self, env: &Env) -> Result<()> {
        self.mailbox.check(env, self.core.delete_all())
    }

    /// Waits for the turn, as a call that ends with a guard that keeps it.
    #[napi(catch_unwind)]
    pub fn block_concurrency(&self) -> u32 {
        let call = Call::new(&self.mailbox);
        let (id, ctx) = (call.id, self.core.clone());
        self.core.spawn(async move {
            let guard = ctx.block_concurrency().await;
            call.end(guard.map(|guard| Ended::Guard(Guard(Some(guard)))));
        });
        id
    }

    /// Waits for the turn and opens a transaction, as a call that ends with the transaction.
    #[napi(catch_unwind)]
    pub fn begin_transaction(&self) -> u32 {
        let call = Call::new(&self.mailbox);
        let (id, ctx, mailbox) = (call.id, self.core.clone(), self.mailbox.clone());
        self.core.spawn(async move {
            let begun = ctx.begin_transaction().await;
            call.end(begun.map(|core| Ended::Transaction(Transaction::new(core, &mailbox))));
        });
        id
    }
}

/// Keeps other events out of an object until it is released.
#[napi]
pub struct Guard(Option<ConcurrencyGuard>);

#[napi]
impl Guard {
    /// Lets other events in.
    #[napi(catch_unwind)]
    pub fn release(&mut self) {
        self.0.take();
    }
}
