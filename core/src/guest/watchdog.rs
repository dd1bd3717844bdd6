//! The thread that stops guests which have used up their time.
//!
//! A guest that runs pays two readings of the clock and two uncontended locks; the watchdog does the
//! rest from its own thread. It looks at every thread that runs a guest every few milliseconds, reads
//! that thread's CPU clock, and tells the guest's engine to stop, or to wait for its turn where more
//! guests burn than there are cores ([`crate::pace`]). While no guest runs it is parked.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::crowd;
use crate::pace::{BURNS, Gate, Pacer};
use crate::tasks::Tasks;

/// Time between two looks while guests run.
const INTERVAL: Duration = Duration::from_millis(2);
/// CPU time after which a guest that was stopped and goes on is insisted on.
const PATIENCE: Duration = Duration::from_millis(10);
/// Looks without any guest running before the thread is parked.
const IDLE_LOOKS: u32 = 50;

/// Why a guest is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Stop {
    Cpu = 1,
    Wall = 2,
    Memory = 3,
    /// Its actor was aborted, reset or closed.
    Killed = 4,
    /// Its database is full.
    Storage = 5,
}

impl Stop {
    /// What the word of a guard says: its reason, or 0 while the guest may go on.
    pub fn of(word: u8) -> Option<Stop> {
        let all = [Stop::Cpu, Stop::Wall, Stop::Memory, Stop::Killed, Stop::Storage];
        all.into_iter().find(|why| *why as u8 == word)
    }
}

/// What stops a running guest, from any thread.
pub(crate) trait Interrupt: Send + Sync {
    /// Makes the guest end soon, without a way to catch it. The first reason counts.
    fn interrupt(&self, why: Stop);

    /// What the guest was stopped for, if it is neither its memory nor its CPU time.
    fn refused(&self) -> Option<String> {
        None
    }

    /// The stack of the guest where it was stopped, if that is known; given once.
    fn place(&self) -> Option<String> {
        None
    }

    /// Makes a guest end that was interrupted and still runs.
    fn insist(&self) {}

    /// Whether the guest has to end, whoever has interrupted it.
    fn has_to_end(&self) -> bool;

    /// Makes the guest come soon to where it looks whether it has to end, and passes the gate of its thread.
    fn call_in(&self) {}

    /// Makes the guest look soon whether too many of its names have one hash.
    fn look_at_names(&self) {}
}

/// The watchdog of one runtime. Its thread starts with the first guest.
#[derive(Default)]
pub(crate) struct Watchdog(Arc<Inner>);

#[derive(Default)]
struct Inner {
    slots: Mutex<Vec<Weak<Slot>>>,
    parked: AtomicBool,
    stopped: AtomicBool,
    /// How often the thread has looked.
    looks: AtomicU32,
    /// Whether guests that burn wait for others to end.
    crowded: AtomicBool,
    /// Told on how many threads those of each lane burn.
    tasks: Weak<Tasks>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What one thread runs for one runtime.
struct Slot {
    gate: Arc<Gate>,
    state: Mutex<State>,
}

struct State {
    /// The latest reading of the thread's clock.
    known: Duration,
    /// How often the watchdog had looked when the latest run began.
    looks: u32,
    run: Option<Run>,
}

struct Run {
    target: Arc<dyn Interrupt>,
    start: Instant,
    budget: Duration,
    deadline: Instant,
    /// CPU time used by this run, and the thread's, when the watchdog first saw it.
    seen: Option<(Duration, Duration)>,
    /// The CPU time that it had used when it was last told to look at its names.
    looked: Duration,
    /// The CPU time that it had used when it was stopped.
    stopped: Option<Duration>,
}

impl Run {
    fn new(target: Arc<dyn Interrupt>, start: Instant, budget: Duration, deadline: Instant) -> Run {
        let looked = Duration::ZERO;
        Run { target, start, budget, deadline, seen: None, looked, stopped: None }
    }
}

/// A slot of a thread, and whose it is.
type Entry = (Weak<Inner>, Arc<Slot>);

thread_local! {
    /// Those of this thread in which nothing runs.
    static SLOTS: RefCell<Vec<Entry>> = const { RefCell::new(Vec::new()) };
}

impl Watchdog {
    /// A watchdog of guests that run on any thread, those which poll `tasks` among them.
    pub fn new(tasks: Weak<Tasks>) -> Watchdog {
        Watchdog(Arc::new(Inner { tasks, ..Inner::default() }))
    }

