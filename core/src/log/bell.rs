//! Where threads wait for the same event, who are woken by one call of the system.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

/// Rings for those who have listened before.
///
/// The standard library's `Condvar`, since waking all who wait for it doesn't pass a lock from one to the next.
#[derive(Default)]
pub(super) struct Bell {
    /// How often it has rung; changed with the lock held.
    rung: AtomicU64,
    lock: Mutex<()>,
    heard: Condvar,
}

impl Bell {
    /// What to wait with: nothing that rings from now on is missed.
    pub fn listen(&self) -> u64 {
        self.rung.load(Ordering::Relaxed)
    }

    /// Waits until it has rung since.
    pub fn wait(&self, since: u64) {
        let mut lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        while self.rung.load(Ordering::Relaxed) == since {
            lock = self.heard.wait(lock).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Wakes all who have listened.
    pub fn ring(&self) {
        self.count();
        self.heard.notify_all();
    }

    /// Wakes one of them at least.
    pub fn ring_for_one(&self) {
        self.count();
        self.heard.notify_one();
    }

    fn count(&self) {
        let _lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        self.rung.fetch_add(1, Ordering::Relaxed);
    }
}
