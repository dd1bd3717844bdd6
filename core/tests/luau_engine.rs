//! Luau guests through stateless entrypoints: values, errors, limits, concurrency.

use std::time::Duration;

use facetbox::*;

fn entrypoint(runtime: &Runtime, source: &str) -> Stub {
    let code =
        format!("local E = WorkerEntrypoint:extend(\"E\")\n{source}\nreturn {{ default = E }}");
    let worker = runtime.loader().load(WorkerCode::luau(code)).unwrap();
    worker.get_entrypoint("default", ExportOptions::default()).unwrap()
}

fn limited(limits: &[(&str, i64)]) -> Runtime {
    let limits = Value::Map(ValueMap::from_iter(limits.iter().map(|(k, v)| (*k, Value::Int(*v)))));
    Runtime::open_with(Options {
        limits: LimitsPatch::from_value(&limits).unwrap(),
        ..Options::default()
    })
    .unwrap()
}

#[test]
fn values_come_back_as_they_went() {
    let runtime = Runtime::open_in_memory().unwrap();
    let stub = entrypoint(&runtime, "function E:echo(v) return v end");
    let values = [
        Value::Null,
        true.into(),
        Value::Int(5),
        Value::Int(i64::MAX),
        Value::Int(i64::MIN),
        Value::Float(1.5),
        Value::Float(f64::NAN),
        "text \0 é".into(),
        vec![0u8, 255].into(),
        vec![Value::Int(1), Value::Null, Value::Int((1 << 53) + 1)].into(),
        ValueMap::from_iter([("a", Value::Int(1)), ("n", Value::Null)]).into(),
        ValueMap::new().into(),
        Value::Date(1_700_000_000_123.0),
        Value::Dict(vec![(Value::Int(3), "three".into()), (Value::Int(5), "five".into())]),
        Value::Set(vec![1.into()]),
        Value::BigInt(BigInt::from(1u8) << 80),
    ];
    for value in values {
        assert_eq!(stub.call_blocking("echo", vec![value.clone()]).unwrap(), value);
    }
}

#[test]
fn errors_carry_name_message_and_line() {
    let runtime = Runtime::open_in_memory().unwrap();
    let stub = entrypoint(
        &runtime,
        "function E:plain() error('text', 0) end
         function E:typed() error({ name = 'RangeError', message = 'm' }) end
         function E:deep() local x = nil; return x.field end",
    );
    let plain = stub.call_blocking("plain", vec![]).unwrap_err();
    assert_eq!(
        (plain.code(), plain.name(), plain.message()),
        (ErrorCode::GuestError, "Error", "text")
    );
    assert!(plain.stack().unwrap().contains("main.luau:2"), "{plain:?}");
    let typed = stub.call_blocking("typed", vec![]).unwrap_err();
    assert_eq!((typed.name(), typed.message()), ("RangeError", "m"));
    let deep = stub.call_blocking("deep", vec![]).unwrap_err();
    assert!(deep.message().contains("attempt to index nil"), "{deep:?}");
}

#[test]
fn a_loop_ends_at_the_cpu_limit_however_it_catches() {
    let runtime = limited(&[("cpuMs", 50)]);
    let stub = entrypoint(
        &runtime,
        "function E:loop() while true do end end
         function E:catching() while true do pcall(function() while true do end end) end end
         function E:coroutines()
             while true do
                 local co = coroutine.wrap(function() while true do end end)
                 pcall(co)
             end
         end
         function E:sorting()
             local t = table.create(100, 1)
             while true do table.sort(t, function(a, b) return a < b end) end
         end
         function E:handler() xpcall(function() while true do end end, function() while true do end end) return 1 end
         function E:ok() return 1 end",
    );
    for method in ["loop", "catching", "coroutines", "sorting", "handler"] {
        let error = stub.call_blocking(method, vec![]).unwrap_err();
        assert_eq!(error.code(), ErrorCode::LimitCpu, "{method}: {error:?}");
        assert_eq!(stub.call_blocking("ok", vec![]).unwrap(), Value::Int(1));
    }
}

