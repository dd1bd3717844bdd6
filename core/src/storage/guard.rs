//! What SQLite's callbacks read and write while a statement is compiled or runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering::Relaxed};

use super::meter::Meter;
use super::raw::thread_bytes;
use super::search::{Bounds, Place, Search};
use crate::pace;

/// Memory that one statement of a guest may take for sorting and the like.
const MEMORY_BYTES: i64 = 64 << 20;

/// Memory that it gets no more than within one instruction, between two looks. SQLite drops the transaction of a
/// statement that was refused memory, but not that of one that reads and is stopped at a look.
const HARD_BYTES: i64 = MEMORY_BYTES + (16 << 20);

/// Blocks of memory that a statement may get between two looks at the guard. A full-text index takes one for
/// each of a row's different words, and sorts them all at once.
const MAX_BLOCKS: u32 = 200_000;

/// Calls of the progress handler that an operator's query may take: about a hundred million instructions.
const OPERATOR_TICKS: u64 = 1 << 20;

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
    /// It calls functions of full-text tables that we have our own of.
    pub const FULLTEXT: Traits = Traits(32);
    /// It compares texts with patterns.
    pub const PATTERNS: Traits = Traits(64);
    /// It says whether `LIKE` tells upper from lower case.
    pub const CASE: Traits = Traits(128);
    /// It says that it does.
    pub const CASE_ON: Traits = Traits(256);

    pub fn and(self, other: Traits) -> Traits {
        Traits(self.0 | other.0)
    }

    pub fn has(self, other: Traits) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether `LIKE` is to tell upper from lower case from now on, if it says that.
    pub fn is_case_sensitive(self) -> Option<bool> {
        self.has(Traits::CASE).then(|| self.has(Traits::CASE_ON))
    }

    /// Whether it changes what other statements mean.
    pub fn redefines(self) -> bool {
        self.0 & (Traits::DEFINES.0 | Traits::DROPS.0 | Traits::CREATES.0) != 0
    }
}

/// The state that a connection shares with its callbacks.
pub(super) struct Guard {
    interrupt: Arc<AtomicBool>,
    guest: AtomicBool,
    traits: AtomicU32,
    /// What [`thread_bytes`] would be without the guest's statement.
    memory: AtomicI64,
    /// The statement was stopped because it held too much.
    out_of_memory: AtomicBool,
    /// The statement was refused memory, for whichever reason.
    refused: AtomicBool,
    /// Blocks of memory since the last look.
    blocks: AtomicU32,
    /// What the full-text queries of the guest's statement allow it.
    longest_list: AtomicI64,
    most_held: AtomicI64,
    /// The full-text query that is being read.
    search: Search,
    /// What an operator's query may still take; `u64::MAX` while there is none.
    operator: AtomicU64,
    /// Pages in the write-ahead log after the last commit.
    wal_pages: AtomicU32,
    /// Something was committed since that was last asked.
    committed: AtomicBool,
    meter: Arc<Meter>,
}

impl Guard {
    /// Where what statements touch is counted.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// The guard of a database that no actor uses.
    pub fn idle() -> Guard {
        Guard::new(Arc::default(), Arc::default())
    }

    pub fn new(interrupt: Arc<AtomicBool>, meter: Arc<Meter>) -> Guard {
        Guard {
            interrupt,
            meter,
            guest: AtomicBool::new(false),
            traits: AtomicU32::new(0),
            memory: AtomicI64::new(0),
            out_of_memory: AtomicBool::new(false),
            refused: AtomicBool::new(false),
            blocks: AtomicU32::new(0),
            longest_list: AtomicI64::new(Bounds::NONE.list),
            most_held: AtomicI64::new(Bounds::NONE.held),
            search: Search::default(),
            operator: AtomicU64::new(u64::MAX),
            wal_pages: AtomicU32::new(0),
            committed: AtomicBool::new(false),
        }
    }

    /// Whom it serves from now on.
    pub fn serve(&mut self, interrupt: Arc<AtomicBool>, meter: Arc<Meter>) {
        (self.interrupt, self.meter) = (interrupt, meter);
    }

    /// Says that a statement of our own is compiled or runs from now on.
    pub fn enter_own(&self) {
        self.guest.store(false, Relaxed);
    }

