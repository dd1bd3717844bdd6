//! Guests that want less to be counted than they use, or to have it counted as somebody else's.

use std::time::Instant;

use facetbox::{
    Error, ErrorCode, HostFunction, HostObject, Options, Result, Runtime, Stub, Usage, Value,
    ValueMap, WorkerCode, no_such_method,
};

#[cfg(feature = "quickjs")]
use facetbox::{Module, RpcStub};

use crate::support::{app, assert_fails, facet, host_class, own, patch};

const SPIN: &str = "
local function spin() local n = 0 for i = 1, 3e6 do n += i end return n end
function App:spin() return spin() end
function App:write() self.ctx.storage.kv:put('k', 1) end
function App:spinAndAbort() spin() self.ctx:abort('enough') end
function App:spinAndThrow() spin() error('no') end
function App:spinLater() self.ctx:waitUntil(spin) end
function App:endless() while true do end end
function App:hoard() local t = {} while true do table.insert(t, buffer.create(1e5)) end end
";

/// An object of the host whose methods are those of its facet "app", or do something to that.
fn supervised(runtime: &Runtime, code: WorkerCode) -> Result<Stub> {
    let class = host_class(move |ctx, method, args| match method {
        "abort" => ctx.facets().abort("app", Error::guest("Error", "stop")).map(|()| Value::Null),
        "delete" => ctx.facets().delete("app").map(|()| Value::Null),
        "clone" => ctx.facets().clone("app", "copy").map(|()| Value::Null),
        "cloneOver" => ctx.facets().clone("none", "app").map(|()| Value::Null),
        "wipe" => ctx.delete_all().map(|()| Value::Null),
        _ => facet(ctx, "app", &code)?.call_blocking(method, args),
    });
    Ok(runtime.namespace("Host", class)?.get_by_name("one"))
}

/// What was used, once so many events have been counted.
fn used(stub: &Stub, events: u64) -> Result<Usage> {
    let begun = Instant::now();
    loop {
        let usage = stub.usage()?;
        if usage.events >= events {
            return Ok(usage);
        }
        assert!(begun.elapsed().as_secs() < 20, "{usage:?}, expected {events} events");
        std::thread::yield_now();
    }
}

/// Waits until everything has hibernated.
fn sleeping(runtime: &Runtime) {
    let begun = Instant::now();
    while runtime.metrics().warm_actors > 0 {
        assert!(begun.elapsed().as_secs() < 20, "it never hibernates");
        std::thread::yield_now();
    }
}

#[test]
fn each_way_to_end_an_event_is_counted() -> Result<()> {
    let limits = patch([("cpuMs", 40), ("memoryBytes", 8 << 20)])?;
    let runtime = Runtime::open_with(Options { limits, ..Options::default() })?;
    own(&runtime, app(SPIN))?.call_blocking("write", vec![])?;
    let apps = runtime.get_namespace("App")?;
    let mut before = used(&apps.get_by_name("one"), 1)?;
    for method in ["spin", "spinAndThrow", "endless", "hoard", "spinAndAbort", "spin"] {
        let _ = apps.get_by_name("one").call_blocking(method, vec![]);
        let after = used(&apps.get_by_name("one"), before.events + 1)?;
        assert_eq!(after.events, before.events + 1, "{method}");
        assert!(after.cpu_ms > before.cpu_ms, "{method}: {before:?}, {after:?}");
        before = after;
    }
    apps.get_by_name("one").call_blocking("spinLater", vec![])?;
    let later = used(&apps.get_by_name("one"), before.events + 2)?;
    assert!(later.cpu_ms > before.cpu_ms, "{later:?}");
    Ok(())
}

