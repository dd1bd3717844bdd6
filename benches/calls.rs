//! What a call, a read and a write cost, beside the floors below them: `make bench`.
//!
//! The repeats of all measurements are interleaved, so that a slow moment of the machine hits all.

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use facetbox::{
    Class, Ctx, Durability, DurableObject, Module, Options, Result, Runtime, Stub, Value,
    WorkerCode,
};

const REPEATS: usize = 9;

/// Time in which the pool makes the machines anew that were taken from it. Short enough that the processor
/// doesn't fall asleep, which would be measured instead.
const REFILL: Duration = Duration::from_millis(4);

const LUAU: &str = r#"
    local App = DurableObject:extend("App")
    function App:empty() end
    function App:get() return self.ctx.storage.kv:get("key") end
    function App:put(value) self.ctx.storage.kv:put("key", value) end
    return { App = App }
"#;

const JAVASCRIPT: &str = r#"
    import { DurableObject } from "cloudflare:workers";
    export class App extends DurableObject {
        empty() {}
        get() { return this.ctx.storage.kv.get("key"); }
        put(value) { this.ctx.storage.kv.put("key", value); }
    }
"#;

/// One operation, measured in batches of `count`.
struct Measurement {
    name: String,
    count: usize,
    run: Box<dyn FnMut(usize) -> Duration>,
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
    let run = Box::new(move |count| {
        let begin = Instant::now();
        (0..count).for_each(|_| operation());
        begin.elapsed()
    });
    Measurement { name: name.into(), count, run, floor, micros: Vec::new() }
}

/// As `measure`, with a pause before each operation that doesn't count.
fn measure_paced(
    name: impl Into<String>,
    count: usize,
    mut operation: impl FnMut() + 'static,
) -> Measurement {
    let mut timed = move || {
        std::thread::sleep(REFILL);
        let begin = Instant::now();
        operation();
        begin.elapsed()
    };
    let run = Box::new(move |count| (0..count).map(|_| timed()).sum());
    Measurement { name: name.into(), count, run, floor: None, micros: Vec::new() }
}

