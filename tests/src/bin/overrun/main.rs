//! How far native functions of the guest languages run past the limit of CPU time: `make overrun`.
//!
//! An engine looks at its limits between the instructions of a guest. A function of its library that takes
//! long makes the guest overrun by what is left of that call. Each case prepares the largest input that fits into
//! memory, burns most of its budget and then calls one function over and over until it is ended; the table shows
//! the worst overrun of some rounds, in milliseconds of CPU time. Compiling has a limit of its own. The exit code is 1 if one is above the bound, or
//! ends for another reason.

mod compile;
mod js;
mod luau;
mod sql;

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use facetbox::{
    LimitsPatch, Module, Namespace, Options, Outcome, Result, Runtime, TailEvent, TailReceiver,
    Value, ValueMap, WorkerCode,
};
use tempfile::TempDir;

const BUDGET_MS: i64 = 300;
const BOUND_MS: f64 = 50.0;
const ROUNDS: usize = 3;
/// How the names of cases end whose objects are in files.
const IN_FILES: &str = ", in files";

/// A function of a guest's library or a statement: its name, what makes its input, what calls it.
type Case = (&'static str, &'static str, &'static str);

fn main() -> Result<()> {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    let (piece, pieces) = piece().unwrap_or((0, 1));
    let (mut late, mut measured) = (false, 0);
    println!("| engine | function | overrun (ms of CPU time) |\n|---|---|---|");
    for (engine, cases, code) in [
        ("Luau", luau::CASES, luau::code as fn(&Case) -> String),
        ("JavaScript", js::CASES, js::code),
        ("SQL", sql::CASES, sql::code),
    ] {
        let cases = cases.iter().filter(|(name, ..)| name.contains(&wanted) || engine == wanted);
        for case in cases.skip(piece).step_by(pieces) {
            measured += 1;
            let shown = match measure(engine, code(case), case.0.ends_with(IN_FILES))? {
                Ok(overrun) => {
                    late |= overrun > BOUND_MS;
                    format!("{overrun:.1}")
                }
                Err(other) => {
                    late = true;
                    format!("ends with {other}")
                }
            };
            println!("| {engine} | {} | {shown} |", case.0);
        }
    }
    for (name, source) in compile::SOURCES.iter().skip(piece).step_by(pieces) {
        if name.contains(&wanted) || wanted == "compile" {
            measured += 1;
            let overrun = (compiling(source())? - compile::LIMIT_MS).max(0.0);
            late |= overrun > BOUND_MS;
            println!("| compiling | {name} | {overrun:.1} |");
        }
    }
    if measured == 0 {
        eprintln!("no case is called {wanted:?}");
    }
    std::process::exit(i32::from(late || measured == 0));
}

/// Which of how many pieces to measure: `overrun JavaScript 2/4`.
fn piece() -> Option<(usize, usize)> {
    let which = std::env::args().nth(2)?;
    let (piece, pieces) = which.split_once('/')?;
    Some((piece.parse().ok()?, pieces.parse().ok()?))
}

/// Objects of a module's class, and who is told of their events, as long as the runtime is kept.
fn apps(
    module: Module,
    limits: LimitsPatch,
    path: Option<PathBuf>,
) -> Result<(Runtime, Namespace, Receiver<TailEvent>)> {
    let code = WorkerCode {
        main_module: "main".into(),
        modules: vec![("main".into(), module)],
        ..WorkerCode::default()
    };
    let (sender, events) = channel();
    let on_tail = TailReceiver::new(move |event| drop(sender.send(event)));
    let options = Options { path, on_tail: Some(on_tail), limits, ..Options::default() };
    let runtime = Runtime::open_with(options)?;
    let class = runtime.loader().load(code)?.get_durable_object_class("App", Default::default());
    let apps = runtime.namespace("App", class)?;
    Ok((runtime, apps, events))
}

/// The CPU time of an event that has a module compiled.
fn compiling(module: Module) -> Result<f64> {
    let (_runtime, apps, events) = apps(module, LimitsPatch::default(), None)?;
    let _ = apps.get_by_name("one").call_blocking("run", vec![]);
    Ok(next(&events).cpu_ms)
}

/// The worst overrun of a case, or how it ended instead.
fn measure(
    engine: &str,
    code: String,
    in_files: bool,
) -> Result<std::result::Result<f64, Outcome>> {
    let module = if engine == "Luau" { Module::Luau(code) } else { Module::Js(code) };
    let limits = ValueMap::from_iter([("cpuMs", BUDGET_MS), ("wallMs", 60_000)]);
    let limits = LimitsPatch::from_value(&Value::Map(limits))?;
    let files = in_files.then(|| TempDir::new().expect("a temporary directory"));
    let path = files.as_ref().map(|files| files.path().to_owned());
    let (_runtime, apps, events) = apps(module, limits, path)?;
    let mut worst: f64 = 0.0;
    for round in 0..ROUNDS {
        let app = apps.get_by_name(&round.to_string());
        let mut method = "prepare";
        loop {
            let answer = app.call_blocking(method, vec![]);
            let event = next(&events);
            match event.outcome {
                Outcome::Ok if method == "prepare" => {
                    // More than fits into one event.
                    let goes_on = matches!(answer, Ok(Value::Bool(true)));
                    method = if goes_on { "prepare" } else { "run" };
                }
                Outcome::ExceededCpu if method == "run" => {
                    worst = worst.max(event.cpu_ms - BUDGET_MS as f64);
                    break;
                }
                other => {
                    eprintln!("{method}: {answer:?}");
                    return Ok(Err(other));
                }
            }
        }
    }
    Ok(Ok(worst))
}

fn next(events: &Receiver<TailEvent>) -> TailEvent {
    events.recv_timeout(Duration::from_secs(60)).expect("each event is told")
}
