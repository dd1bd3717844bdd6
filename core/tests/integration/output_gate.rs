//! Nothing that an actor says leaves before what it wrote is committed.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use facetbox::{
    Class, Ctx, DurableObject, ErrorCode, HostFunction, Result, Runtime, Stub, Value, WorkerCode,
};
use tempfile::TempDir;

use crate::support::{app, assert_fails, copy_tree, facet, runtime_with, serve};

const METHODS: &str = "
    function App:init()
        local sql = self.ctx.storage.sql
        sql:exec('CREATE TABLE IF NOT EXISTS parent (id INTEGER PRIMARY KEY)')
        sql:exec('CREATE TABLE IF NOT EXISTS child (p REFERENCES parent DEFERRABLE INITIALLY DEFERRED)')
    end
    function App:get(key) return self.ctx.storage.kv:get(key) end
    function App:before_and_after()
        self.ctx.storage.kv:put('before', 1)
        self.env.tell()
        self.ctx.storage.kv:put('after', 1)
        while true do end
    end
    function App:orphan() self.ctx.storage.sql:exec('INSERT INTO child VALUES (7)') end
    function App:answer_of_orphan() self:orphan() return 'all is well' end
    function App:tell_of_orphan() self:orphan() pcall(function() self.env.tell() end) return 'told' end
    function App:throw() self.ctx.storage.kv:put('thrown', 1) error('on purpose') end
    function App:tell_only() self.env.tell() end
    function App:get_nothing() return self.ctx.storage.kv:get('nothing') end
    function App:abort() self.ctx.storage.kv:put('aborted', 1) self.ctx:abort('on purpose') end
";

/// The app with a host function that counts what it is told.
fn code() -> (WorkerCode, Arc<AtomicU32>) {
    let told = Arc::new(AtomicU32::new(0));
    let count = told.clone();
    let mut code = app(METHODS);
    let tell = HostFunction::new("tell", move |_args| {
        count.fetch_add(1, Ordering::Relaxed);
        Ok(Value::Null)
    });
    code.env.insert("tell", tell);
    (code, told)
}

#[test]
fn what_was_written_before_a_host_call_is_committed_by_then() -> Result<()> {
    let runtime = runtime_with([("cpuMs", 50)])?;
    let (code, told) = code();
    let stub = serve(&runtime, code)?;
    assert_fails(stub.call_blocking("before_and_after", vec![]), ErrorCode::LimitCpu, "");
    assert_eq!(told.load(Ordering::Relaxed), 1);
    assert_eq!(stub.call_blocking("get", vec!["before".into()])?, Value::Int(1));
    assert_eq!(stub.call_blocking("get", vec!["after".into()])?, Value::Null);
    Ok(())
}

#[test]
fn an_answer_whose_commit_fails_does_not_leave() -> Result<()> {
    let runtime = runtime_with([])?;
    let stub = serve(&runtime, code().0)?;
    let outcome = stub.call_blocking("answer_of_orphan", vec![]);
    assert_fails(outcome, ErrorCode::Reset, "FOREIGN KEY");
    assert_eq!(stub.call_blocking("get", vec!["any".into()])?, Value::Null);
    Ok(())
}

#[test]
fn a_host_call_whose_commit_fails_is_not_made() -> Result<()> {
    let runtime = runtime_with([])?;
    let (code, told) = code();
    let outcome = serve(&runtime, code)?.call_blocking("tell_of_orphan", vec![]);
    assert_fails(outcome, ErrorCode::Reset, "FOREIGN KEY");
    assert_eq!(told.load(Ordering::Relaxed), 0);
    Ok(())
}

#[test]
fn a_handler_that_throws_commits_and_one_that_aborts_does_not() -> Result<()> {
    let runtime = runtime_with([])?;
    let stub = serve(&runtime, code().0)?;
    assert_fails(stub.call_blocking("throw", vec![]), ErrorCode::GuestError, "on purpose");
    assert_fails(stub.call_blocking("abort", vec![]), ErrorCode::Aborted, "on purpose");
    assert_eq!(stub.call_blocking("get", vec!["thrown".into()])?, Value::Int(1));
    assert_eq!(stub.call_blocking("get", vec!["aborted".into()])?, Value::Null);
    Ok(())
}

/// A supervisor that writes before it calls its facet, and images of its directory, as a crash would leave it.
struct Writer {
    ctx: Ctx,
    code: WorkerCode,
    images: Images,
}

#[derive(Clone)]
struct Images {
    directory: PathBuf,
    taken: Arc<Mutex<Vec<TempDir>>>,
}

impl Images {
    fn take(&self) {
        let image = tempfile::tempdir().expect("a directory");
        copy_tree(&self.directory, image.path());
        self.taken.lock().expect("no panic").push(image);
    }
}

impl DurableObject for Writer {
    fn call(&self, method: &str, _args: Vec<Value>) -> Result<Value> {
        let kv = self.ctx.storage().kv();
        if method == "get" {
            return Ok(kv.get("key")?.unwrap_or(Value::Null));
        }
        kv.put("key", &Value::Int(1))?;
        let answer = facet(&self.ctx, "app", &self.code)?.call_blocking(method, vec![]);
        self.images.take();
        answer
    }
}

fn writer(code: WorkerCode, images: Images) -> Result<(Runtime, Stub)> {
    let runtime = Runtime::open(&images.directory)?;
    let class = Class::host("Writer", move |ctx, _env| {
        Ok(Writer { ctx, code: code.clone(), images: images.clone() })
    });
    let stub = runtime.namespace("Writer", class)?.get_by_name("one");
    Ok((runtime, stub))
}

/// How often what the supervisor had written was there, of the images that were taken.
fn written(method: &str) -> Result<Vec<bool>> {
    let directory = tempfile::tempdir().expect("a directory");
    let images = Images { directory: directory.path().join("data"), taken: Arc::default() };
    let mut code = app(METHODS);
    let take = images.clone();
    code.env.insert(
        "tell",
        HostFunction::new("tell", move |_args| {
            take.take();
            Ok(Value::Null)
        }),
    );
    let (_runtime, stub) = writer(code.clone(), images.clone())?;
    // What comes of the call is told by the images.
    let _ = stub.call_blocking(method, vec![]);
    let taken = std::mem::take(&mut *images.taken.lock().expect("no panic"));
    let is_written = |image: &TempDir| {
        let images = Images { directory: image.path().to_owned(), taken: Arc::default() };
        let (_runtime, stub) = writer(code.clone(), images)?;
        Ok(stub.call_blocking("get", vec![])? == Value::Int(1))
    };
    taken.iter().map(is_written).collect()
}

#[test]
fn what_a_supervisor_wrote_before_a_call_is_durable_when_its_facet_speaks() -> Result<()> {
    // The facet tells the host, and then its supervisor goes on.
    assert_eq!(written("tell_only")?, [true, true]);
    Ok(())
}

#[test]
fn what_a_supervisor_wrote_before_a_call_is_durable_after_it() -> Result<()> {
    for method in ["get_nothing", "throw", "abort", "no such method"] {
        assert_eq!(written(method)?, [true], "{method}");
    }
    Ok(())
}
