//! The state of a storage behind its lock, and what is told of it without that: most calls have written nothing.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::{Mutex, MutexGuard};

use super::state::State;

/// A state that threads share.
pub(super) struct Locked {
    state: Mutex<State>,
    idle: AtomicBool,
    rollbacks: AtomicU64,
}

impl Default for Locked {
    fn default() -> Locked {
        let (idle, rollbacks) = (AtomicBool::new(true), AtomicU64::new(0));
        Locked { state: Mutex::default(), idle, rollbacks }
    }
}

impl Locked {
    pub fn lock(&self) -> Held<'_> {
        Held { state: self.state.lock(), told: self }
    }

    pub fn try_lock(&self) -> Option<Held<'_>> {
        self.state.try_lock().map(|state| Held { state, told: self })
    }

    pub fn get_mut(&mut self) -> &mut State {
        self.state.get_mut()
    }

    /// Whether nothing was open when it was last unlocked, and no error is to be told.
    pub fn is_idle(&self) -> bool {
        self.idle.load(Ordering::Acquire)
    }

    /// How many times something was rolled back until it was last unlocked.
    pub fn rollbacks(&self) -> u64 {
        self.rollbacks.load(Ordering::Acquire)
    }
}

/// The state, locked.
pub(super) struct Held<'a> {
    state: MutexGuard<'a, State>,
    told: &'a Locked,
}

impl Deref for Held<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        &self.state
    }
}

impl DerefMut for Held<'_> {
    fn deref_mut(&mut self) -> &mut State {
        &mut self.state
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.told.idle.store(self.state.is_idle(), Ordering::Release);
        self.told.rollbacks.store(self.state.rollbacks(), Ordering::Release);
    }
}
