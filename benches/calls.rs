//! What a call, a read and a write cost, beside the floors below them: `make bench`.
//!
//! The repeats of all measurements are interleaved, so that a slow moment of the machine hits all.

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use facetbox::{
    Class, Ctx, Durability, DurableObject, Options, Result, Runtime, Stub, Value, WorkerCode,
};

const REPEATS: usize = 9;

const APP: &str = r#"
    local App = DurableObject:extend("App")
    function App:empty() end
    function App:get() return self.ctx.storage.kv:get("key") end
    function App:put(value) self.ctx.storage.kv:put("key", value) end
    return { App = App }
"#;

/// One operation, measured in batches of `count`.
struct Measurement {
    name: String,
    count: usize,
    run: Box<dyn FnMut(usize)>,
    /// The floor that it is compared with.
    floor: Option<&'static str>,
    micros: Vec<f64>,
}

fn measure(
    name: impl Into<String>,
    count: usize,
    floor: Option<&'static str>,
    mut operation: impl FnMut() + 'static,
) -> Measurement {
    let run = Box::new(move |count| (0..count).for_each(|_| operation()));
    Measurement { name: name.into(), count, run, floor, micros: Vec::new() }
}

impl Measurement {
    fn repeat(&mut self) {
        let begin = Instant::now();
        (self.run)(self.count);
        self.micros.push(begin.elapsed().as_secs_f64() * 1e6 / self.count as f64);
    }

    fn median(&self) -> f64 {
        let mut sorted = self.micros.clone();
        sorted.sort_by(f64::total_cmp);
        sorted[sorted.len() / 2]
    }

    fn range(&self) -> (f64, f64) {
        self.micros.iter().fold((f64::MAX, f64::MIN), |(low, high), n| (low.min(*n), high.max(*n)))
    }
}

/// Passes calls on to its facet, as the simplest supervisor does.
struct Supervisor {
    ctx: Ctx,
    class: Class,
}

impl DurableObject for Supervisor {
    fn call(&self, method: &str, args: Vec<Value>) -> Result<Value> {
        let class = self.class.clone();
        self.ctx.facets().get("app", move || Ok(class))?.call_blocking(method, args)
    }
}

fn guest_class(runtime: &Runtime) -> Result<Class> {
    let worker = runtime.loader().load(WorkerCode::luau(APP))?;
    Ok(worker.get_durable_object_class("App", Default::default()))
}

/// An object whose class is the guest's, and one whose supervisor is host code.
fn stubs(runtime: &Runtime) -> Result<(Stub, Stub)> {
    let class = guest_class(runtime)?;
    let direct = runtime.namespace("Guest", class.clone())?.get_by_name("one");
    let supervisor = move |ctx, _env| Ok(Supervisor { ctx, class: class.clone() });
    let supervised = runtime.namespace("Host", Class::host("Supervisor", supervisor))?;
    Ok((direct, supervised.get_by_name("one")))
}

fn open(directory: &Path, durability: Durability) -> Result<Runtime> {
    let path = Some(directory.join(format!("{durability:?}")));
    Runtime::open_with(Options { path, durability, ..Options::default() })
}

fn call(stub: &Stub, method: &'static str) -> impl FnMut() + 'static {
    let stub = stub.clone();
    move || {
        black_box(stub.call_blocking(method, vec![]).expect("the call works"));
    }
}

fn put(stub: &Stub) -> impl FnMut() + 'static {
    let (stub, mut values) = (stub.clone(), values());
    move || {
        let value = values.next().unwrap_or_default();
        stub.call_blocking("put", vec![value.into()]).expect("the call works");
    }
}

/// Texts of 100 bytes, each different: SQLite doesn't write what is there already.
fn values() -> impl Iterator<Item = String> + 'static {
    (0u64..).map(|number| format!("{number:0>100}"))
}

const LUAU_CALL: &str = "floor: bare Luau call";
const COMMIT_FULL: &str = "floor: SQLite commit, FULL";
const COMMIT_RELAXED: &str = "floor: SQLite commit, NORMAL";

