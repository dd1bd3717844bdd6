//! The engine's callbacks: how a running guest is stopped, and how its memory is bounded.
//!
//! Luau calls its interrupt at loop back edges, calls and returns, if one is set. None is while a guest
//! behaves, so it runs at full speed. The watchdog, an abort or the allocator set it, and from then on
//! it raises an error at each safepoint: code that catches the error meets the next one.

#![expect(unsafe_code, reason = "the engine's callbacks have no safe interface that costs nothing")]

use std::cell::RefCell;
use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicUsize, Ordering};
use std::time::Duration;

use mlua::{Lua, LuaString, Thread, ffi, lua_State};
use parking_lot::Mutex;

use super::exhaustion::{Exhaustion, Raisers};
use super::texts::Texts;
use super::trace::stack_of;
use crate::charge::Holder;
use crate::guest::crowd::{CROWDED, Looks};
use crate::guest::watchdog::{Interrupt, Stop};
use crate::pace;

/// Stops one virtual machine and bounds its memory.
pub(super) struct Guard {
    /// The callbacks of the machine; null before it has any and after it is gone.
    callbacks: Mutex<Callbacks>,
    /// Its table of texts, if that is known.
    texts: Mutex<Option<Texts>>,
    looks: Looks,
    /// Whether it was stopped because too many texts have one hash.
    refused_texts: AtomicBool,
    stop: AtomicU8,
    /// Whether the next safepoint is to collect garbage.
    collect: AtomicBool,
    /// Whether it is to pass the gate of its thread.
    passes: AtomicBool,
    /// The machine's heap may grow to this.
    limit: AtomicUsize,
    /// A heap of this size asks for a collection.
    soft: AtomicUsize,
    /// What the host holds for the guest, which counts as its heap.
    held: AtomicUsize,
    /// See [`Holder::untold`].
    untold: AtomicUsize,
    /// Told to running SQL.
    sql: Mutex<Option<Arc<AtomicBool>>>,
    /// The stack of the guest where it was stopped.
    place: Mutex<Option<String>>,
    raisers: Raisers,
    /// Whether the engine has run out of stack since an event has begun.
    out_of_stack: AtomicBool,
}

thread_local! {
    /// The guard of the guest that runs on this thread: the engine's callbacks have no room for it.
    static RUNNING: RefCell<Option<Arc<Guard>>> = const { RefCell::new(None) };
}

struct Callbacks(*mut ffi::lua_Callbacks);

// SAFETY: the pointer is used under the mutex only, and only to store one word atomically.
unsafe impl Send for Callbacks {}

impl Guard {
    /// Makes the guard of a machine and sets the callbacks.
    pub fn install(lua: &Lua) -> mlua::Result<Arc<Guard>> {
        let guard = Arc::new(Guard {
            callbacks: Mutex::new(Callbacks(ptr::null_mut())),
            texts: Mutex::new(None),
            looks: Looks::default(),
            refused_texts: AtomicBool::new(false),
            stop: AtomicU8::new(0),
            collect: AtomicBool::new(false),
            passes: AtomicBool::new(false),
            limit: AtomicUsize::new(usize::MAX),
            soft: AtomicUsize::new(usize::MAX),
            held: AtomicUsize::new(0),
            untold: AtomicUsize::new(0),
            sql: Mutex::new(None),
            place: Mutex::new(None),
            raisers: Raisers::of(lua)?,
            out_of_stack: AtomicBool::new(false),
        });
        let callbacks = lua.exec_raw_lua(|lua| {
            // SAFETY: the state is alive as `lua` is; the callbacks live as long as the machine.
            unsafe { ffi::lua_callbacks(lua.state()) }
        });
        // SAFETY: nothing else uses the machine now, and mlua leaves this field alone.
        let fields = unsafe { &mut *callbacks };
        fields.onallocate = Some(on_allocate);
        guard.callbacks.lock().0 = callbacks;
        // SAFETY: nothing else uses the machine now, whose main state this is.
        *guard.texts.lock() = unsafe { Texts::of(lua.exec_raw_lua(|lua| lua.state())) };
        hide_addresses(lua);
        Ok(guard)
    }

    /// Lets go of a machine that is about to be closed. No callback runs afterwards.
    pub fn uninstall(&self) {
        let callbacks = std::mem::replace(&mut self.callbacks.lock().0, ptr::null_mut());
        if !callbacks.is_null() {
            // SAFETY: the machine is still alive and its owner, who calls this, runs nothing in it.
            let fields = unsafe { &mut *callbacks };
            fields.onallocate = None;
            fields.interrupt = None;
        }
        if let Some(texts) = self.texts.lock().take() {
            // SAFETY: as above.
            unsafe { texts.empty_if_crowded() };
        }
    }

