//! What a durable commit costs, of one object and of many at once, beside SQLite alone in mode FULL.
//!
//! `cargo run --release --package facetbox-benches --bin commits`. Rounds of both are interleaved.

use std::path::Path;
use std::time::{Duration, Instant};

use facetbox::{Class, Ctx, DurableObject, Result, Runtime, Stub, Value, no_such_method};

const ROUNDS: usize = 7;
/// Commits of each writer in one round.
const COMMITS: usize = 40;

struct Store(Ctx);

impl DurableObject for Store {
    fn call(&self, method: &str, args: Vec<Value>) -> Result<Value> {
        match (method, args.as_slice()) {
            ("put", [value]) => self.0.storage().kv().put("key", value).map(|()| Value::Null),
            _ => Err(no_such_method(method)),
        }
    }
}

fn main() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let runtime = Runtime::open(dir.path().join("data")).expect("a new directory");
    let class = Class::host("Store", |ctx, _env| Ok(Store(ctx)));
    let stores = runtime.namespace("Store", class).expect("bound");
    println!("{:>8}  {:>12}  {:>12}  {:>6}", "writers", "ours (us)", "SQLite (us)", "ratio");
    for writers in [1, 8, 64] {
        let stubs: Vec<_> =
            (0..writers).map(|n| stores.get_by_name(&format!("{writers}/{n}"))).collect();
        let databases: Vec<_> = (0..writers)
            .map(|n| database(&dir.path().join(format!("{writers}-{n}.sqlite"))))
            .collect();
        measure(stubs, databases);
    }
}

/// A database as an application would have it.
fn database(path: &Path) -> rusqlite::Connection {
    let database = rusqlite::Connection::open(path).expect("a new database");
    let set_up =
        "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
        CREATE TABLE kv(key TEXT PRIMARY KEY, value) WITHOUT ROWID;";
    database.execute_batch(set_up).expect("set up");
    database
}

fn measure(stubs: Vec<Stub>, mut databases: Vec<rusqlite::Connection>) {
    let writers = stubs.len();
    let (mut ours, mut floor) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let our_time = time(stubs.iter().map(|stub| {
            move |n: usize| {
                drop(stub.call_blocking("put", vec![(n as i64).into()]).expect("stored"));
            }
        }));
        let floor_time = time(databases.iter_mut().map(|database| {
            let sql = "INSERT OR REPLACE INTO kv VALUES ('key', ?1)";
            move |n: usize| {
                let mut statement = database.prepare_cached(sql).expect("SQL");
                statement.execute([n as i64]).expect("stored");
            }
        }));
        if round > 0 {
            // The first one warms up.
            ours.push(our_time);
            floor.push(floor_time);
        }
    }
    let micros = |times: &mut Vec<Duration>| {
        times.sort();
        times[times.len() / 2].as_secs_f64() * 1e6 / (writers * COMMITS) as f64
    };
    let (ours, floor) = (micros(&mut ours), micros(&mut floor));
    println!("{writers:>8}  {ours:>12.1}  {floor:>12.1}  {:>6.2}", floor / ours);
}

/// How long it takes until each writer, on a thread of its own, has committed its share.
fn time<W: FnMut(usize) + Send>(writers: impl Iterator<Item = W>) -> Duration {
    let begin = Instant::now();
    std::thread::scope(|scope| {
        for mut write in writers {
            scope.spawn(move || (0..COMMITS).for_each(&mut write));
        }
    });
    begin.elapsed()
}
