//! An event's grip on its actor's turn.

use std::sync::Arc;

use super::section::section_cancelled;
use super::{Event, Turn};
use crate::error::Result;

/// The turn as one event holds it, gives it up while it waits, and takes it again.
///
/// Dropping it releases the turn; dropping it within a section resets the actor.
pub(crate) struct Hold {
    event: Arc<Event>,
    held: Option<Entry>,
}

/// The turn that an event has.
enum Entry {
    /// Its actor's.
    Own,
    /// That within the turn of an ancestor, which keeps its actor's.
    Within(Arc<Event>),
}

impl Entry {
    /// The turn that `event` has to take, so that a chain can come back into its own actors.
    fn of(event: &Event) -> Entry {
        event.keeper().map_or(Entry::Own, |keeper| Entry::Within(keeper.clone()))
    }

    fn turn<'a>(&'a self, event: &'a Event) -> &'a Turn {
        match self {
            Entry::Own => &event.actor.turn,
            Entry::Within(keeper) => keeper.reentry(),
        }
    }
}

impl Hold {
    /// Waits for the turn of the event's actor.
    pub async fn take(event: &Arc<Event>) -> Result<Hold> {
        let mut hold = Hold { event: event.clone(), held: None };
        hold.retake().await?;
        Ok(hold)
    }

    /// The event that has the turn, or waits without it.
    #[cfg(test)]
    pub fn event(&self) -> &Arc<Event> {
        &self.event
    }

    /// Lets other events run in the actor.
    pub fn release(&mut self) {
        if let Some(entry) = self.held.take() {
            self.event.set_holding(false);
            entry.turn(&self.event).release();
        }
    }

    /// Like [`Hold::release`], once the event is [alone](Hold::alone) in the turn.
    pub async fn give_back(&mut self) {
        if self.event.has_kept() {
            // Boxed as what few calls come to.
            Box::pin(self.alone()).await;
        }
        self.release();
    }

    /// Waits for those that have come into the turn while the event kept it, which it doesn't any more: whoever has it next
    /// must not meet them.
    pub async fn alone(&self) {
        let within = self.event.reentry();
        if !within.try_take(&self.event)
            && let Err(circle) = within.take(&self.event).await
        {
            // Whoever is within may be in the midst of a section, and waits for whoever is to have the turn next.
            self.event.actor.reset(&circle);
            return;
        }
        within.release();
    }

    /// Says that the event won't keep the turn while its code waits, before that code can make calls: those that
    /// come back are to wait as any others do.
    pub fn lend(&mut self) {
        self.event.set_holding(false);
    }

    /// Waits for the turn again.
    pub async fn retake(&mut self) -> Result<()> {
        while self.held.is_none() {
            let entry = Entry::of(&self.event);
            let turn = entry.turn(&self.event);
            if !turn.try_take(&self.event) {
                self.event.takes_time();
                match turn.take(&self.event).await {
                    // An ancestor that has the turn has begun to keep it meanwhile.
                    Err(_) if matches!(entry, Entry::Own) && self.event.keeper().is_some() => {
                        continue;
                    }
                    taken => taken?,
                }
            }
            if let Entry::Within(keeper) = &entry
                && !keeper.keeps_turn()
            {
                // It is giving it up, and may not have met this event.
                turn.release();
                continue;
            }
            self.event.set_holding(true);
            self.held = Some(entry);
        }
        Ok(())
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if self.held.is_some() && self.event.in_section() && self.event.actor.broken().is_none() {
            self.event.actor.reset(&section_cancelled());
        }
        self.release();
    }
}
