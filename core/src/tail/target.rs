//! The `tails` of a WorkerCode: stubs and functions that get the tail events of the code.

use std::sync::Arc;

use super::event::TailEvent;
use super::queue::{Push, Queue};
use crate::actor::Message;
use crate::error::{Error, Result};
use crate::given::Given;
use crate::loader::Guest;
use crate::rpc::HostFunction;
use crate::runtime::RuntimeInner;
use crate::stub::Stub;
use crate::value::Value;

/// Events that one delivery has at most, and about how large it may be.
const BATCH: usize = 100;
const BATCH_BYTES: usize = 1 << 20;

/// Who gets the tail events of a WorkerCode, as a list: the argument of the method `tail`, or of a
/// function.
#[derive(Clone, Debug)]
pub enum Tail {
    /// An object or entrypoint whose method `tail` is called.
    Stub(Stub),
    /// A function of the host.
    Function(HostFunction),
}

impl Tail {
    /// Reads a list of stubs and functions.
    ///
    /// # Errors
    /// INVALID_ARGUMENT (a `TypeError`) for anything else.
    pub fn list_from_value(value: Value) -> Result<Vec<Tail>> {
        let items = match value {
            Value::Null | Value::Undefined => Vec::new(),
            Value::List(items) => items,
            other => {
                let message =
                    format!("WorkerCode.tails must be a list, got {}.", other.type_name());
                return Err(Error::type_error(message));
            }
        };
        let tail = |(at, item)| match item {
            Value::Stub(stub) => Ok(Tail::Stub(stub)),
            Value::Function(function) => Ok(Tail::Function(function)),
            other => Err(Error::type_error(format!(
                "WorkerCode.tails[{at}] must be a stub or a function of the host, got {}.",
                Value::type_name(&other)
            ))),
        };
        items.into_iter().enumerate().map(tail).collect()
    }
}

/// The tails of one loaded code.
pub(crate) struct Targets(Vec<Arc<Target>>);

struct Target {
    tail: Given<Option<Tail>>,
    queue: Queue,
}

impl Targets {
    /// None for code without tails. `guest` has loaded it.
    pub fn new(
        tails: Vec<Tail>,
        guest: Option<&Guest>,
        runtime: &RuntimeInner,
    ) -> Option<Arc<Targets>> {
        let target = |tail| {
            let tail = runtime.gifts.keep(Some(tail));
            Arc::new(Target { tail, queue: Queue::new(guest.cloned()) })
        };
        (!tails.is_empty()).then(|| Arc::new(Targets(tails.into_iter().map(target).collect())))
    }

    /// Hands an event on to all of them. Never waits.
    pub fn send(&self, runtime: &Arc<RuntimeInner>, event: &Arc<TailEvent>) {
        for target in &self.0 {
            if target.queue.push(&runtime.metrics, event.clone()) == Push::Serve {
                let target = target.clone();
                runtime.executor.spawn(async move {
                    loop {
                        let batch = target.queue.take(BATCH, BATCH_BYTES);
                        let Some(tail) = target.tail.get().filter(|_| !batch.events.is_empty())
                        else {
                            return;
                        };
                        if let Err(error) = tail.deliver(&batch.events).await {
                            tracing::warn!(%error, "tail events could not be delivered");
                        }
                    }
                });
            }
        }
    }
}

impl Tail {
    async fn deliver(&self, events: &[Arc<TailEvent>]) -> Result<()> {
        let items = Value::List(events.iter().map(|event| event.to_value()).collect());
        match self {
            Tail::Stub(stub) => {
                let message =
                    Message::Call { method: "tail".into(), args: vec![items], tail: true };
                // A stub of its own: one that is bound to an actor that broke would fail for ever.
                stub.unbound().send(None, message).await.map(drop)
            }
            Tail::Function(function) => function.call(vec![items]).await.map(drop),
        }
    }
}