impl Measurement {
    fn repeat(&mut self) {
        let time = (self.run)(self.count);
        self.micros.push(time.as_secs_f64() * 1e6 / self.count as f64);
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

fn guest_class(runtime: &Runtime, name: &str, module: Module) -> Result<Class> {
    let code = WorkerCode {
        main_module: name.to_owned(),
        modules: vec![(name.to_owned(), module)],
        ..WorkerCode::default()
    };
    let worker = runtime.loader().load(code)?;
    Ok(worker.get_durable_object_class("App", Default::default()))
}

/// The two ways in which one guest class is reached.
struct Guest {
    direct: &'static str,
    supervised: &'static str,
}

const LUAU_GUEST: Guest = Guest { direct: "Luau", supervised: "Luau supervised" };
const JS_GUEST: Guest = Guest { direct: "JavaScript", supervised: "JavaScript supervised" };

/// Binds a namespace whose class is the guest's, and one whose supervisor is host code.
fn bind(runtime: &Runtime, guest: &Guest, class: Class) -> Result<()> {
    runtime.namespace(guest.direct, class.clone())?;
    let supervisor = move |ctx, _env| Ok(Supervisor { ctx, class: class.clone() });
    runtime.namespace(guest.supervised, Class::host("Supervisor", supervisor))?;
    Ok(())
}

fn stub(runtime: &Runtime, namespace: &str) -> Result<Stub> {
    Ok(runtime.get_namespace(namespace)?.get_by_name("one"))
}

fn open(directory: &Path, durability: Durability) -> Result<Runtime> {
    let path = Some(directory.join(format!("{durability:?}")));
    let runtime = Runtime::open_with(Options { path, durability, ..Options::default() })?;
    bind(&runtime, &LUAU_GUEST, guest_class(&runtime, "app.luau", Module::Luau(LUAU.into()))?)?;
    bind(&runtime, &JS_GUEST, guest_class(&runtime, "app.js", Module::Js(JAVASCRIPT.into()))?)?;
    Ok(runtime)
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
const JS_CALL: &str = "floor: bare QuickJS call";
const COMMIT_FULL: &str = "floor: SQLite commit, FULL";
const COMMIT_RELAXED: &str = "floor: SQLite commit, NORMAL";

fn measurements(directory: &Path) -> Result<Vec<Measurement>> {
    let full = open(directory, Durability::Full)?;
    let relaxed = open(directory, Durability::Relaxed)?;
    let mut all = vec![
        measure(LUAU_CALL, 20_000, None, bare_luau()),
        measure(JS_CALL, 20_000, None, bare_quickjs()),
        measure(COMMIT_FULL, 100, None, bare_commit(directory, "FULL")),
        measure(COMMIT_RELAXED, 2_000, None, bare_commit(directory, "NORMAL")),
    ];
    for (guest, floor) in [(&LUAU_GUEST, LUAU_CALL), (&JS_GUEST, JS_CALL)] {
        all.extend(of_guest(guest, floor, &full, &relaxed)?);
    }
    Ok(all)
}

fn of_guest(
    guest: &Guest,
    floor: &'static str,
    full: &Runtime,
    relaxed: &Runtime,
) -> Result<Vec<Measurement>> {
    let direct = stub(full, guest.direct)?;
    let supervised = stub(full, guest.supervised)?;
    let relaxed_direct = stub(relaxed, guest.direct)?;
    direct.call_blocking("put", vec!["x".into()])?;
    let name = |operation: &str| format!("{}: {operation}", guest.direct);
    Ok(vec![
        measure(name("empty call"), 20_000, Some(floor), call(&direct, "empty")),
        measure(name("through a supervisor"), 20_000, Some(floor), call(&supervised, "empty")),
        measure(name("kv get"), 20_000, Some(floor), call(&direct, "get")),
        measure(name("kv put, full"), 100, Some(COMMIT_FULL), put(&direct)),
        measure(name("kv put, relaxed"), 2_000, Some(COMMIT_RELAXED), put(&relaxed_direct)),
        measure_paced(name("start from the pool"), 10, start_new(full.clone(), guest.direct)),
        measure(name("start, one after another"), 20, None, start_new(full.clone(), guest.direct)),
        measure(
            name("new app to first write, full"),
            20,
            Some(COMMIT_FULL),
            write_new(full.clone(), guest.supervised),
        ),
        measure(
            name("new app to first write, relaxed"),
            20,
            Some(COMMIT_RELAXED),
            write_new(relaxed.clone(), guest.supervised),
        ),
    ])
}

/// Stubs of objects that never were.
fn new_objects(runtime: Runtime, namespace: &'static str) -> impl FnMut() -> Stub {
    let objects = runtime.get_namespace(namespace).expect("it is bound");
    move || {
        // The runtime is open as long as the measurement is there.
        let _open = &runtime;
        objects.get(&objects.new_unique_id().expect("an id")).expect("a stub")
    }
}

/// Each operation starts an object whose code has been compiled before, and calls it.
fn start_new(runtime: Runtime, namespace: &'static str) -> impl FnMut() + 'static {
    let mut new_object = new_objects(runtime, namespace);
    move || {
        new_object().call_blocking("empty", vec![]).expect("the call works");
    }
}

/// Each operation makes an object with a facet, starts them and writes into the facet's database.
fn write_new(runtime: Runtime, namespace: &'static str) -> impl FnMut() + 'static {
    let mut new_object = new_objects(runtime, namespace);
    move || {
        new_object().call_blocking("put", vec![1.into()]).expect("the call works");
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

/// A function that goes before the context that it lives in.
struct BareQuickJs {
    function: rquickjs::Persistent<rquickjs::Function<'static>>,
    context: rquickjs::Context,
}

impl BareQuickJs {
    fn new() -> rquickjs::Result<BareQuickJs> {
        let context = rquickjs::Context::full(&rquickjs::Runtime::new()?)?;
        let function = context.with(|ctx| {
            let function: rquickjs::Function = ctx.eval("(function () {})")?;
            rquickjs::Result::Ok(rquickjs::Persistent::save(&ctx, function))
        })?;
        Ok(BareQuickJs { function, context })
    }

    fn call(&self) -> rquickjs::Result<()> {
        self.context.with(|ctx| self.function.clone().restore(&ctx)?.call(()))
    }
}

fn bare_quickjs() -> impl FnMut() + 'static {
    let bare = BareQuickJs::new().expect("a function");
    move || bare.call().expect("the call works")
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
    println!("{:<44}{:>12}{:>23}   ratio to its floor", "", "µs", "(lowest - highest)");
    for measurement in all {
        let (low, high) = measurement.range();
        let floor = measurement.floor.and_then(|name| all.iter().find(|m| m.name == name));
        let ratio = floor
            .map_or(String::new(), |floor| format!("{:.2}", measurement.median() / floor.median()));
        let range = format!("({low:.2} - {high:.2})");
        println!("{:<44}{:>12.2}{range:>23}   {ratio}", measurement.name, measurement.median());
    }
}

fn memory_mib() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = total.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) / 1024
}
