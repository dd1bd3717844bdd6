//! Where the engine counts down to its next look at the interrupt handler.
//!
//! It looks once in 10,000 calls and loop ends, which is minutes where each iteration multiplies long numbers
//! or compares long texts. The count is a field of the context that nothing in the engine's interface sets, so
//! its place is found by experiment; a guest that has to end gets 0 there and looks at once.

#![expect(unsafe_code, reason = "a field of the engine's context that has no interface")]

use std::sync::Arc;
use std::sync::atomic::AtomicI32;

use rquickjs::context::intrinsic;
use rquickjs::{Context, Ctx, Result, Runtime};

use super::field::words;
use super::guard::Guard;
use super::heap::Heap;

/// How long the loops of the experiment are, which fit into one count together. The first starts the count.
const LOOPS: [i32; 3] = [1, 1000, 300];
/// Calls that are counted beside a loop's ends, at most. Each round of a loop has one end or two.
const CALLS: i32 = 16;
/// What the engine counts down from.
const FROM: i32 = 10_000;

/// The place of the count in a context, in words.
#[derive(Clone, Copy, Debug)]
pub(super) struct Countdown(usize);

impl Countdown {
    /// Finds the word that loops lower by the number of their ends, and no other. None if an engine counts otherwise.
    pub fn find() -> Result<Option<Countdown>> {
        let runtime = Runtime::new_with_alloc(Heap::new(Arc::new(Guard::new())))?;
        Context::custom::<intrinsic::Eval>(&runtime)?.with(|ctx| {
            let mut seen = Vec::new();
            for length in LOOPS {
                ctx.eval::<(), _>(format!("for (let i = 0; i < {length}; i++);"))?;
                seen.push(words::<i32>(&ctx));
            }
            let counts = |at: &usize| {
                let value = |round: usize| seen[round][*at];
                (1..=FROM).contains(&value(0))
                    && (1..LOOPS.len()).all(|round| {
                        let lowered = value(round - 1).wrapping_sub(value(round));
                        (LOOPS[round]..2 * LOOPS[round] + CALLS).contains(&lowered)
                    })
            };
            let mut found = (0..seen[0].len()).filter(counts);
            let place = found.next().filter(|_| found.next().is_none());
            Ok(place.map(Countdown))
        })
    }

    /// The count of a context.
    pub fn of<'a>(self, ctx: &'a Ctx<'_>) -> &'a AtomicI32 {
        // SAFETY: the context is alive and, as all of its kind, has a word there.
        let count = unsafe { ctx.as_raw().as_ptr().cast::<i32>().add(self.0) };
        // SAFETY: it is aligned and lives as long as the context. The engine's own thread may change it at the
        // same time: then a 0 is lost, and the engine looks when it would have.
        unsafe { AtomicI32::from_ptr(count) }
    }
}

#[cfg(test)]
mod tests {
    use super::Countdown;

    #[test]
    fn the_engine_counts_down_in_one_word() {
        assert!(Countdown::find().unwrap().is_some());
    }
}
