//! Sections: what an event keeps other events out of its actor for while it waits,
//! `blockConcurrencyWhile()` and `transaction()`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use event_listener::Event as Signal;
use futures_lite::future;
use parking_lot::Mutex;

use super::{Actor, Event, Hold};
use crate::error::{Error, ErrorCode, Result};

/// How deep sections may be nested.
const MAX_SECTIONS: u32 = 64;

/// The sections of one event that are open.
#[derive(Default)]
pub(crate) struct Sections {
    open: AtomicU32,
    /// When the outermost has to be over.
    deadline: Mutex<Option<Instant>>,
    /// Those that code of the event has begun on an event loop, each an event of its own.
    begun: AtomicU32,
    /// Tells that one of these is over.
    over: Signal,
}

impl Event {
    /// Begins a section.
    ///
    /// # Errors
    /// An `Error` beyond 64 of them.
    pub fn enter_section(&self) -> Result<()> {
        let open = self.sections.open.load(Ordering::Relaxed);
        if open >= MAX_SECTIONS {
            return Err(nested_too_deeply(ErrorCode::GuestError));
        }
        if open == 0 {
            *self.sections.deadline.lock() = Some(Instant::now() + self.actor.section_time());
            self.note_kept();
        }
        self.sections.open.store(open + 1, Ordering::Relaxed);
        Ok(())
    }

    /// Ends a section.
    pub fn leave_section(&self) {
        let open = self.sections.open.load(Ordering::Relaxed);
        self.sections.open.store(open.saturating_sub(1), Ordering::Relaxed);
    }

    /// Whether it is in a section, so that it keeps its actor's turn while it waits.
    pub fn in_section(&self) -> bool {
        self.sections.open.load(Ordering::Relaxed) > 0
    }

    /// Ends the sections that are open: their code has been left behind.
    pub fn leave_sections(&self) {
        self.sections.open.store(0, Ordering::Relaxed);
    }

    /// How many sections of its actor it is in: its own and those of the events that wait for it.
    fn section_depth(&self) -> u32 {
        let same = self.ancestors().filter(|event| Arc::ptr_eq(&event.actor, &self.actor));
        let open = |event: &Event| event.sections.open.load(Ordering::Relaxed);
        open(self) + same.map(|event| open(event)).sum::<u32>()
    }

    /// Waits until the sections that its code has begun on an event loop are over.
    pub async fn sections_over(&self) {
        loop {
            let over = self.sections.over.listen();
            if self.sections.begun.load(Ordering::Acquire) == 0 {
                return;
            }
            over.await;
        }
    }

    /// Ends as soon as the event, or the section that it is in, has taken longer than it may.
    pub async fn late(&self) {
        let section = self.sections.deadline.lock().filter(|_| self.in_section());
        let time = section.map_or(self.deadline, |section| section.min(self.deadline));
        self.actor.runtime.timers.at(time).await;
    }
}

impl Actor {
    /// How long a section may take.
    pub fn section_time(&self) -> Duration {
        Duration::from_millis(self.limits.block_ms)
    }

    /// Breaks the actor because a section of it hasn't ended in time.
    pub fn fail_section(self: &Arc<Actor>) -> Error {
        let error = section_too_long().with_path(self.path.as_str());
        self.fail(error.clone());
        error
    }
}

/// A section whose code runs on an event loop: an event of its own, which keeps the actor's turn. Events of its
/// chain, sections that its code begins among them, come back into it.
pub(crate) struct LoopSection {
    event: Arc<Event>,
    hold: Option<Hold>,
    released: Arc<Signal>,
}

impl LoopSection {
    /// Begins a section that belongs to the event whose code runs on this thread, if one does.
    ///
    /// # Errors
    /// The actor's error if it is broken; LIMIT_DEPTH beyond 64 of them, or at the end of a chain.
    pub fn begin(actor: &Arc<Actor>) -> Result<LoopSection> {
        actor.check()?;
        let event = Event::new(actor, Event::current())?;
        if event.section_depth() >= MAX_SECTIONS {
            return Err(nested_too_deeply(ErrorCode::LimitDepth));
        }
        event.sections.open.store(1, Ordering::Relaxed);
        if let Some(parent) = event.parent_inside() {
            parent.sections.begun.fetch_add(1, Ordering::AcqRel);
        }
        Ok(LoopSection { event, hold: None, released: Arc::default() })
    }

    /// Waits for the turn, and keeps it. What takes longer than it may breaks the actor.
    ///
    /// # Errors
    /// DEADLOCK; the actor's error if it is broken.
    pub async fn enter(&mut self) -> Result<()> {
        let actor = &self.event.actor;
        let broken = async { Err(actor.end().await) };
        self.hold = Some(future::or(Hold::take(&self.event), broken).await?);
        let (release, weak) = (self.released.listen(), Arc::downgrade(actor));
        let late = actor.runtime.timers.at(Instant::now() + actor.section_time());
        let late = async move {
            late.await;
            if let Some(actor) = weak.upgrade() {
                actor.fail_section();
            }
        };
        actor.runtime.executor.spawn(future::or(release, late));
        Ok(())
    }

    pub fn event(&self) -> &Arc<Event> {
        &self.event
    }
}

impl Drop for LoopSection {
    fn drop(&mut self) {
        self.event.leave_sections();
        self.hold.take();
        if let Some(parent) = self.event.parent_inside() {
            parent.sections.begun.fetch_sub(1, Ordering::AcqRel);
            parent.sections.over.notify(usize::MAX);
        }
        self.released.notify(usize::MAX);
    }
}

impl Event {
    /// The event that waits for this one, if it is one of the same actor.
    fn parent_inside(&self) -> Option<&Arc<Event>> {
        self.parent.as_ref().filter(|parent| Arc::ptr_eq(&parent.actor, &self.actor))
    }
}

fn nested_too_deeply(code: ErrorCode) -> Error {
    Error::named(code, "Error", "blockConcurrencyWhile() calls are nested too deeply.")
}

/// The error of a section that hasn't ended in time.
pub(crate) fn section_too_long() -> Error {
    let message = "A call to blockConcurrencyWhile() in a Durable Object waited for too long. The call was canceled and the Durable Object was reset.";
    Error::new(ErrorCode::LimitWall, message)
}

/// The error of events in an actor in which a section was cut short: nobody can end what it was in the
/// middle of.
pub(super) fn section_cancelled() -> Error {
    let message = "A call was cancelled within a transaction or a critical section.";
    Error::new(ErrorCode::Reset, message)
}
