//! What is fuzzed. A target panics when something is wrong; what it returns tells kinds of outcome apart.

mod code;
mod guest;
mod import;
mod sql;
mod values;

use facetbox::{Error, ErrorCode, Module, Result, Runtime, Stub, Value, WorkerCode};

use crate::Outcome;

/// How often a guest that was too late is asked again.
const ATTEMPTS: usize = 20;

/// Something that takes inputs.
pub trait Target {
    fn run(&mut self, input: &[u8]) -> String;
}

pub const NAMES: [&str; 6] = ["luau", "js", "code", "values", "sql", "import"];

/// The target of that name, ready to run.
pub fn open(name: &str) -> Outcome<Box<dyn Target>> {
    Ok(match name {
        "luau" => Box::new(guest::Guest::new("app.luau", Module::Luau)),
        "js" => Box::new(guest::Guest::new("app.js", Module::Js)),
        "code" => Box::new(code::Code::default()),
        "values" => Box::new(values::Values::new().map_err(|e| e.to_string())?),
        "sql" => Box::new(sql::Sql::new().map_err(|e| e.to_string())?),
        "import" => Box::new(import::Import::new().map_err(|e| e.to_string())?),
        _ => return Err(format!("there is no target {name:?}, only {NAMES:?}")),
    })
}

/// Whether a target's inputs are text.
pub fn is_text(name: &str) -> bool {
    !matches!(name, "values" | "import")
}

/// Panics at errors that no input may cause.
fn check<T>(outcome: &Result<T>) {
    if let Err(error) = outcome {
        assert!(error.code() != ErrorCode::Panic, "an input must not cause this: {error:?}");
    }
}

/// An outcome without what varies in it: numbers and anything long.
fn kind<T>(outcome: &Result<T>) -> String {
    check(outcome);
    match outcome {
        Ok(_) => "ok".to_owned(),
        Err(error) => kind_of_error(error),
    }
}

fn kind_of_error(error: &Error) -> String {
    let message = error.message().chars().filter(|c| !c.is_ascii_digit()).take(40);
    format!("{} {} {}", error.code(), error.name(), message.collect::<String>())
}

/// Code of one Luau module.
fn luau(source: &str) -> WorkerCode {
    WorkerCode::luau(source)
}

/// A guest that must answer whatever went on before; on a busy machine not within its time at once.
fn must_work(runtime: &Runtime) {
    let code = luau(
        "local App = WorkerEntrypoint:extend('App') function App:add(a, b) return a + b end return { default = App }",
    );
    let worker =
        runtime.loader().load(code).and_then(|w| w.get_entrypoint("default", Default::default()));
    let add = |worker: &Result<Stub>| {
        worker.clone().and_then(|stub| stub.call_blocking("add", vec![1.into(), 2.into()]))
    };
    let late = |sum: &Result<Value>| sum.as_ref().is_err_and(|e| e.code() == ErrorCode::LimitWall);
    let mut sum = add(&worker);
    for _ in 0..ATTEMPTS {
        if !late(&sum) {
            break;
        }
        sum = add(&worker);
    }
    assert_eq!(sum.expect("the runtime still works"), Value::Int(3));
}
