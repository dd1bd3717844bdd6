//! A clock that tests move.

use std::time::Duration;

use pyo3::prelude::*;

use crate::error::{Result, invalid_argument};

/// A clock that stands still until it is moved, for tests of alarms.
///
/// It replaces the wall clock of the runtime that is opened with it: what guests are told as the time,
/// and when alarms are due. Limits and timers go by real time.
#[pyclass(frozen, module = "facetbox")]
pub struct ManualClock(pub facetbox::ManualClock);

#[pymethods]
impl ManualClock {
    #[new]
    fn new(now_ms: i64) -> ManualClock {
        ManualClock(facetbox::ManualClock::new(now_ms))
    }

    /// What it shows, in Unix milliseconds.
    #[getter]
    fn now_ms(&self) -> i64 {
        self.0.now_ms()
    }

    /// Sets it, in Unix milliseconds. Alarms that are due by then fire, unless they are manual.
    fn set_ms(&self, now_ms: i64) {
        self.0.set_ms(now_ms);
    }

    /// Moves it on by seconds or a timedelta. Raises InvalidArgument for less than 0.
    fn advance(&self, by: &Bound<'_, PyAny>) -> Result<()> {
        let seconds = by.extract().ok().and_then(|by| Duration::try_from_secs_f64(by).ok());
        let refuse = || {
            let message =
                "A clock is advanced by a timedelta or a number of seconds from 0 on, got ";
            invalid_argument(format!("{message}{by}."))
        };
        self.0.advance(seconds.or_else(|| by.extract().ok()).ok_or_else(refuse)?);
        Ok(())
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.0)
    }
}
