//! What is worth keeping while there is room for it.

use std::borrow::Borrow;
use std::hash::Hash;

use lru::LruCache;

/// Values by keys that take so many bytes together at most. What was used least recently leaves first.
pub(crate) struct Kept<K: Hash + Eq, V> {
    by_key: LruCache<K, (V, usize)>,
    bytes: usize,
    max_bytes: usize,
}

impl<K: Hash + Eq, V: Clone> Kept<K, V> {
    pub fn new(max_bytes: usize) -> Kept<K, V> {
        Kept { by_key: LruCache::unbounded(), bytes: 0, max_bytes }
    }

    pub fn get<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.by_key.get(key).map(|(value, _)| value.clone())
    }

    /// Keeps a value that takes so many bytes. Answers what leaves for it, which can be the value itself.
    #[must_use = "dropping a value may take locks"]
    pub fn put(&mut self, key: K, value: V, bytes: usize) -> Vec<V> {
        let mut left = Vec::new();
        self.bytes += bytes;
        if let Some((old, bytes)) = self.by_key.put(key, (value, bytes)) {
            self.bytes -= bytes;
            left.push(old);
        }
        while self.bytes > self.max_bytes {
            let Some((_, (oldest, bytes))) = self.by_key.pop_lru() else { break };
            self.bytes -= bytes;
            left.push(oldest);
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_least_recently_leaves() {
        let mut kept = Kept::new(90);
        for key in ["a", "b", "c"] {
            assert_eq!(kept.put(key, 1, 30), [0; 0]);
        }
        assert_eq!(kept.get("a"), Some(1));
        assert_eq!(kept.put("d", 4, 30), [1]);
        assert_eq!(
            ["a", "b", "c", "d"].map(|key| kept.get(key)),
            [Some(1), None, Some(1), Some(4)]
        );
        assert_eq!(kept.put("d", 5, 31), [4, 1]);
        assert_eq!(["a", "c", "d"].map(|key| kept.get(key)), [None, Some(1), Some(5)]);
    }

    #[test]
    fn what_is_too_large_leaves_with_everything_else() {
        let mut kept = Kept::new(90);
        assert_eq!(kept.put("a", 1, 30), [0; 0]);
        assert_eq!(kept.put("huge", 2, 91), [1, 2]);
        assert_eq!((kept.by_key.len(), kept.bytes), (0, 0));
    }
}
