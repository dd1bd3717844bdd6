//! Scopes, sections and transactions of code on an event loop.

use facetbox::{ConcurrencyGuard, EventScope as CoreScope, Transaction as CoreTransaction};
use parking_lot::Mutex;
use pyo3::prelude::*;

use crate::interpreter::detach;

/// The event that code on a loop runs for.
#[pyclass(frozen, module = "facetbox._native")]
pub struct EventScope(pub CoreScope);

/// Keeps other events out of an object until it is released.
#[pyclass(frozen, module = "facetbox._native")]
pub struct Guard {
    core: Mutex<Option<ConcurrencyGuard>>,
    scope: CoreScope,
}

impl Guard {
    /// Wraps core's.
    pub fn new(core: ConcurrencyGuard) -> Guard {
        Guard { scope: core.scope(), core: Mutex::new(Some(core)) }
    }
}

#[pymethods]
impl Guard {
    /// The scope that the section's code runs in.
    #[getter]
    fn scope(&self) -> EventScope {
        EventScope(self.scope.clone())
    }

    /// Lets other events in.
    fn release(&self, py: Python<'_>) {
        let core = self.core.lock().take();
        detach(py, || drop(core));
    }
}

/// A transaction, until it has ended.
#[pyclass(frozen, module = "facetbox._native")]
pub struct Transaction {
    core: Mutex<Option<CoreTransaction>>,
    scope: CoreScope,
}

impl Transaction {
    /// Wraps core's.
    pub fn new(core: CoreTransaction) -> Transaction {
        Transaction { scope: core.scope(), core: Mutex::new(Some(core)) }
    }

    /// What is left of it to commit.
    pub fn take(&self) -> Option<CoreTransaction> {
        self.core.lock().take()
    }
}

#[pymethods]
impl Transaction {
    /// The scope that the transaction's code runs in.
    #[getter]
    fn scope(&self) -> EventScope {
        EventScope(self.scope.clone())
    }

    /// Ends it, rolled back unless it was committed.
    fn end(&self, py: Python<'_>) {
        let core = self.take();
        detach(py, || drop(core));
    }
}
