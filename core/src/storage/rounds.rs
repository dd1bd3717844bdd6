//! Threads that do what would hold up whoever needs it: making room in the commit log, and connections to new databases.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use parking_lot::{Condvar, Mutex};

/// Does rounds of work when it is asked to. The thread starts with the first.
pub(super) struct Rounds {
    /// What the thread is called.
    name: &'static str,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// How often a round was asked for, and up to which of these one has been done since.
    asked: u64,
    done: u64,
    stopped: bool,
    thread: Option<JoinHandle<()>>,
}

impl Rounds {
    pub fn new(name: &'static str) -> Arc<Rounds> {
        let (state, changed) = Default::default();
        Arc::new(Rounds { name, state, changed })
    }

    /// Asks for a round of work, which is `round` for the first who asks, and waits for its end if told so. Answers
    /// false if there can be no thread.
    pub fn ask(self: &Arc<Rounds>, wait: bool, round: impl Fn() + Send + 'static) -> bool {
        let mut state = self.state.lock();
        if state.stopped {
            return true;
        }
        if state.thread.is_none() {
            let rounds = self.clone();
            let builder = thread::Builder::new().name(self.name.into());
            state.thread = builder.spawn(move || rounds.run(round)).ok();
            if state.thread.is_none() {
                return false;
            }
        }
        state.asked += 1;
        let number = state.asked;
        self.changed.notify_all();
        while wait && state.done < number && !state.stopped {
            self.changed.wait(&mut state);
        }
        true
    }

    /// Ends and joins the thread.
    pub fn stop(&self) {
        let thread = {
            let mut state = self.state.lock();
            state.stopped = true;
            state.thread.take()
        };
        self.changed.notify_all();
        // It may be the last one who uses what it works on.
        if let Some(thread) = thread.filter(|it| it.thread().id() != thread::current().id()) {
            let _ = thread.join();
        }
    }

    fn run(&self, round: impl Fn()) {
        let mut state = self.state.lock();
        while !state.stopped {
            if state.done == state.asked {
                self.changed.wait(&mut state);
                continue;
            }
            let asked = state.asked;
            drop(state);
            if catch_unwind(AssertUnwindSafe(&round)).is_err() {
                tracing::error!(thread = self.name, "a round of work has panicked");
            }
            state = self.state.lock();
            state.done = asked;
            self.changed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn who_waits_goes_on_after_a_round_that_began_later() {
        let (thread, rounds) = (Rounds::new("test"), Arc::new(AtomicUsize::new(0)));
        for n in 1..=3 {
            let counted = rounds.clone();
            let round = move || {
                counted.fetch_add(1, Ordering::SeqCst);
            };
            assert!(thread.ask(true, round));
            assert_eq!(rounds.load(Ordering::SeqCst), n);
        }
        thread.stop();
        assert!(thread.ask(true, || panic!("it has ended")));
        assert_eq!(rounds.load(Ordering::SeqCst), 3);
    }

    #[test]
    fn a_round_that_panics_is_not_the_last() {
        let thread = Rounds::new("test");
        let rounds = Arc::new(AtomicUsize::new(0));
        let counted = rounds.clone();
        let round = move || {
            if counted.fetch_add(1, Ordering::SeqCst) == 0 {
                panic!("on purpose");
            }
        };
        assert!(thread.ask(true, round) && thread.ask(true, || {}));
        thread.stop();
        assert_eq!(rounds.load(Ordering::SeqCst), 2);
    }
}
