//! What host programs give: classes, functions and objects in their own language.
//!
//! Bindings wrap this module: a Python, Node or C class becomes a [`DurableObject`] or an
//! [`EventLoopClass`], a callback a [`HostFunction`], an object with methods a [`HostObject`].

use std::future::Future;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use futures_lite::future;

use crate::actor::{BoxFuture, Event, Hold, Instance, Message, Reply, section_too_long};
use crate::alarm::AlarmInfo;
use crate::ctx::Ctx;
use crate::error::{Error, ErrorCode, Result};
use crate::executor::closed;
use crate::given::Given;
use crate::http::{Request, Response};
use crate::runtime::RuntimeInner;
use crate::stub::Stub;
use crate::value::{Value, ValueMap};

/// An object or facet written in the host's language, running on the thread of its caller.
///
/// It keeps its turn while it calls others; only calls of its own chain may come back into it. A panic is PANIC for its
/// caller and resets the object; its text goes to the panic hook, not to guests. One when an instance is dropped ends there.
pub trait DurableObject: Send + Sync + 'static {
    /// Answers a request.
    ///
    /// # Errors
    /// Whatever it returns reaches the caller. The default refuses every request.
    fn fetch(&self, request: Request) -> Result<Response> {
        let _ = request;
        Err(no_fetch_handler())
    }

    /// Answers the call of a method. `fetch`, `alarm`, `constructor` and other reserved names never
    /// arrive here.
    ///
    /// # Errors
    /// Whatever it returns reaches the caller; for unknown methods [`no_such_method`].
    fn call(&self, method: &str, args: Vec<Value>) -> Result<Value> {
        let _ = args;
        Err(no_such_method(method))
    }

    /// Runs when the alarm that was set with [`Storage::set_alarm`](crate::Storage::set_alarm) is due; at
    /// least once for each.
    ///
    /// # Errors
    /// Whatever it returns makes the alarm be tried again, up to six times, after 2, 4, 8, … seconds. The
    /// default answers UNSUPPORTED, which is not tried again.
    fn alarm(&self, info: AlarmInfo) -> Result<()> {
        let _ = info;
        Err(no_alarm_handler())
    }

    /// Whether there is a handler of alarms. Without one [`Storage::set_alarm`](crate::Storage::set_alarm)
    /// is refused. By default there is.
    fn has_alarm(&self) -> bool {
        true
    }

    /// Answers a stub of the facet `name`, as [`Facets::get`](crate::Facets::get) gives it. Asked when the
    /// facet's alarm is due and it isn't running, because only its parent knows its class.
    ///
    /// # Errors
    /// Whatever it returns leaves the alarm waiting until the facet is started otherwise. The default calls
    /// the method `start_facet`, if there is one.
    fn start_facet(&self, name: &str) -> Result<Stub> {
        self.call("start_facet", vec![name.into()]).and_then(facet_stub)
    }
}

/// The stub that a method which starts a facet has answered.
///
/// # Errors
/// INVALID_ARGUMENT (a `TypeError`) for anything else.
pub fn facet_stub(answer: Value) -> Result<Stub> {
    match answer {
        Value::Stub(stub) => Ok(stub),
        other => Err(Error::type_error(format!(
            "The method that starts a facet must answer its stub, not a {}.",
            other.type_name()
        ))),
    }
}

/// A class whose instances live on an event loop: its methods return futures and never block.
pub trait EventLoopClass: Send + Sync + 'static {
    /// Makes an instance; the turn is kept until the future ends.
    fn construct(
        &self,
        ctx: Ctx,
        env: ValueMap,
    ) -> BoxFuture<'static, Result<Arc<dyn EventLoopObject>>>;
}

/// An instance of an [`EventLoopClass`].
///
/// Methods are called in order of arrival, and their futures may be pending side by side.
pub trait EventLoopObject: Send + Sync + 'static {
    /// Answers a request.
    fn fetch(&self, request: Request) -> BoxFuture<'static, Result<Response>>;

    /// Answers the call of a method.
    fn call(&self, method: String, args: Vec<Value>) -> BoxFuture<'static, Result<Value>>;

    /// Runs when the alarm is due; see [`DurableObject::alarm`].
    fn alarm(&self, info: AlarmInfo) -> BoxFuture<'static, Result<()>> {
        let _ = info;
        Box::pin(async { Err(no_alarm_handler()) })
    }

    /// Whether there is a handler of alarms; see [`DurableObject::has_alarm`].
    fn has_alarm(&self) -> bool {
        true
    }

    /// Answers a stub of a facet; see [`DurableObject::start_facet`]. The default calls the method
    /// `startFacet`.
    fn start_facet(&self, name: &str) -> BoxFuture<'static, Result<Stub>> {
        let answer = self.call("startFacet".into(), vec![name.into()]);
        Box::pin(async move { answer.await.and_then(facet_stub) })
    }
}

