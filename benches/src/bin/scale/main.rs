//! How costs grow: `scale [objects]`, run by `make scale`.
//!
//! Each part is a process of its own, so that its memory is its own. What it prints is in target/bench/scale.md, too.

mod alarms;
mod big;
mod facets;
mod memory;
mod objects;
mod process;

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use facetbox_benches::machine;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The parts in the order in which they run.
const PARTS: [&str; 13] = [
    "objects",
    "open",
    "alarms",
    "facets luau",
    "facets js",
    "big",
    "memory luau asleep",
    "memory luau empty",
    "memory luau warm",
    "memory js asleep",
    "memory js empty",
    "memory js warm",
    "memory workerd",
];

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["part", part, count, data] => run(part, count.parse()?, Path::new(data)),
        [] => all(100_000),
        [count] => all(count.parse()?),
        _ => Err("usage: scale [objects]".into()),
    }
}

/// Runs each part in a process of its own.
fn all(count: usize) -> Result<()> {
    let out = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench");
    std::fs::create_dir_all(&out)?;
    let data = tempfile::tempdir_in(&out)?;
    let mut table = format!(
        "{}; durability none where nothing else is said.\n\n| what | figure |\n|---|---|\n",
        machine()
    );
    print!("{table}");
    let mut complete = true;
    for part in PARTS {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["part", part, &count.to_string()])
            .arg(data.path())
            .stdout(Stdio::piped())
            .spawn()?;
        for line in BufReader::new(child.stdout.take().ok_or("no output")?).lines() {
            let line = line? + "\n";
            print!("{line}");
            table += &line;
        }
        if !child.wait()?.success() {
            let failed = format!("| {part} | FAILED |\n");
            print!("{failed}");
            table += &failed;
            complete = false;
        }
    }
    std::fs::write(out.join("scale.md"), table)?;
    println!("\nThe same is in target/bench/scale.md.");
    if complete { Ok(()) } else { Err("a part has failed".into()) }
}

fn run(part: &str, count: usize, data: &Path) -> Result<()> {
    let objects = data.join("objects");
    match part.split(' ').collect::<Vec<_>>()[..] {
        ["objects"] => objects::create(&objects, count),
        ["open"] => objects::open(&objects, count),
        ["alarms"] => alarms::fire(&objects),
        ["facets", guest] => facets::touch(&data.join(part), guest),
        ["big"] => big::fill(&data.join("big")),
        ["memory", "workerd"] => memory::of_peer(data),
        ["memory", guest, state] => memory::of_guest(data, guest, state),
        _ => Err(format!("unknown part {part:?}").into()),
    }
}

/// Prints a line of the table.
fn report(what: &str, figure: String) {
    println!("| {what} | {figure} |");
}
