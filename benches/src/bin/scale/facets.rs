//! More facets than are kept warm, touched in turn.

use std::path::Path;
use std::time::Instant;

use facetbox::{Class, Ctx, Durability, DurableObject, Options, Runtime, Value};
use facetbox_benches::Guest;

use super::{Result, process, report};

/// Has a facet for each name that it is called with.
pub struct Supervisor {
    ctx: Ctx,
    class: Class,
}

impl DurableObject for Supervisor {
    fn call(&self, method: &str, args: Vec<Value>) -> facetbox::Result<Value> {
        let class = self.class.clone();
        let name = args.first().and_then(Value::as_str).unwrap_or_default();
        self.ctx.facets().get(name, move || Ok(class))?.call_blocking(method, args)
    }
}

/// A runtime whose namespace "Supervisor" runs guests of this language.
pub fn open_runtime(path: &Path, guest: Guest, max_warm: usize) -> Result<Runtime> {
    let runtime = Runtime::open_with(Options {
        path: Some(path.to_owned()),
        durability: Durability::None,
        max_warm: Some(max_warm),
        // Nothing falls asleep but for the cap.
        idle_ms: Some(3_600_000),
        ..Options::default()
    })?;
    let class = guest.load_small(&runtime.loader(), None)?;
    let construct = move |ctx, _env| Ok(Supervisor { ctx, class: class.clone() });
    runtime.namespace("Supervisor", Class::host("Supervisor", construct))?;
    Ok(runtime)
}

/// Touches 10,000 facets in turn: first they are made, then some are woken.
pub fn touch(path: &Path, guest: &str) -> Result<()> {
    const FACETS: usize = 10_000;
    const CAP: usize = 256;
    let runtime = open_runtime(path, guest.parse()?, CAP)?;
    let object = runtime.get_namespace("Supervisor")?.get_by_name("one");
    let parts = [
        ("making", "put", 0..1_000),
        ("making", "put", 1_000..FACETS - 1_000),
        ("making", "put", FACETS - 1_000..FACETS),
        ("waking", "empty", 0..1_000),
    ];
    for (what, method, part) in parts {
        let (begin, count) = (Instant::now(), part.len());
        let (first, end) = (part.start, part.end);
        for number in part {
            object.call_blocking(method, vec![format!("facet {number}").into()])?;
        }
        let micros = begin.elapsed().as_secs_f64() * 1e6 / count as f64;
        let memory = process::show(process::memory() as f64);
        report(
            &format!("{guest}: {what} facets {first} to {end} of an object, {CAP} warm, each"),
            format!("{micros:.0} µs, then {memory} of memory (target: flat)"),
        );
    }
    runtime.close();
    Ok(())
}
