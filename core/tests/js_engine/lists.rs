//! Long lists and long texts in them, and weak references: what the engine does without a look at the limits.

use std::time::{Duration, Instant};

use crate::{entrypoint, limited};

/// Each of these takes seconds to hours where the engine is left alone with it.
#[test]
fn natives_over_long_lists_and_long_texts_end() {
    const TWO: &str = "const [a, b] = ['a', 'b'].map((x) => 'x'.repeat(5e6) + x); const list = Array.from({ length: 6e4 }, (_, i) => i % 2 ? a : b);";
    const SPACES: &str = "const list = Array(6e4).fill(' '.repeat(1e7));";
    let runtime = limited(&[("cpuMs", 500)]);
    for source in [
        &format!("{TWO} list.sort()"),
        &format!("{TWO} list.toSorted()"),
        &format!("{TWO} list.push({{ toString: () => a }}); list.slice(-9).sort(); list.sort()"),
        &format!("{TWO} list.fill(a).includes(b)"),
        &format!("{TWO} list.fill(a).indexOf(b)"),
        &format!("{TWO} list.fill(a).lastIndexOf(b)"),
        &format!("{SPACES} Math.max(...list)"),
        &format!("{SPACES} Math.min(...list)"),
        &format!("{SPACES} Math.hypot(...list)"),
        &format!("{SPACES} String.fromCharCode(...list)"),
        &format!("{SPACES} String.fromCodePoint(...list)"),
        "[].fill.call({ length: 2 ** 53 - 1, __proto__: new Uint8Array(1) }, 1)",
        "for (;;) new Uint8Array({ length: 5e7 })",
        "for (;;) Uint8Array.from({ length: 5e7 })",
        "const list = new Uint8Array(5e7); for (;;) list.set({ length: 5e7 })",
    ] {
        let stub = entrypoint(&runtime, &format!("run() {{ {source} }}"));
        let start = Instant::now();
        let ended = stub.call_blocking("run", vec![]);
        assert!(start.elapsed() < Duration::from_secs(30), "{source}: {ended:?}");
    }
}

/// The engine walks through all weak references to an object whenever one of them goes.
#[test]
fn weak_references_to_one_object_go_at_once() {
    let runtime = limited(&[("cpuMs", 3_000)]);
    for (source, is_refused) in [
        (
            "const list = []; for (let i = 0; i < 1e5; i++) list.push(new WeakRef(o)); list.reverse(); list.length = 0",
            false,
        ),
        (
            "let registry = new FinalizationRegistry(() => {}); for (let i = 0; i < 1e5; i++) registry.register(o, i, o); registry = null",
            false,
        ),
        ("for (let i = 0; i < 1e5; i++) new FinalizationRegistry(() => {}).register(o, i)", false),
        (
            "const list = []; for (let i = 0; i < 1e5; i++) list.push(new WeakSet([o])); list.reverse(); list.length = 0",
            true,
        ),
        (
            "const list = []; for (let i = 0; i < 1e5; i++) list.push(new WeakMap([[o, 1]])); list.reverse(); list.length = 0",
            true,
        ),
        ("for (let i = 0; i < 1e5; i++) new WeakMap([[o, 1]])", false),
    ] {
        let stub = entrypoint(&runtime, &format!("run() {{ const o = {{}}; {source}; }}"));
        let start = Instant::now();
        let ended = stub.call_blocking("run", vec![]);
        assert!(start.elapsed() < Duration::from_secs(30), "{source}: {ended:?}");
        let refused = ended.err().map(|error| error.name().to_owned());
        assert_eq!(refused, is_refused.then(|| "RangeError".to_owned()), "{source}");
    }
}

#[test]
fn weak_references_are_as_the_standard_has_them() {
    let runtime = limited(&[("cpuMs", 30_000)]);
    let stub = entrypoint(
        &runtime,
        "async run() {
           const told = [], tell = (name) => (held) => { told.push(name + held); };
           const [one, two] = [new FinalizationRegistry(tell('one ')), new FinalizationRegistry(tell('two '))];
           let o = {}, other = {};
           const refs = [new WeakRef(o), new WeakRef(o), new WeakRef(other)];
           const alive = [refs[0] !== refs[1], refs[0].deref() === o, refs[1].deref() === o, refs[2].deref() === other];
           one.register(o, 1, o);
           one.register(o, 2, other);
           two.register(o, 3);
           const thrown = new FinalizationRegistry(() => { told.push('thrown'); throw new Error('of a callback'); });
           thrown.register(o, 4);
           two.register(o, 5);
           const gone = [one.unregister(other), one.unregister(other), two.unregister(o)];
           o = null;
           await scheduler.wait(1);
           const refused = [() => WeakRef({}), () => new WeakRef(1), () => new FinalizationRegistry(), () => one.register(other, other),
             () => one.register(1, 1), () => one.unregister(1), () => WeakRef.prototype.deref.call({}), () => WeakMap(), () => new WeakMap([[1, 1]])];
           class Map extends WeakMap { own() { return 1; } }
           const made = new Map([[other, 2]]);
           return [alive, gone, told.sort(), refs.map((ref) => ref.deref() === undefined),
             refused.map((f) => { try { return f(); } catch (e) { return e.name; } }),
             [made.own(), made.get(other), made instanceof WeakMap, WeakMap.name, WeakMap.length, new WeakSet().constructor === WeakSet],
             [WeakRef.name, WeakRef.length, FinalizationRegistry.length, one.register.length, `${one}`, `${refs[0]}`, `${made}`]];
         }",
    );
    let json = stub.call_blocking("run", vec![]).unwrap().to_json().unwrap();
    assert_eq!(
        json,
        r#"[[true,true,true,true],[true,false,false],["one 1","thrown","two 3","two 5"],[true,true,false],["TypeError","TypeError","TypeError","TypeError","TypeError","TypeError","TypeError","TypeError","TypeError"],[1,2,true,"WeakMap",0,true],["WeakRef",1,1,2,"[object FinalizationRegistry]","[object WeakRef]","[object WeakMap]"]]"#
    );
}

