//! The example apps of examples/guest: each one, written in either language, answers the same requests alike.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use facetbox::{
    Alarms, Error, HostFunction, ManualClock, Module, Options, Request, Result, Runtime, Stub,
    Value, ValueMap, WorkerCode,
};
use serde_json::{Value as Json, json};

use crate::support::own;

const START: i64 = 1_000_000;

macro_rules! app {
    ($name:literal) => {
        [
            Module::Luau(include_str!(concat!("../../../examples/guest/", $name, ".luau")).into()),
            #[cfg(feature = "quickjs")]
            Module::Js(include_str!(concat!("../../../examples/guest/", $name, ".js")).into()),
        ]
    };
}

/// A running app, its clock, and what it has told the platform.
struct App {
    runtime: Runtime,
    stub: Stub,
    clock: ManualClock,
    platform: Platform,
}

/// What the app's platform has been told, and how often it fails before it listens.
#[derive(Clone, Default)]
struct Platform {
    told: Arc<Mutex<Vec<String>>>,
    failures: Arc<Mutex<u32>>,
}

impl Platform {
    fn notify(&self) -> Value {
        let platform = self.clone();
        Value::Function(HostFunction::new("NOTIFY", move |args| {
            let mut failures = platform.failures.lock().unwrap();
            if *failures > 0 {
                *failures -= 1;
                return Err(Error::guest("Error", "nobody is there"));
            }
            let text = args.first().and_then(Value::as_str).unwrap_or_default();
            platform.told.lock().unwrap().push(text.to_owned());
            Ok(Value::Null)
        }))
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.told.lock().unwrap())
    }
}

impl App {
    fn open(dir: &Path, main: &Module, clock: &ManualClock, platform: &Platform) -> Result<App> {
        let runtime = Runtime::open_with(Options {
            path: Some(dir.into()),
            clock: Some(clock.clone()),
            alarms: Alarms::Manual,
            ..Options::default()
        })?;
        let code = WorkerCode {
            main_module: "app".into(),
            modules: vec![("app".into(), main.clone())],
            env: ValueMap::from_iter([("NOTIFY", platform.notify())]),
            ..WorkerCode::default()
        };
        let stub = own(&runtime, code)?;
        Ok(App { runtime, stub, clock: clock.clone(), platform: platform.clone() })
    }

    /// Sends a request; a body is sent as it is if it is text, else as JSON. Gives status and answer.
    fn send(&self, method: &str, path: &str, body: Json) -> Result<(u16, Json)> {
        let mut request = Request::new(method, &format!("http://app{path}"))?;
        match body {
            Json::Null => {}
            Json::String(text) => request = request.with_body(text),
            body => request = request.with_body(body.to_string()),
        }
        let response = self.stub.fetch_blocking(request)?;
        let text = response.body_text();
        let answer =
            if text.is_empty() { Json::Null } else { serde_json::from_str(&text).expect(&text) };
        Ok((response.status(), answer))
    }

    fn get(&self, path: &str) -> Result<Json> {
        let (status, answer) = self.send("GET", path, Json::Null)?;
        assert_eq!(status, 200, "{path}: {answer}");
        Ok(answer)
    }

    /// The request must be refused with that status and a message that contains `part`.
    fn refuses(&self, method: &str, path: &str, body: Json, status: u16, part: &str) -> Result<()> {
        let (got, answer) = self.send(method, path, body)?;
        assert_eq!(got, status, "{method} {path}: {answer}");
        let message = answer["error"].as_str().expect("a message");
        assert!(message.contains(part), "{method} {path}: {message}");
        Ok(())
    }

    /// Lets time pass and alarms ring; gives what the platform was told.
    fn pass(&self, ms: u64) -> Result<Vec<String>> {
        self.clock.advance(Duration::from_millis(ms));
        self.runtime.run_due_alarms()?;
        Ok(self.platform.take())
    }
}

/// Runs a test with each of the modules, in a new directory.
fn each(
    modules: impl IntoIterator<Item = Module>,
    test: impl Fn(&dyn Fn() -> Result<App>) -> Result<()>,
) -> Result<()> {
    for main in modules {
        let dir = tempfile::tempdir().expect("a directory");
        let (clock, platform) = (ManualClock::new(START), Platform::default());
        test(&|| App::open(dir.path(), &main, &clock, &platform))?;
    }
    Ok(())
}

