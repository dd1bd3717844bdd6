//! What guests say to the outside, and how they begin to wait for it: the same for all engines.

use std::sync::Arc;
use std::time::Duration;

use super::watchdog::{Interrupt, Stop};
use crate::actor::{Actor, BoxFuture, Event, Message};
use crate::bindings::Called;
use crate::error::{Error, ErrorCode, Result};
use crate::host::InEvent;
use crate::http::{Request, Response};
use crate::loader::Outbound;
use crate::stub::{Binding, Stub};
use crate::value::Value;

/// The longest delay of a timer: what JavaScript's timers take.
const MAX_DELAY_MS: f64 = 2_147_483_647.0;

/// What counts as a guest's memory while it waits for something outside of it, beside what it has sent: what its host holds
/// for the event that it has begun there.
pub(super) const SENT_BYTES: usize = 4 << 10;
/// What counts as its memory for each timer that is pending.
pub(super) const TIMER_BYTES: usize = 1 << 10;

/// What a wait ends with.
pub(super) enum Answer {
    Nothing,
    /// A timer is due, unless it was cleared: see [`Pending::take`](super::timers::Pending::take).
    #[cfg_attr(
        not(feature = "quickjs"),
        expect(dead_code, reason = "only JavaScript waits for timers")
    )]
    Due,
    Value(Value),
    Response(Response),
}

#[cfg(feature = "quickjs")]
impl Answer {
    /// Bytes of what it holds.
    pub fn size(&self) -> usize {
        match self {
            Answer::Nothing | Answer::Due => 0,
            Answer::Value(value) => value.size(),
            Answer::Response(response) => response.size(),
        }
    }
}

/// Work that a guest waits for; it starts when a driver polls it.
pub(super) type Pending = BoxFuture<'static, Result<Answer>>;

/// A message to an object, facet or entrypoint, sent as part of the event.
pub(super) fn send(event: Arc<Event>, stub: Stub, message: Message) -> Pending {
    let is_fetch = matches!(message, Message::Fetch(_));
    Box::pin(async move {
        let reply = stub.send(Some(event.clone()), message).await;
        let reply = reply.inspect_err(|error| event.exceptions.keep(error))?;
        Ok(match is_fetch {
            true => Answer::Response(reply.into_response()?),
            false => Answer::Value(reply.into_value()?),
        })
    })
}

/// A request of `fetch()`, for whoever the code's loader has named.
///
/// # Errors
/// UNSUPPORTED if that is nobody, INVALID_ARGUMENT for other schemes than http and https,
/// LIMIT_SUBREQUESTS.
pub(super) fn outbound(event: &Arc<Event>, request: Request) -> Result<Pending> {
    let scheme = request.url().split_once(':').map_or("", |(scheme, _)| scheme);
    if !matches!(scheme, "http" | "https") {
        return Err(Error::type_error(format!(
            "fetch() can't request a URL of scheme \"{scheme}\"."
        )));
    }
    let target = match event.actor.class.as_guest() {
        Some(class) => class.worker.outside().outbound.clone(),
        None => Outbound::Closed,
    };
    match target {
        Outbound::Closed => Err(Error::named(
            ErrorCode::Unsupported,
            "Error",
            "This worker is not permitted to access the internet via global functions like fetch(). It must use capabilities (such as bindings in 'env') to talk to the outside world.",
        )),
        Outbound::Stub(stub) => Ok(send(event.clone(), stub, Message::Fetch(request))),
        Outbound::Handler(handler) => {
            event.count_subrequest()?;
            event.count_call(Called::Outbound);
            let event = event.clone();
            Ok(Box::pin(async move {
                let response = in_host(&event, || handler(request)).await?;
                event.actor.check_size("response", response.size())?;
                Ok(Answer::Response(response))
            }))
        }
    }
}

