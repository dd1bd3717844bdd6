//! Messages from any thread to the JavaScript thread of one environment, and what it answers.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use facetbox::{BoxFuture, Error, ErrorCode, EventScope, FacetOptions, Inbox, Result, Value};
use futures_channel::oneshot;
use napi::Env;
use napi::bindgen_prelude::{FnArgs, Function, FunctionRef, Unknown};
use napi::threadsafe_function::{ThreadsafeFunctionCallMode, UnknownReturnValue};
use napi_derive::napi;
use parking_lot::Mutex;

use crate::batch;
use crate::codec::{Handle, Packed, Sent};
use crate::ctx::Ctx;
use crate::reference::JsRef;

/// What a message is about. `id` is the number of a call or of an ask, `target` of a reference.
#[napi]
pub enum Kind {
    /// Call `id` has ended well, with the payload or `extra`.
    Resolve,
    /// Call `id` has failed, with an error as the payload.
    Reject,
    /// Ask `id`: make an instance of class `target` with `extra` as its ctx and the payload as env.
    Construct,
    /// Ask `id`: answer the request in the payload by instance `target`.
    Fetch,
    /// Ask `id`: call method `name` of instance `target` with the list in the payload.
    Call,
    /// Ask `id`: run the alarm handler of instance `target` with the map in the payload.
    Alarm,
    /// Ask `id`: call function `target` with the list in the payload.
    Invoke,
    /// Ask `id`: call method `name` of the host object `target` with the list in the payload.
    Dispatch,
    /// Ask `id`: call the start callback `target` of a facet.
    Start,
    /// Nobody waits for the answer to ask `id` any more.
    Cancel,
    /// Nothing on this side needs reference `id` any more.
    Release,
}

/// The function that takes the messages.
pub(crate) type Receive<'a> = Function<'a, (), UnknownReturnValue>;
/// The function that throws the exception of a packed error.
pub(crate) type Raise<'a> = Function<'a, FnArgs<(Sent,)>, Unknown<'static>>;
type Asks = HashMap<u32, oneshot::Sender<Result<Reply>>>;

/// A message on its way to the JavaScript thread.
pub(crate) struct Message {
    pub kind: Kind,
    pub id: u32,
    pub target: u32,
    pub name: String,
    pub packed: Packed,
    /// What it brings that is no value: the ctx of a new instance, what a call ended with.
    pub extra: Option<Handle>,
}

/// What JavaScript answers to an ask.
pub(crate) enum Reply {
    Value(Value),
    /// An instance, and whether it has a handler of alarms.
    Instance(Arc<JsRef>, bool),
    Facet(FacetOptions),
}

/// The mailbox of one environment: of the main thread or of one worker thread.
pub(crate) struct Mailbox {
    inbox: Inbox<Message>,
    raise: FunctionRef<FnArgs<(Sent,)>, Unknown<'static>>,
    /// Asks without an answer; `None` once the environment has ended.
    asks: Mutex<Option<Asks>>,
    /// The calls that may be canceled.
    cancelable: Mutex<HashMap<u32, oneshot::Sender<()>>>,
    /// The events that code runs for, by the number of their ask or section.
    scopes: Mutex<HashMap<u32, EventScope>>,
    next: AtomicU32,
}

impl Mailbox {
    /// Makes the mailbox whose messages `receive` takes; `raise` throws the exception of an error.
    pub fn new(env: &Env, receive: Receive<'_>, raise: Raise<'_>) -> napi::Result<Arc<Mailbox>> {
        let receive =
            receive.build_threadsafe_function::<()>().weak::<true>().build_callback(|_| Ok(()))?;
        let wake = move || {
            receive.call((), ThreadsafeFunctionCallMode::NonBlocking);
        };
        let mailbox = Arc::new(Mailbox {
            inbox: Inbox::new(batch::length, wake),
            raise: raise.create_ref()?,
            asks: Mutex::new(Some(Asks::new())),
            cancelable: Mutex::default(),
            scopes: Mutex::default(),
            next: AtomicU32::new(1),
        });
        env.add_env_cleanup_hook(mailbox.clone(), |mailbox| mailbox.close())?;
        Ok(mailbox)
    }

    /// Sends a message; one to an environment that has ended is dropped.
    pub fn post(&self, message: Message) {
        drop(self.inbox.post(message));
    }

    /// The messages for JavaScript.
    pub fn inbox(&self) -> &Inbox<Message> {
        &self.inbox
    }

