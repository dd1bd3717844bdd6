//! The timers of a guest that are pending, which it may clear.

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

use event_listener::Event as Signal;
use futures_lite::future;
use parking_lot::Mutex;

use crate::timer::Timers;

/// Pending timers by number.
#[derive(Default)]
pub(super) struct Pending(Mutex<State>);

#[derive(Default)]
struct State {
    pending: HashMap<u64, Timer>,
    /// Those that no event waits for, the first that is due first; what events of tails have set is apart.
    behind: [BTreeSet<(Instant, u64)>; 2],
}

struct Timer {
    due: Instant,
    cleared: Signal,
}

impl Drop for State {
    /// With the machine of the guest: nobody is left whom they could be told.
    fn drop(&mut self) {
        for timer in self.pending.values() {
            timer.cleared.notify(1);
        }
    }
}

impl State {
    fn remove(&mut self, number: u64) -> Option<Timer> {
        let timer = self.pending.remove(&number)?;
        for behind in &mut self.behind {
            behind.remove(&(timer.due, number));
        }
        Some(timer)
    }
}

impl Pending {
    /// Sets a timer. The future ends when it is due or cleared.
    pub fn set(
        &self,
        number: u64,
        due: Instant,
        timers: &Timers,
    ) -> impl Future<Output = ()> + Send + 'static {
        let cleared = Signal::new();
        let listener = cleared.listen();
        self.0.lock().pending.insert(number, Timer { due, cleared });
        future::or(timers.at(due), listener)
    }

    pub fn clear(&self, number: u64) {
        if let Some(timer) = self.0.lock().remove(number) {
            timer.cleared.notify(1);
        }
    }

    /// When a timer is due, if it is pending.
    #[cfg(feature = "quickjs")]
    pub fn due(&self, number: u64) -> Option<Instant> {
        self.0.lock().pending.get(&number).map(|timer| timer.due)
    }

    /// Takes a timer that is due; answers whether it was still pending. With the turn held, so that no code
    /// clears it between this and its run.
    #[cfg(feature = "quickjs")]
    pub fn take(&self, number: u64) -> bool {
        self.0.lock().remove(number).is_some()
    }

    /// Notes that no event waits for a timer: whoever comes because one is due takes the one that is due first.
    pub fn leave_behind(&self, number: u64, of_tail: bool) {
        let state = &mut *self.0.lock();
        if let Some(timer) = state.pending.get(&number) {
            state.behind[usize::from(of_tail)].insert((timer.due, number));
        }
    }

    /// Whether one of these is due.
    pub fn has_due(&self, of_tail: bool) -> bool {
        self.0.lock().behind[usize::from(of_tail)]
            .first()
            .is_some_and(|(due, _)| *due <= Instant::now())
    }

    /// Takes the one of these that is due first, as [`Pending::take`] does. As many come as are due, and each takes one.
    pub fn take_due(&self, of_tail: bool) -> Option<u64> {
        let mut state = self.0.lock();
        let first = state.behind[usize::from(of_tail)].first();
        let (_, number) = *first.filter(|(due, _)| *due <= Instant::now())?;
        state.remove(number).map(|_| number)
    }
}
