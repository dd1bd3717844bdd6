//! The alarm of an actor: one row, written with its data.

use std::sync::atomic::Ordering;

use super::Storage;
use super::commit::When;
use super::connection::Connection;
use super::failure::Failure;
use super::own::Own;
use super::raw::{Bind, Column};
use crate::alarm::{AlarmSlot, Failures};
use crate::error::{Error, ErrorCode, Result};
use crate::host::no_alarm_handler;

/// An alarm as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StoredAlarm {
    /// The time that it was set to.
    pub time: i64,
    /// When it is to run next: that time, or later for a retry.
    pub due: i64,
    /// Grows with each alarm that is set or deleted, so that a handler knows its own.
    pub generation: i64,
    pub failures: Failures,
}

/// The row: an alarm or the memory of the last generation.
#[derive(Clone, Copy, Default)]
struct Row {
    alarm: Option<StoredAlarm>,
    generation: i64,
}

impl Storage {
    /// The time that the alarm is set to, in Unix milliseconds. Within its handler it reads as unset.
    ///
    /// # Errors
    /// STORAGE.
    pub fn get_alarm(&self) -> Result<Option<i64>> {
        let running = self.slot()?.running.load(Ordering::Acquire);
        let alarm = self.stored_alarm()?.filter(|alarm| alarm.generation != running);
        Ok(alarm.map(|alarm| alarm.time))
    }

    /// Sets the alarm to a time in Unix milliseconds, in place of the one that is set. A time in the past
    /// means now. It is set when the transaction commits.
    ///
    /// # Errors
    /// INVALID_ARGUMENT (a `TypeError`) for a time that isn't above 0; UNSUPPORTED (a `TypeError`) if the
    /// class has no handler; STORAGE.
    pub fn set_alarm(&self, time_ms: i64) -> Result<()> {
        if time_ms <= 0 {
            return Err(Error::type_error("setAlarm() cannot be called with an alarm time <= 0"));
        }
        let slot = self.slot()?;
        if !slot.handled.load(Ordering::Acquire) {
            return Err(no_alarm_handler());
        }
        let time = time_ms.max(slot.driver.clock.now_ms());
        let row = self.row()?;
        let running = slot.running.load(Ordering::Acquire);
        let same = |alarm: StoredAlarm| alarm.time == time && alarm.generation != running;
        if row.alarm.is_some_and(same) {
            return Ok(());
        }
        slot.driver.announce(&slot.key, time)?;
        let generation = row.generation + 1;
        let alarm = StoredAlarm { time, due: time, generation, failures: Failures::default() };
        self.store_alarm(alarm)
    }

    /// Deletes the alarm, if one is set.
    ///
    /// # Errors
    /// STORAGE.
    pub fn delete_alarm(&self) -> Result<()> {
        match self.stored_alarm()? {
            Some(alarm) => self.clear_alarm(alarm.generation),
            None => Ok(()),
        }
    }

    /// The alarm, even while its handler runs.
    pub(crate) fn stored_alarm(&self) -> Result<Option<StoredAlarm>> {
        Ok(self.row()?.alarm)
    }

    /// Stores an alarm, and enters it in the index after the commit.
    pub(crate) fn store_alarm(&self, alarm: StoredAlarm) -> Result<()> {
        let StoredAlarm { time, due, generation, failures } = alarm;
        let failures = [failures.counted, failures.exponent].map(|n| Bind::Int(i64::from(n)));
        let [counted, exponent] = failures;
        let values = [Bind::Int(time), Bind::Int(due), Bind::Int(generation), counted, exponent];
        self.write(|connection| connection.run(Own::SetAlarm, &values))?;
        self.settle_on_commit(Some(due))
    }

    /// Deletes the alarm if it is still of that generation.
    pub(crate) fn clear_alarm(&self, generation: i64) -> Result<()> {
        if self.stored_alarm()?.is_none_or(|alarm| alarm.generation != generation) {
            return Ok(());
        }
        let next = Bind::Int(generation + 1);
        self.write(|connection| connection.run(Own::ClearAlarm, &[next]))?;
        self.settle_on_commit(None)
    }

    /// Brings the index up to date with an alarm that it may not know: after a copy, or a start.
    pub(crate) fn announce_alarm(&self) -> Result<()> {
        if let (Some(slot), Some(alarm)) = (&self.0.options.alarm, self.stored_alarm()?) {
            slot.driver.settle(&slot.key, Some(alarm.due));
        }
        Ok(())
    }

    fn slot(&self) -> Result<&AlarmSlot> {
        self.0.options.alarm.as_deref().ok_or_else(|| {
            let message = "Alarms have not been configured for this Durable Object.";
            Error::named(ErrorCode::Unsupported, "Error", message)
        })
    }

    fn row(&self) -> Result<Row> {
        Ok(self.read(row)?.unwrap_or_default())
    }

    fn settle_on_commit(&self, due: Option<i64>) -> Result<()> {
        let Some(slot) = self.0.options.alarm.clone() else { return Ok(()) };
        // The index may be early, not late, also after a power cut.
        self.on_commit(When::Durable, move || slot.driver.settle(&slot.key, due))
    }
}

fn row(connection: &mut Connection) -> Result<Row, Failure> {
    let statement = connection.own(Own::GetAlarm)?;
    let mut row = Row::default();
    connection.db.run(statement, &[], |db| {
        let int = |index| match db.column(statement, index) {
            Column::Int(n) => Some(n),
            _ => None,
        };
        let small = |index| int(index).and_then(|n| u32::try_from(n).ok()).unwrap_or_default();
        row.generation = int(2).unwrap_or_default();
        row.alarm = int(0).map(|time| StoredAlarm {
            time,
            due: int(1).unwrap_or(time),
            generation: row.generation,
            failures: Failures { counted: small(3), exponent: small(4) },
        });
        false
    })?;
    Ok(row)
}
