//! The context of a JavaScript class's instance.

use std::sync::Arc;

use facetbox::{ActorId, ConcurrencyGuard, EventScope};
use napi::bindgen_prelude::Either;
use napi::{Env, Result};
use napi_derive::napi;

use crate::codec::{Handle, Packed, Sent, unpack_error};
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

    /// The scope of the object's code that no event waits for.
    pub(crate) fn scope(&self) -> EventScope {
        self.core.scope()
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

    /// Says that code is about to write, once in each turn of the event loop.
    #[napi(catch_unwind)]
    pub fn begin_turn(&self, env: &Env) -> Result<()> {
        self.mailbox.check(env, self.core.begin_turn())
    }

    /// Says that the turn is over.
    #[napi(catch_unwind)]
    pub fn end_turn(&self) {
        self.core.end_turn();
    }

    /// Keeps the instance from being dropped as idle until the answer is released.
    #[napi(catch_unwind)]
    pub fn keep_awake(&self) -> Awake {
        Awake(Some(self.core.keep_awake()))
    }

    /// Waits for the turn, as a call that ends with a guard that keeps it. `scope` is that of the calling code.
    #[napi(catch_unwind)]
    pub fn block_concurrency(&self, env: &Env, scope: u32) -> Result<u32> {
        let begun = self.mailbox.within(scope, None, || self.core.block_concurrency());
        let begun = self.mailbox.check(env, begun)?;
        let (call, mailbox) = (Call::new(&self.mailbox), self.mailbox.clone());
        let id = call.id;
        self.core.spawn(async move {
            let guard = begun.await;
            call.end(guard.map(|guard| Ended::Handle(Handle::G(Guard::new(guard, &mailbox)))));
        });
        Ok(id)
    }

    /// Waits for the turn and opens a transaction, as a call that ends with the transaction. `scope` is that of
    /// the calling code.
    #[napi(catch_unwind)]
    pub fn begin_transaction(&self, env: &Env, scope: u32) -> Result<u32> {
        let begun = self.mailbox.within(scope, None, || self.core.begin_transaction());
        let begun = self.mailbox.check(env, begun)?;
        let (call, mailbox) = (Call::new(&self.mailbox), self.mailbox.clone());
        let (id, ctx) = (call.id, self.core.clone());
        self.core.spawn(async move {
            let begun = begun.await;
            let begun = begun.map(|core| Transaction::new(core, ctx, &mailbox));
            call.end(begun.map(|transaction| Ended::Handle(Handle::H(transaction))));
        });
        Ok(id)
    }
}

/// Keeps an instance from being dropped as idle until it is released.
#[napi]
pub struct Awake(Option<facetbox::Awake>);

#[napi]
impl Awake {
    /// Lets the instance go.
    #[napi(catch_unwind)]
    pub fn release(&mut self) {
        self.0.take();
    }
}

/// Keeps other events out of an object until it is released.
#[napi]
pub struct Guard {
    core: Option<ConcurrencyGuard>,
    mailbox: Arc<Mailbox>,
    scope: u32,
}

impl Guard {
    fn new(core: ConcurrencyGuard, mailbox: &Arc<Mailbox>) -> Guard {
        let scope = mailbox.scope(core.scope());
        Guard { core: Some(core), mailbox: mailbox.clone(), scope }
    }
}

#[napi]
impl Guard {
    /// The number of the scope that the section's code runs in.
    #[napi(getter, catch_unwind)]
    pub fn scope(&self) -> u32 {
        self.scope
    }

    /// Lets other events in.
    #[napi(catch_unwind)]
    pub fn release(&mut self) {
        self.mailbox.leave(self.scope);
        self.core.take();
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.release();
    }
}
