//! Functions and objects that are passed by reference: those of hosts and guests, and how hosts call what
//! they are given.

use std::any::Any;
use std::fmt;
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::thread;

use futures_lite::future;

use crate::actor::{BoxFuture, Event};
use crate::error::{Error, Result};
use crate::executor::block_alone;
use crate::host::no_such_method;
use crate::order::{Order, queued};
use crate::revoker::Revoker;
use crate::runtime::{CHECK_EVERY, RuntimeInner};
use crate::value::Value;

/// The runtime of what a guest has made; empty for what a host has.
type Home = Weak<RuntimeInner>;

type Callback = dyn Fn(Vec<Value>) -> BoxFuture<'static, Result<Value>> + Send + Sync;

/// What a function or object was made from in the host's language.
pub type HostOrigin = Arc<dyn Any + Send + Sync>;

/// A function of the host that guests can call when they are given it in `env`, `props` or arguments.
#[derive(Clone)]
pub struct HostFunction(Arc<Shared<Callback>>, Option<HostOrigin>, Home);

/// What all clones of a function or an object have in common.
struct Shared<C: ?Sized> {
    name: String,
    order: Order,
    call: Box<C>,
}

impl HostFunction {
    /// A function that runs on the thread of the call and may block.
    pub fn new(
        name: impl Into<String>,
        function: impl Fn(Vec<Value>) -> Result<Value> + Send + Sync + 'static,
    ) -> HostFunction {
        let function = Arc::new(function);
        HostFunction::new_async(name, move |args| {
            let function = function.clone();
            Box::pin(async move { function(args) })
        })
    }

    /// A function that returns a future; the guest's turn is free while it is pending.
    pub fn new_async(
        name: impl Into<String>,
        function: impl Fn(Vec<Value>) -> BoxFuture<'static, Result<Value>> + Send + Sync + 'static,
    ) -> HostFunction {
        let shared =
            Shared { name: name.into(), order: Order::default(), call: Box::new(function) as _ };
        HostFunction(Arc::new(shared), None, Home::new())
    }

    /// Remembers what it was made from, which the host gets back when the function comes back to it.
    #[must_use]
    pub fn with_origin(mut self, origin: HostOrigin) -> HostFunction {
        self.1 = Some(origin);
        self
    }

    /// What it was made from, if its maker said so.
    pub fn origin(&self) -> Option<&HostOrigin> {
        self.1.as_ref()
    }

    /// Says that a guest of `runtime` has made it.
    #[cfg(feature = "quickjs")]
    pub(crate) fn of_guest(mut self, runtime: &Arc<RuntimeInner>) -> HostFunction {
        self.2 = Arc::downgrade(runtime);
        self
    }

    /// The runtime of the guest that has made it, while that is there.
    pub(crate) fn runtime(&self) -> Option<Arc<RuntimeInner>> {
        self.2.upgrade()
    }

    /// Whether a guest has made it.
    #[cfg(feature = "quickjs")]
    pub(crate) fn is_of_guest(&self) -> bool {
        self.2.strong_count() > 0
    }

    /// A function that does the same until it is revoked. It has no origin: the host that gets it back must
    /// not get around that.
    pub(crate) fn revocable(self, revoker: &Revoker) -> HostFunction {
        let (name, home) = (self.name().to_owned(), self.2.clone());
        let what = match &*name {
            "" => "The function".to_owned(),
            name => format!("The function {name:?}"),
        };
        let revoker = revoker.clone();
        let mut wrapped = HostFunction::new_async(name, move |args| {
            let (function, revoker, what) = (self.clone(), revoker.clone(), what.clone());
            Box::pin(async move { revoker.run(&what, async { function.call(args).await }).await })
        });
        wrapped.2 = home;
        wrapped
    }

    /// Whether both are clones of one function.
    pub(crate) fn is(&self, other: &HostFunction) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Its name, for messages.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Calls it.
    pub fn call(&self, args: Vec<Value>) -> BoxFuture<'static, Result<Value>> {
        (self.0.call)(args)
    }
}

impl fmt::Debug for HostFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostFunction({:?})", self.name())
    }
}

type Dispatch = dyn Fn(&str, Vec<Value>) -> BoxFuture<'static, Result<Value>> + Send + Sync;

