//! Code of the host that holds what leads back to itself: it is let go of at the end of the runtime.

use std::sync::{Arc, Mutex, OnceLock, Weak};

use facetbox::{
    Class, ErrorCode, ExportOptions, FacetOptions, HostFunction, Loader, NamespaceOptions, Options,
    Outbound, Response, Result, Runtime, Stub, Tail, TailReceiver, Value, ValueMap, WorkerStub,
};

use crate::support::{app, assert_fails, host_class};

/// What code of the host holds: everything that leads back to it.
#[derive(Default)]
struct Circle {
    stub: OnceLock<Stub>,
    loader: OnceLock<Loader>,
    worker: OnceLock<WorkerStub>,
}

/// A circle to be kept by code of the host, and whether it is there still.
fn circle() -> (Arc<Circle>, Weak<Circle>) {
    let circle = Arc::new(Circle::default());
    let weak = Arc::downgrade(&circle);
    (circle, weak)
}

/// A function that holds a circle.
fn holding(circle: &Arc<Circle>) -> HostFunction {
    let circle = circle.clone();
    HostFunction::new("f", move |_| Ok(circle.stub.get().is_some().into()))
}

#[test]
fn a_class_that_holds_a_stub_of_its_own() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let (circle, alive) = circle();
    let held = circle.clone();
    let class = host_class(move |_, _, _| Ok(held.stub.get().is_some().into()));
    let stub = runtime.namespace("Own", class)?.get_by_name("one");
    assert_eq!(stub.call_blocking("get", vec![])?, false.into());
    let _ = circle.stub.set(stub.clone());
    drop(circle);
    assert_eq!(stub.call_blocking("get", vec![])?, true.into());
    runtime.close();
    assert!(alive.upgrade().is_none());
    assert_fails(stub.call_blocking("get", vec![]), ErrorCode::Closed, "closed");
    Ok(())
}

#[test]
fn a_class_whose_constructor_runs_when_the_runtime_closes() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let (circle, alive) = circle();
    let (closing, held) = (runtime.clone(), circle.clone());
    let class = Class::host("Closing", move |_ctx, _env| -> Result<Never> {
        closing.close();
        Err(facetbox::Error::new(ErrorCode::GuestError, format!("{}", held.stub.get().is_some())))
    });
    let stub = runtime.namespace("Closing", class)?.get_by_name("one");
    let _ = circle.stub.set(stub.clone());
    drop(circle);
    assert!(stub.call_blocking("get", vec![]).is_err());
    assert!(alive.upgrade().is_none());
    Ok(())
}

struct Never;
impl facetbox::DurableObject for Never {}

#[test]
fn a_class_of_facets() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let (circle, alive) = circle();
    let held = circle.clone();
    let facets = host_class(move |_, _, _| Ok(held.stub.get().is_some().into()));
    let class = host_class(move |ctx, _, _| {
        let facets = facets.clone();
        ctx.facets().get("f", move || Ok(FacetOptions::new(facets)))?.call_blocking("get", vec![])
    });
    let stub = runtime.namespace("Own", class)?.get_by_name("one");
    let _ = circle.stub.set(stub.clone());
    drop(circle);
    assert_eq!(stub.call_blocking("get", vec![])?, true.into());
    runtime.close();
    assert!(alive.upgrade().is_none());
    Ok(())
}

#[test]
fn an_env_that_holds_its_namespace() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let (circle, alive) = circle();
    let env = ValueMap::from_iter([("f", Value::Function(holding(&circle)))]);
    let options = NamespaceOptions { env: Some(env), ..NamespaceOptions::default() };
    let class = Class::host("Own", |_ctx, _env| Ok(Never));
    let stub = runtime.namespace_with("Own", class, options)?.get_by_name("one");
    assert!(stub.call_blocking("get", vec![]).is_err());
    let _ = circle.stub.set(stub);
    drop(circle);
    runtime.close();
    assert!(alive.upgrade().is_none());
    Ok(())
}

#[test]
fn code_that_was_given_what_holds_it() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let (circle, alive) = circle();
    let mut code = app("function App:get() return self.env.f() and self.ctx.props.f() end");
    code.env.insert("f", holding(&circle));
    code.tails = vec![Tail::Function(holding(&circle))];
    let held = circle.clone();
    code.global_outbound = Outbound::Handler(Arc::new(move |_| {
        let held = held.clone();
        Box::pin(async move { Response::new(if held.stub.get().is_some() { 200 } else { 500 }) })
    }));
    let loader = runtime.loader();
    let worker = loader.get("app", || Ok(code));
    let props = ValueMap::from_iter([("f", Value::Function(holding(&circle)))]);
    let options = ExportOptions { props: Value::Map(props), ..ExportOptions::default() };
    let class = worker.get_durable_object_class("App", options);
    let stub = runtime.namespace("App", class)?.get_by_name("one");
    let _ = circle.stub.set(stub.clone());
    let _ = circle.loader.set(loader);
    let _ = circle.worker.set(worker);
    drop(circle);
    assert_eq!(stub.call_blocking("get", vec![])?, true.into());
    runtime.close();
    assert!(alive.upgrade().is_none());
    assert_fails(stub.call_blocking("get", vec![]), ErrorCode::Closed, "closed");
    Ok(())
}

#[test]
fn a_receiver_of_tail_events_that_holds_a_stub() -> Result<()> {
    let (circle, alive) = circle();
    let held = circle.clone();
    let on_tail = Some(TailReceiver::new(move |_| drop(held.stub.get().cloned())));
    let runtime = Runtime::open_with(Options { on_tail, ..Options::default() })?;
    let class = host_class(|_, _, _| Ok(Value::Null));
    let stub = runtime.namespace("Own", class)?.get_by_name("one");
    let _ = circle.stub.set(stub.clone());
    drop(circle);
    stub.call_blocking("get", vec![])?;
    runtime.close();
    assert!(alive.upgrade().is_none());
    Ok(())
}

/// Without waiting for the end of the runtime: who gets a stub of a facet for each of its own starts would
/// otherwise stay with each.
#[test]
fn a_start_callback_that_is_not_needed_any_more() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let alive = Arc::new(Mutex::new(Weak::new()));
    let told = alive.clone();
    let code = app("function App:get() return 1 end");
    let class = host_class(move |ctx, _, _| {
        let facet = || {
            let (held, weak) = circle();
            let (loader, code, inner) = (ctx.loader(), code.clone(), held.clone());
            let stub = ctx.facets().get("app", move || {
                let _ = inner.stub.get();
                Ok(loader.load(code)?.get_durable_object_class("App", Default::default()))
            })?;
            let _ = held.stub.set(stub.clone());
            Ok::<_, facetbox::Error>((stub, weak))
        };
        let (first, _) = facet()?;
        first.call_blocking("get", vec![])?;
        let (second, weak) = facet()?;
        *told.lock().expect("no panic") = weak;
        second.call_blocking("get", vec![])
    });
    let stub = runtime.namespace("Own", class)?.get_by_name("one");
    stub.call_blocking("get", vec![])?;
    assert!(alive.lock().expect("no panic").upgrade().is_none());
    Ok(())
}
