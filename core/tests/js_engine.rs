//! JavaScript guests through stateless entrypoints: values, errors, limits, concurrency.
#![cfg(feature = "quickjs")]

use std::time::{Duration, Instant};

use facetbox::*;

fn code(source: &str) -> WorkerCode {
    WorkerCode {
        main_module: "main.js".into(),
        modules: vec![("main.js".into(), Module::Js(source.into()))],
        ..WorkerCode::default()
    }
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
fn errors_carry_name_message_and_place() {
    let runtime = Runtime::open_in_memory().unwrap();
    let stub = entrypoint(
        &runtime,
        "plain() { throw new Error('text'); }
         async typed() { await null; throw new RangeError('m'); }
         own() { class MyError extends Error { name = 'MyError' } throw new MyError('x'); }
         deep() { return undefined.field; }",
    );
    let error = |method: &str| stub.call_blocking(method, vec![]).unwrap_err();
    let plain = error("plain");
    assert_eq!(
        (plain.code(), plain.name(), plain.message()),
        (ErrorCode::GuestError, "Error", "text")
    );
    assert!(plain.stack().unwrap().starts_with("main.js:3:"), "{plain:?}");
    assert!(!plain.stack().unwrap().contains("cloudflare:"), "{plain:?}");
    assert_eq!((error("typed").name(), error("typed").message()), ("RangeError", "m"));
    assert_eq!(error("own").name(), "MyError");
    assert_eq!(error("deep").name(), "TypeError");
}

#[test]
fn a_cause_crosses_from_guest_to_guest_and_to_the_host() {
    let runtime = Runtime::open_in_memory().unwrap();
    let inner = load(
        &runtime,
        code(&class(
            "outer() { throw new Error('outer', { cause: new RangeError('inner', { cause: { why: [7] } }) }); }
             echo(v) { return v; }
             cycle() { const e = new Error('e'); e.cause = [e]; e.self = e; throw e; }
             large() { throw new Error('e', { cause: 'x'.repeat(100000) }); }
             odd() { throw new Error('e', { cause: () => {} }); }
             cyclic() { const e = new Error('e'); e.cause = [e]; return [e, e]; }",
        )),
    );
    let mut code = code(&class(
        "async pass() { await this.env.inner.outer(); }
         async look() { try { await this.env.inner.outer(); } catch (e) { return [e.cause instanceof RangeError, e.cause.message, e.cause.cause, Object.keys(e)]; } }
         async wrap() { try { await this.env.inner.outer(); } catch (cause) { throw new TypeError('wrapped', { cause }); } }
         async echo() { const e = await this.env.inner.echo(new Error('x', { cause: undefined })); return ['cause' in e, e.cause === undefined]; }",
    ));
    code.env.insert("inner", inner.clone());
    let stub = load(&runtime, code);
    let cause = |error: &Error| match error.cause() {
        Some(Value::Error(cause)) => cause.clone(),
        other => panic!("no error: {other:?}"),
    };
    let why = Value::from(ValueMap::from_iter([("why", vec![Value::Int(7)])]));
    let passed = stub.call_blocking("pass", vec![]).unwrap_err();
    assert_eq!((passed.message(), cause(&passed).name()), ("outer", "RangeError"));
    assert_eq!(cause(&passed).cause(), Some(&why));
    assert!(passed.stack().unwrap().starts_with("main.js:3:"), "{passed:?}");
    let seen = stub.call_blocking("look", vec![]).unwrap().to_json().unwrap();
    assert_eq!(seen, r#"[true,"inner",{"why":[7]},["remote"]]"#);
    let wrapped = stub.call_blocking("wrap", vec![]).unwrap_err();
    assert_eq!(cause(&cause(&wrapped)).message(), "inner");
    assert!(cause(&wrapped).stack().unwrap().starts_with("main.js:3:"), "{wrapped:?}");
    assert_eq!(
        stub.call_blocking("echo", vec![]).unwrap(),
        Value::List(vec![true.into(), true.into()])
    );
    for method in ["cycle", "large", "odd"] {
        let error = inner.call_blocking(method, vec![]).unwrap_err();
        assert_eq!(error.message(), "e");
        assert!(Value::Error(error).size() < 10_000, "{method}");
    }
    assert!(inner.call_blocking("cyclic", vec![]).unwrap().size() < 20_000);
}

#[test]
fn what_nobody_catches_is_reported() {
    let runtime = Runtime::open_in_memory().unwrap();
    let stub = entrypoint(
        &runtime,
        "async forgotten() { Promise.reject(new Error('forgotten')); return 1; }
         async late() { const p = Promise.reject(new Error('late')); await null; p.catch(() => {}); return 1; }
         async handled() { try { await (async () => { throw new Error('handled'); })(); } catch { return 1; } }
         fails() { return Promise.reject(new Error('fails')); }
         async failsLater() { await null; throw new Error('failsLater'); }
         async waits() { this.ctx.waitUntil(Promise.reject(new Error('background'))); return 1; }
         async timer() { setTimeout(() => { throw new Error('timer'); }); await new Promise((r) => setTimeout(r, 5)); return 1; }
         async microtask() { queueMicrotask(() => { throw new Error('microtask'); }); return 1; }",
    );
    let reported = |method: &str| {
        let log = Log::default();
        tracing::subscriber::with_default(log.clone(), || {
            let _ = stub.call_blocking(method, vec![]);
        });
        let lines = log.0.lock().unwrap();
        lines.iter().filter(|line| line.contains("uncaught error") && line.contains(method)).count()
    };
    for method in ["forgotten", "timer", "microtask"] {
        assert_eq!(reported(method), 1, "{method}");
    }
    for method in ["late", "handled", "fails", "failsLater"] {
        assert_eq!(reported(method), 0, "{method}");
    }
}

/// Collects what is logged on this thread.
#[derive(Clone, Default)]
struct Log(std::sync::Arc<std::sync::Mutex<Vec<String>>>);

impl tracing::Subscriber for Log {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == "facetbox::guest"
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        struct Text(String);
        impl tracing::field::Visit for Text {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                self.0 += &format!("{field}={value:?} ");
            }
        }
        let mut text = Text(String::new());
        event.record(&mut text);
        self.0.lock().unwrap().push(text.0);
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[test]
fn a_syntax_error_names_its_place() {
    let runtime = Runtime::open_in_memory().unwrap();
    let stub = load(&runtime, code("export default {\n  fetch( {\n"));
    let error = stub.call_blocking("x", vec![]).unwrap_err();
    assert_eq!((error.code(), error.name()), (ErrorCode::LoadError, "SyntaxError"));
    assert!(error.message().starts_with("main.js:"), "{error}");
}

#[test]
fn deeply_nested_source_is_refused_or_compiled_but_never_overflows() {
    let runtime = Runtime::open_in_memory().unwrap();
    for (open, close) in
        [("(", ")"), ("[", "]"), ("!", ""), ("{a:", "}"), ("(()=>", ")"), ("`${", "}`")]
    {
        let source = format!("export default {}1{};", open.repeat(100_000), close.repeat(100_000));
        let error = load(&runtime, code(&source)).call_blocking("x", vec![]).unwrap_err();
        assert_eq!(error.code(), ErrorCode::LoadError, "{open}: {}", error.message());
    }
}

#[test]
fn a_loop_ends_at_the_cpu_limit_however_it_catches() {
    let runtime = limited(&[("cpuMs", 50)]);
    let stub = entrypoint(
        &runtime,
        "loop() { for (;;); }
         catching() { for (;;) { try { for (;;); } catch {} finally { for (;;); } } }
         generator() { function* g() { try { for (;;) yield; } finally { for (;;); } } for (;;) for (const x of g()); }
         async promises() { for (;;) await 0; }
         detached() { (async () => { for (;;) await 0; })(); return 1; }
         thenable() { return { get then() { for (;;); } }; }
         getter() { return { get x() { for (;;); } }; }
         proxy() { return new Proxy({}, { ownKeys() { for (;;); } }); }
         sorting() { for (;;) [3, 2, 1].sort((a, b) => a - b); }
         regexp() { return /^(a+)+$/.test('a'.repeat(60) + 'b'); }
         replacing() { for (;;) 'aaaa'.replace(/a/g, () => 'b'); }
         json() { return JSON.stringify({ toJSON() { for (;;); } }); }
         recursion() { const f = () => { try { f(); } catch { for (;;) f(); } }; f(); }
         ok() { return 1; }",
    );
    all_end_with(
        &stub,
        ErrorCode::LimitCpu,
        &[
            "loop",
            "catching",
            "generator",
            "promises",
            "detached",
            "thenable",
            "getter",
            "sorting",
            "regexp",
            "replacing",
            "json",
            "recursion",
        ],
    );
    // Never asked for its keys: it is no plain object.
    assert_eq!(stub.call_blocking("proxy", vec![]).unwrap_err().code(), ErrorCode::ValueError);
}

/// Loops of the engine itself, which don't look at the limits everywhere.
#[test]
fn native_functions_over_endless_arrays_and_texts_end() {
    let runtime = limited(&[("cpuMs", 100)]);
    let endless = [
        "const a = []; a.length = 4294967295; return a.indexOf(1)",
        "const a = []; a.length = 4294967295; return a.concat(a)",
        "const a = []; a.length = 4294967295; return [a].flat()",
        "const a = []; a.length = 4294967295; return [...a]",
        "return [].join.call({ length: 2 ** 53 - 1 }, '')",
        "return [].slice.call(new Proxy([], { get: (t, k) => k === 'length' ? 2 ** 53 - 1 : t[k] }))",
        "return [].splice.call({ length: 2 ** 53 - 1 }, 0, 1)",
        "return [].sort.call({ length: 2 ** 53 - 1 })",
        "return [].unshift.call({ length: 2 ** 53 - 2 }, 1)",
        "return [].flatMap.call({ length: 2 ** 53 - 1 }, () => 1)",
        "(function () { Object.defineProperty(arguments, 'length', { value: 2 ** 53 - 1 }); return [].slice.call(arguments); })()",
        "let s = 'a'.repeat(2 ** 22); return s.indexOf('a'.repeat(2 ** 21) + 'b')",
        "let s = 'a'.repeat(2 ** 22); return s.split({ toString: () => 'a'.repeat(2 ** 21) + 'b' })",
        "return /^(x+x+)+y$/.test('x'.repeat(60))",
        "return Array.from({ [Symbol.iterator]: () => ({ next: () => ({ done: false }) }) })",
    ];
    for source in endless {
        let stub = entrypoint(&runtime, &format!("run() {{ {source} }}"));
        let start = Instant::now();
        let ended = stub.call_blocking("run", vec![]);
        assert!(start.elapsed() < Duration::from_secs(8), "{source}: {ended:?}");
    }
    let stub = entrypoint(
        &runtime,
        "run() { const f = function () { return Array.prototype.slice.call(arguments, 1); };
           return [f(1, 2, 3), [3, 1, 2].sort(), [1, [2, [3]]].flat(), [1, 2].concat([3], 4), [1, 2, 3].join('-'),
             'a,b'.split(','), 'aXbX'.replaceAll('X', () => 'y'), 'abc'.replace(/b/, 'x'), 'a'.split(), [5, 6].splice(0, 1), 'a,b'.split(',', 1)]; }",
    );
    let json = stub.call_blocking("run", vec![]).unwrap().to_json().unwrap();
    assert_eq!(
        json,
        r#"[[2,3],[1,2,3],[1,2,[3]],[1,2,3,4],"1-2-3",["a","b"],"ayby","axc",["a"],[5],["a"]]"#
    );
}

#[test]
fn memory_ends_at_its_limit_but_garbage_does_not_count() {
    let runtime = limited(&[("memoryBytes", 8 << 20), ("cpuMs", 20_000)]);
    let stub = entrypoint(
        &runtime,
        "grow() { const t = []; for (;;) t.push('x'.repeat(1000) + t.length); }
         catching() { const t = []; for (;;) { try { for (;;) t.push([t.length]); } catch {} } }
         huge() { try { return 'x'.repeat(500000000).length; } catch { return 'caught'; } }
         buffers() { const t = []; for (;;) t.push(new Uint8Array(100000)); }
         keys() { const o = {}; for (let i = 0; ; i++) o['key' + i] = i; }
         map() { const m = new Map(); for (let i = 0; ; i++) m.set(i, {}); }
         promises() { const t = []; for (;;) t.push(new Promise(() => {})); }
         garbage() { for (let i = 0; i < 200000; i++) { const x = 'y'.repeat(1000) + i; } return 1; }
         cycles() { for (let i = 0; i < 200000; i++) { const a = { pad: [i, i, i] }; a.self = a; } return 1; }
         bigCycles() { for (let i = 0; i < 300; i++) { const a = { bytes: new Uint8Array(3000000) }; a.self = a; } return 1; }
         ok() { return 1; }",
    );
    all_end_with(
        &stub,
        ErrorCode::LimitMemory,
        &["grow", "catching", "huge", "buffers", "keys", "map", "promises"],
    );
    for method in ["garbage", "cycles", "bigCycles"] {
        assert_eq!(stub.call_blocking(method, vec![]).unwrap(), Value::Int(1), "{method}");
    }
}

#[test]
fn recursion_without_end_is_a_range_error_that_a_guest_may_catch() {
    let runtime = Runtime::open_in_memory().unwrap();
    let stub = entrypoint(
        &runtime,
        "deep() { const f = () => 1 + f(); return f(); }
         getter() { const o = { get x() { return this.x; } }; return o.x; }
         json() { let o = {}; for (let i = 0; i < 100000; i++) o = { o }; return JSON.stringify(o); }
         caught() { const f = () => 1 + f(); try { f(); } catch (e) { return [e instanceof RangeError, e.name]; } }",
    );
    for method in ["deep", "getter", "json"] {
        let error = stub.call_blocking(method, vec![]).unwrap_err();
        assert_eq!(
            (error.code(), error.name()),
            (ErrorCode::LimitStack, "RangeError"),
            "{method}: {error:?}"
        );
    }
    let expected = Value::List(vec![true.into(), "RangeError".into()]);
    assert_eq!(stub.call_blocking("caught", vec![]).unwrap(), expected);
}

#[test]
fn a_module_in_the_style_of_workers_runs() {
    let runtime = Runtime::open_in_memory().unwrap();
    let mut code = code(
        "import { env } from 'facetbox';
         const greeting = await Promise.resolve(env.GREETING);
         export default {
           async fetch(request, env, ctx) {
             ctx.waitUntil(Promise.resolve());
             return Response.json([greeting, env.GREETING, new URL(request.url).pathname, await request.json()], { status: 201 });
           },
         };",
    );
    code.env.insert("GREETING", "hello");
    let request = Request::new("POST", "http://app/path?q").unwrap().with_body("[1]");
    let response = load(&runtime, code).fetch_blocking(request).unwrap();
    assert_eq!(
        (response.status(), response.body_text().as_str()),
        (201, r#"["hello","hello","/path",[1]]"#)
    );
    assert_eq!(response.headers.get("content-type").as_deref(), Some("application/json"));
}

#[test]
fn the_web_api_is_there() {
    let runtime = Runtime::open_in_memory().unwrap();
    let stub = entrypoint(
        &runtime,
        "async run() {
           const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode('abc')));
           const controller = new AbortController();
           const aborted = new Promise((resolve) => controller.signal.addEventListener('abort', () => resolve(controller.signal.reason.name)));
           controller.abort();
           const decoder = new TextDecoder();
           const url = new URL('../b?x=1#h', 'http://u:p@host:81/a/c');
           url.searchParams.append('y', 'ä&');
           const cycle = { list: [1n, new Date(5), new Map([[1, new Set([2])]])] };
           cycle.self = cycle;
           const copy = structuredClone(cycle);
           const ticks = [];
           const interval = setInterval(() => { ticks.push(1); if (ticks.length === 3) clearInterval(interval); }, 1);
           await new Promise((resolve) => setTimeout(resolve, 30));
           const blob = new Blob(['a', new Uint8Array([98])], { type: 'Text/Plain' });
           return [
             digest[0], await aborted, decoder.decode(new Uint8Array([0xc3]), { stream: true }) + decoder.decode(new Uint8Array([0xa4])),
             url.href, copy.self === copy && copy !== cycle && copy.list[2].get(1).has(2), ticks.length, await blob.text(), blob.type,
             btoa('hé'), atob('aOk='), crypto.randomUUID().length, crypto.getRandomValues(new Uint16Array(3)).length,
             typeof performance.now(), await new Response(new URLSearchParams({ a: '1 2' })).text(),
           ];
         }",
    );
    let json = stub.call_blocking("run", vec![]).unwrap().to_json().unwrap();
    let expected = r#"[186,"AbortError","ä","http://u:p@host:81/b?x=1&y=%C3%A4%26#h",true,3,"ab","text/plain","aOk=","hé",36,3,"number","a=1+2"]"#;
    assert_eq!(json, expected);
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
fn an_exception_of_the_host_passes_through_the_guest() {
    let runtime = Runtime::open_in_memory().unwrap();
    let fail = HostFunction::new("fail", |_| {
        Err(Error::named(ErrorCode::NotFound, "RangeError", "gone")
            .with_host(std::sync::Arc::new(7u8)))
    });
    let mut code = code(&class(
        "async pass() { await this.env.fail(); }
         async caught() { try { await this.env.fail(); } catch (e) { return [e instanceof RangeError, e.message, e.code]; } }",
    ));
    code.env.insert("fail", fail);
    let stub = load(&runtime, code);
    let error = stub.call_blocking("pass", vec![]).unwrap_err();
    assert_eq!(error.code(), ErrorCode::NotFound);
    assert!(error.host_exception().unwrap().downcast_ref::<u8>() == Some(&7));
    let expected = Value::List(vec![true.into(), "gone".into(), "NOT_FOUND".into()]);
    assert_eq!(stub.call_blocking("caught", vec![]).unwrap(), expected);
}

