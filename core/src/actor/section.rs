//! Sections: what an event keeps other events out of its actor for while it waits,
//! `blockConcurrencyWhile()` and `transaction()`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::{Actor, Event};
use crate::error::{Error, ErrorCode, Result};

/// How deep sections may be nested.
const MAX_SECTIONS: u32 = 64;

/// The sections of one event that are open.
#[derive(Default)]
pub(crate) struct Sections {
    open: AtomicU32,
    /// When the outermost has to be over.
    deadline: Mutex<Option<Instant>>,
}

impl Event {
    /// Begins a section.
    ///
    /// # Errors
    /// An `Error` beyond 64 of them.
    pub fn enter_section(&self) -> Result<()> {
        let open = self.sections.open.load(Ordering::Relaxed);
        if open >= MAX_SECTIONS {
            let message = "blockConcurrencyWhile() calls are nested too deeply.";
            return Err(Error::guest("Error", message));
        }
        if open == 0 {
            *self.sections.deadline.lock() = Some(Instant::now() + self.actor.section_time());
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
