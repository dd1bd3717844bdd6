//! What a host class sees of its own actor.

use std::fmt;
use std::sync::Arc;

use crate::actor::{Actor, ActorId, Awake, EventScope, LoopSection};
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

    /// The props that the class was bound with; null, because only classes of guests are bound with any.
    pub fn props(&self) -> &Value {
        &Value::Null
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
    /// turn is free while they wait. The section belongs to the event whose code runs on this thread; its code is
    /// to run in [`ConcurrencyGuard::scope`], so that what it calls may come back into the actor, and sections
    /// that it begins are nested in it. A constructor is over when the sections that it has begun are.
    ///
    /// A guard that is kept longer than [`Limits::block_ms`](crate::Limits) resets the object: its calls then
    /// fail with LIMIT_WALL.
    ///
    /// # Errors
    /// The actor's error if it is broken; LIMIT_DEPTH beyond 64 levels, at once.
    pub fn block_concurrency(
        &self,
    ) -> Result<impl Future<Output = Result<ConcurrencyGuard>> + Send + use<>> {
        let mut section = LoopSection::begin(&self.actor)?;
        Ok(async move {
            section.enter().await?;
            Ok(ConcurrencyGuard { section })
        })
    }

    /// Opens a transaction whose code may wait, as `storage.transaction()` does: commits what was written
    /// before, and keeps other events out of the actor until it has ended, as [`Ctx::block_concurrency`] does.
    /// Within another transaction of the same chain it is a savepoint of that. For event-loop classes; what
    /// code of their other events, which is on its way already, writes meanwhile is part of it.
    ///
    /// # Errors
    /// As [`Ctx::block_concurrency`]; STORAGE.
    pub fn begin_transaction(
        &self,
    ) -> Result<impl Future<Output = Result<Transaction>> + Send + use<>> {
        let (blocked, storage) = (self.block_concurrency()?, self.storage().clone());
        Ok(async move {
            let block = blocked.await?;
            block.section.event().before_leaving().await?;
            let depth = Some(storage.begin_when_free(Span::Async).await?);
            Ok(Transaction { storage, depth, block })
        })
    }

    /// Keeps the instance from being dropped as idle until what this answers is dropped: for work that goes on
    /// after its event, as that given to `waitUntil()`.
    pub fn keep_awake(&self) -> Awake {
        Awake::new(&self.actor)
    }

    /// The scope of code of this actor that no event waits for.
    pub fn scope(&self) -> EventScope {
        EventScope::of_actor(&self.actor)
    }

    /// Says that code on an event loop is about to write, once in each turn of the loop. What was written in
    /// earlier turns is committed first if it hasn't been yet, which waits for the disk: so that an abort
    /// discards what was written in its own turn only.
    ///
    /// # Errors
    /// Those of the commit.
    pub fn begin_turn(&self) -> Result<()> {
        self.actor.commit_loop_turn()
    }

    /// Says that such a turn is over: what was written in it is committed soon, on the runtime's own threads.
    pub fn end_turn(&self) {
        self.actor.end_loop_turn();
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
    section: LoopSection,
}

impl ConcurrencyGuard {
    /// The scope that the section's code is to run in.
    pub fn scope(&self) -> EventScope {
        EventScope::of(self.section.event())
    }
}

/// A transaction whose code may wait; see [`Ctx::begin_transaction`]. It is rolled back unless it is
/// committed.
pub struct Transaction {
    storage: Storage,
    /// Its place among the savepoints, until it has ended.
    depth: Option<usize>,
    block: ConcurrencyGuard,
}

impl Transaction {
    /// The scope that the transaction's code is to run in, as that of a section.
    pub fn scope(&self) -> EventScope {
        self.block.scope()
    }

    /// Commits it, now: with the transaction around it, if there is one. The future ends when that is durable;
    /// until then other events are kept out. Dropping it leaves that to whatever the actor says next.
    ///
    /// # Errors
    /// STORAGE; RESET if a critical error has rolled it back already, or a deferred constraint is violated.
    pub fn commit(mut self) -> impl Future<Output = Result<()>> + Send + use<> {
        let ended = self.end(true);
        async move {
            ended?;
            self.block.section.event().before_leaving().await
        }
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
