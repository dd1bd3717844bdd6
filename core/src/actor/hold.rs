//! An event's grip on its actor's turn.

use std::sync::Arc;

use super::Event;
use super::section::section_cancelled;
use crate::error::Result;

/// The turn as one event holds it, gives it up while it waits, and takes it again.
///
/// Dropping it releases the turn; dropping it within a section resets the actor.
pub(crate) struct Hold {
    event: Arc<Event>,
    held: bool,
}

impl Hold {
    /// Waits for the turn of the event's actor.
    pub async fn take(event: &Arc<Event>) -> Result<Hold> {
        let mut hold = Hold { event: event.clone(), held: false };
        hold.retake().await?;
        Ok(hold)
    }

    /// The event that has the turn, or waits without it.
    pub fn event(&self) -> &Arc<Event> {
        &self.event
    }

    /// Lets other events run in the actor.
    pub fn release(&mut self) {
        if std::mem::take(&mut self.held) {
            self.event.set_holding(false);
            self.event.entry_turn().release();
        }
    }

    /// Waits for the turn again.
    pub async fn retake(&mut self) -> Result<()> {
        if !self.held {
            self.event.entry_turn().take(&self.event).await?;
            self.event.set_holding(true);
            self.held = true;
        }
        Ok(())
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if self.held && self.event.in_section() && self.event.actor.broken().is_none() {
            self.event.actor.reset(&section_cancelled());
        }
        self.release();
    }
}
