import assert from "node:assert/strict";
import { describe, test } from "node:test";
import vm from "node:vm";
import { DurableObject, GuestError, RpcTarget, ValueError, open } from "facetbox";
import { app, fails, guest, objectOf } from "./support.mjs";

class Echo extends DurableObject {
  echo(value) {
    return value;
  }

  count(...args) {
    return args.length;
  }

  keep(value) {
    this.ctx.storage.kv.put("kept", value);
    return this.ctx.storage.kv.get("kept");
  }
}

const runtime = await open();
const stub = objectOf(runtime, Echo);

const same = {
  undefined: undefined,
  null: null,
  booleans: [true, false],
  integers: [0, 1, -1, 2 ** 53, -(2 ** 53)],
  floats: [0.5, -0, NaN, Infinity, -Infinity, 2 ** 53 + 2, 1e300, 5e-324],
  bigints: [0n, 1n, -1n, 2n ** 63n, -(2n ** 70n)],
  text: ["", "héllo", "😀", "a\0b", "x".repeat(100_000)],
  bytes: [new Uint8Array(), new Uint8Array([0, 255]), new Uint8Array(200_000).fill(7)],
  lists: [[], [[], [1]], [undefined, null]],
  objects: [{}, { a: { b: [1] } }, { "": 0, "a b": 1 }, { constructor: 1, toJSON: 2, then: 3 }],
  maps: [new Map(), new Map([[1, "a"], ["1", new Map([[[], {}]])]])],
  sets: [new Set(), new Set([1, "1", { a: 1 }])],
  dates: [new Date(0), new Date(1_700_000_000_123), new Date(-1)],
};

describe("values that come back as they were", () => {
  for (const [kind, value] of Object.entries(same)) {
    test(kind, async () => {
      assert.deepStrictEqual(await stub.echo(value), value);
      assert.deepStrictEqual(await stub.keep([value]), [value]);
    });
  }
});

test("errors are written wherever the buffer grows", async () => {
  const errors = Array.from({ length: 20_000 }, (_, i) => new Error("x".repeat(i % 7)));
  const echoed = await stub.echo(errors);
  assert.ok(errors.every(({ message }, i) => echoed[i].message === message));
  assert.match(new Error().stack, /values\.test/, "which errors of others still have");
});

test("requests, responses and headers come back with their bodies", async () => {
  const request = new Request("http://a/b?c", { method: "PUT", body: "asked", headers: { a: "1" } });
  const [answered, { list }] = await Promise.all([
    stub.echo(request),
    stub.echo({ list: [new Response("said", { status: 404 }), new Headers([["a", "1"], ["a", "2"]])] }),
  ]);
  assert.ok(answered instanceof Request);
  assert.deepStrictEqual([answered.method, answered.url, answered.headers.get("a")], ["PUT", "http://a/b?c", "1"]);
  assert.deepStrictEqual([await answered.text(), request.bodyUsed], ["asked", true]);
  assert.deepStrictEqual([list[0].status, await list[0].text(), list[1].get("a")], [404, "said", "1, 2"]);
  assert.equal(await (await stub.echo(new Response(null, { status: 204 }))).text(), "");
});

test("messages that can't be sent, stored or made again are refused, and nothing else fails", async () => {
  const used = new Response("x");
  await used.text();
  await assert.rejects(stub.echo(used), TypeError);
  await assert.rejects(stub.echo([used, Symbol("s")]), ValueError);
  await assert.rejects(stub.echo({ get other() { return new Response("new each time"); } }), ValueError);
  await assert.rejects(stub.keep(new Response("x")), ValueError);
  const other = guest(runtime, app(`
    function App:wide() return Headers.new({ a = "\u65e5", b = "\xe9" }) end
    function App:method() return Request.new("http://a/", { method = "TRACE" }) end
    function App:credentials() return { Request.new("http://me:word@a/") } end`));
  for (const method of ["method", "credentials"]) await assert.rejects(other[method](), TypeError);
  // The bytes of UTF-8, as Cloudflare sends them; what is in Latin-1 stays.
  assert.deepEqual([...(await other.wide())], [["a", "\xe6\x97\xa5"], ["b", "\xe9"]]);
});

test("ArrayBuffers and Buffers come back as Uint8Arrays of their own", async () => {
  const buffer = Buffer.from("abc");
  for (const value of [buffer, new Uint8Array(buffer).buffer, buffer.subarray(0, 3)]) {
    const back = await stub.echo(value);
    assert.equal(Object.getPrototypeOf(back), Uint8Array.prototype);
    assert.equal(back.buffer.byteLength, 3);
    assert.deepEqual([...back], [97, 98, 99]);
  }
});

test("an invalid date stays one", async () => {
  const back = await stub.echo(new Date(NaN));
  assert.ok(back instanceof Date && Number.isNaN(back.getTime()));
});

test("the key __proto__ is data, both ways", async () => {
  const value = JSON.parse('{"__proto__": {"evil": true}, "a": 1}');
  const back = await stub.echo(value);
  assert.deepEqual(Object.keys(back), ["__proto__", "a"]);
  assert.equal(Object.getPrototypeOf(back), Object.prototype);
  assert.equal(back.evil, undefined);
});

