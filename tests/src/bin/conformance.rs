//! Runs conformance vectors against the API of a host language and counts what passed.
//!
//! Each case runs in a process of its own, so that a crash or a hang fails that case and not the run. That
//! process is this program for Rust, and for other hosts a program of theirs which takes the same arguments
//! `--guest LANGUAGE --only NAME FILE` and ends likewise: with 0 and no output, with 1 and what failed, or with 3
//! and why the host's language can't express the case.
//!
//! Interpreters take longer to start than most cases. Theirs run some cases in one process, with an `--only` for each,
//! and each of those in a process of its own unless all have passed.

use std::ffi::OsString;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use facetbox_tests::{Case, Guest, Pending, execute, memory, read_cases};

const USAGE: &str =
    "usage: conformance [-v] [--host rust|cpp|go|node|python|aio] [--guest luau|js] [--filter TEXT] [--stack KIB] PATH\n
PATH is a file of vectors or a directory of them.
  -v             names every case
  --filter TEXT  runs only the cases whose name contains TEXT
  --stack KIB    runs each case on a thread with so much stack (host rust)";

/// No case may take longer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// No case may have taken more memory: many times what the limits of any allow its guests.
const MAX_MEMORY: u64 = 512 << 20;

const PENDING: &str = include_str!("../../conformance/pending.txt");

struct Args {
    path: PathBuf,
    host: Host,
    guest: Guest,
    filter: String,
    verbose: bool,
    /// Set in the process of a single case.
    only: Option<String>,
    /// Stack of the thread that runs a case.
    stack_kib: Option<usize>,
}

/// Who runs the cases.
#[derive(Clone, Copy, Debug)]
enum Host {
    Rust,
    Cpp,
    Go,
    Node,
    Python,
    Aio,
}

impl Host {
    const ALL: [Host; 6] = [Host::Rust, Host::Cpp, Host::Go, Host::Node, Host::Python, Host::Aio];

    fn name(self) -> &'static str {
        match self {
            Host::Rust => "rust",
            Host::Cpp => "cpp",
            Host::Go => "go",
            Host::Node => "node",
            Host::Python => "python",
            Host::Aio => "aio",
        }
    }

    /// How many cases its program runs in one process.
    fn at_once(self) -> usize {
        match self {
            Host::Rust | Host::Cpp | Host::Go => 1,
            Host::Node | Host::Python | Host::Aio => 8,
        }
    }

    fn from_name(name: &str) -> Result<Host, String> {
        Host::ALL
            .into_iter()
            .find(|host| host.name() == name)
            .ok_or(format!("there is no runner for host {name:?}"))
    }

    /// The program that runs one case.
    fn command(self) -> Result<Command, String> {
        Ok(match self {
            Host::Rust => Command::new(std::env::current_exe().map_err(|error| error.to_string())?),
            Host::Cpp | Host::Go => {
                let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/c");
                Command::new(programs.join(format!("case-{}", self.name())))
            }
            Host::Node => {
                let mut command = Command::new("node");
                let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
                command.arg(root.join("bindings-node/tests/conformance/case.mjs"));
                command
            }
            Host::Python | Host::Aio => {
                let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
                let mut command = Command::new(root.join("target/python-venv/bin/python"));
                command.env("PYTHONPATH", root.join("bindings-python"));
                command.args(["-m", "conformance", self.name()]);
                command
            }
        })
    }
}

/// How a case ended.
enum Verdict {
    Passed,
    Failed(String),
    /// The host's language can't express it.
    Inexpressible(String),
    Skipped,
}

fn main() -> ExitCode {
    let run = parse(std::env::args().skip(1)).and_then(|args| match &args.only {
        Some(name) => run_one(&args, name),
        None => run_all(&args),
    });
    match run {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("conformance: {message}");
            ExitCode::from(2)
        }
    }
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Args, String> {
    let (mut path, mut guest, mut filter) = (None, Guest::Luau, String::new());
    let mut host = Host::Rust;
    let (mut verbose, mut only, mut stack_kib) = (false, None, None);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value\n{USAGE}"));
        match word.as_str() {
            "-v" => verbose = true,
            "--filter" => filter = value()?,
            "--only" => only = Some(value()?),
            "--stack" => {
                let kib = value()?;
                stack_kib = Some(kib.parse().map_err(|_| format!("{kib:?} is no number of KiB"))?);
            }
            "--host" => host = Host::from_name(&value()?)?,
            "--guest" => {
                let name = value()?;
                guest =
                    Guest::from_name(&name).ok_or(format!("unknown guest language {name:?}"))?;
            }
            _ if path.is_none() && !word.starts_with('-') => path = Some(PathBuf::from(word)),
            _ => return Err(USAGE.into()),
        }
    }
    let path = path.ok_or(USAGE)?;
    Ok(Args { path, host, guest, filter, verbose, only, stack_kib })
}

