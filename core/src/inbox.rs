//! What threads have for an event loop, which is woken once for many messages, and not at all while it looks itself.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::habit::{Habit, spin};

/// How long a loop looks for messages at a time: whoever else comes to the loop waits that long.
const LOOK: Duration = Duration::from_micros(30);

/// How soon answers come that a loop looks for, in as many looks as that takes: what a wake-up costs both sides, and
/// more than most calls take.
const PATIENCE: Duration = Duration::from_micros(100);

/// How many calls in a row look for their answers at once: whoever comes to the loop waits that long.
const IN_A_ROW: u8 = 8;

/// How many messages a loop takes at a time, and of how many bytes altogether: its timers, its sockets and whatever else
/// comes to it wait for what these do.
const PORTION: usize = 32;
const PORTION_BYTES: usize = 256 << 10;

/// What a loop takes at a time of its messages, in their order.
#[derive(Debug)]
pub struct Portion<T> {
    /// Some messages; none if there are none.
    pub messages: VecDeque<T>,
    /// Whether there are more. Nobody wakes the loop for those: it comes for them once others have had it.
    pub more: bool,
}

/// What an event loop has to do that has called somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attention {
    /// Nothing: it is woken for the answer.
    Woken,
    /// To [look](Inbox::look) before it sleeps.
    BeforeSleep,
    /// To look as soon as none of its code runs.
    AtOnce,
}

/// The messages for one event loop, from any thread; how bindings reach their loops.
///
/// A loop that has just called somebody [attends](Inbox::attend) to it: it looks for the answer itself before it
/// sleeps, and nobody has to wake it. That is offered only while answers come soon enough.
pub struct Inbox<T> {
    state: Mutex<State<T>>,
    /// Whether there are messages, for a loop that looks without the lock.
    filled: AtomicBool,
    wake: Box<dyn Fn() + Send + Sync>,
    /// How many bytes of a message the loop has to read.
    size: fn(&T) -> usize,
    /// Whoever looks keeps everybody else from it.
    one_core: bool,
}

struct State<T> {
    messages: VecDeque<T>,
    /// Whether the loop will come without being woken: it was already, or looks itself.
    attended: bool,
    /// Whether that is because the loop is about to say so.
    expected: bool,
    closed: bool,
    /// When the loop last called somebody whose answer hasn't come.
    called: Option<Instant>,
    /// How soon answers come.
    answers: Habit,
    /// How many calls may look at once before the loop comes round.
    granted: u8,
}

impl<T> Inbox<T> {
    /// Makes one. `size` says how many bytes of a message the loop has to read. `wake` has the loop call [`Inbox::take`]
    /// soon; it is called on any thread and must not block.
    pub fn new(size: fn(&T) -> usize, wake: impl Fn() + Send + Sync + 'static) -> Inbox<T> {
        let state = State {
            messages: VecDeque::new(),
            attended: false,
            expected: false,
            closed: false,
            called: None,
            answers: Habit::default(),
            granted: 0,
        };
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Inbox {
            state: Mutex::new(state),
            filled: AtomicBool::new(false),
            wake: Box::new(wake),
            size,
            one_core: cores == 1,
        }
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
        state.messages.push_back(message);
        self.filled.store(true, Ordering::Release);
        if let Some(called) = state.called.take() {
            state.answers.came(called.elapsed() < PATIENCE);
        }
        let wake = !std::mem::replace(&mut state.attended, true);
        drop(state);
        if wake {
            (self.wake)();
        }
        Ok(())
    }

    /// Says, on the loop, that messages may come from this thread at once, for which it needs no waking: it
    /// [attends](Inbox::attend) right after that.
    pub fn expect(&self) {
        let mut state = self.state.lock();
        if !state.attended && !state.closed {
            state.attended = true;
            state.expected = true;
        }
    }

    /// Says, on the loop, that it has called somebody, and answers what it has to do. `alone`: it waits for nothing
    /// else, and the answer may be taken before it comes round.
    pub fn attend(&self, alone: bool) -> Attention {
        let mut state = self.state.lock();
        if state.called.is_none() {
            state.called = Some(Instant::now());
        }
        let expected = std::mem::take(&mut state.expected);
        let others = self.one_core || state.attended || !state.answers.are_soon();
        if state.closed || (others && !expected) {
            return Attention::Woken;
        }
        state.attended = true;
        if !alone || state.granted == 0 {
            return Attention::BeforeSleep;
        }
        state.granted -= 1;
        Attention::AtOnce
    }

    /// Whether the loop, which has looked in vain, has to look once more before it sleeps, because what it has called
    /// usually answers by then.
    pub fn look_again(&self) -> bool {
        let mut state = self.state.lock();
        let waits = state.called.is_some_and(|called| called.elapsed() < PATIENCE);
        if !waits || state.attended || state.closed || !state.answers.are_soon() {
            return false;
        }
        state.attended = true;
        true
    }

