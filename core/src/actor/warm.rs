//! Hibernation: instances that nobody uses are dropped, and made again by the next event.
//!
//! Two things end an instance: it has been idle for a while, or too many are warm and it is the one that was used
//! least recently. One that has an event, a timer or an open cursor is busy and stays.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::{Actor, Event};
use crate::metrics::Count;
use crate::runtime::RuntimeInner;

/// The actors of one runtime that have an instance.
pub(crate) struct Warm {
    idle: Duration,
    cap: usize,
    actors: Mutex<Vec<Weak<Actor>>>,
    begin: Instant,
}

impl Warm {
    /// Instances are dropped after `idle` without an event, and earlier when there are more than `cap`.
    pub fn new(idle: Duration, cap: usize) -> Warm {
        Warm { idle, cap: cap.max(1), actors: Mutex::default(), begin: Instant::now() }
    }

    /// A moment as milliseconds since the runtime was opened.
    pub fn at(&self, moment: Instant) -> u64 {
        moment.saturating_duration_since(self.begin).as_millis() as u64
    }

    /// How many actors have an instance.
    pub fn count(&self) -> usize {
        let actors = self.actors.lock();
        actors.iter().filter_map(Weak::upgrade).filter(|actor| actor.is_warm()).count()
    }

    /// Enters an actor whose instance has just started.
    pub fn add(&self, actor: &Arc<Actor>) {
        let (first, over) = {
            let mut actors = self.actors.lock();
            actors.push(Arc::downgrade(actor));
            (actors.len() == 1, actors.len() > self.cap)
        };
        if first {
            watch(&actor.runtime, self.idle);
        }
        if over {
            self.shrink(actor);
        }
    }

    /// Takes out all actors, and puts back those that are still warm.
    fn take(&self) -> Vec<Arc<Actor>> {
        let actors = std::mem::take(&mut *self.actors.lock());
        actors.iter().filter_map(Weak::upgrade).filter(|actor| actor.is_warm()).collect()
    }

    fn put_back(&self, actors: impl IntoIterator<Item = Arc<Actor>>) -> usize {
        let mut warm = self.actors.lock();
        warm.extend(actors.into_iter().map(|actor| Arc::downgrade(&actor)));
        warm.len()
    }

    /// Makes room for an eighth of the cap, least recently used first, so that starting stays cheap.
    fn shrink(&self, newest: &Arc<Actor>) {
        let mut actors = self.take();
        actors.sort_by_key(|actor| actor.last_used.load(Ordering::Relaxed));
        let mut surplus = (actors.len() + self.cap / 8).saturating_sub(self.cap);
        actors.retain(|actor| {
            if surplus == 0 || Arc::ptr_eq(actor, newest) || !actor.hibernate() {
                return true;
            }
            surplus -= 1;
            actor.runtime.metrics.add(Count::Evictions, 1);
            actor.forget_if_unused();
            false
        });
        self.put_back(actors);
    }

    /// Drops what has been idle for too long; answers how many are left.
    fn sweep(&self) -> usize {
        let now = self.at(Instant::now());
        let idle = self.idle.as_millis() as u64;
        let mut actors = self.take();
        actors.retain(|actor| {
            let used = actor.last_used.load(Ordering::Relaxed);
            if now.saturating_sub(used) < idle || !actor.hibernate() {
                return true;
            }
            actor.runtime.metrics.add(Count::Hibernations, 1);
            actor.forget_if_unused();
            false
        });
        self.put_back(actors)
    }
}

/// Looks for idle actors from time to time, as long as there are any.
fn watch(runtime: &Arc<RuntimeInner>, idle: Duration) {
    let weak = Arc::downgrade(runtime);
    let timers = runtime.timers.clone();
    let interval = (idle / 2).max(Duration::from_millis(1));
    runtime.executor.spawn(async move {
        loop {
            timers.at(Instant::now() + interval).await;
            let Some(runtime) = weak.upgrade() else { return };
            if runtime.check_open().is_err() || runtime.warm.sweep() == 0 {
                return;
            }
        }
    });
}

impl Actor {
    fn is_warm(&self) -> bool {
        self.running.lock().is_some()
    }

    /// Drops the instance and closes the database, unless it is busy.
    fn hibernate(self: &Arc<Actor>) -> bool {
        if self.events.load(Ordering::Acquire) > 0 || self.timers.load(Ordering::Acquire) > 0 {
            return false;
        }
        let Ok(event) = Event::new(self, None) else { return false };
        // Whoever comes meanwhile waits for the turn and then starts afresh.
        if !self.turn.try_take(&event) {
            return false;
        }
        let slept = self.storage.as_ref().is_none_or(|storage| storage.sleep());
        let running = if slept { self.running.lock().take() } else { None };
        drop(running);
        self.turn.release();
        slept
    }

    /// Takes the actor out of its parent's or namespace's map if nothing else refers to it.
    pub fn forget_if_unused(self: &Arc<Actor>) {
        match (&self.parent, &self.namespace) {
            (Some((parent, name)), _) => parent.facets.forget_if_unused(name, self),
            (None, Some(namespace)) => namespace.forget_if_unused(self),
            (None, None) => {}
        }
    }
}
