//! Alarms: a time at which an actor is woken up, at least once.

mod firing;
mod index;
mod schedule;

use std::collections::{HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Instant;

use event_listener::Event as Signal;
use futures_lite::future;

pub(crate) use index::AlarmKey;
pub(crate) use schedule::{Failures, Next, after_failure};

use crate::actor::{Actor, Event};
use crate::clock::Clock;
use crate::error::{ErrorCode, Result};
use crate::facet::Facets;
use crate::lanes::Lane;
use crate::runtime::RuntimeInner;
use crate::storage::Durability;
use crate::value::{Value, ValueMap};
use firing::Firing;
use index::Index;

/// Alarms that begin to fire at once.
const BATCH: usize = 64;

/// When a parent that has failed to start a facet for its alarm is asked again.
const RETRY_START_MS: i64 = 60_000;

/// What an alarm handler is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlarmInfo {
    /// The time that the alarm was set to, in Unix milliseconds; the same for every retry.
    pub scheduled_time: i64,
    /// How often the handler has failed before.
    pub retry_count: u32,
}

impl AlarmInfo {
    /// Whether this is a retry.
    pub fn is_retry(&self) -> bool {
        self.retry_count > 0
    }
}

/// The map that a handler gets where it has no type for this.
impl From<AlarmInfo> for ValueMap {
    fn from(info: AlarmInfo) -> ValueMap {
        ValueMap::from_iter([
            ("scheduledTime", Value::Int(info.scheduled_time)),
            ("retryCount", Value::Int(info.retry_count.into())),
            ("isRetry", Value::Bool(info.is_retry())),
        ])
    }
}

/// Who fires alarms that are due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Alarms {
    /// The runtime, at their time. The default.
    #[default]
    Automatic,
    /// The host, by [`Runtime::run_due_alarms`](crate::Runtime::run_due_alarms).
    Manual,
}

/// The alarms of one runtime.
pub(crate) struct AlarmDriver {
    pub clock: Clock,
    mode: Alarms,
    index: Index,
    firing: Firing,
    changed: Signal,
    started: AtomicBool,
    runtime: OnceLock<Weak<RuntimeInner>>,
}

/// What the storage of an actor knows of alarms.
pub(crate) struct AlarmSlot {
    pub driver: Arc<AlarmDriver>,
    pub key: AlarmKey,
    /// The generation of the alarm whose handler runs; 0 for none. It reads as unset meanwhile.
    pub running: AtomicI64,
    /// Whether the class has a handler, as far as it is known.
    pub handled: AtomicBool,
}

impl AlarmSlot {
    pub fn new(driver: Arc<AlarmDriver>, key: AlarmKey) -> AlarmSlot {
        AlarmSlot { driver, key, running: AtomicI64::new(0), handled: AtomicBool::new(true) }
    }
}

impl AlarmDriver {
    pub fn new(
        clock: Clock,
        mode: Alarms,
        path: Option<PathBuf>,
        durability: Durability,
    ) -> AlarmDriver {
        AlarmDriver {
            clock,
            mode,
            index: Index::new(path, durability),
            firing: Firing::default(),
            changed: Signal::new(),
            started: AtomicBool::new(false),
            runtime: OnceLock::new(),
        }
    }

    /// Belongs to a runtime from now on, and fires what an earlier run has left.
    pub fn attach(&self, runtime: &Arc<RuntimeInner>) {
        let _ = self.runtime.set(Arc::downgrade(runtime));
        if self.index.exists() {
            self.start();
        }
    }

    /// Before a commit: an alarm must not be later in the index than in its database.
    pub fn announce(&self, key: &AlarmKey, due_ms: i64) -> Result<()> {
        self.start();
        self.index.at_most(key, due_ms)
    }

    /// After a commit: the alarm is due at that time, or there is none.
    pub fn settle(&self, key: &AlarmKey, due_ms: Option<i64>) {
        let settled = match due_ms {
            Some(due_ms) => {
                self.start();
                self.index.set(key, due_ms)
            }
            None if !self.started() => Ok(()),
            None => self.index.remove(&key.key),
        };
        if let Err(error) = settled {
            // Being too early is harmless: whoever fires it looks at its database first.
            tracing::warn!(%error, "the index of alarms is behind");
        }
        self.changed.notify(usize::MAX);
    }

    /// Forgets the alarms of what is deleted.
    pub fn forget_tree(&self, key: &str) {
        if self.started()
            && let Err(error) = self.index.remove_tree(key)
        {
            tracing::warn!(%error, "the index of alarms is behind");
        }
    }

    /// A namespace has been bound: its objects can be reached now.
    pub fn bound(&self, namespace: &str) {
        if self.started() {
            let _ = self.index.release(namespace);
            self.changed.notify(usize::MAX);
        }
    }

    /// When an alarm is due as far as the index knows.
    pub fn indexed(&self, key: &str) -> Result<Option<i64>> {
        match self.started() {
            true => self.index.due_of(key),
            false => Ok(None),
        }
    }

    fn started(&self) -> bool {
        self.started.load(Ordering::Acquire)
    }

    /// Starts firing. Until then there is no alarm, and the index isn't even opened.
    fn start(&self) {
        let runtime = self.runtime.get().and_then(Weak::upgrade);
        let Some(runtime) = runtime.filter(|_| !self.started.swap(true, Ordering::AcqRel)) else {
            return;
        };
        if self.mode == Alarms::Automatic {
            let (driver, weak) = (runtime.alarms.clone(), Arc::downgrade(&runtime));
            runtime.executor.spawn(async move { driver.run(weak).await });
        }
    }

