//! Order: calls of one stub go out in the order in which they were made.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use event_listener::Event as Signal;
use futures_lite::future;
use parking_lot::Mutex;

/// Keeps calls in order, whichever threads run them: each gets its place in the queue of the object before
/// the next one is looked at. Clones are one order.
#[derive(Clone, Default)]
pub(crate) struct Order(Arc<Last>);

/// What the next call waits for.
type Last = Mutex<Option<Arc<Gate>>>;

/// The orders of things with names, as long as somebody holds them.
#[derive(Default)]
pub(crate) struct Orders(Mutex<HashMap<String, Weak<Last>>>);

impl Orders {
    /// The order of calls of `name`.
    pub fn of(&self, name: &str) -> Order {
        let mut orders = self.0.lock();
        if let Some(order) = orders.get(name).and_then(Weak::upgrade) {
            return Order(order);
        }
        if orders.len() == orders.capacity() {
            orders.retain(|_, order| order.strong_count() > 0);
        }
        let order = Order::default();
        orders.insert(name.to_owned(), Arc::downgrade(&order.0));
        order
    }
}

/// A call's place in the order.
pub(crate) struct Ticket {
    before: Option<Arc<Gate>>,
    own: Opener,
}

/// Open once a call has its place.
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
pub(crate) struct Opener(Arc<Gate>);

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
    /// Waits until the call before has its place. The next one goes as soon as the answer is dropped.
    pub async fn wait(self) -> Opener {
        if let Some(before) = self.before {
            before.wait().await;
        }
        self.own
    }
}

/// Runs a call that takes its place when it is polled, and drops `place` then.
pub(crate) async fn queued<F: Future>(place: Opener, mut call: Pin<&mut F>) -> F::Output {
    let first = future::poll_once(call.as_mut()).await;
    drop(place);
    match first {
        Some(output) => output,
        None => call.await,
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use super::*;

    #[test]
    fn a_call_waits_until_the_one_before_has_its_place() {
        let order = Order::default();
        let mut context = Context::from_waker(Waker::noop());
        let (first, second) = (order.next(), order.next());
        let mut second = Box::pin(second.wait());
        assert!(second.as_mut().poll(&mut context).is_pending());
        let place = future::block_on(first.wait());
        assert!(second.as_mut().poll(&mut context).is_pending());
        let mut endless = std::pin::pin!(future::pending::<()>());
        let mut call = Box::pin(queued(place, endless.as_mut()));
        assert!(call.as_mut().poll(&mut context).is_pending());
        assert!(second.as_mut().poll(&mut context).is_ready());
    }

    #[test]
    fn a_call_that_is_given_up_lets_the_next_one_go() {
        let order = Order::default();
        let (first, second) = (order.next(), order.next());
        drop(first);
        drop(future::block_on(second.wait()));
    }
}
