//! What actors have used, while no connection to their database is open that would save it.
//!
//! An actor has one set of counters, however many storages it has after each other: the event that broke it is
//! counted after its storage has ended, when there may be the next one already.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::*;
use crate::storage::meter::{Amounts, sum};

/// How long who sums up waits for what moves; in tests on a busy machine, until that has.
const STEADY: Duration = Duration::from_millis(if cfg!(test) { 20_000 } else { 50 });

/// How often what an actor has used has become another's: who sums up meanwhile may have seen it at neither, or at both.
#[derive(Default)]
pub(super) struct Moves {
    begun: AtomicU64,
    ended: AtomicU64,
}

/// Some of it moves.
pub(crate) struct Moving(Disk);

impl Drop for Moving {
    fn drop(&mut self) {
        self.0.0.moves.ended.fetch_add(1, Ordering::AcqRel);
    }
}

impl Disk {
    /// Notes that what an actor has used becomes another's until the answer is dropped.
    pub fn moving(&self) -> Moving {
        self.0.moves.begun.fetch_add(1, Ordering::AcqRel);
        Moving(self.clone())
    }

    /// Sums up what actors have used, again if some of that has moved meanwhile.
    pub(super) fn steadily<T>(&self, sum_up: impl Fn() -> Result<T>) -> Result<T> {
        let first = Instant::now();
        loop {
            let ended = self.0.moves.ended.load(Ordering::Acquire);
            let sum = sum_up()?;
            let is_steady = self.0.moves.begun.load(Ordering::Acquire) == ended;
            if is_steady || first.elapsed() >= STEADY {
                return Ok(sum);
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// The counters of the actor in `dir`.
    pub(in crate::storage) fn meter(&self, dir: &Path) -> Arc<Meter> {
        let mut meters = self.0.meters.lock();
        if let Some(meter) = meters.get(dir).and_then(Weak::upgrade) {
            return meter;
        }
        let meter = Arc::default();
        meters.insert(dir.to_owned(), Arc::downgrade(&meter));
        meter
    }

    /// Forgets them if nobody else has them.
    pub(in crate::storage) fn forget_meter(&self, dir: &Path, meter: &Arc<Meter>) {
        let mut meters = self.0.meters.lock();
        if Arc::strong_count(meter) == 1 {
            meters.remove(dir);
        }
    }

    /// What the actor in `dir` has used and nobody has saved.
    pub(super) fn unsaved(&self, dir: &Path) -> Amounts {
        let meter = self.0.meters.lock().get(dir).and_then(Weak::upgrade);
        meter.map(|meter| meter.unsaved()).unwrap_or_default()
    }

    /// Saves what an actor has used in its database, unless that is open and will do so. Without a database a
    /// facet's counts as its parent's.
    pub(in crate::storage) fn save_usage(&self, shared: &Shared) {
        if shared.meter.unsaved() == Amounts::default() || !self.is_ours() {
            return;
        }
        let closed = self.0.closed.read();
        if *closed {
            return;
        }
        if let Err(error) = self.save_closed(shared) {
            tracing::debug!(%error, "the last counters of an actor are not saved");
        }
    }

    fn save_closed(&self, shared: &Shared) -> Result<()> {
        let dir = &shared.dir;
        let _gate = self.0.gates.lock(dir);
        if self.0.open.lock().contains_key(dir) {
            return Ok(());
        }
        let connection = match &self.0.place {
            Place::Files(durability) => self.open_file(shared, *durability)?,
            Place::Memory(parked) => {
                let db = parked.lock().remove(dir);
                db.map(|db| adopt(db, shared)).transpose()?
            }
        };
        let Some(mut connection) = connection else {
            let _moving = self.moving();
            self.pass_on(dir, shared.meter.take_unsaved());
            return Ok(());
        };
        let saved = connection.save_usage_alone();
        self.give_back(shared, connection);
        Ok(saved?)
    }

    /// Counts what an actor has used as its parent's, if it is a facet.
    fn pass_on(&self, dir: &Path, amounts: Amounts) {
        let is_facet = dir.file_name().and_then(files::facet_number).is_some();
        if let Some(parent) = dir.parent().filter(|_| is_facet) {
            self.meter(parent).add_all(amounts);
        }
    }

    /// What the actors in `dir` and below have used, which are about to go: it is to be kept elsewhere.
    pub fn take_usage(&self, dir: &Path) -> Result<Amounts> {
        let mut taken = Amounts::default();
        let meters = self.0.meters.lock();
        for (_, meter) in meters.range(dir.to_owned()..).take_while(|(of, _)| of.starts_with(dir)) {
            if let Some(meter) = meter.upgrade() {
                taken = sum(taken, meter.take_unsaved());
            }
        }
        drop(meters);
        Ok(sum(taken, self.usage_now(dir)?.used))
    }
}
