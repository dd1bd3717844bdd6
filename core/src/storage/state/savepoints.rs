//! Transactions and savepoints of one storage: opened, ended, taken back.

use std::sync::Arc;

use super::{Shared, State};
use crate::error::{Error, ErrorCode, Result};
use crate::storage::failure::Failure;
use crate::storage::own::Own;
use crate::storage::{Span, Storage};

impl Storage {
    /// Opens a transaction or, within one, a savepoint, and answers its depth.
    pub(crate) fn begin(&self, span: Span) -> Result<usize> {
        let mut state = self.lock()?;
        state.begin(span, &self.0)
    }

    /// Opens one as soon as no code runs that can't wait for others: that of a `transactionSync()` on another
    /// thread, to which this would belong.
    pub(crate) async fn begin_when_free(&self, span: Span) -> Result<usize> {
        loop {
            let ended = self.0.ended.listen();
            if let Some(begun) = self.begin_if_free(span) {
                return begun;
            }
            ended.await;
        }
    }

    fn begin_if_free(&self, span: Span) -> Option<Result<usize>> {
        let mut state = self.0.state.lock();
        let free = state.open() != Some(Span::Sync);
        free.then(|| state.check().and_then(|()| state.begin(span, &self.0)))
    }

    /// How many savepoints are open.
    pub(crate) fn depth(&self) -> usize {
        if self.0.state.is_idle() { 0 } else { self.0.state.lock().depth() }
    }

    /// Ends the savepoint `depth` and those within it.
    pub(crate) fn end(&self, depth: usize, commit: bool) -> Result<()> {
        let mut state = self.0.state.lock();
        if let Some(error) = &state.ended {
            return Err(error.clone());
        }
        // Below the depth the whole transaction is gone already, and there is nothing to undo.
        let possible = state.savepoints.len() >= depth && state.poison.is_none();
        while state.savepoints.len() >= depth {
            let outcome = state.end_savepoint(commit && possible);
            outcome.map_err(|failure| state.fail(failure, &self.0))?;
        }
        self.0.ended.notify(usize::MAX);
        match commit && !possible {
            true => {
                let message = "Cannot commit transaction due to an earlier SQL critical error";
                Err(Error::new(ErrorCode::Reset, message))
            }
            false => Ok(()),
        }
    }

    /// Rolls back what is uncommitted. After a critical error the storage works again.
    pub(crate) fn rollback(&self) {
        let mut state = self.0.state.lock();
        if state.in_transaction
            && let Some(main) = &mut state.main
            && !main.db.is_autocommit()
            && let Err(failure) = main.run(Own::Rollback, &[])
        {
            tracing::warn!(error = failure.text(), "a rollback failed");
        }
        state.forget_transaction();
        state.poison = None;
        self.0.ended.notify(usize::MAX);
    }

    /// Whether code runs that can't wait for others: that of a `transactionSync()`.
    pub(crate) fn in_sync_transaction(&self) -> bool {
        !self.0.state.is_idle() && self.0.state.lock().open() == Some(Span::Sync)
    }

    /// How many times something was rolled back.
    pub(crate) fn rollbacks(&self) -> u64 {
        self.0.state.rollbacks()
    }
}

impl State {
    fn begin(&mut self, span: Span, shared: &Arc<Shared>) -> Result<usize> {
        let connection = self.writer(shared)?;
        connection.run(Own::Savepoint, &[]).map_err(|failure| self.fail(failure, shared))?;
        self.savepoints.push(span);
        Ok(self.savepoints.len())
    }

    fn end_savepoint(&mut self, commit: bool) -> Result<(), Failure> {
        let Some(main) = &mut self.main else {
            return Ok(());
        };
        if !commit {
            main.run(Own::RollbackTo, &[])?;
            self.rollbacks += 1;
            let depth = self.savepoints.len();
            self.actions.retain(|action| action.savepoint < depth);
        }
        main.run(Own::Release, &[])?;
        self.savepoints.pop();
        for action in &mut self.actions {
            action.savepoint = self.savepoints.len().min(action.savepoint);
        }
        Ok(())
    }
}