    /// Says that a guest's statement is compiled or runs on this thread from now on, which holds so
    /// many bytes and has asked full-text tables for what has such bounds.
    pub fn enter_guest(&self, held: i64, bounds: Bounds) {
        self.guest.store(true, Relaxed);
        self.longest_list.store(bounds.list, Relaxed);
        self.most_held.store(bounds.held, Relaxed);
        self.search.end();
        self.memory.store(thread_bytes() - held, Relaxed);
        self.blocks.store(0, Relaxed);
        self.refused.store(false, Relaxed);
    }

    /// Bytes that the guest's statement holds now.
    pub fn held(&self) -> i64 {
        thread_bytes() - self.memory.load(Relaxed)
    }

    /// The bounds of what the guest's statement has asked full-text tables for.
    pub fn bounds(&self) -> Bounds {
        Bounds { list: self.longest_list.load(Relaxed), held: self.most_held.load(Relaxed) }
    }

    /// A full-text query has so many words there.
    pub fn note_words(&self, place: Place, words: u32) {
        let bounds = self.search.add(place, words);
        self.longest_list.fetch_min(bounds.list, Relaxed);
        self.most_held.fetch_min(bounds.held, Relaxed);
    }

    pub fn is_guest(&self) -> bool {
        self.guest.load(Relaxed)
    }

    /// Says whether an operator's query is compiled and runs from now on, or no longer.
    pub fn set_operator(&self, on: bool) {
        self.memory.store(thread_bytes(), Relaxed);
        self.operator.store(if on { OPERATOR_TICKS } else { u64::MAX }, Relaxed);
    }

    pub fn is_operator(&self) -> bool {
        self.operator.load(Relaxed) != u64::MAX
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
        self.blocks.store(0, Relaxed);
        self.search.end();
        if self.is_operator() {
            let left = self.operator.load(Relaxed).saturating_sub(1);
            self.operator.store(left, Relaxed);
            return left == 0 || self.held() > MEMORY_BYTES;
        }
        if !self.is_guest() {
            return false;
        }
        pace::pass();
        if self.held() > MEMORY_BYTES {
            self.out_of_memory.store(true, Relaxed);
            return true;
        }
        self.interrupt.load(Relaxed)
    }

    /// Whether the statement that runs may not have so many bytes more, for what may be a list of that length if one is
    /// given. Only a guest's is asked about.
    pub fn refuses(&self, bytes: i64, list: Option<i64>) -> bool {
        let blocks = self.blocks.load(Relaxed).saturating_add(1);
        self.blocks.store(blocks, Relaxed);
        let starves = self.held() + bytes > HARD_BYTES.min(self.most_held.load(Relaxed))
            || blocks > MAX_BLOCKS
            || list.is_some_and(|list| list > self.longest_list.load(Relaxed));
        if starves {
            self.starve();
        }
        starves || self.ends()
    }

    /// Whether the statement that runs gets nothing any more because it has to end. Only a guest's is asked about.
    pub fn ends(&self) -> bool {
        let ends = self.interrupt.load(Relaxed);
        if ends {
            self.refused.store(true, Relaxed);
        }
        ends
    }

    /// The statement that runs is refused memory because it takes too much.
    fn starve(&self) {
        self.refused.store(true, Relaxed);
        self.out_of_memory.store(true, Relaxed);
    }

    /// Whether the statement that ran last was refused memory.
    pub fn was_refused(&self) -> bool {
        self.refused.load(Relaxed)
    }

    /// Something was committed; the write-ahead log has so many pages now.
    pub fn note_commit(&self, wal_pages: u32) {
        self.wal_pages.store(wal_pages, Relaxed);
        self.committed.store(true, Relaxed);
    }

    /// Whether something was committed since this was last asked.
    pub fn take_committed(&self) -> bool {
        self.committed.load(Relaxed) && self.committed.swap(false, Relaxed)
    }

    /// The pages of the write-ahead log have been moved to the database.
    pub fn note_checkpoint(&self) {
        self.wal_pages.store(0, Relaxed);
    }

    pub fn wal_pages(&self) -> u32 {
        self.wal_pages.load(Relaxed)
    }

    /// Whether the last statement was stopped because it took too much memory.
    pub fn take_out_of_memory(&self) -> bool {
        self.out_of_memory.swap(false, Relaxed)
    }
}