#[test]
fn a_wait_that_never_ends_hits_the_wall_limit() {
    let runtime = limited(&[("wallMs", 50)]);
    let never = HostFunction::new_async("never", |_| Box::pin(std::future::pending()));
    let mut code = code(&class(
        "run() { return this.env.never(); }
         stuck() { return new Promise(() => {}); }
         ok() { return 1; }",
    ));
    code.env.insert("never", never);
    let stub = load(&runtime, code);
    let start = Instant::now();
    all_end_with(&stub, ErrorCode::LimitWall, &["run", "stuck"]);
    assert!(start.elapsed() < Duration::from_secs(5));
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

#[test]
fn what_guests_must_not_have_is_absent() {
    let runtime = Runtime::open_in_memory().unwrap();
    let stub = entrypoint(
        &runtime,
        "names() {
           return ['std', 'os', 'process', 'require', 'scriptArgs', 'print', 'SharedArrayBuffer', 'Atomics',
             'WebAssembly', 'facetboxNative', 'bjson', 'gc'].filter((name) => name in globalThis);
         }
         code() {
           const tries = [() => eval('1'), () => (0, eval)('1'), () => Function('return 1')(), () => new Function('return 1')(),
             () => (async () => {}).constructor('return 1')(), () => (function* () {}).constructor('yield 1')().next()];
           return tries.map((f) => { try { return f(); } catch (e) { return 'refused'; } });
         }
         async imports() {
           const seen = [];
           for (const name of ['std', 'os', 'facetbox:base', 'facetbox:stubs', 'node:fs', '../x.js', '/etc/passwd', 'main.js/../facetbox:base']) {
             try { await import(name); seen.push(name); } catch {}
           }
           return seen;
         }",
    );
    assert_eq!(stub.call_blocking("names", vec![]).unwrap(), Value::List(vec![]));
    let refused = vec![Value::from("refused"); 6];
    assert_eq!(stub.call_blocking("code", vec![]).unwrap(), Value::List(refused));
    assert_eq!(stub.call_blocking("imports", vec![]).unwrap(), Value::List(vec![]));
}

