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
        "['x'.repeat(2.6e5) + 'a', 'x'.repeat(2.6e5) + 'b']",
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
    ("Array.flat", "Array.from({ length: 1e3 }, () => Array(500).fill(1))", "data.flat()"),
    (
        "Array.toSorted",
        "Array.from({ length: 1e5 }, (_, i) => (i * 7919) % 100003)",
        "data.toSorted()",
    ),
    ("Array.with", "new Array(1e6).fill(0)", "data.with(0, 1)"),
    ("Array.toSpliced", "new Array(1e6).fill(0)", "data.toSpliced(0, 1)"),
    ("Array.toReversed", "new Array(1e6).fill(0)", "data.toReversed()"),
    ("Array.slice", "new Array(1e6).fill(0)", "data.slice(1)"),
    ("Array.copyWithin", "new Array(1e6).fill(0)", "data.copyWithin(1, 0)"),
    ("Array.lastIndexOf", "new Array(1e6).fill(0)", "data.lastIndexOf(1)"),
    (
        "Array.indexOf of long texts",
        "Array(2e5).fill('x'.repeat(2e4) + 1)",
        "data.indexOf('x'.repeat(2e4) + 2)",
    ),
    (
        "Array.push of many",
        "Array(6e4).fill(0)",
        "const list = []; for (let i = 0; i < 20; i++) list.push(...data)",
    ),
    ("Array.fromAsync", "Array(1e5).fill(0)", "await Array.fromAsync(data)"),
    (
        "an array of few items",
        "(() => { const list = []; list[4e9] = 1; return list; })()",
        "data.lastIndexOf(2)",
    ),
    ("freeing objects", "7", "let list = Array.from({ length: 2e5 }, () => ({})); list = null"),
    ("freeing an array", "7", "let list = Array(1e6).fill(0); list.length = 0"),
    (
        "Array.reverse of properties",
        "(() => { const list = [, ]; for (let i = 4e5; i >= 0; i--) list[i] = i; return list; })()",
        "data.reverse()",
    ),
    ("Iterator.drop", ENDLESS, "data().drop(1e15).next()"),
    ("Iterator.includes", ENDLESS, "data().includes(7)"),
    ("Iterator.toArray of the engine's", "Array(1e5).fill(0)", "data.values().toArray()"),
    ("Set.union without end", ENDLESS, "new Set([1]).union({ size: 1, has() {}, keys: data })"),
    ("Math.sumPrecise", "Array(1e5).fill(0)", "Math.sumPrecise(data)"),
    ("Array.join of none", "new Array(1e6)", "data.join()"),
    ("Array.slice of none", "new Array(1e6)", "data.slice()"),
    ("Array.sort of none", "new Array(1e6)", "data.sort()"),
    ("Array.reverse of none", "new Array(1e6)", "data.reverse()"),
    ("Array.toReversed of none", "new Array(1e6)", "data.toReversed()"),
    ("Array.splice of none", "new Array(1e6)", "data.splice(1, 1, 1)"),
    ("Array.copyWithin of none", "new Array(1e6)", "data.copyWithin(1, 0)"),
    ("Array.unshift of none", "new Array(1e6)", "data.unshift(1); data.pop()"),
    (
        "Array.join of few",
        "(() => { const list = []; for (let i = 0; i < 1e6; i += 1e3) list[i] = i; return list; })()",
        "data.join()",
    ),
    ("Iterator.toArray", "Array(1e5).fill(0)", "data.values().map((x) => x).toArray()"),
    ("Iterator.join", "Array(1e5).fill('x')", "data.values().join('')"),
    ("Set.union", "new Set(Array(5e4).keys())", "data.union(new Set([-1]))"),
    ("Set.intersection", "new Set(Array(5e4).keys())", "data.intersection(data)"),
    ("Set.symmetricDifference", "new Set(Array(5e4).keys())", "data.symmetricDifference(data)"),
    ("Set.isSubsetOf", "new Set(Array(5e4).keys())", "data.isSubsetOf(data)"),
    ("Map.clear", "Array(1e5).fill().map((_, i) => [i, i])", "new Map(data).clear()"),
    ("Map of long texts", "'x'.repeat(4e6)", "new Map([[data + 1, 1]]).get(data + 2)"),
    ("Object.groupBy", "Array(1e5).keys().toArray()", "Object.groupBy(data, (i) => i)"),
    ("Object.freeze", OBJECT, "Object.freeze({ ...data })"),
    ("Object.getOwnPropertyDescriptors", OBJECT, "Object.getOwnPropertyDescriptors(data)"),
    (
        "Object.defineProperties",
        OBJECT,
        "Object.defineProperties({}, Object.getOwnPropertyDescriptors(data))",
    ),
    ("Reflect.ownKeys", OBJECT, "Reflect.ownKeys(data)"),
    ("for in", OBJECT, "for (const name in data) break"),
    (
        "deleting names",
        OBJECT,
        "const copy = { ...data }; for (const name in copy) delete copy[name]",
    ),
    ("a long chain of prototypes", PROTOTYPES, "data.name"),
    ("for in along prototypes", PROTOTYPES, "for (const name in data) break"),
    ("instanceof along prototypes", PROTOTYPES, "data instanceof Map"),
    (
        "a tree of functions bound",
        "(() => { let f = () => 1; for (let i = 0; i < 20; i++) f = f.bind(null, ...Array(100).fill(1)); return f; })()",
        "data()",
    ),
    ("typed array join", "new Uint8Array(5e5)", "data.join()"),
    ("typed array copyWithin", "new Uint8Array(2e7)", "data.copyWithin(1, 0)"),
    ("typed array reverse", "new Uint8Array(2e7)", "data.reverse()"),
    ("typed array toReversed", "new Uint8Array(1e7)", "data.toReversed()"),
    ("typed array slice", "new Uint8Array(1e7)", "data.slice()"),
    ("typed array with", "new Uint8Array(1e7)", "data.with(0, 1)"),
    ("typed array lastIndexOf", "new Float32Array(5e6)", "data.lastIndexOf(NaN)"),
    ("typed array includes", "new Float16Array(1e7)", "data.includes(7)"),
    ("typed array of another kind", "new Float64Array(1e6)", "new Float16Array(data)"),
    ("typed array from an array", "Array(1e6).fill(1)", "new Float64Array(data)"),
    ("Uint8Array.toBase64", "new Uint8Array(1e7)", "data.toBase64()"),
    ("Uint8Array.fromBase64", "'eHh4'.repeat(1e6)", "Uint8Array.fromBase64(data)"),
    ("Uint8Array.toHex", "new Uint8Array(1e7)", "data.toHex()"),
    ("ArrayBuffer.slice", "new ArrayBuffer(1e7)", "data.slice(1)"),
    ("ArrayBuffer.transfer", "7", "new ArrayBuffer(1e7).transfer(2e7)"),
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
    ("JSON.parse of brackets", "'['.repeat(1e6)", "try { JSON.parse(data) } catch {}"),
    ("JSON.parse of a text", "JSON.stringify('\\n'.repeat(2e6))", "JSON.parse(data)"),
    ("JSON.stringify of a text", "'\\n'.repeat(2e6)", "JSON.stringify(data)"),
    (
        "JSON.stringify, indented",
        "(() => { let list = []; for (let i = 0; i < 300; i++) list = [list, 1, 2, 3]; return list; })()",
        "JSON.stringify(data, null, 10)",
    ),
    ("comparison", "['a', 'b'].map((end) => 'x'.repeat(1e7) + end)", "data[0] < data[1]"),
    ("BigInt multiplication", "(2n ** 131000n - 1n)", "data * data"),
    ("BigInt division", "(2n ** 131000n - 1n)", "data / (data >> 65500n)"),
    ("BigInt power", "(2n ** 65000n - 1n)", "data ** 3n"),
    ("BigInt.toString", "(2n ** 131000n - 1n)", "data.toString()"),
    ("BigInt in a template", "(2n ** 131000n - 1n)", "`${data}`"),
    ("BigInt from text", "'7'.repeat(39457)", "BigInt(data)"),
    ("BigInt compared with text", "'7'.repeat(39457)", "1n == data"),
    ("BigInt.asUintN of text", "'7'.repeat(39457)", "BigInt.asUintN(100000, data)"),
    ("new RegExp of alternatives", "Array(4000).fill('a').join('|')", "new RegExp(data)"),
    ("new RegExp of long alternatives", "'word-of-a-list|'.repeat(3000)", "new RegExp(data)"),
    ("new RegExp of properties", r"'\\p{L}|'.repeat(240)", "new RegExp(data, 'u')"),
    ("new RegExp of a look-behind", "`(?<=${'a'.repeat(13000)})`", "new RegExp(data)"),
    (
        "new RegExp of nested repetitions",
        "'(?:'.repeat(200) + 'a'.repeat(1e5) + ')*'.repeat(200)",
        "new RegExp(data)",
    ),
    ("new RegExp of names used before", r"'\\k<n>'.repeat(2300) + '(?<n>a)'", "new RegExp(data)"),
    ("new RegExp of sets", r"'[[a-z]--[aeiou]]|'.repeat(1500)", "new RegExp(data, 'v')"),
    ("new RegExp of texts", r"'\\p{RGI_Emoji}'.repeat(100)", "new RegExp(data, 'v')"),
    ("new RegExp, any case", r"'[\\w\\u0100-\\uffff]'.repeat(1e4)", "new RegExp(data, 'iu')"),
    ("RegExp, look-behind", "'a'.repeat(1e6)", "/(?<=b.*)c/.test(data)"),
    ("RegExp.source", "new RegExp('/'.repeat(1e6))", "data.source"),
    ("RegExp.escape", "'+'.repeat(1e6)", "RegExp.escape(data)"),
    ("String.match, all", "'ab'.repeat(3e5)", "data.match(/a/g)"),
    ("String.matchAll", "'ab'.repeat(3e5)", "[...data.matchAll(/a/g)]"),
    ("String.replace, all", "'ab'.repeat(3e5)", "data.replace(/a/g, 'xx')"),
    ("String.split by an expression", "'a,'.repeat(2e5)", "data.split(/,/)"),
    ("String.split into characters", "'a'.repeat(4e5)", "data.split('')"),
    ("String.trim", "' '.repeat(5e6) + 'x'", "data.trim()"),
    ("String.toLowerCase", r"'\u0130'.repeat(1e6)", "data.toLowerCase()"),
    ("String.toWellFormed", r"'\ud800'.repeat(4e6)", "data.toWellFormed()"),
    ("String.startsWith", "'x'.repeat(1e7)", "data.startsWith(data)"),
    ("String.concat", "Array(1e4).fill('x'.repeat(500))", "''.concat(...data)"),
    ("String.fromCharCode", "Array(6e4).fill(256)", "String.fromCharCode(...data)"),
    ("String.anchor", "'\"'.repeat(2e6)", "data.anchor(data)"),
    (
        "reading a text of many parts",
        "7",
        "let t = ''; for (let i = 0; i < 2e4; i++) t += 'x'.repeat(200); t.charCodeAt(7)",
    ),
    ("a long name", "'x'.repeat(5e6)", "({})[data + Math.random()]"),
    ("Symbol.for", "'x'.repeat(5e6)", "Symbol.for(data + Math.random())"),
    ("Number of text", "'7'.repeat(5e6)", "Number(data)"),
    ("parseInt", "'7'.repeat(5e6)", "parseInt(data, 7)"),
    ("Date.parse", "'1'.repeat(5e6)", "Date.parse(data)"),
    (
        "eval of many names",
        "`let ${Array.from({ length: 1.8e3 }, (_, i) => 'v' + i)};${'v0;'.repeat(4.2e3)} ${' '.repeat(1.2e4)}`",
        "(0, eval)(`{ ${data} }`)",
    ),
    ("decodeURIComponent", "'%C3%A9'.repeat(5e5)", "decodeURIComponent(data)"),
    ("unescape", "'%u00e9'.repeat(5e5)", "unescape(data)"),
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
    (
        "encodeInto",
        "'\\u00e9'.repeat(5e6)",
        "new TextEncoder().encodeInto(data, new Uint8Array(1e7))",
    ),
    ("TextDecoder, UTF-16", "new Uint8Array(5e6)", "new TextDecoder('utf-16le').decode(data)"),
    ("Blob", "Array(1e5).fill('xy')", "new Blob(data)"),
    ("Response.json", "JSON.stringify(Array(2e5).fill(1))", "await new Response(data).json()"),
    (
        "Response.formData",
        "'a=b&'.repeat(2e5)",
        "await new Response(data, { headers: { 'content-type': 'application/x-www-form-urlencoded' } }).formData()",
    ),
    (
        "Response.formData of parts",
        "'--x\\r\\ncontent-disposition: form-data; name=\"a\"\\r\\n\\r\\nb\\r\\n'.repeat(3e4) + '--x--'",
        "await new Response(data, { headers: { 'content-type': 'multipart/form-data; boundary=x' } }).formData()",
    ),
    ("URL", "'http://a/' + '\\u00e9'.repeat(3e5)", "new URL(data)"),
    ("URL of many parts", "'http://a/' + 'b/../'.repeat(2e5)", "new URL(data)"),
    ("URLSearchParams", "'a=b&'.repeat(1e5)", "new URLSearchParams(data)"),
    (
        "URLSearchParams.sort",
        "new URLSearchParams(Array.from({ length: 3e4 }, (_, i) => [`${i * 7919 % 30011}`, '']))",
        "new URLSearchParams(data).sort()",
    ),
    ("URLSearchParams.delete", "'a=b&'.repeat(1e5)", "new URLSearchParams(data).delete('a')"),
    (
        "URLPattern",
        "'/' + ':a/'.repeat(2e3)",
        "try { new URLPattern({ pathname: data }) } catch {}",
    ),
    ("Headers", "Array.from({ length: 2e4 }, (_, i) => ['x-' + i, 'b'])", "new Headers(data)"),
    (
        "Headers.append",
        "'x'.repeat(1e5)",
        "const h = new Headers(); for (let i = 0; i < 100; i++) h.append('a', data); h.get('a')",
    ),
    ("Intl.NumberFormat", "(2n ** 60000n)", "new Intl.NumberFormat('en').format(data)"),
    ("Intl.ListFormat", "Array(1e5).fill('x')", "new Intl.ListFormat('en').format(data)"),
    (
        "Intl.DateTimeFormat",
        "7",
        "new Intl.DateTimeFormat('de', { timeZone: 'Europe/Berlin' }).format(1e12)",
    ),
    ("console.log", "Array(1e5).fill('xy')", "console.log(data)"),
    ("Promise.all", "Array(5e4).fill(0)", "await Promise.all(data)"),
    (
        "AbortSignal.any",
        "Array.from({ length: 2e4 }, () => new AbortController().signal)",
        "AbortSignal.any(data)",
    ),
    (
        "ReadableStream.tee",
        "new Uint8Array(1e7)",
        "await new Response(new Response(data).body.tee()[0]).bytes()",
    ),
    ("crypto.subtle.digest", "new Uint8Array(1e7)", "await crypto.subtle.digest('SHA-512', data)"),
    (
        "PBKDF2",
        "crypto.subtle.importKey('raw', new Uint8Array(64), 'PBKDF2', false, ['deriveBits'])",
        "await crypto.subtle.deriveBits({ name: 'PBKDF2', hash: 'SHA-512', salt: new Uint8Array(16), iterations: 1e5 }, data, 512)",
    ),
    (
        "HKDF",
        "crypto.subtle.importKey('raw', new Uint8Array(1e6), 'HKDF', false, ['deriveBits'])",
        "await crypto.subtle.deriveBits({ name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(1e6), info: new Uint8Array(1e5) }, data, 8 * 255 * 32)",
    ),
    (
        "HMAC",
        "crypto.subtle.importKey('raw', new Uint8Array(64), { name: 'HMAC', hash: 'SHA-512' }, false, ['sign'])",
        "await crypto.subtle.sign('HMAC', data, new Uint8Array(1e7))",
    ),
    ("timingSafeEqual", "new Uint8Array(2e7)", "crypto.subtle.timingSafeEqual(data, data)"),
    (
        "kv.list",
        "void Array.from({ length: 3e3 }, (_, i) => this.ctx.storage.kv.put('k' + i, i))",
        "[...this.ctx.storage.kv.list()]",
    ),
    (
        "storage.put of many",
        "Object.fromEntries(Array.from({ length: 128 }, (_, i) => ['k' + i, 'x'.repeat(1e5)]))",
        "await this.ctx.storage.put(data)",
    ),
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
    (
        "WeakRefs of one object",
        "{}",
        "let list = []; for (let i = 0; i < 5e4; i++) list.push(new WeakRef(data)); list.reverse(); list = null",
    ),
    (
        "FinalizationRegistry of one object",
        "{}",
        "let all = new FinalizationRegistry(() => {}); for (let i = 0; i < 2e4; i++) all.register(data, i); all = null",
    ),
    ("Array.sort of long texts", TWO_TEXTS, "data.slice().sort()"),
    (
        "Array.sort of many texts",
        "Array.from({ length: 2e5 }, (_, i) => `x${i * 7919 % 200003}`)",
        "data.slice().sort()",
    ),
    ("Array.includes of long texts", TWO_TEXTS, "data.includes(data[0].slice(1) + 'c')"),
    ("Array.join of numbers", "Array(5e5).fill(1.1e-300)", "data.join()"),
    (
        "Array.fill of what is like an array",
        "({ length: 1e7, __proto__: new Uint8Array(1) })",
        "[].fill.call(data, 1)",
    ),
    ("typed array from what is like an array", "({ length: 3e7 })", "new Uint8Array(data)"),
    ("typed array set of such", "new Uint8Array(3e7)", "data.set({ length: 3e7 })"),
    ("typed array of a longer kind", "new Float64Array(4e6)", "new Uint8Array(data)"),
    ("Math.max of texts", "Array(6e4).fill(' '.repeat(17))", "Math.max(...data)"),
    ("JSON.parse, one hash", "JSON.stringify(flood(5e4))", "JSON.parse(data)"),
    (
        "freeing an object, one hash",
        "flood(2e4).map((name) => [name, 1])",
        "Object.fromEntries(data)",
    ),
    ("new Set, one hash", "flood(2e5)", "new Set(data)"),
    ("new Map, one hash", "flood(1e5).map((name) => [name, 1])", "new Map(data)"),
    ("Map.groupBy, one hash", "flood(1e5)", "Map.groupBy(data, (name) => name)"),
    (
        "kv.get of a map, one hash",
        "(this.ctx.storage.kv.put('k', new Map(flood(1e3).map((name) => [name, 1]))))",
        "this.ctx.storage.kv.get('k')",
    ),
    ("structuredClone of a set, one hash", "flood(1e5)", "structuredClone(data)"),
];

/// Two long texts that differ in their ends, again and again.
const TWO_TEXTS: &str = "(() => {
    const [a, b] = ['a', 'b'].map((end) => '\\u1234'.repeat(5e6) + end);
    return Array.from({ length: 100 }, (_, i) => (i % 2 ? a : b));
})()";

/// An iterator that gives nothing for ever.
const ENDLESS: &str = "(() => Array.prototype.values.call({ length: 2 ** 53 - 1 }))";

/// An object of many names.
const OBJECT: &str = "Object.fromEntries(Array.from({ length: 5e4 }, (_, i) => ['k' + i, i]))";

/// An object that inherits from as many as there is room for.
const PROTOTYPES: &str =
    "(() => { let o = {}; for (let i = 0; i < 2e5; i++) o = Object.create(o); return o; })()";

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
