//! Many objects on disk: what it costs to make them, to open the runtime, and to find one.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use facetbox::{
    AlarmInfo, Alarms, Class, Ctx, Durability, DurableObject, ManualClock, Namespace, Options,
    Runtime, Value, no_such_method,
};

use super::{Result, process, report};

/// When the alarms' day begins.
pub const BEGIN_MS: i64 = 1_900_000_000_000;
pub const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// How many alarms have rung in this process.
pub static RUNG: AtomicUsize = AtomicUsize::new(0);

/// An object that keeps one value and has one alarm.
struct Thing(Ctx);

impl DurableObject for Thing {
    fn call(&self, method: &str, args: Vec<Value>) -> facetbox::Result<Value> {
        match (method, args.as_slice()) {
            ("create", [Value::Int(time)]) => {
                self.0.storage().kv().put("key", &Value::Int(*time))?;
                self.0.storage().set_alarm(*time)?;
                Ok(Value::Null)
            }
            ("get", []) => Ok(self.0.storage().kv().get("key")?.unwrap_or(Value::Null)),
            _ => Err(no_such_method(method)),
        }
    }

    fn alarm(&self, _info: AlarmInfo) -> facetbox::Result<()> {
        RUNG.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// Opens the runtime with a clock that stands at the day's begin.
pub fn open_runtime(path: &Path) -> Result<(Runtime, Namespace, ManualClock)> {
    let clock = ManualClock::new(BEGIN_MS);
    let runtime = Runtime::open_with(Options {
        path: Some(path.to_owned()),
        durability: Durability::None,
        clock: Some(clock.clone()),
        alarms: Alarms::Manual,
        ..Options::default()
    })?;
    let class = Class::host("Thing", |ctx, _env| Ok(Thing(ctx)));
    let objects = runtime.namespace("Thing", class)?;
    Ok((runtime, objects, clock))
}

/// Makes objects, on as many threads as there are cores, whose alarms are spread over the day.
pub fn create(path: &Path, count: usize) -> Result<()> {
    let (runtime, objects, _) = open_runtime(path)?;
    let mut made = 0;
    for upto in [count / 100, count / 10, count] {
        let begin = Instant::now();
        make(&objects, made..upto, count)?;
        let micros = begin.elapsed().as_secs_f64() * 1e6 / (upto - made) as f64;
        report(
            &format!("making objects {made} to {upto} with an alarm each, each"),
            format!("{micros:.0} µs"),
        );
        made = upto;
        report(&format!("memory after {made} objects"), process::show(process::memory() as f64));
    }
    runtime.close();
    Ok(())
}

fn make(objects: &Namespace, numbers: std::ops::Range<usize>, count: usize) -> Result<()> {
    let threads = std::thread::available_parallelism()?.get();
    let next = AtomicUsize::new(numbers.start);
    std::thread::scope(|scope| {
        let work = || {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= numbers.end {
                    return Ok::<(), facetbox::Error>(());
                }
                let time =
                    BEGIN_MS + 1 + (number as i64 * 7919 % count as i64) * DAY_MS / count as i64;
                objects.get_by_name(&name(number)).call_blocking("create", vec![time.into()])?;
            }
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().expect("no panic"))
    })?;
    Ok(())
}

fn name(number: usize) -> String {
    format!("thing {number}")
}

/// Opens the runtime on them, and finds some.
pub fn open(path: &Path, count: usize) -> Result<()> {
    const SAMPLES: usize = 1_000;
    let before = process::memory();
    let begin = Instant::now();
    let (runtime, objects, _) = open_runtime(path)?;
    report(
        &format!("opening a runtime with {count} objects"),
        format!("{:.1} ms (target: 50 ms for 100,000)", begin.elapsed().as_secs_f64() * 1e3),
    );
    let more = process::memory().saturating_sub(before);
    report("memory that this takes", process::show(more as f64));
    let begin = Instant::now();
    for sample in 0..SAMPLES {
        let number = sample * (count / SAMPLES).max(1) % count;
        objects.get_by_name(&name(number)).call_blocking("get", vec![])?;
    }
    let micros = begin.elapsed().as_secs_f64() * 1e6 / SAMPLES as f64;
    report(&format!("first read of one of {count} objects"), format!("{micros:.0} µs"));
    let begin = Instant::now();
    let page = objects.list(None, SAMPLES)?.len();
    report(
        &format!("listing {page} of {count} objects"),
        format!("{:.1} ms", begin.elapsed().as_secs_f64() * 1e3),
    );
    runtime.close();
    Ok(())
}
