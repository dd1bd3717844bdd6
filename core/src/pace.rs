//! Guests that burn CPU time take turns: no more of them run at a time than there are cores.
//!
//! The system shares the cores among all threads that want one. The more burn, the longer each waits for its share, and
//! longest a thread that has just been made, which is what a caller gets while all others are in use. So the watchdog, which
//! sees who burns, closes the gates of those whose slice of time is over; their threads wait at the next safe place, where
//! nothing is locked but what the guest itself uses. Each gate opens again after as many slices as others want one, whatever
//! those do meanwhile, so nobody waits for ever.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use crate::cpu::ThreadClock;
use crate::lanes::Lane;

/// CPU time after which a guest that hasn't waited for anything burns.
pub(crate) const BURNS: Duration = Duration::from_millis(4);

/// How long one runs while others wait.
const SLICE: Duration = Duration::from_millis(10);

/// A thread that has used no CPU time for that long waits, for a core or in code of the host: another one runs meanwhile. Shorter
/// than a slice, or it would be given one after the other.
const STILL: Duration = Duration::from_millis(8);

/// One that hasn't for that long doesn't wait for a core.
const WAITS: Duration = Duration::from_millis(50);

thread_local! {
    static GATE: Arc<Gate> = Arc::new(Gate::new());
}

/// Where a thread waits whose guest burns.
pub(crate) struct Gate {
    thread: Thread,
    clock: ThreadClock,
    closed: AtomicBool,
    /// That of the task which the thread polls, if it is the runtime's.
    lane: AtomicUsize,
}

impl Gate {
    fn new() -> Gate {
        Gate {
            thread: thread::current(),
            clock: ThreadClock::current(),
            closed: AtomicBool::new(false),
            lane: AtomicUsize::new(0),
        }
    }

    /// That of the calling thread.
    pub fn current() -> Arc<Gate> {
        GATE.with(Clone::clone)
    }

    /// The clock of its thread.
    pub fn clock(&self) -> ThreadClock {
        self.clock
    }

    /// Whether its thread waits, or will at the next safe place.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    fn open(&self) {
        if self.closed.swap(false, Ordering::Release) {
            self.thread.unpark();
        }
    }
}

/// Waits while the gate of the calling thread is closed: called where a guest that burns looks whether it has to end.
pub(crate) fn pass() {
    // A thread that ends runs no guest.
    let _ = GATE.try_with(|gate| {
        while gate.is_closed() {
            thread::park();
        }
    });
}

/// Notes in which lane the task queued that the calling thread polls from now on.
pub(crate) fn enter(lane: Lane) {
    let _ = GATE.try_with(|gate| gate.lane.store(lane.number(), Ordering::Relaxed));
}

/// Who may run of those that burn.
pub(crate) struct Pacer {
    cores: usize,
    burners: Vec<Burner>,
}

/// A thread whose guest burns.
struct Burner {
    gate: Arc<Gate>,
    /// Its CPU time when that last grew, and when that was.
    cpu: Option<Duration>,
    moved: Instant,
    /// When its gate last opened or closed, or it began to burn.
    since: Instant,
}

impl Burner {
    /// How long it has used no CPU time.
    fn still(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.moved)
    }

    fn has_had_its_slice(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) >= SLICE
    }

    fn let_go(&mut self, now: Instant) {
        (self.since, self.moved) = (now, now);
        self.gate.open();
    }

    fn hold_back(&mut self, now: Instant) {
        self.since = now;
        self.gate.close();
    }
}

impl Pacer {
    /// Lets that many run at a time.
    pub fn new(cores: usize) -> Pacer {
        Pacer { cores, burners: Vec::new() }
    }

    /// Opens and closes the gates of the threads on which guests burn, those and no others, as is right at that time.
    pub fn look(&mut self, mut burning: Vec<Arc<Gate>>, now: Instant) {
        // A guest may have called the host, and that another guest.
        burning.sort_by_key(Arc::as_ptr);
        burning.dedup_by_key(|gate| Arc::as_ptr(gate));
        let place =
            |gate: &Arc<Gate>| burning.binary_search_by_key(&Arc::as_ptr(gate), Arc::as_ptr);
        let mut is_known = vec![false; burning.len()];
        self.burners.retain(|burner| match place(&burner.gate) {
            Ok(at) => {
                is_known[at] = true;
                true
            }
            Err(_) => {
                burner.gate.open();
                false
            }
        });
        let new = burning.into_iter().zip(is_known).filter(|(_, is_known)| !is_known);
        self.burners.extend(new.map(|(gate, _)| Burner {
            gate,
            cpu: None,
            moved: now,
            since: now,
        }));
        for burner in &mut self.burners {
            let cpu = burner.gate.clock.read();
            // Where the system tells no CPU time, whoever waits is taken for one that runs.
            if cpu.is_none() || cpu != burner.cpu {
                (burner.cpu, burner.moved) = (cpu, now);
            }
        }
        self.share(now);
    }

