//! Stubs: the addresses through which actors are called.

mod delivery;

use std::fmt;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use crate::actor::{Actor, Event, Message};
use crate::error::{Error, ErrorCode, Result};
use crate::facet::{Facets, StartFacet};
use crate::http::{Request, Response};
use crate::id::ObjectId;
use crate::loader::Entrypoint;
use crate::namespace::Namespace;
use crate::order::Order;
use crate::revoker::{Revoker, irrevocable};
use crate::runtime::RuntimeInner;
use crate::value::Value;

pub(crate) use delivery::Binding;

/// The address of an object, a facet or an entrypoint.
///
/// A stub binds to the running actor at its first use. When that actor breaks, the stub keeps failing
/// with its error; a new stub reaches a new actor. Cloning is cheap and shares the binding.
#[derive(Clone)]
pub struct Stub(Arc<Inner>, Revokers);

/// Who can take a stub back; mostly nobody.
type Revokers = Option<Arc<[Revoker]>>;

struct Inner {
    runtime: Arc<RuntimeInner>,
    target: Target,
    /// The actor that it is bound to; an entrypoint, which has no state that a new one could lack, is bound anew when that
    /// breaks.
    bound: OnceLock<Arc<Actor>>,
    order: OnceLock<Order>,
}

enum Target {
    Object { namespace: Namespace, id: ObjectId },
    Facet { parent: Arc<Actor>, name: String, start: Mutex<Option<StartFacet>> },
    Entrypoint(Box<Entrypoint>, Mutex<Option<Arc<Actor>>>),
}

/// What a stub with data addresses.
pub(crate) enum Place<'a> {
    Object(&'a Namespace, &'a ObjectId),
    Facet(Facets, &'a str),
}

impl Stub {
    fn new(runtime: Arc<RuntimeInner>, target: Target) -> Stub {
        let inner = Inner { runtime, target, bound: OnceLock::new(), order: OnceLock::new() };
        Stub(Arc::new(inner), None)
    }

    /// A stub of the same thing that works until it is revoked.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for a facet's, which is its parent's alone.
    pub(crate) fn revocable(self, revoker: &Revoker) -> Result<Stub> {
        if let Target::Facet { .. } = self.0.target {
            return Err(irrevocable("A facet's stub"));
        }
        let others = self.1.iter().flat_map(|others| others.iter().cloned());
        let all = others.chain([revoker.clone()]).collect();
        Ok(Stub(self.0, Some(all)))
    }

    pub(crate) fn object(namespace: Namespace, id: ObjectId) -> Stub {
        Stub::new(namespace.runtime().clone(), Target::Object { namespace, id })
    }

    pub(crate) fn facet(parent: Arc<Actor>, name: &str, start: Option<StartFacet>) -> Stub {
        let (name, start) = (name.to_owned(), Mutex::new(start));
        Stub::new(parent.runtime.clone(), Target::Facet { parent, name, start })
    }

    pub(crate) fn entrypoint(runtime: Arc<RuntimeInner>, entrypoint: Entrypoint) -> Stub {
        Stub::new(runtime, Target::Entrypoint(Box::new(entrypoint), Mutex::default()))
    }

    /// The id of the object; `None` for facets and entrypoints.
    pub fn id(&self) -> Option<&ObjectId> {
        match &self.0.target {
            Target::Object { id, .. } => Some(id),
            _ => None,
        }
    }

    /// The name that the object's id was made from.
    pub fn name(&self) -> Option<&str> {
        self.id().and_then(ObjectId::name)
    }

    /// Whether both are clones of one stub.
    pub(crate) fn is(&self, other: &Stub) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Whether both address the same object, or are clones of one stub.
    pub(crate) fn addresses_as(&self, other: &Stub) -> bool {
        let same = |namespace| self.id() == other.id() && other.is_of(namespace);
        self.is(other) || self.namespace().is_some_and(same)
    }

    /// Whether it addresses an object of a namespace.
    pub(crate) fn is_of(&self, namespace: &Namespace) -> bool {
        self.namespace().is_some_and(|own| own.name() == namespace.name())
    }

    fn namespace(&self) -> Option<&Namespace> {
        match &self.0.target {
            Target::Object { namespace, .. } => Some(namespace),
            _ => None,
        }
    }

    /// A stub of the same thing that isn't bound yet.
    pub(crate) fn unbound(&self) -> Stub {
        let unbound = match &self.0.target {
            Target::Object { namespace, id } => Stub::object(namespace.clone(), id.clone()),
            Target::Facet { parent, name, .. } => Stub::facet(parent.clone(), name, None),
            // Its binding is renewed when the actor breaks.
            Target::Entrypoint(..) => return self.clone(),
        };
        Stub(unbound.0, self.1.clone())
    }

