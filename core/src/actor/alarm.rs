//! The run of an actor's alarm.

use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_lite::FutureExt;
use tracing::Instrument;

use super::{Actor, ActorId, Event, Hold, Message};
use crate::alarm::{AlarmInfo, AlarmKey, AlarmSlot, Next, after_failure};
use crate::error::{Error, ErrorCode, Result};
use crate::metrics::{Count, EventKind};
use crate::namespace::Namespace;
use crate::runtime::RuntimeInner;
use crate::storage::{Storage, StoredAlarm};
use crate::tail::{Observation, TailInfo};

impl Actor {
    /// Runs the alarm's handler if the alarm is due, and decides what comes next. Answers whether the
    /// handler ran.
    pub async fn fire_alarm(self: Arc<Actor>, caller: Option<Arc<Event>>) -> bool {
        match self.try_alarm(caller).await {
            Ok(ran) => ran,
            Err(error) => {
                tracing::warn!(path = self.path, %error, "an alarm can't be fired");
                false
            }
        }
    }

    async fn try_alarm(self: &Arc<Actor>, caller: Option<Arc<Event>>) -> Result<bool> {
        let Some(slot) = &self.alarm else { return Ok(false) };
        let event = Event::new(self, caller)?;
        let mut hold = Hold::take(&event).await?;
        if slot.running.load(Ordering::Acquire) != 0 {
            // A handler that waits has given up its turn. It enters what is due next when it ends.
            return Ok(false);
        }
        let storage = self.storage()?;
        let Some(alarm) = storage.stored_alarm()? else {
            slot.driver.settle(&slot.key, None);
            return Ok(false);
        };
        if alarm.due > slot.driver.clock.now_ms() {
            slot.driver.settle(&slot.key, Some(alarm.due));
            return Ok(false);
        }
        let info = AlarmInfo { scheduled_time: alarm.time, retry_count: alarm.failures.counted };
        slot.running.store(alarm.generation, Ordering::Release);
        // Until the alarm is settled it reads as unset, and a second firing leaves it alone.
        let _running = Running(slot);
        let message = Message::Alarm(info);
        let observation = Observation::begin(&event, message.kind(), || TailInfo::of(&message));
        let run = self.run(&event, message, &mut hold).instrument(self.span(EventKind::Alarm));
        let run = AssertUnwindSafe(run);
        let outcome = match run.catch_unwind().await {
            Ok(outcome) => event.settle().await.and(outcome),
            Err(_) => {
                let error = Error::new(
                    ErrorCode::Panic,
                    "Code of the host panicked; the object was reset.",
                );
                self.fail(error.clone());
                Err(error)
            }
        };
        observation.end(outcome.as_ref().map(|_| None));
        let ran = !matches!(&outcome, Err(error) if error.code() == ErrorCode::Unsupported);
        self.runtime.metrics.add(Count::AlarmsFired, u64::from(ran));
        if let Err(error) = &outcome {
            tracing::warn!(path = self.path, %error, "an alarm's handler failed");
        }
        if self.broken().is_none() {
            hold.retake().await?;
            self.settle_alarm(alarm, outcome.err())?;
            event.settle().await?;
        } else if let Some(actor) = self.successor() {
            // Without one, the parent of a broken facet starts it anew; its alarm fires then.
            drop(hold);
            let event = Event::new(&actor, None)?;
            let _hold = Hold::take(&event).await?;
            actor.settle_alarm(alarm, outcome.err())?;
            event.settle().await?;
        }
        Ok(ran)
    }

    /// Says whether the class has a handler; nobody knows while the constructor runs.
    pub(super) fn allow_alarms(&self, allowed: bool) {
        if let Some(slot) = &self.alarm {
            slot.handled.store(allowed, Ordering::Release);
        }
    }

    /// Whether an alarm is set, as far as the index knows.
    pub(super) fn has_alarm_set(&self) -> bool {
        let slot = self.alarm.as_ref();
        slot.is_some_and(|slot| matches!(slot.driver.indexed(&slot.key.key), Ok(Some(_))))
    }

    /// Writes what follows from a run.
    fn settle_alarm(&self, alarm: StoredAlarm, error: Option<Error>) -> Result<()> {
        let Some(slot) = &self.alarm else { return Ok(()) };
        let storage = self.storage()?;
        if storage.stored_alarm()?.is_none_or(|stored| stored.generation != alarm.generation) {
            // The handler has set or deleted the alarm, which the commit has entered in the index.
            let due = storage.stored_alarm()?.map(|stored| stored.due);
            slot.driver.settle(&slot.key, due);
            return Ok(());
        }
        match error {
            None => storage.clear_alarm(alarm.generation)?,
            Some(error) => {
                let now = slot.driver.clock.now_ms();
                if let Some(count) = retry(storage, alarm, &error, now)? {
                    self.runtime.metrics.add(count, 1);
                }
            }
        }
        Ok(())
    }
}

/// The run of a handler, until what follows from it is stored.
struct Running<'a>(&'a AlarmSlot);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.store(0, Ordering::Release);
    }
}

/// Stores when the alarm is tried again, if it is.
fn retry(
    storage: &Storage,
    alarm: StoredAlarm,
    error: &Error,
    now_ms: i64,
) -> Result<Option<Count>> {
    let counted = !matches!(error.code(), ErrorCode::Storage | ErrorCode::Corrupt);
    let mut random = [0; 4];
    let _ = getrandom::fill(&mut random);
    let jitter = f64::from(u32::from_le_bytes(random)) / f64::from(u32::MAX);
    if error.code() == ErrorCode::Unsupported {
        // A class without a handler: trying again would change nothing.
        return storage.clear_alarm(alarm.generation).map(|()| None);
    }
    match after_failure(alarm.failures, counted, now_ms, jitter) {
        Next::RetryAt(due, failures) => {
            storage.store_alarm(StoredAlarm { due, failures, ..alarm })?;
            Ok(Some(Count::AlarmsRetried))
        }
        Next::GiveUp => {
            tracing::warn!("an alarm is given up after its last retry");
            storage.clear_alarm(alarm.generation)?;
            Ok(Some(Count::AlarmsFailed))
        }
    }
}

/// What the storage of an actor knows of alarms: the key of a facet continues its parent's.
pub(super) fn alarm_slot(
    runtime: &RuntimeInner,
    id: &ActorId,
    dir: Option<&Path>,
    namespace: Option<&Namespace>,
    parent: Option<&(Arc<Actor>, String)>,
) -> Option<Arc<AlarmSlot>> {
    let dir = runtime.key_of(dir?);
    let key = match (parent, namespace, id) {
        (Some((parent, name)), _, _) => {
            let above = &parent.alarm.as_ref()?.key;
            let mut facets = above.facets.clone();
            facets.push(name.clone());
            AlarmKey { key: dir, facets, ..above.clone() }
        }
        (None, Some(namespace), ActorId::Object(id)) => AlarmKey {
            key: dir,
            namespace: namespace.name().to_owned(),
            object: id.to_string(),
            name: id.name().map(str::to_owned),
            facets: Vec::new(),
        },
        _ => return None,
    };
    Some(Arc::new(AlarmSlot::new(runtime.alarms.clone(), key)))
}
