//! Actors: an instance of a class, with a turn and a storage.
//!
//! The root of every object and each of its facets is an actor; they differ only in who their parent
//! is. An actor outlives its instances: a limit that hits or an idle period ends an instance, and the
//! next event starts another. A broken actor (abort, critical storage error, panic) is gone for good:
//! stubs bound to it keep failing with its error, and a new stub reaches a new actor.

mod alarm;
mod class;
mod ending;
mod event;
mod exceptions;
mod hold;
mod loop_turn;
mod message;
mod message_size;
mod payer;
#[cfg(test)]
mod schedules;
mod scope;
mod section;
mod turn;
mod warm;

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use event_listener::{Event as Signal, EventListener};
use futures_lite::{FutureExt, future};
use parking_lot::Mutex;
use tracing::{Instrument, Span};

use alarm::alarm_slot;
pub use class::Class;
pub(crate) use class::{ClassKind, GuestClass, Props};
pub(crate) use event::Event;
pub(crate) use hold::Hold;
use loop_turn::LoopTurn;
pub(crate) use message::{Message, Reply};
pub use scope::EventScope;
pub(crate) use section::{LoopSection, section_too_long};
pub(crate) use turn::{Turn, Waits};
pub use warm::Awake;
pub(crate) use warm::Warm;

use crate::alarm::AlarmSlot;
use crate::ctx::Ctx;
use crate::error::{Error, ErrorCode, Result};
use crate::facet::FacetMap;
use crate::given::Given;
use crate::guest;
use crate::id::ObjectId;
use crate::limits::Limits;
use crate::metrics::{Count, EventKind};
use crate::namespace::Namespace;
use crate::runtime::RuntimeInner;
use crate::storage::{self, Storage, StorageOptions};
use crate::tail::{Observation, TailInfo, Targets};
use crate::value::ValueMap;

/// A future that may move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What an actor knows as its id: the object's, or a text that its supervisor chose.
#[derive(Clone, Debug, PartialEq)]
pub enum ActorId {
    /// The id of an object, its own or its parent's.
    Object(ObjectId),
    /// The text given as a facet's `id`.
    Text(String),
}

/// 64 hex digits, or the text.
impl fmt::Display for ActorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ActorId::Object(id) => id.fmt(f),
            ActorId::Text(text) => f.write_str(text),
        }
    }
}

/// A running instance of a class.
pub(crate) trait Instance: Send + Sync + 'static {
    /// Runs one event to its end. `hold` is the actor's turn; it is held again, and everything
    /// written is committed, when the future ends.
    fn deliver<'a>(
        &'a self,
        event: &'a Arc<Event>,
        message: Message,
        hold: &'a mut Hold,
    ) -> BoxFuture<'a, Result<Reply>>;

    /// Whether alarms may be set. Guests look for their handler themselves.
    fn has_alarm(&self) -> bool {
        true
    }

    /// Makes guest code that runs in it stop soon, from any thread.
    fn kill(&self);
}

/// An instance and whether it was ended while events were in it.
pub(crate) struct Running {
    pub instance: Arc<dyn Instance>,
    ended: std::sync::OnceLock<Error>,
    signal: Signal,
}

impl Running {
    /// Why it was ended, if it was.
    pub fn ended(&self) -> Option<Error> {
        self.ended.get().cloned()
    }

    /// Ends with the reason as soon as the instance is ended.
    pub async fn end(&self) -> Error {
        loop {
            let listener = self.signal.listen();
            if let Some(error) = self.ended() {
                return error;
            }
            listener.await;
        }
    }
}

/// What an instance of a host's class gets as `env`.
pub(crate) type Env = Given<Arc<ValueMap>>;

/// What an actor is made of, apart from its state.
pub(crate) struct Blueprint {
    pub path: String,
    pub id: ActorId,
    pub class: Class,
    pub env: Env,
    pub props: Props,
    pub limits: Limits,
    /// Where its database is; without one it has no storage (an entrypoint).
    pub dir: Option<PathBuf>,
    pub namespace: Option<Namespace>,
    pub parent: Option<(Arc<Actor>, String)>,
}