/// A call of what a host or guest has given by reference, made as part of the event.
///
/// # Errors
/// LIMIT_SUBREQUESTS.
pub(super) fn call_host(
    event: &Arc<Event>,
    called: Called<'_>,
    call: impl FnOnce() -> BoxFuture<'static, Result<Value>> + Send + 'static,
) -> Result<Pending> {
    event.count_subrequest()?;
    let counted = event.count_call(called);
    let event = event.clone();
    Ok(Box::pin(async move {
        let answer = in_host(&event, call).await;
        let is_missing = matches!(&answer, Err(error) if error.code() == ErrorCode::NotFound);
        if let Some(at) = counted.filter(|_| !is_missing) {
            event.calls().note_answer(at);
        }
        let value = answer?;
        event.actor.check_message("result", std::slice::from_ref(&value))?;
        Ok(Answer::Value(value))
    }))
}

/// Runs code of the host. What the guest has written is durable before it does, and what the code has written
/// in actors that wait for the guest is before its answer goes on.
async fn in_host<T>(
    event: &Arc<Event>,
    code: impl FnOnce() -> BoxFuture<'static, Result<T>>,
) -> Result<T> {
    event.before_leaving().await?;
    let answer = event.enter(code);
    let answer = InEvent::new(event, answer).await;
    let answer = event.settle_callers().await.and(answer);
    answer.inspect_err(|error| event.exceptions.keep(error))
}

/// The end of the start of a facet that another event has begun.
pub(super) fn wait_for_start(stub: Stub) -> Pending {
    Box::pin(async move {
        if let Binding::Wait(starting) = stub.bind()? {
            stub.wait(starting).await?;
        }
        Ok(Answer::Nothing)
    })
}

/// What may still be copied of a list of texts, which may be one long text many times.
pub(super) struct Budget {
    what: &'static str,
    left: u64,
    limit: u64,
}

impl Budget {
    /// For the keys of a batch of the storage, which are at most as long as a message.
    pub fn of_keys(limit: u64) -> Budget {
        Budget { what: "keys", left: limit, limit }
    }

    /// Takes off one text and its place in the list.
    ///
    /// # Errors
    /// LIMIT_MESSAGE if that is too much.
    pub fn spend(&mut self, bytes: usize) -> Result<()> {
        self.left = self.left.checked_sub(bytes as u64 + 8).ok_or_else(|| {
            let message =
                format!("The {} are longer than the limit of {} bytes.", self.what, self.limit);
            Error::new(ErrorCode::LimitMessage, message)
        })?;
        Ok(())
    }
}

/// The longest name of an export that a guest may ask for.
const MAX_EXPORT_NAME: usize = 1024;

/// A name of an export that the host may keep: whoever asks for it needn't be right.
///
/// # Errors
/// INVALID_ARGUMENT for one that is too long.
pub(super) fn checked_export(name: String) -> Result<String> {
    if name.len() <= MAX_EXPORT_NAME {
        return Ok(name);
    }
    let message =
        format!("An export's name has {} bytes and may have {MAX_EXPORT_NAME}.", name.len());
    Err(Error::type_error(message))
}

/// What guests get for an export that isn't there, or is of another kind than `kind`, with what may explain it.
pub(super) fn no_such_export(name: &str, kind: &str, why: Option<&str>) -> Error {
    let message = match (kind, name) {
        ("class", name) => format!("Worker has no such Durable Object class: {name}."),
        (_, "default") => "Worker has no default entrypoint.".to_owned(),
        (_, name) => format!("Worker has no such entrypoint: {name}"),
    };
    let message = match why {
        Some(why) => format!("{}. {why}", message.trim_end_matches('.')),
        None => message,
    };
    Error::named(ErrorCode::NotFound, "Error", message)
}

/// Which Durable Object classes there are instead of one that isn't.
pub(super) fn other_classes(names: &str) -> String {
    match names {
        "" => "It exports no Durable Object class.".to_owned(),
        names => format!("It exports {names}."),
    }
}

/// Breaks the actor and ends its running guest. Gives the error to be raised.
pub(super) fn fail(actor: &Arc<Actor>, guest: &dyn Interrupt, error: Error) -> Error {
    actor.fail(error.clone());
    guest.interrupt(Stop::Killed);
    error
}

/// The delay that a guest means by a number of milliseconds.
pub(super) fn delay(millis: f64) -> Duration {
    let millis = if millis.is_finite() { millis.clamp(0.0, MAX_DELAY_MS) } else { 0.0 };
    Duration::from_secs_f64(millis / 1000.0)
}
