//! The functions of JavaScript's library and of the guest API.

use super::Case;

pub const CASES: &[Case] = &[
    ("RegExp, backtracking", "'a'.repeat(30)", "/(a+)+b/.test(data)"),
    ("RegExp, long text", "'a'.repeat(1e6)", "/a*?b/.test(data)"),
    ("RegExp, back reference", "'a'.repeat(2500)", r"/^(?=(a+))(?:(?:\1b|a)*)*c/.test(data)"),
    (
        "RegExp, any case",
        r"'\u0434'.repeat(1000)",
        r"/^(?=(\u0434+))(?:(?:\1b|\u0434)*)*c/i.test(data)",
    ),
    ("RegExp, long words", "'word '.repeat(2e5)", r"/(\w+)=\1/.test(data)"),
    (
        "new RegExp of a long class",
        "'[' + Array.from({ length: 3e4 }, (_, i) => String.fromCharCode(256 + 2 * i)).join('') + ']'",
        "new RegExp(data)",
    ),
    ("new RegExp of many groups", "'(?:a)*'.repeat(5e5)", "new RegExp(data)"),
    ("new RegExp of counts", "'(?:a{2,3}){2}'.repeat(1e5)", "new RegExp(data)"),
    ("new RegExp of look-aheads", "'(?=a)(?!b)'.repeat(3e5)", "new RegExp(data)"),
    ("new RegExp of names used", "'(?<n>a)' + '\\k<n>'.repeat(4e5)", "new RegExp(data)"),
    ("String.replaceAll", "'a'.repeat(2 ** 19)", "data.replaceAll('a', 'b')"),
    ("String.repeat", "7", "'x'.repeat(2e7)"),
    ("String.padStart", "7", "'x'.padStart(2e7, 'ab')"),
    ("String.split", "'a,'.repeat(2e5)", "data.split(',')"),
    ("String.indexOf", "'a'.repeat(4e6)", "data.indexOf('a'.repeat(500) + 'b')"),
    (
        "String.localeCompare",
        "['x'.repeat(1e6) + 'a', 'x'.repeat(1e6) + 'b']",
        "data[0].localeCompare(data[1])",
    ),
    ("String.normalize", "'\\u00e9'.repeat(1e6)", "data.normalize('NFD')"),
    (
        "String.normalize, many marks",
        "'\\u0315'.repeat(5e5) + '\\u0300'.repeat(5e5)",
        "data.normalize('NFD')",
    ),
    ("String.lastIndexOf", "'a'.repeat(4e6)", "data.lastIndexOf('b' + 'a'.repeat(2e6))"),
    ("String.toUpperCase", "'x'.repeat(5e6)", "data.toUpperCase()"),
    ("Array.join", "new Array(3e5).fill('xy')", "data.join('')"),
    (
        "Array.sort",
        "Array.from({ length: 1e5 }, (_, i) => (i * 7919) % 100003)",
        "[...data].sort()",
    ),
    ("Array.fill", "new Array(1e6).fill(0)", "data.fill(1)"),
    ("Array.fill of a new array", "7", "new Array(1e6).fill(0)"),
    ("Array.indexOf", "new Array(1e6).fill(0)", "data.indexOf(1)"),
    ("Array.includes", "new Array(1e6).fill(0)", "data.includes(NaN)"),
    ("Array.reverse", "new Array(1e6).fill(0)", "data.reverse()"),
    ("Array.concat", "new Array(5e5).fill(0)", "data.concat(data)"),
    ("Array.splice", "new Array(5e5).fill(0)", "data.splice(0, 1, 1, 2); data.pop()"),
    ("Array.unshift", "new Array(5e5).fill(0)", "data.unshift(1); data.pop()"),
    ("Array.from", "new Array(3e5).fill(0)", "Array.from(data)"),
    ("spread", "new Array(3e5).fill(0)", "[...data]"),
    ("typed array fill", "new Float64Array(3e6)", "data.fill(1)"),
    ("typed array sort", "new Float64Array(1e6).map(() => Math.random())", "data.slice().sort()"),
    ("typed array set", "new Uint8Array(2e7)", "data.set(data.subarray(1))"),
    ("typed array indexOf", "new Uint8Array(2e7)", "data.indexOf(1)"),
    ("new ArrayBuffer", "7", "new ArrayBuffer(3e7)"),
    ("JSON.stringify", "new Array(2e5).fill(12345)", "JSON.stringify(data)"),
    (
        "JSON.stringify with names",
        "Array.from({ length: 1e3 }, (_, i) => 'x'.repeat(500) + i)",
        "JSON.stringify({}, data)",
    ),
    ("JSON.parse", "'[' + '1,'.repeat(2e5) + '1]'", "JSON.parse(data)"),
    ("comparison", "['a', 'b'].map((end) => 'x'.repeat(1e7) + end)", "data[0] < data[1]"),
    ("BigInt multiplication", "7n ** 20000n", "data * data"),
    ("BigInt power", "7n", "data ** 50000n"),
    ("BigInt.toString", "7n ** 10000n", "data.toString()"),
    ("BigInt from text", "'7'.repeat(20000)", "BigInt(data)"),
    (
        "Proxy, ownKeys",
        "new Proxy({}, { ownKeys: ((names) => () => names)(Array.from({ length: 1e4 }, (_, i) => 'k' + i)) })",
        "Reflect.ownKeys(data)",
    ),
    ("structuredClone", "new Array(1e5).fill({})", "structuredClone(data)"),
    ("new Map", "Array.from({ length: 1e5 }, (_, i) => [i, i])", "new Map(data)"),
    (
        "Object.entries",
        "Object.fromEntries(Array.from({ length: 5e4 }, (_, i) => ['k' + i, i]))",
        "Object.entries(data)",
    ),
    (
        "Object.assign",
        "Object.fromEntries(Array.from({ length: 5e4 }, (_, i) => ['k' + i, i]))",
        "Object.assign({}, data)",
    ),
    ("TextEncoder", "'x'.repeat(5e6)", "new TextEncoder().encode(data)"),
    ("TextDecoder", "new Uint8Array(5e6)", "new TextDecoder().decode(data)"),
    ("btoa", "'x'.repeat(2e5)", "btoa(data)"),
    ("atob", "'eHh4'.repeat(1e6)", "atob(data)"),
    ("encodeURIComponent", "'\\u00e9'.repeat(5e5)", "encodeURIComponent(data)"),
    ("escape", "'\\u00e9'.repeat(5e5)", "escape(data)"),
    ("crypto.getRandomValues", "new Uint8Array(65536)", "crypto.getRandomValues(data)"),
    (
        "AES-GCM",
        CIPHER,
        "await crypto.subtle.encrypt({ name: 'AES-GCM', iv: data.iv.slice(0, 12) }, data.gcm, data.text)",
    ),
    (
        "AES-CBC",
        CIPHER,
        "await crypto.subtle.encrypt({ name: 'AES-CBC', iv: data.iv }, data.cbc, data.text)",
    ),
    (
        "AES-CTR",
        CIPHER,
        "await crypto.subtle.encrypt({ name: 'AES-CTR', counter: data.iv, length: 64 }, data.ctr, data.text)",
    ),
    (
        "ECDSA, signing",
        "crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify'])",
        "await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, data.privateKey, new Uint8Array(1e7))",
    ),
    (
        "RSA, verifying",
        "crypto.subtle.importKey('jwk', { kty: 'RSA', n: '_'.repeat(1366), e: 'Af____8' },
             { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }, true, ['verify'])",
        "await crypto.subtle.verify('RSASSA-PKCS1-v1_5', data, new Uint8Array(1024).fill(254), new Uint8Array(1e7))",
    ),
    (
        "CompressionStream",
        "new Uint8Array(16e6)",
        "await through(new CompressionStream('gzip'), data)",
    ),
    (
        "CompressionStream, texts",
        "Uint8Array.from({ length: 1e6 }, (_, i) => (i * i) >> 7)",
        "await through(new CompressionStream('gzip'), data)",
    ),
    (
        "DecompressionStream",
        "through(new CompressionStream('gzip'), new Uint8Array(1.6e7))",
        "await through(new DecompressionStream('gzip'), data)",
    ),
    ("kv.put", "'x'.repeat(1e6)", "this.ctx.storage.kv.put('k', data)"),
    ("kv.put of an array", "new Array(1e5).fill(1)", "this.ctx.storage.kv.put('k', data)"),
    (
        "sql.exec",
        "7",
        "this.ctx.storage.sql.exec('WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT sum(n) FROM c')",
    ),
    ("collecting garbage", "Array.from({ length: 1e5 }, (_, i) => ({ i }))", "[{}, {}, {}]"),
    ("JSON.parse, one hash", "JSON.stringify(flood(5e4))", "JSON.parse(data)"),
    ("new Set, one hash", "flood(2e5)", "new Set(data)"),
    ("new Map, one hash", "flood(2e5).map((name) => [name, 1])", "new Map(data)"),
    ("Map.groupBy, one hash", "flood(1e5)", "Map.groupBy(data, (name) => name)"),
    (
        "kv.get of a map, one hash",
        "(this.ctx.storage.kv.put('k', new Map(flood(1e3).map((name) => [name, 1]))))",
        "this.ctx.storage.kv.get('k')",
    ),
    ("structuredClone of a set, one hash", "flood(1e5)", "structuredClone(data)"),
];

