// The body of a method that tries the web API. standard.json has what standards-conforming engines answer.
const name = async (f) => { try { const v = await f(); return v === undefined ? 'undefined' : v; } catch (e) { return e.name; } };
const out = {};
const r = new Response('text');
out.used = [r.bodyUsed, await r.text(), r.bodyUsed, await name(() => r.text()), await name(() => r.clone()), await name(() => r.json())];
const c = new Response('{"a":1}'); const d = c.clone();
out.clone = [await c.json(), c.bodyUsed, d.bodyUsed, await d.text()];
out.empty = [new Response(null).bodyUsed, await new Response().text(), (await new Response().arrayBuffer()).byteLength, new Response(null).body];
out.status = [await name(() => new Response('', { status: 600 })), await name(() => new Response('', { status: 199 })), await name(() => new Response('x', { status: 204 })), new Response(null, { status: 204 }).status, new Response(null, { status: 201, statusText: 'Made' }).statusText];
out.json = [Response.json({ a: 1 }).headers.get('content-type'), await Response.json([1], { status: 202 }).text(), Response.json(1, { headers: { 'content-type': 'x/y' } }).headers.get('content-type')];
out.redirect = [Response.redirect('http://a/b', 301).headers.get('location'), await name(() => Response.redirect('http://a/', 200))];
const h = new Headers([['B', '2'], ['a', ' 1 '], ['b', '3'], ['Set-Cookie', 'x=1'], ['set-cookie', 'y=2']]);
out.headers = [[...h], h.get('B'), h.has('A'), h.get('none'), h.getSetCookie(), await name(() => h.set('a b', '1')), await name(() => h.set('a', 'x\ny')), await name(() => new Headers([['a']])), [...new Headers({ x: 1 }).keys()]];
h.delete('b'); h.append('a', '4'); out.headers2 = [...h.entries()];
const q = new Request('http://h/p?x', { method: 'post', body: 'b', headers: { X: 'y' } });
out.request = [q.method, q.url, q.headers.get('x'), q.headers.get('content-type'), q.signal.aborted, await q.clone().text(), await new Request(q).text(), q.bodyUsed, await name(() => new Request('/relative')), await name(() => new Request('http://h', { body: 'x' })), new Request('http://h', { method: 'PUT' }).body];
const p = new URLSearchParams('?a=1&b=2&a=3+4%20&c');
out.params = [p.getAll('a'), p.get('c'), p.get('z'), p.has('a', '1'), p.has('a', '9'), p.size, `${p}`];
p.delete('a', '1'); p.append('é', '&='); p.set('b', 'x'); p.sort(); out.params2 = [`${p}`, [...p.keys()], `${new URLSearchParams({ k: 'v w' })}`, `${new URLSearchParams([['x', '1'], ['x', '2']])}`, await name(() => new URLSearchParams([['x']]))];
const u = new URL('../x/./y?q=1#h', 'https://user:pw@example.com:8080/a/b/c');
u.searchParams.append('r', '2'); u.port = '443'; u.hash = '';
out.url = [u.href, u.origin, u.host, u.pathname, u.search, u.hash, u.username, JSON.stringify(u), URL.canParse('nope'), URL.parse('http://x')?.href, await name(() => new URL('nope'))];
u.search = ''; out.url2 = [u.href, u.searchParams.size];
const made = { m: new Map([[{ k: 1 }, new Set([1])]]), d: new Date(5), r: /x/gi, b: new Uint8Array([1, 2, 3]).subarray(1), e: new RangeError('x', { cause: new Error('c') }), u: undefined, n: null, z: -0, big: 5n, bool: Object(true), s: [1, , 3] };
made.self = made; made.again = made.d;
const k = structuredClone(made);
class Point { constructor() { this.x = 1; } get y() { return 2; } }
const point = structuredClone(new Point());
out.clones = [k !== made && k.self === k, k.again === k.d && k.d !== made.d, k.d.getTime(), `${k.r}`, [...k.b], k.e instanceof RangeError, k.e.message, k.e.cause.message, 'u' in k, Object.is(k.z, -0), k.big === 5n, typeof k.bool, 1 in k.s, k.s.length, [...k.m.keys()][0].k, [...k.m.values()][0].has(1), point instanceof Point, Object.keys(point), structuredClone(new DOMException('m', 'AbortError')).name];
out.refused = [await name(() => structuredClone(() => {})), await name(() => structuredClone(Symbol('s'))), await name(() => structuredClone({ a: new WeakMap() })), await name(() => structuredClone(Promise.resolve())), await name(() => structuredClone(new Headers())), await name(() => structuredClone({ get x() { throw new RangeError('g'); } }))];
const t = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
out.decode = [await name(() => t.decode(new Uint8Array([255]))), t.decode(new Uint8Array([0xef, 0xbb, 0xbf, 97])).length, new TextDecoder().decode(new Uint8Array([0xef, 0xbb, 0xbf, 97])), new TextDecoder().decode(new Uint8Array([0xe2, 0x82])), t.fatal, t.ignoreBOM, new TextDecoder('utf8').encoding, await name(() => new TextDecoder('nope')), new TextDecoder().decode(new Uint8Array([1, 97, 98]).subarray(1).buffer.slice(1))];
const st = new TextDecoder(); out.stream = [st.decode(new Uint8Array([0xf0, 0x9f]), { stream: true }), st.decode(new Uint8Array([0xa6]), { stream: true }), st.decode(new Uint8Array([0x8a])), st.decode()];
out.encode = [[...new TextEncoder().encode('é\ud800')], new TextEncoder().encodeInto('aé🦊', new Uint8Array(4)), [...new TextEncoder().encode()]];
const s = AbortSignal.timeout(1); await new Promise((done) => s.addEventListener('abort', done));
const a = new AbortController(), b = new AbortController(); const any = AbortSignal.any([a.signal, b.signal]); let fired = 0; any.onabort = () => fired++; b.abort('why'); a.abort();
out.abort = [s.aborted, s.reason.name, any.aborted, any.reason, fired, AbortSignal.any([AbortSignal.abort(7)]).reason, AbortSignal.abort().reason.name, await name(() => AbortSignal.abort().throwIfAborted()), await name(() => new AbortSignal())];
const seen = []; const target = new EventTarget(); const listener = { handleEvent: (e) => seen.push(e.type, e.target === target) };
target.addEventListener('x', listener); target.addEventListener('x', listener); target.addEventListener('x', () => seen.push('once'), { once: true });
const ok = [target.dispatchEvent(new Event('x')), target.dispatchEvent(new Event('x'))]; target.removeEventListener('x', listener); target.dispatchEvent(new Event('x'));
target.addEventListener('y', (e) => e.preventDefault()); ok.push(target.dispatchEvent(new Event('y', { cancelable: true })), target.dispatchEvent(new Event('y')));
out.events = [seen, ok];
const order = []; const never = setTimeout(() => order.push('never'), 1); clearTimeout(never); clearTimeout(undefined); queueMicrotask(() => order.push('micro'));
await new Promise((done) => { const i = setInterval((n) => { if (order.push(n) === 3) { clearInterval(i); setTimeout(done, 3); } }, 1, 'tick'); });
out.timers = [order, await name(() => queueMicrotask(1))];
const blob = new Blob(['ab', new Uint8Array([99]), new Blob(['d'])], { type: 'Text/X' });
out.blob = [blob.size, blob.type, await blob.text(), await blob.slice(1, 3).text(), (await new Response(blob).blob()).type, await new Response(blob).text()];
out.base64 = [btoa('a\xff'), atob(' YQ = = ').length, await name(() => atob('*')), await name(() => btoa('\u0100'))];
const hex = async (name) => [...new Uint8Array(await crypto.subtle.digest(name, new Uint8Array([97])))].slice(0, 2);
out.crypto = [await hex('SHA-256'), await hex({ name: 'sha-512' }), await name(() => crypto.subtle.digest('nope', new Uint8Array())), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(crypto.randomUUID()), await name(() => crypto.getRandomValues(new Uint8Array(65537))), await name(() => crypto.getRandomValues(new Float32Array(1)))];
const watched = []; // what is set and deleted in a proxy of an array
const proxy = new Proxy([3, 1, 2], { set: (t, k, v) => { watched.push(k); return Reflect.set(t, k, v); }, deleteProperty: (t, k) => { watched.push(`-${k}`); return Reflect.deleteProperty(t, k); } });
out.proxyOfArray = [proxy.sort() === proxy, `${proxy}`, proxy.splice(1, 1), proxy.shift(), proxy.unshift(9, 8), proxy.reverse().join(), proxy.slice(1), proxy.toSorted(), proxy.with(0, 5), Array.isArray(proxy.slice())];
out.watched = ['length', '-1'].map((key) => watched.includes(key));
const gapped = { length: 3, 0: 'a', 2: 'c', other: 1 };
out.likeArray = [
  (function () { return [[].shift.call(arguments), [].splice.call(arguments, 1), [...arguments], arguments.length]; })(1, 2, 3, 4),
  [].join.call('abc', '-'), await name(() => [].reverse.call('abc')), [].slice.call(new Uint8Array([1, 2, 3]), 1), [...[].sort.call(new Uint8Array([3, 1, 2]), (a, b) => b - a)],
  await name(() => [].shift.call(new Uint8Array(1))), await name(() => [].slice.call(null)), [].splice.call(gapped, 0, 1, 'q', 'r'), gapped, 2 in gapped,
  Object.keys([].slice.call({ length: 3, 1: 5 })), [].reverse.call({ length: 0 }), [].toSpliced.call({ length: 2, 0: 1, 1: 2 }, 0, 1), await name(() => [].flatMap()),
];
async function* numbers(count) { for (let at = 0; at < count; at++) { await null; yield at; } }
const shared = numbers(7);
const taken = [];
await Promise.all([0, 1, 2].map(async () => { for await (const at of shared) taken.push(at); }));
const asked = numbers(1);
const thrown = asked.throw.bind(asked);
const methods = Object.getPrototypeOf(numbers).prototype;
out.asyncGenerator = [
  taken, await Promise.all([asked.next(), asked.next(), asked.next(), asked.return(4), thrown(new RangeError()).catch((e) => e.name), asked.next()]),
  await (async () => { const log = []; for await (const at of (async function* () { try { yield 1; yield 2; } finally { log.push('end'); } })()) { log.push(at); break; } return log; })(),
  methods.next.length, methods.return.name, await name(() => methods.next.call({})), await name(() => methods.throw.call(5)),
];
out.dates = ['setDate', 'setUTCHours', 'setFullYear', 'setMilliseconds'].map((set) => { const date = new Date(5); return [Number.isNaN(date[set](NaN)), Number.isNaN(date.getTime()), Number.isNaN(date.getDay()), Date.prototype[set].length, new Date(86400000 * 3)[set](2, 1) > 0]; });
out.strict = [await name(() => atob('YQ=')), atob('Y Q = ='), atob('YQ'), `${new URLSearchParams(null)}`, `${new URLSearchParams(undefined)}`];
{
  const [heard, control] = [[], new AbortController()];
  const never = () => heard.push('never');
  control.signal.addEventListener('abort', () => { heard.push(1); control.signal.removeEventListener('abort', never); });
  control.signal.onabort = () => heard.push('replaced');
  control.signal.addEventListener('abort', never);
  control.signal.onabort = () => heard.push('on');
  control.signal.addEventListener('abort', () => heard.push(2));
  control.abort();
  const plain = new EventTarget();
  plain.addEventListener('foo', () => heard.push(3));
  plain.onfoo = () => heard.push('onfoo');
  plain.dispatchEvent(new Event('foo'));
  out.handlers = heard;
}
{
  const [raw, { subtle }] = [new Uint8Array(16), crypto];
  const [hmac, ecdh, ecdsa] = [{ name: 'HMAC', hash: 'SHA-256' }, { name: 'ECDH', namedCurve: 'P-256' }, { name: 'ECDSA', namedCurve: 'P-256' }];
  const kind = async (make) => { try { return (await make()).type ?? 'pair'; } catch (e) { return e.name; } };
  const each = async (make, list) => { const kinds = []; for (const [how, ...sets] of list) for (const uses of sets) kinds.push(await kind(() => make(how, uses))); return kinds; };
  const point = await subtle.exportKey('raw', (await subtle.generateKey(ecdh, true, ['deriveBits'])).publicKey);
  out.usages = [
    await each((how, uses) => subtle.importKey('raw', raw, how, false, uses), [[hmac, ['encrypt'], [], ['sign'], ['nope']], ['PBKDF2', ['sign'], [], ['deriveKey']], ['AES-GCM', ['sign'], [], ['encrypt', 'wrapKey']], ['AES-KW', ['encrypt'], ['wrapKey']]]),
    await kind(() => subtle.importKey('raw', raw, 'PBKDF2', true, ['deriveKey'])),
    await each((how, uses) => subtle.generateKey(how, true, uses), [[hmac, ['encrypt'], [], ['sign']], [{ name: 'AES-GCM', length: 128 }, ['sign'], []], [ecdsa, ['verify'], ['sign', 'encrypt'], []], [ecdh, ['sign'], ['deriveBits']]]),
    await each((how, uses) => subtle.importKey('raw', point, how, true, uses), [[ecdh, ['deriveBits'], []], [ecdsa, [], ['sign']]]),
  ];
}
{
  let at = 0;
  const log = [];
  const pull = (c) => {
    const asked = c.byobRequest;
    log.push(asked === null ? null : asked.view.byteLength);
    if (at > 5) { c.close(); asked?.respond(0); return; }
    if (asked === null) return c.enqueue(new Uint8Array([++at]));
    asked.view[0] = ++at;
    asked.view[1] = ++at;
    asked.respond(2);
    log.push(asked.view);
  };
  const reader = new ReadableStream({ type: 'bytes', pull }).getReader({ mode: 'byob' });
  for (let i = 0; i < 4; i++) { const { done, value } = await reader.read(new Uint8Array(4)); log.push(done, [...value]); }
  const ends = (c) => { log.push(c.byobRequest?.view?.byteLength ?? null); if (at++ > 7) { c.close(); c.byobRequest?.respond(0); } else { c.byobRequest.view[0] = at; c.byobRequest.respondWithNewView(c.byobRequest.view.subarray(0, 1)); } };
  for await (const chunk of new ReadableStream({ type: 'bytes', autoAllocateChunkSize: 3, pull: ends })) log.push([...chunk]);
  const wrong = async (c) => {
    const asked = c.byobRequest;
    for (const use of [() => asked.respond(0), () => asked.respond(9), () => asked.respond(-1), () => asked.respondWithNewView(5)]) log.push(await name(use));
    log.push(asked === c.byobRequest);
    asked.view.buffer.transfer();
    log.push(await name(() => asked.respond(1)));
    c.enqueue(new Uint8Array(1));
    log.push(await name(() => asked.respond(1)), c.byobRequest === null);
  };
  await new ReadableStream({ type: 'bytes', pull: wrong }).getReader({ mode: 'byob' }).read(new Uint8Array(2));
  out.byobRequests = log;
}
return JSON.stringify(out);
