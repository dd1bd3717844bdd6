//! Hibernation: instances that nobody uses are dropped, and made again by the next event.
//!
//! Three things end an instance: it has been idle for a while, or too many are warm, or the process has few file descriptors
//! left, and it is the one that was used least recently. One that has an event, a timer or an open cursor is busy and stays.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::{Actor, Event};
use crate::metrics::Count;
use crate::process;
use crate::runtime::RuntimeInner;

/// The actors of one runtime that have an instance, and those that are only remembered because something
/// refers to them.
pub(crate) struct Warm {
    idle: Duration,
    cap: usize,
    /// Room isn't made before more than that many are warm, because most were busy the last time.
    in_vain: AtomicUsize,
    /// By address, which nothing else has while an actor is in there. One that has been reset may come again.
    actors: Mutex<HashMap<usize, Weak<Actor>>>,
    /// Held by who ends idle ones: two at once would end twice as many.
    ending: Mutex<()>,
    asleep: Mutex<Vec<Weak<Actor>>>,
    /// Whether somebody looks for idle ones from time to time.
    watched: AtomicBool,
    begin: Instant,
}

impl Warm {
    /// Instances are dropped after `idle` without an event, and earlier when there are more than `cap`.
    pub fn new(idle: Duration, cap: usize) -> Warm {
        Warm {
            idle,
            cap: cap.max(1),
            in_vain: AtomicUsize::new(0),
            actors: Mutex::default(),
            ending: Mutex::default(),
            asleep: Mutex::default(),
            watched: AtomicBool::new(false),
            begin: Instant::now(),
        }
    }

    /// A moment as milliseconds since the runtime was opened.
    pub fn at(&self, moment: Instant) -> u64 {
        moment.saturating_duration_since(self.begin).as_millis() as u64
    }

    /// How many actors have an instance.
    pub fn count(&self) -> usize {
        self.all().len()
    }

    /// Enters an actor whose instance has just started.
    pub fn add(&self, actor: &Arc<Actor>) {
        let over = {
            let mut actors = self.actors.lock();
            actors.insert(Arc::as_ptr(actor).addr(), Arc::downgrade(actor));
            let most = self.in_vain.load(Ordering::Relaxed);
            actors.len() > most && (actors.len() > self.cap || process::is_short_of_files())
        };
        self.watch(&actor.runtime);
        if over {
            self.shrink(actor);
        }
    }

    /// Takes an actor that sleeps out of its map, now or as soon as nothing refers to it.
    pub fn forget(&self, actor: &Arc<Actor>) {
        if !actor.forget_if_unused() {
            self.asleep.lock().push(Arc::downgrade(actor));
            self.watch(&actor.runtime);
        }
    }

    fn all(&self) -> Vec<Arc<Actor>> {
        // The last reference to one isn't dropped under the lock.
        let known: Vec<_> = self.actors.lock().values().filter_map(Weak::upgrade).collect();
        known.into_iter().filter(|actor| actor.is_running()).collect()
    }

    /// Takes out those without an instance; answers how many are left.
    fn tidy(&self) -> usize {
        let mut known = Vec::new();
        let mut actors = self.actors.lock();
        actors.retain(|_, actor| {
            let actor = actor.upgrade();
            let is_running = actor.as_ref().is_some_and(|actor| actor.is_running());
            known.extend(actor);
            is_running
        });
        actors.len()
    }

    /// Makes room for an eighth, least recently used first, so that starting stays cheap.
    fn shrink(&self, newest: &Arc<Actor>) {
        let Some(_ending) = self.ending.try_lock() else { return };
        let mut actors = self.all();
        actors.sort_by_key(|actor| actor.last_used.load(Ordering::Relaxed));
        let most = self.cap.min(actors.len());
        let mut surplus = (actors.len() - most + most / 8).max(1);
        for actor in actors {
            if surplus > 0 && !Arc::ptr_eq(&actor, newest) && actor.hibernate() {
                surplus -= 1;
                actor.runtime.metrics.add(Count::Evictions, 1);
                self.forget(&actor);
            }
        }
        let left = self.tidy();
        let in_vain = if surplus == 0 { 0 } else { left + left / 8 };
        self.in_vain.store(in_vain, Ordering::Relaxed);
    }

