//! Time, memory and stack: what ends a guest, and what it gets over.

use std::time::{Duration, Instant};

use facetbox::*;

use crate::{all_end_with, class, code, entrypoint, limited, load};

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
fn a_guest_that_is_stopped_tells_where_it_was() {
    let runtime = limited(&[("cpuMs", 50)]);
    let stub = entrypoint(
        &runtime,
        "spin() { for (;;); }
         loop() { this.spin(); }
         async later() { await null; this.spin(); }
         catching() { for (;;) { try { this.spin(); } catch {} } }
         calls() { for (;;) Math.max(1, 2); }
         sorting() { for (;;) [3, 2, 1].sort((a, b) => a - b); }",
    );
    let stack = |method: &str| {
        let error = stub.call_blocking(method, vec![]).unwrap_err();
        assert_eq!(error.code(), ErrorCode::LimitCpu);
        error.stack().unwrap_or_default().to_owned()
    };
    let [spin, loops] = [stack("spin"), stack("loop")];
    assert!(spin.starts_with("main.js:3:") && spin.ends_with(" spin"), "{spin}");
    assert!(loops.starts_with("main.js:3:") && loops.contains("\nmain.js:4:"), "{loops}");
    let later = stack("later");
    assert!(later.starts_with("main.js:3:") && later.contains("\nmain.js:5:"), "{later}");
    assert!(stack("catching").starts_with("main.js:3:"));
    assert!(stack("calls").starts_with("main.js:7:"));
    assert!(stack("sorting").starts_with("main.js:8:"));
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

/// The engine aborts the process if it gets no memory for the end of a promise.
#[test]
fn a_guest_without_memory_ends_its_promises() {
    let runtime = limited(&[("memoryBytes", 8 << 20)]);
    let stub = entrypoint(
        &runtime,
        "async objects() { try { for (const hoard = [];;) hoard.push(new Uint8Array(0)); } catch {} return {}; }
         async texts() { let n = 0; try { for (const hoard = [];;) hoard.push(`text ${n++}`); } catch (e) { throw e; } }
         async promises() { const hoard = []; for (;;) hoard.push(Promise.reject(1).catch(() => 1)); }
         async rejected() { const hoard = []; for (;;) try { await (async () => { for (;;) hoard.push({ a: 1 }); })(); } catch {} }
         async generated() { const hoard = []; async function* f() { for (;;) hoard.push(yield {}); } for await (const x of f()) hoard.push(x); }
         async parsed() { JSON.parse('[' + '{\"a\":1},'.repeat(500000) + '1]'); }",
    );
    for method in ["objects", "texts", "promises", "rejected", "generated", "parsed"] {
        for _ in 0..10 {
            let error = stub.call_blocking(method, vec![]).unwrap_err();
            assert_eq!(error.code(), ErrorCode::LimitMemory, "{method}: {error}");
        }
    }
}

/// The engine's own search in lists frees an item twice if it is stopped between two.
#[test]
fn a_stop_during_a_search_in_a_list_ends_the_guest_only() {
    let runtime = limited(&[("cpuMs", 5)]);
    for name in ["find", "findIndex", "findLast", "findLastIndex"] {
        let source = format!(
            "run() {{ const list = Array.from({{ length: 500 }}, (_, at) => `item ${{at}}`);
                     for (;;) list.{name}(() => false); }}"
        );
        let stub = entrypoint(&runtime, &source);
        for _ in 0..20 {
            let error = stub.call_blocking("run", vec![]).unwrap_err();
            assert_eq!(error.code(), ErrorCode::LimitCpu, "{name}: {error}");
        }
    }
}