    /// Says that the loop comes round, and whether it waits for one call at most.
    pub fn come_round(&self, alone: bool) {
        self.state.lock().granted = if alone { IN_A_ROW } else { 0 };
    }

    /// Messages that are there, or that come within the next 30 microseconds.
    pub fn look(&self) -> Portion<T> {
        let crowded = spin(LOOK, |_| self.filled.load(Ordering::Acquire));
        let mut state = self.state.lock();
        if crowded {
            state.answers.put_off();
        }
        self.portion(&mut state)
    }

    /// Messages that are there.
    pub fn take(&self) -> Portion<T> {
        self.portion(&mut self.state.lock())
    }

    /// Puts messages back in front of those that have come since. Answers whether the loop has to come for them itself:
    /// unless it was woken since, or has to come anyway.
    pub fn put_back(&self, messages: VecDeque<T>) -> bool {
        let mut state = self.state.lock();
        messages.into_iter().rev().for_each(|message| state.messages.push_front(message));
        self.filled.store(true, Ordering::Release);
        !std::mem::replace(&mut state.attended, true)
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

    fn portion(&self, state: &mut State<T>) -> Portion<T> {
        let mut bytes = 0;
        let mut fits = |message: &T| {
            bytes += (self.size)(message);
            bytes <= PORTION_BYTES
        };
        let count = state.messages.iter().take(PORTION).take_while(|it| fits(it)).count().max(1);
        let more = state.messages.len() > count;
        let messages = if more {
            state.messages.drain(..count).collect()
        } else {
            std::mem::take(&mut state.messages)
        };
        state.attended = more;
        self.filled.store(more, Ordering::Relaxed);
        Portion { messages, more }
    }

    /// Takes no further messages; answers those that are left.
    pub fn close(&self) -> VecDeque<T> {
        let mut state = self.state.lock();
        state.closed = true;
        state.attended = false;
        self.filled.store(false, Ordering::Relaxed);
        std::mem::take(&mut state.messages)
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
        let mut inbox = Inbox::new(
            |message| usize::from(*message) << 10,
            move || {
                count.fetch_add(1, Ordering::Relaxed);
            },
        );
        inbox.one_core = false;
        for _ in 0..2 {
            inbox.state.lock().answers.came(true);
        }
        (wakes, inbox)
    }

    fn looks(inbox: &Inbox<u8>) -> bool {
        inbox.attend(false) == Attention::BeforeSleep
    }

    #[test]
    fn a_loop_is_woken_once_for_many_messages() {
        let (wakes, inbox) = counted();
        (0..3).for_each(|message| inbox.post(message).unwrap());
        assert_eq!(
            (inbox.take().messages, wakes.load(Ordering::Relaxed)),
            (vec![0, 1, 2].into(), 1)
        );
        inbox.post(3).unwrap();
        assert_eq!((inbox.take().messages, wakes.load(Ordering::Relaxed)), (vec![3].into(), 2));
        assert!(inbox.take().messages.is_empty());
    }

    #[test]
    fn a_loop_that_expects_messages_of_its_own_is_not_woken_and_looks_however_late_answers_come() {
        let (wakes, inbox) = counted();
        inbox.state.lock().answers = Habit::default();
        inbox.expect();
        inbox.post(1).unwrap();
        assert!(looks(&inbox));
        assert_eq!((inbox.look().messages, wakes.load(Ordering::Relaxed)), (vec![1].into(), 0));
        inbox.post(2).unwrap();
        inbox.expect();
        assert!(!looks(&inbox), "it is on its way");
        assert_eq!((inbox.take().messages, wakes.load(Ordering::Relaxed)), (vec![2].into(), 1));
    }

    #[test]
    fn a_loop_that_looks_itself_is_not_woken_until_it_has_looked() {
        let (wakes, inbox) = counted();
        assert!(looks(&inbox));
        inbox.post(1).unwrap();
        assert_eq!((inbox.look().messages, wakes.load(Ordering::Relaxed)), (vec![1].into(), 0));
        inbox.post(2).unwrap();
        assert_eq!(wakes.load(Ordering::Relaxed), 1);
        assert!(!looks(&inbox), "it is on its way");
    }

    #[test]
    fn a_loop_that_does_not_come_is_woken_for_what_is_there() {
        let (wakes, inbox) = counted();
        assert!(looks(&inbox));
        inbox.forgo();
        assert_eq!(wakes.load(Ordering::Relaxed), 0);
        assert!(looks(&inbox));
        inbox.post(1).unwrap();
        inbox.forgo();
        assert_eq!((inbox.take().messages, wakes.load(Ordering::Relaxed)), (vec![1].into(), 1));
    }

    #[test]
    fn a_loop_looks_while_answers_come_soon() {
        let (_, inbox) = counted();
        inbox.state.lock().answers = Habit::default();
        let hour = Duration::from_secs(3600);
        let looks_after = |called: Option<Instant>| {
            let looked = looks(&inbox);
            inbox.state.lock().called = called;
            inbox.post(0).unwrap();
            inbox.take();
            looked
        };
        // Whoever was called in the future answers soon however slow this machine is.
        let (soon, late) = (Instant::now().checked_add(hour), Instant::now().checked_sub(hour));
        assert_eq!([soon, soon, late].map(looks_after), [false, false, true]);
        assert_eq!(
            [soon, None, late, late, soon].map(looks_after),
            [false, true, true, false, false]
        );
    }

    #[test]
    fn a_loop_looks_again_while_who_was_called_may_answer_soon() {
        let (wakes, inbox) = counted();
        let hour = Duration::from_secs(3600);
        assert!(looks(&inbox));
        // Whoever was called in the future answers soon however slow this machine is.
        inbox.state.lock().called = Instant::now().checked_add(hour);
        assert!(inbox.look().messages.is_empty());
        assert!(inbox.look_again());
        inbox.post(1).unwrap();
        assert_eq!((inbox.look().messages, wakes.load(Ordering::Relaxed)), (vec![1].into(), 0));
        assert!(!inbox.look_again(), "nobody is called");
        assert!(looks(&inbox));
        inbox.state.lock().called = Instant::now().checked_sub(hour);
        assert!(inbox.look().messages.is_empty());
        assert!(!inbox.look_again());
        inbox.post(2).unwrap();
        assert_eq!((inbox.take().messages, wakes.load(Ordering::Relaxed)), (vec![2].into(), 1));
    }

    #[test]
    fn what_is_put_back_comes_first_and_wakes_nobody() {
        let (wakes, inbox) = counted();
        inbox.post(1).unwrap();
        let taken = inbox.take().messages;
        assert!(inbox.put_back(taken), "nobody else has the loop come");
        let taken = inbox.take().messages;
        inbox.post(2).unwrap();
        assert!(!inbox.put_back(taken), "it is woken");
        inbox.post(3).unwrap();
        assert_eq!(
            (inbox.take().messages, wakes.load(Ordering::Relaxed)),
            (vec![1, 2, 3].into(), 2)
        );
    }

    #[test]
    fn a_loop_takes_so_many_messages_and_bytes_at_a_time_and_comes_for_the_rest_unwoken() {
        let (wakes, inbox) = counted();
        let (small, large) = ([0; PORTION + 1], [200, 200, 255, 1]);
        let sent: Vec<u8> = small.into_iter().chain(large).collect();
        sent.iter().for_each(|message| inbox.post(*message).unwrap());
        assert!(!looks(&inbox), "it is on its way");
        let portions: Vec<_> = std::iter::repeat_with(|| inbox.take())
            .take_while(|portion| !portion.messages.is_empty())
            .collect();
        let more: Vec<_> = portions.iter().map(|it| (it.messages.len(), it.more)).collect();
        assert_eq!(more, [(PORTION, true), (2, true), (1, true), (2, false)]);
        let taken: Vec<_> = portions.into_iter().flat_map(|portion| portion.messages).collect();
        assert_eq!((taken, wakes.load(Ordering::Relaxed)), (sent, 1));
    }

    #[test]
    fn so_many_calls_in_a_row_look_at_once_that_nobody_waits_beside() {
        let (_, inbox) = counted();
        let attend = |alone| {
            let attention = inbox.attend(alone);
            inbox.forgo();
            attention
        };
        assert_eq!(attend(true), Attention::BeforeSleep);
        inbox.come_round(true);
        assert_eq!(attend(false), Attention::BeforeSleep);
        let at_once = std::iter::repeat_with(|| attend(true));
        assert_eq!(
            at_once.take_while(|it| *it == Attention::AtOnce).count(),
            usize::from(IN_A_ROW)
        );
        inbox.come_round(true);
        assert_eq!(attend(true), Attention::AtOnce);
        inbox.come_round(false);
        assert_eq!(attend(true), Attention::BeforeSleep);
    }

    #[test]
    fn a_closed_inbox_gives_messages_back() {
        let (wakes, inbox) = counted();
        inbox.post(1).unwrap();
        assert_eq!(inbox.close(), [1]);
        assert_eq!((inbox.post(2), wakes.load(Ordering::Relaxed)), (Err(2), 1));
        assert!(!looks(&inbox));
    }
}