/// Runs one case in this process and prints what failed.
fn run_one(args: &Args, name: &str) -> Result<bool, String> {
    let cases = read_cases(&args.path)?;
    let named = cases.into_iter().find(|(_, case)| case.name == name);
    let (_, case) = named.ok_or(format!("no case {name:?}"))?;
    let at = Arc::new(Mutex::new(String::new()));
    let (sender, receiver) = mpsc::channel();
    let (guest, now) = (args.guest, at.clone());
    let mut builder = thread::Builder::new();
    if let Some(kib) = args.stack_kib {
        builder = builder.stack_size(kib << 10);
    }
    let run = move || {
        let ended = execute(&case, guest, |step| *now.lock().unwrap() = step);
        let _ = sender.send(ended);
    };
    builder.spawn(run).map_err(|error| error.to_string())?;
    let failure = match receiver.recv_timeout(TIMEOUT) {
        Ok(Ok(())) if memory::peak() <= MAX_MEMORY => return Ok(true),
        Ok(Ok(())) => format!("it took {} MiB of memory", memory::peak() >> 20),
        Ok(Err(failure)) => failure,
        Err(mpsc::RecvTimeoutError::Timeout) => {
            format!("{}\n  did not end within {} s", at.lock().unwrap(), TIMEOUT.as_secs())
        }
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            format!("{}\n  the runner's thread panicked", at.lock().unwrap())
        }
    };
    println!("{failure}");
    // A thread that hangs must not keep the process.
    std::process::exit(1);
}

fn run_all(args: &Args) -> Result<bool, String> {
    let mut cases = read_cases(&args.path)?;
    let pending = Pending::parse(PENDING).map_err(|error| format!("pending.txt: {error}"))?;
    check_names(&cases)?;
    cases.retain(|(_, case)| case.name.contains(&args.filter));
    if cases.is_empty() {
        return Err(format!("no case in {} to run", args.path.display()));
    }
    let verdicts = run_in_parallel(&cases, args)?;
    Ok(report(args, &cases, &verdicts, &pending))
}

fn check_names(cases: &[(PathBuf, Case)]) -> Result<(), String> {
    let mut names: Vec<&str> = cases.iter().map(|(_, case)| case.name.as_str()).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(format!("two cases are named {:?}", pair[0])),
        None => Ok(()),
    }
}

fn run_in_parallel(cases: &[(PathBuf, Case)], args: &Args) -> Result<Vec<Verdict>, String> {
    let next = AtomicUsize::new(0);
    let runs = share_out(cases, args.host.at_once());
    let worker = || {
        let mut verdicts = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(run) = runs.get(index) else { return verdicts };
            verdicts.extend(run.clone().zip(judge(args, &cases[run.clone()])));
        }
    };
    let mut verdicts: Vec<(usize, Verdict)> = thread::scope(|scope| {
        // Most cases wait most of their time.
        let threads = 2 * thread::available_parallelism().map_or(2, usize::from);
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("no worker panics")).collect()
    });
    verdicts.sort_by_key(|(index, _)| *index);
    Ok(verdicts.into_iter().map(|(_, verdict)| verdict).collect())
}

/// Which cases run together: some of one file.
fn share_out(cases: &[(PathBuf, Case)], at_once: usize) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (index, (file, _)) in cases.iter().enumerate() {
        match runs.last_mut() {
            Some(run) if run.len() < at_once && cases[run.start].0 == *file => run.end += 1,
            _ => runs.push(index..index + 1),
        }
    }
    runs
}