/// Each of these takes seconds to minutes where the engine is left alone with it.
#[test]
fn natives_of_many_elements_and_long_texts_end() {
    let runtime = limited(&[("cpuMs", 300)]);
    for source in [
        "math.max(unpack(table.create(7000, string.rep('7', 10000000))))",
        "bit32.band(unpack(table.create(7000, string.rep('7', 10000000))))",
        "string.char(unpack(table.create(7000, string.rep('0', 10000000))))",
        "utf8.char(unpack(table.create(7000, string.rep('0', 10000000))))",
        "string.pack(string.rep('n', 3000), unpack(table.create(3000, string.rep('0', 10000000))))",
        "string.format(string.rep('%d', 3000), unpack(table.create(3000, string.rep('0', 10000000))))",
        "local t = table.create(2000000, 0) while true do for i = 1, 2000000 do t[i] = i * 7919 % 2000003 end table.sort(t) end",
        "local t = table.create(2000000, 1) while true do table.sort(t, rawequal) end",
        "local t = string.rep('a', 20000000) while true do string.split(t, string.rep('a', 4000) .. 'b') end",
    ] {
        let stub = entrypoint(
            &runtime,
            &format!("local unpack = table.unpack function E:run() {source} end"),
        );
        let start = std::time::Instant::now();
        let ended = stub.call_blocking("run", vec![]);
        assert!(start.elapsed() < std::time::Duration::from_secs(5), "{source}: {ended:?}");
        assert!(ended.is_err(), "{source}");
    }
    let stub = entrypoint(
        &runtime,
        "function E:run()
             local t = table.create(60000, 0)
             for i = 1, 60000 do t[i] = i * 7919 % 60013 end
             table.sort(t)
             for i = 2, 60000 do assert(t[i - 1] < t[i]) end
             table.sort(t, function(a, b) return a > b end)
             assert(t[1] == 60012 and math.max(1, '7', 3, 4) == 7 and string.char(65, '66', 67, 68) == 'ABCD')
             assert(pcall(math.max, 1, 'x') == false and math.min(3, 2) == 2 and bit32.band(7, 3, 1, 5) == 1 and utf8.char(65, 66) == 'AB')
             local text = string.rep('ab', 5000) .. 'needle-in-a-haystack' .. 'c'
             local first, last = string.find(text, 'needle-in-a-haystack', 1, true)
             assert(first == 10001 and last == 10020 and #string.split(text, 'needle-in-a-haystack') == 2)
             return string.format('%d %s %d %d', 1, 'x', 3, 4)
         end",
    );
    assert_eq!(stub.call_blocking("run", vec![]).unwrap(), Value::from("1 x 3 4"));
}

#[test]
fn memory_ends_at_its_limit_but_garbage_does_not_count() {
    let runtime = limited(&[("memoryBytes", 8 << 20), ("cpuMs", 20_000)]);
    let stub = entrypoint(
        &runtime,
        "function E:grow() local t = {} while true do table.insert(t, string.rep('x', 1000) .. #t) end end
         function E:catching()
             local t = {}
             while true do pcall(function() while true do table.insert(t, { #t }) end end) end
         end
         function E:huge() return pcall(string.rep, 'x', 500000000) end
         function E:garbage() for i = 1, 200000 do local x = string.rep('y', 1000) .. i end return 1 end
         function E:big_garbage() for i = 1, 300 do local x = buffer.create(3000000) end return 1 end
         function E:ok() return 1 end",
    );
    for method in ["grow", "catching", "huge"] {
        let error = stub.call_blocking(method, vec![]).unwrap_err();
        assert_eq!(error.code(), ErrorCode::LimitMemory, "{method}: {error:?}");
        assert_eq!(stub.call_blocking("ok", vec![]).unwrap(), Value::Int(1));
    }
    assert_eq!(stub.call_blocking("garbage", vec![]).unwrap(), Value::Int(1));
    assert_eq!(stub.call_blocking("big_garbage", vec![]).unwrap(), Value::Int(1));
}

#[test]
fn memory_that_ends_while_values_are_copied_ends_the_event_alone() {
    let runtime = limited(&[("memoryBytes", 8 << 20), ("cpuMs", 20_000)]);
    let stub = entrypoint(
        &runtime,
        "function E:take(value) return #value end
         function E:decode(count) return #json.decode('[' .. string.rep('{\"a\":1},', count) .. '1]') end
         function E:encode(length)
             local text = string.rep('x', length)
             return #json.encode({ text, text, text, text })
         end
         function E:pairs(value) return value.k1 end",
    );
    let list = |count| vec![Value::List(vec![Value::List(vec![Value::Int(7)]); count])];
    let texts = |count| {
        let entries = (0..count)
            .map(|at| (format!("k{at}"), Value::from("x".repeat(1000) + &at.to_string())));
        vec![Value::Map(entries.collect())]
    };
    let calls = [
        ("take", list(300_000), list(1000), Value::Int(1000)),
        ("pairs", texts(20_000), texts(10), Value::from("x".repeat(1000) + "1")),
        ("decode", vec![Value::Int(300_000)], vec![Value::Int(1000)], Value::Int(1001)),
        ("encode", vec![Value::Int(3_000_000)], vec![Value::Int(100)], Value::Int(413)),
    ];
    for (method, too_much, fits, answer) in calls {
        for _ in 0..3 {
            let error = stub.call_blocking(method, too_much.clone()).unwrap_err();
            assert_eq!(error.code(), ErrorCode::LimitMemory, "{method}: {error:?}");
            assert_eq!(stub.call_blocking(method, fits.clone()).unwrap(), answer);
        }
    }
}

#[test]
fn what_is_no_plain_data_crosses_inside_of_tables() {
    let runtime = Runtime::open_in_memory().unwrap();
    let stub = entrypoint(
        &runtime,
        "function E:echo(...) return { ... } end
         function E:dates(list) return list[1].at:getTime() + list[2].at:getTime() end",
    );
    let odd = [
        Value::Date(5.0),
        Value::Set(vec![1.into(), "two".into()]),
        Value::BigInt(BigInt::from(1u8) << 80),
        Value::Int(i64::MIN),
        Value::Int((1 << 53) + 1),
        Value::Float(-0.0),
        Value::Float(1e300),
        Value::Bytes(vec![]),
        Value::Dict(vec![(Value::Int(i64::MAX), Value::Date(7.0))]),
        Value::Dict(vec![(true.into(), Value::Null)]),
        Value::Map(ValueMap::new()),
        Value::List(vec![]),
    ];
    let nested = |value: &Value| {
        let map = ValueMap::from_iter([("at", value.clone()), ("plain", "text".into())]);
        Value::List(vec![Value::Map(map), Value::List(vec![value.clone(), Value::Null])])
    };
    let args: Vec<Value> = odd.iter().map(nested).collect();
    assert_eq!(stub.call_blocking("echo", args.clone()).unwrap(), Value::List(args));
    let at = |time| Value::Map(ValueMap::from_iter([("at", Value::Date(time))]));
    let dates = Value::List(vec![at(5.0), at(7.0)]);
    assert_eq!(stub.call_blocking("dates", vec![dates]).unwrap(), Value::Int(12));
}

#[test]
fn recursion_without_end_is_a_range_error_that_a_guest_may_catch() {
    let runtime = Runtime::open_in_memory().unwrap();
    let stub = entrypoint(
        &runtime,
        "local function f() return 1 + f() end
         function E:deep() return f() end
         function E:caught() return (pcall(f)) end",
    );
    let error = stub.call_blocking("deep", vec![]).unwrap_err();
    assert_eq!((error.code(), error.name()), (ErrorCode::LimitStack, "RangeError"), "{error:?}");
    assert_eq!(stub.call_blocking("caught", vec![]).unwrap(), Value::Bool(false));
}

#[test]
fn parts_of_the_api_whose_first_use_finds_no_stack_work_later() {
    let runtime = Runtime::open_in_memory().unwrap();
    let stub = entrypoint(
        &runtime,
        "local function down(depth, use)
             local fine, deepest = pcall(down, depth + 1, use)
             if fine then return deepest end
             return if pcall(use) then depth else error('not yet')
         end
         local uses = {
             function() console.log('x') end,
             function() return setTimeout(function() end, 1) end,
             function() return json.encode({ 1 }) end,
             function() return crypto.randomUUID() end,
             function() return URL.new('http://a/') end,
         }
         function E:run()
             local depths = {}
             for at, use in uses do depths[at] = down(0, use) > 0 end
             for _, use in uses do use() end
             return depths
         end",
    );
    let deep = Value::List(vec![true.into(); 5]);
    assert_eq!(stub.call_blocking("run", vec![]).unwrap(), deep);
}

#[test]
fn waits_work_inside_coroutines_and_protected_calls() {
    let runtime = Runtime::open_in_memory().unwrap();
    let double = HostFunction::new("double", |args| Ok(Value::Int(args[0].as_i64().unwrap() * 2)));
    let mut code = WorkerCode::luau(
        "local E = WorkerEntrypoint:extend('E')
         function E:run()
             local results = {}
             local next = coroutine.wrap(function()
                 for i = 1, 3 do
                     local ok, v = pcall(self.env.double, i)
                     coroutine.yield(v)
                 end
             end)
             for v in next do table.insert(results, v) end
             return results
         end
         return { default = E }",
    );
    code.env.insert("double", double);
    let worker = runtime.loader().load(code).unwrap();
    let stub = worker.get_entrypoint("default", ExportOptions::default()).unwrap();
    let expected = Value::List(vec![2.into(), 4.into(), 6.into()]);
    assert_eq!(stub.call_blocking("run", vec![]).unwrap(), expected);
}

#[test]
fn a_wait_that_never_ends_hits_the_wall_limit() {
    let runtime = limited(&[("wallMs", 50)]);
    let never = HostFunction::new_async("never", |_| Box::pin(std::future::pending()));
    let mut code = WorkerCode::luau(
        "local E = WorkerEntrypoint:extend('E')
         function E:run() return self.env.never() end
         return { default = E }",
    );
    code.env.insert("never", never);
    let worker = runtime.loader().load(code).unwrap();
    let stub = worker.get_entrypoint("default", ExportOptions::default()).unwrap();
    let start = std::time::Instant::now();
    let error = stub.call_blocking("run", vec![]).unwrap_err();
    assert_eq!(error.code(), ErrorCode::LimitWall, "{error:?}");
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn what_guests_must_not_have_is_absent() {
    let runtime = Runtime::open_in_memory().unwrap();
    let stub = entrypoint(
        &runtime,
        "function E:run()
             local found = {}
             for _, name in { 'loadstring', 'load', 'dofile', 'getfenv', 'setfenv', 'newproxy', 'collectgarbage', 'debug', 'io', 'package' } do
                 if getmetatable(_G) or _G[name] ~= nil then table.insert(found, name) end
             end
             for _, name in { 'getenv', 'execute', 'exit', 'remove', 'rename', 'tmpname' } do
                 if os[name] ~= nil then table.insert(found, 'os.' .. name) end
             end
             local frozen = pcall(function() string.rep = 1 end) or pcall(function() _G.x = 1 end)
             return { found, frozen }
         end",
    );
    let expected = Value::List(vec![Value::List(vec![]), false.into()]);
    assert_eq!(stub.call_blocking("run", vec![]).unwrap(), expected);
}

#[test]
fn cycles_and_functions_cannot_leave_and_say_where_they_are() {
    let runtime = Runtime::open_in_memory().unwrap();
    let stub = entrypoint(
        &runtime,
        "function E:cycle() local t = { a = {} } t.a.b = { 1, t } return t end
         function E:func() return { x = { print } } end
         function E:shared() local t = { 'x' } for i = 1, 40 do t = { t, t } end return t end",
    );
    let cycle = stub.call_blocking("cycle", vec![]).unwrap_err();
    assert_eq!(cycle.code(), ErrorCode::ValueError);
    assert!(cycle.message().contains("a.b[2]"), "{cycle}");
    let func = stub.call_blocking("func", vec![]).unwrap_err();
    assert_eq!(func.name(), "DataCloneError");
    assert!(func.message().contains("x[1]"), "{func}");
    assert_eq!(stub.call_blocking("shared", vec![]).unwrap_err().code(), ErrorCode::LimitMessage);
}

#[test]
fn classes_that_are_loaded_late_are_like_the_others() {
    let runtime = Runtime::open_in_memory().unwrap();
    let stub = entrypoint(
        &runtime,
        "local held = Response
         function E:plain()
             local made = Response.new('x')
             local names = {}
             for _, class in { Headers, Request, Response, URL, URLSearchParams } do
                 table.insert(names, type(rawget(class, 'new')))
                 table.insert(names, tostring(getmetatable(class)))
                 table.insert(names, tostring(table.isfrozen(class)))
             end
             return { held == Response, table.concat(names, ' '), made:text() }
         end
         function E:clone()
             local clone = table.clone(URL)
             clone.extra = 1
             return { clone.new('http://a/b').pathname, tostring(URL.extra), (pcall(function() URL.extra = 1 end)) }
         end
         function E:absent() return { tostring(Headers.nothing), tostring(URL.nothing) } end",
    );
    let run = |method: &str| stub.call_blocking(method, vec![]).unwrap();
    let plain = ["function nil true"; 5].join(" ");
    assert_eq!(run("plain"), Value::List(vec![true.into(), plain.into(), "x".into()]));
    assert_eq!(run("clone"), Value::List(vec!["/b".into(), "nil".into(), false.into()]));
    assert_eq!(run("absent"), Value::List(vec!["nil".into(), "nil".into()]));
}

#[test]
fn a_guest_breaks_its_own_globals_only() {
    let runtime = Runtime::open_in_memory().unwrap();
    let stub = entrypoint(
        &runtime,
        "local seen = 0
         local function spy(...) seen += 1 return nil end
         type, rawget, setmetatable, next, tostring, error = spy, spy, spy, spy, spy, spy
         string = { sub = spy, lower = spy }
         table = { freeze = spy, insert = spy }
         function E:run() return { URL.new('http://a/b').pathname, Response.new('x'):text(), seen } end",
    );
    let expected = vec!["/b".into(), "x".into(), Value::Int(0)];
    assert_eq!(stub.call_blocking("run", vec![]).unwrap(), Value::List(expected));
}

#[test]
fn a_load_that_the_stack_ends_can_be_tried_again() {
    let run = |above: i64| {
        let runtime = Runtime::open_in_memory().unwrap();
        let stub = entrypoint(
            &runtime,
            "local failed, url, response, key = 0, URL, Response, 'n' .. string.lower('EW')
             local function deep()
                 local ok, e = pcall(deep)
                 if not ok then
                     if not pcall(function() return url[key] end) then failed += 1 end
                     error(e, 0)
                 end
             end
             local function below(above)
                 if above > 0 then below(above - 1) else pcall(deep) end
             end
             function E:run(above)
                 below(above)
                 return { failed > 0, url[key]('http://a/b').pathname, response[key]('x'):text() }
             end",
        );
        stub.call_blocking("run", vec![Value::Int(above)]).unwrap()
    };
    // At its very end the stack has some room more, for handlers of its overflow.
    let answers = [run(0), run(1)];
    let answer = |failed: bool| Value::List(vec![failed.into(), "/b".into(), "x".into()]);
    assert!(answers.iter().all(|it| [answer(false), answer(true)].contains(it)), "{answers:?}");
    assert!(answers.contains(&answer(true)), "{answers:?}");
}
