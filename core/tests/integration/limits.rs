//! Limits that bite: the event ends, the process and the object go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use facetbox::{ErrorCode, HostFunction, Result, Runtime, Value, WorkerCode};

use crate::support::{app, assert_fails, own, patch, runtime_with, serve};

fn with_ping(methods: &str) -> WorkerCode {
    app(&format!("function App:ping() return 'pong' end\n{methods}"))
}

fn pong() -> Value {
    "pong".into()
}

#[test]
fn an_endless_loop_ends_with_limit_cpu() -> Result<()> {
    let runtime = runtime_with([("cpuMs", 50)])?;
    let code = with_ping(
        "function App:loop() while true do end end
         function App:caught() while true do pcall(function() while true do end end) end end
         function App:sorted() table.sort({ 1, 2, 3 }, function() while true do end end) end",
    );
    let stub = serve(&runtime, code)?;
    for method in ["loop", "caught", "sorted"] {
        assert_fails(stub.call_blocking(method, vec![]), ErrorCode::LimitCpu, "50");
        assert_eq!(stub.call_blocking("ping", vec![])?, pong());
    }
    Ok(())
}

#[test]
fn a_guest_that_is_stopped_tells_where_it_was() -> Result<()> {
    let runtime = runtime_with([("cpuMs", 50), ("memoryBytes", 8 << 20)])?;
    let code = WorkerCode::luau(
        "local App = DurableObject:extend('App')
         local function spin() while true do end end
         function App:loop() spin() end
         function App:caught() pcall(spin) end
         function App:inner() coroutine.wrap(spin)() end
         function App:grow()
             local t = {}
             while true do t[#t + 1] = string.rep('x', 10000) .. #t end
         end
         return { App = App }",
    );
    let stub = serve(&runtime, code)?;
    let stack = |method: &str| {
        let error = stub.call_blocking(method, vec![]).unwrap_err();
        error.stack().unwrap_or_default().to_owned()
    };
    assert_eq!(stack("loop"), "main.luau:2 spin\nmain.luau:3 loop");
    assert!(stack("caught").starts_with("main.luau:2 spin"));
    assert!(stack("inner").starts_with("main.luau:2 spin"));
    assert_eq!(stack("grow"), "main.luau:8 grow");
    Ok(())
}

#[test]
fn a_loop_while_the_module_loads_ends_too() -> Result<()> {
    let runtime = runtime_with([("cpuMs", 50)])?;
    let stub = serve(&runtime, WorkerCode::luau("while true do end"))?;
    assert_fails(stub.call_blocking("ping", vec![]), ErrorCode::LimitCpu, "50");
    Ok(())
}

#[test]
fn what_was_written_before_the_kill_is_gone() -> Result<()> {
    let runtime = runtime_with([("cpuMs", 50)])?;
    let code = app("function App:put(value) self.ctx.storage.kv:put('k', value) end
         function App:get() return self.ctx.storage.kv:get('k') end
         function App:spoil() self:put('spoiled') while true do end end");
    let stub = serve(&runtime, code)?;
    stub.call_blocking("put", vec!["kept".into()])?;
    assert_fails(stub.call_blocking("spoil", vec![]), ErrorCode::LimitCpu, "");
    assert_eq!(stub.call_blocking("get", vec![])?, Value::from("kept"));
    Ok(())
}

#[test]
fn the_budget_of_cpu_is_each_events_own() -> Result<()> {
    let runtime = runtime_with([("cpuMs", 200)])?;
    let stub = own(
        &runtime,
        app("function App:work() local n = 0 for i = 1, 1e5 do n += i end return n end"),
    )?;
    let begin = std::time::Instant::now();
    while begin.elapsed().as_millis() < 500 {
        assert_eq!(stub.call_blocking("work", vec![])?, Value::Float(5_000_050_000.0));
    }
    Ok(())
}

#[test]
fn endless_allocation_ends_with_limit_memory_even_inside_pcall() -> Result<()> {
    let runtime = runtime_with([("cpuMs", 20_000), ("memoryBytes", 8 << 20)])?;
    let code = with_ping(
        "function App:grow() local t = {} while true do table.insert(t, buffer.create(1000)) end end
         function App:caught()
             local t = {}
             while true do
                 pcall(function() while true do table.insert(t, string.rep('x', 1000) .. #t) end end)
             end
         end",
    );
    let stub = serve(&runtime, code)?;
    for method in ["grow", "caught"] {
        assert_fails(stub.call_blocking(method, vec![]), ErrorCode::LimitMemory, "8388608");
        assert_eq!(stub.call_blocking("ping", vec![])?, pong());
    }
    Ok(())
}

#[test]
fn garbage_alone_never_kills_a_guest() -> Result<()> {
    let runtime = runtime_with([("cpuMs", 20_000), ("memoryBytes", 8 << 20)])?;
    let code =
        app("function App:churn() for i = 1, 200 do buffer.create(1000000) end return 'done' end");
    assert_eq!(serve(&runtime, code)?.call_blocking("churn", vec![])?, Value::from("done"));
    Ok(())
}

#[test]
fn endless_recursion_is_an_error_that_a_guest_may_catch() -> Result<()> {
    let runtime = Runtime::open_in_memory()?;
    let code = with_ping(
        "local function deep() return 1 + deep() end
         function App:recurse() return deep() end
         function App:caught() local ok, err = pcall(deep) return { ok, tostring(err) } end",
    );
    let stub = serve(&runtime, code)?;
    let error = assert_fails(stub.call_blocking("recurse", vec![]), ErrorCode::LimitStack, "");
    assert_eq!(error.name(), "RangeError");
    let caught = stub.call_blocking("caught", vec![])?;
    let [Value::Bool(false), Value::String(text)] = caught.as_list().unwrap_or_default() else {
        panic!("{caught:?}");
    };
    assert!(text.contains("stack overflow"), "{text}");
    assert_eq!(stub.call_blocking("ping", vec![])?, pong());
    Ok(())
}

#[test]
fn waiting_for_ever_ends_with_limit_wall() -> Result<()> {
    // Enough for the other call on a computer that has paused, too.
    let runtime = runtime_with([("wallMs", 1_000)])?;
    let silent = HostFunction::new_async("silent", |_args| Box::pin(std::future::pending()));
    let mut code = with_ping("function App:wait() return self.env.silent() end");
    code.env.insert("silent", silent);
    let stub = serve(&runtime, code)?;
    assert_fails(stub.call_blocking("wait", vec![]), ErrorCode::LimitWall, "1000");
    assert_eq!(stub.call_blocking("ping", vec![])?, pong());
    Ok(())
}

/// What it calls runs on the same thread, and has more time of its own.
#[test]
fn a_caller_ends_at_its_wall_limit_although_what_it_calls_goes_on() -> Result<()> {
    const CALLS: u32 = 900;
    let runtime = Runtime::open_in_memory()?;
    let ticks = Arc::new(AtomicU32::new(0));
    let counted = ticks.clone();
    let tick = HostFunction::new("tick", move |_args| {
        std::thread::sleep(Duration::from_millis(2));
        counted.fetch_add(1, Ordering::Relaxed);
        Ok(Value::Null)
    });
    let mut busy = app(
        "function App:work(calls) for _ = 1, calls do pcall(self.env.tick) end return 'done' end",
    );
    busy.env.insert("tick", tick);
    let busy = runtime.loader().load(busy)?.get_durable_object_class("App", Default::default());
    let busy = runtime.namespace("Busy", busy)?.get_by_name("one");
    let mut code = app("function App:wait(calls) return self.env.busy:work(calls) end");
    code.limits = patch([("wallMs", 50)])?;
    code.env.insert("busy", busy.clone());
    let stub = serve(&runtime, code)?;
    assert_fails(stub.call_blocking("wait", vec![CALLS.into()]), ErrorCode::LimitWall, "50");
    assert!(ticks.load(Ordering::Relaxed) < CALLS);
    // It was cancelled, not reset: the limit was its caller's.
    assert_eq!(busy.call_blocking("work", vec![1.into()])?, Value::from("done"));
    Ok(())
}

#[test]
fn code_can_lower_its_limits_but_not_raise_them() -> Result<()> {
    let runtime = runtime_with([("cpuMs", 50)])?;
    let code = with_ping("function App:loop() while true do end end");
    for (name, asked, got) in [("Lower", 20, "20"), ("Raise", 60_000, "50")] {
        let code = WorkerCode { limits: patch([("cpuMs", asked)])?, ..code.clone() };
        let class =
            runtime.loader().load(code)?.get_durable_object_class("App", Default::default());
        let stub = runtime.namespace(name, class)?.get_by_name("one");
        assert_fails(stub.call_blocking("loop", vec![]), ErrorCode::LimitCpu, got);
    }
    Ok(())
}

#[test]
fn calls_to_the_outside_are_counted() -> Result<()> {
    let runtime = runtime_with([("subRequests", 5)])?;
    let mut code = app("function App:calls(n) for _ = 1, n do self.env.tick() end return n end");
    code.env.insert("tick", HostFunction::new("tick", |_args| Ok(Value::Null)));
    let stub = own(&runtime, code)?;
    assert_eq!(stub.call_blocking("calls", vec![5.into()])?, Value::Int(5));
    assert_fails(stub.call_blocking("calls", vec![6.into()]), ErrorCode::LimitSubrequests, "5");
    assert_eq!(stub.call_blocking("calls", vec![1.into()])?, Value::Int(1));
    Ok(())
}

#[test]
fn a_message_at_the_limit_passes_and_one_above_is_refused() -> Result<()> {
    let runtime = runtime_with([("messageBytes", 1008)])?;
    let stub = own(&runtime, app("function App:echo(value) return value end"))?;
    let text = |length| vec![Value::from("x".repeat(length))];
    assert_eq!(stub.call_blocking("echo", text(1000))?, text(1000)[0]);
    assert_fails(stub.call_blocking("echo", text(1001)), ErrorCode::LimitMessage, "1008");
    Ok(())
}

#[test]
fn a_database_that_grows_past_its_limit_refuses_the_write() -> Result<()> {
    let runtime = runtime_with([("storageBytes", 1 << 20)])?;
    own(
        &runtime,
        app("function App:put(key, size) self.ctx.storage.kv:put(key, string.rep('x', size)) end
             function App:has(key) return self.ctx.storage.kv:get(key) ~= nil end"),
    )?;
    let namespace = runtime.get_namespace("App")?;
    let call = |method, args| namespace.get_by_name("one").call_blocking(method, args);
    call("put", vec!["small".into(), 1000.into()])?;
    let outcome = call("put", vec!["large".into(), 1_500_000.into()]);
    assert_fails(outcome, ErrorCode::LimitStorage, "1048576");
    assert_eq!(call("has", vec!["small".into()])?, Value::Bool(true));
    assert_eq!(call("has", vec!["large".into()])?, Value::Bool(false));
    Ok(())
}
