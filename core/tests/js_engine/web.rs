//! The subset of the web's API.

use std::time::Duration;

use facetbox::*;

use crate::{code, entrypoint, load};

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
           await new Promise((resolve) => {
             const interval = setInterval(() => { if (ticks.push(1) === 3) { clearInterval(interval); setTimeout(resolve, 3); } }, 1);
           });
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
fn what_is_there_does_what_its_standard_says() {
    let runtime = Runtime::open_in_memory().unwrap();
    let stub = entrypoint(&runtime, &format!("async run() {{\n{}}}", include_str!("standard.js")));
    let answer = stub.call_blocking("run", vec![]).unwrap();
    let answer = Value::from_json(answer.as_str().unwrap()).unwrap();
    let expected = Value::from_json(include_str!("standard.json")).unwrap();
    let (answer, expected) = (answer.as_map().unwrap(), expected.as_map().unwrap());
    for (topic, expected) in expected.iter() {
        assert_eq!(answer.get(topic), Some(expected), "{topic}");
    }
}

#[test]
fn what_is_absent_says_so() {
    let runtime = Runtime::open_in_memory().unwrap();
    let stub = entrypoint(
        &runtime,
        "async run() {
           const uses = [() => new WebSocket('ws://x'), () => new WebSocketPair(), () => caches.default, () => caches.open('x'),
             () => new Intl.Segmenter(), () => new Response('x', { webSocket: {} })];
           const said = [];
           for (const use of uses) { try { await use(); said.push('nothing'); } catch (e) { said.push(`${e.name}: ${e.message}`); } }
           return said;
         }",
    );
    let said = stub.call_blocking("run", vec![]).unwrap();
    let names = ["WebSocket", "WebSocketPair", "caches", "caches", "Intl.Segmenter", "webSocket"];
    for (said, name) in said.as_list().unwrap().iter().zip(names) {
        let said = said.as_str().unwrap();
        assert!(said.starts_with("TypeError: ") && said.contains(name), "{said}");
        assert!(said.contains("is not supported"), "{said}");
    }
}

#[test]
fn the_console_shows_values_and_formats() {
    let (sender, events) = std::sync::mpsc::channel();
    let on_tail = TailReceiver::new(move |event| drop(sender.send(event)));
    let runtime =
        Runtime::open_with(Options { on_tail: Some(on_tail), ..Options::default() }).unwrap();
    let stub = entrypoint(
        &runtime,
        "run() {
           class Point { x = 1; }
           const cycle = { name: 'c' }; cycle.self = cycle;
           console.log('%s is %d years, %j %%', 'Bo', 7.5, [1], 'more', -0, 5n, undefined, null, Symbol('s'));
           console.log(new Point(), [1, 'a', [new Map([['k', new Set([1])]])]], cycle, { 'a-b': 1, deep: { b: { c: { d: { e: 1 } } } } });
           console.log(new Uint8Array([1, 2]), new Date(0), /r/g, () => {}, class A {}, function f() {}, {}, []);
           console.assert(true, 'not shown'); console.assert(false, 'shown'); console.count(); console.count('x'); console.count();
           console.table([1]); console.dir({ a: 1 }); console.group('g'); console.groupEnd(); console.error(new Error('e').message);
         }",
    );
    stub.call_blocking("run", vec![]).unwrap();
    let event = events.recv_timeout(Duration::from_secs(20)).expect("an event is told");
    let lines: Vec<_> = event.logs.iter().map(|log| log.message.as_str()).collect();
    let expected = [
        "Bo is 7.5 years, [1] % more -0 5n undefined null Symbol(s)",
        r#"Point { x: 1 } [ 1, "a", [ Map(1) { "k" => Set(1) { 1 } } ] ] { name: "c", self: [Circular] } { "a-b": 1, deep: { b: { c: { d: { e: 1 } } } } }"#,
        "Uint8Array(2) [ 1, 2 ] 1970-01-01T00:00:00.000Z /r/g [Function: anonymous] [Function: A] [Function: f] {} []",
        "Assertion failed: shown",
        "default: 1",
        "x: 1",
        "default: 2",
        "[ 1 ]",
        "{ a: 1 }",
        "g",
        "e",
    ];
    assert_eq!(lines, expected);
    assert_eq!(event.logs[3].level, LogLevel::Error);
}
