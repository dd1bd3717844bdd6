//! Prints how long a quiet object's calls take beside a guest that has more going on than it waits for, how much memory that
//! takes, and how long the runtime takes to close then. An argument chooses those that have it in their names.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use facetbox::{Class, HostFunction, Options, Result, Runtime, Stub, Value, ValueMap, WorkerCode};
use facetbox_tests::memory;

/// How long each flood goes on.
const TIME: Duration = Duration::from_secs(2);

/// Two calls of the quiet object are so far apart.
const PAUSE: Duration = Duration::from_millis(2);

/// What floods, and the methods of its class. `flood` is called again and again.
const FLOODS: [(&str, &str); 10] = [
    ("nothing", "flood() {}"),
    (
        "900 calls of a function of the host that blocks for 5 ms",
        "flood() { for (let i = 0; i < 900; i++) this.env.block(); }",
    ),
    (
        "999 calls of a function of the host that doesn't answer",
        "flood() { for (let i = 0; i < 999; i++) this.env.hang(); }",
    ),
    (
        "900 calls into an object that doesn't answer",
        "stick() { return this.ctx.blockConcurrencyWhile(() => new Promise(() => {})); }
        flood() {
            const stuck = this.ctx.exports.App.getByName('stuck');
            this.sticks ??= stuck.stick();
            for (let i = 0; i < 900; i++) stuck.ping();
        }",
    ),
    (
        "900 calls into its own object",
        "flood() { const own = this.ctx.exports.App.getByName('flood'); for (let i = 0; i < 900; i++) own.ping(); }",
    ),
    (
        "1,000 timers that set themselves again",
        "flood() {
            const run = () => { setTimeout(run, 0); };
            if (!this.runs) for (let i = 0; i < 1000; i++) run();
            this.runs = true;
        }",
    ),
    (
        "timers that set two others",
        "flood() {
            const run = () => { setTimeout(run, 1); setTimeout(run, 1); };
            if (!this.runs) run();
            this.runs = true;
        }",
    ),
    (
        "10,000 times waitUntil",
        "flood() { for (let i = 0; i < 10000; i++) this.ctx.waitUntil(new Promise((resolve) => setTimeout(resolve, 3000))); }",
    ),
    (
        "900 calls that make new objects",
        "made = 0;
        flood() { for (let i = 0; i < 900; i++) this.ctx.exports.App.getByName(`new ${this.made++}`).ping(); }",
    ),
    (
        "900 calls of facets that burn",
        "burn() { for (;;); }
        flood() {
            for (let i = 0; i < 900; i++) this.ctx.facets.get(`facet ${i}`, () => ({ class: this.ctx.exports.App })).burn();
        }",
    ),
];

fn env() -> ValueMap {
    let block = HostFunction::new("block", |_| {
        thread::sleep(Duration::from_millis(5));
        Ok(Value::Null)
    });
    let hang = HostFunction::new_async("hang", |_| Box::pin(std::future::pending()));
    ValueMap::from_iter([("block", Value::from(block)), ("hang", Value::from(hang))])
}

fn class(runtime: &Runtime, methods: &str) -> Result<Class> {
    let source = format!(
        "import {{ DurableObject }} from 'cloudflare:workers';
        export class App extends DurableObject {{ ping() {{ return true; }} {methods} }}"
    );
    let worker = runtime.loader().load(WorkerCode { env: env(), ..WorkerCode::js(source) })?;
    Ok(worker.get_durable_object_class("App", Default::default()))
}

/// How long calls take until `is_over`, on their caller's thread or on the runtime's.
fn call(stub: &Stub, is_over: &AtomicBool, on_runtime: bool) -> Vec<Duration> {
    let mut times = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        let begun = Instant::now();
        let answer = if on_runtime {
            let (sender, receiver) = mpsc::channel();
            let call = stub.call("ping", vec![]);
            stub.spawn(async move {
                let _ = sender.send(call.await);
            });
            receiver.recv().expect("the call is answered")
        } else {
            stub.call_blocking("ping", vec![])
        };
        answer.expect("the quiet object answers");
        times.push(begun.elapsed());
        thread::sleep(PAUSE);
    }
    times.sort_unstable();
    times
}

fn median_and_p99(times: &[Duration]) -> String {
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e3;
    format!("{:.2}, {:.1}", at(0.5), at(0.99))
}

fn measure(name: &str, methods: &str) -> Result<()> {
    let runtime = Runtime::open_with(Options::default())?;
    let quiet = runtime.namespace("Quiet", class(&runtime, "")?)?.get_by_name("quiet");
    let apps = runtime.namespace("App", class(&runtime, methods)?)?;
    quiet.call_blocking("ping", vec![])?;
    let is_over = Arc::new(AtomicBool::new(false));
    let before = memory::of(std::process::id());
    let caller = |on_runtime: bool| {
        let (quiet, is_over) = (quiet.clone(), is_over.clone());
        thread::spawn(move || call(&quiet, &is_over, on_runtime))
    };
    let (direct, on_runtime) = (caller(false), caller(true));
    let flood = thread::spawn({
        let is_over = is_over.clone();
        move || {
            while !is_over.load(Ordering::Relaxed) {
                // Limits end it: it is called again.
                let _ = apps.get_by_name("flood").call_blocking("flood", vec![]);
            }
        }
    });
    let (begun, mut most) = (Instant::now(), 0);
    while begun.elapsed() < TIME {
        thread::sleep(Duration::from_millis(20));
        most = most.max(memory::of(std::process::id()));
    }
    is_over.store(true, Ordering::Relaxed);
    let (direct, on_runtime) = (direct.join().unwrap(), on_runtime.join().unwrap());
    let closing = Instant::now();
    runtime.close();
    let closed = closing.elapsed();
    flood.join().unwrap();
    println!(
        "{name:<60}{:>14}{:>14}{:>8}{:>8}",
        median_and_p99(&direct),
        median_and_p99(&on_runtime),
        most.saturating_sub(before) >> 20,
        closed.as_millis(),
    );
    Ok(())
}

fn main() -> Result<()> {
    println!("{:<60}{:>14}{:>14}{:>8}{:>8}", "", "caller's, ms", "runtime's, ms", "MiB", "close");
    let only = std::env::args().nth(1).unwrap_or_default();
    let mut floods = FLOODS.into_iter().filter(|(name, _)| name.contains(&only));
    floods.try_for_each(|(name, methods)| measure(name, methods))
}
