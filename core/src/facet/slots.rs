//! The facets of one actor that run or start.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use event_listener::Event as Signal;
use parking_lot::Mutex;

use super::total::Total;
use super::{FacetOptions, Facets};
use crate::actor::Actor;
use crate::error::{Error, ErrorCode, Result};
use crate::order::{Order, Orders};
use crate::storage::Storage;

/// How the use of a facet stub goes on.
pub(crate) enum Begin {
    Running(Arc<Actor>),
    Wait(Arc<Starting>),
    Start(StartGuard),
}

/// A start that is going on.
#[derive(Default)]
pub(crate) struct Starting {
    outcome: OnceLock<Result<Arc<Actor>>>,
    signal: Signal,
}

impl Starting {
    /// Waits for the outcome.
    pub async fn wait(&self) -> Result<Arc<Actor>> {
        loop {
            let listener = self.signal.listen();
            if let Some(outcome) = self.outcome.get() {
                return outcome.clone();
            }
            listener.await;
        }
    }

    fn end(&self, outcome: Result<Arc<Actor>>) {
        let _ = self.outcome.set(outcome);
        self.signal.notify(usize::MAX);
    }
}

impl Facets {
    /// Finds the running facet, or makes the caller the one that starts it.
    pub(crate) fn begin(&self, name: &str) -> Result<Begin> {
        self.actor.check()?;
        self.actor.look_for_rollbacks();
        let mut slots = self.actor.facets.slots.lock();
        match slots.get(name) {
            Some(Slot::Running(actor)) => Ok(Begin::Running(actor.clone())),
            Some(Slot::Starting(starting)) => Ok(Begin::Wait(starting.clone())),
            None => {
                let starting = Arc::new(Starting::default());
                slots.insert(name.to_owned(), Slot::Starting(starting.clone()));
                let (facets, name) = (Facets { actor: self.actor.clone() }, name.to_owned());
                Ok(Begin::Start(StartGuard { facets, name, starting }))
            }
        }
    }

    /// Breaks the running facets whose entry was rolled back: what they would write is lost with their directory when the
    /// parent opens its database next.
    fn break_lost(&self, storage: &Storage) {
        let known = storage.facet_names().unwrap_or_default();
        let is_known = |actor: &Actor, name: &String| {
            let entry = known.iter().find(|(known, _)| known == name);
            entry.is_some_and(|(_, number)| self.dir_of(*number).ok() == actor.dir)
        };
        let is_lost = |name: &String, slot: &mut Slot| match slot {
            Slot::Running(actor) => !is_known(actor, name),
            Slot::Starting(_) => false,
        };
        let lost: Vec<_> = self.actor.facets.slots.lock().extract_if(is_lost).collect();
        let error = Error::new(ErrorCode::Reset, "The creation of the facet was rolled back.");
        lost.into_iter().for_each(|(_, slot)| slot.fail(&error));
    }
}

impl Actor {
    /// Breaks the running facets whose entry was rolled back since the last look.
    pub(crate) fn look_for_rollbacks(self: &Arc<Actor>) {
        let Ok(storage) = self.storage() else { return };
        let (rollbacks, compared) = (storage.rollbacks(), &self.facets.rollbacks);
        if compared.load(Ordering::Acquire) != rollbacks
            && compared.swap(rollbacks, Ordering::AcqRel) != rollbacks
        {
            Facets::new(self.clone()).break_lost(storage);
        }
    }
}

/// The duty to start a facet. Dropping it gives up.
pub(crate) struct StartGuard {
    facets: Facets,
    name: String,
    starting: Arc<Starting>,
}