/// The root of an object, a facet, or the actor behind a worker's entrypoints.
pub(crate) struct Actor {
    pub runtime: Arc<RuntimeInner>,
    pub path: String,
    pub id: ActorId,
    pub class: Class,
    pub env: Env,
    pub props: Props,
    pub limits: Limits,
    pub dir: Option<PathBuf>,
    pub namespace: Option<Namespace>,
    /// Levels above it, itself included: 1 for the root of an object.
    pub level: u64,
    pub facets: FacetMap,
    pub turn: Turn,
    /// Where the event loop of its class is.
    loop_turn: LoopTurn,
    /// Set while a limit or an abort stops what runs: SQL statements see it too.
    pub interrupt: Arc<AtomicBool>,
    /// Where its alarm is entered; without storage it has none.
    pub alarm: Option<Arc<AlarmSlot>>,
    /// Events that are in it or wait for its turn.
    events: AtomicUsize,
    /// What is pending apart from events: timers of its guest, work that outlives them.
    pub timers: AtomicUsize,
    /// When its last event ended; see [`Warm::at`].
    last_used: AtomicU64,
    storage: Option<Storage>,
    parent: Option<(Arc<Actor>, String)>,
    /// Who pays for an entrypoint.
    payer: payer::Payer,
    /// Who gets the tail events of its code.
    tails: Option<Arc<Targets>>,
    running: Mutex<Option<Arc<Running>>>,
    broken: std::sync::OnceLock<Error>,
    /// Tells events that wait for the turn that it is broken: the one that has it may never end.
    breaking: Signal,
}

impl Actor {
    pub fn new(runtime: Arc<RuntimeInner>, blueprint: Blueprint) -> Arc<Actor> {
        let Blueprint { path, id, class, env, props, limits, dir, namespace, parent } = blueprint;
        let interrupt = Arc::new(AtomicBool::new(false));
        let alarm = alarm_slot(&runtime, &id, dir.as_deref(), namespace.as_ref(), parent.as_ref());
        let above = parent.as_ref().and_then(|(parent, _)| parent.storage.as_ref());
        let deferred = above.map(|storage| storage.deferred().clone()).unwrap_or_default();
        let storage = dir.as_ref().map(|dir| {
            let options = StorageOptions {
                storage_bytes: limits.storage_bytes,
                interrupt: interrupt.clone(),
                alarm: alarm.clone(),
                deferred,
            };
            runtime.disk.storage(dir.clone(), options)
        });
        let tails = class.as_guest().and_then(|class| class.worker.tails().cloned());
        Arc::new(Actor {
            level: parent.as_ref().map_or(1, |(parent, _)| parent.level + 1),
            facets: FacetMap::default(),
            turn: Turn::default(),
            loop_turn: LoopTurn::default(),
            running: Mutex::default(),
            broken: std::sync::OnceLock::new(),
            breaking: Signal::new(),
            runtime,
            path,
            id,
            class,
            env,
            props,
            limits,
            dir,
            namespace,
            interrupt,
            alarm,
            events: AtomicUsize::new(0),
            timers: AtomicUsize::new(0),
            last_used: AtomicU64::new(0),
            storage,
            parent,
            payer: payer::Payer::default(),
            tails,
        })
    }

    /// Puts off its hibernation.
    pub fn used(&self, now: Instant) {
        self.last_used.store(self.runtime.warm.at(now), Ordering::Relaxed);
    }

    /// The actor that it is a facet of, and its name there.
    pub fn parent(&self) -> Option<&(Arc<Actor>, String)> {
        self.parent.as_ref()
    }

    /// The root of its object, which may be itself.
    pub fn root(&self) -> &Actor {
        self.parent().map_or(self, |(parent, _)| parent.root())
    }

    /// Who gets the tail events of its code.
    pub fn tails(&self) -> Option<&Arc<Targets>> {
        self.tails.as_ref()
    }

