//! Proves that nothing acknowledged is lost when a process is killed, the power fails or the disk refuses.
//!
//! Each test prints what it survived and the seed that repeats it.

mod check;
mod cuts;
mod disk;
mod faults;
mod full;
mod kills;
mod medium;
mod model;
mod random;
mod vfs;
mod world;

use std::path::Path;
use std::process::ExitCode;

use facetbox::Durability;

use check::Outcome;

const USAGE: &str = "usage: crash kills COUNT [SEED]      kills a writing process COUNT times
       crash cuts COUNT [SEED]       cuts the power in COUNT lives of a writing process, in mode full
       crash relaxed COUNT [SEED]    the same in mode relaxed: nothing may be corrupt
       crash faults COUNT [SEED]     lets every call fail in a workload of COUNT operations
       crash full DIRECTORY [SEED]   fills the file system of DIRECTORY, a small one";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(summary) => {
            print!("{summary}{}", if summary.is_empty() { "" } else { "\n" });
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("crash: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[&str]) -> Outcome<String> {
    match words {
        ["kills", count] => kills::run(1, number(count)?),
        ["kills", count, seed] => kills::run(number(seed)?, number(count)?),
        ["cuts", count] => cuts::run(1, number(count)?, Durability::Full),
        ["cuts", count, seed] => cuts::run(number(seed)?, number(count)?, Durability::Full),
        ["relaxed", count] => cuts::run(1, number(count)?, Durability::Relaxed),
        ["relaxed", count, seed] => cuts::run(number(seed)?, number(count)?, Durability::Relaxed),
        ["faults", count] => faults::run(1, number(count)? as usize),
        ["faults", count, seed] => faults::run(number(seed)?, number(count)? as usize),
        ["full", dir] => full::run(Path::new(dir), 1),
        ["full", dir, seed] => full::run(Path::new(dir), number(seed)?),
        // The processes that the tests above start.
        ["write", dir, seed, firsts @ ..] => {
            kills::write(Path::new(dir), number(seed)?, &numbers(firsts)?)
        }
        ["write-and-cut", dir, out, seed, mode, firsts @ ..] => {
            let durability = if *mode == "full" { Durability::Full } else { Durability::Relaxed };
            let (dir, out) = (Path::new(dir), Path::new(out));
            cuts::write(dir, out, number(seed)?, durability, &numbers(firsts)?)
        }
        _ => Err(USAGE.into()),
    }
}

/// A temporary directory, in memory where the system has such: for tests that don't depend on the real disk.
fn memory_dir() -> Outcome<tempfile::TempDir> {
    let memory = Path::new("/dev/shm");
    let made = match memory.is_dir() {
        true => tempfile::tempdir_in(memory),
        false => tempfile::tempdir(),
    };
    made.map_err(|e| e.to_string())
}

fn number(word: &str) -> Outcome<u64> {
    word.parse().map_err(|_| format!("{word:?} is not a number\n{USAGE}"))
}

fn numbers(words: &[&str]) -> Outcome<Vec<i64>> {
    words.iter().map(|word| number(word).map(|number| number as i64)).collect()
}