fn todo(id: u32, title: &str, done: bool) -> Json {
    json!({ "id": id, "title": title, "done": done })
}

#[test]
fn a_todo_list_keeps_what_was_put_on_it() -> Result<()> {
    each(app!("todo"), |open| {
        let app = open()?;
        assert_eq!(app.get("/todos")?, json!([]));
        for (id, title) in [(1, "milk"), (2, "ré*sumé \"x\"")] {
            let added = app.send("POST", "/todos", json!({ "title": title }))?;
            assert_eq!(added, (201, todo(id, title, false)));
        }
        let changed = app.send("PATCH", "/todos/1", json!({ "done": true }))?;
        assert_eq!(changed, (200, todo(1, "milk", true)));
        assert_eq!(app.get("/todos?done=true")?, json!([todo(1, "milk", true)]));
        assert_eq!(app.get("/todos?done=false")?, json!([todo(2, "ré*sumé \"x\"", false)]));
        app.runtime.close();

        let app = open()?;
        let changed = app.send("PATCH", "/todos/2", json!({ "title": "bread" }))?;
        assert_eq!(changed, (200, todo(2, "bread", false)));
        assert_eq!(app.send("DELETE", "/todos/1", Json::Null)?, (204, Json::Null));
        assert_eq!(app.get("/todos")?, json!([todo(2, "bread", false)]));
        let got = app.stub.call_blocking("add", vec!["by call".into()])?;
        assert_eq!(app.get("/todos/3")?, todo(3, "by call", false));
        assert!(matches!(got, Value::Map(map) if map.get("id") == Some(&3.into())));
        Ok(())
    })
}

#[test]
fn a_todo_list_refuses_what_makes_no_sense() -> Result<()> {
    each(app!("todo"), |open| {
        let app = open()?;
        app.send("POST", "/todos", json!({ "title": "milk" }))?;
        for body in [json!("{"), json!("5"), json!("null"), json!("\"text\"")] {
            app.refuses("POST", "/todos", body, 400, "must be a JSON object")?;
        }
        for title in [json!(null), json!(5), json!(""), json!(" \t"), json!({ "a": 1 })] {
            app.refuses("POST", "/todos", json!({ "title": title }), 400, "isn't empty")?;
        }
        app.refuses("POST", "/todos", json!({}), 400, "isn't empty")?;
        let long = json!({ "title": "x".repeat(201) });
        app.refuses("POST", "/todos", long, 400, "201 characters; 200 are allowed")?;
        app.refuses("PATCH", "/todos/1", json!({ "done": 1 }), 400, "true or false")?;
        for method in ["GET", "PATCH", "DELETE"] {
            let body = if method == "PATCH" { json!({ "done": true }) } else { Json::Null };
            app.refuses(method, "/todos/2", body, 404, "no to-do 2")?;
        }
        for path in ["/", "/todos/", "/todos/x", "/todos/1/2", "/todos/-1"] {
            app.refuses("GET", path, Json::Null, 404, "nothing at /")?;
        }
        app.refuses("DELETE", "/todos", Json::Null, 405, "DELETE is not possible")?;
        app.refuses("POST", "/todos/1", json!({}), 405, "POST is not possible")?;
        let error = app.stub.call_blocking("get", vec![7.into()]).unwrap_err();
        assert_eq!((error.name(), error.message()), ("NotFound", "There is no to-do 7."));
        assert!(app.stub.call_blocking("_route", vec![]).is_err());
        assert_eq!(app.get("/todos")?, json!([todo(1, "milk", false)]));
        Ok(())
    })
}

/// Ids and texts of an answer.
fn texts(messages: &Json) -> Vec<(u64, &str)> {
    let messages = messages.as_array().expect("a list");
    let part = |message: &'_ Json| message["id"].as_u64().unwrap();
    messages.iter().map(|m| (part(m), m["text"].as_str().unwrap())).collect()
}