    /// Whether anybody listens to its events.
    pub fn is_observed(&self) -> bool {
        self.tails.is_some() || self.runtime.tail.is_some()
    }

    /// The actor that new stubs reach: itself, or the one that has taken its place since it broke.
    fn successor(self: &Arc<Actor>) -> Option<Arc<Actor>> {
        if self.broken().is_none() {
            return Some(self.clone());
        }
        match (&self.parent, &self.namespace, &self.id) {
            (Some((parent, name)), _, _) => parent.facets.running(name),
            (None, Some(namespace), ActorId::Object(id)) => namespace.actor(id).ok(),
            _ => None,
        }
    }

    /// Its storage.
    ///
    /// # Errors
    /// UNSUPPORTED for an entrypoint, which has none.
    pub fn storage(&self) -> Result<&Storage> {
        self.storage.as_ref().ok_or_else(|| {
            Error::new(ErrorCode::Unsupported, "An entrypoint is stateless: it has no storage.")
        })
    }

    /// Has a guest's statements of SQL do on the guest's account what they have left for the commit.
    pub fn write_indexes(&self) {
        if let Some(storage) = &self.storage {
            storage.write_indexes();
        }
    }

    /// Commits what was written, so that what follows may leave the actor. Answers the explicit transaction
    /// that is open instead, if one is.
    pub fn flush(self: &Arc<Actor>) -> Result<Option<storage::Span>> {
        let Some(storage) = &self.storage else { return Ok(None) };
        self.broken.get().map_or(Ok(()), |error| Err(error.clone()))?;
        self.committed(storage.commit())
    }

    /// Like [`Actor::flush`] before a call of one of its own facets, which the flush that makes this durable doesn't
    /// hold up: see [`Storage::commit_ahead`].
    pub fn flush_ahead(self: &Arc<Actor>) -> Result<Option<storage::Span>> {
        let Some(storage) = &self.storage else { return Ok(None) };
        self.broken.get().map_or(Ok(()), |error| Err(error.clone()))?;
        self.committed(storage.commit_ahead())
    }

    /// Makes durable what its object has committed ahead of calls.
    pub fn flush_deferred(self: &Arc<Actor>) -> Result<()> {
        let Some(storage) = &self.storage else { return Ok(()) };
        self.committed(storage.flush_deferred())
    }

    /// Commits what was written unless an explicit transaction is open that `until` is true for: answers that one, and
    /// what tells of its end.
    fn flush_unless(
        self: &Arc<Actor>,
        until: impl Fn(storage::Span) -> bool,
    ) -> Result<Option<(storage::Span, EventListener)>> {
        let Some(storage) = &self.storage else { return Ok(None) };
        self.broken.get().map_or(Ok(()), |error| Err(error.clone()))?;
        self.committed(storage.commit_unless(until))
    }

    /// Passes on how a commit went, which may be the end of the instance or the actor.
    fn committed<T>(self: &Arc<Actor>, outcome: Result<T>) -> Result<T> {
        outcome.inspect_err(|error| match error.code() {
            ErrorCode::LimitStorage => self.reset(error),
            _ => self.fail(error.clone()),
        })
    }

