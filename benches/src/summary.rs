//! The table: what was measured, beside peer and floor.

use std::fmt::Write;

use serde::Serialize;

use crate::programs::Who;
use crate::suite::{Row, Target, Task};

/// The repeats of one measurement, in microseconds for each operation.
#[derive(Clone, Debug, Default)]
pub struct Measured(Vec<f64>);

impl Measured {
    /// Enters a repeat.
    pub fn add(&mut self, micros: f64) {
        self.0.push(micros);
    }

    fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted[sorted.len() / 2]
    }

    fn spread(&self) -> [f64; 2] {
        let range = |(low, high): (f64, f64), n: &f64| (low.min(*n), high.max(*n));
        self.0.iter().fold((f64::MAX, f64::MIN), range).into()
    }
}

/// A line of the table.
#[derive(Debug, Serialize)]
struct Line {
    name: String,
    host: &'static str,
    guest: &'static str,
    unit: &'static str,
    durability: String,
    /// The median.
    ours: Option<f64>,
    /// The lowest and the highest repeat.
    spread: Option<[f64; 2]>,
    floor: Option<f64>,
    /// Ours by the floor's.
    over_floor: Option<f64>,
    peer: Option<f64>,
    peer_spread: Option<[f64; 2]>,
    /// The peer's by ours: how many times faster ours is.
    ratio: Option<f64>,
    /// What the design asks for.
    target: Option<String>,
    met: Option<bool>,
    error: Option<String>,
}

/// All that was measured.
#[derive(Debug, Serialize)]
pub struct Summary {
    machine: String,
    repeats: usize,
    /// What wasn't measured, and why.
    missing: Vec<String>,
    lines: Vec<Line>,
}

type Found<'a> = Option<&'a Result<Measured, String>>;

impl Summary {
    /// Puts together what was found for the tasks of the rows.
    pub fn new<'a>(
        rows: &[Row],
        missing: &[(Who, String)],
        repeats: usize,
        find: impl Fn(&Task) -> Found<'a>,
    ) -> Summary {
        let missing = missing.iter().map(|(who, why)| format!("{}: {why}", who.name())).collect();
        let lines = rows.iter().map(|row| line(row, &find)).collect();
        Summary { machine: machine(), repeats, missing, lines }
    }

    /// How many measurements failed.
    pub fn failed(&self) -> usize {
        self.lines.iter().filter(|line| line.error.is_some()).count()
    }

    fn notes(&self) -> String {
        let mut notes = format!(
            "{}; median of {} interleaved repeats, lowest and highest behind it; microseconds.\n",
            self.machine, self.repeats
        );
        for missing in &self.missing {
            let _ = writeln!(notes, "\nNOT MEASURED: {missing}");
        }
        notes
    }

    /// The table for a terminal.
    pub fn text(&self) -> String {
        let mut text = format!("\n{}\n", self.notes());
        let _ = writeln!(
            text,
            "{:<42}{:<9}{:<6}{:<9}{:>10}{:>22}{:>10}{:>7}{:>11}{:>8}  target",
            "", "host", "guest", "durable", "ours", "(spread)", "floor", "x", "workerd", "x"
        );
        for line in &self.lines {
            let [ours, spread, floor, over, peer, ratio, target] = line.cells();
            let Line { name, host, guest, durability, .. } = line;
            let _ = writeln!(
                text,
                "{name:<42}{host:<9}{guest:<6}{durability:<9}{ours:>10}{spread:>22}{floor:>10}{over:>7}{peer:>11}{ratio:>8}  {target}"
            );
        }
        text
    }

    /// The tables for docs/performance.md: the targets, and everything.
    pub fn markdown(&self) -> String {
        let mut text = format!("{}\n", self.notes());
        text += "| target | host | guest | µs | floor | times | workerd | times faster | |\n";
        text += "|---|---|---|--:|--:|--:|--:|--:|---|\n";
        for line in self.lines.iter().filter(|line| line.target.is_some()) {
            let [ours, _, floor, over, peer, ratio, target] = line.cells();
            let Line { name, host, guest, .. } = line;
            let _ = writeln!(
                text,
                "| {name} | {host} | {guest} | {ours} | {floor} | {over} | {peer} | {ratio} | {target} |"
            );
        }
        text += "\nAll of it:\n\n";
        text += "| operation | host | guest | durability | µs | lowest - highest | floor | times | workerd | times faster | target |\n";
        text += "|---|---|---|---|--:|--:|--:|--:|--:|--:|---|\n";
        for line in &self.lines {
            let Line { name, host, guest, durability, .. } = line;
            let cells = line.cells().join(" | ");
            let _ = writeln!(text, "| {name} | {host} | {guest} | {durability} | {cells} |");
        }
        text
    }
}

impl Line {
    fn cells(&self) -> [String; 7] {
        let number = |value: Option<f64>| value.map(show).unwrap_or_default();
        let spread = self.spread.map(|[low, high]| format!("{} - {}", show(low), show(high)));
        let verdict = match self.met {
            Some(true) => ", met",
            Some(false) => ", MISSED",
            None => "",
        };
        let target = self.target.as_ref().map(|target| format!("{target}{verdict}"));
        let error = self.error.as_ref().map(|error| format!("FAILED: {error}"));
        [
            number(self.ours),
            spread.unwrap_or_default(),
            number(self.floor),
            number(self.over_floor),
            number(self.peer),
            number(self.ratio),
            error.or(target).unwrap_or_default(),
        ]
    }
}

fn line<'a>(row: &Row, find: &impl Fn(&Task) -> Found<'a>) -> Line {
    let median = |task: &Option<Task>| Some(find(task.as_ref()?)?.as_ref().ok()?.median());
    let spread = |task: &Task| Some(find(task)?.as_ref().ok()?.spread());
    let job = &row.ours.job;
    let ours = median(&Some(row.ours.clone()));
    let (floor, peer) = (median(&row.floor), median(&row.peer));
    let divide = |a: Option<f64>, b: Option<f64>| Some(a? / b?);
    let (over_floor, ratio) = (divide(ours, floor), divide(peer, ours));
    Line {
        name: row.name.clone(),
        host: row.ours.who.name(),
        guest: if row.ours.who == Who::Floors { "" } else { job.guest.name() },
        unit: "µs",
        durability: job.durability.clone(),
        ours,
        spread: spread(&row.ours),
        floor,
        over_floor,
        peer,
        peer_spread: row.peer.as_ref().and_then(spread),
        ratio,
        target: row.target.map(|target| match target {
            Target::TimesPeer(times) => format!(">= {times} times workerd"),
            Target::TimesFloor(times) => format!("<= {times} times its floor"),
        }),
        met: row.target.and_then(|target| match target {
            Target::TimesPeer(times) => Some(ratio? >= times),
            Target::TimesFloor(times) => Some(over_floor? <= times),
        }),
        error: row.tasks().filter_map(|task| find(task)?.as_ref().err().cloned()).next(),
    }
}

/// Three digits are as many as mean something.
fn show(value: f64) -> String {
    match value {
        _ if value >= 100.0 => format!("{value:.0}"),
        _ if value >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// The processor, its cores, the memory.
pub fn machine() -> String {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let model = field(&read("/proc/cpuinfo"), "model name").unwrap_or_default();
    let memory = field(&read("/proc/meminfo"), "MemTotal").unwrap_or_default();
    let kib: u64 = memory.split(' ').next().and_then(|kib| kib.parse().ok()).unwrap_or(0);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{cores} cores ({model}), {} GiB of memory", (kib + (1 << 19)) >> 20)
}