    /// Where what it addresses is kept: an object of a namespace, or a facet of an actor.
    pub(crate) fn place(&self) -> Result<Place<'_>> {
        match &self.0.target {
            Target::Object { namespace, id } => Ok(Place::Object(namespace, id)),
            Target::Facet { parent, name, .. } => {
                Ok(Place::Facet(Facets::new(parent.clone()), name))
            }
            Target::Entrypoint(..) => Err(Error::new(
                ErrorCode::Unsupported,
                "An entrypoint is stateless: it has no storage.",
            )),
        }
    }

    /// Calls a method. The future may be polled by any executor; dropping it cancels the call.
    ///
    /// Guest code, and the methods of a [`DurableObject`](crate::DurableObject), run where the future is polled: one poll takes as
    /// long as they compute or block. An async program calls [`Stub::call_blocking`] where it may block, such as in Tokio's
    /// `spawn_blocking`, or lets the runtime's own threads poll the future, with [`Stub::spawn`].
    ///
    /// # Errors
    /// What the method throws, and what stands in its way: see [`ErrorCode`].
    pub fn call(
        &self,
        method: impl Into<String>,
        args: Vec<Value>,
    ) -> impl Future<Output = Result<Value>> + Send + 'static {
        let reply = self.send_from_host(Message::call(method.into(), args), None);
        async move { reply.await?.into_value() }
    }

    /// Calls a method as event loops do: it arrives behind the calls that were made in order before, of this
    /// stub or, of a facet, of any stub. Whoever makes the call has to see to it that its future is polled.
    ///
    /// # Errors
    /// As [`Stub::call`].
    pub fn call_in_order(
        &self,
        method: impl Into<String>,
        args: Vec<Value>,
    ) -> impl Future<Output = Result<Value>> + Send + 'static {
        let ticket = Some(self.order().next());
        let reply = self.send_from_host(Message::call(method.into(), args), ticket);
        async move { reply.await?.into_value() }
    }

    /// Calls a method and blocks until it answers. Runs on this thread while it has 1 MiB of stack.
    ///
    /// # Errors
    /// As [`Stub::call`].
    pub fn call_blocking(&self, method: impl Into<String>, args: Vec<Value>) -> Result<Value> {
        self.0.runtime.executor.block_on(self.call(method, args))
    }

    /// Sends a request. The future may be polled by any executor, which runs what answers it, as with
    /// [`Stub::call`]; dropping it cancels the request.
    ///
    /// # Errors
    /// As [`Stub::call`].
    pub fn fetch(
        &self,
        request: Request,
    ) -> impl Future<Output = Result<Response>> + Send + 'static {
        let reply = self.send_from_host(Message::Fetch(request), None);
        async move { reply.await?.into_response() }
    }

    /// Sends a request in the order of [`Stub::call_in_order`].
    ///
    /// # Errors
    /// As [`Stub::call`].
    pub fn fetch_in_order(
        &self,
        request: Request,
    ) -> impl Future<Output = Result<Response>> + Send + 'static {
        let ticket = Some(self.order().next());
        let reply = self.send_from_host(Message::Fetch(request), ticket);
        async move { reply.await?.into_response() }
    }

    /// Sends a request and blocks until it is answered. Runs on this thread while it has 1 MiB of stack.
    ///
    /// # Errors
    /// As [`Stub::call`].
    pub fn fetch_blocking(&self, request: Request) -> Result<Response> {
        self.0.runtime.executor.block_on(self.fetch(request))
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
        self.0.runtime.block_on(task, check)
    }

    /// Runs a future to its end as the blocking calls do: how bindings wait for a call and something else.
    ///
    /// # Errors
    /// What the future answers; CLOSED.
    pub fn wait_for<T: Send + 'static>(
        &self,
        task: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        self.0.runtime.executor.block_on(task)
    }

    /// Whether a call that is made now does nothing at first but hand a message to an event loop: so it may begin
    /// on this thread.
    pub fn begins_here(&self) -> bool {
        let Target::Object { namespace, id } = &self.0.target else { return false };
        let is_ready = |actor: &Arc<Actor>| {
            actor.check().is_ok() && actor.class.is_event_loop() && actor.is_running()
        };
        Event::current().is_none()
            && match self.0.bound.get() {
                Some(actor) => is_ready(actor),
                None => namespace.existing(id).is_some_and(|actor| is_ready(&actor)),
            }
    }

    /// Starts `task`, which is that of a call that [begins here](Stub::begins_here), on this thread.
    pub fn spawn_here(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.runtime.executor.spawn_here(task);
    }

    /// Starts `task` on the runtime's own threads: how bindings run calls that nobody polls.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.runtime.spawn(task);
    }
}

impl fmt::Debug for Stub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.target {
            Target::Object { id, .. } => write!(f, "Stub({id:?})"),
            Target::Facet { parent, name, .. } => {
                write!(f, "Stub({:?})", format!("{}/{name}", parent.path))
            }
            Target::Entrypoint(entrypoint, _) => {
                write!(f, "Stub(entrypoint {:?})", entrypoint.export())
            }
        }
    }
}