    /// Delivers a message and waits for the answer.
    #[expect(
        clippy::manual_async_fn,
        reason = "a function's arguments would be in its future twice, which is moved"
    )]
    pub fn deliver(
        self: Arc<Actor>,
        parent: Option<Arc<Event>>,
        message: Message,
    ) -> impl Future<Output = Result<Reply>> + Send {
        async move {
            self.check()?;
            let bytes = match &message {
                Message::Call { method, args, .. } => self.check_use(method, args)?,
                Message::Get { property } => self.check_use(property, &[])?,
                Message::Fetch(request) => self.check_size("request", request.size())?,
                _ => 0,
            };
            let event = Event::new(&self, parent)?;
            event.set_bytes_in(bytes);
            if let Message::Call { tail: true, .. } = &message {
                event.set_of_tail();
            }
            let mut observation =
                Observation::begin(&event, message.kind(), || TailInfo::of(&message));
            let broken = async { Err(self.end().await) };
            let mut hold = match future::or(Hold::take(&event), broken).await {
                Ok(hold) => hold,
                Err(error) => {
                    observation.end(Err(&error));
                    return Err(error);
                }
            };
            let is_head = matches!(&message, Message::Fetch(request) if request.method() == "HEAD");
            let span = self.span(message.kind());
            let outcome = {
                let run = pin!(self.run(&event, message, &mut hold));
                AssertUnwindSafe(run.instrument(span)).catch_unwind().await
            };
            let reply = outcome.unwrap_or_else(|_| {
                let error = Error::new(
                    ErrorCode::Panic,
                    "Code of the host panicked; the object was reset.",
                );
                self.fail(error.clone());
                Err(error)
            });
            let mut reply = event.settle().await.and(reply);
            match self.check_reply(&mut reply, is_head) {
                Ok(bytes) => observation.set_bytes_out(bytes),
                Err(error) => reply = Err(error),
            }
            let reply = reply.map_err(|error| error.with_path(self.path.as_str()));
            observation.end(reply.as_ref().map(Reply::status));
            reply
        }
    }

    /// What `tracing` knows an event by: spans of nested calls are nested.
    fn span(&self, kind: EventKind) -> Span {
        tracing::debug_span!(target: "facetbox", "event", path = self.path, kind = kind.as_str())
    }

    /// Runs one event in the instance, starting it first if need be.
    #[expect(
        clippy::manual_async_fn,
        reason = "a function's arguments would be in its future twice, which is moved"
    )]
    fn run(
        self: &Arc<Actor>,
        event: &Arc<Event>,
        message: Message,
        hold: &mut Hold,
    ) -> impl Future<Output = Result<Reply>> + Send {
        async move {
            self.check()?;
            let running = match self.running() {
                Some(running) => running,
                None => {
                    event.takes_time();
                    let broken = async { Err(self.end().await) };
                    // Boxed as what few events come to: what an event may come to is moved with each.
                    future::or(Box::pin(self.start(event, hold)), broken).await?
                }
            };
            let reply = running.instance.deliver(event, message, hold);
            let reply = future::or(reply, async { Err(running.end().await) }).await;
            match (reply, running.ended()) {
                // The event that hit a limit keeps its own error.
                (Err(error), Some(reason)) if error.code() == ErrorCode::Reset => Err(reason),
                (reply, _) => reply,
            }
        }
    }

    /// Whether it has an instance.
    pub fn is_running(&self) -> bool {
        self.running.lock().is_some()
    }

    fn running(&self) -> Option<Arc<Running>> {
        self.running.lock().clone()
    }

    /// Starts an instance. Keeps the turn throughout.
    async fn start(self: &Arc<Actor>, event: &Arc<Event>, hold: &mut Hold) -> Result<Arc<Running>> {
        self.interrupt.store(false, Ordering::Release);
        self.allow_alarms(true);
        let started = match self.class.kind() {
            ClassKind::Host(class) => {
                let ctx = Ctx::new(self.clone());
                class.start(event, ctx, ValueMap::clone(&self.env.get())).await
            }
            ClassKind::Guest(class) => guest::start(self, class, event, hold).await,
        };
        match started.and_then(|instance| self.check().map(|()| instance)) {
            Ok(instance) => {
                self.allow_alarms(instance.has_alarm());
                if let Some(storage) = &self.storage {
                    storage.announce_alarm()?;
                }
                let running = Arc::new(Running {
                    instance,
                    ended: std::sync::OnceLock::new(),
                    signal: Signal::new(),
                });
                *self.running.lock() = Some(running.clone());
                self.used(Instant::now());
                self.runtime.metrics.add(Count::Starts, 1);
                self.runtime.warm.add(self);
                Ok(running)
            }
            Err(error) => {
                // Stubs that are bound keep failing with it; a new one starts afresh, with a new class
                // if it is a facet's.
                self.fail(error.clone());
                Err(error)
            }
        }
    }
}
