//! What SQLite's callbacks read and write while a statement is compiled or runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};

use super::raw::memory_used;

/// Memory that one statement of a guest may take for sorting and the like.
const MEMORY_BYTES: u64 = 64 << 20;

/// What was seen while a statement was compiled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Traits(u32);

impl Traits {
    /// It begins, ends or nests a transaction.
    pub const TRANSACTION: Traits = Traits(1);
    /// It makes or changes a table, so that the schema has to be checked afterwards.
    pub const DEFINES: Traits = Traits(2);
    /// It drops something, which live cursors would prevent.
    pub const DROPS: Traits = Traits(4);
    /// It reads a table.
    pub const READS: Traits = Traits(8);
    /// It makes a table, index, view or trigger.
    pub const CREATES: Traits = Traits(16);

    pub fn and(self, other: Traits) -> Traits {
        Traits(self.0 | other.0)
    }

    pub fn has(self, other: Traits) -> bool {
        self.0 & other.0 == other.0
    }
}

/// The state that a connection shares with its callbacks.
pub(super) struct Guard {
    interrupt: Arc<AtomicBool>,
    guest: AtomicBool,
    traits: AtomicU32,
    /// What [`memory_used`] was when the statement started, and whether it took too much since.
    memory: AtomicU64,
    out_of_memory: AtomicBool,
}

impl Guard {
    pub fn new(interrupt: Arc<AtomicBool>) -> Guard {
        Guard {
            interrupt,
            guest: AtomicBool::new(false),
            traits: AtomicU32::new(0),
            memory: AtomicU64::new(0),
            out_of_memory: AtomicBool::new(false),
        }
    }

    /// Says whose statement is compiled or runs from now on.
    pub fn set_guest(&self, guest: bool) {
        self.guest.store(guest, Relaxed);
        if guest {
            self.memory.store(memory_used(), Relaxed);
        }
    }

    pub fn is_guest(&self) -> bool {
        self.guest.load(Relaxed)
    }

    pub fn start_compiling(&self) {
        self.traits.store(0, Relaxed);
        self.out_of_memory.store(false, Relaxed);
    }

    pub fn note(&self, traits: Traits) {
        self.traits.fetch_or(traits.0, Relaxed);
    }

    /// What was seen since compiling started.
    pub fn traits(&self) -> Traits {
        Traits(self.traits.load(Relaxed))
    }

    /// Whether the statement that runs has to end now. Our own statements never do.
    pub fn must_stop(&self) -> bool {
        if !self.is_guest() {
            return false;
        }
        if memory_used().saturating_sub(self.memory.load(Relaxed)) > MEMORY_BYTES {
            self.out_of_memory.store(true, Relaxed);
            return true;
        }
        self.interrupt.load(Relaxed)
    }

    /// Whether the last statement was stopped because it took too much memory.
    pub fn take_out_of_memory(&self) -> bool {
        self.out_of_memory.swap(false, Relaxed)
    }
}
