//! How a running guest is stopped, and how much memory it has.

#![expect(unsafe_code, reason = "what is asked of a running engine has no safe interface")]

use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use rquickjs::qjs;

use super::atoms::Atoms;
use super::numbers::MAX_BITS;
use super::variables::MAX_VARIABLES;
use crate::charge::Holder;
use crate::guest::crowd::{CROWDED, Looks};
use crate::guest::watchdog::{Interrupt, Stop};
use crate::pace;

/// What a guest still gets that has used its memory up, or was stopped and goes on: blocks that small objects are cut from,
/// and no more of them. The engine makes the error of them that ends the guest, and takes promises to their ends; if it
/// can't, it aborts the process. A native function that goes on to allocate ends, too.
const LAST_BLOCK: usize = 4 << 10;
const LAST_BYTES: usize = 128 << 10;
/// Stack that the engine is left below where it looks for a module, until the module's own code runs.
const IMPORT_STACK: usize = 8 << 10;
/// Stack that guest code may use: on arm64, whose frames are larger, sections within sections take most of it. A call runs
/// on a thread with 1 MiB left, the rest is for natives.
pub(super) const STACK_BYTES: usize = 512 << 10;
/// The end of the stack: an engine that asks for memory there says that the stack is used up, or is about to. The frame
/// that no longer fits isn't entered, so the end begins above what all but functions of a thousand variables need.
/// A function of the engine's own that recurses may not ask for any: its error counts as one of the guest's.
const STACK_END: usize = 16 << 10;

/// Stops one machine and counts its memory.
///
/// QuickJS asks its interrupt handler every 10,000 calls and loop ends whether to stop, or at the next one once
/// its count is set; the handler reads one word here. What ends a guest that way passes through `catch` and `finally`.
pub(super) struct Guard {
    stop: AtomicU8,
    /// Whether the guest has gone on after it was stopped.
    insisted: AtomicBool,
    /// Whether code of ours runs in a machine that has to end.
    ours: AtomicBool,
    /// The stack of the guest where it was stopped.
    place: Mutex<Option<String>>,
    /// Told to running SQL.
    sql: Mutex<Option<Arc<AtomicBool>>>,
    /// What it was stopped for that isn't its limit: see [`Refused`].
    refused: AtomicU8,
    /// Where the engine has its table of names, if that is known.
    atoms: OnceLock<Atoms>,
    looks: Looks,
    /// Held while the runtime goes, and while another thread stops it.
    alive: Mutex<()>,
    /// Where the stack was when the machine was entered.
    entered: AtomicUsize,
    /// Whether memory was asked for at the end of the stack since the machine was last without events.
    out_of_stack: AtomicBool,
    /// How deep the stack was where the running job has begun to import a module; 0 if it hasn't.
    importing: AtomicUsize,
    /// The engine's count of how long it goes on without a look; null where it isn't known.
    countdown: AtomicPtr<i32>,
    /// See [`Holder::untold`].
    untold: AtomicUsize,
    heap: HeapCount,
}

/// What a guest ends for that isn't a limit of its own: the engine gets no memory for it.
#[derive(Clone, Copy)]
pub(super) enum Refused {
    /// Calculating with a BigInt that is too long.
    Number = 1,
    /// A function with more variables than are looked up in a moment.
    Variables = 2,
    /// More names of one hash than are looked up in a moment.
    Names = 3,
}

/// Changed only by the thread that runs the machine, so plain loads and stores do.
struct HeapCount {
    used: AtomicUsize,
    /// What the host holds for the guest, on any thread.
    held: AtomicUsize,
    limit: AtomicUsize,
    /// A heap of this size asks for a collection.
    soft: AtomicUsize,
    /// What was given since the limit was reached, or the guest insisted on.
    last: AtomicUsize,
    /// The runtime to ask; null before there is one and after it has gone.
    runtime: AtomicPtr<qjs::JSRuntime>,
}

impl HeapCount {
    /// Whether a block of `size` bytes, `bytes` of them new, is among the last that are given.
    fn is_last(&self, bytes: usize, size: usize) -> bool {
        let last = self.last.load(Ordering::Relaxed).saturating_add(bytes);
        let is_last = size <= LAST_BLOCK && last <= LAST_BYTES;
        if is_last {
            self.last.store(last, Ordering::Relaxed);
        }
        is_last
    }
}

