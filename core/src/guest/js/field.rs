//! Fields of a context through which the engine calls functions of its own. Nothing in its interface sets them, so that their places are
//! found by experiment, as the [countdown](super::countdown)'s is.

#![expect(unsafe_code, reason = "fields of the engine's context that have no interface")]

use std::sync::Arc;

use rquickjs::context::Intrinsic;
use rquickjs::{Context, Ctx, Result, Runtime, qjs};

use super::guard::Guard;
use super::heap::Heap;

/// Finds the only word that contexts of one kind have and those of another haven't, and what it is for.
pub(super) fn find_word<Without: Intrinsic, With: Intrinsic, T>(
    found: impl FnOnce(&Ctx<'_>, usize, usize) -> Result<Option<T>>,
) -> Result<Option<T>> {
    let runtime = Runtime::new_with_alloc(Heap::new(Arc::new(Guard::new())))?;
    let without = Context::custom::<Without>(&runtime)?.with(|ctx| words::<usize>(&ctx));
    Context::custom::<With>(&runtime)?.with(|ctx| {
        let with = words::<usize>(&ctx);
        let mut places =
            (0..with.len().min(without.len())).filter(|at| without[*at] == 0 && with[*at] != 0);
        match places.next().filter(|_| places.next().is_none()) {
            Some(place) => found(&ctx, place, with[place]),
            None => Ok(None),
        }
    })
}

/// Has the field at a place of a context, in words, hold the address of another function.
///
/// # Safety
/// All contexts of its kind have such a field there, for functions of this kind.
pub(super) unsafe fn put(ctx: &Ctx<'_>, place: usize, function: usize) {
    // SAFETY: the caller's promise; the context is alive.
    let field = unsafe { ctx.as_raw().as_ptr().cast::<usize>().add(place) };
    // SAFETY: as above, and only this thread uses the context.
    unsafe { field.write(function) };
}

/// What a context's own memory can be read as: numbers, of which any bits are one.
pub(super) trait Word: Copy {}
impl Word for i32 {}
impl Word for usize {}

/// A context's own memory.
pub(super) fn words<W: Word>(ctx: &Ctx<'_>) -> Vec<W> {
    let context = ctx.as_raw().as_ptr();
    // SAFETY: the context is alive and was allocated as a block of its runtime's heap.
    let size = unsafe { qjs::js_malloc_usable_size(context, context.cast()) };
    let word = |at| {
        // SAFETY: it lies within the block.
        let word = unsafe { context.cast::<W>().add(at) };
        // SAFETY: the block was allocated zeroed, so that each word of it may be read.
        unsafe { word.read_volatile() }
    };
    (0..size as usize / size_of::<W>()).map(word).collect()
}
