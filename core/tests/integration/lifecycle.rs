//! Panics, aborts, closes and drops: one actor ends, never the process.

use std::sync::{Arc, mpsc};
use std::thread;

use facetbox::{
    BoxFuture, Class, Ctx, ErrorCode, EventLoopClass, EventLoopObject, HostFunction, Options,
    Result, Runtime, Value, ValueMap,
};
use futures_lite::future;

use crate::support::{app, assert_fails, counter, facet, host_class, own, serve, visit};

#[test]
fn a_panic_breaks_the_object_and_a_new_stub_starts_afresh() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let class = host_class(|ctx, method, _args| {
        let kv = ctx.storage().kv();
        if method == "panic" {
            kv.put("k", &"uncommitted".into())?;
            panic!("on purpose");
        }
        Ok(kv.get("k")?.unwrap_or_default())
    });
    let namespace = runtime.namespace("Host", class)?;
    let stub = namespace.get_by_name("one");
    assert_fails(stub.call_blocking("panic", vec![]), ErrorCode::Panic, "");
    assert_fails(stub.call_blocking("get", vec![]), ErrorCode::Panic, "");
    assert_eq!(namespace.get_by_name("one").call_blocking("get", vec![])?, Value::Null);
    Ok(())
}

#[test]
fn a_panic_in_a_constructor_is_an_error_each_time() -> Result<()> {
    struct Never;
    impl facetbox::DurableObject for Never {}
    let runtime = Runtime::open_in_memory()?;
    let class = Class::host("Never", |_ctx, _env| -> Result<Never> { panic!("on purpose") });
    let namespace = runtime.namespace("Never", class)?;
    for _ in 0..2 {
        let outcome = namespace.get_by_name("one").call_blocking("any", vec![]);
        assert_fails(outcome, ErrorCode::Panic, "");
    }
    Ok(())
}

/// It ended the threads that drop idle instances, and kept whatever its caller had locked: the next call hung.
#[test]
fn a_panic_when_an_instance_is_dropped_ends_there() -> Result<()> {
    struct Sore;
    impl Drop for Sore {
        fn drop(&mut self) {
            panic!("on purpose");
        }
    }
    impl facetbox::DurableObject for Sore {
        fn call(&self, method: &str, _args: Vec<Value>) -> Result<Value> {
            Ok(method.into())
        }
    }
    let runtime = Runtime::open_with(Options { max_warm: Some(1), ..Options::default() })?;
    let namespace = runtime.namespace("Sore", Class::host("Sore", |_ctx, _env| Ok(Sore)))?;
    for name in ["a", "b", "c", "a", "b", "c"] {
        assert_eq!(namespace.get_by_name(name).call_blocking("hello", vec![])?, "hello".into());
    }
    namespace.delete(&namespace.id_from_name("c"))?;
    namespace.get_by_name("c").call_blocking("hello", vec![])?;
    runtime.close();
    Ok(())
}

#[test]
fn a_panic_in_a_host_function_spares_the_process() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let mut code = app("function App:go() return self.env.bad() end
         function App:ping() return 'pong' end");
    code.env.insert("bad", HostFunction::new("bad", |_args| panic!("on purpose")));
    let class =
        host_class(move |ctx, method, args| facet(ctx, "app", &code)?.call_blocking(method, args));
    let namespace = runtime.namespace("Host", class)?;
    let outcome = namespace.get_by_name("one").call_blocking("go", vec![]);
    assert_fails(outcome, ErrorCode::Panic, "");
    let answer = namespace.get_by_name("one").call_blocking("ping", vec![])?;
    assert_eq!(answer, Value::from("pong"));
    Ok(())
}

#[test]
fn an_abort_of_the_object_itself_reaches_its_old_stubs() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let class = host_class(|ctx, method, _args| match method {
        "abort" => Err(ctx.abort(Some("starting over"))),
        _ => Ok("alive".into()),
    });
    let namespace = runtime.namespace("Host", class)?;
    let (old, other) = (namespace.get_by_name("one"), namespace.get_by_name("two"));
    assert_fails(old.call_blocking("abort", vec![]), ErrorCode::Aborted, "starting over");
    assert_fails(old.call_blocking("ping", vec![]), ErrorCode::Aborted, "starting over");
    for stub in [other, namespace.get_by_name("one")] {
        assert_eq!(stub.call_blocking("ping", vec![])?, Value::from("alive"));
    }
    Ok(())
}