impl Guard {
    pub fn new() -> Guard {
        Guard {
            stop: AtomicU8::new(0),
            insisted: AtomicBool::new(false),
            ours: AtomicBool::new(false),
            place: Mutex::new(None),
            sql: Mutex::new(None),
            refused: AtomicU8::new(0),
            atoms: OnceLock::new(),
            looks: Looks::default(),
            alive: Mutex::new(()),
            entered: AtomicUsize::new(0),
            out_of_stack: AtomicBool::new(false),
            importing: AtomicUsize::new(0),
            countdown: AtomicPtr::new(null_mut()),
            untold: AtomicUsize::new(0),
            heap: HeapCount {
                used: AtomicUsize::new(0),
                held: AtomicUsize::new(0),
                limit: AtomicUsize::new(usize::MAX),
                soft: AtomicUsize::new(usize::MAX),
                last: AtomicUsize::new(0),
                runtime: AtomicPtr::new(null_mut()),
            },
        }
    }

    /// Bounds the heap; garbage is collected from half of the limit on.
    pub fn set_memory_limit(&self, bytes: usize) {
        self.heap.limit.store(bytes, Ordering::Relaxed);
        self.heap.soft.store(bytes / 2, Ordering::Relaxed);
    }

    /// Whether the heap may ever hold so many bytes.
    pub fn may_hold(&self, bytes: f64) -> bool {
        bytes <= self.heap.limit.load(Ordering::Relaxed) as f64
    }

    /// Names the runtime whose memory this is; null when it goes.
    pub fn set_runtime(&self, runtime: *mut qjs::JSRuntime) {
        let _alive = self.alive.lock();
        self.heap.runtime.store(runtime, Ordering::Relaxed);
        self.countdown.store(null_mut(), Ordering::Relaxed);
    }

    /// Names the count of the runtime's context, which goes with the runtime.
    pub fn set_countdown(&self, count: *mut i32) {
        self.countdown.store(count, Ordering::Relaxed);
    }

    /// Says where the runtime has its table of names.
    pub fn set_atoms(&self, atoms: Atoms) {
        let _ = self.atoms.set(atoms);
    }

    /// Notes that a run has ended, which has used so much CPU time. The next one looks at the names when it allocates.
    pub fn note_run(&self, time: Duration) {
        self.looks.note_run(time);
    }

    /// Looks at the names, if that is due.
    fn look(&self) {
        let is_crowded = self.looks.look(|| {
            let runtime = self.heap.runtime.load(Ordering::Relaxed);
            let atoms = self.atoms.get().filter(|_| !runtime.is_null());
            // SAFETY: the runtime is alive while its own thread is in it, which calls this where the engine allocates or
            // asks whether to go on.
            atoms.is_some_and(|atoms| unsafe { atoms.are_crowded(runtime) })
        });
        if is_crowded && !self.is_stopped() {
            self.refused.store(Refused::Names as u8, Ordering::Relaxed);
            self.interrupt(Stop::Cpu);
            // Natives that make names don't all ask whether to go on.
            self.insist();
            // As where the limit of memory is reached.
            self.collect_from(usize::MAX);
        }
    }

    /// The flag that running SQL looks at.
    pub fn set_sql_interrupt(&self, flag: Arc<AtomicBool>) {
        *self.sql.lock() = Some(flag);
    }

    /// Notes that the machine is entered here: its stack begins.
    pub fn enters(&self) {
        let here = 0u8;
        self.entered.store((&raw const here).addr(), Ordering::Relaxed);
        self.begins_job();
    }

    /// Notes that the machine's first event begins, which has all of its stack.
    pub fn begins(&self) {
        self.out_of_stack.store(false, Ordering::Relaxed);
    }

    /// Whether an error that says that the stack was used up may be the engine's.
    pub fn is_out_of_stack(&self) -> bool {
        self.out_of_stack.load(Ordering::Relaxed)
    }

    /// Notes whether the engine is at the end of its stack.
    pub fn note_stack(&self) {
        if self.depth() > STACK_BYTES - STACK_END {
            self.out_of_stack.store(true, Ordering::Relaxed);
        }
    }

    /// How deep the stack is. It grows downwards or upwards.
    fn depth(&self) -> usize {
        let here = 0u8;
        self.entered.load(Ordering::Relaxed).abs_diff((&raw const here).addr())
    }

    /// Notes that a job begins, which hasn't imported anything yet.
    pub fn begins_job(&self) {
        self.importing.store(0, Ordering::Relaxed);
    }

    /// Notes that the job imports a module. The engine aborts the process if it has no stack left when it begins
    /// to evaluate one, unless it had none before that to link it.
    pub fn imports(&self) {
        let depth = self.depth();
        let _alive = self.alive.lock();
        if self.importing.load(Ordering::Relaxed) == 0 {
            self.importing.store(depth.max(1), Ordering::Relaxed);
        }
    }