    /// Drops what has been idle for too long; answers whether any are left.
    fn sweep(&self) -> bool {
        let asleep = std::mem::take(&mut *self.asleep.lock());
        asleep.iter().filter_map(Weak::upgrade).for_each(|actor| self.forget(&actor));
        self.in_vain.store(0, Ordering::Relaxed);
        let now = self.at(Instant::now());
        let idle = self.idle.as_millis() as u64;
        let _ending = self.ending.lock();
        for actor in self.all() {
            let used = actor.last_used.load(Ordering::Relaxed);
            if now.saturating_sub(used) >= idle && actor.hibernate() {
                actor.runtime.metrics.add(Count::Hibernations, 1);
                self.forget(&actor);
            }
        }
        self.tidy() > 0 || !self.asleep.lock().is_empty()
    }

    /// Looks for idle actors from time to time, as long as there are any.
    fn watch(&self, runtime: &Arc<RuntimeInner>) {
        if self.watched.swap(true, Ordering::AcqRel) {
            return;
        }
        let weak = Arc::downgrade(runtime);
        let timers = runtime.timers.clone();
        let interval = (self.idle / 2).max(Duration::from_millis(1));
        runtime.executor.spawn(async move {
            loop {
                timers.at(Instant::now() + interval).await;
                let Some(runtime) = weak.upgrade() else { return };
                if runtime.check_open().is_err() {
                    return;
                }
                // Said before the look, so that whoever comes after it starts another.
                runtime.warm.watched.store(false, Ordering::Release);
                if !runtime.warm.sweep() || runtime.warm.watched.swap(true, Ordering::AcqRel) {
                    return;
                }
            }
        });
    }
}

/// Keeps an actor from hibernating while something that belongs to it goes on after its events: see
/// [`Ctx::keep_awake`](crate::Ctx::keep_awake).
pub struct Awake(Weak<Actor>);

impl Awake {
    pub(crate) fn new(actor: &Arc<Actor>) -> Awake {
        actor.timers.fetch_add(1, Ordering::AcqRel);
        Awake(Arc::downgrade(actor))
    }
}

