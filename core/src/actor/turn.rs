//! The turn: at most one event runs in an actor at a time, first come first served.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::ptr;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use super::Event;
use crate::error::{Error, ErrorCode, Result};

/// A first-in first-out lock that knows which event holds it.
#[derive(Default)]
pub(crate) struct Turn(Mutex<State>);

#[derive(Default)]
struct State {
    holder: Option<Arc<Event>>,
    queue: VecDeque<Waiter>,
}

struct Waiter {
    ticket: Ticket,
    event: Arc<Event>,
    waker: Waker,
}

/// Waits that are going on, to find cycles between them.
#[derive(Default)]
pub(crate) struct Waits(Mutex<Going>);

#[derive(Default)]
struct Going {
    waits: Vec<Wait>,
    next_ticket: Ticket,
}

/// Tells a wait from others, of the same event, too: code on an event loop may wait for several things.
type Ticket = u64;

struct Wait {
    ticket: Ticket,
    event: Arc<Event>,
    /// Where the turn is that it waits for: an actor has one, and each event that keeps it one within.
    turn: usize,
    holder: Arc<Event>,
}

impl Waits {
    /// Enters that `event` waits for a turn that `holder` holds.
    ///
    /// A holder that waits itself for something that `event` or one of its ancestors holds can never
    /// let go: that is a deadlock, refused here.
    fn enter(&self, event: &Arc<Event>, turn: &Turn, holder: &Arc<Event>) -> Result<Ticket> {
        let mut going = self.0.lock();
        let mut held_up = vec![holder.clone()];
        let mut seen = 0;
        while let Some(stuck) = held_up.get(seen).cloned() {
            seen += 1;
            if !stuck.keeps_turn() {
                continue; // it has just got its turn, or is about to give it back without waiting
            }
            if event.descends_from(&stuck) {
                return Err(deadlock(event, holder));
            }
            for wait in going.waits.iter().filter(|wait| wait.event.descends_from(&stuck)) {
                if !held_up.iter().any(|known| Arc::ptr_eq(known, &wait.holder)) {
                    held_up.push(wait.holder.clone());
                }
            }
        }
        let ticket = going.next_ticket;
        going.next_ticket += 1;
        let (event, holder, turn) = (event.clone(), holder.clone(), ptr::from_ref(turn).addr());
        going.waits.push(Wait { ticket, event, turn, holder });
        Ok(ticket)
    }

    fn leave(&self, ticket: Ticket) {
        self.0.lock().waits.retain(|wait| wait.ticket != ticket);
    }

    /// Whoever waits next has the turn now, which the others wait for: from it, and no longer from the one before,
    /// which may soon wait for the turn again.
    fn pass(&self, turn: &Turn, next: &Waiter) {
        let mut going = self.0.lock();
        going.waits.retain(|wait| wait.ticket != next.ticket);
        let turn = ptr::from_ref(turn).addr();
        for wait in going.waits.iter_mut().filter(|wait| wait.turn == turn) {
            wait.holder = next.event.clone();
        }
    }
}

/// A wait for the end of what somebody does with a turn, beside the queue for it.
pub(super) struct Beside<'a>(&'a Waits, Ticket);

impl Drop for Beside<'_> {
    fn drop(&mut self) {
        self.0.leave(self.1);
    }
}

fn deadlock(event: &Arc<Event>, holder: &Arc<Event>) -> Error {
    Error::new(
        ErrorCode::Deadlock,
        format!(
            "Deadlock: a call into {} waits for one that waits for it in {}.",
            event.actor.path, holder.actor.path
        ),
    )
}

impl Turn {
    /// Takes the turn if nobody has it or waits for it.
    pub fn try_take(&self, event: &Arc<Event>) -> bool {
        let mut state = self.0.lock();
        let free = state.holder.is_none() && state.queue.is_empty();
        if free {
            state.holder = Some(event.clone());
        }
        free
    }

    /// Waits for the turn. Dropping the future gives up the place in the queue.
    ///
    /// # Errors
    /// DEADLOCK if the holder waits for `event`'s own chain.
    pub async fn take(&self, event: &Arc<Event>) -> Result<()> {
        Take { turn: self, event, ticket: None, waits: &event.actor.runtime.waits }.await
    }

    /// Enters that `event` waits for something that whoever has the turn does, until the answer is dropped.
    ///
    /// # Errors
    /// DEADLOCK as with [`Turn::take`].
    pub(super) fn wait_beside<'a>(&self, event: &'a Arc<Event>) -> Result<Option<Beside<'a>>> {
        let state = self.0.lock();
        let Some(holder) = &state.holder else { return Ok(None) };
        let waits = &event.actor.runtime.waits;
        Ok(Some(Beside(waits, waits.enter(event, self, holder)?)))
    }

    /// Hands the turn to the next in the queue.
    pub fn release(&self) {
        let waker = {
            let mut state = self.0.lock();
            match state.queue.pop_front() {
                Some(next) => {
                    next.event.actor.runtime.waits.pass(self, &next);
                    state.holder = Some(next.event);
                    Some(next.waker)
                }
                None => {
                    state.holder = None;
                    None
                }
            }
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

struct Take<'a> {
    turn: &'a Turn,
    event: &'a Arc<Event>,
    waits: &'a Waits,
    ticket: Option<Ticket>,
}

impl Future for Take<'_> {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let mut state = self.turn.0.lock();
        if let Some(ticket) = self.ticket {
            if let Some(waiter) = state.queue.iter_mut().find(|waiter| waiter.ticket == ticket) {
                waiter.waker.clone_from(context.waker());
                return Poll::Pending;
            }
            self.ticket = None;
            return Poll::Ready(Ok(()));
        }
        let Some(holder) = &state.holder else {
            state.holder = Some(self.event.clone());
            return Poll::Ready(Ok(()));
        };
        let ticket = match self.waits.enter(self.event, self.turn, holder) {
            Ok(ticket) => ticket,
            Err(error) => return Poll::Ready(Err(error)),
        };
        let event = self.event.clone();
        state.queue.push_back(Waiter { ticket, event, waker: context.waker().clone() });
        drop(state);
        self.ticket = Some(ticket);
        Poll::Pending
    }
}

impl Drop for Take<'_> {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket else { return };
        self.waits.leave(ticket);
        let mut state = self.turn.0.lock();
        let queued = state.queue.len();
        state.queue.retain(|waiter| waiter.ticket != ticket);
        let granted = state.queue.len() == queued;
        drop(state);
        if granted {
            self.turn.release();
        }
    }
}
