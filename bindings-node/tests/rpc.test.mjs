// Functions and objects that a guest passes by reference, called by the host.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createRequire } from "node:module";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { AbortedError, ClosedError, DurableObject, GuestError, NotFoundError } from "facetbox";
import { fails, objectOf, run, runtimeFor } from "./support.mjs";

const require = createRequire(import.meta.url);

const GUEST = `
  import { DurableObject, RpcTarget } from "cloudflare:workers";
  class Counter extends RpcTarget {
    #count = 0;
    add(n) { return this.#count += n; }
  }
  export class App extends DurableObject {
    log = [];
    sum() { return (a, b) => a + b; }
    counter() { return new Counter(); }
    nested() { return { list: [(n) => n * 2], map: new Map([["f", () => "mapped"]]) }; }
    fail() { return () => { throw new RangeError("too far"); }; }
    ask() { return (f) => f("asked"); }
    record() { return (n) => { this.log.push(n); }; }
    recorded() { return this.log; }
    apply(f, ...args) { return f(...args); }
    watched() { const f = () => 1; this.ref = new WeakRef(f); return f; }
    alive() { return this.ref.deref() !== undefined; }
    async subscribe() { return [await this.env.subscribe((text) => text.toUpperCase()), "done"]; }
    stop() { this.ctx.abort("stopped"); }
  }
`;

/** A stub of a fresh object whose class is the guest's. */
function guest(runtime, env) {
  const code = { mainModule: "main.js", modules: { "main.js": GUEST }, env };
  return objectOf(runtime, runtime.loader().load(code).getDurableObjectClass("App"));
}

test("functions and objects that a guest returns are called", async (t) => {
  const stub = guest(await runtimeFor(t));
  const sum = await stub.sum();
  assert.equal(typeof sum, "function");
  assert.equal(await sum(20, 22), 42);
  const counter = await stub.counter();
  assert.deepEqual([await counter.add(1), await counter.add(2)], [1, 3]);
  const { list, map } = await stub.nested();
  assert.deepEqual([await list[0](21), await map.get("f")()], [42, "mapped"]);
  assert.equal(await (await stub.ask())(async (text) => `${text} and answered`), "asked and answered");
  assert.equal(await stub.apply(sum, 1, 2), 3);

  await fails((await stub.fail())(), GuestError, { name: "RangeError", message: "too far" });
  await fails(counter.fly(), NotFoundError, { message: /fly/ });
  await fails(sum(Symbol("s")), Error, { code: "VALUE_ERROR" });
});

test("a callback is called while its guest waits, and later, until the guest is reset", async (t) => {
  let kept;
  class Supervisor extends DurableObject {
    app() {
      return this.ctx.facets.get("app", () => {
        const env = { subscribe: (callback) => (kept = callback)("at once") };
        const worker = this.env.LOADER.load({ mainModule: "main.js", modules: { "main.js": GUEST }, env });
        return { class: worker.getDurableObjectClass("App") };
      });
    }
    go() {
      return this.app().subscribe();
    }
    stop() {
      this.ctx.facets.abort("app", "stopped");
    }
  }
  const stub = objectOf(await runtimeFor(t), Supervisor);
  assert.deepEqual(await stub.go(), ["AT ONCE", "done"]);
  assert.equal(await kept("later"), "LATER");
  await stub.stop();
  await fails(kept("after"), AbortedError);
});

test("calls of one function arrive in their order", async (t) => {
  const stub = guest(await runtimeFor(t));
  const record = await stub.record();
  await Promise.all(Array.from({ length: 200 }, (_, n) => record(n)));
  assert.deepEqual(await stub.recorded(), Array.from({ length: 200 }, (_, n) => n));
});

test("the guest keeps a function until it is disposed of or collected", async (t) => {
  const stub = guest(await runtimeFor(t));
  const disposed = await stub.watched();
  assert.equal(await stub.alive(), true);
  disposed[Symbol.dispose]();
  disposed[Symbol.dispose]();
  assert.equal(await stub.alive(), false);
  await fails(disposed(), ClosedError, { message: "RPC stub used after being disposed." });
  await fails(stub.apply(disposed), ClosedError, { message: "RPC stub used after being disposed." });

  const script = `
    const { open } = require("facetbox");
    (async () => {
      const runtime = await open();
      const code = { mainModule: "main.js", modules: { "main.js": ${JSON.stringify(GUEST)} } };
      const app = runtime.namespace("App", runtime.loader().load(code).getDurableObjectClass("App")).getByName("a");
      await app.watched();
      for (let i = 0; i < 1000 && (await app.alive()); i++) {
        global.gc();
        await new Promise((resolve) => setImmediate(resolve));
      }
      console.log(await app.alive());
      await runtime.close();
    })();
  `;
  assert.deepEqual(await run("--expose-gc", "--eval", script), { code: 0, signal: null, output: "false\n" });
});

test("an object that is no function, and closing", async (t) => {
  const runtime = await runtimeFor(t);
  const stub = guest(runtime);
  const [sum, counter] = [await stub.sum(), await stub.counter()];
  assert.throws(() => counter(), TypeError);
  assert.equal(await Promise.resolve(counter), counter);
  await fails(stub.apply(counter), GuestError);
  await runtime.close();
  await fails(sum(1, 2), ClosedError);
  await fails(counter.add(1), ClosedError);
});

test("a worker thread calls a function of its guest, and ends with it open", async () => {
  const worker = new Worker(
    `
    const { parentPort } = require("node:worker_threads");
    const { open } = require(${JSON.stringify(require.resolve("facetbox"))});
    (async () => {
      const runtime = await open();
      const code = { mainModule: "main.js", modules: { "main.js": ${JSON.stringify(GUEST)} } };
      const app = runtime.namespace("App", runtime.loader().load(code).getDurableObjectClass("App")).getByName("a");
      parentPort.postMessage(await (await app.sum())(1, 2));
    })();
    `,
    { eval: true },
  );
  const [[answer], [code]] = await Promise.all([once(worker, "message"), once(worker, "exit")]);
  assert.deepEqual([answer, code], [3, 0]);
});