/// An object of the host whose public methods guests can call when they are given it.
///
/// A guest reaches methods by name only: no attributes, no inherited members, no name that begins
/// with an underscore.
#[derive(Clone)]
pub struct HostObject(Arc<Shared<Dispatch>>, Option<HostOrigin>, Home);

impl HostObject {
    /// An object whose methods run on the thread of the call and may block. `dispatch` answers
    /// unknown names with [`no_such_method`].
    pub fn new(
        name: impl Into<String>,
        dispatch: impl Fn(&str, Vec<Value>) -> Result<Value> + Send + Sync + 'static,
    ) -> HostObject {
        let dispatch = Arc::new(dispatch);
        HostObject::new_async(name, move |method, args| {
            let (dispatch, method) = (dispatch.clone(), method.to_owned());
            Box::pin(async move { dispatch(&method, args) })
        })
    }

    /// An object whose methods return futures.
    pub fn new_async(
        name: impl Into<String>,
        dispatch: impl Fn(&str, Vec<Value>) -> BoxFuture<'static, Result<Value>> + Send + Sync + 'static,
    ) -> HostObject {
        let shared =
            Shared { name: name.into(), order: Order::default(), call: Box::new(dispatch) as _ };
        HostObject(Arc::new(shared), None, Home::new())
    }

    /// Remembers what it was made from, which the host gets back when the object comes back to it.
    #[must_use]
    pub fn with_origin(mut self, origin: HostOrigin) -> HostObject {
        self.1 = Some(origin);
        self
    }

    /// What it was made from, if its maker said so.
    pub fn origin(&self) -> Option<&HostOrigin> {
        self.1.as_ref()
    }

    /// Says that a guest of `runtime` has made it.
    #[cfg(feature = "quickjs")]
    pub(crate) fn of_guest(mut self, runtime: &Arc<RuntimeInner>) -> HostObject {
        self.2 = Arc::downgrade(runtime);
        self
    }

    /// The runtime of the guest that has made it, while that is there.
    pub(crate) fn runtime(&self) -> Option<Arc<RuntimeInner>> {
        self.2.upgrade()
    }

    /// An object that does the same until it is revoked, without an origin, as
    /// [`HostFunction::revocable`] is.
    pub(crate) fn revocable(self, revoker: &Revoker) -> HostObject {
        let (name, home) = (self.name().to_owned(), self.2.clone());
        let revoker = revoker.clone();
        let mut wrapped = HostObject::new_async(name, move |method, args| {
            let (object, revoker, method) = (self.clone(), revoker.clone(), method.to_owned());
            Box::pin(async move {
                let what = format!("The object {:?}", object.name());
                revoker.run(&what, async { object.call(&method, args).await }).await
            })
        });
        wrapped.2 = home;
        wrapped
    }

    /// Whether both are clones of one object.
    pub(crate) fn is(&self, other: &HostObject) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Its name, for messages.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Calls a method.
    pub fn call(&self, method: &str, args: Vec<Value>) -> BoxFuture<'static, Result<Value>> {
        if method.starts_with('_') {
            let error = no_such_method(method);
            return Box::pin(async move { Err(error) });
        }
        (self.0.call)(method, args)
    }
}

impl fmt::Debug for HostObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostObject({:?})", self.name())
    }
}

/// A function, or an object with methods, that somebody else has passed by reference: how a host calls what
/// a guest gave it in arguments or a result.
///
/// It works while the instance that it belongs to runs, and answers ABORTED once that has hibernated, was
/// aborted or hit a limit. The other side keeps the function until the last clone is dropped.
#[derive(Clone)]
pub struct RpcStub(Target);

#[derive(Clone)]
enum Target {
    Function(HostFunction),
    Object(HostObject),
}

impl RpcStub {
    /// The stub of a value that is a function or an object.
    pub fn from_value(value: &Value) -> Option<RpcStub> {
        match value {
            Value::Function(function) => Some(RpcStub(Target::Function(function.clone()))),
            Value::Object(object) => Some(RpcStub(Target::Object(object.clone()))),
            _ => None,
        }
    }

    /// The value that it stands for, to be passed on.
    pub fn to_value(&self) -> Value {
        match &self.0 {
            Target::Function(function) => function.clone().into(),
            Target::Object(object) => object.clone().into(),
        }
    }

