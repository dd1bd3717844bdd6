import assert from "node:assert/strict";
import { test } from "node:test";
import { runModule } from "./support.mjs";

/** Calls of every kind, again and again; prints how much memory the second half has taken. */
const PROGRAM = `
  import { setFlagsFromString } from "node:v8";
  import { runInNewContext } from "node:vm";
  import { DurableObject, RpcTarget, Stub, open } from "facetbox";
  import references from "./lib/references.js";

  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc");

  const GUEST = \`
    local App = DurableObject:extend("App")
    function App:use(f, value) return f(value) end
    function App:fail() error("no") end
    return { App = App }\`;

  class Supervisor extends DurableObject {
    use(f, value) { return this.app().use(f, value); }
    fail() { return this.app().fail(); }
    fetch(request) { return new Response(request.body); }
    app() {
      return this.ctx.facets.get("app", () => {
        const code = { mainModule: "m.luau", modules: { "m.luau": GUEST } };
        return { class: this.env.LOADER.get("app", () => code).getDurableObjectClass("App") };
      });
    }
  }

  const runtime = await open(null, { onTail() {} });
  const objects = runtime.namespace("Supervisor", Supervisor);
  const never = new AbortController();

  async function one(n) {
    const stub = objects.getByName("object");
    await stub.use((value) => value, { n, bytes: new Uint8Array(64) });
    if (n % 10 === 0) {
      await stub.fail().catch(() => {});
      await stub.fetch("http://app/", { method: "POST", body: "x", signal: never.signal });
      await Stub.with(stub, { signal: AbortSignal.abort() }).fail().catch(() => {});
    }
  }

  async function measure() {
    for (let turn = 0; turn < 5; turn++) {
      collect();
      await new Promise(setImmediate);
    }
    return process.memoryUsage.rss();
  }

  const half = Number(process.argv[1]) / 2;
  const run = async (count) => {
    for (let n = 0; n < count; n += 50) {
      await Promise.all(Array.from({ length: 50 }, (_, i) => one(n + i)));
    }
  };
  await run(half);
  const before = await measure();
  await run(half);
  const after = await measure();
  await runtime.close();
  await measure(); // what is released now
  console.log(JSON.stringify({ grown: after - before, kept: references.count() }));
`;

test("100,000 calls leave nothing behind", async () => {
  const { code, output } = await runModule(PROGRAM, "100000");
  assert.equal(code, 0, output);
  const { grown, kept } = JSON.parse(output);
  // While it runs a guest holds functions until its own collector comes by.
  assert.ok(kept < 100, `${kept} references are kept after the end of the runtime`);
  // About 500 bytes for each call of the second half: what allocators keep differs by half of that, and a
  // call that left its message or a promise behind would take more.
  assert.ok(grown < 24 << 20, `${grown} bytes more after the second half`);
});