impl Drop for Awake {
    fn drop(&mut self) {
        if let Some(actor) = self.0.upgrade() {
            actor.timers.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

impl Actor {
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

    /// Takes the actor out of its parent's or namespace's map if it sleeps and nothing else refers to it.
    /// Answers whether there is no need to look again.
    ///
    /// A facet with an alarm stays: its class is known nowhere else.
    fn forget_if_unused(self: &Arc<Actor>) -> bool {
        if self.is_running() {
            return true; // it comes back when it sleeps
        }
        match (&self.parent, &self.namespace) {
            (Some((parent, name)), _) => {
                self.has_alarm_set() || parent.facets.forget_if_unused(name, self)
            }
            (None, Some(namespace)) => namespace.forget_if_unused(self),
            (None, None) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Class, DurableObject, Error, Options, Result, Runtime, Value};

    struct Object;

    impl DurableObject for Object {
        fn call(&self, _method: &str, _args: Vec<Value>) -> Result<Value> {
            Ok(Value::Null)
        }
    }

    #[test]
    fn those_used_least_recently_go_when_files_are_short() -> Result<()> {
        let runtime = Runtime::open_in_memory()?;
        let namespace = runtime.namespace("Object", Class::host("Object", |_, _| Ok(Object)))?;
        let call = |name: u32| {
            namespace.get_by_name(&name.to_string()).call_blocking("wake", vec![]).map(drop)
        };
        (0..23).try_for_each(call)?;
        let warm = &runtime.inner().warm;
        assert_eq!(warm.count(), 23);
        process::tests::IS_SHORT_OF_FILES.set(true);
        call(23)?;
        assert_eq!(warm.count(), 21, "an eighth of 24 has gone");
        call(24)?;
        assert_eq!(warm.count(), 20, "so has an eighth of 22");
        process::tests::IS_SHORT_OF_FILES.set(false);
        call(25)?;
        assert_eq!(warm.count(), 21);
        Ok(())
    }

    #[test]
    fn room_that_cannot_be_made_is_not_looked_for_each_time() -> Result<()> {
        let runtime = Runtime::open_with(Options { max_warm: Some(8), ..Options::default() })?;
        let namespace = runtime.namespace("Object", Class::host("Object", |_, _| Ok(Object)))?;
        let warm = &runtime.inner().warm;
        let mut busy = Vec::new();
        for name in 0..24 {
            let stub = namespace.get_by_name(&name.to_string());
            stub.call_blocking("wake", vec![])?;
            busy.push(Awake::new(&namespace.actor(&namespace.id_from_name(&name.to_string()))?));
        }
        let before = warm.in_vain.load(Ordering::Relaxed);
        assert!(before >= 18, "room was looked for at most once for each eighth: {before}");
        drop(busy);
        (100..110).try_for_each(|name: u32| {
            namespace.get_by_name(&name.to_string()).call_blocking("wake", vec![]).map(drop)
        })?;
        assert!(warm.count() <= 8, "{} are warm", warm.count());
        assert_eq!(warm.in_vain.load(Ordering::Relaxed), 0);
        Ok(())
    }

    #[test]
    fn those_that_stay_are_counted_while_others_end() -> Result<()> {
        #[derive(Default)]
        struct Seen(Mutex<Vec<usize>>, Mutex<Weak<RuntimeInner>>);
        struct Ends(Arc<Seen>);
        impl DurableObject for Ends {
            fn call(&self, _method: &str, _args: Vec<Value>) -> Result<Value> {
                Ok(Value::Null)
            }
        }
        impl Drop for Ends {
            fn drop(&mut self) {
                if let Some(runtime) = self.0.1.lock().upgrade() {
                    self.0.0.lock().push(runtime.warm.count());
                }
            }
        }
        let runtime = Runtime::open_with(Options { idle_ms: Some(1), ..Options::default() })?;
        let seen = Arc::new(Seen::default());
        *seen.1.lock() = Arc::downgrade(runtime.inner());
        let class = {
            let seen = seen.clone();
            Class::host("Ends", move |_, _| Ok(Ends(seen.clone())))
        };
        let namespace = runtime.namespace("Ends", class)?;
        let mut busy = Vec::new();
        for name in ["busy", "idle", "busy too"] {
            if name != "idle" {
                busy.push(Awake::new(&namespace.actor(&namespace.id_from_name(name))?));
            }
            namespace.get_by_name(name).call_blocking("wake", vec![])?;
        }
        while seen.0.lock().is_empty() {
            std::thread::yield_now();
        }
        assert_eq!(*seen.0.lock(), [2]);
        Ok(())
    }

    #[test]
    fn an_actor_that_was_reset_counts_once() -> Result<()> {
        let runtime = Runtime::open_in_memory()?;
        let namespace = runtime.namespace("Object", Class::host("Object", |_, _| Ok(Object)))?;
        let actor = namespace.actor(&namespace.id_from_name("one"))?;
        for _ in 0..3 {
            namespace.get_by_name("one").call_blocking("wake", vec![])?;
            actor.reset(&Error::guest("Error", "again"));
        }
        namespace.get_by_name("one").call_blocking("wake", vec![])?;
        assert_eq!(runtime.inner().warm.count(), 1);
        Ok(())
    }

    #[test]
    fn an_actor_that_sleeps_goes_with_its_last_stub() -> Result<()> {
        let runtime = Runtime::open_in_memory()?;
        let namespace = runtime.namespace("Object", Class::host("Object", |_, _| Ok(Object)))?;
        let stub = namespace.get_by_name("one");
        stub.call_blocking("wake", vec![])?;
        let (warm, running) =
            (&runtime.inner().warm, namespace.actor(&namespace.id_from_name("one"))?);
        assert!(running.hibernate());
        warm.forget(&running);
        let actor = Arc::downgrade(&running);
        drop(running);
        assert!(warm.sweep());
        assert!(actor.upgrade().is_some());
        drop(stub);
        assert!(!warm.sweep());
        assert!(actor.upgrade().is_none());
        Ok(())
    }
}