    /// Asks the JavaScript thread to run code of the host. The message is sent at once, so that asks
    /// arrive in the order in which they are made.
    pub fn ask(
        self: &Arc<Self>,
        kind: Kind,
        target: &Arc<JsRef>,
        name: &str,
        payload: Value,
        extra: Option<Handle>,
    ) -> BoxFuture<'static, Result<Reply>> {
        let (sender, answer) = oneshot::channel();
        let id = self.next_id();
        if let Some(asks) = &mut *self.asks.lock() {
            asks.insert(id, sender);
        }
        if let Some(scope) = EventScope::current() {
            self.scopes.lock().insert(id, scope);
        }
        let packed = Packed::value(self, payload);
        self.post(Message { kind, id, target: target.id(), name: name.to_owned(), packed, extra });
        let asked = Asked { id, target: target.clone(), answered: false };
        Box::pin(async move {
            let mut asked = asked; // as a whole
            let answer = answer.await;
            asked.answered = true;
            answer.unwrap_or_else(|_| Err(ended()))
        })
    }

    /// Passes on what JavaScript answers to an ask; the first answer counts.
    pub fn answer(&self, ask: u32, reply: Result<Reply>) {
        let sender = self.asks.lock().as_mut().and_then(|asks| asks.remove(&ask));
        if let Some(sender) = sender {
            // The event that asked may be gone: aborted, closed, timed out.
            let _ = sender.send(reply);
        }
    }

    /// Passes on the answer to an ask; the loop attends right after that.
    pub fn answer_and_attend(&self, ask: u32, reply: Result<Reply>) {
        let scope = self.scopes.lock().get(&ask).cloned();
        match scope {
            Some(scope) => scope.answer(|| self.inbox.expect(), || self.answer(ask, reply)),
            None => self.answer(ask, reply),
        }
    }

    /// Throws the error of a result as the JavaScript half spells it.
    pub fn check<T>(self: &Arc<Self>, env: &Env, result: Result<T>) -> napi::Result<T> {
        result.map_err(|error| self.raise(env, &error))
    }

    fn raise(self: &Arc<Self>, env: &Env, error: &Error) -> napi::Error {
        let thrown = Packed::error(self, error).into_js(env).and_then(|packed| {
            let raise = self.raise.borrow_back(env)?;
            raise.call((packed,).into())
        });
        match thrown {
            Ok(_) => napi::Error::from_reason(error.to_string()),
            Err(exception) => exception,
        }
    }

    /// Runs `task`, which is that of call `id`, until it ends or is canceled, and then drops it.
    pub fn cancelable(
        self: &Arc<Self>,
        id: u32,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> impl Future<Output = ()> + Send + 'static {
        let (cancel, canceled) = oneshot::channel();
        self.cancelable.lock().insert(id, cancel);
        let mailbox = self.clone();
        let canceled = async move {
            let _ = canceled.await;
        };
        async move {
            futures_lite::future::or(task, canceled).await;
            mailbox.cancelable.lock().remove(&id);
        }
    }

    /// Cancels a call, if it is a cancelable one that hasn't ended.
    pub fn cancel(&self, call: u32) {
        let cancel = self.cancelable.lock().remove(&call);
        if let Some(cancel) = cancel {
            let _ = cancel.send(()); // it may just have ended
        }
    }

    /// Gives the code of a section its scope; answers the number. [`Mailbox::leave`] forgets it.
    pub fn scope(&self, scope: EventScope) -> u32 {
        let id = self.next_id();
        self.scopes.lock().insert(id, scope);
        id
    }

    pub fn leave(&self, scope: u32) {
        self.scopes.lock().remove(&scope);
    }

    /// Runs `code` for the event with this number; if that is over, for the object whose code calls.
    pub fn within<T>(&self, scope: u32, owner: Option<&Ctx>, code: impl FnOnce() -> T) -> T {
        let known = self.scopes.lock().get(&scope).cloned();
        match known.or_else(|| owner.map(Ctx::scope)) {
            Some(scope) => scope.enter(code),
            None => code(),
        }
    }

    pub fn next_id(&self) -> u32 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Ends with the environment: whoever waits for an answer gets an error.
    fn close(&self) {
        drop(self.asks.lock().take());
        drop(self.inbox.close());
    }
}

/// An ask on its way. Holds its target, so that its release can't overtake the ask.
struct Asked {
    id: u32,
    target: Arc<JsRef>,
    answered: bool,
}

impl Drop for Asked {
    fn drop(&mut self) {
        let mailbox = self.target.mailbox();
        mailbox.leave(self.id);
        if !self.answered {
            mailbox.answer(self.id, Err(ended()));
            mailbox.post(Message {
                kind: Kind::Cancel,
                id: self.id,
                target: 0,
                name: String::new(),
                packed: Packed::default(),
                extra: None,
            });
        }
    }
}

fn ended() -> Error {
    Error::new(ErrorCode::Closed, "The JavaScript environment of the host class has ended.")
}
