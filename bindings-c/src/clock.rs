//! A clock that a test sets.

use std::time::Duration;

use facetbox::ManualClock;

use crate::error::facetbox_error_t;
use crate::guard::guard;
use crate::handle::required;

/// A clock that stands still until it is moved, for tests of alarms. It replaces the wall clock of the
/// runtimes that are opened with it: what `Date.now()` tells guests, and when alarms are due. Limits
/// and timers go by real time.
///
/// Threads: any.
pub struct facetbox_manual_clock_t(ManualClock);

impl facetbox_manual_clock_t {
    /// The clock.
    pub fn get(&self) -> &ManualClock {
        &self.0
    }
}

/// Makes a clock that stands at `now_ms`, in Unix milliseconds.
///
/// Owns: the caller; runtimes that use the clock go on doing so when the handle is freed.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_manual_clock_new(now_ms: i64) -> Option<Box<facetbox_manual_clock_t>> {
    guard(|| Some(Box::new(facetbox_manual_clock_t(ManualClock::new(now_ms)))))
}

/// What the clock shows, in Unix milliseconds.
///
/// Null: answers 0.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_manual_clock_now_ms(clock: Option<&facetbox_manual_clock_t>) -> i64 {
    guard(|| clock.map_or(0, |clock| clock.0.now_ms()))
}

/// Sets the clock. Alarms that are due by then fire, unless the runtime's alarms are manual.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_manual_clock_set_ms(
    clock: Option<&facetbox_manual_clock_t>,
    now_ms: i64,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        required(clock, "clock")?.0.set_ms(now_ms);
        Ok(())
    })
}

/// Moves the clock on by `by_ms` milliseconds. Otherwise as `facetbox_manual_clock_set_ms`.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_manual_clock_advance_ms(
    clock: Option<&facetbox_manual_clock_t>,
    by_ms: u64,
) -> Option<Box<facetbox_error_t>> {
    guard(|| {
        required(clock, "clock")?.0.advance(Duration::from_millis(by_ms));
        Ok(())
    })
}

/// Frees a clock's handle.
///
/// Null: does nothing.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn facetbox_manual_clock_free(clock: Option<Box<facetbox_manual_clock_t>>) {
    guard(|| drop(clock));
}
