//! The turn: at most one event runs in an actor at a time, first come first served.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
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
    /// Those that wait, in their order.
    queue: BTreeMap<Ticket, Waiter>,
    next_ticket: Ticket,
}

struct Waiter {
    event: Arc<Event>,
    waker: Waker,
}

/// Tells a wait from others, of the same event, too: code on an event loop may wait for several things.
type Ticket = u64;

/// Waits that are going on, to find cycles between them. All of a runtime's are under one lock, and a guest may
/// begin any number: none is looked for among the others.
#[derive(Default)]
pub(crate) struct Waits(Mutex<Going>);

#[derive(Default)]
struct Going {
    /// The turns that are waited for.
    turns: HashMap<Place, Wanted>,
    /// For each event, the turns that it or others of its chain, for which it waits, wait for, and how often.
    waits: HashMap<Place, HashMap<Place, usize>>,
}

/// A turn that is waited for.
struct Wanted {
    holder: Arc<Event>,
    waits: usize,
}

/// Where an event is, or a turn: an actor has one, and each event that keeps it one within. Who waits keeps both.
type Place = usize;

fn place<T>(of: &T) -> Place {
    ptr::from_ref(of).addr()
}

impl Waits {
    /// Whether nobody waits, and nothing is left of those who have.
    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        let going = self.0.lock();
        going.turns.is_empty() && going.waits.is_empty()
    }

    /// Enters that `event` waits for a turn that `holder` holds.
    ///
    /// A holder that waits itself for something that `event` or one of its ancestors holds can never
    /// let go: that is a deadlock, refused here. So can't one that gives its turn up, if whoever is within that can't.
    fn enter(&self, event: &Arc<Event>, turn: &Turn, holder: &Arc<Event>) -> Result<()> {
        let going = &mut *self.0.lock();
        let mut held_up = vec![holder];
        let mut known = HashSet::from([place(&**holder)]);
        while let Some(stuck) = held_up.pop() {
            let (keeps, within) = (stuck.keeps_turn(), place(stuck.reentry()));
            // One that doesn't keep its turn has just got it, or is about to give it back, for which it waits for nothing
            // but those within.
            let closes = match keeps {
                true => event.descends_from(stuck),
                false => Arc::ptr_eq(event, stuck) && place(turn) == within,
            };
            if closes {
                return Err(deadlock(event, holder));
            }
            let kept = going.waits.get(&place(&**stuck)).filter(|_| keeps);
            let lent = (!keeps).then_some(&within);
            let turns = kept.into_iter().flat_map(HashMap::keys).chain(lent);
            for wanted in turns.filter_map(|turn| going.turns.get(turn)) {
                if known.insert(place(&*wanted.holder)) {
                    held_up.push(&wanted.holder);
                }
            }
        }
        let turn = place(turn);
        let wanted = Wanted { holder: holder.clone(), waits: 0 };
        let wanted = going.turns.entry(turn).or_insert(wanted);
        wanted.holder.clone_from(holder);
        wanted.waits += 1;
        for event in event.chain() {
            *going.waits.entry(place(&**event)).or_default().entry(turn).or_default() += 1;
        }
        Ok(())
    }

    fn leave(&self, event: &Arc<Event>, turn: &Turn) {
        self.0.lock().leave(event, place(turn));
    }

    /// Whoever waits next has the turn now, which the others wait for: from it, and no longer from the one before,
    /// which may soon wait for the turn again.
    fn pass(&self, turn: &Turn, next: &Arc<Event>) {
        let mut going = self.0.lock();
        going.leave(next, place(turn));
        if let Some(wanted) = going.turns.get_mut(&place(turn)) {
            wanted.holder.clone_from(next);
        }
    }
}

impl Going {
    fn leave(&mut self, event: &Arc<Event>, turn: Place) {
        if let Entry::Occupied(mut wanted) = self.turns.entry(turn) {
            wanted.get_mut().waits -= 1;
            if wanted.get().waits == 0 {
                wanted.remove();
            }
        }
        for event in event.chain() {
            let Entry::Occupied(mut turns) = self.waits.entry(place(&**event)) else { continue };
            if let Entry::Occupied(mut waits) = turns.get_mut().entry(turn) {
                *waits.get_mut() -= 1;
                if *waits.get() == 0 {
                    waits.remove();
                }
            }
            if turns.get().is_empty() {
                turns.remove();
            }
        }
    }
}

/// A wait for the end of what somebody does with a turn, beside the queue for it.
pub(super) struct Beside<'a> {
    event: &'a Arc<Event>,
    turn: &'a Turn,
}

impl Drop for Beside<'_> {
    fn drop(&mut self) {
        self.event.actor.runtime.waits.leave(self.event, self.turn);
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
        Take { turn: self, event, ticket: None }.await
    }

    /// Enters that `event` waits for something that whoever has the turn does, until the answer is dropped.
    ///
    /// # Errors
    /// DEADLOCK as with [`Turn::take`].
    pub(super) fn wait_beside<'a>(&'a self, event: &'a Arc<Event>) -> Result<Option<Beside<'a>>> {
        let state = self.0.lock();
        let Some(holder) = &state.holder else { return Ok(None) };
        event.actor.runtime.waits.enter(event, self, holder)?;
        Ok(Some(Beside { event, turn: self }))
    }

    /// Hands the turn to the next in the queue.
    pub fn release(&self) {
        let waker = {
            let mut state = self.0.lock();
            match state.queue.pop_first() {
                Some((_, next)) => {
                    next.event.actor.runtime.waits.pass(self, &next.event);
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
    ticket: Option<Ticket>,
}

impl Future for Take<'_> {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let mut state = self.turn.0.lock();
        if let Some(ticket) = self.ticket {
            if let Some(waiter) = state.queue.get_mut(&ticket) {
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
        if let Err(error) = self.event.actor.runtime.waits.enter(self.event, self.turn, holder) {
            return Poll::Ready(Err(error));
        }
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        let waiter = Waiter { event: self.event.clone(), waker: context.waker().clone() };
        state.queue.insert(ticket, waiter);
        drop(state);
        self.ticket = Some(ticket);
        Poll::Pending
    }
}

impl Drop for Take<'_> {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket else { return };
        let mut state = self.turn.0.lock();
        let waiter = state.queue.remove(&ticket);
        if waiter.is_some() {
            self.event.actor.runtime.waits.leave(self.event, self.turn);
        }
        drop(state);
        if waiter.is_none() {
            self.turn.release(); // it has been granted
        }
    }
}
