//! What SQLite's failures mean for the actor whose storage this is.

use rusqlite::ffi;

use super::{Shared, State};
use crate::error::{Error, ErrorCode};
use crate::storage::failure::Failure;
use crate::storage::files::free_bytes;

/// A file system with less space left than this is full, so that no quota was the reason.
const FULL_BYTES: u64 = 1 << 20;

impl State {
    /// The error that a failure of the main database is, which may have cost the transaction.
    pub fn fail(&mut self, failure: Failure, shared: &Shared) -> Error {
        let full = failure.kind() == ffi::SQLITE_FULL;
        // SQLite keeps a transaction if it was refused memory before it changed anything.
        let stopped = failure.kind() == ffi::SQLITE_INTERRUPT && self.in_transaction;
        let error = self.error(failure, shared);
        self.check_transaction(&error);
        if full || stopped {
            self.poison = Some(error.clone());
        }
        error
    }

    pub(super) fn error(&mut self, failure: Failure, shared: &Shared) -> Error {
        match failure.kind() {
            ffi::SQLITE_FULL if free_bytes(&shared.dir).is_some_and(|free| free < FULL_BYTES) => {
                disk_full(&failure, shared)
            }
            ffi::SQLITE_FULL => {
                let size = self.main.as_mut().and_then(|main| main.size().ok());
                full(&failure, size.unwrap_or_default(), shared.options.storage_bytes)
            }
            ffi::SQLITE_INTERRUPT => interrupted(),
            _ => failure.into(),
        }
    }
}

/// The error of a file system without space, whose path guests must not see.
pub(super) fn disk_full(failure: &Failure, shared: &Shared) -> Error {
    tracing::error!(path = %shared.dir.display(), "{}: the file system is full", failure.text());
    let message = format!("{}: there is no space left on the device.", failure.text());
    Error::new(ErrorCode::Storage, message).of_device()
}

fn full(failure: &Failure, size: u64, limit: u64) -> Error {
    let message = format!(
        "{}: the object's database uses {size} bytes and may use {limit} (storage_bytes).",
        failure.text()
    );
    Error::new(ErrorCode::LimitStorage, message)
}

/// The error of SQL that was stopped from outside.
pub(in crate::storage) fn interrupted() -> Error {
    let message = "The SQL statement was stopped because the object is being reset.";
    Error::new(ErrorCode::Reset, message)
}

pub(super) fn violated(failure: &Failure) -> Error {
    let message = format!(
        "Durable Object was reset and rolled back to its last known good state because the application left the database in a state where constraints were violated: {}",
        failure.text()
    );
    Error::new(ErrorCode::Reset, message)
}
