//! What guests can't reach, and what they do to themselves.

use facetbox::*;

use crate::{all_end_with, class, code, entrypoint, limited, load};

#[test]
fn what_guests_must_not_have_is_absent() {
    let runtime = Runtime::open_in_memory().unwrap();
    let stub = entrypoint(
        &runtime,
        "names() {
           return ['std', 'os', 'process', 'require', 'scriptArgs', 'print', 'SharedArrayBuffer', 'Atomics',
             'WebAssembly', 'facetboxNative', 'bjson', 'gc'].filter((name) => name in globalThis);
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
    assert_eq!(stub.call_blocking("imports", vec![]).unwrap(), Value::List(vec![]));
}

#[test]
fn what_cannot_be_copied_is_refused() {
    // Copying as much as a message may have takes a good part of the usual CPU time.
    let runtime = limited(&[("cpuMs", 10_000)]);
    let stub = entrypoint(
        &runtime,
        "cycle() { const t = { a: {} }; t.a.b = [1, t]; return t; }
         mapCycle() { const m = new Map(); m.set('m', m); return m; }
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
        &["cycle", "mapCycle", "key", "regexp", "ctx_", "weak", "bare", "promiseInside"],
    );
    for method in ["shared", "sparse"] {
        assert_eq!(
            stub.call_blocking(method, vec![]).unwrap_err().code(),
            ErrorCode::LimitMessage,
            "{method}"
        );
    }
}

#[test]
fn lone_surrogates_in_values_are_replaced() {
    let runtime = Runtime::open_in_memory().unwrap();
    let stub = entrypoint(
        &runtime,
        "plain() { return 'a\\ud800b'; }
         thrown() { throw new Error('a\\udc00b'); }",
    );
    assert_eq!(stub.call_blocking("plain", vec![]).unwrap().as_str(), Some("a\u{FFFD}b"));
    assert_eq!(stub.call_blocking("thrown", vec![]).unwrap_err().message(), "a\u{FFFD}b");
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
fn parts_of_storage_are_neither_sent_nor_made_nor_used_on_others() {
    let runtime = Runtime::open_in_memory().unwrap();
    let source = "import { DurableObject } from 'cloudflare:workers';
        export class App extends DurableObject {
          storage() { return this.ctx.storage; }
          kv() { return this.ctx.storage.kv; }
          sql() { return { inside: this.ctx.storage.sql }; }
          facets() { return this.ctx.facets; }
          txn() { return this.ctx.storage.transaction((txn) => [txn]); }
          async receivers() {
            const { storage, facets } = this.ctx, { kv, sql } = storage;
            const refused = async (work) => {
              try { await work(); return 'allowed'; } catch (error) { return error.message; }
            };
            const make = (part) => () => new part.constructor({});
            const size = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(sql), 'databaseSize').get;
            const seen = [];
            for (const work of [
              () => kv.get.call(storage, 'a'), () => sql.exec.call({}, 'SELECT 1'), () => size.call(kv),
              () => storage.get.call(kv, 'a'), () => storage.deleteAll.call({}), () => facets.list.call({}),
              () => storage.transaction((txn) => txn.get.call(storage, 'a')),
              () => storage.transaction((txn) => txn.rollback.call({})),
              make(storage), make(kv), make(sql), make(facets),
            ]) seen.push(await refused(work));
            return [...new Set(seen)];
          }
        }";
    let worker = runtime.loader().load(code(source)).unwrap();
    let app = worker.get_durable_object_class("App", ExportOptions::default());
    let stub = runtime.namespace("App", app).unwrap().get_by_name("a");
    all_end_with_name(&stub, &["storage", "kv", "sql", "facets", "txn"]);
    let seen = stub.call_blocking("receivers", vec![]).unwrap();
    assert_eq!(seen.to_json().unwrap(), r#"["Illegal invocation","Illegal constructor"]"#);
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
fn code_from_text_runs_in_the_same_sandbox() {
    let runtime = limited(&[("cpuMs", 100)]);
    let mut code = code(&class(
        "async run() {
           const Async = (async () => {}).constructor, Generator = (function* () {}).constructor;
           const { util } = await new Async('return import(\"./util.js\")')();
           return [((local) => eval('local + 1'))(1), (0, eval)('2'), eval(3), Function('a', 'b', 'return a + b')(1, 3), new Function('return 5')(),
             [...Generator('yield 6')()][0], util, (() => {}) instanceof Function, Function.prototype.constructor === Function,
             new Function() instanceof Function, Object.getPrototypeOf(Async) === Function, Function.name + Function.length,
             eval('typeof native'), eval('typeof facetboxNative'), eval('typeof process')];
         }
         async reach() {
           const seen = [];
           const AsyncGenerator = (async function* () {}).constructor;
           for (const name of ['facetbox:base', 'facetbox:data/<input>', 'std']) {
             for (const make of [() => eval(`import('${name}')`), Function(`return import('${name}')`), () => AsyncGenerator(`yield import('${name}')`)().next(),
               () => eval(`eval(\"import('${name}')\")`)]) {
               try { await make(); seen.push(name); } catch {}
             }
           }
           return seen;
         }
         loop() { eval('for (;;);'); }
         catching() { new Function('for (;;) { try { for (;;); } catch {} }')(); }
         nested() { eval('('.repeat(300) + '1,'.repeat(1e6)); }
         ok() { return 1; }",
    ));
    let util = "export const util = 'u';";
    code.modules.push(("util.js".into(), Module::Js(util.into())));
    code.modules.push(("<input>".into(), Module::Text("text".into())));
    let stub = load(&runtime, code);
    let json = |method| stub.call_blocking(method, vec![]).unwrap().to_json().unwrap();
    assert_eq!(
        json("run"),
        r#"[2,2,3,4,5,6,"u",true,true,true,true,"Function1","undefined","undefined","undefined"]"#
    );
    assert_eq!(json("reach"), "[]");
    all_end_with(&stub, ErrorCode::LimitCpu, &["loop", "catching", "nested"]);
}

#[test]
fn no_module_passes_for_one_of_the_guest_api() {
    let runtime = Runtime::open_in_memory().unwrap();
    for name in ["facetbox:base", "facetbox:data/x", "facetbox", "cloudflare:workers"] {
        let mut code = code(&format!("import {name:?}; export default {{}}"));
        code.modules.push((name.into(), Module::Js("export const native = 1;".into())));
        let error = load(&runtime, code).call_blocking("x", vec![]).unwrap_err();
        assert_eq!(error.code(), ErrorCode::LoadError, "{error:?}");
        assert!(error.message().contains("is reserved"), "{error:?}");
    }
}