#[test]
fn what_cannot_be_copied_is_refused() {
    let runtime = Runtime::open_in_memory().unwrap();
    let stub = entrypoint(
        &runtime,
        "cycle() { const t = { a: {} }; t.a.b = [1, t]; return t; }
         mapCycle() { const m = new Map(); m.set('m', m); return m; }
         surrogate() { return '\\ud800'; }
         key() { return { ['\\udc00']: 1 }; }
         regexp() { return /x/; }
         ctx_() { return this.ctx; }
         weak() { return new WeakMap(); }
         bare() { return Object.create(null); }
         promiseInside() { return [Promise.resolve(1)]; }
         shared() { let t = ['x']; for (let i = 0; i < 40; i++) t = [t, t]; return t; }
         sparse() { const t = []; t.length = 4294967295; return t; }
         ok() { return 1; }",
    );
    all_end_with_name(
        &stub,
        &[
            "cycle",
            "mapCycle",
            "surrogate",
            "key",
            "regexp",
            "ctx_",
            "weak",
            "bare",
            "promiseInside",
        ],
    );
    for method in ["shared", "sparse"] {
        assert_eq!(
            stub.call_blocking(method, vec![]).unwrap_err().code(),
            ErrorCode::LimitMessage,
            "{method}"
        );
    }
}

