//! The process that watches: it starts a child for each target, and another when that has died.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use facetbox_tests::memory;

use crate::Outcome;

/// A child that is silent for so long waits for something that never comes.
const HANG: Duration = Duration::from_secs(120);
/// One that has worked for so long meanwhile never ends: the limits of the guests it runs are far below.
const HANG_CPU: Duration = Duration::from_secs(15);
/// A child that takes more memory has lost control of it, and may never come to say so itself.
const MAX_MEMORY: u64 = 2 << 30;
/// A target isn't fuzzed any further after so many findings.
const MAX_FINDINGS: usize = 5;
const TICK: Duration = Duration::from_millis(50);

/// Fuzzes targets one after the other; `time` is shared out among them.
pub fn run(names: &[&str], time: Duration, seed: u64) -> Outcome<()> {
    let mut findings = 0;
    for name in names {
        findings += fuzz(name, time / names.len() as u32, seed)?;
    }
    match findings {
        0 => Ok(()),
        count => Err(format!("{count} findings")),
    }
}

/// What a child has done so far.
#[derive(Default)]
struct Progress {
    executions: u64,
    outcomes: u64,
    peak_memory: u64,
}

fn fuzz(name: &str, time: Duration, seed: u64) -> Outcome<usize> {
    let dir = tempfile::tempdir().map_err(|e| e.to_string())?;
    let (start, mut findings, mut executions) = (Instant::now(), 0, 0);
    let (mut outcomes, mut peak) = (0, 0);
    while start.elapsed() < time && findings < MAX_FINDINGS {
        // Each child goes its own way, so that one finding doesn't hide others.
        let seed = seed + findings as u64;
        let left = time.saturating_sub(start.elapsed());
        let (progress, failure) = watch(name, dir.path(), left, seed)?;
        executions += progress.executions;
        outcomes = outcomes.max(progress.outcomes);
        peak = peak.max(progress.peak_memory);
        if let Some(failure) = failure {
            findings += 1;
            let saved = save(name, &dir.path().join("input"))?;
            println!("{name}: FINDING: {failure}; input saved as {}", saved.display());
        }
    }
    println!(
        "{name:<7} {executions:>8} executions, {outcomes:>5} kinds of outcome, {:>4} MiB at most, {findings} findings",
        peak >> 20
    );
    Ok(findings)
}

/// Runs one child to its end. Gives what went wrong, if anything did.
fn watch(name: &str, dir: &Path, time: Duration, seed: u64) -> Outcome<(Progress, Option<String>)> {
    let mut child = start(name, dir, time, seed)?;
    let lines = lines(&mut child);
    let (mut progress, mut heard) = (Progress::default(), (Instant::now(), Duration::ZERO));
    let failure = loop {
        match lines.recv_timeout(TICK) {
            Ok((executions, outcomes)) => {
                (progress.executions, progress.outcomes) = (executions, outcomes);
                heard = (Instant::now(), cpu_of(child.id()));
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break None,
        }
        let memory = memory::of(child.id());
        progress.peak_memory = progress.peak_memory.max(memory);
        if memory > MAX_MEMORY {
            break Some(format!("it took {} MiB of memory", memory >> 20));
        }
        if heard.0.elapsed() > HANG || cpu_of(child.id()).saturating_sub(heard.1) > HANG_CPU {
            break Some(format!("it hung for {} s", heard.0.elapsed().as_secs()));
        }
    };
    if failure.is_some() {
        child.kill().map_err(|e| e.to_string())?;
    }
    let status = child.wait().map_err(|e| e.to_string())?;
    Ok((progress, failure.or_else(|| died(status)).or_else(|| strays(dir))))
}

fn died(status: ExitStatus) -> Option<String> {
    (!status.success()).then(|| format!("it died: {status}"))
}

/// Files that a child has made where it worked: no input may have that effect.
fn strays(dir: &Path) -> Option<String> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok);
    let stray = entries.map(|entry| entry.file_name()).find(|name| name != "input")?;
    Some(format!("it made the file {stray:?}"))
}

fn start(name: &str, dir: &Path, time: Duration, seed: u64) -> Outcome<Child> {
    let program = std::env::current_exe().map_err(|e| e.to_string())?;
    Command::new(program)
        .args(["child", name])
        .arg(dir)
        .current_dir(dir)
        .args([time.as_millis().to_string(), seed.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| format!("a child can't start: {e}"))
}

/// What a child reports: executions and kinds of outcome.
fn lines(child: &mut Child) -> mpsc::Receiver<(u64, u64)> {
    let (sender, receiver) = mpsc::channel();
    let output = child.stdout.take();
    std::thread::spawn(move || {
        for line in output.into_iter().flat_map(|output| BufReader::new(output).lines()) {
            let Ok(line) = line else { break };
            let numbers = line.split_once(' ').and_then(|(executions, outcomes)| {
                Some((executions.parse().ok()?, outcomes.parse().ok()?))
            });
            if let Some(numbers) = numbers
                && sender.send(numbers).is_err()
            {
                break;
            }
        }
    });
    receiver
}

/// CPU time that a process has used; 0 where the system doesn't tell.
fn cpu_of(process: u32) -> Duration {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // After the name, which may contain anything, the fields 14 and 15 in ticks of 10 ms.
    let fields = text.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace();
    let ticks = fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok());
    Duration::from_millis(10 * ticks.sum::<u64>())
}

/// Keeps the input of a finding.
fn save(name: &str, input: &Path) -> Outcome<PathBuf> {
    let dir = Path::new("target/fuzz");
    std::fs::create_dir_all(dir).map_err(|e| e.to_string())?;
    let free = (1..).map(|number| dir.join(format!("{name}-{number}")));
    let path = free.into_iter().find(|path| !path.exists()).unwrap_or_default();
    std::fs::copy(input, &path).map_err(|e| format!("{input:?}: {e}"))?;
    Ok(path)
}
