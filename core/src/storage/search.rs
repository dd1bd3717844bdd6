//! What full-text queries may take, by their phrases.
//!
//! FTS5 looks at no limit while it finds out whether a row has what was asked for. It walks through lists of places, a byte
//! each at least: for a `NEAR` of n phrases n times through the lists of all, for a phrase of n words through n of them.
//! So the longer a query is, the shorter its lists. What they are made of isn't known before, and they are made for
//! each row, but the memory that they take is.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

/// Steps that end in time. A step of a `NEAR` takes up to 6 ns.
const STEPS: u64 = 6_000_000;
/// Lists of this length may be in every query.
const LEAST_LIST: u64 = 4 << 10;
/// Words of a query that may have all of a statement's memory: 64 KiB is the most that each reads without a copy.
const FEW_WORDS: u32 = 290;
/// What the words of longer ones get. Each byte is read in up to 2.5 ns.
const MANY_BYTES: i64 = 18 << 20;

/// What a statement may take because of its full-text queries.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bounds {
    /// Bytes of the longest list of places.
    pub list: i64,
    /// Bytes of memory in all.
    pub held: i64,
}

impl Bounds {
    pub const NONE: Bounds = Bounds { list: i64::MAX, held: i64::MAX };

    /// Those of a query whose sets of phrases have such squares, and that has so many words, in phrases of several and
    /// in all.
    fn of(near: u64, in_phrases: u32, words: u32) -> Bounds {
        let steps = near + u64::from(in_phrases / 2);
        let held = if words > FEW_WORDS { MANY_BYTES } else { i64::MAX };
        let list = match STEPS.checked_div(steps) {
            // Those of two phrases are as long as the longest value has places for words at most.
            Some(most) if steps > 4 => (1_u64 << most.max(LEAST_LIST).ilog2()) as i64,
            _ => i64::MAX,
        };
        match near > STEPS / LEAST_LIST {
            true => Bounds { list: 0, held: 0 },
            false => Bounds { list, held },
        }
    }
}

/// A full-text query while it is read. All that is read within one instruction of SQLite's counts as one.
#[derive(Default)]
pub(super) struct Search {
    /// Phrases since the second one of a set, as far as we know.
    phrases: AtomicU32,
    /// The squares of how many phrases each set has, or of one more: whether there are two isn't known before the third.
    near: AtomicU32,
    /// Words in phrases that have several, and in all.
    in_phrases: AtomicU32,
    words: AtomicU32,
    ended: AtomicBool,
}

impl Search {
    /// SQLite has got to the next instruction.
    pub fn end(&self) {
        self.ended.store(true, Relaxed);
    }

    /// Adds a phrase of so many words, or more words of the last phrase; answers what a query with all these is bounded by.
    pub fn add(&self, place: Place, words: u32) -> Bounds {
        if self.ended.swap(false, Relaxed) {
            for count in [&self.phrases, &self.near, &self.in_phrases, &self.words] {
                count.store(0, Relaxed);
            }
        }
        let more = match place {
            Place::Begins => {
                self.phrases.store(1, Relaxed);
                0
            }
            Place::Near => match add(&self.phrases, 1) {
                1 => 0,
                2 => 9,
                phrases => phrases.saturating_mul(2).saturating_add(1),
            },
            Place::SamePhrase => 0,
        };
        let near = add(&self.near, more);
        let is_long = words > 1 || place == Place::SamePhrase;
        let in_phrases = add(&self.in_phrases, if is_long { words } else { 0 });
        Bounds::of(near.into(), in_phrases, add(&self.words, words.max(1)))
    }
}

/// Where words of a query are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Place {
    /// In what comes after the first phrase of a set, when FTS5 makes that: in its second phrase, or in the next set.
    Begins,
    /// In a later phrase of a `NEAR`, or in what comes after that.
    Near,
    /// In the same phrase as those before.
    SamePhrase,
}

fn add(count: &AtomicU32, more: u32) -> u32 {
    let sum = count.load(Relaxed).saturating_add(more);
    count.store(sum, Relaxed);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How SQLite shows sets with so many phrases each.
    fn bounds(sets: &[u32]) -> Bounds {
        let search = Search::default();
        let (mut is_first, mut bounds) = (false, Bounds::NONE);
        for at in sets.iter().flat_map(|count| 0..*count) {
            bounds = search.add(if is_first { Place::Begins } else { Place::Near }, 1);
            is_first = at == 0;
        }
        bounds
    }

    #[test]
    fn the_more_phrases_are_near_each_other_the_shorter_their_lists() {
        assert_eq!(bounds(&[1]), Bounds::NONE);
        assert_eq!(bounds(&[1; 8]), Bounds::NONE);
        assert_eq!(bounds(&[2]), Bounds::NONE);
        let list = |sets: &[u32]| bounds(sets).list;
        assert_eq!(list(&[3]), 512 << 10);
        assert_eq!(list(&[2; 2]), 512 << 10);
        assert_eq!(list(&[8]), 64 << 10);
        assert_eq!(list(&[16]), 16 << 10);
        assert_eq!(list(&[8; 4]), 16 << 10);
        assert_eq!(list(&[38]), 4 << 10);
        assert_eq!(list(&[39]), 0);
        assert_eq!(bounds(&[1; 291]), Bounds { list: i64::MAX, held: MANY_BYTES });
        assert_eq!(Search::default().add(Place::Begins, 24).list, 256 << 10);
        assert_eq!(Search::default().add(Place::Begins, 100).list, 64 << 10);
    }

    #[test]
    fn a_query_begins_after_the_end_of_the_last() {
        let search = Search::default();
        let near = || (0..8).map(|_| search.add(Place::Near, 1)).last();
        let first = near();
        assert_ne!(near(), first);
        search.end();
        assert_eq!(near(), first);
    }
}
