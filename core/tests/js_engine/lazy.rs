//! The parts of the API that are loaded at their first use: guests can't tell, nor break more than they could.

use facetbox::*;

use crate::entrypoint;

/// The answer of one run in a fresh guest, as JSON.
fn run(code: &str) -> String {
    let runtime = Runtime::open_in_memory().unwrap();
    let stub = entrypoint(&runtime, &format!("async run() {{\n{code}\n}}"));
    stub.call_blocking("run", vec![]).unwrap().to_json().unwrap()
}

/// All globals that are loaded late, with what `typeof` says of them.
const NAMES: &str = "const names = { console: 'object', caches: 'object', crypto: 'object', Intl: 'object' };
    for (const name of ['setTimeout', 'setInterval', 'clearTimeout', 'clearInterval', 'URL', 'URLSearchParams', 'TextEncoder',
      'TextDecoder', 'Blob', 'Event', 'EventTarget', 'AbortSignal', 'AbortController', 'atob', 'btoa', 'structuredClone', 'Headers',
      'Request', 'Response', 'ReadableStream', 'ReadableStreamDefaultReader', 'WritableStream', 'TransformStream', 'IdentityTransformStream',
      'FixedLengthStream', 'TextEncoderStream', 'TextDecoderStream', 'File', 'FormData', 'CustomEvent', 'CryptoKey', 'CompressionStream',
      'DecompressionStream', 'ReadableStreamBYOBReader', 'EventSource', 'HTMLRewriter', 'MessageChannel', 'URLPattern', 'WebSocket', 'WebSocketPair']) {
      names[name] = 'function';
    }";

#[test]
fn a_global_is_a_plain_property_once_it_was_used() {
    let code = format!(
        "{NAMES}
         const wrong = [];
         for (const [name, type] of Object.entries(names)) {{
           const value = globalThis[name];
           const found = Object.getOwnPropertyDescriptor(globalThis, name);
           const right = typeof value === type && found.value === value && globalThis[name] === value
             && found.writable && found.configurable && !found.enumerable
             && (type === 'object' || value.name === name || ['clearTimeout', 'clearInterval'].includes(name));
           if (!right) wrong.push(name);
         }}
         return wrong.concat(Object.keys(globalThis));"
    );
    assert_eq!(run(&code), r#"["performance"]"#);
}

#[test]
fn a_global_can_be_replaced_and_removed_before_it_is_used() {
    let code = "globalThis.URL = 1;
        delete globalThis.Headers;
        Response = 2;
        Object.defineProperty(globalThis, 'Blob', { get: () => 3, configurable: true });
        const heir = Object.create(globalThis);
        heir.Request = 4;
        const made = new Request('http://a/', { headers: { b: 'c' } });
        new URLSearchParams();
        new TextEncoder();
        return [URL, typeof Headers, 'Headers' in globalThis, Response, Blob, Object.keys(heir), typeof Request,
          made.headers.get('b'), Object.keys(globalThis)];";
    assert_eq!(
        run(code),
        r#"[1,"undefined",false,2,3,["Request"],"function","c",["performance"]]"#
    );
}

#[test]
fn frozen_globals_are_still_loaded() {
    let code = "Object.freeze(globalThis);
        const before = URL;
        try { globalThis.Response = 1; } catch {}
        return [before === URL, new URL('http://a/b').pathname, await new Response('text').text()];";
    assert_eq!(run(code), r#"[true,"/b","text"]"#);
}

#[test]
fn a_load_that_the_stack_ends_leaves_nothing_behind() {
    let code = "let failed = 0;
        for (const name of ['URL', 'Response', 'console', 'structuredClone']) {
          const deep = () => { try { deep(); } catch (error) { try { globalThis[name]; } catch { failed++; } throw error; } };
          try { deep(); } catch {}
        }
        return [failed > 0, new URL('http://a/b').pathname, await new Response(new Blob(['x'])).text(), structuredClone([1])];";
    assert_eq!(run(code), r#"[true,"/b","x",[1]]"#);
}

#[test]
fn what_a_guest_breaks_meanwhile_it_can_mend() {
    let code = "const { defineProperty } = Object;
        Object.defineProperty = () => { throw new RangeError('mine'); };
        const caught = [];
        for (let at = 0; at < 2; at++) try { URL; } catch (error) { caught.push(error.message); }
        Object.defineProperty = defineProperty;
        Object.prototype.get = () => 1;
        Object.prototype.set = () => 2;
        const { pathname } = new URL('http://a/b');
        delete Object.prototype.get;
        delete Object.prototype.set;
        return [caught, pathname];";
    assert_eq!(run(code), r#"[["mine","mine"],"/b"]"#);
}

#[test]
fn there_is_one_of_each_even_if_it_is_used_while_it_is_loaded() {
    let code = "const { defineProperty } = Object;
        const seen = new Set();
        let depth = 0;
        Object.defineProperty = (...args) => {
          if (depth++ === 0) seen.add(URL);
          return defineProperty(...args);
        };
        seen.add(URL);
        Object.defineProperty = defineProperty;
        seen.add(URL);
        return [seen.size, depth > 1];";
    assert_eq!(run(code), "[1,true]");
}

#[test]
fn accessors_that_a_guest_takes_give_what_the_global_is() {
    let code = "const { get, set } = Object.getOwnPropertyDescriptor(globalThis, 'URL');
        const first = get();
        globalThis.URL = 'mine';
        const own = [get() === first, URL];
        set.call(undefined, 'again');
        const other = {};
        set.call(other, 'other');
        return [...own, URL, other.URL, Object.keys(other)];";
    assert_eq!(run(code), r#"[true,"mine","again","other",["URL"]]"#);
}

#[test]
fn what_leads_outside_is_loaded_without_the_guest() {
    let runtime = Runtime::open_in_memory().unwrap();
    let stub = entrypoint(&runtime, "async fetch(request) { return new Response(request.url); }");
    let response = stub.fetch_blocking(Request::new("GET", "http://a/b").unwrap()).unwrap();
    assert_eq!(response.body_text(), "http://a/b");
    // An answer that is no response is none, whether the class of responses is there or not.
    let stub = entrypoint(&runtime, "async fetch() { return { status: 200 }; }");
    let error = stub.fetch_blocking(Request::new("GET", "http://a/").unwrap()).unwrap_err();
    assert!(error.message().contains("did not resolve to 'Response'"), "{error}");
}
