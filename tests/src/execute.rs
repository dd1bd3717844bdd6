//! Runs the steps of one case.

use std::fmt::Write;
use std::thread;
use std::time::{Duration, Instant};

use facetbox::{Request, Response, Result, Value};

use crate::compare::{error_matches, response_matches, value_matches};
use crate::vector::{Action, Case, Expect, FetchSpec, Guest, Step};
use crate::world::World;

/// Times of vectors are those of a machine without other load.
const SLOWNESS: u32 = 4;

/// What came of a step.
enum Outcome {
    Done,
    Value(Value),
    Response(Response),
}

/// Runs a case in a directory and runtime of its own. `on_step` hears the description of each step
/// before it runs.
///
/// # Errors
/// The first step that ended otherwise than expected: its number, what was expected and what came. What
/// shows the inside of the host, or is left over after the last step.
pub fn execute(case: &Case, guest: Guest, mut on_step: impl FnMut(String)) -> Result<(), String> {
    on_step("opening the runtime".into());
    let mut world =
        World::open(case, guest).map_err(|error| format!("The case can't start: {error:?}"))?;
    for (index, step) in case.steps.iter().enumerate() {
        let title = format!("step {} of {}: {}", index + 1, case.steps.len(), describe(step));
        on_step(title.clone());
        let begin = Instant::now();
        let outcome = perform(&mut world, case, step);
        let took = begin.elapsed();
        let limit = step.max_ms.map(|ms| Duration::from_millis(ms) * SLOWNESS);
        if limit.is_some_and(|limit| took > limit) {
            return Err(format!("{title}\n  took {took:?}, more than {limit:?}"));
        }
        if !meets(step, &outcome) {
            return Err(format!(
                "{title}\n  expected: {}\n  got:      {}",
                shown_expectation(&step.expect),
                shown_outcome(&outcome)
            ));
        }
        let leaks = match &outcome {
            Ok(Outcome::Value(value)) => world.watch.check_result(value),
            Ok(Outcome::Response(response)) => world.watch.check_result(&response.body_text()),
            Ok(Outcome::Done) => Ok(()),
            Err(error) => world.watch.check_error(error),
        };
        leaks.map_err(|leak| format!("{title}\n  {leak}"))?;
    }
    on_step("after the last step".into());
    world.end().map_err(|failure| format!("after the last step: {failure}"))
}

fn perform(world: &mut World, case: &Case, step: &Step) -> Result<Outcome> {
    let object = step.object.as_deref().unwrap_or(&case.name);
    let facet = step.facet.as_str();
    match &step.action {
        Action::Call { method, args } => {
            world.call(object, facet, method, args.clone()).map(Outcome::Value)
        }
        Action::Fetch(spec) => world.fetch(object, facet, request(spec)?).map(Outcome::Response),
        Action::Restart => world.restart().map(|()| Outcome::Done),
        Action::Abort(reason) => world.abort(object, facet, reason).map(|()| Outcome::Done),
        Action::Delete => world.delete(object, facet).map(|()| Outcome::Done),
        Action::Wait(ms) => {
            thread::sleep(Duration::from_millis(*ms));
            Ok(Outcome::Done)
        }
    }
}

fn request(spec: &FetchSpec) -> Result<Request> {
    let mut request = Request::new(&spec.method, &spec.url)?;
    for (name, value) in &spec.headers {
        request.headers.append(name, value)?;
    }
    Ok(match &spec.body {
        Some(body) => request.with_body(body.as_bytes()),
        None => request,
    })
}

fn meets(step: &Step, outcome: &Result<Outcome>) -> bool {
    if let (Some(throws), Err(got)) = (&step.or_throws, outcome) {
        return error_matches(throws, got);
    }
    match (&step.expect, outcome) {
        (Expect::ReturnsAny(any), Ok(Outcome::Value(got))) => {
            any.iter().any(|expected| value_matches(expected, got))
        }
        (Expect::Success, Ok(_)) => true,
        (Expect::Returns(expected), Ok(Outcome::Value(got))) => value_matches(expected, got),
        (Expect::Response(expected), Ok(Outcome::Response(got))) => response_matches(expected, got),
        (Expect::Throws(expected), Err(got)) => error_matches(expected, got),
        _ => false,
    }
}

fn describe(step: &Step) -> String {
    let mut text = match &step.action {
        Action::Call { method, args } => {
            format!("call {method} {}", shown_value(&Value::List(args.clone())))
        }
        Action::Fetch(spec) => format!("fetch {} {}", spec.method, spec.url),
        Action::Restart => "restart".into(),
        Action::Abort(reason) => format!("abort {reason:?}"),
        Action::Delete => "delete".into(),
        Action::Wait(ms) => format!("wait {ms} ms"),
    };
    if step.facet != "app" {
        let _ = write!(text, " in facet {:?}", step.facet);
    }
    if let Some(object) = &step.object {
        let _ = write!(text, " of object {object:?}");
    }
    text
}

fn shown_expectation(expect: &Expect) -> String {
    match expect {
        Expect::Success => "no error".into(),
        Expect::Returns(value) => format!("value {}", shown_value(value)),
        Expect::ReturnsAny(any) => format!("one of {}", shown_value(&Value::List(any.clone()))),
        Expect::Response(response) => cut(format!("{response:?}")),
        Expect::Throws(throws) => cut(format!("{throws:?}")),
    }
}

fn shown_outcome(outcome: &Result<Outcome>) -> String {
    match outcome {
        Ok(Outcome::Done) => "no error".into(),
        Ok(Outcome::Value(value)) => format!("value {}", shown_value(value)),
        Ok(Outcome::Response(response)) => {
            cut(format!("{response:?} body {:?}", response.body_text()))
        }
        Err(error) => cut(format!("error {error:?}")),
    }
}

fn shown_value(value: &Value) -> String {
    cut(value.to_json().unwrap_or_else(|_| format!("{value:?}")))
}

/// Long values are shown in part.
fn cut(text: String) -> String {
    const MAX: usize = 800;
    match text.char_indices().nth(MAX) {
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
        None => text,
    }
}
