//! How a thread waits for a future that it polls itself.

use std::cell::RefCell;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

/// What wakes a thread out of one wait. Waits are nested, and what wakes an inner one doesn't count for the outer.
struct Unpark {
    thread: Thread,
    woken: AtomicBool,
}

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.woken.swap(true, Ordering::Release) {
            self.thread.unpark();
        }
    }
}

thread_local! {
    /// Those of this thread that no wait uses. Who has kept the waker of an earlier wait wakes a later one for nothing.
    static FREE: RefCell<Vec<(Arc<Unpark>, Waker)>> = const { RefCell::new(Vec::new()) };
}

/// Runs a future to its end on this thread, which may be doing that already.
pub(crate) fn block_on<T>(task: impl Future<Output = T>) -> T {
    let mut task = pin!(task);
    let (unpark, waker) = FREE.with_borrow_mut(Vec::pop).unwrap_or_else(|| {
        let woken = AtomicBool::new(false);
        let unpark = Arc::new(Unpark { thread: thread::current(), woken });
        (unpark.clone(), unpark.into())
    });
    let mut context = Context::from_waker(&waker);
    let answer = loop {
        if let Poll::Ready(answer) = task.as_mut().poll(&mut context) {
            break answer;
        }
        while !unpark.woken.swap(false, Ordering::Acquire) {
            thread::park();
        }
    };
    FREE.with_borrow_mut(|free| free.push((unpark, waker)));
    answer
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use super::*;

    /// A future that is woken by another thread after a moment.
    async fn later(millis: u64) {
        let mut begun = false;
        poll_fn(|context| {
            if std::mem::replace(&mut begun, true) {
                return Poll::Ready(());
            }
            let waker = context.waker().clone();
            thread::spawn(move || {
                thread::sleep(Duration::from_millis(millis));
                waker.wake();
            });
            Poll::Pending
        })
        .await;
    }

    #[test]
    fn a_wait_within_a_wait_takes_nothing_from_it() {
        for outer in [1, 20] {
            block_on(async {
                let mut inner = Some(());
                let mut waiting = pin!(later(outer));
                poll_fn(|context| {
                    let polled = waiting.as_mut().poll(context);
                    // Polled by the outer wait, which has not begun to wait.
                    if inner.take().is_some() {
                        block_on(later(10));
                    }
                    polled
                })
                .await;
            });
        }
    }
}
