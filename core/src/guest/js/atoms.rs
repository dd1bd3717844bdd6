//! The engine's table of names.
//!
//! It has no interface, so the place of its fields in a runtime is found by experiment, as the [countdown](super::countdown)'s is.

#![expect(unsafe_code, reason = "fields of the engine's runtime that have no interface")]

use std::hash::{BuildHasher, RandomState};
use std::slice;
use std::sync::Arc;

use rquickjs::allocator::Allocator;
use rquickjs::context::intrinsic;
use rquickjs::{Context, Ctx, Result, Runtime, qjs};

use super::guard::Guard;
use super::heap::Heap;
use crate::guest::crowd;

/// So few names are walked through; of more, a sample is drawn first.
const FEW: usize = 16 << 10;
const SAMPLE: usize = 2_048;

/// Where a runtime has the table's fields, in words of four bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Atoms(usize);

/// The fields behind that place: how many buckets there are, a power of two, how many names, places for names, and names with
/// which there will be twice as many buckets; the index of each bucket's first name, and the names by index.
#[repr(C)]
#[derive(Clone, Copy)]
struct Fields {
    buckets: u32,
    names: u32,
    places: u32,
    resize: u32,
    firsts: *const u32,
    all: *const *const Atom,
}

const WORDS: usize = size_of::<Fields>() / size_of::<u32>();

/// How a name begins.
#[repr(C)]
struct Atom {
    length: u32,
    /// The hash in 28 bits, and what it is a name of in the uppermost two.
    hash: u32,
    /// The index of the next in its chain.
    next: u32,
}

impl Atom {
    /// The hash of a name that is in a chain: symbols aren't.
    fn hash(&self) -> Option<u32> {
        (self.hash >> 30 != 3).then_some(self.hash & 0x0fff_ffff)
    }
}

/// The table of one runtime.
struct Table<'a> {
    names: usize,
    /// The index of each chain's first name, or 0.
    firsts: &'a [u32],
    /// By index; the lowest bit says that a place is free.
    all: &'a [*const Atom],
}

impl Fields {
    fn are_likely(&self) -> bool {
        self.buckets.is_power_of_two()
            && self.resize == 2 * self.buckets
            && (1..=self.resize).contains(&self.names)
            && self.names <= self.places
            && self.places < 1 << 30
    }
}

impl Atoms {
    /// Finds the place. None if an engine has other fields.
    pub fn find() -> Result<Option<Atoms>> {
        let runtime = Runtime::new_with_alloc(Heap::new(Arc::new(Guard::new())))?;
        Ok(Context::custom::<intrinsic::Eval>(&runtime)?.with(|ctx| {
            // SAFETY: the context is alive, so its runtime is.
            let runtime = unsafe { qjs::JS_GetRuntime(ctx.as_raw().as_ptr()) };
            // SAFETY: a runtime is a block of its own of its heap.
            let words = unsafe { Heap::usable_size(runtime.cast()) } / size_of::<u32>();
            let places = (0..words.saturating_sub(WORDS)).step_by(2).map(Atoms);
            // SAFETY: the fields lie within the block, which was allocated zeroed.
            let fields = |place: Atoms| unsafe { place.fields(runtime) };
            let likely: Vec<_> = places
                .map(|place| (place, fields(place)))
                .filter(|(_, has)| has.are_likely())
                .collect();
            let made = Name::new(&ctx, "a name that nothing else has");
            let mut found = likely.into_iter().filter(|(place, before)| {
                let now = fields(*place);
                now.names == before.names + 1 && Atoms::are_told(runtime, now, &made)
            });
            found.next().filter(|_| found.next().is_none()).map(|(place, _)| place)
        }))
    }

    /// Whether fields that are likely to be the table's have a name in its chain.
    fn are_told(runtime: *mut qjs::JSRuntime, fields: Fields, made: &Name<'_, '_>) -> bool {
        let holds = |block: *const qjs::c_void, bytes: usize| {
            // SAFETY: nothing else in a runtime has such numbers before two words, the last of which counts with names.
            bytes <= unsafe { qjs::js_malloc_usable_size_rt(runtime, block) } as usize
        };
        if !holds(fields.firsts.cast(), fields.buckets as usize * size_of::<u32>())
            || !holds(fields.all.cast(), fields.places as usize * size_of::<*const Atom>())
        {
            return false;
        }
        // SAFETY: the blocks have that many words.
        let table = unsafe { Table::of(fields) };
        let at = made.atom as usize;
        let Some(hash) = table.atom(at).and_then(Atom::hash) else { return false };
        let first = table.firsts[hash as usize & (table.firsts.len() - 1)];
        first as usize == at && table.atom(at).is_some_and(|atom| atom.length == made.length)
    }

    /// # Safety
    /// The runtime is alive, and has words behind the place as many as the fields take.
    unsafe fn fields(self, runtime: *mut qjs::JSRuntime) -> Fields {
        // SAFETY: the caller's promise.
        let place = unsafe { runtime.cast::<u32>().add(self.0) };
        // SAFETY: as above; a runtime is aligned to 16 and the place even. Any bits are such fields.
        unsafe { place.cast::<Fields>().read() }
    }

    /// Whether chains are much longer than chance makes them.
    ///
    /// # Safety
    /// The runtime is alive, only this thread uses it, and it isn't about to change the table: it allocates, or asks whether to go on.
    pub unsafe fn are_crowded(self, runtime: *mut qjs::JSRuntime) -> bool {
        // SAFETY: the caller's promise; all runtimes have such fields there.
        let fields = unsafe { self.fields(runtime) };
        let bound = crowd::bound(fields.names as usize);
        if u64::from(fields.names).pow(2) <= bound {
            return false;
        }
        // SAFETY: they are those of a table that nobody changes.
        let table = unsafe { Table::of(fields) };
        (table.names <= FEW || table.estimate() > bound / 2) && table.steps(bound) > bound
    }
}

