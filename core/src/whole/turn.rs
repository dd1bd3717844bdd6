//! The moment between two events of an actor.

use std::sync::Arc;

use crate::actor::{Actor, Event, Hold};
use crate::error::Result;
use crate::id::ObjectId;
use crate::namespace::Namespace;

/// An actor whose turn is held, with everything that it wrote committed. Dropping it lets events go on.
pub(super) struct Quiet {
    actor: Arc<Actor>,
    held: Option<(Hold, Arc<Event>)>,
}

impl Quiet {
    /// Waits for the turn of the actor that `find` answers; of another if that one breaks meanwhile.
    pub async fn wait(
        parent: Option<Arc<Event>>,
        find: impl Fn() -> Result<Arc<Actor>>,
    ) -> Result<Quiet> {
        loop {
            let actor = find()?;
            let event = Event::new(&actor, parent.clone())?;
            let hold = Hold::take(&event).await?;
            if actor.broken().is_none() {
                event.settle().await?;
                return Ok(Quiet { actor, held: Some((hold, event)) });
            }
        }
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        self.held = None;
        // It may have been made for this alone.
        self.actor.runtime.warm.forget(&self.actor);
    }
}

/// The actor of an object, or of that of its facets on the way `facets` which is the last that runs.
pub(super) fn last_running(
    namespace: &Namespace,
    id: &ObjectId,
    facets: &[String],
) -> Result<Arc<Actor>> {
    let mut actor = namespace.actor(id)?;
    for name in facets {
        match actor.facets.running(name) {
            Some(facet) => actor = facet,
            None => break,
        }
    }
    Ok(actor)
}
