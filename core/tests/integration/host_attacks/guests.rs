//! What guests can see and reach of the process.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use facetbox::{
    Error, ErrorCode, ExportOptions, HostFunction, Module, Result, Runtime, Stub, Value, WorkerCode,
};

use crate::support::{app, assert_fails, facet, host_class, own, serve};

/// The object "one" of a namespace of its own whose class is the code's `App`.
fn object(runtime: &Runtime, namespace: &str, code: WorkerCode) -> Result<Stub> {
    let class =
        runtime.loader().load(code)?.get_durable_object_class("App", ExportOptions::default());
    Ok(runtime.namespace(namespace, class)?.get_by_name("one"))
}

#[test]
fn l001_bytecode_is_not_code() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let bytecode = mlua::chunk::Compiler::new().compile("while true do end").unwrap();
    assert!(bytecode[0] < 32, "bytecode begins with its version");
    let text = String::from_utf8_lossy(&bytecode).into_owned();
    let stub = object(&runtime, "text", WorkerCode::luau(text))?;
    assert_fails(stub.call_blocking("ping", vec![]), ErrorCode::LoadError, "");

    let code = WorkerCode {
        main_module: "app.luau".into(),
        modules: vec![("app.luau".into(), Module::Data(bytecode.clone()))],
        ..WorkerCode::default()
    };
    assert_fails(runtime.loader().load(code), ErrorCode::LoadError, "app.luau");

    let mut code = app("function App:run() return require('./more') end");
    code.modules.push(("more".into(), Module::Data(bytecode.clone())));
    let answer = object(&runtime, "data", code)?.call_blocking("run", vec![])?;
    assert_eq!(answer, Value::Bytes(bytecode), "a data module is bytes");
    Ok(())
}

/// The ranges of addresses that are mapped, each with its line.
#[cfg(target_os = "linux")]
fn mappings() -> Vec<(std::ops::Range<u64>, String)> {
    let text = fs::read_to_string("/proc/self/maps").unwrap();
    let parse = |line: &str| {
        let (begin, end) = line.split_once(' ')?.0.split_once('-')?;
        let number = |hex| u64::from_str_radix(hex, 16).ok();
        Some((number(begin)?..number(end)?, line.to_owned()))
    };
    text.lines().filter_map(parse).collect()
}

#[cfg(target_os = "linux")]
#[test]
fn l060_texts_of_objects_are_no_addresses() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let code = app("function App:texts()
             local texts = {}
             for _, thing in { {}, function() end, coroutine.create(function() end), buffer.create(9),
                 self, self.ctx, print, self.ctx.storage } :: { any } do
                 table.insert(texts, tostring(thing))
             end
             return texts
         end");
    let mut seen = BTreeSet::new();
    for namespace in ["a", "b"] {
        let texts = object(&runtime, namespace, code.clone())?.call_blocking("texts", vec![])?;
        for text in texts.as_list().unwrap_or_default() {
            let text = text.as_str().unwrap_or_default();
            let Some((_, hex)) = text.split_once("0x") else { continue };
            let number = u64::from_str_radix(hex, 16).unwrap_or_default();
            let mapped = mappings().into_iter().find(|(range, _)| range.contains(&number));
            assert_eq!(mapped, None, "{text}");
            assert!(seen.insert(number), "{text} comes twice");
        }
    }
    Ok(())
}

#[cfg(target_os = "linux")]
#[test]
fn l087_guests_run_without_executable_memory() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let body = "function App:work() local n = 0 for i = 1, 1e5 do n += i end return n end";
    let code = WorkerCode::luau(format!(
        "--!native\n--!optimize 2\nlocal App = DurableObject:extend('App')\n@native\n{body}\nreturn {{ App = App }}"
    ));
    let stub = own(&runtime, code)?;
    assert_eq!(stub.call_blocking("work", vec![])?, Value::Float(5_000_050_000.0));
    for (_, line) in mappings() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        assert!(!fields[1].contains('x') || fields.len() > 5, "anonymous code: {line}");
    }
    Ok(())
}

