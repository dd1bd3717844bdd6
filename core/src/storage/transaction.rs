//! Transactions around a piece of code.

use super::Storage;
use crate::error::Result;

impl Storage {
    /// Runs `body` in a transaction (nested: a savepoint) that is rolled back if it fails or panics.
    ///
    /// # Errors
    /// What `body` answers; STORAGE; RESET if SQLite dropped the transaction meanwhile.
    pub fn transaction_sync<T>(&self, body: impl FnOnce() -> Result<T>) -> Result<T> {
        let mut open = Open { storage: self, depth: Some(self.begin()?) };
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
