//! The regions that machines have their pages in.
//!
//! They are made in order and never unmapped, and nothing here takes a lock, so that a forked child can use them.

use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

use super::{PLACE, system};

/// The size of a region.
const REGION: usize = 1 << 20;
pub(super) const SYSTEM_PAGE: usize = 4096;
/// Where a region's first place is. The header of the page that is there, of 64 bytes, ends with the system's page.
pub(super) const FIRST: usize = SYSTEM_PAGE - 64;
/// As many places as fit, and the mark that a machine has the region.
const PLACES: u64 = (1 << 63) - 1;
const OWNED: u64 = 1 << 63;
/// Regions that there may be; machines beyond them use the system's allocator.
const REGIONS: u32 = 1 << 16;
/// Regions without a machine that keep their memory for the next ones.
const KEPT: u32 = 8;
/// A machine that used so many more places than one has when it is made leaves a region whose memory goes back to the system.
pub(super) const MORE: u32 = 8;

/// A region: a machine's while it is marked so, and until its last page has gone.
#[derive(Clone, Copy)]
pub(super) struct Region(NonNull<Header>);

// SAFETY: what is shared of a region is atomic, and lives as long as the process.
unsafe impl Send for Region {}
// SAFETY: as above.
unsafe impl Sync for Region {}

/// What a region begins with.
struct Header {
    /// A bit for each place that is taken.
    used: AtomicU64,
    /// Places that have been used since the region's memory was the system's.
    touched: AtomicU64,
    /// Those that were when a machine had just been made.
    made: AtomicU64,
    /// The next region of its stack.
    next: AtomicU32,
}

impl Region {
    /// A region for a machine.
    pub fn new() -> Option<Region> {
        let region = ALL.take()?;
        region.header().used.store(OWNED, Ordering::Relaxed);
        Some(region)
    }

    /// The region of a page, and the page's place in it; none if it is elsewhere.
    pub fn of_page(page: *mut u8) -> Option<(Region, u32)> {
        let base = NonNull::new(ALL.base.load(Ordering::Acquire))?;
        let at = page.addr().checked_sub(base.addr().get())?;
        let number = at / REGION;
        let place = (at % REGION).checked_sub(FIRST)? / PLACE;
        (number < REGIONS as usize).then(|| (Region::at(base, number as u32), place as u32))
    }

    fn at(base: NonNull<u8>, number: u32) -> Region {
        // SAFETY: all regions lie in what was reserved at `base`.
        Region(unsafe { base.add(number as usize * REGION) }.cast())
    }

    fn header<'a>(self) -> &'a Header {
        // SAFETY: the header is zeroed when somebody learns of the region, and is never unmapped.
        unsafe { self.0.as_ref() }
    }

    /// Takes so many places beside each other; gives the first.
    pub fn take(self, count: u32) -> Option<u32> {
        let fitting = |used: u64| {
            let free = !used & PLACES;
            let fit = if count == 1 { free } else { free & (free >> 1) };
            (fit != 0).then(|| fit.trailing_zeros())
        };
        let add = |used: u64| fitting(used).map(|place| used | bits(place, count));
        let used = &self.header().used;
        let place = fitting(used.fetch_update(Ordering::Acquire, Ordering::Relaxed, add).ok()?)?;
        self.header().touched.fetch_or(bits(place, count), Ordering::Relaxed);
        Some(place)
    }

    pub fn page(self, place: u32) -> NonNull<u8> {
        // SAFETY: the place is one of those of the region, and within it.
        unsafe { self.0.cast::<u8>().add(FIRST + place as usize * PLACE) }
    }

    /// Gives places back.
    pub fn give(self, place: u32, count: u32) {
        self.clear(bits(place, count));
    }

    /// The machine has been made: these are the places that it has.
    pub fn made(self) -> u64 {
        let header = self.header();
        header.made.store(self.touched(), Ordering::Relaxed);
        self.used()
    }

    /// The machine is about to go.
    pub fn leave(self) {
        self.clear(OWNED);
    }

    pub fn used(self) -> u64 {
        self.header().used.load(Ordering::Relaxed) & PLACES
    }