    /// Bounds the heap; garbage is collected from half of the limit on.
    pub fn set_memory_limit(&self, bytes: usize) {
        self.limit.store(bytes, Ordering::Relaxed);
        self.soft.store(bytes / 2, Ordering::Relaxed);
    }

    /// The flag that running SQL looks at.
    pub fn set_sql_interrupt(&self, flag: Arc<AtomicBool>) {
        *self.sql.lock() = Some(flag);
    }

    /// Why the guest was stopped, if it was.
    pub fn stopped(&self) -> Option<Stop> {
        Stop::of(self.stop.load(Ordering::Acquire))
    }

    /// Runs guest code of the guarded machine on this thread.
    pub fn run<T>(self: &Arc<Guard>, code: impl FnOnce() -> T) -> T {
        struct Restore(Option<Arc<Guard>>);
        impl Drop for Restore {
            fn drop(&mut self) {
                RUNNING.set(self.0.take());
            }
        }
        let _restore = Restore(RUNNING.replace(Some(self.clone())));
        code()
    }

    /// Notes that an event begins, which has not run out of anything yet.
    pub fn begins(&self) {
        self.out_of_stack.store(false, Ordering::Relaxed);
    }

    /// Notes a text that was thrown, in the function `level` frames outside of the native that calls this: if the engine
    /// did that because it ran out of memory, the guest ends.
    pub fn note(&self, lua: &Lua, level: c_int, text: &LuaString) {
        let Some(claimed) = Exhaustion::claimed_by(&text.as_bytes()) else { return };
        let state = lua.exec_raw_lua(|lua| lua.state());
        // SAFETY: the state is the one that runs the calling native, which always has room for a value.
        if !unsafe { self.raisers.run_at(state, level) } {
            self.exhausted(claimed);
        }
    }

    /// Notes the text that a coroutine has failed with.
    pub fn note_failure(&self, thread: &Thread, text: &LuaString) {
        let Some(claimed) = Exhaustion::claimed_by(&text.as_bytes()) else { return };
        // SAFETY: a coroutine that has failed, or has not run, is alive as its handle is, and the engine keeps
        // room for five values beyond its stack, of which the error has taken one.
        if !unsafe { self.raisers.run_at(thread.state(), 0) } {
            self.exhausted(claimed);
            if claimed == Exhaustion::Memory {
                // SAFETY: as above.
                self.note_place(|| unsafe { stack_of(thread.state()) });
            }
        }
    }

    /// Notes the stack of the guest where it is stopped; the first counts.
    fn note_place(&self, stack: impl FnOnce() -> String) {
        self.place.lock().get_or_insert_with(stack);
    }

    fn exhausted(&self, what: Exhaustion) {
        match what {
            Exhaustion::Stack => self.out_of_stack.store(true, Ordering::Relaxed),
            Exhaustion::Memory => self.interrupt(Stop::Memory),
        }
    }

    fn used(&self, state: *mut lua_State) -> usize {
        heap(state).saturating_add(self.held.load(Ordering::Relaxed))
    }

    fn set_interrupt(&self, callback: *mut c_void) {
        let mut callbacks = self.callbacks.lock();
        if callbacks.0.is_null() {
            return;
        }
        // SAFETY: the machine is alive, because `uninstall` takes the pointer away before it ends.
        let field = unsafe { &raw mut (*callbacks.0).interrupt };
        // SAFETY: the field is one aligned word (an optional function pointer). The engine reads it
        // with a plain load of a word, which sees either value.
        let word = unsafe { AtomicPtr::from_ptr(field.cast::<*mut c_void>()) };
        word.store(callback, Ordering::Relaxed);
    }

    fn arm(&self) {
        self.set_interrupt(on_interrupt as *mut c_void);
    }

    fn collect(&self, state: *mut lua_State) {
        // SAFETY: a safepoint of the engine, where any code may run, a collection included.
        unsafe { ffi::lua_gc(state, ffi::LUA_GCCOLLECT, 0) };
        let used = self.used(state);
        let limit = self.limit.load(Ordering::Relaxed);
        self.soft.store(used + limit.saturating_sub(used) / 2, Ordering::Relaxed);
        if used > limit {
            self.interrupt(Stop::Memory);
        }
    }

    /// Notes that a run has ended, which has used so much CPU time.
    pub fn note_run(&self, time: Duration) {
        if self.looks.note_run(time) {
            self.arm();
        }
    }

    /// Looks at the texts, if that is due. The machine is this thread's, at a safepoint or within a native.
    fn look(&self) {
        // SAFETY: the machine is alive, because `uninstall` takes the table away before it ends.
        let is_crowded = || self.texts.lock().is_some_and(|texts| unsafe { texts.are_crowded() });
        if self.looks.look(is_crowded) && !self.has_to_end() {
            self.refused_texts.store(true, Ordering::Relaxed);
            self.interrupt(Stop::Cpu);
        }
    }

