//! The process that runs a target: mutates inputs until its time is over.

use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use facetbox_tests::memory;

use crate::mutate::Mutator;
use crate::pool::Pool;
use crate::{Outcome, corpus, targets};

/// An input for which the process takes more memory than this is a finding: the guests that it runs may take a few MiB.
const MAX_MEMORY: u64 = 512 << 20;

/// How often the parent hears from a child that makes progress.
const REPORT_EVERY: Duration = Duration::from_millis(100);

/// Runs `target` for `time`. The input at work is always in `dir/input`.
///
/// An input whose outcome is new joins those that are mutated: a poor man's coverage, but one that works through
/// engines in other languages.
pub fn run(name: &str, dir: &Path, time: Duration, seed: u64) -> Outcome<()> {
    let mut target = targets::open(name)?;
    let mut pool = Pool::new(corpus::load(name)?, seed);
    let mut mutator = Mutator::new(seed, targets::is_text(name), pool.seeds());
    let file = dir.join("input");
    let (start, mut reported) = (Instant::now(), Instant::now());
    let (mut executions, mut outcomes) = (0u64, HashSet::new());
    while start.elapsed() < time {
        // Each seed as it is, then mutants.
        let seed = pool.seeds().get(executions as usize).cloned();
        let is_seed = seed.is_some();
        let input = seed.unwrap_or_else(|| mutator.next(pool.inputs()));
        std::fs::write(&file, &input).map_err(|e| format!("{file:?}: {e}"))?;
        let mut outcome = DefaultHasher::new();
        target.run(&input).hash(&mut outcome);
        let peak = memory::peak();
        if peak > MAX_MEMORY {
            return Err(format!("it took {} MiB of memory", peak >> 20));
        }
        executions += 1;
        if outcomes.insert(outcome.finish()) && !is_seed {
            pool.add(input);
        }
        if reported.elapsed() >= REPORT_EVERY {
            report(executions, outcomes.len())?;
            reported = Instant::now();
        }
    }
    report(executions, outcomes.len())
}

fn report(executions: u64, outcomes: usize) -> Outcome<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{executions} {outcomes}").and_then(|()| out.flush()).map_err(|e| e.to_string())
}
