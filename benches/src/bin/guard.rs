//! A guard that is no timing: it counts the instructions of hot paths and compares them with budgets.
//!
//! `guard` runs itself under callgrind, which collects while the function `measured` is on the stack of a thread: the
//! work of the calling thread alone, without starting, without other threads and without the kernel. Valgrind shows the program a
//! processor of its own making, so counts hardly depend on the machine; they do on compilers, which is what the tolerance is for.
//! `guard update` writes what it has counted into the budgets; `guard only TEXT` counts what has that in its name.

use std::collections::BTreeMap;
use std::env::consts::ARCH;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use facetbox_benches::{Budgets, Guest, Host, Job, Loop, compare_counts, map_of_1_kib};
use serde_json::json;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const BUDGETS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/budgets.toml");

/// Each operation is counted so often; the least counts. The others had the bad luck of a cleared cache, or of a pool
/// that was empty.
const ROUNDS: usize = 3;
/// So often are those counted again that are above their budgets: bad luck may have been in all rounds, such as a collector
/// that what was counted before has brought near its work.
const AGAIN: usize = 2;

/// The operations with `only` in their names: what each does, how many of them are counted together.
fn operations(only: &str) -> Vec<(String, Job)> {
    let mut all = Vec::new();
    for guest in Guest::ALL {
        let mut add = |name: &str, job: Job| {
            // New databases are made ahead in mode full.
            let durability = if job.kind == Loop::New { "full" } else { "relaxed" };
            let job = Job { durability: durability.into(), ..job };
            let name = format!("{} {name}", guest.name());
            if name.contains(only) {
                all.push((name, job));
            }
        };
        let call = |method, args, count| Job { count, ..Job::call(guest, method, args) };
        add("empty call", call("empty", vec![], 200));
        add("map of 1 KiB", call("echo", vec![map_of_1_kib()], 50));
        add("100 host calls", call("callbacks", vec![json!(100)], 2));
        add("100 nested calls", call("nested", vec![json!(100)], 2));
        add("kv get", call("get", vec![], 200));
        add("kv put", call("put", vec![], 50));
        add("insert and select", call("insert", vec![], 50));
        add("select of 1,000 rows", call("select", vec![], 5));
        add("1,000 rows one by one", call("each", vec![], 2));
        add("json of 100 items", call("compute", vec![json!("json"), json!(100)], 20));
        add("transaction of 100 puts", call("transaction", vec![], 20));
        add("call through a supervisor", Job { kind: Loop::Through, ..call("empty", vec![], 100) });
        add("fetch", Job { kind: Loop::Fetch, ..call("fetch", vec![], 50) });
        add("new app", Job { kind: Loop::New, ..call("first", vec![], 1) });
        add("new app, new code", Job { kind: Loop::New, unique: true, ..call("first", vec![], 1) });
        add("wake", Job { kind: Loop::Wake, ..call("empty", vec![], 2) });
    }
    all
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let done = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => compare(""),
        ["only", only] => compare(only),
        ["update"] => update(),
        ["subject", data, only] => subject(Path::new(data), only).map(|()| true),
        _ => Err("usage: guard [update | only TEXT]".into()),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("guard: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What callgrind collects, and dumps into a file of its own each time it ends.
#[inline(never)]
fn measured(host: &mut Host, job: &Job) -> facetbox::Result<Duration> {
    host.measure(job)
}

/// Runs under callgrind.
fn subject(data: &Path, only: &str) -> Result<()> {
    let mut host = Host::new(data);
    for guest in Guest::ALL {
        host.measure(&Job { durability: "relaxed".into(), ..Job::call(guest, "prepare", vec![]) })?;
    }
    for (_, job) in operations(only) {
        host.measure(&Job { count: 2, ..job.clone() })?;
        for _ in 0..ROUNDS {
            if matches!(job.kind, Loop::New | Loop::Wake) {
                // Time for the pool to make machines anew, under valgrind and beside others.
                std::thread::sleep(Duration::from_millis(700));
            }
            measured(&mut host, &job)?;
        }
    }
    Ok(())
}

/// Counts the instructions of each operation.
fn count(only: &str) -> Result<BTreeMap<String, u64>> {
    let directory = tempfile::tempdir()?;
    let out = directory.path().join("out");
    let status = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet"])
        .arg("--toggle-collect=guard::measured")
        .arg("--dump-after=guard::measured")
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(std::env::current_exe()?)
        .arg("subject")
        .arg(directory.path().join("data"))
        .arg(only)
        .status()
        .map_err(|error| format!("valgrind doesn't start: {error}"))?;
    if !status.success() {
        return Err(format!("valgrind ended with {status}").into());
    }
    let mut counts = BTreeMap::new();
    let mut dump = 0;
    for (name, job) in operations(only) {
        let mut least = u64::MAX;
        for _ in 0..ROUNDS {
            dump += 1;
            least = least.min(total(&out, dump)?);
        }
        counts.insert(name, least / job.count as u64);
    }
    Ok(counts)
}

/// The instructions in one dump.
fn total(out: &Path, dump: usize) -> Result<u64> {
    let path = PathBuf::from(format!("{}.{dump}", out.display()));
    let text = std::fs::read_to_string(&path).map_err(|error| format!("dump {dump}: {error}"))?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
    let total: u64 = total.ok_or("a dump without a total")?.trim().parse()?;
    if total == 0 {
        return Err("nothing was collected: is the function `measured` still there?".into());
    }
    Ok(total)
}

/// Compares with the budgets; answers whether all are kept.
fn compare(only: &str) -> Result<bool> {
    let mut budgets = Budgets::read(Path::new(BUDGETS))?;
    let Some(committed) = budgets.of.get_mut(ARCH) else {
        println!("guard: NOTHING WAS COMPARED, there are no budgets for {ARCH}.");
        return Ok(true);
    };
    committed.retain(|name, _| name.contains(only));
    let mut counts = count(only)?;
    for _ in 0..AGAIN {
        for name in compare_counts(committed, &counts, budgets.tolerance)?.above {
            println!("{name} is counted again");
            for (name, again) in count(&name)? {
                counts.entry(name).and_modify(|least| *least = again.min(*least));
            }
        }
    }
    let comparison = compare_counts(committed, &counts, budgets.tolerance)?;
    print!("{}", comparison.table);
    let kept = comparison.above.is_empty();
    if !kept {
        println!("\nInstructions above their budget. If that is meant: make guard UPDATE=1");
    }
    Ok(kept)
}

/// Writes what it counts into the budgets.
fn update() -> Result<bool> {
    let mut budgets = Budgets::read(Path::new(BUDGETS))?;
    budgets.of.insert(ARCH.to_owned(), count("")?);
    budgets.write(Path::new(BUDGETS))?;
    println!("guard: wrote {BUDGETS}");
    Ok(true)
}
