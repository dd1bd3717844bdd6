//! Exceptions of hosts that an event's code was told of.

use std::collections::VecDeque;

use parking_lot::Mutex;

use crate::error::{Error, HostException};

/// How many are kept: code may wait for many calls at once and throw what came first.
const MAX_KEPT: usize = 64;

/// The latest exceptions of hosts that an event's code may throw on. A guest keeps errors for as long as it likes, and
/// nothing counts what an exception holds on to (a traceback with the variables of its frames, for one), so it is
/// this, and not the guest's error, that keeps it: until the event has ended.
#[derive(Default)]
pub(crate) struct Exceptions(Mutex<VecDeque<HostException>>);

impl Exceptions {
    /// Keeps the exception of an error that a guest is about to get.
    pub fn keep(&self, error: &Error) {
        let Some(exception) = error.host_exception() else { return };
        let mut kept = self.0.lock();
        let oldest = if kept.len() == MAX_KEPT { kept.pop_front() } else { None };
        kept.push_back(exception.clone());
        drop(kept);
        // What the host's language does about it happens without the lock.
        drop(oldest);
    }
}