#[test]
fn close_ends_the_calls_that_are_going_on() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let (entered, has_entered) = mpsc::channel();
    let entered = parking_lot::Mutex::new(entered);
    let wait = HostFunction::new_async("wait", move |_args| {
        entered.lock().send(()).unwrap();
        Box::pin(std::future::pending())
    });
    let mut code = app("function App:wait() return self.env.wait() end");
    code.env.insert("wait", wait);
    let stub = serve(&runtime, code)?;
    let waiting = thread::spawn(move || stub.call_blocking("wait", vec![]));
    has_entered.recv().unwrap();
    runtime.close();
    assert_fails(waiting.join().unwrap(), ErrorCode::Closed, "closed");
    Ok(())
}

#[test]
fn close_ends_the_calls_that_wait_for_the_turn_of_a_busy_host() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let (entered, has_entered) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let gate = Arc::new(parking_lot::Mutex::new((entered, released)));
    let class = host_class(move |_ctx, _method, _args| {
        let (entered, released) = &*gate.lock();
        entered.send(()).unwrap();
        released.recv().unwrap();
        Ok(Value::Null)
    });
    let stub = runtime.namespace("Host", class)?.get_by_name("one");
    let first = stub.clone();
    let busy = thread::spawn(move || first.call_blocking("wait", vec![]));
    has_entered.recv().unwrap();

    let mut waiting = Box::pin(stub.call("wait", vec![]));
    assert!(future::block_on(future::poll_once(&mut waiting)).is_none());
    runtime.close();
    assert_fails(future::block_on(waiting), ErrorCode::Closed, "closed");
    release.send(()).unwrap();
    assert_fails(busy.join().unwrap(), ErrorCode::Closed, "closed");
    Ok(())
}

/// A class on an event loop that stands still.
struct Stuck;

impl EventLoopClass for Stuck {
    fn construct(
        &self,
        _ctx: Ctx,
        _env: ValueMap,
    ) -> BoxFuture<'static, Result<Arc<dyn EventLoopObject>>> {
        Box::pin(future::pending())
    }
}

#[test]
fn close_ends_the_calls_that_wait_for_a_constructor() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let class = Class::event_loop("Stuck", Stuck);
    let stub = runtime.namespace("Stuck", class)?.get_by_name("one");
    let mut call = Box::pin(stub.call("any", vec![]));
    assert!(future::block_on(future::poll_once(&mut call)).is_none());
    runtime.close();
    let ended = future::block_on(future::poll_once(&mut call)).expect("it has ended");
    assert_fails(ended, ErrorCode::Closed, "closed");
    Ok(())
}

#[test]
fn a_host_function_may_close_the_runtime_that_calls_it() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let mut code = app("function App:close() self.env.close() return 'closed' end");
    let closing = runtime.clone();
    let close = HostFunction::new("close", move |_args| {
        closing.close();
        Ok(Value::Null)
    });
    code.env.insert("close", close);
    let stub = own(&runtime, code)?;
    assert_fails(stub.call_blocking("close", vec![]), ErrorCode::Closed, "closed");
    Ok(())
}

#[test]
fn handles_may_be_dropped_in_any_order_on_any_thread() -> Result<()> {
    const HANDLES: usize = 5;
    for first in 0..HANDLES {
        let runtime = Runtime::open_in_memory()?;
        let stub = serve(&runtime, counter())?;
        visit(&stub)?;
        let namespace = runtime.get_namespace("Forwarder")?;
        let loader = runtime.loader();
        let worker = loader.load(counter())?;
        let mut handles: Vec<Box<dyn Send>> = vec![
            Box::new(runtime),
            Box::new(stub),
            Box::new(namespace),
            Box::new(loader),
            Box::new(worker),
        ];
        handles.rotate_left(first);
        for handle in handles {
            thread::spawn(move || drop(handle)).join().expect("no drop panics");
        }
    }
    Ok(())
}