/// A name that the engine keeps for us.
struct Name<'a, 'js> {
    ctx: &'a Ctx<'js>,
    atom: qjs::JSAtom,
    length: u32,
}

impl<'a, 'js> Name<'a, 'js> {
    fn new(ctx: &'a Ctx<'js>, name: &str) -> Name<'a, 'js> {
        // SAFETY: the context is alive, and the text has so many bytes.
        let atom = unsafe {
            qjs::JS_NewAtomLen(ctx.as_raw().as_ptr(), name.as_ptr().cast(), name.len() as _)
        };
        Name { ctx, atom, length: name.len() as u32 }
    }
}

impl Drop for Name<'_, '_> {
    fn drop(&mut self) {
        // SAFETY: the context is alive, and the reference ours.
        unsafe { qjs::JS_FreeAtom(self.ctx.as_raw().as_ptr(), self.atom) };
    }
}

impl<'a> Table<'a> {
    /// # Safety
    /// The fields are a table's that stays as it is for so long.
    unsafe fn of(fields: Fields) -> Table<'a> {
        // SAFETY: the caller's promise.
        let firsts = unsafe { slice::from_raw_parts(fields.firsts, fields.buckets as usize) };
        // SAFETY: the caller's promise.
        let all = unsafe { slice::from_raw_parts(fields.all, fields.places as usize) };
        Table { names: fields.names as usize, firsts, all }
    }

    /// The name with that index, if there is one.
    fn atom(&self, at: usize) -> Option<&'a Atom> {
        let atom = *self.all.get(at)?;
        // SAFETY: a place that isn't free has a name, which is alive as the table stays as it is.
        (atom.addr() & 1 == 0).then(|| unsafe { &*atom })
    }

    /// The sum of the squares of the lengths of all chains, which isn't counted beyond `most`.
    fn steps(&self, most: u64) -> u64 {
        let mut steps = 0;
        for first in self.firsts {
            let (mut length, mut at) = (0_u64, *first);
            while let Some(atom) = self.atom(at as usize).filter(|_| at != 0) {
                (length, at) = (length + 1, atom.next);
            }
            steps += length * length;
            if steps > most {
                break;
            }
        }
        steps
    }

    /// About that sum, from a sample: two names are the likelier in one chain the longer chains are.
    fn estimate(&self) -> u64 {
        let (mut sample, mut drawn) = ([0; SAMPLE], 0);
        let random = RandomState::new();
        for draw in 0..4 * SAMPLE {
            let at = random.hash_one(draw) as usize % self.all.len();
            if let Some(hash) = self.atom(at).and_then(Atom::hash) {
                sample[drawn] = hash & (self.firsts.len() - 1) as u32;
                drawn += 1;
                if drawn == SAMPLE {
                    break;
                }
            }
        }
        let sample = &mut sample[..drawn];
        sample.sort_unstable();
        let pairs = |same: &[u32]| same.len() * (same.len() - 1) / 2;
        let pairs: usize = sample.chunk_by(|one, other| one == other).map(pairs).sum();
        let all = (self.names as f64 / drawn.max(1) as f64).powi(2);
        (2.0 * pairs as f64 * all) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guest::js::vm::Vm;
    use crate::guest::pool;

    /// Whether the names that code keeps are too many of one hash.
    fn are_crowded(code: &str) -> bool {
        let runtime = crate::Runtime::open_in_memory().unwrap();
        let vm = pool::take::<Vm>(runtime.inner()).unwrap();
        vm.run(|ctx, _| {
            ctx.eval::<(), _>(code).unwrap();
            // SAFETY: the context is alive, so its runtime is.
            let runtime = unsafe { qjs::JS_GetRuntime(ctx.as_raw().as_ptr()) };
            // SAFETY: only this thread uses it, and nothing runs in it.
            unsafe { Atoms::find().unwrap().unwrap().are_crowded(runtime) }
        })
    }

    fn names(count: usize, of: &str) -> String {
        format!("for (let i = 0; i < {count}; i++) kept[{of}] = 1;")
    }

    /// One of the names that have the same hash, by `i`.
    const FLOOD: &str = "String.fromCharCode(0x1000 + i % 180, 0xc000 - 263 * (i % 180) + Math.floor(i / 180), 0xc000 - 263 * Math.floor(i / 180))";

    #[test]
    fn names_that_anybody_uses_are_not_crowded() {
        for of in [
            "`k${i}`",
            "i.toString(16).padStart(32, '0')",
            "`2026-11-${i % 30}T${i}`",
            "`${i % 1000}/${i % 777}/${i}`",
            "String(i / 7)",
            "'x'.repeat(i % 50) + i",
            "Symbol()",
        ] {
            for count in [5_000, 15_000, 150_000] {
                let code = format!("globalThis.kept = {{}}; {}", names(count, of));
                assert!(!are_crowded(&code), "{count} names {of}");
            }
        }
    }

    #[test]
    fn names_of_one_hash_are_crowded_also_among_many_others() {
        let flood = names(6_000, FLOOD);
        assert!(are_crowded(&format!("globalThis.kept = {{}}; {flood}")));
        let some = names(3_000, FLOOD);
        assert!(!are_crowded(&format!("globalThis.kept = {{}}; {some}")));
        let others = names(200_000, "`k${i}`");
        assert!(are_crowded(&format!("globalThis.kept = {{}}; {others}; {flood}")));
        let gone = "for (let i = 0; i < 2e5; i++) delete kept[`k${i}`];";
        assert!(are_crowded(&format!("globalThis.kept = {{}}; {others}; {flood}; {gone}")));
    }
}
