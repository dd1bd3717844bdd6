//! Order: calls of one stub go out in the order in which they were made, and what a guest's events have left behind takes
//! the turn one at a time.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, OnceLock, Weak};

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
pub(crate) struct Ticket(Opener);

/// Open once a call has its place, or has been given up.
#[derive(Default)]
struct Gate {
    /// A call that was given up before its turn had come leaves what it waited for to the next one.
    open: OnceLock<Option<Arc<Gate>>>,
    opened: Signal,
}

impl Gate {
    async fn wait(gate: Arc<Gate>) {
        let mut next = Some(gate);
        while let Some(gate) = next {
            next = loop {
                let opened = gate.opened.listen();
                if let Some(before) = gate.open.get() {
                    break before.clone();
                }
                opened.await;
            };
        }
    }
}

impl Drop for Gate {
    /// One after the other, because a long row of them can be given up.
    fn drop(&mut self) {
        let mut next = self.open.take().flatten();
        while let Some(mut gate) = next.and_then(Arc::into_inner) {
            next = gate.open.take().flatten();
        }
    }
}

/// Opens its gate when it is dropped, so that a call which is given up doesn't keep the next one.
pub(crate) struct Opener {
    gate: Arc<Gate>,
    /// What its call still waits for.
    before: Option<Arc<Gate>>,
}

impl Drop for Opener {
    fn drop(&mut self) {
        let _ = self.gate.open.set(self.before.take());
        self.gate.opened.notify(usize::MAX);
    }
}

impl Order {
    /// The place behind all that were given before.
    pub fn next(&self) -> Ticket {
        let gate = Arc::new(Gate::default());
        let before = self.0.lock().replace(gate.clone());
        Ticket(Opener { gate, before })
    }
}

impl Ticket {
    /// Waits until the call before has its place. The next one goes as soon as the answer is dropped.
    pub async fn wait(self) -> Opener {
        let mut own = self.0;
        if let Some(before) = own.before.clone() {
            Gate::wait(before).await;
            own.before = None;
        }
        own
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
    use std::task::{Context, Poll, Waker};

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

    const CALLS: usize = 3;

    /// A call on its way.
    enum Call {
        Waits(Pin<Box<dyn Future<Output = Opener>>>),
        HasItsTurn(#[expect(dead_code, reason = "opens the gate when it is dropped")] Opener),
        /// Has its place, or was given up.
        Over,
    }

    /// Makes calls, has each step done by the call that it names: polled where it waits, placed where it has its turn,
    /// or given up. Answers which calls can do another step.
    fn run(steps: &[(usize, bool)]) -> Vec<usize> {
        let order = Order::default();
        let mut context = Context::from_waker(Waker::noop());
        let call = |_| Call::Waits(Box::pin(order.next().wait()));
        let mut calls: Vec<Call> = (0..CALLS).map(call).collect();
        for (number, give_up) in steps {
            let before = calls[..*number].iter().all(|call| matches!(call, Call::Over));
            calls[*number] = match std::mem::replace(&mut calls[*number], Call::Over) {
                Call::Waits(mut wait) if !give_up => match wait.as_mut().poll(&mut context) {
                    Poll::Ready(opener) => {
                        assert!(before, "call {number} overtakes another in {steps:?}");
                        Call::HasItsTurn(opener)
                    }
                    Poll::Pending => {
                        assert!(!before, "call {number} waits for nobody in {steps:?}");
                        Call::Waits(wait)
                    }
                },
                _ => Call::Over,
            };
        }
        (0..CALLS).filter(|number| !matches!(calls[*number], Call::Over)).collect()
    }

    #[test]
    fn no_call_overtakes_another_however_they_are_polled_and_given_up() {
        let mut schedules = vec![Vec::new()];
        let mut count = 0;
        while let Some(steps) = schedules.pop() {
            count += 1;
            for number in run(&steps) {
                // More than two steps of one call are polls in vain.
                if steps.iter().filter(|(other, _)| *other == number).count() < 3 {
                    for give_up in [false, true] {
                        schedules.push([&steps[..], &[(number, give_up)]].concat());
                    }
                }
            }
        }
        assert!(count > 10_000, "{count} schedules");
    }

    #[test]
    fn a_long_row_of_calls_that_are_given_up_takes_no_stack() {
        let order = Order::default();
        let first = order.next();
        let given_up: Vec<_> = (0..200_000).map(|_| order.next()).collect();
        let mut last = Box::pin(order.next().wait());
        given_up.into_iter().rev().for_each(drop);
        let mut context = Context::from_waker(Waker::noop());
        assert!(last.as_mut().poll(&mut context).is_pending());
        drop(first);
        assert!(last.as_mut().poll(&mut context).is_ready());
    }
}
