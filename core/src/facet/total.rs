//! How many facets an object has at all levels.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::error::Result;

/// Kept at the root of an object, and unknown until one is added.
#[derive(Clone, Default)]
pub(super) struct Total(Arc<Mutex<Option<u64>>>);

impl Total {
    /// Adds `more` facets, if that leaves no more than `limit` once `replaced` others have gone; how many there are
    /// otherwise. `count` counts those of an object whose total isn't known yet.
    pub fn add(
        &self,
        more: u64,
        replaced: u64,
        limit: u64,
        count: impl FnOnce() -> Result<u64>,
    ) -> Result<Result<Added, u64>> {
        let mut total = self.0.lock();
        let known = match *total {
            Some(known) => known,
            None => *total.insert(count()?),
        };
        if (known + more).saturating_sub(replaced) > limit {
            return Ok(Err(known));
        }
        *total = Some(known + more);
        Ok(Ok(Added { total: self.clone(), facets: more }))
    }

    /// Takes facets out that are gone for good.
    pub fn remove(&self, facets: u64) {
        if let Some(known) = &mut *self.0.lock() {
            *known = known.saturating_sub(facets);
        }
    }
}

/// Facets that count already. Dropped, they don't any more: their creation was rolled back.
pub(super) struct Added {
    total: Total,
    facets: u64,
}

impl Added {
    /// They are there.
    pub fn keep(mut self) {
        self.facets = 0;
    }
}

impl Drop for Added {
    fn drop(&mut self) {
        if self.facets > 0 {
            self.total.remove(self.facets);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unknown() -> Result<u64> {
        panic!("the total is known")
    }

    #[test]
    fn what_was_rolled_back_or_removed_leaves_room() -> Result<()> {
        let total = Total::default();
        total.add(2, 0, 10, || Ok(3))?.expect("5 of 10").keep();
        let added = total.add(5, 0, 10, unknown)?.expect("10 of 10");
        assert_eq!(total.add(1, 0, 10, unknown)?.err(), Some(10));
        drop(added);
        total.add(5, 0, 10, unknown)?.expect("10 of 10").keep();
        total.remove(4);
        assert_eq!(total.add(5, 0, 10, unknown)?.err(), Some(6));
        total.add(4, 0, 10, unknown)?.expect("10 of 10").keep();
        Ok(())
    }

    #[test]
    fn what_replaces_others_needs_no_room_beside_them() -> Result<()> {
        let total = Total::default();
        total.add(6, 0, 10, || Ok(0))?.expect("6 of 10").keep();
        assert_eq!(total.add(6, 1, 10, unknown)?.err(), Some(6));
        total.add(6, 2, 10, unknown)?.expect("10 once 2 have gone").keep();
        total.remove(2);
        assert_eq!(total.add(1, 0, 10, unknown)?.err(), Some(10));
        Ok(())
    }
}
