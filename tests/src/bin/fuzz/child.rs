//! The process that runs a target: mutates inputs until its time is over.

use std::collections::HashSet;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::mutate::Mutator;
use crate::{Outcome, corpus, targets};

/// How often the parent hears from a child that makes progress.
const REPORT_EVERY: Duration = Duration::from_millis(100);

/// Runs `target` for `time`. The input at work is always in `dir/input`.
///
/// An input whose outcome is new joins those that are mutated: a poor man's coverage, but one that works through
/// engines in other languages.
pub fn run(name: &str, dir: &Path, time: Duration, seed: u64) -> Outcome<()> {
    let mut target = targets::open(name)?;
    let mut pool = corpus::load(name)?;
    let mut mutator = Mutator::new(seed, targets::is_text(name), &pool);
    let file = dir.join("input");
    let (start, mut reported) = (Instant::now(), Instant::now());
    let (mut executions, mut outcomes, seeds) = (0u64, HashSet::new(), pool.len());
    while start.elapsed() < time {
        // Each seed as it is, then mutants.
        let input = match pool.get(executions as usize) {
            Some(input) if executions < seeds as u64 => input.clone(),
            _ => mutator.next(&pool),
        };
        std::fs::write(&file, &input).map_err(|e| format!("{file:?}: {e}"))?;
        let outcome = target.run(&input);
        executions += 1;
        if outcomes.insert(outcome) && executions > seeds as u64 {
            pool.push(input);
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
