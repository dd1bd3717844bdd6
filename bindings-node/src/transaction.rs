//! Transactions whose code may wait.

use std::sync::Arc;

use facetbox::{Error, ErrorCode, Value};
use napi::{Env, Result};
use napi_derive::napi;

use crate::mailbox::Mailbox;
use crate::stub::Call;

/// A transaction, until it has ended. It is rolled back with its end unless it was committed.
#[napi]
pub struct Transaction {
    core: Option<facetbox::Transaction>,
    ctx: facetbox::Ctx,
    mailbox: Arc<Mailbox>,
    scope: u32,
}

impl Transaction {
    pub(crate) fn new(
        core: facetbox::Transaction,
        ctx: facetbox::Ctx,
        mailbox: &Arc<Mailbox>,
    ) -> Transaction {
        let scope = mailbox.scope(core.scope());
        Transaction { core: Some(core), ctx, mailbox: mailbox.clone(), scope }
    }
}

#[napi]
impl Transaction {
    /// The number of the scope that its code runs in.
    #[napi(getter, catch_unwind)]
    pub fn scope(&self) -> u32 {
        self.scope
    }

    /// Commits it now, unless it was rolled back, as a call that ends when that is durable.
    #[napi(catch_unwind)]
    pub fn commit(&mut self) -> u32 {
        let committed = self.core.take().map(facetbox::Transaction::commit);
        let (id, task) = Call::of(&self.mailbox, async move {
            match committed {
                Some(committed) => committed.await.map(|()| Value::Null),
                None => Err(ended()),
            }
        });
        self.ctx.spawn(task);
        id
    }

    /// Undoes what was written in it; other events are still kept out.
    #[napi(catch_unwind)]
    pub fn rollback(&mut self, env: &Env) -> Result<()> {
        let core = self.core.as_mut().ok_or_else(ended);
        self.mailbox.check(env, core.and_then(facetbox::Transaction::rollback))
    }

    /// Ends it, rolled back unless it was committed.
    #[napi(catch_unwind)]
    pub fn end(&mut self) {
        self.mailbox.leave(self.scope);
        self.core.take();
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        self.end();
    }
}

fn ended() -> Error {
    Error::new(ErrorCode::Storage, "The transaction has ended.")
}
