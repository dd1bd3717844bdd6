//! Who may touch the files of a database that isn't open.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use parking_lot::{Mutex, MutexGuard};

/// Directories share this many locks, by hash.
const LOCKS: usize = 64;

/// Locks that keep a closed database closed while it is looked at or copied.
///
/// A database is opened under the lock of its directory. Whoever holds one takes no other lock but
/// those of `Disk`, so nothing waits for it in a circle.
pub(super) struct Gates([Mutex<()>; LOCKS]);

impl Default for Gates {
    fn default() -> Gates {
        Gates(std::array::from_fn(|_| Mutex::default()))
    }
}

impl Gates {
    /// Waits until nobody opens the database in `dir` or looks at it closed.
    pub fn lock(&self, dir: &Path) -> MutexGuard<'_, ()> {
        let mut hasher = DefaultHasher::new();
        dir.hash(&mut hasher);
        self.0[hasher.finish() as usize % LOCKS].lock()
    }
}