/// The error of a call to a method that a class doesn't have.
pub fn no_such_method(method: &str) -> Error {
    Error::new(
        ErrorCode::NotFound,
        format!("The RPC receiver does not implement the method \"{method}\"."),
    )
}

/// The error of a request to a class without a fetch handler.
pub fn no_fetch_handler() -> Error {
    Error::named(ErrorCode::NotFound, "Error", "Handler does not export a fetch() function.")
}

/// The error of an alarm on a class without a handler.
pub fn no_alarm_handler() -> Error {
    Error::named(
        ErrorCode::Unsupported,
        "TypeError",
        "Your Durable Object class must have an alarm() handler in order to call setAlarm()",
    )
}

/// Names that are handlers or part of every class and so can't be called as methods.
const RESERVED_METHODS: [&str; 10] = [
    "alarm",
    "connect",
    "constructor",
    "dup",
    "fetch",
    "startFacet",
    "start_facet",
    "webSocketClose",
    "webSocketError",
    "webSocketMessage",
];

/// Refuses names that no class may answer to.
pub(crate) fn check_method(method: &str) -> Result<()> {
    if RESERVED_METHODS.contains(&method) {
        let message = format!("'{method}' is a reserved method and cannot be called over RPC.");
        return Err(Error::type_error(message));
    }
    if method.contains('\0') {
        return Err(Error::type_error("A method name can't contain a NUL character."));
    }
    Ok(())
}

type Construct = dyn Fn(Ctx, ValueMap) -> Result<Arc<dyn DurableObject>> + Send + Sync;

/// A class of the host's language, of either kind.
pub(crate) struct HostClass {
    name: String,
    is_event_loop: bool,
    code: Given<Option<Code>>,
}

#[derive(Clone)]
enum Code {
    Blocking(Arc<Construct>),
    EventLoop(Arc<dyn EventLoopClass>),
}

impl HostClass {
    pub fn blocking(
        name: String,
        construct: impl Fn(Ctx, ValueMap) -> Result<Arc<dyn DurableObject>> + Send + Sync + 'static,
    ) -> HostClass {
        HostClass::new(name, false, Code::Blocking(Arc::new(construct)))
    }

    pub fn event_loop(name: String, class: Arc<dyn EventLoopClass>) -> HostClass {
        HostClass::new(name, true, Code::EventLoop(class))
    }

    fn new(name: String, is_event_loop: bool, code: Code) -> HostClass {
        HostClass { name, is_event_loop, code: Given::new(Some(code)) }
    }

    /// See [`Class::within`](crate::actor::Class::within).
    pub fn within(&self, runtime: &RuntimeInner) -> HostClass {
        let HostClass { name, is_event_loop, code } = self;
        let code = runtime.gifts.keep(code.get());
        HostClass { name: name.clone(), is_event_loop: *is_event_loop, code }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn is_event_loop(&self) -> bool {
        self.is_event_loop
    }

    pub async fn start(
        &self,
        event: &Arc<Event>,
        ctx: Ctx,
        env: ValueMap,
    ) -> Result<Arc<dyn Instance>> {
        Ok(match self.code.get().ok_or_else(closed)? {
            Code::Blocking(construct) => {
                Arc::new(BlockingInstance(Contained::new(event.enter(|| construct(ctx, env))?)))
            }
            Code::EventLoop(class) => {
                let constructing = event.enter(|| class.construct(ctx, env));
                // A constructor waits for the sections that it has begun, and for nothing else.
                let late = Instant::now() + event.actor.section_time();
                let late = async {
                    event.actor.runtime.timers.at(late).await;
                    Err(section_too_long())
                };
                let constructing = async {
                    let instance = InEvent::new(event, constructing).await?;
                    event.sections_over().await;
                    Ok(instance)
                };
                Arc::new(EventLoopInstance(Contained::new(future::or(constructing, late).await?)))
            }
        })
    }
}

/// An instance whose own `drop` may panic. That ends here: whoever lets it go, the runtime's threads too, goes on with what
/// others wait for.
struct Contained<T>(Option<T>);

impl<T> Contained<T> {
    fn new(instance: T) -> Contained<T> {
        Contained(Some(instance))
    }
}

impl<T> Deref for Contained<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("it is there until it is dropped")
    }
}

