//! Cancelling calls, from any thread.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use event_listener::Event as Signal;
use facetbox::{Error, ErrorCode, Result};
use futures_lite::future;

use crate::error::facetbox_error_t;
use crate::guard::guard;
use crate::handle::required;

/// Ends the calls that were made with it. One may be given to any number of calls, one after the other
/// or side by side; once it has fired, it ends those that are made later, too.
///
/// Threads: any.
pub struct facetbox_cancel_t(Arc<Cancel>);

/// Whether it has fired, and whom to tell.
#[derive(Default)]
pub struct Cancel {
    fired: AtomicBool,
    signal: Signal,
}

impl facetbox_cancel_t {
    /// What a call watches; one that never fires for NULL.
    pub fn of(argument: Option<&facetbox_cancel_t>) -> Arc<Cancel> {
        argument.map(|cancel| cancel.0.clone()).unwrap_or_default()
    }
}

impl Cancel {
    fn fire(&self) {
        self.fired.store(true, Ordering::Release);
        self.signal.notify(usize::MAX);
    }

    async fn fired(&self) {
        while !self.fired.load(Ordering::Acquire) {
            let signal = self.signal.listen();
            // It may have fired before we listened.
            if !self.fired.load(Ordering::Acquire) {
                signal.await;
            }
        }
    }

    /// Ends as `call` does, or with ABORTED as soon as it is cancelled; dropping it cancels it in core.
    pub async fn watch<T>(self: Arc<Cancel>, call: impl Future<Output = Result<T>>) -> Result<T> {
        let cancelled = async {
            self.fired().await;
            Err(Error::new(ErrorCode::Aborted, "The call was cancelled."))
        };
        future::or(cancelled, call).await
    }
}

/// Makes what cancels calls.
///
/// Owns: the caller; calls that use it go on doing so when the handle is freed.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_cancel_new() -> Option<Box<facetbox_cancel_t>> {
    guard(|| Some(Box::new(facetbox_cancel_t(Arc::default()))))
}

/// Cancels: each call that was made with it ends with ABORTED at the next place where it waits, and
/// what its event hasn't committed is discarded. A guest that computes goes on until its limits end it,
/// and a function of the host until it returns. Does nothing to calls that have ended.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_cancel_fire(
    cancel: Option<&facetbox_cancel_t>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        required(cancel, "cancel")?.0.fire();
        Ok(())
    })
}

/// Frees the handle. Calls that were made with it go on.
///
/// Null: does nothing.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_cancel_free(cancel: Option<Box<facetbox_cancel_t>>) {
    guard(|| drop(cancel));
}