    /// Runs `code`, which runs the guest behind `target` on this thread from `start`, which is now, on. Answers its
    /// result, the CPU time that it used, and the time at its end. `target` is interrupted when the CPU time reaches
    /// `budget` or at `deadline`.
    pub fn watch<T>(
        &self,
        target: Arc<dyn Interrupt>,
        start: Instant,
        budget: Duration,
        deadline: Instant,
        code: impl FnOnce() -> T,
    ) -> (T, Duration, Instant) {
        let run = Run::new(target, start, budget, deadline);
        let looks = self.0.looks.load(Ordering::Relaxed);
        let running = Running::begin(self.take_slot(), run, looks);
        // Either the watchdog, which parks before it looks into the slot, sees this run, or we see it parked.
        if self.0.parked.load(Ordering::Relaxed) {
            self.wake();
        }
        let result = code();
        let end = Instant::now();
        let used = running.end(end);
        if used >= BURNS && self.0.crowded.load(Ordering::Relaxed) {
            self.wake();
        }
        (result, used, end)
    }

    /// A slot of this thread, entered with the watchdog at the first use.
    fn take_slot(&self) -> Entry {
        SLOTS.with_borrow_mut(|slots| {
            let ours = |(inner, _): &Entry| std::ptr::eq(inner.as_ptr(), Arc::as_ptr(&self.0));
            if let Some(at) = slots.iter().position(ours) {
                return slots.swap_remove(at);
            }
            slots.retain(|(inner, _)| inner.strong_count() > 0);
            let slot = Arc::new(Slot::current());
            self.0.slots.lock().push(Arc::downgrade(&slot));
            self.start();
            (Arc::downgrade(&self.0), slot)
        })
    }

    fn start(&self) {
        let mut thread = self.0.thread.lock();
        if thread.is_none() && !self.0.stopped.load(Ordering::Acquire) {
            let inner = self.0.clone();
            let builder = std::thread::Builder::new().name("facetbox-watchdog".into());
            *thread = builder.spawn(move || inner.look()).ok();
        }
    }

    fn wake(&self) {
        if let Some(thread) = &*self.0.thread.lock() {
            thread.thread().unpark();
        }
    }

