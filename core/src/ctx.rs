//! What a host class sees of its own actor.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use event_listener::Event as Signal;
use futures_lite::future;

use crate::actor::{Actor, ActorId, Event, Hold};
use crate::error::{Error, ErrorCode, Result};
use crate::facet::Facets;
use crate::loader::Loader;
use crate::storage::{Span, Storage};
use crate::value::Value;

/// The context of one object or facet: its id, storage and facets.
///
/// Cloning is cheap; clones may be used from any thread while the instance runs. Once the actor is
/// broken every operation fails with its error.
#[derive(Clone)]
pub struct Ctx {
    actor: Arc<Actor>,
}

impl Ctx {
    pub(crate) fn new(actor: Arc<Actor>) -> Ctx {
        Ctx { actor }
    }

    /// The object's id; for a facet its parent's, or what its supervisor chose.
    pub fn id(&self) -> &ActorId {
        &self.actor.id
    }

    /// The path `namespace/object/facet/…`, for messages and logs.
    pub fn path(&self) -> &str {
        &self.actor.path
    }

    /// The props that the class was bound with; null without.
    pub fn props(&self) -> &Value {
        &self.actor.props
    }

    /// The storage of this actor.
    pub fn storage(&self) -> &Storage {
        self.actor.storage().expect("host classes always have storage")
    }

    /// The facets of this actor.
    pub fn facets(&self) -> Facets {
        Facets::new(self.actor.clone())
    }

    /// The runtime's Worker Loader.
    pub fn loader(&self) -> Loader {
        Loader::new(&self.actor.runtime)
    }

    /// Aborts the object or facet: discards what is uncommitted and breaks it and its facets.
    ///
    /// Returns the error that the handler is to end with; every caller gets it.
    #[must_use = "return the error from the handler"]
    pub fn abort(&self, reason: Option<&str>) -> Error {
        let error = aborted(reason);
        self.actor.fail(error.clone());
        error
    }

    /// Deletes everything that this actor and its facets store; running facets are aborted.
    ///
    /// # Errors
    /// STORAGE within a transaction.
    pub fn delete_all(&self) -> Result<()> {
        self.facets().delete_all()
    }

    /// Keeps other events out of the actor until the guard is dropped. For event-loop classes, whose
    /// turn is free while they wait. A guard that is kept longer than [`Limits::block_ms`](crate::Limits)
    /// resets the object: its calls then fail with LIMIT_WALL.
    ///
    /// # Errors
    /// The actor's error if it is broken.
    pub async fn block_concurrency(&self) -> Result<ConcurrencyGuard> {
        self.actor.check()?;
        let event = Event::new(&self.actor, None)?;
        let hold = Hold::take(&event).await?;
        Ok(ConcurrencyGuard::new(&self.actor, hold))
    }

    /// Opens a transaction whose code may wait, as `storage.transaction()` does: commits what was written
    /// before, and keeps other events out of the actor until the guard is dropped, no longer than
    /// [`Limits::block_ms`](crate::Limits). For event-loop classes; what their other events, which are on
    /// their way already, write meanwhile is part of it.
    ///
    /// # Errors
    /// The actor's error if it is broken; STORAGE.
    pub async fn begin_transaction(&self) -> Result<Transaction> {
        let block = self.block_concurrency().await?;
        block.hold.event().settle().await?;
        Transaction::begin(self.storage(), Some(block))
    }

    /// Starts `task` on the runtime's own threads: how bindings poll what nobody waits for.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.actor.runtime.spawn(task);
    }

    /// Fails the calls of the actor with `error` from now on, as a failed
    /// `blockConcurrencyWhile` does.
    pub fn fail(&self, error: Error) {
        self.actor.fail(error);
    }
}

/// Keeps other events out of an actor; see [`Ctx::block_concurrency`].
pub struct ConcurrencyGuard {
    hold: Hold,
    released: Arc<Signal>,
}

impl ConcurrencyGuard {
    fn new(actor: &Arc<Actor>, hold: Hold) -> ConcurrencyGuard {
        let released = Arc::new(Signal::new());
        let (release, weak) = (released.listen(), Arc::downgrade(actor));
        let late = actor.runtime.timers.at(Instant::now() + actor.section_time());
        let late = async move {
            late.await;
            if let Some(actor) = weak.upgrade() {
                actor.fail_section();
            }
        };
        actor.runtime.executor.spawn(future::or(release, late));
        ConcurrencyGuard { hold, released }
    }
}

impl Drop for ConcurrencyGuard {
    fn drop(&mut self) {
        self.released.notify(usize::MAX);
    }
}

/// A transaction whose code may wait; see [`Ctx::begin_transaction`]. It is rolled back unless it is
/// committed.
pub struct Transaction {
    storage: Storage,
    /// Its place among the savepoints, until it has ended.
    depth: Option<usize>,
    #[expect(dead_code, reason = "released on drop")]
    block: Option<ConcurrencyGuard>,
}

impl Transaction {
    fn begin(storage: &Storage, block: Option<ConcurrencyGuard>) -> Result<Transaction> {
        let depth = Some(storage.begin(Span::Async)?);
        Ok(Transaction { storage: storage.clone(), depth, block })
    }

    /// Opens a transaction within this one.
    ///
    /// # Errors
    /// STORAGE.
    pub fn nested(&self) -> Result<Transaction> {
        Transaction::begin(&self.storage, None)
    }

    /// Commits it: with the transaction around it, if there is one, else at once.
    ///
    /// # Errors
    /// STORAGE; RESET if a critical error has rolled it back already, or a deferred constraint is violated.
    pub fn commit(mut self) -> Result<()> {
        self.end(true)?;
        self.storage.sync()
    }

    /// Rolls it back. Doing so again does nothing.
    ///
    /// # Errors
    /// STORAGE.
    pub fn rollback(&mut self) -> Result<()> {
        self.end(false)
    }

    fn end(&mut self, commit: bool) -> Result<()> {
        self.depth.take().map_or(Ok(()), |depth| self.storage.end(depth, commit))
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if let Err(error) = self.end(false) {
            tracing::debug!(%error, "a transaction can't be rolled back");
        }
    }
}

impl fmt::Debug for Ctx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ctx({:?})", self.path())
    }
}

pub(crate) fn aborted(reason: Option<&str>) -> Error {
    let default = "Application called abort() to reset Durable Object.";
    Error::new(ErrorCode::Aborted, reason.unwrap_or(default))
}