    async fn run(&self, runtime: Weak<RuntimeInner>) {
        loop {
            let (changed, moved) = (self.changed.listen(), self.clock.moved());
            let (more, wait) = {
                let Some(runtime) = runtime.upgrade() else { return };
                if runtime.check_open().is_err() {
                    return;
                }
                let more = self.fire_due(&runtime);
                let due = self.index.next_due().unwrap_or_default();
                let due = due.and_then(|due| self.clock.until(due));
                (more, due.map(|wait| runtime.timers.at(Instant::now() + wait)))
            };
            if more {
                // Whoever waits for a thread of the executor comes between them.
                future::yield_now().await;
                continue;
            }
            let due = async {
                match wait {
                    Some(wait) => wait.await,
                    None => future::pending().await,
                }
            };
            let moved = async {
                match moved {
                    Some(moved) => moved.await,
                    None => future::pending().await,
                }
            };
            future::or(changed, future::or(moved, due)).await;
        }
    }

    /// Begins to fire alarms that are due; answers whether there may be more.
    fn fire_due(&self, runtime: &Arc<RuntimeInner>) -> bool {
        match self.index.take_due(self.clock.now_ms(), BATCH) {
            Ok(due) => {
                let more = due.len() == BATCH;
                for key in due {
                    if self.firing.begin(&key.key) {
                        spawn_fire(runtime, key);
                    }
                }
                more
            }
            Err(error) => {
                tracing::warn!(%error, "alarms can't be fired");
                false
            }
        }
    }

    /// Fires what is due now, one after the other and each actor's once, as part of the chain that `caller` belongs
    /// to, and answers how many handlers ran.
    pub async fn run_due(
        &self,
        runtime: &Arc<RuntimeInner>,
        caller: Option<Arc<Event>>,
    ) -> Result<u64> {
        let mut fired = 0;
        let now = self.clock.now_ms();
        if !self.started() {
            return Ok(0);
        }
        let mut fired_keys = HashSet::new();
        let mut left = Left { runtime, due: VecDeque::new(), again: Vec::new(), now };
        loop {
            // The index would be opened anew after a close.
            runtime.check_open()?;
            left.due.extend(self.index.take_due(now, BATCH)?);
            if left.due.is_empty() {
                return Ok(fired);
            }
            while let Some(key) = left.due.front() {
                if fired_keys.insert(key.key.clone()) {
                    fired += u64::from(fire(runtime, key, caller.clone()).await);
                    left.due.pop_front();
                } else {
                    // Set by its handler to a time that is past: without end while the clock stands still.
                    left.again.extend(left.due.pop_front());
                }
            }
        }
    }

    pub fn close(&self) {
        self.index.close();
    }
}

/// Alarms that were taken from the index and not fired: entered again when this is dropped, at the end or because nobody
/// waits any more. A time that is too early does no harm.
struct Left<'a> {
    runtime: &'a RuntimeInner,
    due: VecDeque<AlarmKey>,
    again: Vec<AlarmKey>,
    now: i64,
}

impl Drop for Left<'_> {
    fn drop(&mut self) {
        if self.runtime.check_open().is_ok() {
            let left = self.due.iter().chain(&self.again);
            left.for_each(|key| self.runtime.alarms.settle(key, Some(self.now)));
        }
    }
}

/// Fires one alarm that [`Firing`] has begun, and once more if it has been taken from the index again meanwhile.
fn spawn_fire(runtime: &Arc<RuntimeInner>, key: AlarmKey) {
    let (weak, alarms) = (Arc::downgrade(runtime), runtime.alarms.clone());
    let lane = Lane::of_alarms(&key.namespace, &key.object);
    runtime.executor.spawn_in(lane, async move {
        let begun = alarms.firing.of(&key.key);
        if let Some(runtime) = weak.upgrade() {
            fire(&runtime, &key, None).await;
            if begun.end() {
                spawn_fire(&runtime, key);
            }
        }
    });
}

/// Fires one alarm and enters what comes next. Answers whether its handler ran.
///
/// The alarm of a facet that its parent doesn't start stays parked: it fires when the facet is started.
async fn fire(runtime: &Arc<RuntimeInner>, key: &AlarmKey, caller: Option<Arc<Event>>) -> bool {
    match reach(runtime, key, caller.as_ref()).await {
        Ok(Some(actor)) => actor.fire_alarm(caller).await,
        Ok(None) => false,
        Err(error) => {
            let facets = key.facets.join("/");
            tracing::warn!(facets, %error, "an alarm waits until its facet is started");
            if error.code() != ErrorCode::NotFound {
                let later = runtime.alarms.clock.now_ms() + RETRY_START_MS;
                runtime.alarms.settle(key, Some(later));
            }
            false
        }
    }
}

/// The actor of an alarm, its facets started by their parents where they aren't running. None if its
/// namespace isn't bound, or the facet is no more.
async fn reach(
    runtime: &Arc<RuntimeInner>,
    key: &AlarmKey,
    caller: Option<&Arc<Event>>,
) -> Result<Option<Arc<Actor>>> {
    let Some(namespace) = runtime.namespace(&key.namespace) else { return Ok(None) };
    let id = match &key.name {
        Some(name) => namespace.id_from_name(name),
        None => namespace.id_from_string(&key.object)?,
    };
    let mut actor = namespace.actor(&id)?;
    for name in &key.facets {
        match Facets::new(actor).wake(name, caller.cloned()).await? {
            Some(facet) => actor = facet,
            None => return Ok(None),
        }
    }
    Ok(Some(actor))
}
