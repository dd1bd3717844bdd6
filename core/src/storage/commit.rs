//! Commits, and who waits for their being durable.
//!
//! An actor that is about to call its own facet commits and goes on: the log has what it wrote before what the facet
//! is going to write, so the flush that the facet waits for makes both durable. Until then [`Deferred`] tells all
//! actors of the object how far the log has to be durable before anything leaves any of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use event_listener::EventListener;

use super::capture::failed;
use super::failure::Failure;
use super::state::{Shared, State};
use super::{Span, Storage};
use crate::error::{Error, Result};

/// What a commit has to have come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum When {
    /// It is made: what follows in this object may count on it.
    Committed,
    /// It is as durable as the runtime promises.
    Durable,
}

/// How far the commit log has to be durable before anything leaves an object: the last record of what its actors have
/// committed without waiting for that.
#[derive(Default)]
pub(crate) struct Deferred(AtomicU64);

/// What runs after a commit.
pub(super) struct Action {
    /// The savepoint that it belongs to.
    pub savepoint: usize,
    when: When,
    run: Box<dyn FnOnce() + Send>,
}

impl Shared {
    /// Makes durable what the actors of the object have committed without waiting for that.
    pub fn flush_deferred(&self) -> Result<(), Failure> {
        let sequence = self.options.deferred.0.load(Ordering::Acquire);
        self.disk.flush(sequence).map_err(|error| failed(&error))
    }
}

impl Storage {
    /// What the storages of one object share.
    pub(crate) fn deferred(&self) -> &Arc<Deferred> {
        &self.0.options.deferred
    }

    /// Commits the implicit transaction, if one is open, and then runs what waits for that. An explicit
    /// one that is open is left alone; the answer is the innermost, or the sync one if there is one.
    ///
    /// Then everything is durable that the object has committed so far: what follows may leave it.
    pub(crate) fn commit(&self) -> Result<Option<Span>> {
        self.commit_as(When::Durable)
    }

    /// Like [`Storage::commit`] before a call of one of the actor's own facets: whatever leaves the object afterwards
    /// waits for its being durable.
    pub(crate) fn commit_ahead(&self) -> Result<Option<Span>> {
        self.commit_as(When::Committed)
    }

    fn commit_as(&self, when: When) -> Result<Option<Span>> {
        if self.0.state.is_idle() {
            if when == When::Durable {
                self.flush_deferred()?;
            }
            return Ok(None);
        }
        let (open, when, actions) = {
            let mut state = self.lock()?;
            match state.open() {
                Some(open) => (Some(open), when, Vec::new()),
                None => {
                    let when = state.actions.iter().map(|action| action.when).fold(when, When::max);
                    state.commit_as(when, &self.0)?;
                    (None, when, std::mem::take(&mut state.actions))
                }
            }
        };
        if when == When::Durable {
            self.flush_deferred()?;
        }
        if open.is_none() {
            self.0.disk.make_room();
            actions.into_iter().for_each(|action| (action.run)());
        }
        Ok(open)
    }

    /// Makes durable what the object has committed without waiting for that.
    pub(crate) fn flush_deferred(&self) -> Result<()> {
        self.0.flush_deferred().map_err(Error::from)
    }

    /// Commits unless an explicit transaction is open of which `until` says that it matters: answers that one, and what
    /// tells of its end.
    pub(crate) fn commit_unless(
        &self,
        until: impl Fn(Span) -> bool,
    ) -> Result<Option<(Span, EventListener)>> {
        let ended = self.0.ended.listen();
        let open = self.commit()?.filter(|open| until(*open));
        Ok(open.map(|open| (open, ended)))
    }

    /// Runs `action` after the next commit, as soon as that has come so far; a rollback drops it.
    pub(crate) fn on_commit(
        &self,
        when: When,
        action: impl FnOnce() + Send + 'static,
    ) -> Result<()> {
        let mut state = self.lock()?;
        let savepoint = state.depth();
        state.actions.push(Action { savepoint, when, run: Box::new(action) });
        Ok(())
    }
}

impl State {
    fn commit_as(&mut self, when: When, shared: &Shared) -> Result<()> {
        if let Some(last) = self.commit(when, shared)? {
            // With the lock held: whoever reads what was committed has to meet this.
            shared.options.deferred.0.fetch_max(last, Ordering::AcqRel);
        }
        Ok(())
    }
}
