//! Order: calls of one stub go out in the order in which they were made.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use event_listener::Event as Signal;
use parking_lot::Mutex;

/// Keeps calls in order, whichever threads run them: each gets its place in the queue of the object before
/// the next one is looked at.
#[derive(Default)]
pub(crate) struct Order(Mutex<Option<Arc<Gate>>>);

/// A call's place in the order.
pub(crate) struct Ticket {
    before: Option<Arc<Gate>>,
    own: Opener,
}

/// What the next call waits for.
#[derive(Default)]
struct Gate {
    open: AtomicBool,
    opened: Signal,
}

impl Gate {
    async fn wait(&self) {
        while !self.open.load(Ordering::Acquire) {
            let opened = self.opened.listen();
            if !self.open.load(Ordering::Acquire) {
                opened.await;
            }
        }
    }
}

/// Opens its gate when it is dropped, so that a call which is given up doesn't keep the next one.
struct Opener(Arc<Gate>);

impl Drop for Opener {
    fn drop(&mut self) {
        self.0.open.store(true, Ordering::Release);
        self.0.opened.notify(usize::MAX);
    }
}

impl Order {
    /// The place behind all that were given before.
    pub fn next(&self) -> Ticket {
        let gate = Arc::new(Gate::default());
        let before = self.0.lock().replace(gate.clone());
        Ticket { before, own: Opener(gate) }
    }
}

impl Ticket {
    /// Runs a call, letting the next one go once `queued` tells, after a poll, that this has its place.
    pub async fn run<F: Future>(self, call: F, queued: impl Fn() -> bool) -> F::Output {
        let Ticket { before, own } = self;
        if let Some(before) = before {
            before.wait().await;
        }
        let mut own = Some(own);
        let mut call = std::pin::pin!(call);
        poll_fn(|context| {
            let output = call.as_mut().poll(context);
            if output.is_ready() || queued() {
                own.take();
            }
            output
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Waker};

    use futures_lite::future;

    use super::*;

    #[test]
    fn a_call_waits_until_the_one_before_has_its_place() {
        let (order, queued) = (Order::default(), AtomicBool::new(false));
        let mut context = Context::from_waker(Waker::noop());
        let (first, second) = (order.next(), order.next());
        let is_queued = || queued.load(Ordering::Relaxed);
        let mut first = Box::pin(first.run(future::pending::<()>(), is_queued));
        let mut second = Box::pin(second.run(future::ready(()), || true));
        assert!(first.as_mut().poll(&mut context).is_pending());
        assert!(second.as_mut().poll(&mut context).is_pending());
        queued.store(true, Ordering::Relaxed);
        assert!(first.as_mut().poll(&mut context).is_pending());
        assert_eq!(second.as_mut().poll(&mut context), Poll::Ready(()));
    }

    #[test]
    fn a_call_that_is_given_up_lets_the_next_one_go() {
        let order = Order::default();
        let (first, second) = (order.next(), order.next());
        drop(first);
        future::block_on(second.run(future::ready(()), || true));
    }
}