    /// Notes that code of ours evaluates a module here, which may import nothing: [`Guard::imports`] isn't asked then, or
    /// was by a job that had less on its stack.
    pub fn loads(&self) {
        let depth = self.depth();
        {
            let _alive = self.alive.lock();
            self.importing.store(depth.max(1), Ordering::Relaxed);
        }
        // Whoever has stopped the guest meanwhile left it what a module needed that it has loaded before, with less on its
        // stack.
        if matches!(self.stopped(), Some(Stop::Cpu | Stop::Wall)) {
            self.take_stack();
        }
    }

    /// Answers the engine whether the guest has to end. If so it asks again at the next opportunity, should the
    /// guest find a way to go on.
    pub fn poll(&self) -> bool {
        pace::pass();
        self.look();
        let stopped = self.is_stopped() && !self.ours.load(Ordering::Relaxed);
        if stopped {
            self.hurry();
        }
        stopped
    }

    /// Whether the guest has to end.
    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire) != 0
    }

    /// Why the guest was stopped, if it was.
    pub fn stopped(&self) -> Option<Stop> {
        Stop::of(self.stop.load(Ordering::Acquire))
    }

    /// Whether the machine was refused memory because it has to end.
    pub fn is_starved(&self) -> bool {
        self.insisted.load(Ordering::Relaxed) || self.stopped() == Some(Stop::Memory)
    }

    /// Counts `bytes` that a block of then `size` bytes is about to get of the heap; answers whether it may.
    pub fn heap_grows(&self, bytes: usize, size: usize) -> bool {
        let heap = &self.heap;
        self.note_stack();
        self.look();
        let own = heap.used.load(Ordering::Relaxed).saturating_add(bytes);
        let used = own.saturating_add(heap.held.load(Ordering::Relaxed));
        let limit = heap.limit.load(Ordering::Relaxed);
        let is_full = used > limit;
        if is_full {
            self.interrupt(Stop::Memory);
            // The engine may make an error of this while what it wanted the memory for is half made: a collection
            // would walk through that.
            self.collect_from(usize::MAX);
        }
        if (is_full || self.insisted.load(Ordering::Relaxed)) && !heap.is_last(bytes, size) {
            return false;
        }
        heap.used.store(own, Ordering::Relaxed);
        if !is_full && used > heap.soft.load(Ordering::Relaxed) {
            heap.soft.store(used + (limit - used) / 2, Ordering::Relaxed);
            self.collect_from(0);
        }
        true
    }

    /// Stops the guest, whose engine gets no memory for what would take long without a look.
    pub fn refuses(&self, what: Refused) {
        if !self.is_stopped() {
            self.refused.store(what as u8, Ordering::Relaxed);
        }
        self.interrupt(Stop::Memory);
        // As where the limit is reached.
        self.collect_from(usize::MAX);
    }

    /// Bytes of the heap.
    pub fn used(&self) -> usize {
        self.heap.used.load(Ordering::Relaxed)
    }

    /// Whether the heap and what is held for the guest are beyond the limit.
    pub fn is_full(&self) -> bool {
        let heap = &self.heap;
        let used = heap.used.load(Ordering::Relaxed) + heap.held.load(Ordering::Relaxed);
        used > heap.limit.load(Ordering::Relaxed)
    }

    /// Counts bytes that the heap has given back.
    pub fn heap_shrinks(&self, bytes: usize) {
        let heap = &self.heap;
        let used = heap.used.load(Ordering::Relaxed).saturating_sub(bytes);
        heap.used.store(used, Ordering::Relaxed);
        let first = heap.limit.load(Ordering::Relaxed) / 2;
        if used < first && heap.soft.load(Ordering::Relaxed) > first {
            heap.soft.store(first, Ordering::Relaxed);
        }
    }

    /// Makes the engine ask at its next call or loop end.
    fn hurry(&self) {
        let _alive = self.alive.lock();
        let count = self.countdown.load(Ordering::Relaxed);
        if !count.is_null() {
            // SAFETY: the context that it is a word of is alive while the lock is held.
            unsafe { AtomicI32::from_ptr(count) }.store(0, Ordering::Relaxed);
        }
    }

    /// Leaves the engine no stack, or what it needs to begin with a module. The parser and native functions that
    /// don't ask whether to stop look at that, as does each call.
    fn take_stack(&self) {
        let _alive = self.alive.lock();
        let runtime = self.heap.runtime.load(Ordering::Relaxed);
        if !runtime.is_null() {
            let bytes = match self.importing.load(Ordering::Relaxed) {
                0 => 1,
                depth => depth + IMPORT_STACK,
            };
            // SAFETY: the runtime is alive while the lock is held. It is two words of it that are set; its own
            // thread may read them at the same time, and goes on a little longer if it gets the old ones.
            unsafe { qjs::JS_SetMaxStackSize(runtime, bytes as _) };
        }
    }

    /// Runs code of ours in a machine that has to end, and may have no stack left. No code of the guest may run.
    pub fn after_all<T>(&self, code: impl FnOnce() -> T) -> T {
        let runtime = self.heap.runtime.load(Ordering::Relaxed);
        if !runtime.is_null() {
            // SAFETY: the runtime is alive while its own thread, which calls this, is in it; as in `take_stack`.
            unsafe { qjs::JS_SetMaxStackSize(runtime, STACK_BYTES as _) };
        }
        self.ours.store(true, Ordering::Relaxed);
        let done = code();
        self.ours.store(false, Ordering::Relaxed);
        self.hurry();
        if matches!(self.stopped(), Some(Stop::Cpu | Stop::Wall)) {
            self.take_stack();
        }
        done
    }

    /// Notes the stack of the guest where it was stopped; the first counts.
    pub fn note_place(&self, stack: String) {
        if !stack.is_empty() {
            self.place.lock().get_or_insert(stack);
        }
    }

    /// Sets the size from which the engine collects garbage before it makes an object: 0 is at the next one.
    fn collect_from(&self, bytes: usize) {
        let runtime = self.heap.runtime.load(Ordering::Relaxed);
        if !runtime.is_null() {
            // SAFETY: the runtime is alive while it allocates, and this sets one word of it from the
            // thread that runs it.
            unsafe { qjs::JS_SetGCThreshold(runtime, bytes as _) };
        }
    }
}

