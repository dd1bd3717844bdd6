//! A call that is going on, and how it is cancelled.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use facetbox::{Error, ErrorCode, Result};

use crate::error::facetbox_error_t;
use crate::guard::guard;
use crate::handle::required;

/// A call or fetch that was started without waiting.
///
/// Threads: any.
pub struct facetbox_call_t(Arc<Cancel>);

/// Whether a call was cancelled, and whom to tell.
#[derive(Default)]
pub struct Cancel(Mutex<State>);

#[derive(Default)]
struct State {
    cancelled: bool,
    waker: Option<Waker>,
}

impl facetbox_call_t {
    /// A handle of a call.
    pub fn boxed(cancel: Arc<Cancel>) -> Box<facetbox_call_t> {
        Box::new(facetbox_call_t(cancel))
    }
}

impl Cancel {
    fn cancel(&self) {
        let waker = {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            state.cancelled = true;
            state.waker.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }

    /// Ends as `call` does, or with ABORTED as soon as it is cancelled; dropping it cancels it in core.
    pub async fn watch<T>(&self, call: impl Future<Output = Result<T>>) -> Result<T> {
        let mut call = pin!(call);
        std::future::poll_fn(|context| self.poll(call.as_mut(), context)).await
    }

    fn poll<T>(
        &self,
        call: Pin<&mut impl Future<Output = Result<T>>>,
        context: &mut Context<'_>,
    ) -> Poll<Result<T>> {
        {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if state.cancelled {
                let message = "The call was cancelled.";
                return Poll::Ready(Err(Error::new(ErrorCode::Aborted, message)));
            }
            state.waker = Some(context.waker().clone());
        }
        call.poll(context)
    }
}

/// Cancels a call: it ends at the next place where it waits, and its callback gets ABORTED. Does
/// nothing if it has ended.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_call_cancel(
    call: Option<&facetbox_call_t>,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        required(call, "call")?.0.cancel();
        Ok(())
    })
}

/// Frees the handle of a call, which goes on.
///
/// Null: does nothing.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_call_free(call: Option<Box<facetbox_call_t>>) {
    guard(|| drop(call));
}
