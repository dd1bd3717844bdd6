//! A cache by ids that guests choose: there is an end to what it keeps.

use lru::LruCache;

/// The most that what is kept takes together.
const MAX_BYTES: usize = 256 << 20;

/// What was used least recently leaves first.
pub(super) struct Recent<T> {
    by_id: LruCache<String, (T, usize)>,
    bytes: usize,
}

impl<T> Default for Recent<T> {
    fn default() -> Recent<T> {
        Recent { by_id: LruCache::unbounded(), bytes: 0 }
    }
}

impl<T: Clone> Recent<T> {
    pub fn get(&mut self, id: &str) -> Option<T> {
        self.by_id.get(id).map(|(kept, _)| kept.clone())
    }

    /// Keeps something that takes so many bytes, unless there is something of that id, which is the answer then.
    /// What leaves is to be dropped without the lock around this: actors may end with it.
    pub fn insert(&mut self, id: &str, new: T, bytes: usize) -> (T, Vec<T>) {
        if let Some(known) = self.get(id) {
            return (known, vec![new]);
        }
        self.bytes += bytes;
        self.by_id.put(id.to_owned(), (new.clone(), bytes));
        let mut left = Vec::new();
        while self.bytes > MAX_BYTES {
            let Some((_, (oldest, bytes))) = self.by_id.pop_lru() else { break };
            self.bytes -= bytes;
            left.push(oldest);
        }
        (new, left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_stays_and_what_was_used_least_recently_leaves() {
        let mut recent = Recent::default();
        for id in ["a", "b", "c"] {
            assert_eq!(recent.insert(id, 1, MAX_BYTES / 3), (1, vec![]));
        }
        assert_eq!(recent.insert("a", 2, MAX_BYTES / 3), (1, vec![2]));
        assert_eq!(recent.insert("d", 4, MAX_BYTES / 3), (4, vec![1]));
        assert_eq!(
            ["a", "b", "c", "d"].map(|id| recent.get(id)),
            [Some(1), None, Some(1), Some(4)]
        );
        assert_eq!(recent.insert("huge", 5, MAX_BYTES + 1).0, 5);
        assert_eq!((recent.by_id.len(), recent.bytes), (0, 0));
    }
}
