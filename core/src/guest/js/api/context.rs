//! Natives of ctx, timers, console, outcomes.

use std::sync::Arc;

use std::time::{Duration, Instant};

use super::Natives;
use crate::ctx::aborted;
use crate::error::{Error, ErrorCode, Result};
use crate::guest::js::errors::{TEXT_BYTES, cut, error_from_js};
use crate::guest::js::native::Call;
use crate::guest::js::outcome::{failure, outcome};
use crate::guest::js::task::{Answer, Task};
use crate::guest::watchdog::{Interrupt, Stop};
use crate::host::{no_alarm_handler, no_fetch_handler, no_such_method};
use crate::tail::LogLevel;

/// The longest delay of a timer.
const MAX_DELAY_MS: f64 = 2_147_483_647.0;

pub(super) fn register(natives: &Natives<'_, '_>) -> rquickjs::Result<()> {
    natives.add("no_such_method", |call| Err(no_such_method(&call.text(0)?).into()))?;
    natives.add("no_fetch_handler", |_| Err(no_fetch_handler().into()))?;
    natives.add("no_alarm_handler", |_| Err(no_alarm_handler().into()))?;
    natives.add("no_such_export", |call| {
        let (name, kind) = (call.text(0)?, call.text(1)?);
        let message = match (kind.as_str(), name.as_str()) {
            ("class", name) => format!("Worker has no such Durable Object class: {name}"),
            (_, "default") => "Worker has no default entrypoint.".to_owned(),
            (_, name) => format!("Worker has no such entrypoint: {name}"),
        };
        Err(Error::named(ErrorCode::NotFound, "Error", message).into())
    })?;
    natives.add("done", |call| {
        if let Some(task) = call.shared.find_task(call.index(0)?) {
            let value = call.arg(2);
            let ended = match call.flag(1) {
                true => outcome(call.ctx, call.hooks, &task, &value),
                false => failure(call.ctx, call.hooks, &value),
            };
            *task.outcome.lock() = Some(ended);
            call.shared.signal.notify(usize::MAX);
        }
        call.undefined()
    })?;
    natives.add("log", |call| {
        let (level, text) = (call.text(0)?, call.text(1)?);
        call.shared.task()?.event.log(LogLevel::of_function(&level), &cut(&text, TEXT_BYTES));
        call.undefined()
    })?;
    natives.add("exception", |call| {
        let error = error_from_js(call.ctx, call.hooks, &call.arg(0));
        call.shared.task()?.event.add_exception(&error);
        call.undefined()
    })?;
    register_sections(natives)?;
    register_timers(natives)
}

/// The task that a section or transaction was begun in.
pub(super) fn begun(call: &Call<'_, '_>, number: u64) -> Result<Arc<Task>> {
    call.shared.find_task(number).ok_or_else(|| Error::type_error("The event has ended."))
}

fn register_sections(natives: &Natives<'_, '_>) -> rquickjs::Result<()> {
    natives.add("abort", |call| {
        let error = match call.present(0) {
            None => aborted(None),
            Some(reason) => {
                error_from_js(call.ctx, call.hooks, &reason).with_code(ErrorCode::Aborted)
            }
        };
        call.shared.actor()?.fail(error.clone());
        call.shared.guard.interrupt(Stop::Killed);
        Err(error.into())
    })?;
    natives.add("block_begin", |call| {
        let task = call.shared.task()?;
        task.event.enter_section()?;
        call.give_number(task.number as f64)
    })?;
    natives.add("block_end", |call| {
        begun(call, call.index(0)?)?.event.leave_section();
        call.undefined()
    })?;
    natives.add("block_failed", |call| {
        // A failed section resets the object: what it was to set up is not there.
        let error = error_from_js(call.ctx, call.hooks, &call.arg(0));
        call.shared.actor()?.fail(error.clone());
        call.shared.guard.interrupt(Stop::Killed);
        Err(error.into())
    })
}

fn register_timers(natives: &Natives<'_, '_>) -> rquickjs::Result<()> {
    natives.add("now_ms", |call| {
        let now = call.shared.actor()?.runtime.alarms.clock.now_ms();
        call.give_number(now as f64)
    })?;
    natives.add("timer", |call| {
        let delay = call.number(0)?;
        let delay_ms = if delay.is_finite() { delay.clamp(0.0, MAX_DELAY_MS) } else { 0.0 };
        let due = Instant::now() + Duration::from_secs_f64(delay_ms / 1000.0);
        let sleep = call.shared.actor()?.runtime.timers.at(due);
        let number = call.shared.begin(Box::pin(async move {
            sleep.await;
            Ok(Answer::Nothing)
        }))?;
        call.give_number(number as f64)
    })?;
    natives.add("cancel", |call| {
        let number = call.index(0)?;
        call.shared.task()?.operations.lock().retain(|operation| operation.number != number);
        call.undefined()
    })
}