fn all_end_with_name(stub: &Stub, methods: &[&str]) {
    for method in methods {
        let error = stub.call_blocking(*method, vec![]).unwrap_err();
        assert_eq!(
            (error.code(), error.name()),
            (ErrorCode::ValueError, "DataCloneError"),
            "{method}: {error:?}"
        );
    }
}

#[test]
fn tampering_with_built_ins_harms_only_the_guest() {
    let runtime = Runtime::open_in_memory().unwrap();
    let stub = entrypoint(
        &runtime,
        "tamper() {
           const bad = () => { throw new Error('tampered'); };
           for (const c of [Map, Set, Array, Promise, Object, Date, String, RegExp, Function, WeakMap, Reflect, Proxy, Error])
             for (const k of Reflect.ownKeys(c.prototype ?? c)) { try { (c.prototype ?? c)[k] = bad; } catch {} }
           return 1;
         }
         echo(v) { return v; }",
    );
    let _ = stub.call_blocking("tamper", vec![]);
    for _ in 0..3 {
        let _ = stub.call_blocking("echo", vec![Value::Dict(vec![(1.into(), 2.into())])]);
        let _ = stub.fetch_blocking(Request::get("http://x/").unwrap());
    }
}

/// Whatever allocation fails, the process goes on and the next event finds a fresh guest.
#[test]
fn running_out_of_memory_anywhere_ends_the_guest_only() {
    let work = class(
        "run() {
           const out = [];
           for (let i = 0; i < 300; i++) {
             const text = 'item ' + i;
             out.push({ text, list: [i, i + 0.5, BigInt(i) ** 9n], map: new Map([[i, new Set([text])]]), at: new Date(i),
               bytes: new TextEncoder().encode(text), f: class { #x = i; get x() { return this.#x; } },
               r: text.match(/(\\d+)/), p: Promise.resolve(i).then((v) => [v]), url: new URL('http://a/?' + i).searchParams,
               s: structuredClone({ text, out: [1] }), g: [...(function* () { yield i; })()], j: JSON.parse(JSON.stringify({ i })) });
           }
           return out.length;
         }
         ok() { return 1; }",
    );
    let mut ended = 0;
    for kib in (1024..4096).step_by(16) {
        let runtime = limited(&[("memoryBytes", kib << 10), ("cpuMs", 20_000)]);
        let stub = load(&runtime, code(&work));
        match stub.call_blocking("run", vec![]) {
            Ok(value) => assert_eq!(value, Value::Int(300)),
            Err(error) => {
                assert_eq!(error.code(), ErrorCode::LimitMemory, "{kib} KiB: {error:?}");
                ended += 1;
            }
        }
    }
    assert!(ended > 10, "{ended}");
}

