//! The entry of the JavaScript half: one bridge for each environment.

use std::sync::Arc;

use facetbox::{
    ActorId, Attention, Engine, ErrorCode, FacetOptions, LimitsPatch, Options, TailReceiver,
};
use futures_lite::future::block_on;
use napi::bindgen_prelude::{AsyncTask, BufferSlice, Either};
use napi::{Env, Result};
use napi_derive::napi;

use crate::batch::{self, Batch};
use crate::capability::{Capability, host_function};
use crate::class::{Class, host_class};
use crate::clock::ManualClock;
use crate::codec::{Packed, Sent, unpack, unpack_error, unpack_map};
use crate::id::ObjectId;
use crate::mailbox::{Mailbox, Raise, Receive, Reply};
use crate::reference::JsRef;
use crate::revoker::Revoker;
use crate::runtime::{Runtime, alarms, durability};
use crate::task::Blocking;

/// When the loop looks for an answer itself.
#[napi]
pub enum Look {
    Never,
    BeforeSleep,
    AtOnce,
}

/// Opens runtimes, wraps JavaScript values and takes the answers to what was asked.
#[napi]
pub struct Bridge {
    mailbox: Arc<Mailbox>,
}

#[napi]
impl Bridge {
    /// Makes the bridge: `receive` is called to take messages, `raise` throws the exception of an error.
    #[napi(constructor, catch_unwind)]
    pub fn new(env: &Env, receive: Receive<'_>, raise: Raise<'_>) -> Result<Bridge> {
        Ok(Bridge { mailbox: Mailbox::new(env, receive, raise)? })
    }

    /// Messages that are there, in `buffer` if they fit.
    #[napi(ts_return_type = "boolean | any[]", catch_unwind)]
    pub fn take(&self, env: &Env, buffer: BufferSlice<'static>) -> Result<Batch> {
        batch::write(env, self.mailbox.inbox().take(), buffer)
    }

    /// Messages that are there or come within microseconds, in `buffer` if they fit; null if there are none and it
    /// has to be called once more. `round`, if it is a new turn of the loop: whether that waits for one call at most.
    #[napi(ts_return_type = "boolean | any[] | null", catch_unwind)]
    pub fn look(
        &self,
        env: &Env,
        buffer: BufferSlice<'static>,
        round: Option<bool>,
    ) -> Result<Option<Batch>> {
        let inbox = self.mailbox.inbox();
        round.into_iter().for_each(|alone| inbox.come_round(alone));
        let portion = inbox.look();
        if portion.messages.is_empty() && inbox.look_again() {
            return Ok(None);
        }
        batch::write(env, portion, buffer).map(Some)
    }

    /// Somebody was called: when `look` has to be called, as nobody wakes the loop then. `alone`: it waits for one call
    /// at most.
    #[napi(catch_unwind)]
    pub fn attend(&self, alone: bool) -> Look {
        match self.mailbox.inbox().attend(alone) {
            Attention::Woken => Look::Never,
            Attention::BeforeSleep => Look::BeforeSleep,
            Attention::AtOnce => Look::AtOnce,
        }
    }

    /// Opens a runtime; `limits` is a packed map.
    #[napi(ts_return_type = "Promise<Runtime>", catch_unwind)]
    pub fn open(
        &self,
        env: &Env,
        given: OpenOptions,
        clock: Option<&ManualClock>,
        limits: &[u8],
    ) -> Result<AsyncTask<Blocking<facetbox::Runtime, Runtime>>> {
        let on_tail = given.on_tail.map(|id| tail_receiver(JsRef::new(&self.mailbox, id)));
        let options = || {
            Ok(Options {
                path: given.path.map(Into::into),
                durability: durability(given.durability.as_deref())?,
                limits: LimitsPatch::from_value(&unpack(&self.mailbox, limits, None)?)?,
                clock: clock.map(|clock| clock.core().clone()),
                alarms: alarms(given.alarms.as_deref())?,
                idle_ms: given.idle_ms.map(u64::from),
                max_warm: given.max_warm.map(|count| count as usize),
                threads: given.threads.map(|count| count as usize),
                engines: given.engines.map(|names| engines(&names)).transpose()?,
                on_tail,
            })
        };
        let options = self.mailbox.check(env, options())?;
        Ok(Runtime::open(&self.mailbox, options))
    }

    /// Cancels a call that was made cancelable, if it hasn't ended.
    #[napi(catch_unwind)]
    pub fn cancel(&self, call: u32) {
        self.mailbox.cancel(call);
    }

    /// The guide for authors of guests; `bytes` is a packed env, if there is one.
    #[napi(catch_unwind)]
    pub fn guest_guide(
        &self,
        env: &Env,
        language: String,
        bytes: Option<&[u8]>,
        capabilities: Option<Vec<Capability<'_>>>,
    ) -> Result<String> {
        let given = bytes.map(|bytes| unpack_map(&self.mailbox, bytes, capabilities)).transpose();
        let guide = given.and_then(|given| facetbox::guest_guide(&language, given.as_ref()));
        self.mailbox.check(env, guide)
    }

