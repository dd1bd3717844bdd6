//! The memory of one machine: counted, and bounded by the guest's limit.

#![expect(unsafe_code, reason = "an allocator hands out raw memory")]

use std::alloc::{Layout, alloc, alloc_zeroed, dealloc, realloc};
use std::mem::replace;
use std::ptr::null_mut;
use std::sync::Arc;

use rquickjs::allocator::Allocator;

use super::guard::{Guard, Refused};
use super::{numbers, variables};
use crate::guest::watchdog::{Interrupt, Stop};

/// Alignment of every block, and the room before each for its size.
const HEADER: usize = 16;

/// The engine keeps small values in arenas of nearly so many bytes. It frees one with the last value in it, so that one
/// value that comes and goes can take an arena each time.
const ARENA: usize = 4096;
/// What has at least so many bytes gets those of an arena, which the next can have.
const NEARLY_ARENA: usize = ARENA - ARENA / 8;
/// Freed arenas that are kept for the next.
const SPARES: usize = 4;

/// Gives memory to one machine and stops it at its limit. QuickJS reports the refused allocation as an
/// error that guest code could catch, so it is stopped beside that.
pub(super) struct Heap {
    guard: Arc<Guard>,
    /// The large block that was given last, if it isn't freed and hasn't been looked at: see [`numbers`].
    last: *mut u8,
    /// Starts of blocks of [`ARENA`] bytes that were freed. They are counted as memory of the machine's no more.
    spares: Vec<*mut u8>,
}

fn layout(size: usize) -> Option<Layout> {
    Layout::from_size_align(size.checked_add(HEADER)?, HEADER).ok()
}

impl Heap {
    pub fn new(guard: Arc<Guard>) -> Heap {
        Heap { guard, last: null_mut(), spares: Vec::with_capacity(SPARES) }
    }

    /// Whether the heap may grow by so many bytes, for a block of then `size` bytes.
    fn may_grow(&self, bytes: usize, size: usize) -> bool {
        let fits = self.guard.heap_grows(bytes, size);
        if !fits {
            self.guard.interrupt(Stop::Memory);
        }
        fits
    }

    /// Looks once at the last large block, before there is another one of `size` bytes. Answers whether that may be given.
    fn passes(&mut self, size: usize) -> bool {
        let last = replace(&mut self.last, null_mut());
        if last.is_null() {
            return true;
        }
        // SAFETY: it was given out and not freed since, or this would be null.
        let (_, last_size) = unsafe { block(last) };
        // SAFETY: as above. Blocks of this kind had their first bytes cleared, and the engine has written what is behind them.
        let is_long = unsafe { numbers::is_long(last, last_size, size) };
        if is_long {
            self.last = last;
            self.guard.refuses(Refused::Number);
        }
        !is_long
    }

    fn give(&mut self, size: usize, is_zeroed: bool) -> *mut u8 {
        let size = if (NEARLY_ARENA..ARENA).contains(&size) { ARENA } else { size };
        let Some(layout) = layout(size) else { return null_mut() };
        let is_large = size >= numbers::LARGE;
        if is_large && !self.passes(size) {
            return null_mut();
        }
        if !self.may_grow(layout.size(), size) {
            return null_mut();
        }
        let spare = if size == ARENA && !is_zeroed { self.spares.pop() } else { None };
        let allocate = if is_zeroed { alloc_zeroed } else { alloc };
        // SAFETY: the layout has at least the header's size, so it isn't empty.
        let block = spare.unwrap_or_else(|| unsafe { allocate(layout) });
        if block.is_null() {
            self.guard.heap_shrinks(layout.size());
            return null_mut();
        }
        // SAFETY: the block is aligned to 16 and begins with a header.
        unsafe { block.cast::<usize>().write(size) };
        // SAFETY: the block is at least a header long.
        let given = unsafe { block.add(HEADER) };
        if is_large && !is_zeroed {
            // SAFETY: it has these bytes, and is aligned to 16.
            unsafe { given.cast::<u128>().write(0) };
            self.last = given;
        }
        given
    }
}

impl Drop for Heap {
    fn drop(&mut self) {
        for start in self.spares.drain(..) {
            let Some(layout) = layout(ARENA) else { return };
            // SAFETY: it was allocated with this layout, and nobody else has it.
            unsafe { dealloc(start, layout) };
        }
    }
}

/// The start of the block behind a pointer that was given out, and its size without the header.
///
/// # Safety
/// The pointer must come from [`Heap::give`] and not have been freed.
unsafe fn block(pointer: *mut u8) -> (*mut u8, usize) {
    // SAFETY: every pointer that was given out has a header before it.
    let start = unsafe { pointer.sub(HEADER) };
    // SAFETY: the header holds the size since it was given out.
    (start, unsafe { start.cast::<usize>().read() })
}

// SAFETY: blocks are aligned to 16 and as large as asked for; their sizes are kept in their headers.
unsafe impl Allocator for Heap {
    fn alloc(&mut self, size: usize) -> *mut u8 {
        self.give(size, false)
    }

    fn calloc(&mut self, count: usize, size: usize) -> *mut u8 {
        match count.checked_mul(size) {
            Some(total) => self.give(total, true),
            None => null_mut(),
        }
    }

    unsafe fn dealloc(&mut self, pointer: *mut u8) {
        // SAFETY: the caller's promise is the same.
        let (start, size) = unsafe { block(pointer) };
        let Some(layout) = layout(size) else { return };
        if pointer == self.last {
            self.last = null_mut();
        }
        if size == ARENA && self.spares.len() < SPARES {
            self.spares.push(start);
        } else {
            // SAFETY: it was allocated with this layout.
            unsafe { dealloc(start, layout) };
        }
        self.guard.heap_shrinks(layout.size());
    }

    unsafe fn realloc(&mut self, pointer: *mut u8, new_size: usize) -> *mut u8 {
        if pointer.is_null() {
            return self.alloc(new_size);
        }
        // SAFETY: the caller's promise is the same.
        let (start, size) = unsafe { block(pointer) };
        let (Some(old), Some(new)) = (layout(size), layout(new_size)) else { return null_mut() };
        let is_last = pointer == self.last;
        if new_size >= numbers::LARGE && new_size > size && !is_last && !self.passes(new_size) {
            return null_mut();
        }
        // SAFETY: the block is alive and has `size` bytes.
        if new_size > size && unsafe { variables::is_table(pointer, size, new_size) } {
            self.guard.refuses(Refused::Variables);
            return null_mut();
        }
        // A number that gets as long as it has turned out to be is looked at later.
        // SAFETY: as in `passes`.
        let is_number = is_last && unsafe { numbers::is_number(pointer, size, new_size) };
        let more = new.size().saturating_sub(old.size());
        if !self.may_grow(more, new_size) {
            return null_mut();
        }
        // SAFETY: it was allocated with the old layout, and the new size isn't 0.
        let block = unsafe { realloc(start, old, new.size()) };
        if block.is_null() {
            self.guard.heap_shrinks(more);
            return null_mut();
        }
        self.guard.heap_shrinks(old.size().saturating_sub(new.size()));
        // SAFETY: the block is aligned to 16 and begins with a header.
        unsafe { block.cast::<usize>().write(new_size) };
        // SAFETY: the block is at least a header long.
        let given = unsafe { block.add(HEADER) };
        if is_last {
            self.last = if is_number { given } else { null_mut() };
        }
        given
    }

    unsafe fn usable_size(pointer: *mut u8) -> usize {
        if pointer.is_null() {
            return 0;
        }
        // SAFETY: the caller's promise is the same.
        unsafe { block(pointer) }.1
    }
}