#[test]
fn machines_end_in_every_state_without_harm() {
    for _ in 0..20 {
        let runtime = limited(&[("cpuMs", 20)]);
        let never = HostFunction::new_async("never", |_| Box::pin(std::future::pending()));
        let mut code = code(&class(
            "async hang() { const own = [this]; own.push(own); await this.env.never(own.length); return own; }
             loop() { const cycle = {}; cycle.cycle = cycle; globalThis.kept = [cycle, () => cycle, (function* () { yield cycle; })()]; kept[2].next(); for (;;); }
             late() { setTimeout(() => {}, 100000); setInterval(() => {}, 1); return 1; }",
        ));
        code.env.insert("never", never);
        let stub = load(&runtime, code);
        assert_eq!(stub.call_blocking("late", vec![]).unwrap(), Value::Int(1));
        let hanging = std::thread::spawn({
            let stub = stub.clone();
            move || stub.call_blocking("hang", vec![])
        });
        assert_eq!(stub.call_blocking("loop", vec![]).unwrap_err().code(), ErrorCode::LimitCpu);
        runtime.close();
        assert!(hanging.join().unwrap().is_err());
    }
}

#[test]
fn logs_and_what_nobody_caught_are_in_the_tail_event() {
    let (sender, events) = std::sync::mpsc::channel();
    let on_tail = TailReceiver::new(move |event| drop(sender.send(event)));
    let runtime =
        Runtime::open_with(Options { on_tail: Some(on_tail), ..Options::default() }).unwrap();
    let members = "
        talk(n) { console.log('a', n, { b: [1] }); console.debug('low'); console.error('bad'); }
        leave() {
            this.ctx.waitUntil(Promise.reject(new RangeError('at once')));
            this.ctx.waitUntil(new Promise((_, reject) => setTimeout(() => reject(new Error('late')), 1)));
        }";
    let stub = entrypoint(&runtime, members);
    stub.call_blocking("talk", vec![Value::Int(7)]).unwrap();
    let next = || events.recv_timeout(Duration::from_secs(20)).expect("an event is told");
    let logs: Vec<_> = next().logs.into_iter().map(|log| (log.level, log.message)).collect();
    let expected =
        [(LogLevel::Log, "a 7 { b: [ 1 ] }"), (LogLevel::Debug, "low"), (LogLevel::Error, "bad")];
    assert_eq!(logs, expected.map(|(level, text)| (level, text.to_owned())));
    stub.call_blocking("leave", vec![]).unwrap();
    let exceptions = |event: TailEvent| -> Vec<_> {
        event.exceptions.into_iter().map(|e| (e.name, e.message)).collect()
    };
    let event = next();
    assert_eq!(event.outcome, Outcome::Ok);
    assert_eq!(exceptions(event), [("RangeError".to_owned(), "at once".to_owned())]);
    let event = next();
    assert_eq!(event.event, TailInfo::Task);
    assert_eq!(exceptions(event), [("Error".to_owned(), "late".to_owned())]);
}