#[test]
fn l063_random_numbers_differ_between_machines() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let code = app("function App:draw() return math.random(1, 2 ^ 31 - 1) end");
    let draw =
        |namespace: &str| object(&runtime, namespace, code.clone())?.call_blocking("draw", vec![]);
    let drawn = ["a", "b", "c"].map(|namespace| draw(namespace).unwrap());
    assert!(drawn[0] != drawn[1] && drawn[1] != drawn[2] && drawn[0] != drawn[2], "{drawn:?}");
    Ok(())
}

#[test]
fn s005_limits_of_the_process_stay_as_they_are() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let stub = own(
        &runtime,
        app("function App:try(query) self.ctx.storage.sql:exec(query):toArray() end"),
    )?;
    stub.call_blocking("try", vec!["CREATE TABLE t(a)".into()])?;
    // Another user of the SQLite in this process.
    let other = rusqlite::Connection::open_in_memory().unwrap();
    let limits = || {
        ["hard_heap_limit", "soft_heap_limit"]
            .map(|name| other.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0)))
    };
    let before = limits();
    for query in [
        "PRAGMA hard_heap_limit=1",
        "PRAGMA soft_heap_limit = 1",
        "SELECT * FROM pragma_hard_heap_limit(1)",
        "SELECT 1; PRAGMA main.hard_heap_limit(1)",
    ] {
        assert_fails(stub.call_blocking("try", vec![query.into()]), ErrorCode::GuestError, "");
    }
    assert_eq!(limits(), before);
    Ok(())
}

#[test]
fn f025_a_kept_function_works_later_and_is_counted_in_each_event() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let stub = serve(
        &runtime,
        app("function App:keep(f) self.f = f end
             function App:call(n) for _ = 1, n do self.f() end return n end
             function App:caught() for _ = 1, 1e6 do pcall(self.f) end end"),
    )?;
    let calls = Arc::new(AtomicU64::new(0));
    let counted = calls.clone();
    let tick = HostFunction::new("tick", move |_args| {
        counted.fetch_add(1, Ordering::Relaxed);
        Ok(Value::Null)
    });
    stub.call_blocking("keep", vec![tick.into()])?;
    assert_eq!(stub.call_blocking("call", vec![3.into()])?, Value::Int(3));
    assert_fails(
        stub.call_blocking("call", vec![1_000_000.into()]),
        ErrorCode::LimitSubrequests,
        "1000",
    );
    let _ = stub.call_blocking("caught", vec![]);
    let calls = calls.load(Ordering::Relaxed);
    assert!(calls <= 3 + 2 * 1_000, "{calls} calls arrived");
    runtime.close();
    assert_fails(stub.call_blocking("call", vec![1.into()]), ErrorCode::Closed, "closed");
    Ok(())
}

#[test]
fn x007_new_code_takes_over_whole_and_shares_nothing() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let version = |n: i64| {
        app(&format!(
            "local shared = 0
             function App:version() return {n} end
             function App:bump() shared += 1 return shared end"
        ))
    };
    let class = host_class(move |ctx, method, args| match method {
        "abort" => {
            ctx.facets().abort("app", Error::new(ErrorCode::Aborted, "new code"))?;
            Ok(Value::Null)
        }
        "bad" => facet(ctx, "app", &WorkerCode::luau("return {"))?.call_blocking("version", vec![]),
        _ => {
            let code = version(args[0].as_i64().unwrap_or_default());
            facet(ctx, "app", &code)?.call_blocking(method, vec![])
        }
    });
    let namespace = runtime.namespace("Host", class)?;
    let call = |object, method, args| namespace.get_by_name(object).call_blocking(method, args);
    let with = |n: i64| vec![Value::Int(n)];
    for (object, n) in [("one", 1), ("two", 1), ("one", 2), ("two", 2)] {
        assert_eq!(call(object, "bump", with(1))?, Value::Int(n), "modules are each object's own");
    }
    assert_eq!(call("one", "version", with(2))?, Value::Int(1), "the old code runs");
    call("one", "abort", vec![])?;
    assert_fails(call("one", "bad", vec![]), ErrorCode::LoadError, "");
    assert_eq!(call("one", "version", with(2))?, Value::Int(2));
    assert_eq!(call("two", "version", with(2))?, Value::Int(1));
    Ok(())
}
