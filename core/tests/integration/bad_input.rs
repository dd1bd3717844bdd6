//! What a program or its guest gets wrong: each a clear error with its code, and the runtime goes on.

use facetbox::{ErrorCode, Module, Request, Result, Runtime, Stub, Value, WorkerCode};

use crate::support::{app, assert_fails, counter, host_class, own, serve, visit};

fn pings(stub: &Stub) -> Result<bool> {
    Ok(stub.call_blocking("ping", vec![])? == Value::from("pong"))
}

fn ping(methods: &str) -> WorkerCode {
    app(&format!("function App:ping() return 'pong' end\n{methods}"))
}

#[test]
fn an_unknown_namespace_is_named() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    assert_fails(runtime.get_namespace("Nope"), ErrorCode::NotFound, "\"Nope\"");
    Ok(())
}

#[test]
fn a_namespace_needs_a_name_of_its_own() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let class = host_class(|_, _, _| Ok(Value::Null));
    runtime.namespace("A", class.clone())?;
    for name in ["", "A", "a\0b"] {
        assert_fails(
            runtime.namespace(name, class.clone()),
            ErrorCode::InvalidArgument,
            "namespace",
        );
    }
    Ok(())
}

#[test]
fn an_id_of_another_namespace_is_refused() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let class = host_class(|_, _, _| Ok(Value::Null));
    let (a, b) = (runtime.namespace("A", class.clone())?, runtime.namespace("B", class)?);
    let id = a.id_from_name("x");
    assert_fails(b.get(&id), ErrorCode::InvalidArgument, "not valid for this namespace");
    let text = b.id_from_string(&id.to_string());
    assert_fails(text, ErrorCode::InvalidArgument, "not valid for this namespace");
    assert_fails(b.id_from_string("abc"), ErrorCode::InvalidArgument, "64 hex digits");
    Ok(())
}

#[test]
fn a_method_that_is_missing_private_or_reserved_is_refused() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let stub = own(&runtime, ping("function App:_secret() return 1 end\nApp.field = 7"))?;
    for method in ["nope", "_secret", "field", "extend", "__index", ""] {
        let part = format!("does not implement the method \"{method}\"");
        assert_fails(stub.call_blocking(method, vec![]), ErrorCode::NotFound, &part);
    }
    for method in ["constructor", "fetch", "alarm"] {
        let outcome = stub.call_blocking(method, vec![]);
        assert_fails(outcome, ErrorCode::InvalidArgument, "is a reserved method");
    }
    assert!(pings(&stub)?);
    Ok(())
}

#[test]
fn a_request_to_a_class_without_fetch_is_refused() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let stub = own(&runtime, ping(""))?;
    let outcome = stub.fetch_blocking(Request::get("http://app/")?);
    assert_fails(outcome, ErrorCode::NotFound, "does not export a fetch() function");
    Ok(())
}

#[test]
fn an_export_that_is_missing_or_no_class_is_named() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let worker = runtime.loader().load(WorkerCode::luau("return { text = 'no class' }"))?;
    for export in ["Nope", "text"] {
        let class = worker.get_durable_object_class(export, Default::default());
        let stub = runtime.namespace(export, class)?.get_by_name("one");
        assert_fails(stub.call_blocking("ping", vec![]), ErrorCode::NotFound, export);
    }
    Ok(())
}

#[test]
fn a_syntax_error_names_module_and_line() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let stub = serve(&runtime, WorkerCode::luau("local a = 1\nlocal b = = 2\nreturn {}"))?;
    let error = assert_fails(stub.call_blocking("ping", vec![]), ErrorCode::LoadError, "");
    assert_eq!(error.name(), "SyntaxError");
    assert!(format!("{error:?}").contains("main.luau:2"), "{error:?}");
    Ok(())
}

#[test]
fn a_module_that_is_missing_is_named() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let stub = serve(&runtime, WorkerCode::luau("local util = require('./util')\nreturn {}"))?;
    assert_fails(stub.call_blocking("ping", vec![]), ErrorCode::LoadError, "util");
    let code = WorkerCode { main_module: "other.luau".into(), ..counter() };
    assert_fails(runtime.loader().load(code), ErrorCode::LoadError, "'other.luau'");
    assert_fails(runtime.loader().load(WorkerCode::default()), ErrorCode::LoadError, "one module");
    Ok(())
}

#[test]
fn a_module_that_cannot_be_a_program_is_refused() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    for (name, module) in [("a.txt", Module::Text("x".into())), ("a.json", Module::Json(1.into()))]
    {
        let code = WorkerCode {
            main_module: name.into(),
            modules: vec![(name.into(), module)],
            ..WorkerCode::default()
        };
        assert_fails(runtime.loader().load(code), ErrorCode::LoadError, name);
    }
    assert_fails(
        Module::from_name("a.ts", String::new()),
        ErrorCode::InvalidArgument,
        "TypeScript",
    );
    Ok(())
}

