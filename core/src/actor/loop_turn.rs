//! Turns of an event loop: what was written in one that is over doesn't share the fate of what the next writes.

use std::cell::Cell;
use std::sync::Arc;

use parking_lot::ReentrantMutex;

use super::Actor;
use crate::error::Result;

/// Whether a turn of the loop is over whose writes aren't committed yet. Locked during the commit, which may fail
/// the actor and so come back here.
#[derive(Default)]
pub(crate) struct LoopTurn(ReentrantMutex<Cell<bool>>);

impl Actor {
    /// Commits what was written in a turn of the loop that is over, if that hasn't been done yet: before the next one
    /// writes, and before an abort.
    ///
    /// # Errors
    /// Those of the commit.
    pub fn commit_loop_turn(self: &Arc<Actor>) -> Result<()> {
        let over = self.loop_turn.0.lock();
        match over.take() {
            true => self.flush().map(drop),
            false => Ok(()),
        }
    }

    /// The turn of the loop is over: what was written in it is committed soon, on another thread.
    pub fn end_loop_turn(self: &Arc<Actor>) {
        self.loop_turn.0.lock().set(true);
        let actor = self.clone();
        // An error has broken the actor, whose calls tell so.
        self.runtime.spawn(async move { drop(actor.commit_loop_turn()) });
    }
}
