//! How a message gets to what a stub addresses: bound at the first use, started if it isn't running.

use std::pin::pin;
use std::sync::Arc;

use futures_lite::future;

use super::{Stub, Target};
use crate::actor::{Actor, BoxFuture, Event, Message, Reply};
use crate::bindings::Called;
use crate::error::{Error, ErrorCode, Result};
use crate::facet::{Begin, Facets, StartFacet, StartGuard, Starting};
use crate::host::InEvent;
use crate::loader::Entrypoint;
use crate::order::{Order, Ticket, queued};

/// Who sends a message.
enum Sender {
    /// An event, as a part of what it does.
    Event,
    /// Code of the host, in order or not.
    Host(Option<Ticket>),
}

/// How the binding of a facet stub goes on; see [`Facets::begin`].
pub(crate) enum Binding {
    Bound(Arc<Actor>),
    Wait(Arc<Starting>),
    Start(StartGuard),
}

impl Stub {
    /// Delivers a message as part of the chain that `parent` belongs to.
    pub(crate) fn send(
        &self,
        parent: Option<Arc<Event>>,
        message: Message,
    ) -> BoxFuture<'static, Result<Reply>> {
        self.unless_revoked(Box::pin(self.clone().deliver(parent, message, Sender::Event)))
    }

    /// Delivers a message of code of the host as part of the event that it runs for.
    pub(super) fn send_from_host(
        &self,
        message: Message,
        ticket: Option<Ticket>,
    ) -> BoxFuture<'static, Result<Reply>> {
        let delivery = self.clone().deliver(Event::current(), message, Sender::Host(ticket));
        self.unless_revoked(Box::pin(delivery))
    }

    /// A delivery that ends when the stub is revoked.
    fn unless_revoked(
        &self,
        mut delivery: BoxFuture<'static, Result<Reply>>,
    ) -> BoxFuture<'static, Result<Reply>> {
        for revoker in self.1.iter().flat_map(|revokers| revokers.iter().cloned()) {
            delivery = Box::pin(async move { revoker.run("The stub", delivery).await });
        }
        delivery
    }

    /// The order of its calls: one for all stubs of a facet, because a supervisor gets a stub for each call.
    pub(super) fn order(&self) -> &Order {
        self.0.order.get_or_init(|| match &self.0.target {
            Target::Facet { parent, name, .. } => parent.facets.order(name),
            _ => Order::default(),
        })
    }

    #[expect(
        clippy::manual_async_fn,
        reason = "a function's arguments would be in its future twice, which is moved"
    )]
    fn deliver(
        self,
        parent: Option<Arc<Event>>,
        message: Message,
        sender: Sender,
    ) -> impl Future<Output = Result<Reply>> + Send {
        async move {
            if let (Sender::Host(_), Some(event)) = (&sender, &parent) {
                event.settle_callers().await?;
            }
            // In a forked child the call before it may never have its place.
            self.0.runtime.check_open()?;
            let mut place = match sender {
                Sender::Host(Some(ticket)) => Some(ticket.wait().await),
                _ => None,
            };
            if let Some(event) = &parent {
                event.count_subrequest()?;
                event.count_call(Called::Stub(&self));
            }
            let actor = match self.bind()? {
                Binding::Bound(actor) => actor,
                // Boxed as all that few calls come to: what a call may come to is moved with each.
                begun => Box::pin(self.start_with(begun, parent.as_ref())).await?,
            };
            if let Some(event) = &parent {
                // While it is held up by a transaction of another event, the calls of that must not wait for this one.
                let mut leaving = pin!(event.before_calling(&actor));
                match future::poll_once(leaving.as_mut()).await {
                    Some(left) => left?,
                    None => {
                        drop(place.take());
                        leaving.await?;
                    }
                }
            }
            if let Target::Facet { parent: above, .. } = &self.0.target {
                let inside = parent.as_ref().is_some_and(|event| Arc::ptr_eq(&event.actor, above));
                if !inside {
                    above.flush()?;
                }
                above.look_for_rollbacks();
            }
            let reply = {
                let mut reply = pin!(actor.deliver(parent.clone(), message));
                match place {
                    Some(place) => queued(place, reply).await,
                    None => reply.as_mut().await,
                }
            };
            match &parent {
                Some(event) => event.before_returning().await.and(reply),
                None => reply,
            }
        }
    }

    /// The actor that it addresses, once it has started.
    ///
    /// A start callback is code of the facet's parent, which runs for the event that uses the stub, if that is
    /// one of the parent's.
    async fn start_with(
        &self,
        mut begun: Binding,
        user: Option<&Arc<Event>>,
    ) -> Result<Arc<Actor>> {
        loop {
            match begun {
                Binding::Bound(actor) => return Ok(actor),
                Binding::Wait(starting) => self.wait(starting).await?,
                Binding::Start(guard) => {
                    let options = match self.take_start() {
                        Some(start) => match self.starter(user)? {
                            Some(event) => {
                                let starting = event.enter(start);
                                InEvent::new(&event, starting).await
                            }
                            None => start().await,
                        },
                        None => Err(not_running()),
                    };
                    self.finish(guard, options)?;
                }
            }
            begun = self.bind()?;
        }
    }

    /// The event that the start callback of a facet runs for.
    fn starter(&self, user: Option<&Arc<Event>>) -> Result<Option<Arc<Event>>> {
        match &self.0.target {
            Target::Facet { parent, .. } => match user {
                Some(event) if Arc::ptr_eq(&event.actor, parent) => Ok(Some(event.clone())),
                user => Event::new(parent, user.cloned()).map(Some),
            },
            _ => Ok(None),
        }
    }

    /// Binds it if that needs no callback.
    pub(crate) fn bind(&self) -> Result<Binding> {
        if let Some(actor) = self.0.bound.get() {
            return actor.check().map(|()| Binding::Bound(actor.clone()));
        }
        let mut unused = None;
        let actor = match &self.0.target {
            Target::Object { namespace, id } => namespace.actor(id)?,
            Target::Entrypoint(entrypoint, bound) => {
                return bind_entrypoint(entrypoint, &mut bound.lock()).map(Binding::Bound);
            }
            Target::Facet { parent, name, .. } => match Facets::new(parent.clone()).begin(name)? {
                Begin::Running(actor) => {
                    unused = self.take_start();
                    actor
                }
                Begin::Wait(starting) => return Ok(Binding::Wait(starting)),
                Begin::Start(guard) => return Ok(Binding::Start(guard)),
            },
        };
        let bound = self.0.bound.get_or_init(|| actor).clone();
        // It may refer to who has this stub.
        drop(unused);
        Ok(Binding::Bound(bound))
    }

    /// Whether a call of it has nothing to wait for before it can be sent.
    #[cfg(feature = "quickjs")]
    pub(crate) fn is_bound(&self) -> bool {
        self.0.bound.get().is_some_and(|actor| actor.check().is_ok())
    }

    /// Starts what it addresses, if that isn't running.
    pub(crate) async fn start(&self) -> Result<()> {
        self.start_with(self.bind()?, Event::current().as_ref()).await.map(drop)
    }

    /// Waits for a start that another stub makes.
    pub(crate) async fn wait(&self, starting: Arc<Starting>) -> Result<()> {
        let _ = self.0.bound.set(starting.wait().await?);
        Ok(())
    }

    /// Starts the facet with what the callback answered, and binds to it.
    pub(crate) fn finish(
        &self,
        guard: StartGuard,
        options: Result<crate::facet::FacetOptions>,
    ) -> Result<Arc<Actor>> {
        let actor = guard.finish(options)?;
        Ok(self.0.bound.get_or_init(|| actor).clone())
    }

    fn take_start(&self) -> Option<StartFacet> {
        match &self.0.target {
            Target::Facet { start, .. } => start.lock().take(),
            _ => None,
        }
    }
}

/// The actor behind an entrypoint: the one before, unless that is broken.
fn bind_entrypoint(entrypoint: &Entrypoint, bound: &mut Option<Arc<Actor>>) -> Result<Arc<Actor>> {
    if let Some(actor) = bound.as_ref().filter(|actor| actor.broken().is_none()) {
        return actor.check().map(|()| actor.clone());
    }
    Ok(bound.insert(entrypoint.actor()?).clone())
}

fn not_running() -> Error {
    let message =
        "The facet is not running and this stub's start callback has been used; get a new stub.";
    Error::new(ErrorCode::Aborted, message)
}