impl<T> Drop for Contained<T> {
    fn drop(&mut self) {
        let instance = self.0.take();
        if catch_unwind(AssertUnwindSafe(|| drop(instance))).is_err() {
            tracing::error!("an instance of a host's class panicked when it was dropped");
        }
    }
}

struct BlockingInstance(Contained<Arc<dyn DurableObject>>);

impl Instance for BlockingInstance {
    fn deliver<'a>(
        &'a self,
        event: &'a Arc<Event>,
        message: Message,
        _hold: &'a mut Hold,
    ) -> BoxFuture<'a, Result<Reply>> {
        Box::pin(async move {
            if let Message::StartFacet { name } = &message {
                let stub = event.enter(|| self.0.start_facet(name))?;
                return started(event, stub).await;
            }
            event.enter(|| match message {
                Message::Fetch(request) => self.0.fetch(request).map(Reply::Response),
                Message::Call { method, args, .. } => {
                    check_method(&method)?;
                    self.0.call(&method, args).map(Reply::Value)
                }
                Message::Get { property: name } | Message::StartFacet { name } => {
                    Err(no_such_method(&name))
                }
                Message::Alarm(info) => self.0.alarm(info).map(|()| Reply::Value(Value::Null)),
            })
        })
    }

    fn has_alarm(&self) -> bool {
        self.0.has_alarm()
    }

    fn kill(&self) {}
}

/// Starts the facet of a stub, whose callback is code of the event.
async fn started(event: &Arc<Event>, stub: Stub) -> Result<Reply> {
    InEvent::new(event, Box::pin(async move { stub.start().await })).await?;
    Ok(Reply::Value(Value::Null))
}

struct EventLoopInstance(Contained<Arc<dyn EventLoopObject>>);

impl Instance for EventLoopInstance {
    fn deliver<'a>(
        &'a self,
        event: &'a Arc<Event>,
        message: Message,
        hold: &'a mut Hold,
    ) -> BoxFuture<'a, Result<Reply>> {
        Box::pin(async move {
            hold.lend();
            let reply: BoxFuture<'static, Result<Reply>> = match message {
                Message::Fetch(request) => {
                    let answer = event.hand(|| self.0.fetch(request));
                    Box::pin(async move { answer.await.map(Reply::Response) })
                }
                Message::Call { method, args, .. } => {
                    check_method(&method)?;
                    let answer = event.hand(|| self.0.call(method, args));
                    Box::pin(async move { answer.await.map(Reply::Value) })
                }
                Message::Get { property } => return Err(no_such_method(&property)),
                Message::Alarm(info) => {
                    let done = event.enter(|| self.0.alarm(info));
                    Box::pin(async move { done.await.map(|()| Reply::Value(Value::Null)) })
                }
                Message::StartFacet { name } => {
                    let (answer, event) =
                        (event.enter(|| self.0.start_facet(&name)), event.clone());
                    Box::pin(async move { started(&event, answer.await?).await })
                }
            };
            // The method has been handed to the loop; from here on others may be, too.
            let mut reply = InEvent::new(event, reply);
            if let Some(done) = future::poll_once(&mut reply).await {
                return done;
            }
            hold.release();
            reply.await
        })
    }

    fn has_alarm(&self) -> bool {
        self.0.has_alarm()
    }

    fn kill(&self) {}
}

/// A future of host code, polled as part of an event so that calls it makes belong to the chain.
pub(crate) struct InEvent<F> {
    event: Arc<Event>,
    future: F,
}

impl<F: Future + Unpin> InEvent<F> {
    pub fn new(event: &Arc<Event>, future: F) -> InEvent<F> {
        InEvent { event: event.clone(), future }
    }
}

impl<F: Future + Unpin> Future for InEvent<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let InEvent { event, future } = &mut *self;
        event.enter(|| Pin::new(future).poll(context))
    }
}
