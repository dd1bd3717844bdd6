//! Floods that a guest makes for its neighbours: they come between.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, RwLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use facetbox::{HostFunction, Options, Result, Runtime, Value, ValueMap, WorkerCode};

use crate::support::{own, patch};

/// A guest calls a function of the host without waiting, which blocks the runtime's only thread, and others that come
/// meanwhile. What somebody else begins then is polled before most of those calls.
#[test]
fn tasks_come_between_the_calls_that_a_guest_leaves_behind() -> Result<()> {
    const CALLS: usize = 900;
    let runtime = Runtime::open_with(Options { threads: Some(1), ..Options::default() })?;
    let gate = Arc::new(RwLock::new(()));
    let calls = Arc::new(AtomicUsize::new(0));
    let (waits, counts) = (gate.clone(), calls.clone());
    let function = HostFunction::new("function", move |_| {
        drop(waits.read());
        counts.fetch_add(1, Ordering::Relaxed);
        Ok(Value::Null)
    });
    let source = format!(
        "import {{ DurableObject }} from 'cloudflare:workers';
        export class App extends DurableObject {{
            flood() {{ for (let at = 0; at < {CALLS}; at++) this.env.call(); }}
        }}"
    );
    let env = ValueMap::from_iter([("call", Value::from(function))]);
    let loud = own(&runtime, WorkerCode { env, ..WorkerCode::js(source) })?;
    let shut = gate.write().unwrap();
    loud.call_blocking("flood", vec![])?;
    let (tell, told) = mpsc::channel();
    runtime.spawn(async move {
        let _ = tell.send(calls.load(Ordering::Relaxed));
    });
    drop(shut);
    let before = told.recv().unwrap();
    assert!(before <= CALLS / 2, "the task has waited for {before} calls");
    Ok(())
}

/// A guest calls facets that burn, without waiting. They get as many threads as there are cores, and a few more until the
/// runtime has seen that they burn; the others begin when those have ended.
#[test]
fn facets_that_burn_get_as_many_threads_as_there_are_cores() -> Result<()> {
    const FACETS: usize = 300;
    let limits = patch([("cpu_ms", 30_000)])?;
    let runtime = Runtime::open_with(Options { limits, ..Options::default() })?;
    let begun = Arc::new(AtomicUsize::new(0));
    let counts = begun.clone();
    let begin = HostFunction::new("begin", move |_| {
        counts.fetch_add(1, Ordering::Relaxed);
        Ok(Value::Null)
    });
    let source = format!(
        "import {{ DurableObject }} from 'cloudflare:workers';
        export class App extends DurableObject {{
            async burn() {{ await this.env.begin(); for (;;); }}
            flood() {{
                const start = () => ({{ class: this.ctx.exports.App }});
                for (let at = 0; at < {FACETS}; at++) this.ctx.facets.get(`facet ${{at}}`, start).burn();
            }}
        }}"
    );
    let env = ValueMap::from_iter([("begin", Value::from(begin))]);
    own(&runtime, WorkerCode { env, ..WorkerCode::js(source) })?.call_blocking("flood", vec![])?;
    let since = Instant::now();
    while since.elapsed() < Duration::from_secs(2) {
        let (tell, told) = mpsc::channel();
        runtime.spawn(async move {
            let _ = tell.send(());
        });
        told.recv().unwrap();
        thread::sleep(Duration::from_millis(1));
    }
    let most = thread::available_parallelism().map_or(1, usize::from) + 16;
    let begun = begun.load(Ordering::Relaxed);
    assert!((1..=most).contains(&begun), "{begun} of {FACETS} have begun");
    Ok(())
}