/// The engine compiles these at their first use, and would lose what it makes meanwhile: the process is aborted when the machine goes.
#[test]
fn functions_that_the_engine_compiles_late_have_no_limit_to_meet() {
    for name in ["Array.fromAsync", "Iterator.zip", "Iterator.zipKeyed"] {
        let runtime = limited(&[]);
        let source = format!(
            "run() {{ const down = () => {{ try {{ down(); }} finally {{ {name}; }} }};
                      try {{ down(); }} catch {{}}
                      return typeof {name}; }}"
        );
        let answer = entrypoint(&runtime, &source).call_blocking("run", vec![]);
        assert_eq!(answer, Ok(Value::from("function")), "{name}");
        runtime.close();
    }
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
        // Each of the next takes minutes at the least where the engine is left alone with it.
        "let s = 'a'.repeat(2 ** 22); return s.indexOf('a'.repeat(2 ** 21) + 'b')",
        "let s = 'a'.repeat(2 ** 22); return s.lastIndexOf('b' + 'a'.repeat(2 ** 21))",
        "let s = 'a'.repeat(2 ** 22); return s.replaceAll('a'.repeat(2 ** 21) + 'b', '')",
        "let n = 0; return 'a'.repeat(2 ** 22).split({ get [Symbol.split]() { return n++ ? undefined : null; }, toString: () => 'a'.repeat(2 ** 21) + 'b' })",
        "return ('\\u0315'.repeat(2 ** 19) + '\\u0300'.repeat(2 ** 19)).normalize('NFD').length",
        "return ('\\u0315'.repeat(2 ** 19) + '\\u0300'.repeat(2 ** 19)).localeCompare('x')",
        "return JSON.stringify({}, Array.from({ length: 2 ** 19 }, (_, i) => 'k' + i))",
        "return new RegExp('[' + Array.from({ length: 2 ** 18 }, (_, i) => String.fromCodePoint(2 ** 16 + 2 * i)).join('') + ']', 'u')",
        "let s = 'a'.repeat(2 ** 22); return s.split({ toString: () => 'a'.repeat(2 ** 21) + 'b' })",
        "return (2n ** 1000000n).toString()",
        "return BigInt('7'.repeat(300000))",
        "const a = 7n ** 20000n; for (;;) a * a",
        "const a = 'x'.repeat(1e7) + 'y', b = 'x'.repeat(1e7) + 'z'; a.charCodeAt(1); b.charCodeAt(1); for (;;) a < b",
        "const a = 7n ** 20000n; for (;;) try { new Uint8Array(6e7); } catch { a * a; }",
        "return /^(x+x+)+y$/.test('x'.repeat(60))",
        "return Array.from({ [Symbol.iterator]: () => ({ next: () => ({ done: false }) }) })",
        // The engine's own iterators, which it calls without a look.
        "return [].values.call({ length: 2 ** 53 - 1 }).drop(1e15).next()",
        "return Iterator.concat([].values.call({ length: 2 ** 53 - 1 })).drop(1e15).next()",
        "return [].values.call({ length: 2 ** 53 - 1 }).includes(1)",
        "return [].values.call({ length: 2 ** 53 - 1 }).join('')",
        "return Math.sumPrecise([].keys.call({ length: 2 ** 53 - 1 }))",
        "return new Set([1]).union({ size: 1, has() {}, keys: () => [].values.call({ length: 2 ** 53 - 1 }) })",
        "return new Set([1]).difference({ size: 0, has() {}, keys: () => [].values.call({ length: 2 ** 53 - 1 }) })",
        "return new Set([1]).symmetricDifference({ size: 0, has() {}, keys: () => [].values.call({ length: 2 ** 53 - 1 }) })",
        "return new Set([1]).intersection({ size: 0, has() {}, keys: () => [].values.call({ length: 2 ** 53 - 1 }) })",
        "return new Set([1]).isDisjointFrom({ size: 0, has() {}, keys: () => [].values.call({ length: 2 ** 53 - 1 }) })",
        "return new Set([1, void 0]).isSupersetOf({ size: 1, has() {}, keys: () => [].values.call({ length: 2 ** 53 - 1 }) })",
    ];
    for source in endless {
        let stub = entrypoint(&runtime, &format!("run() {{ {source} }}"));
        let start = Instant::now();
        let ended = stub.call_blocking("run", vec![]);
        assert!(start.elapsed() < Duration::from_secs(60), "{source}: {ended:?}");
    }
    let stub = entrypoint(
        &runtime,
        "run() { const f = function () { return Array.prototype.slice.call(arguments, 1); };
           return [f(1, 2, 3), [3, 1, 2].sort(), [1, [2, [3]]].flat(), [1, 2].concat([3], 4), [1, 2, 3].join('-'),
             BigInt(' 42 ').toString(7), `${BigInt.prototype.toString.call(Object(-5n))}`, (2n ** 131000n).toString(16).length,
             BigInt.asUintN(4, 17n) === 1n && Object(1n) instanceof BigInt && (1n).constructor === BigInt,
             'a,b'.split(','), 'aXbX'.replaceAll('X', () => 'y'), 'abc'.replace(/b/, 'x'), 'a'.split(), [5, 6].splice(0, 1), 'a,b'.split(',', 1)]; }",
    );
    let json = stub.call_blocking("run", vec![]).unwrap().to_json().unwrap();
    assert_eq!(
        json,
        r#"[[2,3],[1,2,3],[1,2,[3]],[1,2,3,4],"1-2-3","60","-5",32751,true,["a","b"],"ayby","axc",["a"],[5],["a"]]"#
    );
}

