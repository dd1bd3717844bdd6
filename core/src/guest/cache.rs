//! Compiled code by what it was compiled from.
//!
//! Engines trust their bytecode: they don't check it. What is here was compiled by this process from
//! source, and goes nowhere else; nothing is read from disk or taken from guests.

use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use crate::error::Result;
use crate::kept::Kept;

/// The most that the code of one engine takes together.
const CACHE_BYTES: usize = 32 << 20;

/// Hash of a module's name and source.
type Key = [u8; 32];

/// What a cache keeps.
pub(crate) trait Code: Clone {
    /// About how much memory it takes.
    fn bytes(&self) -> usize;
}

/// The code of one engine, for all workers of a runtime.
pub(crate) struct Cache<C>(Mutex<Kept<Key, C>>);

impl<C: Code> Default for Cache<C> {
    fn default() -> Cache<C> {
        Cache(Mutex::new(Kept::new(CACHE_BYTES)))
    }
}

impl<C: Code> Cache<C> {
    /// The code of a module: what is here, or else what `compile` makes. A failure isn't kept.
    pub fn get(&self, name: &str, source: &[u8], compile: impl FnOnce() -> Result<C>) -> Result<C> {
        let key = key(name, source);
        if let Some(code) = self.0.lock().get(&key) {
            return Ok(code);
        }
        let code = compile()?;
        let bytes = code.bytes();
        if bytes <= CACHE_BYTES / 4 {
            drop(self.0.lock().put(key, code.clone(), bytes));
        }
        Ok(code)
    }

    /// Drops everything.
    pub fn clear(&self) {
        *self.0.lock() = Kept::new(CACHE_BYTES);
    }
}

fn key(name: &str, source: &[u8]) -> Key {
    let mut hash = Sha256::new();
    hash.update((name.len() as u64).to_le_bytes());
    hash.update(name);
    hash.update(source);
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[derive(Clone, Debug, PartialEq)]
    struct Fake(u32, usize);

    impl Code for Fake {
        fn bytes(&self) -> usize {
            self.1
        }
    }

    #[test]
    fn the_same_source_under_the_same_name_is_compiled_once() -> Result<()> {
        let cache = Cache::default();
        let mut compiled = 0;
        let mut get = |name, source: &str| {
            cache.get(name, source.as_bytes(), || {
                compiled += 1;
                Ok(Fake(compiled, 1))
            })
        };
        assert_eq!(get("a", "x")?, get("a", "x")?);
        assert_ne!(get("a", "x")?, get("a", "y")?);
        assert_ne!(get("a", "bx")?, get("ab", "x")?);
        assert_eq!(compiled, 4);
        Ok(())
    }

    #[test]
    fn a_failure_is_not_kept() {
        let cache = Cache::default();
        assert!(cache.get("a", b"x", || Err(Error::type_error("no"))).is_err());
        assert_eq!(cache.get("a", b"x", || Ok(Fake(1, 1))), Ok(Fake(1, 1)));
    }

    #[test]
    fn what_was_used_least_recently_leaves_when_it_is_full() -> Result<()> {
        let cache = Cache::default();
        let get = |name, fresh| cache.get(name, b"", || Ok(Fake(fresh, CACHE_BYTES / 4)));
        for name in ["a", "b", "c", "d"] {
            get(name, 1)?;
        }
        get("a", 2)?;
        get("e", 1)?;
        assert_eq!((get("a", 2)?.0, get("b", 2)?.0), (1, 2));
        cache.get("huge", b"", || Ok(Fake(1, CACHE_BYTES)))?;
        assert_eq!(get("b", 3)?.0, 2);
        Ok(())
    }
}
