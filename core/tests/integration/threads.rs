//! Many threads, one turn per actor.

use std::collections::BTreeSet;
use std::future::Future;
use std::task::{Context, Waker};
use std::thread;

use facetbox::{HostFunction, Result, Runtime, Stub, Value};

use crate::support::{app, own};

const THREADS: usize = 32;
const CALLS: usize = 20;

/// An app whose counter would lose calls if two ran at once.
fn objects(runtime: &Runtime) -> Result<impl Fn(&str) -> Stub + use<>> {
    own(
        runtime,
        app("function App:add()
                 local kv = self.ctx.storage.kv
                 local n = (kv:get('n') or 0) + 1
                 kv:put('n', n)
                 return n
             end"),
    )?;
    let namespace = runtime.get_namespace("App")?;
    Ok(move |name: &str| namespace.get_by_name(name))
}

/// What each of many threads counted.
fn count(stub_of: impl Fn(usize) -> Stub) -> Vec<Vec<i64>> {
    let threads: Vec<_> = (0..THREADS)
        .map(|number| {
            let stub = stub_of(number);
            let add = move || stub.call_blocking("add", vec![]).unwrap().as_i64().unwrap();
            thread::spawn(move || (0..CALLS).map(|_| add()).collect())
        })
        .collect();
    threads.into_iter().map(|thread| thread.join().unwrap()).collect()
}

#[test]
fn calls_of_many_threads_to_one_object_run_one_after_another() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let object = objects(&runtime)?;
    let counted = count(|_| object("one"));
    let all: BTreeSet<i64> = counted.into_iter().flatten().collect();
    assert_eq!(all, (1..=(THREADS * CALLS) as i64).collect());
    Ok(())
}

#[test]
fn many_objects_count_side_by_side() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let runtime = Runtime::open(directory.path())?;
    let object = objects(&runtime)?;
    for counted in count(|number| object(&format!("object {number}"))) {
        assert_eq!(counted, (1..=CALLS as i64).collect::<Vec<_>>());
    }
    Ok(())
}

#[test]
fn a_future_may_be_polled_by_any_executor() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let stub = objects(&runtime)?("one");
    let futures: Vec<_> = (0..THREADS).map(|_| stub.call("add", vec![])).collect();
    let mut counted = BTreeSet::new();
    for future in futures.into_iter().rev() {
        counted.insert(futures_lite::future::block_on(future)?.as_i64());
    }
    assert_eq!(counted, (1..=THREADS as i64).map(Some).collect());
    Ok(())
}

#[test]
fn dropping_a_future_cancels_the_call_and_frees_the_object() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let mut code = app("function App:wait() self.waiting = true self.env.wait() end
         function App:waited() return self.waiting end");
    code.env.insert("wait", HostFunction::new_async("wait", |_| Box::pin(std::future::pending())));
    let stub = own(&runtime, code)?;
    let mut call = Box::pin(stub.call("wait", vec![]));
    assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert_eq!(stub.call_blocking("waited", vec![])?, Value::Bool(true));
    drop(call);
    assert_eq!(stub.call_blocking("waited", vec![])?, Value::Bool(true));
    Ok(())
}
