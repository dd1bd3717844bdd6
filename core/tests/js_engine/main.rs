//! JavaScript guests through stateless entrypoints: values, errors, limits, concurrency.
#![cfg(feature = "quickjs")]

mod compression;
mod errors;
mod lazy;
mod limits;
mod lists;
mod proxies;
mod sandbox;
mod web;

use facetbox::*;

fn code(source: &str) -> WorkerCode {
    WorkerCode::js(source)
}

fn class(members: &str) -> String {
    format!(
        "import {{ WorkerEntrypoint }} from 'cloudflare:workers';\nexport default class extends WorkerEntrypoint {{\n{members}\n}}"
    )
}

fn load(runtime: &Runtime, code: WorkerCode) -> Stub {
    let worker = runtime.loader().load(code).unwrap();
    worker.get_entrypoint("default", ExportOptions::default()).unwrap()
}

fn entrypoint(runtime: &Runtime, members: &str) -> Stub {
    load(runtime, code(&class(members)))
}

fn limited(limits: &[(&str, i64)]) -> Runtime {
    let limits = Value::Map(ValueMap::from_iter(limits.iter().map(|(k, v)| (*k, Value::Int(*v)))));
    Runtime::open_with(Options {
        limits: LimitsPatch::from_value(&limits).unwrap(),
        ..Options::default()
    })
    .unwrap()
}

/// Each method must end with that code, and the next event must find a fresh guest.
fn all_end_with(stub: &Stub, code: ErrorCode, methods: &[&str]) {
    for method in methods {
        let error = stub.call_blocking(*method, vec![]).unwrap_err();
        assert_eq!(error.code(), code, "{method}: {error:?}");
        assert_eq!(stub.call_blocking("ok", vec![]).unwrap(), Value::Int(1), "after {method}");
    }
}

#[test]
fn values_come_back_as_they_went() {
    let runtime = Runtime::open_in_memory().unwrap();
    let stub = entrypoint(&runtime, "echo(v) { return v; }");
    let values = [
        Value::Undefined,
        Value::Null,
        true.into(),
        Value::Int(5),
        Value::Int(1 << 53),
        Value::Float(1.5),
        Value::Float(f64::NAN),
        Value::Float(f64::NEG_INFINITY),
        "text \0 é 🦊".into(),
        vec![0u8, 255].into(),
        vec![Value::Int(1), Value::Null, Value::Undefined].into(),
        ValueMap::from_iter([("a", Value::Int(1)), ("__proto__", Value::Null)]).into(),
        ValueMap::new().into(),
        Value::Date(1_700_000_000_123.0),
        Value::Dict(vec![(Value::Int(3), "three".into()), (Value::Null, "five".into())]),
        Value::Set(vec![1.into()]),
        Value::BigInt(BigInt::from(1u8) << 80),
        Value::BigInt(BigInt::from(-1i8) << 80),
    ];
    for value in values {
        assert_eq!(stub.call_blocking("echo", vec![value.clone()]).unwrap(), value);
    }
    let large = stub.call_blocking("echo", vec![Value::Int(i64::MAX)]).unwrap();
    assert_eq!(large, Value::BigInt(i64::MAX.into()));
    let minus_zero = stub.call_blocking("echo", vec![Value::Float(-0.0)]).unwrap();
    assert!(matches!(minus_zero, Value::Float(n) if n == 0.0 && n.is_sign_negative()));
}

#[test]
fn waits_of_one_event_run_side_by_side() {
    let runtime = Runtime::open_in_memory().unwrap();
    let double = HostFunction::new("double", |args| Ok(Value::Int(args[0].as_i64().unwrap() * 2)));
    let mut code = code(&class(
        "async run() { return await Promise.all([1, 2, 3].map((i) => this.env.double(i))); }",
    ));
    code.env.insert("double", double);
    let expected = Value::List(vec![2.into(), 4.into(), 6.into()]);
    assert_eq!(load(&runtime, code).call_blocking("run", vec![]).unwrap(), expected);
}

#[test]
fn an_event_ends_with_what_another_event_resolves() {
    let runtime = Runtime::open_in_memory().unwrap();
    let source = "import { DurableObject } from 'cloudflare:workers';
        export class Meeting extends DurableObject {
          wait() { return new Promise((resolve) => { this.resolve = resolve; }); }
          come(text) { this.resolve(text); return 'came'; }
        }";
    let worker = runtime.loader().load(code(source)).unwrap();
    let meetings = runtime
        .namespace("meetings", worker.get_durable_object_class("Meeting", ExportOptions::default()))
        .unwrap();
    let stub = meetings.get_by_name("a");
    let waiting = std::thread::spawn({
        let stub = meetings.get_by_name("a");
        move || stub.call_blocking("wait", vec![])
    });
    // Until the other event has come first there is nothing to resolve.
    while stub.call_blocking("come", vec!["hello".into()]).is_err() {
        std::thread::yield_now();
    }
    assert_eq!(waiting.join().unwrap().unwrap(), "hello".into());
}
