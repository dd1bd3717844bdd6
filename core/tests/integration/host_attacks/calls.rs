//! Host functions that panic, delete, abort and close what calls them.

use std::sync::{Arc, OnceLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use facetbox::{Error, ErrorCode, HostFunction, Namespace, Options, Result, Runtime, Value};
use futures_lite::future;

use crate::support::{app, assert_fails, facet, host_class, own, runtime_with};

#[test]
fn f003_a_panic_that_the_guest_catches_never_comes_back_later() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let mut code = app("function App:catch() pcall(self.env.bad) return 'caught' end
         function App:own() error('my own', 0) end");
    code.env.insert("bad", HostFunction::new("bad", |_args| panic!("on purpose")));
    own(&runtime, code)?;
    let namespace = runtime.get_namespace("App")?;
    let call = |method: &str| namespace.get_by_name("one").call_blocking(method, vec![]);
    for _ in 0..1_000 {
        assert_fails(call("catch"), ErrorCode::Panic, "");
    }
    assert_fails(call("own"), ErrorCode::GuestError, "my own");
    Ok(())
}

/// What a host function does to the object that runs it.
#[derive(Clone, Copy, Debug)]
enum Harm {
    DeleteFacet,
    AbortFacet,
    CloneOver,
    ExportFacet,
    DeleteObject,
    ExportObject,
}

/// A supervisor whose facet writes, calls the host function, and writes again.
fn harmed(runtime: &Runtime, harm: Harm, directory: &std::path::Path) -> Result<Namespace> {
    let later: Arc<OnceLock<Namespace>> = Arc::default();
    let (target, export) = (later.clone(), directory.join("export"));
    let function = HostFunction::new("harm", move |_args| {
        let namespace = target.get().expect("bound before the call");
        let id = namespace.id_from_name("one");
        match harm {
            Harm::DeleteObject => namespace.delete(&id)?,
            Harm::ExportObject => namespace.export_blocking(&id, export.clone())?,
            _ => {
                let method = format!("{harm:?}");
                namespace.get_by_name("one").call_blocking(method, vec![])?;
            }
        }
        Ok(Value::Null)
    });
    let mut code = app("function App:go()
             self.ctx.storage.kv:put('before', 1)
             self.env.harm()
             self.ctx.storage.kv:put('after', 2)
             return 'went on'
         end
         function App:before() return self.ctx.storage.kv:get('before') end");
    code.env.insert("harm", function);
    let path = directory.join("facet");
    let class = host_class(move |ctx, method, _args| {
        let facets = ctx.facets();
        match method {
            "DeleteFacet" => facets.delete("app")?,
            "AbortFacet" => facets.abort("app", Error::new(ErrorCode::Aborted, "harm"))?,
            "CloneOver" => facets.clone("other", "app")?,
            "ExportFacet" => facets.export("app", &path)?,
            _ => return facet(ctx, "app", &code)?.call_blocking(method, vec![]),
        }
        Ok(Value::Null)
    });
    let namespace = runtime.namespace("Host", class)?;
    let _ = later.set(namespace.clone());
    Ok(namespace)
}

#[test]
fn f011_a_host_function_may_harm_the_object_that_runs_it() -> Result<()> {
    use Harm::*;
    for harm in [DeleteFacet, AbortFacet, CloneOver, ExportFacet, DeleteObject, ExportObject] {
        let directory = tempfile::tempdir().unwrap();
        let runtime = Runtime::open_with(Options {
            path: Some(directory.path().join("data")),
            ..Options::default()
        })?;
        let namespace = harmed(&runtime, harm, directory.path())?;
        let outcome = namespace.get_by_name("one").call_blocking("go", vec![]);
        let before = namespace.get_by_name("one").call_blocking("before", vec![])?;
        match (harm, outcome) {
            (DeleteFacet | CloneOver, Err(error)) => {
                assert_eq!((error.code(), before), (ErrorCode::Aborted, Value::Null), "{harm:?}");
            }
            (AbortFacet, Err(error)) => {
                assert_eq!((error.code(), before), (ErrorCode::Aborted, Value::Int(1)));
            }
            (DeleteObject, Err(_)) => assert_eq!(before, Value::Null),
            (DeleteObject | ExportObject, Ok(_)) | (ExportFacet, Ok(_)) => {}
            // An object can't be between two events while one of its own waits for that.
            (ExportObject, Err(error)) => {
                assert_eq!(error.code(), ErrorCode::Deadlock, "{error:?}")
            }
            (harm, outcome) => panic!("{harm:?} ended with {outcome:?}"),
        }
        assert_eq!(runtime.verify()?.problems, [], "{harm:?}");
    }
    Ok(())
}

#[test]
fn f005_close_ends_a_guest_that_computes_without_end() -> Result<()> {
    let runtime = runtime_with([("cpuMs", 600_000), ("wallMs", 600_000)])?;
    let (started, has_started) = mpsc::channel();
    let mut code = app("function App:burn() self.env.started() while true do pcall(function() end) end end
         function App:query()
             self.env.started()
             return self.ctx.storage.sql:exec('WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c'):one()
         end");
    let started = parking_lot::Mutex::new(started);
    let function = HostFunction::new("started", move |_args| {
        started.lock().send(()).unwrap();
        Ok(Value::Null)
    });
    code.env.insert("started", function);
    own(&runtime, code)?;
    let namespace = runtime.get_namespace("App")?;
    let calls = [("a", "burn"), ("b", "query")].map(|(object, method)| {
        let stub = namespace.get_by_name(object);
        thread::spawn(move || stub.call_blocking(method, vec![]))
    });
    calls.iter().for_each(|_| has_started.recv().unwrap());
    runtime.close();
    for call in calls {
        assert_fails(call.join().unwrap(), ErrorCode::Closed, "closed");
    }
    Ok(())
}

#[test]
fn f005_an_object_may_be_deleted_while_it_computes() -> Result<()> {
    let runtime = runtime_with([("cpuMs", 600_000), ("wallMs", 600_000)])?;
    let (started, has_started) = mpsc::channel();
    let started = parking_lot::Mutex::new(started);
    let mut code = app("function App:burn() self.ctx.storage.kv:put('k', 1) self.env.started() while true do end end
         function App:get() return self.ctx.storage.kv:get('k') end");
    let function = HostFunction::new("started", move |_args| {
        started.lock().send(()).unwrap();
        Ok(Value::Null)
    });
    code.env.insert("started", function);
    let stub = own(&runtime, code)?;
    let namespace = runtime.get_namespace("App")?;
    let burning = thread::spawn(move || stub.call_blocking("burn", vec![]));
    has_started.recv().unwrap();
    namespace.delete(&namespace.id_from_name("one"))?;
    assert_fails(burning.join().unwrap(), ErrorCode::Aborted, "");
    assert_eq!(namespace.get_by_name("one").call_blocking("get", vec![])?, Value::Null);
    Ok(())
}

#[test]
fn f008_one_object_from_64_threads_with_handles_of_others() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    own(&runtime, app("function App:add() self.n = (self.n or 0) + 1 return self.n end"))?;
    let namespace = runtime.get_namespace("App")?;
    let (used, drops) = mpsc::channel();
    let freeing = thread::spawn(move || drops.into_iter().map(drop).count());
    let threads: Vec<_> = (0..64)
        .map(|_| {
            // Made here, used there, freed in a third thread.
            let (stub, used) = (namespace.get_by_name("one"), used.clone());
            thread::spawn(move || {
                let n = stub.call_blocking("add", vec![]).unwrap().as_i64().unwrap();
                used.send(stub).unwrap();
                n
            })
        })
        .collect();
    drop(used);
    let mut seen: Vec<i64> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    seen.sort_unstable();
    assert_eq!(seen, (1..=64).collect::<Vec<_>>());
    assert_eq!(freeing.join().unwrap(), 64);
    Ok(())
}

#[test]
fn f010_a_chain_ends_with_the_caller_at_the_top() -> Result<()> {
    let runtime = runtime_with([("wallMs", 1_000)])?;
    let mut code = app("function App:down(n)
             if n == 0 then self.env.wait() end
             return self.ctx.exports.App:getByName('level ' .. n):down(n - 1)
         end
         function App:ping() return 'pong' end");
    code.env.insert("wait", HostFunction::new_async("wait", |_| Box::pin(std::future::pending())));
    let stub = own(&runtime, code)?;
    let begin = Instant::now();
    let error = future::block_on(stub.call("down", vec![20.into()])).unwrap_err();
    assert_eq!(error.code(), ErrorCode::LimitWall, "{error:?}");
    assert!(begin.elapsed() < Duration::from_secs(20), "each level waited for a limit of its own");
    assert_eq!(
        runtime.get_namespace("App")?.get_by_name("level 5").call_blocking("ping", vec![])?,
        "pong".into()
    );
    Ok(())
}
