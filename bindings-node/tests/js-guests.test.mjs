// Guests in JavaScript, from a host in JavaScript: the same shape on both sides of the boundary.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  DurableObject,
  GuestError,
  InvalidArgument,
  LimitError,
  LoadError,
  RpcTarget,
  UnsupportedError,
  guestGuide,
  guestTypes,
} from "facetbox";
import { directoryFor, fails, objectOf, runtimeFor } from "./support.mjs";

const COUNTER = `
  import { DurableObject } from "cloudflare:workers";
  export class App extends DurableObject {
    async fetch(request) {
      const count = (this.ctx.storage.kv.get("counter") ?? 0) + 1;
      this.ctx.storage.kv.put("counter", count);
      return new Response(\`You've made \${count} requests.\\n\`);
    }
  }
`;

/** A class `App` with these members, as a JavaScript module. */
const app = (members) => `
  import { DurableObject } from "cloudflare:workers";
  export class App extends DurableObject { ${members} }
`;

const code = (source, rest) => ({ mainModule: "main.js", modules: { "main.js": source }, ...rest });

/** A stub of a fresh object whose class is the guest's `App`. */
function guest(runtime, source, { limits, ...rest } = {}) {
  const worker = runtime.loader().load(code(source, rest));
  return objectOf(runtime, worker.getDurableObjectClass("App"), { limits });
}

test("a supervisor runs a JavaScript app as a facet, which counts on after a restart", async (t) => {
  class AppRunner extends DurableObject {
    fetch(request) {
      const app = this.ctx.facets.get("app", async () => {
        const worker = this.env.LOADER.get("counter", async () => code(COUNTER));
        return { class: worker.getDurableObjectClass("App") };
      });
      return app.fetch(request);
    }
  }
  const data = await directoryFor(t);
  for (const counts of [[1, 2], [3]]) {
    const runtime = await runtimeFor(t, data);
    const stub = runtime.namespace("AppRunner", AppRunner).getByName("my-app");
    for (const count of counts) {
      const answer = await (await stub.fetch("http://app/")).text();
      assert.equal(answer, `You've made ${count} requests.\n`);
    }
    await runtime.close();
  }
});

test("a guest class is the supervisor of another guest, with a loader in its env", async (t) => {
  const runtime = await runtimeFor(t);
  const supervisor = app(`
    fetch(request) {
      const app = this.ctx.facets.get("app", async () => ({
        class: this.env.LOADER.load({ mainModule: "a.js", modules: { "a.js": this.env.CODE } })
          .getDurableObjectClass("App"),
      }));
      return app.fetch(request);
    }`);
  const stub = guest(runtime, supervisor, { env: { LOADER: runtime.loader(), CODE: COUNTER } });
  await stub.fetch("http://app/");
  assert.equal(await (await stub.fetch("http://app/")).text(), "You've made 2 requests.\n");
});

test("values come back as they went", async (t) => {
  const runtime = await runtimeFor(t);
  const stub = guest(runtime, app("echo(value) { return value; }"));
  const values = [
    undefined,
    null,
    true,
    -0,
    NaN,
    2 ** 53,
    12345678901234567890n,
    "text \u{1F600}",
    new Uint8Array([0, 1, 255]),
    [1, [2, { three: 3 }]],
    { "": 1, __proto: 2 },
    new Map([[1, "one"], ["two", new Set([2])]]),
    new Date(1_700_000_000_000),
  ];
  for (const value of values) assert.deepEqual(await stub.echo(value), value);
});

test("env holds functions and objects of this process, and errors pass through as they are", async (t) => {
  const runtime = await runtimeFor(t);
  class Mailer extends RpcTarget {
    sent = [];
    send(to) {
      this.sent.push(to);
      return this.sent.length;
    }
  }
  const mailer = new Mailer();
  const boom = Object.assign(new RangeError("no"), { detail: 7 });
  const env = {
    mailer,
    async twice(n) {
      return 2 * n;
    },
    fail() {
      throw boom;
    },
  };
  const members = `
    async use() {
      return [await this.env.twice(21), await this.env.mailer.send("a"), await this.env.mailer.send("b")];
    }
    fail() { return this.env.fail(); }
    async caught() {
      try { await this.env.fail(); } catch (error) { return [error instanceof RangeError, error.message]; }
    }`;
  const stub = guest(runtime, app(members), { env });
  assert.deepEqual(await stub.use(), [42, 1, 2]);
  assert.deepEqual(mailer.sent, ["a", "b"]);
  await assert.rejects(stub.fail(), (thrown) => thrown === boom);
  assert.deepEqual(await stub.caught(), [true, "no"]);
});

test("errors of a guest have its name, message and stack", async (t) => {
  const runtime = await runtimeFor(t);
  const members = `
    fail() { return null.x; }
    named() { throw Object.assign(new Error("m"), { name: "Special" }); }
    value() { return new TypeError("as a value"); }`;
  const stub = guest(runtime, app(members));
  const error = await fails(stub.fail(), GuestError, { code: "GUEST_ERROR", name: "TypeError" });
  assert.match(error.guestStack, /main\.js:4/);
  assert.match(error.stack, /main\.js:4.*support\.mjs/s);
  await fails(stub.named(), GuestError, { name: "Special", message: "m" });
  const value = await stub.value();
  assert.ok(value instanceof TypeError);
  assert.equal(value.message, "as a value");
});