/// Runs cases of one file, together and then each by itself unless all have passed.
fn judge(args: &Args, cases: &[(PathBuf, Case)]) -> Vec<Verdict> {
    let has_code = |case: &Case| case.code(args.guest).is_some();
    let names = || cases.iter().filter(|(_, case)| has_code(case)).map(|(_, case)| &*case.name);
    let together = match names().count() {
        0 | 1 => None,
        _ => Some(judge_run(args, &cases[0].0, &names().collect::<Vec<_>>())),
    };
    let passed = matches!(together, Some(Verdict::Passed));
    let verdict = |(file, case): &(PathBuf, Case)| match has_code(case) {
        false => Verdict::Skipped,
        true if passed => Verdict::Passed,
        true => judge_run(args, file, &[&case.name]),
    };
    let mut verdicts: Vec<Verdict> = cases.iter().map(verdict).collect();
    if let Some(Verdict::Failed(failure)) = together
        && !verdicts.iter().any(|verdict| matches!(verdict, Verdict::Failed(_)))
        && let Some(first) = verdicts.iter_mut().find(|it| matches!(it, Verdict::Passed))
    {
        let names = names().collect::<Vec<_>>().join(", ");
        *first =
            Verdict::Failed(format!("one fails in one process with others ({names}):\n{failure}"));
    }
    verdicts
}

/// Runs cases of a file in a process of their own.
fn judge_run(args: &Args, file: &Path, names: &[&str]) -> Verdict {
    match run_watched(args, file, names) {
        Err(error) => Verdict::Failed(format!("no process could be started: {error}")),
        Ok((output, left)) => match judge_output(&output) {
            Verdict::Passed if !left.is_empty() => {
                Verdict::Failed(format!("files outside of the data directory: {left:?}"))
            }
            verdict => verdict,
        },
    }
}

/// Runs the process in a directory that is its current one and that of temporary files; answers what it
/// left there, too.
fn run_watched(
    args: &Args,
    file: &Path,
    names: &[&str],
) -> Result<(Output, Vec<OsString>), String> {
    let told = |error: io::Error| error.to_string();
    let watched = tempfile::tempdir().map_err(told)?;
    let mut command = args.host.command()?;
    command.args(["--guest", args.guest.name()]);
    command.args(names.iter().flat_map(|name| ["--only", name]));
    command.arg(file.canonicalize().map_err(told)?);
    if let Some(kib) = args.stack_kib {
        command.args(["--stack", &kib.to_string()]);
    }
    command.current_dir(&watched);
    for name in ["TMPDIR", "SQLITE_TMPDIR"] {
        command.env(name, watched.path());
    }
    let output = command.output().map_err(told)?;
    let left = std::fs::read_dir(&watched).map_err(told)?;
    let left = left.map(|entry| entry.map(|entry| entry.file_name()));
    Ok((output, left.collect::<io::Result<_>>().map_err(told)?))
}

fn judge_output(output: &Output) -> Verdict {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    let text = String::from_utf8_lossy(&text).trim_end().to_owned();
    match output.status.code() {
        Some(0) if text.is_empty() => Verdict::Passed,
        Some(0) => Verdict::Failed(format!("wrote to the process's own output:\n{text}")),
        Some(1) => Verdict::Failed(text),
        Some(3) => Verdict::Inexpressible(text),
        _ => Verdict::Failed(format!("the process died ({})\n{text}", output.status)),
    }
}

/// Prints the outcome; answers whether the run is good.
fn report(args: &Args, cases: &[(PathBuf, Case)], verdicts: &[Verdict], pending: &Pending) -> bool {
    let (mut passed, mut failed, mut waiting, mut skipped) = (0, 0, 0, Vec::new());
    let mut inexpressible = 0;
    for ((file, case), verdict) in cases.iter().zip(verdicts) {
        let (name, file) = (&case.name, file.display());
        let reason = pending.reason(name);
        match (verdict, reason) {
            (Verdict::Skipped, _) => skipped.push(name.as_str()),
            (Verdict::Inexpressible(reason), _) => {
                inexpressible += 1;
                println!("not expressible: {name}: {reason}");
            }
            (Verdict::Passed, None) => {
                passed += 1;
                if args.verbose {
                    println!("ok      {name}");
                }
            }
            (Verdict::Failed(_), Some(reason)) => {
                waiting += 1;
                println!("pending {name}: {reason}");
            }
            (Verdict::Failed(failure), None) => {
                failed += 1;
                println!("FAILED  {name} ({file})\n  {}", failure.replace('\n', "\n  "));
            }
            (Verdict::Passed, Some(_)) => {
                failed += 1;
                println!(
                    "FAILED  {name} ({file})\n  passes but stands in pending.txt; take it out"
                );
            }
        }
    }
    let (host, guest) = (args.host.name(), args.guest.name());
    if !skipped.is_empty() {
        println!("skipped, no {guest} code: {}", skipped.join(" "));
    }
    println!(
        "host {host}, guest {guest}, {} skipped, {inexpressible} not expressible, {waiting} pending",
        skipped.len()
    );
    println!("{passed} passed, {failed} failed");
    failed == 0
}
