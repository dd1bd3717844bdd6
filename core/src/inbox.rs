//! What threads have for an event loop, which is woken once for many messages, and not at all while it looks itself.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::tasks::spin;

/// How long a loop looks for messages before it sleeps: longer than a short call takes, shorter than a wake-up.
const LOOK: Duration = Duration::from_micros(20);

/// After looks in vain, at least one in so many chances is taken again.
const RARELY: u32 = 1 << 10;

/// The messages for one event loop, from any thread; how bindings reach their loops.
///
/// A loop that has just called somebody [attends](Inbox::attend) to it: it looks for the answer itself before it
/// sleeps, and nobody has to wake it. That is offered only while answers come soon enough.
pub struct Inbox<T> {
    state: Mutex<State<T>>,
    /// Whether there are messages, for a loop that looks without the lock.
    filled: AtomicBool,
    wake: Box<dyn Fn() + Send + Sync>,
}

struct State<T> {
    messages: Vec<T>,
    /// Whether the loop will come without being woken: it was already, or looks itself.
    attended: bool,
    closed: bool,
    patience: Patience,
}

/// Whether looking pays.
#[derive(Default)]
struct Patience {
    /// Looks in vain since the last one that was not.
    vain: u32,
    /// Chances to pass over before the next look.
    pass: u32,
}

impl Patience {
    fn is_worth_it(&mut self) -> bool {
        if self.pass > 0 {
            self.pass -= 1;
            return false;
        }
        true
    }

    fn found(&mut self) {
        self.vain = 0;
    }

    fn in_vain(&mut self) {
        self.pass = RARELY.min(1 << self.vain);
        self.vain = (self.vain + 1).min(RARELY.ilog2());
    }
}

impl<T> Inbox<T> {
    /// Makes one. `wake` has the loop call [`Inbox::take`] soon; it is called on any thread and must not block.
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Inbox<T> {
        let mut patience = Patience::default();
        if thread::available_parallelism().is_ok_and(|cores| cores.get() == 1) {
            patience.pass = u32::MAX; // whoever looks keeps everybody else from the core
        }
        let state = State { messages: Vec::new(), attended: false, closed: false, patience };
        Inbox { state: Mutex::new(state), filled: AtomicBool::new(false), wake: Box::new(wake) }
    }

    /// Adds a message, and wakes the loop if it doesn't come anyway.
    ///
    /// # Errors
    /// The message, once it is closed.
    pub fn post(&self, message: T) -> Result<(), T> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(message);
        }
        state.messages.push(message);
        self.filled.store(true, Ordering::Release);
        let wake = !std::mem::replace(&mut state.attended, true);
        drop(state);
        if wake {
            (self.wake)();
        }
        Ok(())
    }

    /// Asks, on the loop, whether it shall [look](Inbox::look) before it sleeps. Where this says so it has to.
    pub fn attend(&self) -> bool {
        let mut state = self.state.lock();
        let attend = !state.attended && !state.closed && state.patience.is_worth_it();
        state.attended |= attend;
        attend
    }

    /// The messages that are there, or that come within the next 20 microseconds.
    pub fn look(&self) -> Vec<T> {
        let begin = Instant::now();
        spin(begin, LOOK, || self.filled.load(Ordering::Acquire));
        let mut state = self.state.lock();
        if state.messages.is_empty() {
            state.patience.in_vain();
        } else {
            state.patience.found();
        }
        self.empty(&mut state)
    }

    /// The messages that are there.
    pub fn take(&self) -> Vec<T> {
        self.empty(&mut self.state.lock())
    }

    /// The loop won't come after all. It is woken if there are messages.
    pub fn forgo(&self) {
        let mut state = self.state.lock();
        state.attended = !state.messages.is_empty();
        let wake = state.attended;
        drop(state);
        if wake {
            (self.wake)();
        }
    }

    fn empty(&self, state: &mut State<T>) -> Vec<T> {
        state.attended = false;
        self.filled.store(false, Ordering::Relaxed);
        std::mem::take(&mut state.messages)
    }

    /// Takes no further messages; answers those that are left.
    pub fn close(&self) -> Vec<T> {
        let mut state = self.state.lock();
        state.closed = true;
        self.empty(&mut state)
    }
}

impl<T> fmt::Debug for Inbox<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Inbox({} messages)", self.state.lock().messages.len())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;

    use super::*;

    fn counted() -> (Arc<AtomicUsize>, Inbox<u8>) {
        let wakes = Arc::new(AtomicUsize::new(0));
        let count = wakes.clone();
        let inbox = Inbox::new(move || {
            count.fetch_add(1, Ordering::Relaxed);
        });
        inbox.state.lock().patience = Patience::default(); // as if there were many cores
        (wakes, inbox)
    }

    #[test]
    fn a_loop_is_woken_once_for_many_messages() {
        let (wakes, inbox) = counted();
        (0..3).for_each(|message| inbox.post(message).unwrap());
        assert_eq!((inbox.take(), wakes.load(Ordering::Relaxed)), (vec![0, 1, 2], 1));
        inbox.post(3).unwrap();
        assert_eq!((inbox.take(), wakes.load(Ordering::Relaxed)), (vec![3], 2));
        assert!(inbox.take().is_empty());
    }

    #[test]
    fn a_loop_that_looks_itself_is_not_woken_until_it_has_looked() {
        let (wakes, inbox) = counted();
        assert!(inbox.attend());
        inbox.post(1).unwrap();
        assert_eq!((inbox.look(), wakes.load(Ordering::Relaxed)), (vec![1], 0));
        inbox.post(2).unwrap();
        assert_eq!(wakes.load(Ordering::Relaxed), 1);
        assert!(!inbox.attend(), "it is on its way");
    }

    #[test]
    fn a_loop_that_does_not_come_is_woken_for_what_is_there() {
        let (wakes, inbox) = counted();
        assert!(inbox.attend());
        inbox.forgo();
        assert_eq!(wakes.load(Ordering::Relaxed), 0);
        assert!(inbox.attend());
        inbox.post(1).unwrap();
        inbox.forgo();
        assert_eq!((inbox.take(), wakes.load(Ordering::Relaxed)), (vec![1], 1));
    }

    #[test]
    fn looks_in_vain_become_rare_and_one_that_is_not_makes_them_usual() {
        let mut patience = Patience::default();
        let mut chances_until_next = || {
            patience.in_vain();
            (1..).find(|_| patience.is_worth_it()).unwrap()
        };
        assert_eq!([chances_until_next(), chances_until_next(), chances_until_next()], [2, 3, 5]);
        assert_eq!((0..20).map(|_| chances_until_next()).max(), Some(RARELY + 1));
        patience.found();
        patience.in_vain();
        assert!(!patience.is_worth_it());
        assert!(patience.is_worth_it());
    }

    #[test]
    fn a_closed_inbox_gives_messages_back() {
        let (wakes, inbox) = counted();
        inbox.post(1).unwrap();
        assert_eq!(inbox.close(), [1]);
        assert_eq!((inbox.post(2), wakes.load(Ordering::Relaxed)), (Err(2), 1));
        assert!(!inbox.attend());
    }
}
