//! Errors: name, message, place and cause, and what nobody catches.

use std::time::Duration;

use facetbox::*;

use crate::{class, code, entrypoint, load};

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
    // No frame of ours.
    assert_eq!(plain.stack().unwrap().lines().count(), 1, "{plain:?}");
    assert_eq!((error("typed").name(), error("typed").message()), ("RangeError", "m"));
    assert_eq!(error("own").name(), "MyError");
    assert_eq!(error("deep").name(), "TypeError");
}

#[test]
fn what_is_refused_to_a_guest_tells_where_in_the_guest() {
    let runtime = Runtime::open_in_memory().unwrap();
    let fail = HostFunction::new("fail", |_| Err(Error::guest("Odd", "of the host")));
    let source = "import { DurableObject } from 'cloudflare:workers';
const query = (sql) => sql.exec('SELEC 1');
export class App extends DurableObject {
  syntax() { query(this.ctx.storage.sql); }
  async later() { await null; query(this.ctx.storage.sql); }
  one() { this.ctx.storage.sql.exec('SELECT 1 WHERE 0').one(); }
  url() { new URL('none'); }
  json() { JSON.parse('{'); }
  async host() { await this.env.fail(); }
  async abort() { AbortSignal.abort().throwIfAborted(); }
  async texts() {
    let before, after;
    await this.env.fail().catch((error) => { before = error.stack; });
    try { query(this.ctx.storage.sql); } catch (error) { after = error.stack; }
    return [before, after];
  }
}";
    let worker = runtime
        .loader()
        .load(WorkerCode {
            env: ValueMap::from_iter([("fail", Value::Function(fail))]),
            ..code(source)
        })
        .unwrap();
    let class = worker.get_durable_object_class("App", Default::default());
    let stub = runtime.namespace("App", class).unwrap().get_by_name("a");
    for (method, stack) in [
        ("syntax", "main.js:2 query\nmain.js:4 syntax"),
        ("later", "main.js:2 query\nmain.js:5 later"),
        ("one", "main.js:6 one"),
        ("url", "main.js:7 url"),
        ("json", "main.js:8 json"),
        ("host", "main.js:9 host"),
        ("abort", "main.js:10 abort"),
    ] {
        let error = stub.call_blocking(method, vec![]).unwrap_err();
        // `module:line:column name` without the column.
        let line = |line: &str| {
            let (place, name) = line.split_once(' ').unwrap();
            format!("{} {name}", place.rsplit_once(':').unwrap().0)
        };
        let lines: Vec<_> = error.stack().unwrap_or_default().lines().map(line).collect();
        assert_eq!(lines.join("\n"), stack, "{method}: {error:?}");
    }
    // Guests, too, see no frames of ours.
    let texts = stub.call_blocking("texts", vec![]).unwrap();
    let texts: Vec<_> = texts.as_list().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(texts[0], "Odd: of the host");
    assert!(!texts[1].contains("<null>") && texts[1].contains("main.js:2:"), "{}", texts[1]);
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
    let (sender, events) = std::sync::mpsc::channel();
    let on_tail = TailReceiver::new(move |event| drop(sender.send(event)));
    let runtime =
        Runtime::open_with(Options { on_tail: Some(on_tail), ..Options::default() }).unwrap();
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
    let reported = |method: &str| -> Vec<String> {
        let failed = stub.call_blocking(method, vec![]).is_err();
        let event = events.recv_timeout(Duration::from_secs(20)).expect("an event is told");
        let mut messages: Vec<_> = event.exceptions.into_iter().map(|e| e.message).collect();
        // The error that the event ends with comes last.
        assert_eq!(messages.pop_if(|_| failed), failed.then(|| method.to_owned()));
        messages
    };
    for method in ["forgotten", "timer", "microtask"] {
        assert_eq!(reported(method), [method]);
    }
    for method in ["late", "handled", "fails", "failsLater"] {
        assert!(reported(method).is_empty(), "{method}");
    }
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

#[test]
fn errors_of_loading_name_the_module_and_the_place() {
    let runtime = Runtime::open_in_memory().unwrap();
    let failing = [
        (
            "const a = 1;\n  import './lib/c.js'; export default {}",
            "main.js:2:10: No such module: \"./lib/c.js\".",
        ),
        ("import './lib/d.js'; export default {}", "lib/d.js:2:8: No such module: \"./nope\"."),
        (
            "import x from './l.luau'; export default {}",
            "main.js:1:15: A JavaScript module can't import the Luau module",
        ),
        (
            "import { x } from './lib/b.js'; export default {}",
            "Could not find export 'x' in module 'lib/b.js'",
        ),
        ("import './lib/bad.js'", "lib/bad.js:2:18: unexpected token"),
        ("let a = 1;\n  let a = 2;\n", "main.js:2:9: invalid redefinition"),
    ];
    for (source, message) in failing {
        let mut code = code(source);
        let mut add = |name: &str, module: Module| code.modules.push((name.into(), module));
        add("lib/b.js", Module::Js("export const y = 1;".into()));
        add("lib/d.js", Module::Js("export {};\nimport './nope';".into()));
        add("l.luau", Module::Luau("return 1".into()));
        if source.contains("bad") {
            add("lib/bad.js", Module::Js("\nexport const y = ;".into()));
        }
        let error = load(&runtime, code).call_blocking("x", vec![]).unwrap_err();
        assert_eq!(error.code(), ErrorCode::LoadError, "{error:?}");
        assert!(error.message().starts_with(message), "{error:?}");
    }
    let thrown = load(&runtime, code("export default {};\nthrow new TypeError('top')"));
    let error = thrown.call_blocking("x", vec![]).unwrap_err();
    assert_eq!((error.code(), error.name()), (ErrorCode::GuestError, "TypeError"));
    assert!(error.stack().unwrap().starts_with("main.js:2:"), "{error:?}");
}

#[test]
fn modules_may_import_each_other_and_data() {
    let runtime = Runtime::open_in_memory().unwrap();
    let mut code = code(
        "import { b } from './b.js'; import text from './t.txt'; import json from './j.json'; import bytes from './d.bin';
         export const a = () => 'a';
         export default { x: async () => [b(), text, json, new Uint8Array(bytes)[0], (await import('./j.json')).default === json] };",
    );
    let mut add = |name: &str, module: Module| code.modules.push((name.into(), module));
    add(
        "b.js",
        Module::Js("import { a } from './main.js'; export const b = () => a() + 'b';".into()),
    );
    add("t.txt", Module::Text("text".into()));
    add("j.json", Module::Json(Value::from(ValueMap::from_iter([("k", 1)]))));
    add("d.bin", Module::Data(vec![7]));
    let json = load(&runtime, code).call_blocking("x", vec![]).unwrap().to_json().unwrap();
    assert_eq!(json, r#"["ab","text",{"k":1},7,true]"#);
}

#[test]
fn an_engine_that_recurses_itself_is_out_of_stack_wherever_the_guest_is() {
    let runtime = Runtime::open_in_memory().unwrap();
    let stub = entrypoint(
        &runtime,
        "deep() { let list = []; for (let at = 0; at < 1e5; at++) list = [list]; return JSON.stringify(list); }
         async later() { await 0; return this.deep(); }
         few(frames) { Error.stackTraceLimit = frames; return this.deep(); }
         caught() { try { return this.deep(); } catch (error) { return error.name; } }
         forged() { throw new RangeError('Maximum call stack size exceeded'); }
         limit(frames) {
             Error.stackTraceLimit = frames;
             const lines = (depth) => depth > 0 ? lines(depth - 1) : new Error().stack.split('    at ').length - 1;
             return [Error.stackTraceLimit, lines(99)];
         }",
    );
    let code = |method: &str, args| stub.call_blocking(method, args).unwrap_err().code();
    assert_eq!(code("deep", vec![]), ErrorCode::LimitStack);
    assert_eq!(code("later", vec![]), ErrorCode::LimitStack);
    assert_eq!(code("few", vec![1.into()]), ErrorCode::LimitStack);
    assert_eq!(stub.call_blocking("caught", vec![]).unwrap(), "RangeError".into());
    assert_eq!(code("forged", vec![]), ErrorCode::GuestError);
    for (frames, shown) in [(Value::Int(5), 5), (Value::Float(2.5), 2), (Value::Int(1_000), 64)] {
        let limit = stub.call_blocking("limit", vec![frames.clone()]).unwrap();
        assert_eq!(limit, Value::List(vec![frames, shown.into()]));
    }
}

#[test]
fn a_transaction_that_is_given_an_async_function_is_told_to_the_log_once() {
    let (sender, events) = std::sync::mpsc::channel();
    let on_tail = TailReceiver::new(move |event| drop(sender.send(event)));
    let runtime =
        Runtime::open_with(Options { on_tail: Some(on_tail), ..Options::default() }).unwrap();
    let source = "import { DurableObject } from 'cloudflare:workers';
        export class App extends DurableObject {
            async run() {
                const { kv } = this.ctx.storage;
                const write = async () => { kv.put('a', 1); };
                for (let i = 0; i < 2; i++) await this.ctx.storage.transactionSync(write);
                return this.ctx.storage.transactionSync(() => kv.get('a'));
            }
        }";
    let worker = runtime.loader().load(code(source)).unwrap();
    let class = worker.get_durable_object_class("App", ExportOptions::default());
    let stub = runtime.namespace("App", class).unwrap().get_by_name("one");
    assert_eq!(stub.call_blocking("run", vec![]).unwrap(), Value::Int(1));
    let event = events.recv_timeout(Duration::from_secs(20)).expect("an event is told");
    let [log] = event.logs.as_slice() else { panic!("{:?}", event.logs) };
    assert_eq!(log.level, LogLevel::Warn);
    assert!(log.message.starts_with("transactionSync() was given an async function."), "{log:?}");
}