#[test]
fn starts_that_fail_are_counted() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let good = app(SPIN);
    let bad = app("function App:init() local n = 0 for i = 1, 3e6 do n += i end error('no') end");
    let class = host_class(move |ctx, method, _| {
        ctx.facets().abort("app", Error::guest("Error", "another class"))?;
        let code = if method == "good" { &good } else { &bad };
        facet(ctx, "app", code)?.call_blocking("write", vec![])
    });
    let stub = runtime.namespace("Host", class)?.get_by_name("one");
    stub.call_blocking("good", vec![])?;
    let mut before = stub.usage()?;
    for _ in 0..3 {
        assert_fails(stub.call_blocking("bad", vec![]), ErrorCode::GuestError, "no");
        let after = stub.usage()?;
        assert_eq!(after.events, before.events + 2);
        assert!(after.cpu_ms > before.cpu_ms, "{after:?}");
        before = after;
    }
    Ok(())
}

#[test]
fn a_guest_that_never_writes_has_used_what_it_used() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let mut cpu = 0;
    for round in 1..=3 {
        let options =
            Options { path: Some(dir.path().into()), idle_ms: Some(20), ..Options::default() };
        let runtime = Runtime::open_with(options)?;
        let stub = supervised(&runtime, app(SPIN))?;
        stub.call_blocking("spin", vec![])?;
        sleeping(&runtime);
        let usage = stub.usage()?;
        assert_eq!(usage.events, 2 * round, "in round {round}: {usage:?}");
        assert!(usage.cpu_ms > cpu, "in round {round}: {usage:?}");
        cpu = usage.cpu_ms;
        runtime.close();
    }
    Ok(())
}

#[test]
fn what_facets_have_used_stays_when_they_go() -> Result<()> {
    for durable in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let path = durable.then(|| dir.path().into());
        let runtime = Runtime::open_with(Options { path, ..Options::default() })?;
        let stub = supervised(&runtime, app(SPIN))?;
        for gone in ["abort", "delete", "cloneOver", "wipe"] {
            let before = stub.usage()?;
            stub.call_blocking("write", vec![])?;
            stub.call_blocking("spin", vec![])?;
            stub.call_blocking(gone, vec![])?;
            let after = stub.usage()?;
            assert_eq!(after.events, before.events + 5, "{gone}, durable {durable}: {after:?}");
            assert!(after.cpu_ms > before.cpu_ms, "{gone}: {after:?}");
            assert!(after.rows_written > before.rows_written, "{gone}: {after:?}");
        }
        runtime.close();
    }
    Ok(())
}

#[test]
fn what_a_copy_has_inherited_does_not_count_twice() -> Result<()> {
    for durable in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let path = durable.then(|| dir.path().into());
        let runtime =
            Runtime::open_with(Options { path, idle_ms: Some(20), ..Options::default() })?;
        let stub = supervised(&runtime, app(SPIN))?;
        for _ in 0..3 {
            stub.call_blocking("write", vec![])?;
        }
        sleeping(&runtime);
        let before = stub.usage()?;
        for copies in 1..=3 {
            stub.call_blocking("clone", vec![])?;
            let after = stub.usage()?;
            assert_eq!(after.events, before.events + copies, "durable {durable}: {after:?}");
        }
        stub.call_blocking("wipe", vec![])?;
        let after = stub.usage()?;
        assert_eq!(after.events, before.events + 4, "durable {durable}: {after:?}");
        runtime.close();
    }
    Ok(())
}

#[test]
fn entrypoints_are_counted_to_who_calls_them() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let mut code = app("local TOOL = [[
            local Tool = WorkerEntrypoint:extend('Tool')
            local function spin() local n = 0 for i = 1, 3e6 do n += i end end
            function Tool:now() spin() end
            function Tool:later() self.ctx:waitUntil(spin) end
            return { default = Tool }
        ]]
        function App:write() self.ctx.storage.kv:put('k', 1) end
        function App:use(method)
            local code = { mainModule = 't.luau', modules = { ['t.luau'] = TOOL } }
            self.tool = self.env.LOADER:load(code):getEntrypoint()
            self.tool[method](self.tool)
        end");
    code.env = ValueMap::from_iter([("LOADER", Value::Loader(runtime.loader()))]);
    let stub = own(&runtime, code)?;
    stub.call_blocking("write", vec![])?;
    for (method, events) in [("now", 2), ("later", 3)] {
        let before = stub.usage()?;
        stub.call_blocking("use", vec![method.into()])?;
        let after = used(&stub, before.events + events)?;
        assert!(after.cpu_ms >= before.cpu_ms + 2, "{method}: {before:?}, {after:?}");
    }
    Ok(())
}

