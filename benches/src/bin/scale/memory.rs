//! Memory of a facet that is warm, and of one that sleeps; of the peer's beside it.

use std::path::Path;

use facetbox_benches::{Guest, Job, Loop, Program, Who};

use super::facets::open_runtime;
use super::{Result, process, report};

/// How much more memory each of so many facets takes.
fn each(path: &Path, guest: Guest, method: &str, max_warm: usize) -> Result<f64> {
    const FACETS: usize = 1_000;
    let runtime = open_runtime(path, guest, max_warm)?;
    let object = runtime.get_namespace("Supervisor")?.get_by_name("one");
    let touch = |number: usize| {
        object.call_blocking(method, vec![format!("facet {number}").into()]).map(drop)
    };
    // The first ones bring in what all share.
    (0..100).try_for_each(touch)?;
    let before = process::memory();
    (100..100 + FACETS).try_for_each(touch)?;
    let more = process::memory().saturating_sub(before);
    runtime.close();
    Ok(more as f64 / FACETS as f64)
}

/// Of a guest language, in one state. What was freed stays with the allocator, so each state has a process.
pub fn of_guest(data: &Path, guest: &str, state: &str) -> Result<()> {
    let (what, method, max_warm) = match state {
        "asleep" => ("a hibernated facet", "put", 16),
        "empty" => ("a warm facet without data", "empty", 10_000),
        "warm" => ("a warm facet with data (target: a tenth of workerd's)", "put", 10_000),
        _ => return Err(format!("unknown state {state:?}").into()),
    };
    let memory = each(&data.join(format!("{guest} {state}")), guest.parse()?, method, max_warm)?;
    report(&format!("{guest}: memory of {what}"), process::show(memory));
    Ok(())
}

/// Of workerd.
pub fn of_peer(data: &Path) -> Result<()> {
    const FACETS: usize = 200;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    let mut peer = match Program::start(Who::Workerd, &root, data) {
        Ok(peer) => peer,
        Err(reason) => return missing(&reason),
    };
    let new = |count| Job {
        kind: Loop::New,
        unique: true,
        count,
        ..Job::call(Guest::Js, "first", vec![])
    };
    if let Err(reason) = peer.ask(&new(20)) {
        return missing(&reason);
    }
    let workerd = process::children(peer.id());
    let memory = || workerd.iter().copied().map(process::memory_of).sum::<u64>();
    let before = memory();
    peer.ask(&new(FACETS))?;
    let each = memory().saturating_sub(before) as f64 / FACETS as f64;
    report("workerd: memory of a warm facet with data", process::show(each));
    Ok(())
}

fn missing(reason: &str) -> Result<()> {
    report("workerd: memory of a warm facet with data", format!("NOT MEASURED: {reason}"));
    Ok(())
}