#[test]
fn a_chat_room_finds_what_was_said() -> Result<()> {
    each(app!("chat"), |open| {
        let app = open()?;
        let said = [
            ("ann", "Who is coming to the garden party?"),
            ("bob", "I'm dancing there"),
            ("ann", "The party begins at 8, in the garden. Garden, not house!"),
            ("bob", "He said \"eight\" OR nine*"),
        ];
        for (at, (author, text)) in said.into_iter().enumerate() {
            let posted =
                app.send("POST", "/messages", json!({ "author": author, "text": text }))?;
            assert_eq!(posted, (201, json!({ "id": at + 1 })));
            app.clock.advance(Duration::from_millis(1));
        }
        app.runtime.close();

        let app = open()?;
        let first = json!({ "id": 1, "author": "ann", "at": START, "text": said[0].1 });
        assert_eq!(app.get("/messages")?[0], first);
        assert_eq!(texts(&app.get("/messages?limit=2")?), [(3, said[2].1), (4, said[3].1)]);
        let page = app.get("/messages?limit=2&before=3")?;
        assert_eq!(texts(&page), [(1, said[0].1), (2, said[1].1)]);

        let found = app.get("/search?q=garden+PARTY")?;
        let best = "Who is coming to the [garden] [party]?";
        let marked = "The [party] begins at 8, in the [garden]. [Garden], not house!";
        assert_eq!(
            (texts(&found), &found[0]["author"]),
            (vec![(1, best), (3, marked)], &json!("ann"))
        );
        assert_eq!(texts(&app.get("/search?q=dances")?), [(2, "I'm [dancing] there")]);
        assert_eq!(texts(&app.get("/search?q=party&limit=1")?).len(), 1);
        // Operators of the search language are words like others.
        let found = app.get("/search?q=garden+NOT+party")?;
        assert_eq!(texts(&found), [(3, marked.replace("not", "[not]").as_str())]);
        assert_eq!(texts(&app.get("/search?q=%22eight%22+or+nine*")?)[0].0, 4);

        assert_eq!(app.send("DELETE", "/messages/3", Json::Null)?, (204, Json::Null));
        assert_eq!(texts(&app.get("/search?q=garden")?)[0].0, 1);
        Ok(())
    })
}

#[test]
fn a_chat_room_refuses_what_makes_no_sense() -> Result<()> {
    each(app!("chat"), |open| {
        let app = open()?;
        for body in [json!("{"), json!("7"), json!("null")] {
            app.refuses("POST", "/messages", body, 400, "must be a JSON object")?;
        }
        app.refuses("POST", "/messages", json!({ "text": "hi" }), 400, "author must be")?;
        let body = json!({ "author": "ann", "text": ["hi"] });
        app.refuses("POST", "/messages", body, 400, "text must be")?;
        for query in ["/search", "/search?q=", "/search?q=%20%09"] {
            app.refuses("GET", query, Json::Null, 400, "nothing to search for")?;
        }
        for limit in ["-1", "x", "1.5", "1e3", "9999999999999999"] {
            let path = format!("/messages?limit={limit}");
            app.refuses("GET", &path, Json::Null, 400, &format!("not \"{limit}\""))?;
        }
        app.refuses("DELETE", "/messages/9", Json::Null, 404, "no message 9")?;
        app.refuses("DELETE", "/messages/x", Json::Null, 404, "no DELETE /messages/x")?;
        app.refuses("GET", "/nope", Json::Null, 404, "no GET /nope")?;
        assert_eq!(app.get("/messages")?, json!([]));
        assert_eq!(app.get("/search?q=*+()+%22")?, json!([]));
        Ok(())
    })
}

fn state(app: &App, id: usize) -> Result<(Json, Json, Json)> {
    let jobs = app.get("/jobs")?;
    let job = jobs.as_array().unwrap().iter().find(|job| job["id"] == json!(id)).expect("a job");
    Ok((job["state"].clone(), job["runs"].clone(), job["attempts"].clone()))
}