    /// Whether it is a function, in contrast to an object with methods.
    pub fn is_function(&self) -> bool {
        matches!(self.0, Target::Function(_))
    }

    /// Calls the function, or a method of the object. The future may be polled by any executor; dropping it
    /// cancels the call. What the running host object has written is committed before.
    ///
    /// # Errors
    /// What the function throws; NOT_FOUND for a method that isn't there, a `TypeError` for an object that is
    /// called as a function, ABORTED if its instance is gone, CLOSED, FORKED.
    pub fn call(
        &self,
        method: Option<&str>,
        args: Vec<Value>,
    ) -> impl Future<Output = Result<Value>> + Send + use<> {
        let (stub, method, event) = (self.clone(), method.map(str::to_owned), Event::current());
        async move {
            let begin = || stub.begin(method.as_deref(), args);
            let Some(event) = event else { return begin()?.await };
            event.settle_callers().await?;
            event.before_leaving().await?;
            // What it was given by then is known to belong to the event.
            let answer = event.enter(begin)?.await;
            event.before_returning().await.and(answer)
        }
    }

    /// Calls as event loops do: it arrives behind the calls of this function or object that were made in order
    /// before. Whoever makes the call has to see to it that its future is polled.
    ///
    /// # Errors
    /// As [`RpcStub::call`].
    pub fn call_in_order(
        &self,
        method: Option<&str>,
        args: Vec<Value>,
    ) -> impl Future<Output = Result<Value>> + Send + use<> {
        let order = match &self.0 {
            Target::Function(function) => &function.0.order,
            Target::Object(object) => &object.0.order,
        };
        let (ticket, call) = (order.next(), self.call(method, args));
        // A call has its place in the queue of the actor once it has been polled, or else waits for a transaction,
        // whose own calls must not wait for it.
        async move { queued(ticket.wait().await, pin!(call)).await }
    }

    fn begin(
        &self,
        method: Option<&str>,
        args: Vec<Value>,
    ) -> Result<BoxFuture<'static, Result<Value>>> {
        if let Some(runtime) = self.runtime() {
            runtime.check_open()?;
        }
        match (&self.0, method) {
            (Target::Function(function), None) => Ok(function.call(args)),
            (Target::Object(object), Some(method)) => Ok(object.call(method, args)),
            (Target::Function(_), Some(method)) => Err(no_such_method(method)),
            (Target::Object(_), None) => Err(Error::type_error(
                "An object can't be called as a function; name one of its methods.",
            )),
        }
    }

    /// Runs a future to its end as the blocking calls do; see [`Runtime::block_on`](crate::Runtime::block_on).
    ///
    /// # Errors
    /// What the future or `check` answers; CLOSED.
    pub fn block_on<T: Send + 'static>(
        &self,
        task: impl Future<Output = Result<T>> + Send + 'static,
        check: impl FnMut() -> Result<()>,
    ) -> Result<T> {
        match self.runtime() {
            Some(runtime) => runtime.block_on(task, check),
            None => block_alone(task, CHECK_EVERY, check),
        }
    }

    /// Runs a future to its end as the blocking calls do: how bindings wait for a call and something else.
    ///
    /// # Errors
    /// What the future answers; CLOSED.
    pub fn wait_for<T: Send + 'static>(
        &self,
        task: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        match self.runtime() {
            Some(runtime) => runtime.executor.block_on(task),
            None => future::block_on(task),
        }
    }

    /// Starts `task`, which makes a call of this: on the threads of the guest's runtime, or of that whose event's
    /// code runs here, or else on one of its own, because what a host has made may block.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let here = || Event::current().map(|event| event.actor.runtime.clone());
        match self.runtime().or_else(here) {
            Some(runtime) => runtime.spawn(task),
            None => {
                let thread = thread::Builder::new().name("facetbox-call".into());
                // Without a thread the task is dropped, which its maker sees.
                drop(thread.spawn(|| future::block_on(task)));
            }
        }
    }

    /// That of the guest; none if it belongs to a host, or if the runtime is gone and calls fail at once.
    fn runtime(&self) -> Option<Arc<RuntimeInner>> {
        match &self.0 {
            Target::Function(function) => function.runtime(),
            Target::Object(object) => object.runtime(),
        }
    }
}

impl fmt::Debug for RpcStub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_function() { "RpcStub(function)" } else { "RpcStub(object)" })
    }
}
