//! The places that need the log, and since when.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::record::{Change, Record};

/// The places that aren't settled.
#[derive(Default)]
pub(super) struct Places {
    places: BTreeMap<String, Unsettled>,
    /// How many of them begin in each region.
    regions: BTreeMap<u64, usize>,
}

struct Unsettled {
    /// The number of the region with the first record that it needs.
    region: u64,
    /// The sequence of the last one.
    last: u64,
}

impl Places {
    /// The oldest region that any of them needs.
    pub fn oldest(&self) -> Option<u64> {
        self.regions.first_key_value().map(|(region, _)| *region)
    }

    /// Those that need this region or an older one.
    pub fn up_to(&self, region: u64) -> Vec<String> {
        let old = self.places.iter().filter(|(_, place)| place.region <= region);
        old.map(|(place, _)| place.clone()).collect()
    }

    pub fn first(&self) -> Option<&str> {
        self.places.keys().next().map(String::as_str)
    }

    /// The sequence of the last record of a place.
    pub fn last(&self, place: &str) -> Option<u64> {
        self.places.get(place).map(|place| place.last)
    }

    /// Takes account of a record in a region.
    pub fn note(&mut self, record: &Record<'_>, region: u64) {
        match record.change {
            Change::Pages { .. } | Change::Made => {
                if let Some(known) = self.places.get_mut(record.place) {
                    known.last = record.sequence;
                } else {
                    let place = Unsettled { region, last: record.sequence };
                    self.places.insert(record.place.to_owned(), place);
                    *self.regions.entry(region).or_default() += 1;
                }
            }
            Change::Gone | Change::Placed => self.remove_within(record.place),
        }
    }

    /// A place has no need of its records up to a sequence.
    pub fn settle(&mut self, place: &str, sequence: u64) {
        if self.last(place).is_some_and(|last| last <= sequence) {
            self.remove(place);
        }
    }

    /// A place has no need of its records in regions before this one.
    pub fn carry(&mut self, place: &str, region: u64) {
        let Some(known) = self.places.get_mut(place) else { return };
        let before = std::mem::replace(&mut known.region, region);
        *self.regions.entry(region).or_default() += 1;
        self.leave(before);
    }

    /// Removes a place and those below it.
    fn remove_within(&mut self, place: &str) {
        self.remove(place);
        let (first, end) = (format!("{place}/"), format!("{place}0"));
        let below = (Bound::Included(first), Bound::Excluded(end));
        let below: Vec<_> = self.places.range(below).map(|(place, _)| place.clone()).collect();
        below.iter().for_each(|place| self.remove(place));
    }

    fn remove(&mut self, place: &str) {
        let Some(Unsettled { region, .. }) = self.places.remove(place) else { return };
        self.leave(region);
    }

    /// A place less begins in a region.
    fn leave(&mut self, region: u64) {
        if let Some(count) = self.regions.get_mut(&region) {
            *count -= 1;
            if *count == 0 {
                self.regions.remove(&region);
            }
        }
    }
}
