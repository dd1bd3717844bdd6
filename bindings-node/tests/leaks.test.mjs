import assert from "node:assert/strict";
import { test } from "node:test";
import { run, runModule } from "./support.mjs";

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

/** What guests were given, kept or refused, and what the end of its runtime leaves of it. */
const GIVEN = `
  import { DurableObject, RpcTarget, open } from "facetbox";
  import references from "./lib/references.js";

  const GUESTS = {
    "m.js": \`
      import { DurableObject } from "cloudflare:workers";
      export class App extends DurableObject {
        kept = [];
        keep(target) { this.kept.push(target); return target.hello(); }
        never(target) { this.kept.push(target); return target.never(); }
        async caught(fail) { this.kept.push(await fail().catch((thrown) => thrown)); }
        closed() { return () => 1; }
        use() {}
      }\`,
    "m.luau": \`
      local App = DurableObject:extend("App")
      local kept = {}
      function App:keep(target) table.insert(kept, target) return target:hello() end
      function App:never(target) table.insert(kept, target) return target:never() end
      function App:caught(fail) local _, e = pcall(fail) table.insert(kept, e) end
      return { App = App }\`,
  };

  let freed = 0;
  const registry = new FinalizationRegistry(() => freed++);
  class Target extends RpcTarget {
    constructor() { super(); registry.register(this); }
    hello() { return "hello"; }
    never() { return new Promise(() => {}); }
  }
  class Failure extends Error {
    constructor() { super("fails"); registry.register(this); }
  }
  const collect = async () => {
    global.gc();
    await new Promise(setImmediate);
  };
  const outcome = [];

  async function round(mainModule) {
    const runtime = await open();
    const code = { mainModule, modules: GUESTS, env: { TARGET: new Target() } };
    const app = runtime.namespace("App", runtime.loader().load(code).getDurableObjectClass("App")).getByName("a");
    for (let n = 0; n < 10; n++) await app.keep(new Target());
    for (let n = 0; n < 10; n++) await app.caught(() => { throw new Failure(); });
    const waiting = app.never(new Target()).catch(({ code }) => outcome.push(code));
    await app.keep(new Target());
    await runtime.close();
    await waiting;
  }

  async function refused() {
    const runtime = await open();
    const code = { mainModule: "m.js", modules: GUESTS };
    const app = runtime.namespace("App", runtime.loader().load(code).getDurableObjectClass("App")).getByName("a");
    const closed = await app.closed();
    closed[Symbol.dispose]();
    for (let n = 0; n < 10; n++) await app.use(new Target(), closed, new Target()).catch(({ code }) => outcome.push(code));
    await runtime.close();
  }

  const before = references.count();
  for (const mainModule of Object.keys(GUESTS)) await round(mainModule);
  await refused();
  const made = 2 * 23 + 20;
  for (let turn = 0; turn < 1000 && (freed < made || references.count() > before); turn++) await collect();
  console.log(JSON.stringify({ left: made - freed, references: references.count() - before, outcome: [...new Set(outcome)] }));
`;

test("what guests were given is free once its runtime has closed", async () => {
  const { code, output } = await run("--expose-gc", "--input-type=module", "--eval", GIVEN);
  assert.equal(code, 0, output);
  assert.deepEqual(JSON.parse(output), { left: 0, references: 0, outcome: ["CLOSED"] });
});

/** Code of the host from which stubs, loaders and code lead back to itself. */
const CIRCLES = `
  import { DurableObject, RpcTarget, open } from "facetbox";
  import references from "./lib/references.js";

  const GUEST = \`
    local App = DurableObject:extend("App")
    function App:use() return self.env.tool() and self.ctx.props.tool() and self.env.TOOLS:tool() end
    return { App = App }\`;

  let freed = 0;
  const registry = new FinalizationRegistry(() => freed++);

  async function round() {
    const own = {};
    registry.register(own);
    const runtime = await open(null, { onTail: () => own.runtime });
    class Tools extends RpcTarget {
      tool() { return own.stub !== undefined; }
    }
    class Supervisor extends DurableObject {
      app = this.ctx.facets.get("app", () => {
        const worker = this.env.LOADER.get("app", () => this.code());
        return { class: worker.getDurableObjectClass("App", { props: { tool: () => this.tool() } }) };
      });
      again = this.ctx.facets.get("app", () => ({ class: this.never }));
      tool() { return own.stub !== undefined; }
      use() { return this.app.use(); }
      code() {
        const env = { tool: () => this.tool(), TOOLS: new Tools() };
        const globalOutbound = () => new Response(this.tool());
        return { mainModule: "m.luau", modules: { "m.luau": GUEST }, env, globalOutbound, tails: [() => this] };
      }
      async both() { return (await this.use()) && (await this.again.use()); }
    }
    own.stub = runtime.namespace("Supervisor", Supervisor).getByName("a");
    own.runtime = runtime;
    const answer = await own.stub.both();
    await runtime.close();
    return answer;
  }

  const before = references.count();
  const answers = [await round(), await round()];
  for (let turn = 0; turn < 1000 && (freed < 2 || references.count() > before); turn++) {
    global.gc();
    await new Promise(setImmediate);
  }
  console.log(JSON.stringify({ answers, freed, references: references.count() - before }));
`;

test("a class from which stubs lead back to itself is free once its runtime has closed", async () => {
  const { code, output } = await run("--expose-gc", "--input-type=module", "--eval", CIRCLES);
  assert.equal(code, 0, output);
  assert.deepEqual(JSON.parse(output), { answers: [true, true], freed: 2, references: 0 });
});