/// The engine handles short lists by itself; long ones get the same answers.
#[test]
fn long_lists_are_handled_as_short_ones_are() {
    let runtime = limited(&[("cpuMs", 60_000)]);
    let stub = entrypoint(
        &runtime,
        "run() {
           const numbers = Array.from({ length: 7e4 }, (_, i) => (i * 7919) % 70001 - 100), texts = numbers.map((n) => `x${n}`);
           const mixed = [...numbers.slice(0, 4e4), ...texts.slice(0, 100), undefined, null, true, { toString: () => 'x5' }]; mixed.length += 3;
           const byText = (a, b) => `${a}` < `${b}` ? -1 : `${a}` > `${b}` ? 1 : 0;
           const same = (a, b) => a.length === b.length && a.every((item, at) => Object.is(item, b[at]));
           const sorted = [numbers, texts, mixed].map((list) => {
             const expected = list.slice().sort(byText), copy = list.slice();
             return [same(list.toSorted(), expected), copy.sort() === copy, same(copy, expected), 4e4 in copy];
           });
           const long = 'x'.repeat(2000), hay = ['a', long, 'b', , long, 'c'];
           const found = [hay.indexOf(long), hay.indexOf(long, 2), hay.indexOf(long, -2), hay.indexOf(long, -9), hay.lastIndexOf(long), hay.lastIndexOf(long, 3),
             hay.lastIndexOf(long, -3), hay.lastIndexOf(long, undefined), hay.includes(long), hay.includes(long, 5), hay.includes(long + 1), [].includes.call({ length: 2, 1: long }, long)];
           const parts = [...texts.slice(0, 9e3), null, undefined, [1, [2]], { toString: () => 'o' }];
           const joined = [parts.join() === parts.map((p) => p == null ? '' : `${p}`).reduce((a, b) => a + ',' + b), parts.join('').length,
             new Uint8Array(9e3).fill(7).join('-').length, new Uint8Array(9e3).join() === Array(9e3).fill(0).join()];
           const filled = [new Array(3).fill(1), [].fill.call({ length: 2 }, 5), Array(2e6).fill(0).length];
           class Own extends Float32Array { own() { return this.length; } }
           const typed = [new Uint8Array([1, '2', 257]), new Int8Array(new Set([1, 2])), new Uint16Array({ length: 2, 0: 7 }), new Float32Array(new Uint8Array([1, 2])),
             new BigInt64Array([1n, 2n]).map((n) => n + 1n).join(), Uint8Array.from('123'), Uint8Array.from([1, 2], (n, at) => n * 10 + at), new Own([1, 2]).own(),
             Own.from([5]).own(), Own.of(1, 2) instanceof Own, new Uint8Array([{ valueOf: () => 9 }]), new Uint8Array(new ArrayBuffer(4), 1, 2).length, new Uint8Array('3').length];
           const set = new Uint8Array(5); set.set([1, 2], 3); set.set('45', 0); set.set(new Float64Array([9.9]), 2);
           const big = new Float64Array(3e5).map((_, i) => i), moved = new Float64Array(big.buffer, 0, 3e5), narrow = new Uint8Array(big.buffer, 8, 3e5);
           const bytes = new Uint8Array(big); narrow.set(moved);
           const refused = [() => set.set([1], 5), () => set.set([1], -1), () => set.set(null), () => Uint8Array([1]), () => new Uint8Array([1n]), () => new BigInt64Array(new Uint8Array(1)),
             () => Uint8Array.from(null), () => Uint8Array.from.call({}, []), () => Uint8Array.from.call(Array, [1]), () => new Uint8Array({ [Symbol.iterator]: 1 }), () => set.set.call([], [1])];
           const shown = (value) => ArrayBuffer.isView(value) ? [...value] : value;
           return [sorted, found, joined, filled, typed.map(shown), [...set], bytes.every((b, i) => b === i % 256), narrow.every((b, i) => b === i % 256),
             refused.map((f) => { try { return f(); } catch (e) { return e.name; } }),
             [Uint8Array.name, Uint8Array.length, Uint8Array.BYTES_PER_ELEMENT, new Uint8Array().constructor === Uint8Array, Object.getPrototypeOf(Uint8Array) === Object.getPrototypeOf(Int8Array),
               Math.max.name, Math.max.length, Math.max(1, '7', 3), Math.min(), String.fromCharCode(65, '66'), Date.UTC(2020, 1), typeof new Uint8Array([1, 2]).slice(1)]];
         }",
    );
    let json = stub.call_blocking("run", vec![]).unwrap().to_json().unwrap();
    assert_eq!(
        json,
        r#"[[[true,true,true,true],[true,true,true,true],[true,true,true,true]],[1,4,4,1,4,1,1,-1,true,false,false,true],[true,52557,17999,true],[[1,1,1],{"0":5,"1":5,"length":2},2000000],[[1,2,1],[1,2],[7,0],[1,2],"2,3",[1,2,3],[10,21],2,1,true,[9],2,3],[4,5,9,1,2],true,true,["RangeError","RangeError","TypeError","TypeError","TypeError","TypeError","TypeError","TypeError","TypeError","TypeError","TypeError"],["Uint8Array",3,1,true,true,"max",2,7,{"$float":"Infinity"},"AB",1580515200000,"object"]]"#
    );
}
