//! The timers of a guest that are pending, which it may clear.

use std::collections::HashMap;
use std::sync::Arc;

use event_listener::Event as Signal;
use futures_lite::future;
use parking_lot::Mutex;

use crate::timer::Sleep;

/// Pending timers by number.
#[derive(Clone, Default)]
pub(super) struct Pending(Arc<Mutex<HashMap<u64, Signal>>>);

impl Pending {
    /// Sets a timer. The future ends when it is due or cleared.
    pub fn set(&self, number: u64, sleep: Sleep) -> impl Future<Output = ()> + Send + 'static {
        let cleared = Signal::new();
        let listener = cleared.listen();
        self.0.lock().insert(number, cleared);
        future::or(sleep, listener)
    }

    pub fn clear(&self, number: u64) {
        if let Some(cleared) = self.0.lock().remove(&number) {
            cleared.notify(1);
        }
    }

    /// Whether a timer is pending that may be due.
    pub fn has(&self, number: u64) -> bool {
        self.0.lock().contains_key(&number)
    }

    /// Takes a timer that is due; answers whether it was still pending. With the turn held, so that no code
    /// clears it between this and its run.
    pub fn take(&self, number: u64) -> bool {
        self.0.lock().remove(&number).is_some()
    }
}
