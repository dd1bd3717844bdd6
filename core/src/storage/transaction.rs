//! Transactions around a piece of code.

use super::Storage;
use crate::error::Result;

/// What the code of an explicit transaction may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Span {
    /// It runs through: nothing leaves the actor before it has ended.
    Sync,
    /// It may wait for others, who hear of it before it is committed.
    Async,
}

impl Storage {
    /// Runs `body` in a transaction (nested: a savepoint) that is rolled back if it fails or panics.
    ///
    /// # Errors
    /// What `body` answers; STORAGE; RESET if SQLite dropped the transaction meanwhile.
    pub fn transaction_sync<T>(&self, body: impl FnOnce() -> Result<T>) -> Result<T> {
        self.transact(Span::Sync, body)
    }

    /// Like [`Storage::transaction_sync`] with a body that may call others: they run before it is known
    /// whether the transaction is committed. What was written before is committed first.
    ///
    /// # Errors
    /// As [`Storage::transaction_sync`].
    pub fn transaction<T>(&self, body: impl FnOnce() -> Result<T>) -> Result<T> {
        self.sync()?;
        self.transact(Span::Async, body)
    }

    fn transact<T>(&self, span: Span, body: impl FnOnce() -> Result<T>) -> Result<T> {
        let mut open = Open { storage: self, depth: Some(self.begin(span)?) };
        let value = body()?;
        open.end(true)?;
        Ok(value)
    }
}

/// A transaction that is rolled back unless it is ended.
struct Open<'a> {
    storage: &'a Storage,
    depth: Option<usize>,
}

impl Open<'_> {
    fn end(&mut self, commit: bool) -> Result<()> {
        self.depth.take().map_or(Ok(()), |depth| self.storage.end(depth, commit))
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.end(false) {
            tracing::debug!(%error, "a transaction can't be rolled back");
        }
    }
}
