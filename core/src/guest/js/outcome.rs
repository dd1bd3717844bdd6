//! What operations and events end with, on its way into the guest and out of it.

use std::task::{Context, Poll};

use rquickjs::{Array, Ctx, Value as JsValue};

use super::errors::{caught, cut, error_from_js, error_to_js};
use super::native::set_own;
use super::operations::Ended;
use super::task::{Outcome, Task, Wanted};
use super::vm::Hooks;
use super::{api, give, read};
use crate::error::{Error, ErrorCode, Result};
use crate::guest::outside::Answer;
use crate::value::Value;

/// Hands in what an operation has ended with.
pub(super) fn hand_in<'js>(
    ctx: &Ctx<'js>,
    hooks: &Hooks<'js>,
    number: u64,
    answer: Result<Answer>,
) -> rquickjs::Result<()> {
    let Some(settler) = hooks.waiting.take(number) else {
        return hooks.fire.call((number as f64,));
    };
    match answer {
        Ok(answer) => {
            let value = give::answer(ctx, hooks, &answer)?;
            let value = match settler.is_call && value.is_object() {
                true => hooks.disposable.call((value,))?,
                false => value,
            };
            settler.resolve.call((value,))
        }
        Err(error) => {
            let is_reset = matches!(error.code(), ErrorCode::Aborted | ErrorCode::Reset);
            let error_value = error_to_js(ctx, hooks, &error)?;
            if let Some(object) = error_value.as_object() {
                let flag = if is_reset { "durableObjectReset" } else { "remote" };
                set_own(object, flag, true)?;
            }
            settler.reject.call((error_value,))
        }
    }
}

/// What a value that an event has ended with means for its caller.
pub(super) fn outcome<'js>(
    ctx: &Ctx<'js>,
    hooks: &Hooks<'js>,
    task: &Task,
    value: &JsValue<'js>,
) -> Result<Outcome> {
    match task.wanted {
        Wanted::Nothing => Ok(Outcome::Nothing),
        Wanted::Value => {
            let limit = task.event.actor.limits.message_bytes;
            read::value(ctx, hooks, value, limit, Some(&hooks.shared)).map(Outcome::Value)
        }
        Wanted::Response => {
            let taken = hooks.take_response.call::<_, Option<Array<'js>>>((value.clone(),));
            match taken.map_err(|error| caught(ctx, hooks, error))? {
                Some(parts) => api::response(ctx, hooks, &parts).map(Outcome::Response),
                None => Ok(Outcome::Nothing),
            }
        }
    }
}

/// The error that an event has ended with.
pub(super) fn failure<'js>(
    ctx: &Ctx<'js>,
    hooks: &Hooks<'js>,
    thrown: &JsValue<'js>,
) -> Result<Outcome> {
    Err(error_from_js(ctx, hooks, thrown))
}

/// Polls what a task waits for besides what has `ended`, while the task waits for its turn: unless that takes as much as a
/// message already.
pub(super) fn poll_more(task: &Task, ended: &mut Ended, context: &mut Context<'_>) {
    let size = |(_, answer): &(u64, Result<Answer>)| answer.as_ref().map_or(0, Answer::size) as u64;
    while ended.iter().map(size).sum::<u64>() <= task.event.actor.limits.message_bytes {
        let Poll::Ready(more) = task.poll_operations(context) else { return };
        ended.extend(more);
    }
}

/// A main module that doesn't load names itself. What the engine refuses while it links the modules has
/// no place in any of them.
pub(super) fn load_error(error: Error, main: &str) -> Error {
    match error.code() {
        ErrorCode::LoadError if error.message().is_empty() => Error::named(
            ErrorCode::LoadError,
            "Error",
            format!("Module \"{}\" doesn't load.", cut(main, 200)),
        ),
        ErrorCode::GuestError if error.name() == "SyntaxError" && error.stack().is_none() => {
            error.with_code(ErrorCode::LoadError)
        }
        _ => error,
    }
}

impl Outcome {
    pub fn into_value(self) -> Result<Value> {
        match self {
            Outcome::Value(value) => Ok(value),
            Outcome::Nothing => Ok(Value::Undefined),
            Outcome::Response(_) => Err(Error::new(ErrorCode::Panic, "a call answered a response")),
        }
    }
}
