//! Functions and objects that a guest passes by reference, called by the host.

use std::sync::mpsc;

use facetbox::{
    Error, ErrorCode, HostFunction, Module, Result, RpcStub, Runtime, Stub, Value, WorkerCode,
};

use crate::support::{assert_fails, own, serve};

const GUEST: &str = r#"
    import { DurableObject, RpcTarget } from "cloudflare:workers";
    class Counter extends RpcTarget {
        #count = 0;
        add(n) { return this.#count += n; }
    }
    export class App extends DurableObject {
        log = [];
        give() { return (a, b) => a + b; }
        counter() { return new Counter(); }
        fail() { return () => { throw new RangeError("too far"); }; }
        record() { return (n) => { this.log.push(n); }; }
        recorded() { return this.log; }
        watched() { const f = () => 1; this.ref = new WeakRef(f); return f; }
        alive() { return this.ref.deref() !== undefined; }
        subscribe() { return this.env.subscribe((text) => text.toUpperCase()); }
        stop() { this.ctx.abort("stopped"); }
    }
"#;

fn code() -> WorkerCode {
    WorkerCode {
        main_module: "app.js".into(),
        modules: vec![("app.js".into(), Module::Js(GUEST.into()))],
        ..WorkerCode::default()
    }
}

fn given(stub: &Stub, method: &str) -> Result<RpcStub> {
    let value = stub.call_blocking(method, vec![])?;
    Ok(RpcStub::from_value(&value).expect("a function or object"))
}

fn call(stub: &RpcStub, method: Option<&str>, args: Vec<Value>) -> Result<Value> {
    stub.wait_for(stub.call(method, args))
}

#[test]
fn a_host_calls_what_a_guest_has_returned() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let app = own(&runtime, code())?;
    let sum = given(&app, "give")?;
    assert!(sum.is_function());
    assert_eq!(call(&sum, None, vec![20.into(), 22.into()])?, Value::Int(42));
    let counter = given(&app, "counter")?;
    assert!(!counter.is_function());
    call(&counter, Some("add"), vec![1.into()])?;
    assert_eq!(call(&counter, Some("add"), vec![2.into()])?, Value::Int(3));

    assert_fails(call(&sum, Some("add"), vec![]), ErrorCode::NotFound, "add");
    assert_fails(call(&counter, Some("sub"), vec![]), ErrorCode::NotFound, "sub");
    assert_fails(call(&counter, None, vec![]), ErrorCode::InvalidArgument, "as a function");
    let thrown = call(&given(&app, "fail")?, None, vec![]);
    assert_eq!(assert_fails(thrown, ErrorCode::GuestError, "too far").name(), "RangeError");
    Ok(())
}

#[test]
fn a_host_function_calls_its_argument_while_the_guest_waits_and_later() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let (sender, kept) = mpsc::channel();
    let mut code = code();
    let subscribe = move |args: Vec<Value>| {
        let callback = RpcStub::from_value(&args[0]).expect("a function");
        let answer = call(&callback, None, vec!["at once".into()]);
        let _ = sender.send(callback);
        answer
    };
    code.env.insert("subscribe", HostFunction::new("subscribe", subscribe));
    let stub = serve(&runtime, code)?;
    assert_eq!(stub.call_blocking("subscribe", vec![])?, Value::from("AT ONCE"));
    let callback = kept.recv().expect("the callback");
    assert_eq!(call(&callback, None, vec!["later".into()])?, Value::from("LATER"));
    Ok(())
}

#[test]
fn calls_that_are_started_in_order_arrive_in_order() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let app = own(&runtime, code())?;
    let function = given(&app, "record")?.to_value();
    let (sender, done) = mpsc::channel();
    for n in 0..200 {
        // What counts is the function, not which stub of it is called.
        let record = RpcStub::from_value(&function).expect("a function");
        let (call, sender) = (record.call_in_order(None, vec![n.into()]), sender.clone());
        record.spawn(async move { sender.send(call.await).unwrap() });
    }
    drop(sender);
    done.iter().collect::<Result<Vec<_>>>()?;
    let expected = (0..200).map(Value::from).collect();
    assert_eq!(app.call_blocking("recorded", vec![])?, Value::List(expected));
    Ok(())
}

#[test]
fn a_wait_for_a_function_of_the_host_is_interrupted() -> Result<()> {
    let pending = HostFunction::new_async("pending", |_| Box::pin(std::future::pending()));
    let stub = RpcStub::from_value(&pending.into()).expect("a function");
    let interrupted = || Err(Error::new(ErrorCode::Aborted, "interrupted"));
    let answer = stub.block_on(stub.call(None, vec![]), interrupted);
    assert_fails(answer, ErrorCode::Aborted, "interrupted");
    Ok(())
}

#[test]
fn the_guest_keeps_a_function_until_the_host_lets_it_go() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let app = own(&runtime, code())?;
    let watched = given(&app, "watched")?;
    let again = watched.clone();
    drop(watched);
    assert_eq!(app.call_blocking("alive", vec![])?, true.into());
    drop(again);
    assert_eq!(app.call_blocking("alive", vec![])?, false.into());
    Ok(())
}

#[test]
fn a_function_ends_with_its_instance_and_with_the_runtime() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let first = given(&own(&runtime, code())?, "give")?;
    let namespace = runtime.get_namespace("App")?;
    let _: Error = namespace.get_by_name("one").call_blocking("stop", vec![]).unwrap_err();
    assert_fails(call(&first, None, vec![]), ErrorCode::Aborted, "");
    let second = given(&namespace.get_by_name("one"), "give")?;
    runtime.close();
    assert_fails(call(&second, None, vec![]), ErrorCode::Closed, "");
    drop((namespace, runtime));
    let gone = call(&second, None, vec![]).unwrap_err();
    assert!(matches!(gone.code(), ErrorCode::Closed | ErrorCode::Aborted), "{gone:?}");
    Ok(())
}