    pub fn touched(self) -> u64 {
        self.header().touched.load(Ordering::Relaxed)
    }

    /// Without a place that is used, nor a machine, it is another's.
    fn clear(self, bits: u64) {
        if self.header().used.fetch_and(!bits, Ordering::AcqRel) == bits {
            ALL.give(self);
        }
    }
}

fn bits(place: u32, count: u32) -> u64 {
    ((1 << count) - 1) << place
}

struct Regions {
    base: AtomicPtr<u8>,
    made: AtomicU32,
    /// Those without a machine that have kept their memory, and how many they are.
    warm: Stack,
    kept: AtomicU32,
    /// Those whose memory is the system's.
    cold: Stack,
}

/// Regions without a machine: the number of the last one plus one, below how often this was changed.
struct Stack(AtomicU64);

static ALL: Regions = Regions {
    base: AtomicPtr::new(null_mut()),
    made: AtomicU32::new(0),
    warm: Stack(AtomicU64::new(0)),
    kept: AtomicU32::new(0),
    cold: Stack(AtomicU64::new(0)),
};

impl Stack {
    fn pop(&self, base: NonNull<u8>) -> Option<Region> {
        let rest = |head: u64| {
            let last = (head as u32).checked_sub(1)?;
            let next = Region::at(base, last).header().next.load(Ordering::Relaxed);
            Some(changed(head, next))
        };
        let head = self.0.fetch_update(Ordering::Acquire, Ordering::Acquire, rest).ok()?;
        Some(Region::at(base, head as u32 - 1))
    }

    fn push(&self, base: NonNull<u8>, region: Region) {
        let number = (region.0.addr().get() - base.addr().get()) / REGION;
        let more = |head: u64| {
            region.header().next.store(head as u32, Ordering::Relaxed);
            Some(changed(head, number as u32 + 1))
        };
        let _ = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, more);
    }
}

/// A stack whose last region is another one.
fn changed(head: u64, last: u32) -> u64 {
    ((head >> 32).wrapping_add(1) << 32) | u64::from(last)
}

impl Regions {
    /// The region that was left last, or a new one.
    fn take(&self) -> Option<Region> {
        let base = NonNull::new(self.base.load(Ordering::Acquire)).or_else(|| self.reserve())?;
        if let Some(region) = self.warm.pop(base) {
            self.kept.fetch_sub(1, Ordering::Relaxed);
            return Some(region);
        }
        self.cold.pop(base).or_else(|| self.make(base))
    }

    fn make(&self, base: NonNull<u8>) -> Option<Region> {
        let add = |made: u32| (made < REGIONS).then_some(made + 1);
        let number = self.made.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).ok()?;
        let region = Region::at(base, number);
        system::commit(region.0.cast(), REGION).then_some(region)
    }

    /// Keeps a region for the next machine.
    fn give(&self, region: Region) {
        let Some(base) = NonNull::new(self.base.load(Ordering::Acquire)) else { return };
        let header = region.header();
        let more = region.touched() & !header.made.load(Ordering::Relaxed);
        let room = |kept: u32| (kept < KEPT).then_some(kept + 1);
        if more.count_ones() <= MORE
            && self.kept.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).is_ok()
        {
            return self.warm.push(base, region);
        }
        // SAFETY: it is within the region, which has no page in use. Its beginning stays.
        let rest = unsafe { region.0.cast::<u8>().add(SYSTEM_PAGE) };
        system::forget(rest, REGION - SYSTEM_PAGE);
        header.touched.store(0, Ordering::Relaxed);
        self.cold.push(base, region);
    }

    fn reserve(&self) -> Option<NonNull<u8>> {
        const ALL_BYTES: usize = REGIONS as usize * REGION;
        let base = system::reserve(ALL_BYTES)?;
        let (new, set) = (base.as_ptr(), Ordering::AcqRel);
        match self.base.compare_exchange(null_mut(), new, set, Ordering::Acquire) {
            Ok(_) => Some(base),
            Err(other) => {
                system::give_back(base, ALL_BYTES);
                NonNull::new(other)
            }
        }
    }
}