/// Keys for each mode of AES, and what is to be encrypted.
const CIPHER: &str = "(async () => {
    const key = (name) => crypto.subtle.generateKey({ name, length: 256 }, true, ['encrypt']);
    const [gcm, cbc, ctr] = [await key('AES-GCM'), await key('AES-CBC'), await key('AES-CTR')];
    return { gcm, cbc, ctr, iv: new Uint8Array(16), text: new Uint8Array(8e6) };
})()";

pub fn code((_, prepare, run): &Case) -> String {
    format!(
        "import {{ DurableObject }} from 'cloudflare:workers';
         let data;
         // Texts that have one hash in the engine.
         const flood = (count) => Array.from({{ length: count }}, (_, i) => {{
             const [a, b, c] = [i % 180, Math.floor(i / 180) % 180, Math.floor(i / 32400)];
             return String.fromCharCode(0x1000 + a, 0xc000 - 263 * a + b, 0xc000 - 263 * b + c, 0xc000 - 263 * c);
         }});
         async function through(stream, bytes) {{
             const all = new Response(stream.readable).arrayBuffer();
             const writer = stream.writable.getWriter();
             writer.write(bytes);
             writer.close();
             return new Uint8Array(await all);
         }}
         export class App extends DurableObject {{
             async prepare() {{ data = await {prepare}; }}
             async run() {{
                 const begin = performance.now();
                 while (performance.now() - begin < 250) {{}}
                 for (;;) {{ {run}; }}
             }}
         }}"
    )
}
