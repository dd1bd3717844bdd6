//! Where the pages of Luau's heaps lie.
//!
//! Luau keeps a page of 16 or 32 KiB for each size of block, and fills it from its end down. Most stay nearly empty: what is
//! touched is a page's header and its end. A general allocator gives out memory that something else has written into, and
//! lets those places straddle pages of the system. Here each machine has a region of its own, in which the end of a page and
//! the header of the next share one page of the system; the rest is never touched. A machine that is made in a region that
//! another has left finds its pages where that had the same ones.
//!
//! The engine's binding allocates with Rust's allocator, so this works where the host's program has [`Allocator`] for that.

#![expect(unsafe_code, reason = "an allocator hands out raw memory")]

mod regions;
mod system;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ops::BitOr;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use regions::Region;

/// How far apart pages of 16 KiB lie. Luau's are a little smaller; one of 32 KiB takes two places.
const PLACE: usize = 16 << 10;
/// What Luau leaves of a page for the allocator.
const SPARED: usize = 24;
/// The alignment that the binding asks for.
const ALIGN: usize = 16;

/// The system's allocator, except for the heaps of Luau guests: a warm guest takes a sixth less memory with it, and half of
/// what it takes otherwise where many have come and gone.
///
/// The packages for Python, Node and C have it. A program in Rust gets it with
///
/// ```
/// #[global_allocator]
/// static ALLOCATOR: facetbox::Allocator = facetbox::Allocator;
/// ```
///
/// On Linux it reserves 64 GiB of addresses, not of memory, when the first guest starts. Where it can't, and on other systems,
/// it is the system's allocator.
#[derive(Clone, Copy, Debug, Default)]
pub struct Allocator;

/// Where a machine's pages go.
#[derive(Clone, Copy, Default)]
pub(super) struct Home(Option<Region>);

#[derive(Clone, Copy)]
enum Current {
    System,
    Region(Region),
    /// What [`MAKING`] has.
    New,
}

/// A machine that is being made: its region, from its first page on, how many pages it has asked for, and which of them
/// took each place last.
#[derive(Clone, Copy)]
struct Making {
    region: Option<Region>,
    pages: u8,
    takers: [u8; 64],
}

thread_local! {
    static CURRENT: Cell<Current> = const { Cell::new(Current::System) };
    static MAKING: Cell<Making> = const { Cell::new(Making::NEW) };
}

/// A bit for each of the first 63 pages of a machine that it has no more once it is made, as the first one has shown: all are
/// made alike. They don't go into the region, of which they would leave a part touched for nothing.
static PASSING: AtomicU64 = AtomicU64::new(0);

/// Restores where pages went before.
struct Restore(Current);

impl Drop for Restore {
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}

/// The region of a machine. Once that is closed, too, another machine may have it.
#[derive(Default)]
pub(super) struct Owned(Home);

impl Owned {
    /// Runs code that makes a machine, in a region of its own.
    pub fn make<T>(code: impl FnOnce() -> T) -> (T, Owned) {
        let _restore = Restore(CURRENT.replace(Current::New));
        let outer = MAKING.replace(Making::NEW);
        let made = code();
        (made, Owned(Home(MAKING.replace(outer).done())))
    }

    pub fn home(&self) -> Home {
        self.0
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        if let Some(region) = self.0.0 {
            region.leave();
        }
    }
}

impl Home {
    /// Runs code of the machine that lives here.
    pub fn run<T>(self, code: impl FnOnce() -> T) -> T {
        let there = self.0.map_or(Current::System, Current::Region);
        let _restore = Restore(CURRENT.replace(there));
        code()
    }
}

impl Making {
    const NEW: Making = Making { region: None, pages: 0, takers: [0; 64] };

    fn take(&mut self, count: u32) -> Option<NonNull<u8>> {
        let number = self.pages.min(63);
        self.pages = number + 1;
        if PASSING.load(Ordering::Relaxed) >> number & 1 == 1 {
            return None;
        }
        let region = self.region.or_else(Region::new)?;
        self.region = Some(region);
        let place = region.take(count)?;
        self.takers[place as usize..][..count as usize].fill(number);
        Some(region.page(place))
    }

    /// Learns of the first machine; gives the region.
    fn done(self) -> Option<Region> {
        let used = self.region?.made();
        let last = |place: u32| 1 << self.takers[place as usize];
        let places = (0..63).filter(|place| used >> place & 1 == 1);
        let staying: u64 = places.map(last).fold(0, BitOr::bitor);
        let asked = (1 << self.pages.min(63)) - 1;
        let _ = PASSING.compare_exchange(0, asked & !staying, Ordering::Relaxed, Ordering::Relaxed);
        self.region
    }
}

/// How many places a page takes; none if the layout is not that of a page.
#[inline]
fn places(layout: Layout) -> Option<u32> {
    if layout.align() != ALIGN {
        return None;
    }
    match layout.size() + SPARED {
        PLACE => Some(1),
        size if size == 2 * PLACE => Some(2),
        _ => None,
    }
}

/// A page in the current machine's region, if there is one with room.
#[cold]
fn take_page(count: u32) -> Option<NonNull<u8>> {
    match CURRENT.get() {
        Current::System => None,
        Current::Region(region) => region.take(count).map(|place| region.page(place)),
        Current::New => {
            let mut making = MAKING.get();
            let page = making.take(count);
            MAKING.set(making);
            page
        }
    }
}

/// Gives a page back, if it is in a region.
#[cold]
fn give_page(block: *mut u8, count: u32) -> bool {
    let found = Region::of_page(block);
    if let Some((region, place)) = found {
        region.give(place, count);
    }
    found.is_some()
}

// SAFETY: pages lie in regions of their own, one at each place, and are aligned to 64 bytes; which allocator has given a
// block is told by its address. All else is the system's.
unsafe impl GlobalAlloc for Allocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if let Some(page) = places(layout).and_then(take_page) {
            return page.as_ptr();
        }
        // SAFETY: the caller's promise is the same.
        unsafe { System.alloc(layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise is the same.
        unsafe { System.alloc_zeroed(layout) }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if let Some(count) = places(layout)
            && give_page(block, count)
        {
            return;
        }
        // SAFETY: the caller's promise is the same, and the block isn't in a region.
        unsafe { System.dealloc(block, layout) }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if places(layout).is_none() {
            // SAFETY: the caller's promise is the same, and what isn't a page is the system's.
            return unsafe { System.realloc(block, layout, size) };
        }
        // SAFETY: the caller's promise is the same.
        unsafe { move_page(block, layout, size) }
    }
}

/// Resizes a block with a page's layout, wherever it is.
///
/// # Safety
/// That of [`GlobalAlloc::realloc`].
#[cold]
unsafe fn move_page(block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
    // SAFETY: the caller promises that size and alignment make a layout.
    let new = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
    // SAFETY: the caller promises that the size isn't 0.
    let moved = unsafe { Allocator.alloc(new) };
    if !moved.is_null() {
        // SAFETY: both are at least as long, and they are different blocks.
        unsafe { moved.copy_from_nonoverlapping(block, layout.size().min(size)) };
        // SAFETY: the caller's promise is the same.
        unsafe { Allocator.dealloc(block, layout) };
    }
    moved
}

#[cfg(test)]
mod tests;
