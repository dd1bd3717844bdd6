//! Objects and facets that burn their CPU budget take no more than their share. The only test of its process.

use std::time::Duration;

use facetbox_tests::fairness::{Callers, Kin, measure};

/// One burning object's budget is a second: a call that had to wait for that would take longer than this. The
/// rest is what a machine with other load may add.
const BOUND: Duration = Duration::from_millis(400);
const FACTOR: u32 = 20;
/// Who is unfair is so each time; a machine that pauses isn't.
const ATTEMPTS: usize = 3;

#[test]
fn x002_a_quiet_object_or_facet_answers_beside_burning_ones() {
    for kin in [Kin::Objects, Kin::Siblings] {
        for callers in [Callers::Threads, Callers::Runtime] {
            let alone = measure(kin, callers, 0, 100).unwrap();
            for burners in [1, 4, 16] {
                let bound = BOUND.max(alone.p99 * FACTOR);
                let mut p99s = Vec::new();
                while p99s.last().is_none_or(|p99| *p99 > bound) {
                    assert!(
                        p99s.len() < ATTEMPTS,
                        "{kin:?} {callers:?}: p99s are {p99s:?} beside {burners} burning ones, {:?} without",
                        alone.p99
                    );
                    p99s.push(measure(kin, callers, burners, 200).unwrap().p99);
                }
            }
        }
    }
}
