//! Stubs, and calls on their way.

use std::sync::Arc;

use facetbox::{Error, ErrorCode, Request, Value};
use napi::bindgen_prelude::AsyncTask;
use napi::{Env, Result};
use napi_derive::napi;

use crate::capability::Capability;
use crate::codec::{Handle, Packed, unpack, unpack_list};
use crate::ctx::Ctx;
use crate::id::ObjectId;
use crate::mailbox::{Kind, Mailbox, Message};
use crate::task::Blocking;
use crate::usage::Usage;

/// The address of an object, a facet or an entrypoint.
#[napi]
pub struct Stub {
    core: facetbox::Stub,
    mailbox: Arc<Mailbox>,
}

impl Stub {
    pub(crate) fn new(core: facetbox::Stub, mailbox: &Arc<Mailbox>) -> Stub {
        Stub { core, mailbox: mailbox.clone() }
    }

    pub(crate) fn core(&self) -> &facetbox::Stub {
        &self.core
    }

    /// Runs a call on the runtime's threads, or begins it here; the answer comes as a message with the number given back.
    fn start(
        &self,
        answer: impl Future<Output = facetbox::Result<Value>> + Send + 'static,
        cancelable: bool,
        here: bool,
    ) -> u32 {
        let (id, task) = Call::of(&self.mailbox, answer);
        if here {
            self.mailbox.inbox().expect();
        }
        match (cancelable, here) {
            (true, true) => self.core.spawn_here(self.mailbox.cancelable(id, task)),
            (true, false) => self.core.spawn(self.mailbox.cancelable(id, task)),
            (false, true) => self.core.spawn_here(task),
            (false, false) => self.core.spawn(task),
        }
        id
    }
}

#[napi]
impl Stub {
    /// Calls a method; the number of the call is given back. `cancelable` says whether it may be canceled by
    /// that, `scope` and `owner` for which event and whose code calls.
    #[allow(clippy::too_many_arguments, reason = "each is a value of its own in JavaScript")]
    #[napi(catch_unwind)]
    pub fn call(
        &self,
        env: &Env,
        method: String,
        bytes: &[u8],
        capabilities: Option<Vec<Capability<'_>>>,
        cancelable: bool,
        scope: u32,
        owner: Option<&Ctx>,
    ) -> Result<u32> {
        let args = unpack_list(&self.mailbox, bytes, capabilities);
        let args = self.mailbox.check(env, args)?;
        let call = || (self.core.begins_here(), self.core.call_in_order(method, args));
        let (here, answer) = self.mailbox.within(scope, owner, call);
        Ok(self.start(answer, cancelable, here))
    }

    /// Sends a request; the number of the call is given back, as [`Stub::call`] does.
    #[napi(catch_unwind)]
    pub fn fetch(
        &self,
        env: &Env,
        bytes: &[u8],
        cancelable: bool,
        scope: u32,
        owner: Option<&Ctx>,
    ) -> Result<u32> {
        let request = unpack(&self.mailbox, bytes, None);
        let request = request.and_then(|value| Request::from_value(&value));
        let request = self.mailbox.check(env, request)?;
        let fetch = || (self.core.begins_here(), self.core.fetch_in_order(request));
        let (here, response) = self.mailbox.within(scope, owner, fetch);
        let answer = async move { Ok(response.await?.to_value()) };
        Ok(self.start(answer, cancelable, here))
    }

    /// The id of the object; none for facets and entrypoints.
    #[napi(getter, catch_unwind)]
    pub fn id(&self) -> Option<ObjectId> {
        self.core.id().cloned().map(ObjectId::new)
    }

    /// Whether the object has data or the facet exists.
    #[napi(ts_return_type = "Promise<boolean>", catch_unwind)]
    pub fn exists(&self) -> AsyncTask<Blocking<bool, bool>> {
        let stub = self.core.clone();
        Blocking::new(&self.mailbox, move || stub.exists(), |_, exists| Ok(exists))
    }

    /// What the object or facet takes.
    #[napi(ts_return_type = "Promise<Usage>", catch_unwind)]
    pub fn usage(&self) -> AsyncTask<Blocking<facetbox::Usage, Usage>> {
        let stub = self.core.clone();
        Blocking::new(&self.mailbox, move || stub.usage(), |_, usage| Ok(usage.into()))
    }

    /// Copies the object or facet to a directory; the number of the call is given back. `scope` and `owner` say for
    /// which event and whose code calls.
    #[napi(catch_unwind)]
    pub fn export(&self, path: String, scope: u32, owner: Option<&Ctx>) -> u32 {
        let export = self.mailbox.within(scope, owner, || self.core.export(path));
        self.start(async move { export.await.map(|()| Value::Undefined) }, false, false)
    }
}

/// What a call ended with.
pub(crate) enum Ended {
    Value(Value),
    Handle(Handle),
}

/// A call that JavaScript waits for. Dropped without an answer it fails, so no promise stays open.
pub(crate) struct Call {
    pub id: u32,
    mailbox: Arc<Mailbox>,
    ended: bool,
}

impl Call {
    pub fn new(mailbox: &Arc<Mailbox>) -> Call {
        Call { id: mailbox.next_id(), mailbox: mailbox.clone(), ended: false }
    }

    /// A call that ends with what `answer` does: its number, and the task that has to be run for it.
    pub fn of(
        mailbox: &Arc<Mailbox>,
        answer: impl Future<Output = facetbox::Result<Value>> + Send + 'static,
    ) -> (u32, impl Future<Output = ()> + Send + 'static) {
        let call = Call::new(mailbox);
        (call.id, async move { call.end(answer.await.map(Ended::Value)) })
    }

    pub fn end(mut self, outcome: facetbox::Result<Ended>) {
        self.send(outcome);
    }

    fn send(&mut self, outcome: facetbox::Result<Ended>) {
        self.ended = true;
        let (kind, packed, extra) = match outcome {
            Ok(Ended::Value(value)) => (Kind::Resolve, Packed::value(&self.mailbox, value), None),
            Ok(Ended::Handle(handle)) => (Kind::Resolve, Packed::default(), Some(handle)),
            Err(error) => (Kind::Reject, Packed::error(&self.mailbox, &error), None),
        };
        let name = String::new();
        self.mailbox.post(Message { kind, id: self.id, target: 0, name, packed, extra });
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if !self.ended {
            self.send(Err(Error::new(ErrorCode::Closed, "The runtime is closed.")));
        }
    }
}