test("keys and texts of any length and script come back, those that look alike in bytes, too", async () => {
  // "é" has the bytes C3 A9, as "Ã©" has the characters.
  const alike = ["Ã©", "é", "A)", "Ã©", "é"];
  for (const key of alike) assert.deepStrictEqual(await stub.echo({ [key]: key }), { [key]: key });
  for (const length of [0, 1, 23, 24, 25, 63, 64, 65, 200]) {
    for (const end of ["", "x", "é", "😀"]) {
      const text = "k".repeat(length) + end;
      const value = { [text]: text, [`${end}${text}`]: [text] };
      for (let i = 0; i < 2; i++) assert.deepStrictEqual(await stub.echo(value), value);
    }
  }
  await fails(stub.echo("short \ud800"), ValueError, { message: /lone surrogate/ });
});

test("errors keep name, message and code, but not the host's stack", async () => {
  const back = await stub.echo(new RangeError("too far"));
  assert.ok(back instanceof RangeError);
  assert.equal(back.message, "too far");
  const own = Object.assign(new Error("mine"), { name: "MyError" });
  assert.equal((await stub.echo(own)).name, "MyError");
  const ours = await stub.echo(new GuestError("x", { name: "TypeError", code: "LIMIT_CPU" }));
  assert.equal(ours.code, "LIMIT_CPU");
  assert.equal(ours.name, "TypeError");
});

test("functions and RpcTargets of this process come back as themselves", async () => {
  const callback = (a, b) => a + b;
  const target = new (class Target extends RpcTarget {})();
  assert.equal(await stub.echo(callback), callback);
  assert.deepEqual(await stub.echo([callback, target]), [callback, target]);
  await fails(stub.keep(callback), ValueError);
});

test("stubs, namespaces, loaders and ids pass by reference or are refused", async () => {
  const back = await stub.echo({ stub, loader: runtime.loader() });
  assert.equal(await back.stub.echo(1), 1);
  assert.equal(typeof back.loader.load, "function");
  assert.ok((await stub.echo(stub)).id.equals(stub.id));
  await fails(stub.echo(stub.id), ValueError, { message: /"ObjectId"/ });
});

test("plain objects of another realm and without a prototype are plain", async () => {
  assert.deepEqual(await stub.echo(vm.runInNewContext("({ a: [1] })")), { a: [1] });
  assert.deepEqual(await stub.echo(Object.assign(Object.create(null), { a: 1 })), { a: 1 });
});

test("only own enumerable properties with text keys cross", async () => {
  const value = { a: 1, [Symbol("s")]: 2 };
  Object.defineProperty(value, "hidden", { value: 3 });
  assert.deepEqual(await stub.echo(value), { a: 1 });
});

const detached = new Uint8Array(4);
structuredClone(detached.buffer, { transfer: [detached.buffer] });
const cycle = { list: [] };
cycle.list.push({ back: cycle });
const nested = (levels) => (levels === 0 ? 1 : [nested(levels - 1)]);
const sparse = [1, , 3];

const refused = {
  "an instance of a class": [new (class Foo {})(), /"Foo".*\(at args\[0\]\.v\)/],
  "a symbol": [Symbol("s"), /symbol/i],
  "a sparse array": [sparse, /sparse/],
  "a promise": [Promise.resolve(1), /"Promise"/],
  "a regular expression": [/x/, /"RegExp"/],
  "another typed array": [new Float64Array(1), /"Float64Array"/],
  "a detached buffer": [detached, /reading it threw/],
  "a lone surrogate": ["\ud800", /surrogate/],
  "a lone surrogate in a key": [{ "\ud800": 1 }, /surrogate/],
  "a cycle": [cycle, /cycle \(at args\[0\]\.v\.list\[0\]\.back\)/],
  "a value 200 levels deep": [nested(200), /limit of 128 levels/],
  "a proxy that throws": [
    new Proxy({}, { ownKeys: () => assert.fail("trap") }),
    /reading it threw/,
  ],
  "a getter that throws": [{ get x() { throw new Error("getter"); } }, /\(at args\[0\]\.v\.x\)|reading/],
};

describe("values that are refused, with the path to them", () => {
  for (const [kind, [value, message]] of Object.entries(refused)) {
    test(kind, async () => {
      const expected = { code: "VALUE_ERROR", name: "DataCloneError", message };
      await fails(stub.echo({ v: value }), ValueError, expected);
      assert.equal(await stub.count(1, 2), 2);
    });
  }
});

test("the deepest value that may cross has 128 levels", async () => {
  assert.deepEqual(await stub.echo(nested(128)), nested(128));
  await fails(stub.echo(nested(129)), ValueError);
});

test("a getter is read once, and may make calls of its own meanwhile", async () => {
  let reads = 0;
  let inner;
  const value = {
    before: "x".repeat(10),
    get x() {
      inner = stub.echo({ inner: true });
      return ++reads;
    },
    after: "y".repeat(10),
  };
  assert.deepEqual(await stub.echo(value), { before: "x".repeat(10), x: 1, after: "y".repeat(10) });
  assert.deepEqual(await inner, { inner: true });
  assert.equal(reads, 1);
});

test("awaiting a result never calls a function named then", async () => {
  const then = () => assert.fail("then was called");
  class Thenable extends DurableObject {
    nested() {
      return { inner: { then } };
    }
  }
  assert.equal((await objectOf(runtime, Thenable).nested()).inner.then, then);
  const evil = guest(runtime, app(`function App:evil() return { ["then"] = self.env.callback } end`), {
    env: { callback: then },
  });
  await fails(evil.evil(), ValueError, { message: /'then'/ });
});

test("a result that can't cross is an error of the call", async () => {
  class Bad extends DurableObject {
    bad() {
      return new WeakMap();
    }
  }
  await fails(objectOf(runtime, Bad).bad(), ValueError, { message: /"WeakMap"/ });
});

test.after(() => runtime.close());
