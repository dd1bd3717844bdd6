//! Measures hosts, peer and floors beside each other: `bench [part of a name]`, run by `make bench`.
//! `bench check` only tries everything once.
//!
//! The repeats of all measurements are interleaved, each repeat in another order, so that a slow moment of the machine
//! hits all and nothing is always measured after the same other thing. What it prints is in target/bench/summary.json, too
//! (unless it is a part), and in summary.md as a table for docs/performance.md.

use std::collections::HashMap;
use std::error::Error;
use std::path::Path;

use facetbox_benches::{Job, Loop, Measured, Program, Row, Summary, Task, Who, rows};

const REPEATS: usize = 21;

/// How long each repeat of a measurement takes, as far as one operation isn't longer.
const SECONDS: f64 = 0.03;

/// Which part of that goes before, untimed.
const WARMING: usize = 10;

fn main() -> Result<(), Box<dyn Error>> {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    let out = root.join("target/bench");
    std::fs::create_dir_all(&out)?;
    // The target directory's disk: a temporary directory may be in memory.
    let data = tempfile::tempdir_in(&out)?;
    let mut bench = Bench::start(&root, data.path());
    if wanted == "check" {
        return bench.check(&rows());
    }
    let rows: Vec<Row> = rows().into_iter().filter(|row| row.name.contains(&wanted)).collect();
    bench.add(&rows);
    bench.run();
    let summary = bench.summary(&rows);
    print!("{}", summary.text());
    // A part must not take the place of the whole in the documents.
    if wanted.is_empty() {
        std::fs::write(out.join("summary.json"), serde_json::to_string_pretty(&summary)?)?;
        std::fs::write(out.join("summary.md"), summary.markdown())?;
        println!(
            "\nThe same is in target/bench/summary.json and, for docs/performance.md, in target/bench/summary.md."
        );
    }
    match summary.failed() {
        0 => Ok(()),
        failed => Err(format!("{failed} measurements failed").into()),
    }
}

/// The programs that run, and what they measure.
struct Bench {
    programs: HashMap<Who, Program>,
    /// Why programs are missing.
    missing: Vec<(Who, String)>,
    /// Each task once, in the order of the rows.
    tasks: Vec<(String, Task, usize)>,
    measured: HashMap<String, Result<Measured, String>>,
}

/// What tells tasks apart.
fn key(task: &Task) -> String {
    format!("{:?} {} {:?}", task.who, task.each, task.job)
}

impl Bench {
    fn start(root: &Path, data: &Path) -> Bench {
        let (mut programs, mut missing) = (HashMap::new(), Vec::new());
        for who in Who::ALL {
            let started = Program::start(who, root, data).and_then(|mut program| {
                if who != Who::Floors {
                    for job in Job::preparations() {
                        program.ask(&job)?;
                    }
                }
                Ok(program)
            });
            match started {
                Ok(program) => drop(programs.insert(who, program)),
                Err(reason) => missing.push((who, reason)),
            }
        }
        Bench { programs, missing, tasks: Vec::new(), measured: HashMap::new() }
    }

    /// Enters what the rows need, and finds out how often each fits into its time.
    fn add(&mut self, rows: &[Row]) {
        for task in rows.iter().flat_map(Row::tasks) {
            let key = key(task);
            if self.measured.contains_key(&key) || !self.programs.contains_key(&task.who) {
                continue;
            }
            let count = self.calibrate(task);
            let none = count.as_ref().map(|_| Measured::default()).map_err(Clone::clone);
            self.measured.insert(key.clone(), none);
            self.tasks.extend(count.ok().map(|count| (key, task.clone(), count)));
        }
    }

    fn ask(&mut self, task: &Task, count: usize) -> Result<f64, String> {
        let program = self.programs.get_mut(&task.who).ok_or("it isn't there")?;
        program.ask(&Job { count, ..task.job.clone() })
    }

    /// Grows the count until the time is long enough to tell how long others take.
    fn calibrate(&mut self, task: &Task) -> Result<usize, String> {
        let least = least(task);
        self.ask(task, least)?;
        let mut count = least;
        loop {
            let seconds = self.ask(task, count)?;
            if seconds > SECONDS / 4.0 {
                return Ok(((count as f64 * SECONDS / seconds) as usize).max(least));
            }
            count *= 4;
        }
    }

    /// Tries each task once. A peer that isn't there is no failure.
    fn check(mut self, rows: &[Row]) -> Result<(), Box<dyn Error>> {
        self.missing.retain(|(who, _)| *who != Who::Workerd);
        if let Some((who, why)) = self.missing.first() {
            return Err(format!("{}: {why}", who.name()).into());
        }
        for task in rows.iter().flat_map(Row::tasks) {
            if self.programs.contains_key(&task.who) {
                let least = least(task);
                self.ask(task, least).map_err(|error| format!("{task:?}: {error}"))?;
            }
        }
        println!("bench: {} rows can be measured by {} programs", rows.len(), self.programs.len());
        Ok(())
    }

    fn run(&mut self) {
        // Orders are by chance, and the same in each run.
        let mut chance = fastrand::Rng::with_seed(7);
        for _ in 0..REPEATS {
            let mut tasks = self.tasks.clone();
            chance.shuffle(&mut tasks);
            for (key, task, count) in tasks {
                // What has fallen asleep since the last repeat, and what others have taken from the caches, comes
                // back before the time is taken.
                let woken = self.ask(&task, least(&task).max(count / WARMING));
                let seconds = woken.and_then(|_| self.ask(&task, count));
                let micros = seconds.map(|seconds| seconds * 1e6 / (count as f64 * task.each));
                match (self.measured.get_mut(&key), micros) {
                    (Some(Ok(measured)), Ok(micros)) => measured.add(micros),
                    (Some(failed), Err(error)) => *failed = Err(error),
                    _ => {}
                }
            }
        }
    }

    fn summary(&self, rows: &[Row]) -> Summary {
        let find = |task: &Task| self.measured.get(&key(task));
        Summary::new(rows, &self.missing, REPEATS, find)
    }
}

/// The least count: in many objects each is called.
fn least(task: &Task) -> usize {
    match task.job.kind {
        Loop::Parallel => task.job.objects * 2,
        _ => 1,
    }
}