impl StartGuard {
    /// Starts the facet with what its callback answered.
    pub fn finish(self, options: Result<FacetOptions>) -> Result<Arc<Actor>> {
        if let Some(Err(error)) = self.starting.outcome.get() {
            return Err(error.clone()); // aborted meanwhile
        }
        let outcome = options.and_then(|options| self.facets.create(&self.name, options));
        let mut slots = self.facets.actor.facets.slots.lock();
        if slots.get(&self.name).is_some_and(|slot| slot.is(&self.starting)) {
            match &outcome {
                Ok(actor) => slots.insert(self.name.clone(), Slot::Running(actor.clone())),
                Err(_) => slots.remove(&self.name),
            };
        }
        drop(slots);
        self.starting.end(outcome);
        self.starting.outcome.get().expect("the start has ended").clone()
    }
}

impl Drop for StartGuard {
    fn drop(&mut self) {
        if self.starting.outcome.get().is_none() {
            let message = "The request which initiated this facet startup has already completed.";
            self.starting.end(Err(Error::new(ErrorCode::Aborted, message)));
            let mut slots = self.facets.actor.facets.slots.lock();
            if slots.get(&self.name).is_some_and(|slot| slot.is(&self.starting)) {
                slots.remove(&self.name);
            }
        }
    }
}

/// The facets of an actor that run or start.
#[derive(Default)]
pub(crate) struct FacetMap {
    slots: Mutex<HashMap<String, Slot>>,
    /// How many rollbacks of the actor's storage they have been compared with.
    rollbacks: AtomicU64,
    /// Of the object, at its root.
    pub(super) total: Total,
    orders: Orders,
}

pub(super) enum Slot {
    Starting(Arc<Starting>),
    Running(Arc<Actor>),
}

impl Slot {
    pub fn fail(self, error: &Error) {
        match self {
            Slot::Starting(starting) => starting.end(Err(error.clone())),
            Slot::Running(actor) => actor.fail(error.clone()),
        }
    }

    fn is(&self, other: &Arc<Starting>) -> bool {
        matches!(self, Slot::Starting(starting) if Arc::ptr_eq(starting, other))
    }
}

impl FacetMap {
    /// Takes out the facet `name`.
    pub(super) fn take(&self, name: &str) -> Option<Slot> {
        self.slots.lock().remove(name)
    }

    /// Breaks every facet.
    pub fn fail_all(&self, error: &Error) {
        let slots = std::mem::take(&mut *self.slots.lock());
        slots.into_values().for_each(|slot| slot.fail(error));
    }

    /// Closes every facet with the runtime.
    pub fn close_all(&self) {
        for slot in std::mem::take(&mut *self.slots.lock()).into_values() {
            match slot {
                Slot::Starting(starting) => starting.end(Err(crate::executor::closed())),
                Slot::Running(actor) => actor.close(),
            }
        }
    }

    /// The facet `name`, if it runs.
    pub fn running(&self, name: &str) -> Option<Arc<Actor>> {
        match self.slots.lock().get(name) {
            Some(Slot::Running(actor)) => Some(actor.clone()),
            _ => None,
        }
    }

    /// Takes out an actor that nothing else refers to. Answers whether it is out.
    pub fn forget_if_unused(&self, name: &str, actor: &Arc<Actor>) -> bool {
        let mut slots = self.slots.lock();
        let ours =
            matches!(slots.get(name), Some(Slot::Running(known)) if Arc::ptr_eq(known, actor));
        // The map's reference and the caller's: nobody can take another while the map is locked. An event may have
        // come and gone since the caller looked, and its database be open.
        let unused = Arc::strong_count(actor) == 2 && !actor.is_running();
        if ours && unused {
            slots.remove(name);
        }
        !ours || unused
    }

    /// The order of calls that event loops make of the facet `name`.
    pub fn order(&self, name: &str) -> Order {
        self.orders.of(name)
    }

    /// Takes out `actor` if it is still the one called `name`.
    pub fn remove(&self, name: &str, actor: &Arc<Actor>) {
        let mut slots = self.slots.lock();
        if matches!(slots.get(name), Some(Slot::Running(known)) if Arc::ptr_eq(known, actor)) {
            slots.remove(name);
        }
    }
}