    /// Stops and joins the thread.
    pub fn stop(&self) {
        self.0.stopped.store(true, Ordering::Release);
        self.wake();
        let thread = self.0.thread.lock().take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

impl Inner {
    fn look(&self) {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let (mut pacer, mut idle) = (Pacer::new(cores), 0);
        while !self.stopped.load(Ordering::Acquire) {
            self.looks.fetch_add(1, Ordering::Relaxed);
            idle = if self.check_all(&mut pacer) { 0 } else { idle + 1 };
            if idle < IDLE_LOOKS {
                std::thread::park_timeout(INTERVAL);
            } else {
                self.park(&mut pacer);
                idle = 0;
            }
        }
    }

    fn park(&self, pacer: &mut Pacer) {
        self.parked.store(true, Ordering::Relaxed);
        if !self.check_all(pacer) && !self.stopped.load(Ordering::Acquire) {
            std::thread::park();
        }
        self.parked.store(false, Ordering::Relaxed);
    }

    /// Stops what is over its time, and has those that burn take turns; answers whether any guest runs.
    fn check_all(&self, pacer: &mut Pacer) -> bool {
        let (mut running, mut burning) = (false, Vec::new());
        self.slots.lock().retain(|slot| {
            let Some(slot) = slot.upgrade() else { return false };
            let seen = slot.check();
            running |= !matches!(seen, Seen::Nothing);
            if let Seen::Burning(target) = seen {
                burning.push((slot.gate.clone(), target));
            }
            true
        });
        if !burning.is_empty() || !pacer.is_idle() {
            let now = Instant::now();
            pacer.look(burning.iter().map(|(gate, _)| gate.clone()).collect(), now);
            let held_back = burning.iter().filter(|(gate, _)| gate.is_closed());
            held_back.for_each(|(_, target)| target.call_in());
            self.crowded.store(pacer.holds_back(), Ordering::Relaxed);
            if let Some(tasks) = self.tasks.upgrade() {
                tasks.note_burning(&pacer.lanes(now));
            }
        }
        running
    }
}

/// What a look at a slot has shown.
enum Seen {
    Nothing,
    /// A guest that behaves, or has to end.
    Running,
    /// One that has used its core for a while.
    Burning(Arc<dyn Interrupt>),
}

impl Slot {
    /// The slot of the calling thread.
    fn current() -> Slot {
        let gate = Gate::current();
        let known = gate.clock().read().unwrap_or_default();
        Slot { gate, state: Mutex::new(State { known, looks: 0, run: None }) }
    }

    fn read(&self, known: &mut Duration) -> Option<Duration> {
        *known = self.gate.clock().read()?;
        Some(*known)
    }

    /// Begins a run. What its thread has used since the latest reading isn't the run's: if the watchdog has looked
    /// meanwhile, that may be much, and there is a new one.
    fn begin(&self, run: Run, looks: u32) {
        let state = &mut *self.state.lock();
        if state.looks != looks {
            state.looks = looks;
            self.read(&mut state.known);
        }
        state.run = Some(run);
    }

    /// CPU time that a run has used so far, and the thread's. A run that the watchdog hasn't seen yet is charged what
    /// its thread has used since the latest reading, but no more than wall time: that spares short runs any reading,
    /// and charges, of what the thread has used before, that between two looks of the watchdog at most.
    fn used(&self, known: &mut Duration, run: &Run, now: Instant) -> (Duration, Option<Duration>) {
        let wall = now.saturating_duration_since(run.start);
        if run.seen.is_none() && wall < INTERVAL {
            return (wall, None);
        }
        let before = *known;
        let cpu = self.read(known);
        let used = match (run.seen, cpu) {
            (Some((used, then)), Some(cpu)) => used + cpu.saturating_sub(then),
            (None, Some(cpu)) => cpu.saturating_sub(before),
            (_, None) => wall,
        };
        (used.min(wall), cpu)
    }

    fn check(&self) -> Seen {
        let State { known, run, .. } = &mut *self.state.lock();
        let Some(run) = run else { return Seen::Nothing };
        let now = Instant::now();
        let (used, cpu) = self.used(known, run, now);
        if let Some(then) = run.stopped {
            if used >= then + PATIENCE {
                run.target.insist();
            }
            return Seen::Running;
        }
        let why = if used >= run.budget {
            Stop::Cpu
        } else if now >= run.deadline {
            Stop::Wall
        } else {
            if run.seen.is_none() {
                run.seen = cpu.or_else(|| self.read(known)).map(|cpu| (used, cpu));
            }
            if used >= run.looked + crowd::EVERY {
                run.looked = used;
                run.target.look_at_names();
            }
            let burns = used >= BURNS && !run.target.has_to_end();
            return if burns { Seen::Burning(run.target.clone()) } else { Seen::Running };
        };
        run.stopped = Some(used);
        run.target.interrupt(why);
        Seen::Running
    }
}

/// A run that is going on; ends with the scope even if the code panics.
struct Running(Option<Entry>);

impl Running {
    fn begin(entry: Entry, run: Run, looks: u32) -> Running {
        entry.1.begin(run, looks);
        Running(Some(entry))
    }

    /// Ends it, and answers the CPU time that it has used by now.
    fn end(mut self, now: Instant) -> Duration {
        self.stop(|slot, known, run| slot.used(known, &run, now).0).unwrap_or_default()
    }

    fn stop<T>(&mut self, last: impl FnOnce(&Slot, &mut Duration, Run) -> T) -> Option<T> {
        let entry = self.0.take()?;
        let ended = {
            let State { known, run, .. } = &mut *entry.1.state.lock();
            run.take().map(|run| last(&entry.1, known, run))
        };
        SLOTS.with_borrow_mut(|slots| slots.push(entry));
        ended
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop(|_, _, _| ());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Target(Mutex<Option<Stop>>);

    impl Interrupt for Target {
        fn interrupt(&self, why: Stop) {
            self.0.lock().get_or_insert(why);
        }

        fn has_to_end(&self) -> bool {
            self.0.lock().is_some()
        }
    }

    fn spin_until_stopped(target: &Target) {
        let start = Instant::now();
        while target.0.lock().is_none() && start.elapsed() < Duration::from_secs(20) {
            std::hint::black_box(0);
        }
    }

    #[test]
    fn a_busy_guest_is_stopped_at_its_budget() {
        let watchdog = Watchdog::default();
        let target = Arc::new(Target::default());
        let budget = Duration::from_millis(30);
        let deadline = Instant::now() + Duration::from_secs(60);
        let (now, spin) = (Instant::now(), || spin_until_stopped(&target));
        let ((), used, _) = watchdog.watch(target.clone(), now, budget, deadline, spin);
        assert_eq!(*target.0.lock(), Some(Stop::Cpu));
        assert!(used >= budget, "{used:?}");
        watchdog.stop();
    }

    #[test]
    fn a_guest_that_goes_on_is_insisted_on() {
        #[derive(Default)]
        struct Stubborn(AtomicBool);
        impl Interrupt for Stubborn {
            fn interrupt(&self, _: Stop) {}
            fn has_to_end(&self) -> bool {
                false
            }
            fn insist(&self) {
                self.0.store(true, Ordering::Release);
            }
        }
        let watchdog = Watchdog::default();
        let target = Arc::new(Stubborn::default());
        let (budget, start) = (Duration::from_millis(5), Instant::now());
        let spin = || {
            while !target.0.load(Ordering::Acquire) && start.elapsed() < Duration::from_secs(20) {
                std::hint::spin_loop();
            }
        };
        let deadline = start + Duration::from_secs(60);
        let ((), used, _) = watchdog.watch(target.clone(), start, budget, deadline, spin);
        assert!(target.0.load(Ordering::Acquire) && used >= budget + PATIENCE, "{used:?}");
        watchdog.stop();
    }

    #[test]
    fn a_watchdog_that_comes_late_does_not_take_waiting_for_work() {
        let slot = Slot::current();
        let start = Instant::now();
        let (budget, deadline) = (Duration::from_millis(20), start + Duration::from_secs(60));
        let target = Arc::new(Target::default());
        let run = Run::new(target.clone(), start, budget, deadline);
        slot.begin(run, 0);
        std::thread::sleep(Duration::from_millis(50));
        assert!(matches!(slot.check(), Seen::Running | Seen::Burning(_)));
        assert_eq!(*target.0.lock(), None);
        while start.elapsed() < Duration::from_secs(20) && target.0.lock().is_none() {
            assert!(matches!(slot.check(), Seen::Running | Seen::Burning(_)));
        }
        assert_eq!(*target.0.lock(), Some(Stop::Cpu));
    }

    #[test]
    fn a_watchdog_that_comes_late_does_not_take_the_hosts_work_for_the_guests() {
        let slot = Arc::new(Slot::current());
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(50) {
            std::hint::black_box(0);
        }
        let start = Instant::now();
        let (budget, deadline) = (Duration::from_millis(20), start + Duration::from_secs(60));
        let target = Arc::new(Target::default());
        let run = Run::new(target, start, budget, deadline);
        let running = Running::begin((Weak::new(), slot.clone()), run, 1);
        std::thread::sleep(Duration::from_millis(50));
        let used = running.end(Instant::now());
        assert!(used < Duration::from_millis(10), "{used:?}");
    }

    #[test]
    fn waiting_costs_no_cpu_but_has_a_deadline() {
        let watchdog = Watchdog::default();
        let target = Arc::new(Target::default());
        let deadline = Instant::now() + Duration::from_millis(40);
        let wait = || {
            while target.0.lock().is_none() {
                std::thread::park_timeout(Duration::from_millis(1));
            }
        };
        let (now, budget) = (Instant::now(), Duration::from_secs(9));
        let ((), used, _) = watchdog.watch(target.clone(), now, budget, deadline, wait);
        assert_eq!(*target.0.lock(), Some(Stop::Wall));
        assert!(used < Duration::from_millis(30), "{used:?}");
        watchdog.stop();
    }

    #[test]
    fn it_wakes_up_after_having_been_parked() {
        let watchdog = Watchdog::default();
        let deadline = Instant::now() + Duration::from_secs(60);
        let target = Arc::new(Target::default());
        watchdog.watch(target.clone(), Instant::now(), Duration::from_secs(1), deadline, || ());
        while !watchdog.0.parked.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
        let budget = Duration::from_millis(10);
        let spin = || spin_until_stopped(&target);
        watchdog.watch(target.clone(), Instant::now(), budget, deadline, spin);
        assert_eq!(*target.0.lock(), Some(Stop::Cpu));
        watchdog.stop();
    }
}
