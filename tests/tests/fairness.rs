//! Objects and facets that burn their CPU budget take no more than their share. The only test of its process.

use std::time::Duration;

use facetbox_tests::fairness::{Callers, Kin, measure};

/// One burning object's budget is a second: a call that had to wait for that would take longer than this. The
/// rest is what a machine with other load may add.
const BOUND: Duration = Duration::from_millis(400);
const FACTOR: u32 = 20;

#[test]
fn x002_a_quiet_object_or_facet_answers_beside_burning_ones() {
    for kin in [Kin::Objects, Kin::Siblings] {
        for callers in [Callers::Threads, Callers::Runtime] {
            let alone = measure(kin, callers, 0, 100).unwrap();
            for burners in [1, 4, 16, 300] {
                let beside = measure(kin, callers, burners, 200).unwrap();
                let bound = BOUND.max(alone.p99 * FACTOR);
                assert!(
                    beside.p99 <= bound,
                    "{kin:?} {callers:?}: p99 is {:?} beside {burners} burning ones, {:?} without",
                    beside.p99,
                    alone.p99
                );
            }
        }
    }
}
