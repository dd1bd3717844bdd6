//! The end of an instance by a limit or an abort, for what it has left behind: the constructor may do so, too, before its
//! actor has an instance that could be waited for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use event_listener::Event as Signal;
use futures_lite::future;

/// Whether an instance was ended. Clones are of the same one.
#[derive(Clone, Default)]
pub(super) struct Ending(Arc<State>);

#[derive(Default)]
struct State {
    is_ended: AtomicBool,
    signal: Signal,
}

impl Ending {
    /// Says that the instance was ended.
    pub fn end(&self) {
        if !self.0.is_ended.swap(true, Ordering::AcqRel) {
            self.0.signal.notify(usize::MAX);
        }
    }

    /// Does work of the instance, which is dropped once that has ended: nobody is left whom its outcome could be told.
    pub async fn or<T>(self, work: impl Future<Output = T>) -> Option<T> {
        let listener = self.0.signal.listen();
        if self.0.is_ended.load(Ordering::Acquire) {
            return None;
        }
        let work = async { Some(work.await) };
        let ended = async {
            listener.await;
            None
        };
        future::or(work, ended).await
    }
}
