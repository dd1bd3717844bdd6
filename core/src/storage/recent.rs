//! Small values of the key-value store that were read or written last, so that reading them again needs
//! no statement.
//!
//! The connection is the only one that writes to its database, and only the statements of `kv` write to
//! the store's table, so this stays true if each of them says what it does and every rollback clears it.

use crate::value::Value;

/// Values kept at most.
const KEPT: usize = 16;
/// The longest text kept, and the longest key, in bytes.
const MAX_BYTES: usize = 512;

#[derive(Default)]
pub(super) struct Recent {
    entries: Vec<(String, Value)>,
    /// The entry that gives way to the next one.
    oldest: usize,
}

impl Recent {
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.entries.iter().find(|(known, _)| known == key).map(|(_, value)| value)
    }

    /// Keeps what `key` has now, if it is small.
    pub fn keep(&mut self, key: &str, value: &Value) {
        let small = match value {
            Value::String(text) => text.len() <= MAX_BYTES,
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => true,
            _ => false,
        };
        if !small || key.len() > MAX_BYTES {
            return self.forget(key);
        }
        if let Some((_, kept)) = self.entries.iter_mut().find(|(known, _)| known == key) {
            kept.clone_from(value);
        } else if self.entries.len() < KEPT {
            self.entries.push((key.to_owned(), value.clone()));
        } else {
            self.entries[self.oldest] = (key.to_owned(), value.clone());
            self.oldest = (self.oldest + 1) % KEPT;
        }
    }

    /// Forgets what `key` had.
    pub fn forget(&mut self, key: &str) {
        self.entries.retain(|(known, _)| known != key);
        self.oldest = 0;
    }

    pub fn clear(&mut self) {
        self.entries.clear();
        self.oldest = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_keeps_the_newest_small_values() {
        let mut recent = Recent::default();
        for number in 0..KEPT as i64 + 3 {
            recent.keep(&number.to_string(), &Value::Int(number));
        }
        assert_eq!((recent.get("2"), recent.get("3")), (None, Some(&Value::Int(3))));
        recent.keep("3", &Value::String("x".repeat(MAX_BYTES + 1)));
        assert_eq!(recent.get("3"), None);
        recent.keep("4", &Value::Bool(true));
        assert_eq!(recent.get("4"), Some(&Value::Bool(true)));
        recent.forget("4");
        assert_eq!(recent.get("4"), None);
        recent.clear();
        assert_eq!(recent.get("5"), None);
    }
}
