//! Natives of ctx, timers, console, outcomes.

use std::sync::Arc;
use std::time::Instant;

use rquickjs::Promise;
use rquickjs::promise::PromiseState;

use super::Natives;
use crate::ctx::aborted;
use crate::error::{Error, ErrorCode, Result, TEXT_BYTES};
use crate::guest::js::errors::{cut, error_from_js};
use crate::guest::js::native::Call;
use crate::guest::js::operations::Operation;
use crate::guest::js::outcome::{failure, outcome};
use crate::guest::js::task::Task;
use crate::guest::outside::{Answer, delay, fail, no_such_export, other_classes};
use crate::host::{no_alarm_handler, no_fetch_handler, no_such_method};
use crate::tail::LogLevel;

pub(super) fn register(natives: &mut Natives) {
    natives.add(c"no_such_method", |call| Err(no_such_method(&call.text(0)?).into()));
    natives.add(c"no_fetch_handler", |_| Err(no_fetch_handler().into()));
    natives.add(c"no_alarm_handler", |_| Err(no_alarm_handler().into()));
    natives.add(c"no_such_export", |call| {
        let (name, kind) = (call.text(0)?, call.text(1)?);
        let why = if kind == "class" { Some(other_classes(&call.text(2)?)) } else { None };
        Err(no_such_export(&name, &kind, why.as_deref()).into())
    });
    natives.add(c"done", |call| {
        if let Some(task) = call.shared.find_task(call.index(0)?) {
            let value = call.arg(2);
            let ended = match call.flag(1) {
                true => outcome(call.ctx, call.hooks, &task, &value),
                false => failure(call.ctx, call.hooks, &value),
            };
            call.shared.end(&task, ended);
        }
        call.undefined()
    });
    natives.add(c"log", |call| {
        let (level, text) = (call.text(0)?, call.text(1)?);
        call.shared.task()?.event.log(LogLevel::of_function(&level), &cut(&text, TEXT_BYTES));
        call.undefined()
    });
    natives.add(c"exception", |call| {
        let error = error_from_js(call.ctx, call.hooks, &call.arg(0));
        call.shared.task()?.event.add_exception(&error);
        call.undefined()
    });
    natives.add(c"is_pending", |call| {
        let value = call.arg(0);
        let state = value.as_promise().map(Promise::state);
        call.give_bool(state == Some(PromiseState::Pending))
    });
    register_sections(natives);
    register_timers(natives);
}

/// The task that a section or transaction was begun in.
pub(super) fn begun(call: &Call<'_, '_>, number: u64) -> Result<Arc<Task>> {
    call.shared.find_task(number).ok_or_else(|| Error::type_error("The event has ended."))
}

fn register_sections(natives: &mut Natives) {
    natives.add(c"abort", |call| {
        let error = match call.present(0) {
            None => aborted(None),
            Some(reason) => {
                error_from_js(call.ctx, call.hooks, &reason).with_code(ErrorCode::Aborted)
            }
        };
        Err(fail(&call.shared.actor()?, &*call.shared.guard, error).into())
    });
    natives.add(c"block_begin", |call| {
        let task = call.shared.task()?;
        task.event.enter_section()?;
        call.give_number(task.number as f64)
    });
    natives.add(c"block_end", |call| {
        let task = begun(call, call.index(0)?)?;
        task.event.leave_section();
        if !task.event.in_section() {
            task.signal.notify(1); // it may be another than the one that runs
        }
        call.undefined()
    });
    // Lets code go on in the event that has begun a section, whichever runs.
    natives.add(c"block_on", |call| {
        let (task, number) = (begun(call, call.index(0)?)?, call.shared.number());
        let pending = Box::pin(async { Ok(Answer::Nothing) });
        task.operations.begin(Operation { number, pending });
        task.operations.wake();
        Ok(call.hooks.waiting.promise(call.ctx, number, false)?)
    });
    natives.add(c"block_failed", |call| {
        // A failed section resets the object: what it was to set up is not there.
        let error = error_from_js(call.ctx, call.hooks, &call.arg(0));
        Err(fail(&call.shared.actor()?, &*call.shared.guard, error).into())
    });
}

fn register_timers(natives: &mut Natives) {
    natives.add(c"now_ms", |call| {
        let now = call.shared.actor()?.runtime.alarms.clock.now_ms();
        call.give_number(now as f64)
    });
    natives.add(c"timer", |call| {
        let due = Instant::now() + delay(call.number(0)?);
        call.give_number(call.shared.begin_timer(call.ctx, due)? as f64)
    });
    natives.add(c"cancel", |call| {
        call.shared.clear_timer(call.index(0)?)?;
        call.undefined()
    });
}
