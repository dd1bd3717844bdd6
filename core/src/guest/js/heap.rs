//! The memory of one machine: counted, and bounded by the guest's limit.

#![expect(unsafe_code, reason = "an allocator hands out raw memory")]

use std::alloc::{Layout, alloc, alloc_zeroed, dealloc, realloc};
use std::ptr::null_mut;
use std::sync::Arc;

use rquickjs::allocator::Allocator;

use super::guard::Guard;
use crate::guest::watchdog::{Interrupt, Stop};

/// Alignment of every block, and the room before each for its size.
const HEADER: usize = 16;

/// Gives memory to one machine and stops it at its limit. QuickJS reports the refused allocation as an
/// error that guest code could catch, so it is stopped beside that.
pub(super) struct Heap(pub Arc<Guard>);

fn layout(size: usize) -> Option<Layout> {
    Layout::from_size_align(size.checked_add(HEADER)?, HEADER).ok()
}

impl Heap {
    /// Whether the heap may grow by so many bytes, for a block of then `size` bytes.
    fn may_grow(&self, bytes: usize, size: usize) -> bool {
        let fits = self.0.heap_grows(bytes, size);
        if !fits {
            self.0.interrupt(Stop::Memory);
        }
        fits
    }

    fn give(&mut self, size: usize, allocate: unsafe fn(Layout) -> *mut u8) -> *mut u8 {
        let Some(layout) = layout(size) else { return null_mut() };
        if !self.may_grow(layout.size(), size) {
            return null_mut();
        }
        // SAFETY: the layout has at least the header's size, so it isn't empty.
        let block = unsafe { allocate(layout) };
        if block.is_null() {
            self.0.heap_shrinks(layout.size());
            return null_mut();
        }
        // SAFETY: the block is aligned to 16 and begins with a header.
        unsafe { block.cast::<usize>().write(size) };
        // SAFETY: the block is at least a header long.
        unsafe { block.add(HEADER) }
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
        self.give(size, alloc)
    }

    fn calloc(&mut self, count: usize, size: usize) -> *mut u8 {
        match count.checked_mul(size) {
            Some(total) => self.give(total, alloc_zeroed),
            None => null_mut(),
        }
    }

    unsafe fn dealloc(&mut self, pointer: *mut u8) {
        // SAFETY: the caller's promise is the same.
        let (start, size) = unsafe { block(pointer) };
        let Some(layout) = layout(size) else { return };
        // SAFETY: it was allocated with this layout.
        unsafe { dealloc(start, layout) };
        self.0.heap_shrinks(layout.size());
    }

    unsafe fn realloc(&mut self, pointer: *mut u8, new_size: usize) -> *mut u8 {
        if pointer.is_null() {
            return self.alloc(new_size);
        }
        // SAFETY: the caller's promise is the same.
        let (start, size) = unsafe { block(pointer) };
        let (Some(old), Some(new)) = (layout(size), layout(new_size)) else { return null_mut() };
        let more = new.size().saturating_sub(old.size());
        if !self.may_grow(more, new_size) {
            return null_mut();
        }
        // SAFETY: it was allocated with the old layout, and the new size isn't 0.
        let block = unsafe { realloc(start, old, new.size()) };
        if block.is_null() {
            self.0.heap_shrinks(more);
            return null_mut();
        }
        self.0.heap_shrinks(old.size().saturating_sub(new.size()));
        // SAFETY: the block is aligned to 16 and begins with a header.
        unsafe { block.cast::<usize>().write(new_size) };
        // SAFETY: the block is at least a header long.
        unsafe { block.add(HEADER) }
    }

    unsafe fn usable_size(pointer: *mut u8) -> usize {
        if pointer.is_null() {
            return 0;
        }
        // SAFETY: the caller's promise is the same.
        unsafe { block(pointer) }.1
    }
}