#[test]
fn compiling_is_counted_as_cpu_time() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let body = "do local function f(a, b) return { a, b, { c = a } } end end\n".repeat(20_000);
    let stub = own(&runtime, app(&format!("{body} function App:ping() return 1 end")))?;
    let begun = Instant::now();
    stub.call_blocking("ping", vec![])?;
    assert!(runtime.metrics().cpu_ms.sum > 5.0, "{:?} in {:?}", runtime.metrics(), begun.elapsed());
    Ok(())
}

#[test]
fn names_and_errors_count_as_bytes() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let source = "function App:write() self.ctx.storage.kv:put('k', 1) end
        function App:fail() error(string.rep('x', 50000)) end";
    let stub = own(&runtime, app(source))?;
    stub.call_blocking("write", vec![])?;
    let before = stub.usage()?;
    assert_fails(stub.call_blocking("n".repeat(100_000), vec![]), ErrorCode::NotFound, "nnn");
    let named = stub.usage()?;
    assert!(named.bytes_in >= before.bytes_in + 100_000, "{named:?}");
    assert_fails(stub.call_blocking("fail", vec![]), ErrorCode::GuestError, "xxx");
    let failed = stub.usage()?;
    assert!(failed.bytes_out >= named.bytes_out + 50_000, "{failed:?}");
    Ok(())
}

#[cfg(feature = "quickjs")]
#[test]
fn what_functions_get_and_give_counts_as_bytes_and_has_limits() -> Result<()> {
    let limits = patch([("messageBytes", 300_000)])?;
    let runtime = Runtime::open_with(Options { limits, ..Options::default() })?;
    let source = "import { DurableObject } from 'cloudflare:workers';
        export class App extends DurableObject {
            give() { this.ctx.storage.kv.put('k', 1); return (text, times) => text.repeat(times); }
        }";
    let code = WorkerCode {
        main_module: "m.js".into(),
        modules: vec![("m.js".into(), Module::Js(source.into()))],
        ..WorkerCode::default()
    };
    let stub = own(&runtime, code)?;
    let given = stub.call_blocking("give", vec![])?;
    let function = RpcStub::from_value(&given).expect("a function");
    let call = |length: usize, times: i64| {
        let args = vec!["x".repeat(length).into(), Value::Int(times)];
        function.block_on(function.call(None, args), || Ok(()))
    };
    let before = stub.usage()?;
    call(100_000, 2)?;
    let after = stub.usage()?;
    assert!(after.bytes_in >= before.bytes_in + 100_000, "{after:?}");
    assert!(after.bytes_out >= before.bytes_out + 200_000, "{after:?}");
    assert_fails(call(400_000, 1), ErrorCode::LimitMessage, "300000");
    assert_fails(call(200_000, 2), ErrorCode::LimitMessage, "300000");
    Ok(())
}

#[test]
fn a_guest_can_not_use_up_the_names_of_others() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let store = HostObject::new("Store", |method, _| match method {
        "get" => Ok(Value::Null),
        _ => Err(no_such_method(method)),
    });
    let mut code = app("function App:flood()
             for at = 1, 900 do pcall(function() self.env.STORE['m' .. at](self.env.STORE) end) end
         end
         function App:use() self.env.STORE:get() self.env.AI() end");
    code.env.insert("STORE", store);
    code.env.insert("AI", HostFunction::new("AI", |_| Ok(Value::Null)));
    let stub = own(&runtime, code)?;
    stub.call_blocking("flood", vec![])?;
    stub.call_blocking("use", vec![])?;
    let told = runtime.metrics().bindings;
    let calls = |name: &str| told.iter().find(|calls| calls.name == name).map(|calls| calls.calls);
    assert_eq!((calls("AI"), calls("STORE.get")), (Some(1), Some(1)), "{told:?}");
    assert_eq!(told.iter().map(|calls| calls.calls).sum::<u64>(), 902);
    Ok(())
}
