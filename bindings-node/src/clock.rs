//! A clock that tests move.

use std::time::Duration;

use napi_derive::napi;

/// A clock that stands still until it is moved. The JavaScript half checks its arguments.
#[napi]
pub struct ManualClock {
    core: facetbox::ManualClock,
}

impl ManualClock {
    pub(crate) fn core(&self) -> &facetbox::ManualClock {
        &self.core
    }
}

#[napi]
impl ManualClock {
    /// A clock that stands at `now_ms`.
    #[napi(constructor, catch_unwind)]
    pub fn new(now_ms: i64) -> ManualClock {
        ManualClock { core: facetbox::ManualClock::new(now_ms) }
    }

    /// What it shows.
    #[napi(getter, catch_unwind)]
    pub fn now_ms(&self) -> i64 {
        self.core.now_ms()
    }

    /// Sets it.
    #[napi(catch_unwind)]
    pub fn set(&self, now_ms: i64) {
        self.core.set_ms(now_ms);
    }

    /// Moves it on.
    #[napi(catch_unwind)]
    pub fn advance(&self, by_ms: i64) {
        self.core.advance(Duration::from_millis(by_ms.unsigned_abs()));
    }
}
