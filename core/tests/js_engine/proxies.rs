//! Proxies, whose handlers the engine doesn't get as they are: everything but the number of names is as it would be.

use facetbox::{Runtime, Value};

use crate::entrypoint;

/// Says for each line of a script whether it holds.
fn holds(lines: &[&str]) {
    let runtime = Runtime::open_in_memory().unwrap();
    for line in lines {
        let run = format!("async run() {{ {line} }}");
        let answer = entrypoint(&runtime, &run).call_blocking("run", vec![]);
        assert!(matches!(answer, Ok(Value::Bool(true))), "{line}: {answer:?}");
    }
}

#[test]
fn proxies_are_as_they_were_without_the_bound() {
    holds(&[
        "return typeof Proxy === 'function' && Proxy.name === 'Proxy' && Proxy.length === 2 && !('prototype' in Proxy)",
        "return !Object.keys(globalThis).includes('Proxy') && Proxy.revocable.name === 'revocable' && Proxy.revocable.length === 2",
        "try { Proxy({}, {}); } catch (e) { return e instanceof TypeError; }",
        "try { new Proxy({}, 1); } catch (e) { return e instanceof TypeError; }",
        "try { class P extends Proxy {} } catch (e) { return e instanceof TypeError; }",
        "return Reflect.construct(Proxy, [{ a: 1 }, {}]).a === 1",
        // A trap is called on its handler, which may be replaced, inherited, made by a getter or by another proxy.
        "const h = { n: 0, get(t, name, r) { this.n++; return this === h && r === p && name; } }; const p = new Proxy({}, h); return p.x === 'x' && p.y === 'y' && h.n === 2",
        "const h = {}; const p = new Proxy({ a: 1 }, h); const before = p.a; h.get = () => 2; const after = p.a; h.get = () => 3; const again = p.a; delete h.get; return [before, after, again, p.a].join() === '1,2,3,1'",
        "class H { get() { return this instanceof H; } } return new Proxy({}, new H()).x",
        "const h = { get get() { return this === h && (() => 7); } }; return new Proxy({}, h).x === 7",
        "const seen = []; const h = new Proxy({}, { get(t, name, r) { seen.push(name); return undefined; } }); const p = new Proxy({}, h); p.x; 'x' in p; Object.keys(p); return seen.join() === 'get,has,ownKeys'",
        "return new Proxy({}, Object.freeze({ get: () => 5 })).x === 5",
        "Object.prototype.has = () => true; try { return 'x' in new Proxy({}, {}); } finally { delete Object.prototype.has; }",
        "try { new Proxy({}, { get: 1 }).x; } catch (e) { return e instanceof TypeError; }",
        "return new Proxy({ a: 1 }, { get: null }).a === 1 && new Proxy({ a: 1 }, { get: undefined }).a === 1",
        "const e = new Error('mine'); try { new Proxy({}, { get() { throw e; } }).x; } catch (c) { return c === e; }",
        // All traps, of objects, functions and classes.
        "const f = new Proxy(function (a) { return a; }, { apply(t, self, args) { return [typeof t, self, args[0], this.k].join(); }, k: 9 }); return f.call(4, 5) === 'function,4,5,9' && typeof f === 'function'",
        "class A { constructor(v) { this.v = v; } } const B = new Proxy(A, { construct(t, args, nt) { return Reflect.construct(t, [args[0] + 1], nt); } }); class C extends B {} const c = new C(1); return c.v === 2 && c instanceof C && c instanceof B && c instanceof A",
        "const log = []; const h = {}; for (const n of Object.getOwnPropertyNames(Reflect)) h[n] = function (...args) { if (this !== h) throw 1; log.push(n); return Reflect[n](...args); };
         const p = new Proxy(function () {}, h); p.x = 1; delete p.x; p.y; 'y' in p; Object.getPrototypeOf(p); Object.setPrototypeOf(p, null); Object.isExtensible(p); Object.defineProperty(p, 'z', { value: 1, configurable: true }); Object.keys(p); p(); Reflect.construct(p, []); Object.preventExtensions(p);
         return ['set', 'deleteProperty', 'get', 'has', 'getPrototypeOf', 'setPrototypeOf', 'isExtensible', 'defineProperty', 'ownKeys', 'apply', 'construct', 'preventExtensions'].every((n) => log.includes(n))",
        // Invariants.
        "const t = Object.freeze({ a: 1 }); try { new Proxy(t, { get: () => 2 }).a; } catch (e) { return e instanceof TypeError; }",
        "const t = Object.preventExtensions({ a: 1 }); try { Reflect.ownKeys(new Proxy(t, { ownKeys: () => ['b'] })); } catch (e) { return e instanceof TypeError; }",
        "try { Reflect.ownKeys(new Proxy({}, { ownKeys: () => ['a', 'a'] })); } catch (e) { return e instanceof TypeError; }",
        "try { Reflect.ownKeys(new Proxy({}, { ownKeys: () => [1] })); } catch (e) { return e instanceof TypeError; }",
        "try { Reflect.ownKeys(new Proxy({}, { ownKeys: () => 1 })); } catch (e) { return e instanceof TypeError; }",
        "const s = Symbol(); const p = new Proxy({}, { ownKeys: () => ({ length: 2, 0: 'a', 1: s }) }); const k = Reflect.ownKeys(p); return k.length === 2 && k[0] === 'a' && k[1] === s",
        "const p = new Proxy({ a: 1, b: 2 }, { ownKeys: (t) => Reflect.ownKeys(t).reverse() }); let all = ''; for (const k in p) all += k; return all + Object.keys({ ...p }) + JSON.stringify(p) === 'bab,a{\"b\":2,\"a\":1}'",
        "const { proxy, revoke } = Proxy.revocable({ a: 1 }, { get: () => 2 }); const x = proxy.a; revoke(); try { proxy.a; } catch (e) { return x === 2 && e instanceof TypeError; }",
        "return Array.isArray(new Proxy([], {})) && new Proxy([1, 2], {}).concat([3]).join() === '1,2,3'",
    ]);
}