    fn share(&mut self, now: Instant) {
        // Who has run or waited longest comes first.
        self.burners.sort_by_key(|burner| burner.since);
        let (mut running, mut waiting): (Vec<_>, Vec<_>) = (Vec::new(), Vec::new());
        for burner in &mut self.burners {
            if burner.gate.is_closed() {
                waiting.push(burner);
            } else if burner.still(now) < STILL {
                running.push(burner);
            }
        }
        let too_many = running.len().saturating_sub(self.cores);
        running.drain(..too_many).for_each(|burner| burner.hold_back(now));
        let room = self.cores - running.len();
        let over = running.iter_mut().filter(|burner| burner.has_had_its_slice(now));
        let mut waiting = waiting.into_iter();
        waiting.by_ref().take(room).for_each(|burner| burner.let_go(now));
        for (next, over) in waiting.zip(over) {
            over.hold_back(now);
            next.let_go(now);
        }
    }

    /// Whether nobody has burnt when it looked last.
    pub fn is_idle(&self) -> bool {
        self.burners.is_empty()
    }

    /// Whether anybody is held back.
    pub fn holds_back(&self) -> bool {
        self.burners.iter().any(|burner| burner.gate.is_closed())
    }

    /// How many threads burn for tasks of guests' lanes. One that waits for something else than a core isn't among them: it may
    /// wait for a task of the same lane.
    pub fn lanes(&self, now: Instant) -> HashMap<Lane, usize> {
        let mut lanes = HashMap::new();
        let burns = |burner: &&Burner| burner.gate.is_closed() || burner.still(now) < WAITS;
        for burner in self.burners.iter().filter(burns) {
            let lane = Lane::numbered(burner.gate.lane.load(Ordering::Relaxed));
            *lanes.entry(lane).or_default() += 1;
        }
        lanes.remove(&Lane::default());
        lanes
    }
}

/// Nobody waits any more.
impl Drop for Pacer {
    fn drop(&mut self) {
        self.burners.iter().for_each(|burner| burner.gate.open());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const LOOK: Duration = Duration::from_millis(2);

    /// Gates of this thread, whose CPU time grows.
    fn gates(count: usize) -> Vec<Arc<Gate>> {
        (0..count).map(|_| Arc::new(Gate::new())).collect()
    }

    fn open(gates: &[Arc<Gate>]) -> usize {
        gates.iter().filter(|gate| !gate.is_closed()).count()
    }

    #[test]
    fn as_many_run_as_there_are_cores_and_all_of_them_in_turns() {
        let gates = gates(5);
        let (mut pacer, mut now) = (Pacer::new(2), Instant::now());
        let mut looks = [0; 5];
        for _ in 0..500 {
            pacer.look(gates.clone(), now);
            assert_eq!(open(&gates), 2);
            for (looks, gate) in looks.iter_mut().zip(&gates) {
                *looks += usize::from(!gate.is_closed());
            }
            now += LOOK;
        }
        assert!(looks.iter().all(|looks| (190..=210).contains(looks)), "{looks:?}");
        assert!(pacer.holds_back());
        pacer.look(gates[..2].to_vec(), now);
        assert_eq!((open(&gates), pacer.holds_back()), (5, false), "the others have ended");
    }

    #[test]
    fn nobody_is_held_back_where_there_are_cores_for_all_and_once_nobody_looks() {
        let gates = gates(3);
        let (mut pacer, now) = (Pacer::new(2), Instant::now());
        pacer.look(gates[..2].to_vec(), now);
        assert_eq!(open(&gates), 3);
        pacer.look([&gates[..], &gates[..]].concat(), now + LOOK);
        assert_eq!(open(&gates), 2);
        drop(pacer);
        assert_eq!(open(&gates), 3);
    }

    #[test]
    fn a_thread_that_waits_for_something_else_leaves_its_core_to_another() {
        let (give, take) = mpsc::channel();
        let (end, ended) = mpsc::channel::<()>();
        let still = thread::spawn(move || {
            give.send(Arc::new(Gate::new())).unwrap();
            ended.recv().unwrap_err();
        });
        let mut gates = gates(1);
        gates.insert(0, take.recv().unwrap());
        gates[0].lane.store(7, Ordering::Relaxed);
        let (mut pacer, mut now) = (Pacer::new(1), Instant::now());
        pacer.look(gates[..1].to_vec(), now);
        assert_eq!(pacer.lanes(now), HashMap::from([(Lane::numbered(7), 1)]));
        // It has begun to wait, or will soon. This thread takes its place at the end of its slice, and shares with nobody.
        let mut looks = || {
            for _ in 0..40 {
                now += LOOK;
                pacer.look(gates.clone(), now);
            }
            // It may wait for a task of its lane.
            (open(&gates), pacer.lanes(now)) == (2, HashMap::new())
        };
        assert!((0..1_000).any(|_| {
            thread::sleep(Duration::from_millis(1));
            looks()
        }));
        drop(end);
        still.join().unwrap();
    }

    #[test]
    fn a_thread_passes_its_gate_once_that_is_open() {
        let (give, take) = mpsc::channel();
        let (begin, begun) = mpsc::channel::<()>();
        let thread = thread::spawn(move || {
            give.send(Gate::current()).unwrap();
            begun.recv().unwrap();
            pass();
        });
        let gate = take.recv().unwrap();
        gate.close();
        begin.send(()).unwrap();
        thread::sleep(Duration::from_millis(5));
        assert!(!thread.is_finished());
        gate.open();
        thread.join().unwrap();
    }
}