/// The engine searches short texts and sorts short arrays by itself; long ones get the same answers in pieces.
#[test]
fn long_texts_and_arrays_are_searched_and_sorted_as_short_ones_are() {
    let runtime = limited(&[("cpuMs", 30_000)]);
    let stub = entrypoint(
        &runtime,
        "run() {
           const p = 'ab'.repeat(1000), [x, y] = ['-'.repeat(1500), '+'.repeat(1500)];
           const t = x + p + y + p + x;
           const at = [t.indexOf(p), t.indexOf(p, 1501), t.indexOf(p, 9e9), t.indexOf(p, -5), t.lastIndexOf(p), t.lastIndexOf(p, 4999),
             t.lastIndexOf(p, -1), t.lastIndexOf(p, '3'), t.includes(p, 1501), t.includes(p, 5001), t.indexOf(p + '!'), t.lastIndexOf('!' + p)];
           const parts = [t.split(p), t.split(p, 1), t.split(p, 0), t.split(p + '!')].map((list) => list.map((part) => part[0] + part.length));
           const to = (by) => { const once = t.replace(p, by), all = t.replaceAll(p, by); return [once.length, once.indexOf('<'), all.length, all.lastIndexOf('>')]; };
           const replaced = [to('<>'), to('<$&$$>'), to('<$`>'), to(\"<$'>\"), to('<$1>'), to((found, at, all) => `<${found.length} ${at} ${all.length}>`)];
           const long = Float64Array.from({ length: 300001 }, (_, i) => (i * 7919) % 300007);
           long[7] = NaN; long[100000] = -0; long[200000] = 0; long[299999] = -Infinity;
           const sorted = long.toSorted(), again = Array.from(long).filter((v) => v === v).sort((a, b) => a - b);
           const same = again.every((v, i) => v === sorted[i]) && Object.is(sorted[1], -0) && Object.is(sorted.at(-1), NaN) && sorted[0] === -Infinity;
           const big = BigInt64Array.from({ length: 300000 }, (_, i) => BigInt((i * 7919) % 300007)).sort();
           return [at, parts, replaced, same && long[7] !== long[7], big.every((v, i) => i === 0 || big[i - 1] <= v),
             ['\\u0041\\u030a'.normalize().length, '\\u212b'.normalize('NFD').length, 'a'.localeCompare('b'), '\\ud800'.normalize() === '\\ud800'],
             ['ab'.repeat(2 ** 20 + 1), 'x'.padStart(2 ** 21, 'abc'), 'x'.padEnd(2 ** 21)].map((s) => [s.length, s.slice(0, 2), s.slice(-3)]),
             JSON.stringify({ b: 1, a: 2, 3: 4, c: 5 }, ['c', 'a', new String('a'), 3, null, {}])];
         }
         refused() { return [() => 'x'.normalize('X'), () => 'a'.includes(/a/), () => 'a'.replaceAll(/a/, ''), () => Uint8Array.prototype.sort.call([]),
             () => 'x'.repeat(2 ** 20 + 1).normalize()].map((f) => { try { f(); } catch (e) { return e.name; } }); }",
    );
    let json = |method| stub.call_blocking(method, vec![]).unwrap().to_json().unwrap();
    assert_eq!(
        json("run"),
        r#"[[1500,5000,-1,1500,5000,1500,-1,-1,true,false,-1,-1],[["-1500","+1500","-1500"],["-1500"],[],["-8500"]],[[6502,1500,4504,3003],[8503,1500,8506,7005],[8002,1500,11004,9503],[11502,1500,11004,9503],[6504,1500,4508,3007],[6516,1500,4532,3031]],true,true,[1,2,-1,true],[[2097154,"ab","bab"],[2097152,"ab","cax"],[2097152,"x ","   "]],"{\"c\":5,\"a\":2,\"3\":4}"]"#
    );
    assert_eq!(
        json("refused"),
        r#"["RangeError","TypeError","TypeError","TypeError","RangeError"]"#
    );
}

/// A stop that hits while modules are imported must not find the engine in a state that it aborts the process for.
#[test]
fn a_stop_between_linking_and_evaluating_a_module_ends_the_guest_only() {
    for budget in (1..30).step_by(4) {
        let runtime = limited(&[("cpuMs", budget)]);
        let names: String = (0..1_000).map(|at| format!("export const name{at} = {at};")).collect();
        let mut code = code(&class(
            "async run() { for (let at = 0; at < 30; at++) await import(`m${at}`); for (;;); }",
        ));
        for at in 0..30 {
            code.modules.push((format!("m{at}"), Module::Js(names.clone())));
        }
        let error = load(&runtime, code).call_blocking("run", vec![]).unwrap_err();
        assert_eq!(error.code(), ErrorCode::LimitCpu, "{error}");
    }
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
         proxies() { let p = {}; for (let i = 0; i < 20000; i++) p = new Proxy(p, {}); return p.x; }
         inherited() { let p = {}; for (let i = 0; i < 20000; i++) p = Object.create(new Proxy(p, {})); return 'x' in p; }
         json() { let o = {}; for (let i = 0; i < 100000; i++) o = { o }; return JSON.stringify(o); }
         caught() { const f = () => 1 + f(); try { f(); } catch (e) { return [e instanceof RangeError, e.name]; } }",
    );
    for method in ["deep", "getter", "proxies", "inherited", "json"] {
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
fn a_wait_that_never_ends_hits_the_wall_limit() {
    // Enough for the other calls on a computer that has paused, too.
    let runtime = limited(&[("wallMs", 1_000)]);
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

/// A small graph stands for a tree that takes a second to read before it is larger than a message may be.
#[test]
fn reading_what_a_guest_answers_ends_at_the_cpu_limit() {
    let runtime = limited(&[("cpuMs", 50)]);
    let stub = entrypoint(
        &runtime,
        "run() { let a = ['x']; for (let i = 0; i < 40; i++) a = [a, a]; return a; } ok() { return 1; }",
    );
    all_end_with(&stub, ErrorCode::LimitCpu, &["run"]);
    let cpu_ms = runtime.metrics().cpu_ms.sum;
    assert!(cpu_ms < 500.0, "it took {cpu_ms} ms of CPU time");
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
fn source_that_takes_long_to_compile_is_refused() {
    let runtime = Runtime::open_in_memory().unwrap();
    let source = format!("export default {}{}", "(".repeat(1000), "1,".repeat(2_000_000));
    let error = load(&runtime, code(&source)).call_blocking("x", vec![]).unwrap_err();
    assert_eq!((error.code(), error.name()), (ErrorCode::LoadError, "RangeError"));
    assert!(error.message().contains("took longer than 5000 ms"), "{error}");
}

/// Operators take the square of a BigInt's length, and nothing but the engine's memory tells of them.
#[test]
fn a_bigint_that_is_too_long_ends_the_guest_that_calculates_with_it() {
    let runtime = limited(&[("cpuMs", 10_000)]);
    let run = |source: &str| {
        let stub = entrypoint(&runtime, &format!("run() {{ {source} }}"));
        stub.call_blocking("run", vec![])
    };
    let ended = [
        "return `${2n ** 150000n}`",
        "const a = 2n ** 140000n; return a * 3n > 1n",
        "const a = 2n ** 140000n; return a / (a >> 70000n)",
        "const a = 2n ** 131000n - 1n; return a ** 3n > 1n",
        "const a = 2n ** 140000n; try { return `${a}`; } catch {} for (;;);",
        "const a = 2n ** 140000n; return 'x'.repeat(1e5).toUpperCase() + (a > 1n)",
        "return 1n == '9'.repeat(300000)",
        "return BigInt.asUintN(1000000, '-0' + '9'.repeat(40000)) > 1n",
        "return new BigInt64Array(['9'.repeat(50000)])",
    ];
    for source in ended {
        let error = run(source).unwrap_err();
        assert_eq!(error.code(), ErrorCode::LimitMemory, "{source}: {error}");
        assert!(error.message().contains("more than 131072 bits"), "{source}: {error}");
    }
    // What is short enough, or begins as such a number would, does nobody harm.
    let whole = "const a = 2n ** 131071n - 1n, b = a * a; const t = new Uint32Array(5000).fill(4998);
        const list = Array.from({ length: 3000 }, () => 11999), u = Uint32Array.from(list);
        return [(b >> 131071n) > 1n, a / 3n > 1n, `${a}`.length, 1n == '9'.repeat(39457), 2n ** 1000000n > 2n ** 900000n,
          t.slice().length, list.slice().length, u.slice().length, 'x'.repeat(1e5).length]";
    // A product of two may be made, but it is too long for more.
    assert_eq!(run(whole).unwrap_err().code(), ErrorCode::LimitMemory);
    let json = run(&whole
        .replace("(b >> 131071n)", "a")
        .replace(", b = a * a", "")
        .replace("2n ** 1000000n > 2n ** 900000n", "2n ** 1000000n > 1n"));
    let json = json.unwrap().to_json().unwrap();
    assert_eq!(json, "[true,true,39457,false,true,5000,3000,3000,100000]");
}

/// The engine looks for items that are missing, and an array of any length takes no memory.
#[test]
fn long_arrays_are_walked_by_the_engine_if_they_have_their_items() {
    let runtime = limited(&[("cpuMs", 20_000)]);
    let stub = entrypoint(
        &runtime,
        "run() {
           const all = [];
           for (const name of ['join', 'slice', 'sort', 'reverse', 'toSorted', 'with', 'copyWithin', 'shift', 'unshift'])
             try { new Array(2e6)[name](0, 1); all.push(name); } catch (error) { if (!(error instanceof RangeError)) all.push(error.message); }
           const full = Array.from({ length: 1.2e6 }, (_, i) => i);
           const sets = [new Set([1, 2, 3]), new Set([3, 4])];
           return [all, full.slice(5)[7], full.reverse()[0], new Array(1e5).join('').length,
             ...['union', 'intersection', 'difference', 'symmetricDifference'].map((name) => [...sets[0][name](sets[1])]),
             ...['isSubsetOf', 'isSupersetOf', 'isDisjointFrom'].map((name) => [sets[0][name](sets[1]), new Set([3])[name](sets[0]), sets[0][name](new Set()), new Set()[name](sets[0])]),
             [1, 2, 3].values().drop(1).toArray(), [1, 2].values().includes(2), [1, 2].values().join('-'), Math.sumPrecise([0.1, 1e20, -1e20])];
         }",
    );
    let json = stub.call_blocking("run", vec![]).unwrap().to_json().unwrap();
    assert_eq!(
        json,
        "[[],12,1199999,0,[1,2,3,4],[3],[1,2],[1,2,4],[false,true,false,true],[false,false,true,false],[false,false,true,true],[2,3],true,\"1-2\",0.1]"
    );
}

/// The engine moves what it has compiled of a regular expression for each alternative, wherever the pattern comes from.
#[test]
fn regular_expressions_of_too_much_are_refused_and_others_are_what_they_were() {
    let runtime = limited(&[("cpuMs", 5_000)]);
    let stub = entrypoint(
        &runtime,
        r"run() {
           const long = 'a|'.repeat(1e5), all = [];
           const plain = { toString: () => long, constructor: undefined, flags: '', exec: () => null };
           const ways = [() => new RegExp(long), () => RegExp(long, 'g'), () => /a/.compile(long), () => 'x'.match(long), () => 'x'.matchAll(long), () => 'x'.search(long),
             () => new (class extends RegExp {})(long), () => Reflect.construct(RegExp, [long]), () => new /a/.constructor(long), () => RegExp.prototype[Symbol.split].call(plain, 'x'),
             () => new RegExp({ [Symbol.match]: true, source: long, flags: 'g' }), () => new RegExp({ toString: () => long }), () => (0, eval)(`/${long}/`), () => new RegExp(`(?<=${'a'.repeat(1e5)})`)];
           for (const way of ways) try { way(); all.push(`${way}`); } catch (error) { if (error.name !== 'RangeError') all.push(`${way} ${error}`); }
           class Mine extends RegExp { get mine() { return 7; } }
           const re = /a(b)/gi;
           return [all, new Mine('x', 'g').mine, new Mine('x') instanceof RegExp, RegExp(re) === re, new RegExp(re) === re, `${new RegExp(re, 'm')}`, `${new RegExp()}`, `${new RegExp('/')}`,
             re.constructor === RegExp, RegExp.name, RegExp.length, RegExp.prototype.constructor === RegExp, RegExp[Symbol.species] === RegExp, Object.keys(RegExp).length,
             'xabab'.match('ab').index, 'xabab'.search('b'), [...'xabab'.matchAll('ab')].length, 'null'.match(null)[0], 'x'.match()[0], 'xAb'.match(/(a)b/i)[1], 'a1b2'.split(/\d/), 'abab'.match(/b/g).length];
         }",
    );
    let json = stub.call_blocking("run", vec![]).unwrap().to_json().unwrap();
    assert_eq!(
        json,
        r#"[[],7,true,true,false,"/a(b)/m","/(?:)/","/\\//",true,"RegExp",2,true,true,0,1,2,2,"null","","A",["a","b",""],2]"#
    );
}