#[test]
fn a_proxy_gives_no_more_names_than_the_engine_is_done_with_in_a_moment() {
    let many = "const many = Array.from({ length: 20000 }, (_, i) => 'k' + i); const p = {};
        const refuses = (use) => { try { use(); } catch (e) { return e instanceof RangeError && /10000 names, but gave 20000/.test(e.message); } return false; };";
    let ways = "[() => Reflect.ownKeys(p), () => Object.keys(p), () => ({ ...p }), () => { for (const k in p); }, () => JSON.stringify(p),
        () => Object.assign({}, p), () => Object.freeze(p), () => { const { a, ...rest } = p; }].every(refuses)";
    let with = |proxy: &str| {
        many.replace("const p = {}", &format!("const p = {proxy}")) + &format!("return {ways}")
    };
    let lines = [
        with("new Proxy({}, { ownKeys: () => many })"),
        with("(() => { const h = {}; const p = new Proxy({}, h); Object.keys(p); h.ownKeys = () => many; return p; })()"),
        with("Proxy.revocable({}, { ownKeys: () => many }).proxy"),
        with("Reflect.construct(Proxy, [{}, { ownKeys: () => many }])"),
        with("new Proxy(new Proxy({}, { ownKeys: () => many }), {})"),
        with("new Proxy({}, Object.create({ ownKeys: () => many }))"),
        with("new Proxy({}, new Proxy({}, { get: (t, n) => (n === 'ownKeys' ? () => many : undefined) }))"),
        with("new Proxy({}, { ownKeys: () => new Proxy([], { get: (t, n) => (n === 'length' ? 20000 : 'k' + n) }) })"),
        // What the API has made isn't a way around it.
        format!("{many} Object.prototype.ownKeys = () => many; try {{ const answer = this.ctx.exports.default.none(); answer.catch(() => 1); try {{ answer.constructor.prototype.ownKeys = () => many; }} catch {{}} return [Date, this.ctx.exports.default, answer, answer.member].every((made) => {{ try {{ Reflect.ownKeys(made); return true; }} catch (e) {{ return e instanceof RangeError; }} }}); }} finally {{ delete Object.prototype.ownKeys; }}"),
        // Nor is what a list of the guest's says.
        "let n = 0; const p = new Proxy({}, { ownKeys: () => ({ get length() { return n++ ? 20000 : 1; }, 0: 'a' }) }); return Reflect.ownKeys(p).length === 1 && n === 1".into(),
        "Object.defineProperty(Array.prototype, 0, { set() { throw 1; }, configurable: true }); const p = new Proxy({}, { ownKeys: () => ({ length: 1, 0: 'a' }) }); const k = Reflect.ownKeys(p).length; delete Array.prototype[0]; return k === 1".into(),
        "return Reflect.ownKeys(new Proxy({}, { ownKeys: () => Array.from({ length: 10000 }, (_, i) => 'k' + i) })).length === 10000".into(),
    ];
    holds(&lines.iter().map(String::as_str).collect::<Vec<_>>());
}
