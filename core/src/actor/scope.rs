//! Scopes: which event host code runs for, carried through an event loop.

use std::sync::{Arc, Weak};

use super::{Actor, Event};

/// The event that code of the host runs for, as bindings carry it through their event loop.
///
/// A thread knows the event whose code it runs; an event loop runs the code of many on one thread, in pieces.
/// So a binding takes the scope along with what it hands to its loop, and enters it around each call that this
/// code makes: such a call leaves after what its actor has written is durable, and belongs to the event's chain.
///
/// It keeps nothing alive. What goes on after its event has ended calls in the name of the actor alone.
#[derive(Clone)]
pub struct EventScope {
    actor: Weak<Actor>,
    event: Weak<Event>,
}

impl EventScope {
    /// The scope of the event whose code runs on this thread, if one does.
    pub fn current() -> Option<EventScope> {
        Event::current().map(|event| EventScope::of(&event))
    }

    pub(crate) fn of(event: &Arc<Event>) -> EventScope {
        EventScope { actor: Arc::downgrade(&event.actor), event: Arc::downgrade(event) }
    }

    /// The scope of code of an actor that no event waits for.
    pub(crate) fn of_actor(actor: &Arc<Actor>) -> EventScope {
        EventScope { actor: Arc::downgrade(actor), event: Weak::new() }
    }

    /// Runs code of the event on this thread.
    pub fn enter<T>(&self, code: impl FnOnce() -> T) -> T {
        let own = || Event::new(&self.actor.upgrade()?, None).ok();
        match self.event.upgrade().or_else(own) {
            Some(event) => event.enter(code),
            // The actor is gone, with everything that it could have to commit.
            None => code(),
        }
    }
}