#[test]
fn a_scheduler_runs_each_job_at_its_time() -> Result<()> {
    each(app!("scheduler"), |open| {
        let app = open()?;
        let (status, job) =
            app.send("POST", "/jobs", json!({ "text": "tea", "at": START + 2_000 }))?;
        let expected = json!({
            "id": 1, "text": "tea", "due": START + 2_000, "every": 0, "state": "waiting", "runs": 0, "attempts": 0, "error": "",
        });
        assert_eq!((status, job), (201, expected));
        app.send("POST", "/jobs", json!({ "text": "tick", "at": START + 1_000, "every": 1_000 }))?;
        app.send("POST", "/jobs", json!({ "text": "never", "at": START + 2_500 }))?;
        assert_eq!(app.send("DELETE", "/jobs/3", Json::Null)?, (204, Json::Null));
        assert_eq!(app.pass(999)?, [""; 0]);
        assert_eq!(app.pass(1)?, ["tick"]);
        assert_eq!(app.pass(1_000)?, ["tea", "tick"]);
        assert_eq!(state(&app, 1)?, (json!("done"), json!(1), json!(0)));
        assert_eq!(state(&app, 2)?, (json!("waiting"), json!(2), json!(0)));
        app.runtime.close();

        // Ticks that were missed meanwhile count as one; the next comes at its own time.
        app.clock.advance(Duration::from_millis(3_500));
        let app = open()?;
        assert_eq!(app.pass(0)?, ["tick"]);
        assert_eq!((app.pass(499)?, app.pass(1)?), (vec![], vec!["tick".into()]));
        Ok(())
    })
}

#[test]
fn a_scheduler_tries_again_and_gives_up() -> Result<()> {
    each(app!("scheduler"), |open| {
        let app = open()?;
        let add = |text: &str, at| app.send("POST", "/jobs", json!({ "text": text, "at": at }));
        add("shaky", START)?;
        add("steady", START)?;
        *app.platform.failures.lock().unwrap() = 1;
        assert_eq!(app.pass(0)?, ["steady"]);
        assert_eq!(state(&app, 1)?, (json!("waiting"), json!(0), json!(1)));
        assert_eq!(app.get("/jobs")?[0]["error"], json!("nobody is there"));
        assert_eq!(app.pass(1_999)?, [""; 0]);
        app.runtime.close();

        let app = open()?;
        assert_eq!(app.pass(1_000)?, ["shaky"]);
        assert_eq!(state(&app, 1)?, (json!("done"), json!(1), json!(0)));
        assert_eq!(app.pass(100_000)?, [""; 0]);

        *app.platform.failures.lock().unwrap() = 3;
        let now = app.clock.now_ms();
        app.send("POST", "/jobs", json!({ "text": "doomed", "at": now }))?;
        for (wait, attempts) in [(0, 1), (3_000, 2), (5_000, 3)] {
            assert_eq!(app.pass(wait)?, [""; 0]);
            let state = state(&app, 3)?;
            let expected = if attempts == 3 { "failed" } else { "waiting" };
            assert_eq!(state, (json!(expected), json!(0), json!(attempts)));
        }
        assert_eq!(app.pass(1_000_000)?, [""; 0]);
        Ok(())
    })
}

#[test]
fn a_scheduler_refuses_what_makes_no_sense() -> Result<()> {
    each(app!("scheduler"), |open| {
        let app = open()?;
        for body in [json!("{"), json!("[1"), json!("true")] {
            app.refuses("POST", "/jobs", body, 400, "must be a JSON object")?;
        }
        app.refuses("POST", "/jobs", json!({ "at": 1 }), 400, "text must be")?;
        for at in [json!(null), json!("now"), json!(-1), json!(1.5), json!(1e300)] {
            app.refuses("POST", "/jobs", json!({ "text": "x", "at": at }), 400, "at must be")?;
        }
        for every in [json!(999), json!(-1), json!("day"), json!(1000.5)] {
            let body = json!({ "text": "x", "at": 1, "every": every });
            app.refuses("POST", "/jobs", body, 400, "every must be at least 1000")?;
        }
        app.refuses("DELETE", "/jobs/1", Json::Null, 404, "no job 1")?;
        app.refuses("PUT", "/jobs", Json::Null, 404, "no PUT /jobs")?;
        assert_eq!(app.get("/jobs")?, json!([]));
        Ok(())
    })
}