fn measurements(directory: &Path) -> Result<Vec<Measurement>> {
    let full = open(directory, Durability::Full)?;
    let relaxed = open(directory, Durability::Relaxed)?;
    let (direct, supervised) = stubs(&full)?;
    let (relaxed_direct, _) = stubs(&relaxed)?;
    direct.call_blocking("put", vec!["x".into()])?;
    Ok(vec![
        measure(LUAU_CALL, 20_000, None, bare_luau()),
        measure("empty call of a guest object", 20_000, Some(LUAU_CALL), call(&direct, "empty")),
        measure(
            "empty call through a supervisor",
            20_000,
            Some(LUAU_CALL),
            call(&supervised, "empty"),
        ),
        measure("kv:get", 20_000, Some(LUAU_CALL), call(&direct, "get")),
        measure(COMMIT_FULL, 100, None, bare_commit(directory, "FULL")),
        measure("kv:put, durability full", 100, Some(COMMIT_FULL), put(&direct)),
        measure(COMMIT_RELAXED, 2_000, None, bare_commit(directory, "NORMAL")),
        measure("kv:put, durability relaxed", 2_000, Some(COMMIT_RELAXED), put(&relaxed_direct)),
        measure("new app to first write, full", 20, Some(COMMIT_FULL), new_apps(full.clone())),
        measure("new app to first write, relaxed", 20, Some(COMMIT_RELAXED), new_apps(relaxed)),
    ])
}

/// Each operation makes an object that never was, starts it and writes into its database.
fn new_apps(runtime: Runtime) -> impl FnMut() + 'static {
    let namespace = runtime.get_namespace("Host").expect("it is bound");
    let mut number = 0;
    move || {
        // The runtime is open as long as the measurement is there.
        let _open = &runtime;
        number += 1;
        let stub = namespace.get_by_name(&format!("app {number}"));
        stub.call_blocking("put", vec![number.into()]).expect("the call works");
    }
}

fn bare_luau() -> impl FnMut() + 'static {
    let lua = mlua::Lua::new();
    lua.sandbox(true).expect("a sandbox");
    let function: mlua::Function = lua.load("return function() end").eval().expect("a function");
    move || {
        // The function belongs to the state.
        let _state = &lua;
        function.call::<()>(()).expect("the call works");
    }
}

/// Commits one small write with the pragmas that the runtime uses.
fn bare_commit(directory: &Path, synchronous: &str) -> impl FnMut() + 'static {
    let database = rusqlite::Connection::open(directory.join(format!("{synchronous}.sqlite")));
    let database = database.expect("a database");
    let setup = format!(
        "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = {synchronous};
         CREATE TABLE kv (key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    );
    database.execute_batch(&setup).expect("the set-up works");
    let mut values = values();
    move || {
        let mut put = database.prepare_cached("INSERT OR REPLACE INTO kv VALUES ('key', ?)");
        put.as_mut().expect("a statement").execute([values.next()]).expect("the write works");
    }
}

fn main() -> Result<()> {
    // The target directory's disk: a temporary directory may be in memory.
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let mut all = measurements(directory.path())?;
    for _ in 0..REPEATS {
        all.iter_mut().for_each(Measurement::repeat);
    }
    print(&all);
    Ok(())
}

fn print(all: &[Measurement]) {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!(
        "\n{cores} cores, {} MiB of memory, median of {REPEATS} interleaved repeats;",
        memory_mib()
    );
    println!("durability full where nothing else is said\n");
    println!("{:<34}{:>12}{:>23}   ratio to its floor", "", "µs", "(lowest - highest)");
    for measurement in all {
        let (low, high) = measurement.range();
        let floor = measurement.floor.and_then(|name| all.iter().find(|m| m.name == name));
        let ratio = floor
            .map_or(String::new(), |floor| format!("{:.2}", measurement.median() / floor.median()));
        let range = format!("({low:.2} - {high:.2})");
        println!("{:<34}{:>12.2}{range:>23}   {ratio}", measurement.name, measurement.median());
    }
}

fn memory_mib() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = total.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) / 1024
}
