//! Throws mutated inputs at the places where the product reads what others have written.
//!
//! Each target runs in a process of its own, so that an abort, a hang or unbounded memory is a finding like a
//! failed check is. A finding's input is saved, and `fuzz replay` runs it again; once repaired, it belongs into
//! tests/fuzz/<target>, whose files every run begins with.

mod child;
mod corpus;
mod mutate;
mod parent;
mod pool;
mod targets;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use facetbox_tests::memory;

const USAGE: &str =
    "usage: fuzz run SECONDS [SEED] [TARGET...]   fuzzes each target, or those, for so long
       fuzz replay TARGET FILE [TIMES]        runs one input in this process";

type Outcome<T> = Result<T, String>;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("fuzz: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[&str]) -> Outcome<()> {
    match words {
        ["run", seconds] => parent::run(&targets::NAMES, seconds_of(seconds)?, 1),
        ["run", seconds, seed] => parent::run(&targets::NAMES, seconds_of(seconds)?, number(seed)?),
        ["run", seconds, seed, names @ ..] => {
            parent::run(names, seconds_of(seconds)?, number(seed)?)
        }
        ["replay", target, file] => replay(target, file, 1),
        ["replay", target, file, times] => replay(target, file, number(times)?),
        // The process that the above starts.
        ["child", target, dir, milliseconds, seed] => {
            let time = Duration::from_millis(number(milliseconds)?);
            child::run(target, Path::new(dir), time, number(seed)?)
        }
        _ => Err(USAGE.into()),
    }
}

/// Runs one input in this process, so often that a leak would show in the memory that is printed with each outcome.
fn replay(target: &str, file: &str, times: u64) -> Outcome<()> {
    let input = std::fs::read(file).map_err(|e| format!("{file}: {e}"))?;
    let mut target = targets::open(target)?;
    for run in 0..times {
        let outcome = target.run(&input);
        if run.is_multiple_of(times.div_ceil(10)) {
            println!("{} KiB: {outcome}", memory::of(std::process::id()) >> 10);
        }
    }
    Ok(())
}

fn seconds_of(word: &str) -> Outcome<Duration> {
    let seconds: f64 = word.parse().map_err(|_| format!("{word:?} is not a number\n{USAGE}"))?;
    Duration::try_from_secs_f64(seconds).map_err(|e| format!("{word:?} seconds: {e}"))
}

fn number(word: &str) -> Outcome<u64> {
    word.parse().map_err(|_| format!("{word:?} is not a number\n{USAGE}"))
}
