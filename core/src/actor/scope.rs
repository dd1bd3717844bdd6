//! Scopes: which event host code runs for, carried through an event loop.

use std::sync::{Arc, Weak};

use super::{Actor, Event};
use crate::tasks;

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
    /// Whether it is that of code which answers the event.
    answers: bool,
}

impl EventScope {
    /// The scope of the event whose code runs on this thread, if one does.
    pub fn current() -> Option<EventScope> {
        let event = Event::current()?;
        Some(EventScope { answers: event.is_handing(), ..EventScope::of(&event) })
    }

    pub(crate) fn of(event: &Arc<Event>) -> EventScope {
        let (actor, event) = (Arc::downgrade(&event.actor), Arc::downgrade(event));
        EventScope { actor, event, answers: false }
    }

    /// The scope of code of an actor that no event waits for.
    pub(crate) fn of_actor(actor: &Arc<Actor>) -> EventScope {
        EventScope { actor: Arc::downgrade(actor), event: Weak::new(), answers: false }
    }

    /// Runs `code`, which gives the answer that a binding was asked for in this scope. Where nothing is left to do after
    /// that but to tell whoever called from outside, as no guest waits and nothing was written, that is done on this
    /// thread, too; `before` is told so.
    pub fn answer(&self, before: impl FnOnce(), code: impl FnOnce()) {
        let event = self.event.upgrade().filter(|_| self.answers);
        if event.is_some_and(|event| event.ends_at_once()) {
            before();
            tasks::run_woken(code);
        } else {
            code();
        }
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
