//! What a host class sees of its own actor.

use std::fmt;
use std::sync::Arc;

use crate::actor::{Actor, ActorId, Event, Hold};
use crate::error::{Error, ErrorCode, Result};
use crate::facet::Facets;
use crate::loader::Loader;
use crate::storage::Storage;
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
    /// turn is free while they wait.
    ///
    /// # Errors
    /// The actor's error if it is broken.
    pub async fn block_concurrency(&self) -> Result<ConcurrencyGuard> {
        self.actor.check()?;
        let event = Event::new(&self.actor, None)?;
        Ok(ConcurrencyGuard(Hold::take(&event).await?))
    }

    /// Starts `task` on the runtime's own threads: how bindings poll what nobody waits for.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.actor.runtime.executor.spawn(task);
    }

    /// Fails the calls of the actor with `error` from now on, as a failed
    /// `blockConcurrencyWhile` does.
    pub fn fail(&self, error: Error) {
        self.actor.fail(error);
    }
}

/// Keeps other events out of an actor; see [`Ctx::block_concurrency`].
pub struct ConcurrencyGuard(#[expect(dead_code, reason = "released on drop")] Hold);

impl fmt::Debug for Ctx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ctx({:?})", self.path())
    }
}

pub(crate) fn aborted(reason: Option<&str>) -> Error {
    let default = "Application called abort() to reset Durable Object.";
    Error::new(ErrorCode::Aborted, reason.unwrap_or(default))
}
