// Nothing leaves an object before what it has written is durable, and its calls are known to belong together.

import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { test } from "node:test";
import { AbortedError, DurableObject, LimitError } from "facetbox";
import { app, directoryFor, fails, runModule, runtimeFor } from "./support.mjs";

/** What an operator sees of an object: its committed keys. */
async function committed(objects, name = "a") {
  const id = objects.idFromName(name);
  if (!(await objects.exists(id))) return [];
  return (await objects.query(id, "SELECT key FROM _fb_kv ORDER BY key")).rows.flat();
}

/** An object that answers what is committed of the object that calls it. */
function witness(runtime) {
  class Witness extends DurableObject {
    look() {
      return committed(runtime.getNamespace("Caller"));
    }
    async fetch() {
      return Response.json(await this.look());
    }
  }
  return runtime.namespace("Witness", Witness).getByName("w");
}

test("what was written before a call or a request is committed when it arrives", async (t) => {
  const runtime = await runtimeFor(t);
  const stub = witness(runtime);
  class Caller extends DurableObject {
    async call() {
      this.ctx.storage.kv.put("one", 1);
      const seen = [await stub.look()];
      this.ctx.storage.kv.put("two", 2);
      seen.push(await (await stub.fetch("http://witness/")).json());
      return seen;
    }
  }
  const seen = await runtime.namespace("Caller", Caller).getByName("a").call();
  assert.deepEqual(seen, [["one"], ["one", "two"]]);
});

test("code that outlives its event is held to that, too", async (t) => {
  const runtime = await runtimeFor(t);
  const stub = witness(runtime);
  let later;
  class Caller extends DurableObject {
    go() {
      later = (async () => {
        await turn();
        await turn();
        this.ctx.storage.kv.put("late", 1);
        return stub.look();
      })();
      this.ctx.waitUntil(later);
    }
  }
  await runtime.namespace("Caller", Caller).getByName("a").go();
  assert.deepEqual(await later, ["late"]);
});

test("what a function of the host writes is committed before the guest gets its answer", async (t) => {
  const runtime = await runtimeFor(t);
  const stub = witness(runtime);
  class Caller extends DurableObject {
    async call() {
      const note = () => void this.ctx.storage.kv.put("noted", 1);
      const code = app(`function App:go() self.env.note() return self.env.witness:look() end`);
      const facet = this.ctx.facets.get("app", () => {
        const worker = this.env.LOADER.load({
          mainModule: "main.luau",
          modules: { "main.luau": code },
          env: { note, witness: stub },
        });
        return { class: worker.getDurableObjectClass("App") };
      });
      return facet.go();
    }
  }
  assert.deepEqual(await runtime.namespace("Caller", Caller).getByName("a").call(), ["noted"]);
});

test("a process that is killed by what it has told has kept what it wrote before", async (t) => {
  const data = await directoryFor(t);
  const program = `
    import { DurableObject, open } from "facetbox";
    class Killer extends DurableObject {
      kill() { process.kill(process.pid, "SIGKILL"); }
    }
    class Caller extends DurableObject {
      async go() {
        this.ctx.storage.kv.put("written", 1);
        await runtime.getNamespace("Killer").getByName("k").kill();
      }
    }
    const runtime = await open(${JSON.stringify(data)});
    runtime.namespace("Killer", Killer);
    await runtime.namespace("Caller", Caller).getByName("a").go();`;
  assert.equal((await runModule(program)).signal, "SIGKILL");
  const runtime = await runtimeFor(t, data);
  class Caller extends DurableObject {}
  assert.deepEqual(await committed(runtime.namespace("Caller", Caller)), ["written"]);
});

test("an abort discards what its own turn of the loop has written, and nothing of earlier ones", async (t) => {
  const runtime = await runtimeFor(t);
  class Caller extends DurableObject {
    async abort() {
      this.ctx.storage.kv.put("earlier", 1);
      await turn();
      this.ctx.storage.kv.put("own", 1);
      this.ctx.abort("enough");
    }
  }
  const objects = runtime.namespace("Caller", Caller);
  await fails(objects.getByName("a").abort(), AbortedError, { message: "enough" });
  assert.deepEqual(await committed(objects), ["earlier"]);
});

test("a call that comes back enters the section that waits for it", async (t) => {
  const runtime = await runtimeFor(t);
  class Through extends DurableObject {
    back() {
      return runtime.getNamespace("Own").getByName("a").answer();
    }
  }
  class Own extends DurableObject {
    block() {
      return this.ctx.blockConcurrencyWhile(() => through.back());
    }
    transact() {
      return this.ctx.storage.transaction(() => through.back());
    }
    answer() {
      return "from within";
    }
  }
  const through = runtime.namespace("Through", Through).getByName("t");
  const own = runtime.namespace("Own", Own).getByName("a");
  assert.equal(await own.block(), "from within");
  assert.equal(await own.transact(), "from within");
});

test("an alarm that is fired from within a section enters it", async (t) => {
  const runtime = await runtimeFor(t, null, { alarms: "manual" });
  class Own extends DurableObject {
    set() {
      return this.ctx.storage.setAlarm(1);
    }
    fire() {
      return this.ctx.blockConcurrencyWhile(() => runtime.runDueAlarms());
    }
    alarm() {}
  }
  const own = runtime.namespace("Own", Own).getByName("a");
  await own.set();
  assert.equal(await own.fire(), 1);
});

test("sections have the limits of the core: how deep, and how long", async (t) => {
  const runtime = await runtimeFor(t);
  class Deep extends DurableObject {
    nest(depth) {
      return depth === 0 ? "bottom" : this.ctx.blockConcurrencyWhile(() => this.nest(depth - 1));
    }
    hang() {
      return this.ctx.blockConcurrencyWhile(() => new Promise(() => {}));
    }
  }
  const objects = runtime.namespace("Deep", Deep);
  assert.equal(await objects.getByName("a").nest(64), "bottom");
  const stub = objects.getByName("b");
  await fails(stub.nest(65), LimitError, { code: "LIMIT_DEPTH", message: /nested too deeply/ });
  const short = await runtimeFor(t, null, { limits: { blockMs: 50 } });
  const impatient = short.namespace("Deep", Deep);
  const hung = impatient.getByName("c");
  await fails(hung.hang(), LimitError, { code: "LIMIT_WALL", message: /waited for too long/ });
  await fails(hung.nest(0), LimitError, { code: "LIMIT_WALL" });
  assert.equal(await impatient.getByName("c").nest(0), "bottom");
});

test("a chain of calls through classes of Node ends at the depth limit", async (t) => {
  const runtime = await runtimeFor(t);
  class Chain extends DurableObject {
    again() {
      return runtime.getNamespace("Chain").getByName("a").again();
    }
  }
  const stub = runtime.namespace("Chain", Chain).getByName("a");
  await fails(stub.again(), LimitError, { code: "LIMIT_DEPTH", message: /100/ });
});