    /// Runs at a safepoint of the guest; answers whether the guest has to end.
    fn safepoint(&self, state: *mut lua_State) -> bool {
        if !self.has_to_end() {
            self.set_interrupt(ptr::null_mut());
            self.look();
            if self.passes.swap(false, Ordering::Relaxed) {
                pace::pass();
            }
            if self.collect.swap(false, Ordering::Relaxed) {
                self.collect(state);
            }
            // Whoever stopped the guest meanwhile may have set the interrupt before it was cleared.
            if self.has_to_end() {
                self.arm();
            }
        }
        let stopped = self.has_to_end();
        if stopped {
            // SAFETY: the state is the one that runs.
            self.note_place(|| unsafe { stack_of(state) });
        }
        stopped
    }
}

impl Holder for Guard {
    /// It is looked at with the next allocation.
    fn hold(&self, bytes: usize) {
        self.held.fetch_add(bytes, Ordering::Relaxed);
    }

    fn let_go(&self, bytes: usize) {
        self.held.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn untold(&self) -> &AtomicUsize {
        &self.untold
    }
}

impl Interrupt for Guard {
    fn interrupt(&self, why: Stop) {
        let _ = self.stop.compare_exchange(0, why as u8, Ordering::AcqRel, Ordering::Acquire);
        if let Some(flag) = &*self.sql.lock() {
            flag.store(true, Ordering::Release);
        }
        self.arm();
    }

    fn refused(&self) -> Option<String> {
        self.refused_texts.load(Ordering::Relaxed).then(|| CROWDED.to_owned())
    }

    fn place(&self) -> Option<String> {
        self.place.lock().take()
    }

    fn has_to_end(&self) -> bool {
        self.stop.load(Ordering::Acquire) != 0
    }

    fn call_in(&self) {
        self.passes.store(true, Ordering::Relaxed);
        self.arm();
    }

    fn look_at_names(&self) {
        self.looks.order();
        self.arm();
    }
}

/// Whether the guest that runs on this thread has run out of stack during its event.
pub(super) fn is_out_of_stack() -> bool {
    let out = |guard: &Arc<Guard>| guard.out_of_stack.load(Ordering::Relaxed);
    RUNNING.with_borrow(|running| running.as_ref().is_some_and(out))
}

/// Whether the guest that runs on this thread has to end, asked by natives that make texts.
pub(super) fn is_stopped() -> bool {
    RUNNING.with_borrow(|running| {
        running.as_ref().is_some_and(|guard| {
            guard.look();
            guard.stopped().is_some()
        })
    })
}

/// Ends the guest that runs on this thread, which was refused memory.
pub(super) fn refused_memory() {
    RUNNING.with_borrow(|running| {
        if let Some(guard) = running {
            guard.interrupt(Stop::Memory);
        }
    });
}

/// Makes what `tostring` shows of tables and functions no address of the process.
fn hide_addresses(lua: &Lua) {
    let mut key = [0; 32];
    if getrandom::fill(&mut key).is_err() {
        return;
    }
    let word =
        |at: usize| u64::from_le_bytes(key[8 * at..8 * at + 8].try_into().unwrap_or_default());
    let state = lua.exec_raw_lua(|lua| lua.state());
    // SAFETY: the state is alive as `lua` is; the function only stores four numbers.
    unsafe { ffi::lua_setpointerencodekey(state, word(0) | 1, word(1), word(2) | 1, word(3)) };
}

fn heap(state: *mut lua_State) -> usize {
    // SAFETY: the caller runs inside the machine; category -1 is the sum of all.
    unsafe { ffi::lua_totalbytes(state, -1) }
}

unsafe extern "C-unwind" fn on_allocate(
    state: *mut lua_State,
    _block: *mut c_void,
    _old: usize,
    _new: usize,
    _category: u8,
    _type: c_int,
    _tag: c_int,
) {
    RUNNING.with_borrow(|running| {
        let Some(guard) = running else { return };
        if guard.used(state) > guard.soft.load(Ordering::Relaxed) {
            guard.soft.store(usize::MAX, Ordering::Relaxed);
            guard.collect.store(true, Ordering::Relaxed);
            guard.arm();
        }
    });
}

unsafe extern "C-unwind" fn on_interrupt(state: *mut lua_State, gc: c_int) {
    // Inside a collection no error may be raised.
    if gc >= 0 {
        return;
    }
    let stop =
        RUNNING.with_borrow(|running| running.as_ref().is_some_and(|guard| guard.safepoint(state)));
    if stop {
        // SAFETY: a safepoint; the engine reserves stack for what its callbacks push.
        unsafe { ffi::lua_pushnil(state) };
        // SAFETY: a safepoint, where errors may be raised; no value with a destructor is alive here.
        unsafe { ffi::lua_error(state) };
    }
}
