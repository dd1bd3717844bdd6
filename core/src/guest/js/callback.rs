//! Functions and RpcTargets of a guest that others may use.

use std::sync::{Arc, Weak};

use super::task::Shared;
use crate::actor::{Actor, BoxFuture, Event};
use crate::error::{Error, ErrorCode, Result};
use crate::rpc::{HostFunction, HostObject};
use crate::value::Value;

/// A function or object of a guest, kept by the prelude under a number until nobody can use it any more.
pub(super) struct Callback {
    shared: Weak<Shared>,
    actor: Weak<Actor>,
    number: u32,
    /// Whether it wants to know that nobody can use it any more.
    disposes: bool,
}

/// What is done with one.
pub(super) enum Use {
    /// The function is called.
    Call(Vec<Value>),
    /// A method of the object is called.
    Method(String, Vec<Value>),
    /// A property of the object is read.
    Get(String),
}

impl Use {
    /// The name of the method or property; empty for a function.
    pub fn name(&self) -> &str {
        match self {
            Use::Call(_) => "",
            Use::Method(name, _) | Use::Get(name) => name,
        }
    }
}

impl Drop for Callback {
    fn drop(&mut self) {
        let Some(shared) = self.shared.upgrade() else { return };
        let instance = || shared.instance.get()?.upgrade();
        match (self.actor.upgrade(), self.disposes) {
            (Some(actor), true) => {
                if let Some(instance) = instance() {
                    instance.dispose_later(&actor, self.number);
                }
            }
            _ => shared.dropped.push(self.number),
        }
    }
}

/// What the prelude keeps: its number, and whether that has a disposer.
pub(super) type Kept = (u32, bool);

fn keep(shared: &Arc<Shared>, (number, disposes): Kept) -> Result<Arc<Callback>> {
    let actor = Arc::downgrade(&shared.actor()?);
    Ok(Arc::new(Callback { shared: Arc::downgrade(shared), actor, number, disposes }))
}

/// Makes the function that others are given.
pub(super) fn function(shared: &Arc<Shared>, kept: Kept) -> Result<HostFunction> {
    let callback = keep(shared, kept)?;
    let function =
        HostFunction::new_async("callback", move |args| callback.clone().run(Use::Call(args)));
    Ok(function.of_guest(&shared.actor()?.runtime))
}

/// Makes the object that others are given.
pub(super) fn object(shared: &Arc<Shared>, kept: Kept) -> Result<HostObject> {
    let callback = keep(shared, kept)?;
    let methods = callback.clone();
    let object = HostObject::new_async("RpcTarget", move |method, args| {
        methods.clone().run(Use::Method(method.to_owned(), args))
    });
    Ok(object.with_origin(callback).of_guest(&shared.actor()?.runtime))
}

impl Callback {
    /// Uses it as part of the event that runs on this thread.
    pub fn run(self: Arc<Callback>, what: Use) -> BoxFuture<'static, Result<Value>> {
        let parent = Event::current();
        Box::pin(async move {
            let instance =
                self.shared.upgrade().and_then(|shared| shared.instance.get()?.upgrade());
            match (instance, self.actor.upgrade()) {
                (Some(instance), Some(actor)) => {
                    instance.callback(&actor, parent, self.number, what).await
                }
                _ => Err(Error::new(
                    ErrorCode::Aborted,
                    "The execution context which hosts this callback is no longer running.",
                )),
            }
        })
    }
}
