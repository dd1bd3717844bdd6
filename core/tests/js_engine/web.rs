//! The subset of the web's API.

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