    /// The type file for authors of guests.
    #[napi(catch_unwind)]
    pub fn guest_types(&self, env: &Env, language: String) -> Result<String> {
        self.mailbox.check(env, facetbox::guest_types(&language).map(str::to_owned))
    }

    /// What works as a packed value does until it is revoked.
    #[napi(catch_unwind)]
    pub fn wrap(
        &self,
        env: &Env,
        revoker: &Revoker,
        bytes: &[u8],
        capabilities: Option<Vec<Capability<'_>>>,
    ) -> Result<Sent> {
        let value = unpack(&self.mailbox, bytes, capabilities);
        let wrapped = value.and_then(|value| revoker.core().wrap(value));
        Packed::value(&self.mailbox, self.mailbox.check(env, wrapped)?).into_js(env)
    }

    /// Wraps a class.
    #[napi(catch_unwind)]
    pub fn class(&self, reference: u32, name: String) -> Class {
        Class::new(host_class(JsRef::new(&self.mailbox, reference), name))
    }

    /// Answers an ask with a packed value; `attend` has to be called then.
    #[napi(catch_unwind)]
    pub fn answer(&self, ask: u32, bytes: &[u8], capabilities: Option<Vec<Capability<'_>>>) {
        let value = unpack(&self.mailbox, bytes, capabilities);
        self.mailbox.answer_and_attend(ask, value.map(Reply::Value));
    }

    /// Answers an ask with a packed error.
    #[napi(catch_unwind)]
    pub fn fail(&self, ask: u32, error: &[u8]) {
        self.mailbox.answer(ask, Err(unpack_error(&self.mailbox, error)));
    }

    /// Answers a call that there is no such method.
    #[napi(catch_unwind)]
    pub fn no_such_method(&self, ask: u32, method: String) {
        self.mailbox.answer(ask, Err(facetbox::no_such_method(&method)));
    }

    /// Answers a request that there is no fetch handler.
    #[napi(catch_unwind)]
    pub fn no_fetch_handler(&self, ask: u32) {
        self.mailbox.answer(ask, Err(facetbox::no_fetch_handler()));
    }

    /// Answers an alarm that there is no handler.
    #[napi(catch_unwind)]
    pub fn no_alarm_handler(&self, ask: u32) {
        self.mailbox.answer(ask, Err(facetbox::no_alarm_handler()));
    }

    /// Answers with the new instance of a class, and whether it has a handler of alarms.
    #[napi(catch_unwind)]
    pub fn answer_instance(&self, ask: u32, reference: u32, has_alarm: bool) {
        let instance = JsRef::new(&self.mailbox, reference);
        self.mailbox.answer(ask, Ok(Reply::Instance(instance, has_alarm)));
    }

    /// Answers with how a facet is to start.
    #[napi(catch_unwind)]
    pub fn answer_facet(&self, ask: u32, class: &Class, id: Option<Either<&ObjectId, String>>) {
        let id = id.map(|id| match id {
            Either::A(id) => ActorId::Object(id.core().clone()),
            Either::B(text) => ActorId::Text(text),
        });
        let options = FacetOptions { class: class.core().clone(), id };
        self.mailbox.answer(ask, Ok(Reply::Facet(options)));
    }
}

/// How a runtime is opened, apart from what isn't plain.
#[napi(object)]
pub struct OpenOptions {
    /// The data directory.
    pub path: Option<String>,
    /// The name of a durability.
    pub durability: Option<String>,
    /// Who fires alarms.
    pub alarms: Option<String>,
    /// Milliseconds without an event after which an instance is dropped.
    pub idle_ms: Option<u32>,
    /// How many instances are kept.
    pub max_warm: Option<u32>,
    /// How many threads run guests.
    pub threads: Option<u32>,
    /// The names of the engines that guests may be written for.
    pub engines: Option<Vec<String>>,
    /// The reference of the function that gets tail events.
    pub on_tail: Option<u32>,
}

/// Waits for JavaScript after each event, so that those which it is too slow for stay in core's bounded
/// queue. When the environment ends the wait does, too.
fn tail_receiver(target: Arc<JsRef>) -> TailReceiver {
    let receive = host_function(target, "onTail".to_owned());
    TailReceiver::new(move |event| {
        // What the function throws has been reported by the JavaScript half.
        let _ = block_on(receive.call(vec![event.to_value()]));
    })
}

fn engines(names: &[String]) -> facetbox::Result<Vec<Engine>> {
    names.iter().map(|name| Engine::from_name(name)).collect()
}

/// One row of the table of error codes.
#[napi(object)]
pub struct ErrorRow {
    /// The stable number.
    pub number: i32,
    /// The stable name, such as `LIMIT_CPU`.
    pub code: String,
    /// The name of the class.
    pub class: String,
    /// The name that errors have which nobody named.
    pub name: String,
}

/// Every error code.
#[napi]
pub fn error_table() -> Vec<ErrorRow> {
    let row = |code: &ErrorCode| ErrorRow {
        number: *code as i32,
        code: code.name().to_owned(),
        class: code.class().to_owned(),
        name: code.guest_name().to_owned(),
    };
    ErrorCode::ALL.iter().map(row).collect()
}