test("the cause of an error crosses, but not that of an exception of this process", async (t) => {
  const runtime = await runtimeFor(t);
  const env = {
    fail() {
      throw new Error("outer", { cause: new Error("not for guests") });
    },
  };
  const members = `
    wrapped() {
      try { null.x; } catch (cause) { throw new Error("outer", { cause }); }
    }
    plain() { throw new Error("outer", { cause: { code: 7, list: [1n] } }); }
    odd() { throw new Error("outer", { cause: () => 1 }); }
    echo(error) { return error; }
    read(error) { return [error.cause.message, error.cause.cause]; }
    async caught() {
      try { await this.env.fail(); } catch (error) { return [error.message, error.cause]; }
    }`;
  const stub = guest(runtime, app(members), { env });
  const wrapped = await fails(stub.wrapped(), GuestError, { message: "outer" });
  assert.ok(wrapped.cause instanceof TypeError);
  assert.match(wrapped.cause.message, /null/);
  assert.deepEqual((await fails(stub.plain(), GuestError)).cause, { code: 7, list: [1n] });
  await fails(stub.odd(), GuestError, { message: "outer" });

  const chain = new Error("a", { cause: new RangeError("b", { cause: "c" }) });
  assert.deepEqual(await stub.read(chain), ["b", "c"]);
  const back = await stub.echo(chain);
  assert.deepEqual([back.cause instanceof RangeError, back.cause.message, back.cause.cause], [true, "b", "c"]);
  const endless = new Error("endless");
  endless.cause = endless;
  assert.equal((await stub.echo(endless)).cause.cause.message, "endless");

  assert.deepEqual(await stub.caught(), ["outer", undefined]);
});

test("limits end an event, and code that doesn't load says where", async (t) => {
  const runtime = await runtimeFor(t);
  const members = `
    spin() { for (;;); }
    hoard() { const all = []; for (;;) all.push(new Uint8Array(1 << 20)); }
    ping() { return "pong"; }`;
  const limits = { cpuMs: 50, memoryBytes: 16 << 20 };
  const stub = guest(runtime, app(members), { limits });
  await fails(stub.spin(), LimitError, { code: "LIMIT_CPU" });
  assert.equal(await stub.ping(), "pong");
  await fails(stub.hoard(), LimitError, { code: "LIMIT_MEMORY" });
  assert.equal(await stub.ping(), "pong");
  await fails(guest(runtime, "export class App {").x(), LoadError, { message: /main\.js/ });
});

test("the network is closed unless somebody answers", async (t) => {
  const runtime = await runtimeFor(t);
  const source = app(`
    async get(url) {
      const response = await fetch(url, { headers: { "x-a": "1" } });
      return [response.status, await response.text()];
    }`);
  await fails(guest(runtime, source).get("http://example.com/"), Error, { message: /not permitted/ });
  const globalOutbound = (request) => {
    const text = `${request.method} ${request.url} ${request.headers.get("x-a")}`;
    return new Response(text, { status: 201 });
  };
  const open = guest(runtime, source, { globalOutbound });
  assert.deepEqual(await open.get("http://example.com/"), [201, "GET http://example.com/ 1"]);
});

test("the option engines leaves a language out", async (t) => {
  const luau = "return { App = DurableObject:extend('App') }";
  const only = await runtimeFor(t, null, { engines: ["luau"] });
  assert.throws(() => only.loader().load(code(COUNTER)), {
    code: "UNSUPPORTED",
    message: /'main\.js' is JavaScript.*engines/,
  });
  assert.ok(only.loader().load({ mainModule: "m.luau", modules: { "m.luau": luau } }));

  const other = await runtimeFor(t, null, { engines: ["javascript"] });
  const refused = { mainModule: "m.luau", modules: { "m.luau": luau } };
  assert.throws(() => other.loader().load(refused), UnsupportedError);
  await fails(runtimeFor(t, null, { engines: ["lua"] }), InvalidArgument, { message: /'lua'/ });
  await fails(runtimeFor(t, null, { engines: "luau" }), InvalidArgument, { message: /an array/ });
});

test("there are guides and types for authors of guests", () => {
  const guide = guestGuide("js", { LOADER: 1, greet: () => "hello" });
  assert.match(guide, /^# Writing a Facetbox app in JavaScript/);
  assert.match(guide, /await this\.env\.greet\(\.\.\.\)/);
  assert.ok(guestGuide("luau").length < guestGuide("luau", {}).length);
  assert.match(guestTypes("luau"), /DurableObject/);
  assert.match(guestTypes("js"), /declare module "cloudflare:workers"/);
  assert.throws(() => guestGuide("python"), { code: "INVALID_ARGUMENT", message: /"python"/ });
});
