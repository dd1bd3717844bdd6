//! Nothing that an actor says leaves before what it wrote is committed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use facetbox::{ErrorCode, HostFunction, Result, Value, WorkerCode};

use crate::support::{app, assert_fails, runtime_with, serve};

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
