//! Transactions whose code may wait.

use std::sync::Arc;

use facetbox::{Error, ErrorCode};
use napi::bindgen_prelude::AsyncTask;
use napi::{Env, Result};
use napi_derive::napi;

use crate::mailbox::Mailbox;
use crate::task::Blocking;

/// A transaction, until it has ended. It is rolled back with its end unless it was committed.
#[napi]
pub struct Transaction {
    core: Option<facetbox::Transaction>,
    mailbox: Arc<Mailbox>,
}

impl Transaction {
    pub(crate) fn new(core: facetbox::Transaction, mailbox: &Arc<Mailbox>) -> Transaction {
        Transaction { core: Some(core), mailbox: mailbox.clone() }
    }
}

#[napi]
impl Transaction {
    /// A transaction within this one.
    #[napi(catch_unwind)]
    pub fn nested(&self, env: &Env) -> Result<Transaction> {
        let nested = self.core.as_ref().ok_or_else(ended).and_then(facetbox::Transaction::nested);
        let nested = self.mailbox.check(env, nested)?;
        Ok(Transaction::new(nested, &self.mailbox))
    }

    /// Commits it, off the JavaScript thread, because that waits for the disk.
    #[napi(ts_return_type = "Promise<void>", catch_unwind)]
    pub fn commit(&mut self) -> AsyncTask<Blocking<(), ()>> {
        let core = self.core.take();
        let work = move || core.ok_or_else(ended)?.commit();
        Blocking::new(&self.mailbox, work, |_, ()| Ok(()))
    }

    /// Rolls it back, if it hasn't ended.
    #[napi(catch_unwind)]
    pub fn rollback(&mut self, env: &Env) -> Result<()> {
        let done = self.core.take().map_or(Ok(()), |mut core| core.rollback());
        self.mailbox.check(env, done)
    }
}

fn ended() -> Error {
    Error::new(ErrorCode::Storage, "The transaction has ended.")
}
