//! Who has used what an entrypoint uses: it has no database to keep that in.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::{Actor, Event};
use crate::lanes::Lane;

/// Who has called an entrypoint last: what it leaves behind runs for them.
#[derive(Default)]
pub(super) struct Payer(Mutex<Weak<Actor>>);

impl Event {
    /// Who pays for an event of an entrypoint: the nearest caller that has storage.
    pub fn payer(&self) -> Option<Arc<Actor>> {
        self.caller_with_storage().or_else(|| self.actor.payer.0.lock().upgrade())
    }

    /// Where what the event leaves behind queues for a thread.
    pub fn lane(&self) -> Lane {
        match &self.actor.storage {
            Some(_) => Lane::of(&self.actor),
            None => Lane::of(self.payer().as_ref().unwrap_or(&self.actor)),
        }
    }

    /// Notes who pays for what the event leaves behind.
    pub fn note_payer(&self) {
        if self.actor.storage.is_none()
            && let Some(caller) = self.caller_with_storage()
        {
            *self.actor.payer.0.lock() = Arc::downgrade(&caller);
        }
    }

    fn caller_with_storage(&self) -> Option<Arc<Actor>> {
        let mut callers = self.ancestors().map(|event| &event.actor);
        callers.find(|actor| actor.storage.is_some()).cloned()
    }
}