impl Holder for Guard {
    fn hold(&self, bytes: usize) {
        self.heap.held.fetch_add(bytes, Ordering::Relaxed);
    }

    fn let_go(&self, bytes: usize) {
        self.heap.held.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn untold(&self) -> &AtomicUsize {
        &self.untold
    }
}

impl Interrupt for Guard {
    fn interrupt(&self, why: Stop) {
        let first = self.stop.compare_exchange(0, why as u8, Ordering::AcqRel, Ordering::Acquire);
        if first.is_ok() {
            self.hurry();
            if matches!(why, Stop::Cpu | Stop::Wall) {
                self.take_stack();
            }
        }
        if let Some(flag) = &*self.sql.lock() {
            flag.store(true, Ordering::Release);
        }
    }

    fn refused(&self) -> Option<String> {
        let refused = self.refused.load(Ordering::Relaxed);
        if refused == Refused::Number as u8 {
            let what = "with which nothing can be calculated";
            Some(format!("A BigInt has more than {MAX_BITS} bits, {what}"))
        } else if refused == Refused::Variables as u8 {
            Some(format!("A function has more than {MAX_VARIABLES} variables"))
        } else if refused == Refused::Names as u8 {
            Some(CROWDED.to_owned())
        } else {
            None
        }
    }

    fn place(&self) -> Option<String> {
        self.place.lock().take()
    }

    fn insist(&self) {
        self.insisted.store(true, Ordering::Relaxed);
    }

    fn has_to_end(&self) -> bool {
        self.is_stopped()
    }

    fn look_at_names(&self) {
        self.looks.order();
        self.hurry();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guest::js::vm::Vm;
    use crate::guest::pool;

    /// A stop takes the stack on another thread, maybe after the engine has linked a part and before it evaluates that.
    #[test]
    fn a_stop_leaves_the_stack_that_begins_with_a_part_wherever_it_is_loaded() {
        let runtime = crate::Runtime::open_in_memory().unwrap();
        let vm = pool::take::<Vm>(runtime.inner()).unwrap();
        let run = |code: &str| {
            vm.run(|ctx, _| ctx.eval::<(), _>(code).unwrap());
            vm.shared.guard.importing.load(Ordering::Relaxed)
        };
        assert_eq!(run("1"), 0);
        let shallow = run("[].slice.call('ab')"); // of a part that imports nothing
        assert!(shallow > 0);
        let deep = run(
            "const down = (calls) => calls > 0 ? down(calls - 1) : new Set().union(new Set()); down(100)",
        );
        assert!(deep > shallow + IMPORT_STACK, "{shallow} and {deep}");
    }
}