#[test]
fn a_failure_to_load_is_not_sticky() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let class = host_class(move |ctx, method, _args| {
        let code =
            if method == "bad" { WorkerCode::luau("error('not today', 0)") } else { ping("") };
        crate::support::facet(ctx, "app", &code)?.call_blocking("ping", vec![])
    });
    let stub = runtime.namespace("Host", class)?.get_by_name("one");
    let error = stub.call_blocking("bad", vec![]).unwrap_err();
    assert!(error.message().contains("not today"), "{error:?}");
    assert_eq!(stub.call_blocking("good", vec![])?, Value::from("pong"));
    Ok(())
}

#[test]
fn a_cycle_or_too_deep_a_value_cannot_leave_the_guest() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let code = ping(
        "function App:cycle() local t = {} t.me = t return t end
         function App:deep() local t = {} for _ = 1, 200 do t = { t } end return t end
         function App:thread() return coroutine.create(function() end) end",
    );
    let stub = serve(&runtime, code)?;
    for method in ["cycle", "deep", "thread"] {
        assert_fails(stub.call_blocking(method, vec![]), ErrorCode::ValueError, "");
    }
    assert!(pings(&stub)?);
    Ok(())
}

#[test]
fn too_deep_a_value_cannot_enter_the_guest() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let stub = own(&runtime, ping("function App:take(value) return 1 end"))?;
    let mut value = Value::Null;
    for _ in 0..200 {
        value = Value::List(vec![value]);
    }
    assert_fails(stub.call_blocking("take", vec![value]), ErrorCode::ValueError, "deeper");
    assert!(pings(&stub)?);
    Ok(())
}

#[test]
fn an_error_of_the_guest_keeps_its_name_and_says_where() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let code = "local App = DurableObject:extend('App')
        function App:fail()
            error({ name = 'RangeError', message = 'too far' })
        end
        return { App = App }";
    let stub = serve(&runtime, WorkerCode::luau(code))?;
    let error = assert_fails(stub.call_blocking("fail", vec![]), ErrorCode::GuestError, "too far");
    assert_eq!(error.to_string(), "RangeError: too far");
    assert!(error.stack().is_some_and(|stack| stack.contains("main.luau:3")), "{error:?}");
    assert_eq!(error.path(), Some("Forwarder/one/app"));
    Ok(())
}

#[test]
fn a_call_after_close_answers_closed() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let stub = serve(&runtime, counter())?;
    visit(&stub)?;
    runtime.close();
    runtime.close();
    assert_fails(visit(&stub), ErrorCode::Closed, "closed");
    let class = host_class(|_, _, _| Ok(Value::Null));
    assert_fails(runtime.namespace("Late", class), ErrorCode::Closed, "closed");
    Ok(())
}

#[test]
fn a_main_module_that_returns_no_exports_says_so() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let class = "local App = DurableObject:extend('App')";
    for (number, (end, returned)) in
        [("", "nil"), ("return 5", "number"), ("return App", "class"), ("return {}", "")]
            .into_iter()
            .enumerate()
    {
        let code = WorkerCode::luau(format!("{class} {end}"));
        let class =
            runtime.loader().load(code)?.get_durable_object_class("App", Default::default());
        let stub = runtime.namespace(&format!("App{number}"), class)?.get_by_name("one");
        let missing = "Worker has no such Durable Object class: App";
        let expected = match returned {
            "" => format!("{missing}. It exports no Durable Object class."),
            kind => format!(
                "{missing}. The main module returns {kind} instead of a table of its exports."
            ),
        };
        let error = assert_fails(stub.call_blocking("hi", vec![]), ErrorCode::NotFound, missing);
        assert_eq!(error.message(), expected);
    }
    Ok(())
}

#[test]
fn a_class_that_is_not_exported_is_refused_with_those_that_are() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let luau = "local A, B, E = DurableObject:extend('A'), DurableObject:extend('B'), WorkerEntrypoint:extend('E')
        return { B = B, A = A, E = E }";
    let mut codes = vec![WorkerCode::luau(luau)];
    if cfg!(feature = "quickjs") {
        let js = "import { DurableObject, WorkerEntrypoint } from 'cloudflare:workers';
            export class A extends DurableObject {}
            export class B extends DurableObject {}
            export class E extends WorkerEntrypoint {}";
        let modules = vec![("main.js".into(), facetbox::Module::Js(js.into()))];
        codes.push(WorkerCode { main_module: "main.js".into(), modules, ..WorkerCode::default() });
    }
    for (number, code) in codes.into_iter().enumerate() {
        let class = runtime.loader().load(code)?.get_durable_object_class("E", Default::default());
        let stub = runtime.namespace(&format!("N{number}"), class)?.get_by_name("one");
        let expected = "Worker has no such Durable Object class: E. It exports A, B.";
        let error = assert_fails(stub.call_blocking("hi", vec![]), ErrorCode::NotFound, "class: E");
        assert_eq!(error.message(), expected);
    }
    Ok(())
}
