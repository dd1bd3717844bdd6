//! A day's alarms of many objects, driven by a clock that is set.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::objects::{BEGIN_MS, DAY_MS, RUNG, open_runtime};
use super::{Result, process, report};

/// Lets a day pass, hour by hour.
pub fn fire(path: &Path) -> Result<()> {
    let (runtime, _objects, clock) = open_runtime(path)?;
    let mut hours = Vec::new();
    for _ in 0..24 {
        clock.advance(Duration::from_secs(60 * 60));
        let (begin, before) = (Instant::now(), RUNG.load(Ordering::Relaxed));
        runtime.run_due_alarms()?;
        let rung = RUNG.load(Ordering::Relaxed) - before;
        hours.push(begin.elapsed().as_secs_f64() * 1e6 / rung.max(1) as f64);
    }
    assert_eq!(clock.now_ms(), BEGIN_MS + DAY_MS);
    report("alarms that rang in a day of 24 hours", RUNG.load(Ordering::Relaxed).to_string());
    report("each in the first hour", format!("{:.0} µs", hours[0]));
    report("each in the last hour", format!("{:.0} µs", hours[23]));
    report("memory after that day", process::show(process::memory() as f64));
    runtime.close();
    Ok(())
}
