//! One facet with a GiB of data, in values of 1 MiB.

use std::path::Path;
use std::time::Instant;

use facetbox::{
    Class, Durability, LimitsPatch, Options, Runtime, Stub, Value, ValueMap, WorkerCode,
};

use super::{Result, process, report};

const CODE: &str = r#"
local App = DurableObject:extend("App")
function App:put(key, value) self.ctx.storage.kv:put(key, value) end
function App:get(key) return self.ctx.storage.kv:get(key) end
return { App = App }
"#;

fn open_runtime(path: &Path) -> Result<(Runtime, Stub)> {
    let limits = ValueMap::from_iter([("storageBytes", 2_i64 << 30)]);
    let runtime = Runtime::open_with(Options {
        path: Some(path.to_owned()),
        durability: Durability::Relaxed,
        limits: LimitsPatch::from_value(&Value::Map(limits))?,
        ..Options::default()
    })?;
    let worker = runtime.loader().load(WorkerCode::luau(CODE))?;
    let class: Class = worker.get_durable_object_class("App", Default::default());
    let app = runtime.namespace("App", class)?.get_by_name("big");
    Ok((runtime, app))
}

/// Writes 1,024 values of 1 MiB, and reads some.
pub fn fill(path: &Path) -> Result<()> {
    const VALUES: usize = 1_024;
    let (runtime, app) = open_runtime(path)?;
    let mut value = vec![b'x'; 1 << 20];
    for part in [0..VALUES / 8, VALUES / 8..VALUES * 7 / 8, VALUES * 7 / 8..VALUES] {
        let (begin, count) = (Instant::now(), part.len());
        let (first, end) = (part.start, part.end);
        for number in part {
            value[..8].copy_from_slice(&number.to_le_bytes());
            app.call_blocking("put", vec![key(number), value.clone().into()])?;
        }
        report(
            &format!("writing MiB {first} to {end} in values of 1 MiB, durability relaxed, each"),
            format!("{:.1} ms", begin.elapsed().as_secs_f64() * 1e3 / count as f64),
        );
    }
    report("memory after 1 GiB", process::show(process::memory() as f64));
    read(&app, "warm")?;
    runtime.close();

    let begin = Instant::now();
    let (runtime, app) = open_runtime(path)?;
    app.call_blocking("get", vec!["none".into()])?;
    report(
        "opening the runtime and the first read of 1 GiB",
        format!("{:.1} ms", begin.elapsed().as_secs_f64() * 1e3),
    );
    read(&app, "after opening")?;
    runtime.close();
    Ok(())
}

fn key(number: usize) -> Value {
    format!("key {number}").into()
}

fn read(app: &Stub, when: &str) -> Result<()> {
    const READS: usize = 100;
    let begin = Instant::now();
    for number in 0..READS {
        app.call_blocking("get", vec![key(number * 10)])?;
    }
    let millis = begin.elapsed().as_secs_f64() * 1e3 / READS as f64;
    report(&format!("reading a value of 1 MiB from 1 GiB, {when}"), format!("{millis:.1} ms"));
    Ok(())
}
