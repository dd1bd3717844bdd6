import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { DurableObject } from "facetbox";
import { app, directoryFor, run, runtimeFor } from "./support.mjs";

const PLATFORM = fileURLToPath(new URL("../../examples/node/platform.mjs", import.meta.url));

test("the example platform counts on after a restart, and its app can't break out", async (t) => {
  const data = await directoryFor(t);
  const first = await run(PLATFORM, data, "first");
  assert.equal(first.code, 0, first.output);
  const counted = [1, 2, 3].map((n) => `You've made ${n} requests.\n`).join("");
  assert.equal(first.output, counted);

  const second = await run(PLATFORM, data, "second");
  assert.equal(second.code, 0, second.output);
  assert.match(second.output, /^You've made 4 requests\.\n/);
  assert.match(second.output, /\nRESULT host=Node requests=4 hidden=yes closed=yes\n$/);
});

test("what an object has stored is there after the runtime was closed and opened", async (t) => {
  const data = await directoryFor(t);
  class Counter extends DurableObject {
    increment() {
      const count = (this.ctx.storage.kv.get("count") ?? 0) + 1;
      this.ctx.storage.kv.put("count", count);
      return count;
    }
  }
  for (const expected of [1, 2, 3]) {
    const runtime = await runtimeFor(t, data);
    const counter = runtime.namespace("Counter", Counter).getByName("a");
    assert.equal(await counter.increment(), expected);
    await runtime.close();
  }
});

test("guest code serves as a namespace's class", async (t) => {
  const runtime = await runtimeFor(t);
  const source = app(`
    function App:who() return self.ctx.id.name end
    function App:nested(name)
      local code = { mainModule = "inner.luau", modules = { ["inner.luau"] = self.env.INNER } }
      local facet = self.ctx.facets:get(name, function()
        return { class = self.env.LOADER:load(code):getDurableObjectClass("App") }
      end)
      return facet:hello()
    end
  `);
  const worker = runtime.loader().load({
    mainModule: "main.luau",
    modules: { "main.luau": source },
    env: { LOADER: runtime.loader(), INNER: app(`function App:hello() return "inner" end`) },
  });
  const objects = runtime.namespace("Guest", worker.getDurableObjectClass("App"));
  assert.equal(await objects.getByName("bob").who(), "bob");
  assert.equal(await objects.getByName("bob").nested("facet"), "inner");
});
