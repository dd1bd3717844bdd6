import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { DurableObject, InvalidArgument, Stub, open } from "facetbox";
import { app, fails, guest, objectOf, runModule, runtimeFor } from "./support.mjs";

const LOUD = app(`
  function App:add(a, b)
    print("adding", a, b)
    console.warn("careful")
    return a + b
  end
  function App:fail() error({ name = "RangeError", message = "no" }) end
  function App:spin() while true do end end`);

/** A runtime that collects its tail events. */
async function tailed(t, options) {
  const events = [];
  const runtime = await runtimeFor(t, null, { onTail: (event) => void events.push(event), ...options });
  return { runtime, events };
}

test("a receiver gets an event for everything that ran, with logs and errors", async (t) => {
  const { runtime, events } = await tailed(t);
  const stub = guest(runtime, LOUD, { limits: { cpuMs: 30 } });
  assert.equal(await stub.add(1, 2), 3);
  await assert.rejects(stub.fail());
  await assert.rejects(stub.spin());
  await runtime.close();

  const ofFacet = events.filter(({ facets }) => facets.length > 0);
  const told = ofFacet.map(({ event, outcome }) => [event.rpcMethod, outcome]);
  assert.deepEqual(told, [["add", "ok"], ["fail", "exception"], ["spin", "exceededCpu"]]);
  const [added, failed, spun] = ofFacet;
  assert.deepEqual(added.logs.map(({ level, message }) => [level, ...message]), [
    ["log", "adding 1 2"],
    ["warn", "careful"],
  ]);
  assert.deepEqual([added.objectName, added.facets, added.entrypoint], ["object", ["app"], "App"]);
  assert.equal(failed.exceptions.at(-1).name, "RangeError");
  assert.ok(spun.cpuTime >= 20, `${spun.cpuTime} ms`);
  const supervisor = events.filter(({ facets }) => facets.length === 0);
  assert.deepEqual(supervisor.map(({ outcome }) => outcome), ["ok", "exception", "exception"]);
  assert.ok(supervisor.every(({ durableObjectId }) => /^[0-9a-f]{64}$/.test(durableObjectId)));
});

test("requests, alarms and canceled calls have their own shapes", async (t) => {
  class Site extends DurableObject {
    async fetch(request) {
      await this.ctx.storage.setAlarm(1);
      return new Response("made", { status: 201, headers: { "x-url": request.url } });
    }
    alarm() {}
    wait() {
      return new Promise(() => {});
    }
  }
  const { runtime, events } = await tailed(t, { alarms: "manual" });
  const stub = objectOf(runtime, Site);
  await stub.fetch("http://app/x", { method: "POST", body: "b" });
  assert.equal(await runtime.runDueAlarms(), 1);
  const controller = new AbortController();
  const waiting = Stub.with(stub, { signal: controller.signal }).wait();
  setImmediate(() => controller.abort());
  await fails(waiting, DOMException);
  await runtime.close();
  const [request, alarm, canceled] = events;
  assert.deepEqual(request.event, {
    request: { method: "POST", url: "http://app/x" },
    response: { status: 201 },
  });
  assert.deepEqual([alarm.eventType, alarm.event.retryCount], ["alarm", 0]);
  assert.ok(alarm.event.scheduledTime instanceof Date);
  assert.deepEqual([canceled.event.rpcMethod, canceled.outcome], ["wait", "canceled"]);
});

test("a receiver that is too slow delays nobody, and is told how much it has missed", async (t) => {
  const events = [];
  let letGo;
  const gate = new Promise((resolve) => (letGo = resolve));
  const onTail = (event) => {
    events.push(event);
    return gate;
  };
  const runtime = await runtimeFor(t, null, { onTail });
  class Plain extends DurableObject {
    ping() {}
  }
  const stub = objectOf(runtime, Plain);
  const calls = 3_000;
  await Promise.all(Array.from({ length: calls }, () => stub.ping()));
  assert.equal(events.length, 1, "the second one waits for the promise");
  letGo();
  const drained = () => events.length > 1_024;
  while (!drained()) await new Promise(setImmediate);
  await stub.ping();
  await runtime.close();
  const missed = events.reduce((sum, { dropped }) => sum + dropped, 0);
  assert.ok(missed > 0);
  assert.equal(events.length + missed, calls + 1);
});

test("loaded code has tails of its own", async (t) => {
  const runtime = await runtimeFor(t);
  const batches = [];
  const told = new EventTarget();
  class Listener extends DurableObject {
    tail(events) {
      batches.push(events);
      told.dispatchEvent(new Event("tail"));
    }
  }
  const lists = [];
  const tails = [objectOf(runtime, Listener), (events) => void lists.push(events)];
  const code = { mainModule: "m.luau", modules: { "m.luau": LOUD }, tails };
  const worker = runtime.loader().load(code);
  // Delivery of tail events doesn't keep a process alive.
  const alive = setInterval(() => {}, 1_000);
  t.after(() => clearInterval(alive));
  const heard = once(told, "tail");
  assert.equal(await objectOf(runtime, worker.getDurableObjectClass("App")).add(1, 1), 2);
  await heard;
  assert.deepEqual(batches[0].map(({ event }) => event.rpcMethod), ["add"]);
  await runtime.close();
  assert.deepEqual(lists.flat().map(({ outcome }) => outcome), ["ok"]);
});

test("a receiver that fails is warned of, and gets the next event", async () => {
  const { code, output } = await runModule(`
    import { DurableObject, open } from "facetbox";
    class Plain extends DurableObject { ping() {} }
    let count = 0;
    const onTail = () => { count++; throw new Error("broken receiver"); };
    const runtime = await open(null, { onTail });
    const stub = runtime.namespace("Plain", Plain).getByName("a");
    await stub.ping();
    await stub.ping();
    await runtime.close();
    console.log(count);
  `);
  assert.equal(code, 0);
  assert.match(output, /broken receiver/);
  assert.match(output, /^2$/m);
});

test("a process with a receiver ends by itself, in the middle of an event, too", async () => {
  const program = (rest) => runModule(`
    import { DurableObject, open } from "facetbox";
    class Plain extends DurableObject { ping() {} }
    const runtime = await open(null, { onTail: () => new Promise(() => {}) });
    await runtime.namespace("Plain", Plain).getByName("a").ping();
    ${rest}`);
  assert.deepEqual(await program(""), { code: 0, signal: null, output: "" });
  assert.deepEqual(await program("process.exit(3)"), { code: 3, signal: null, output: "" });
});

test("a receiver must be a function", async () => {
  await fails(open(null, { onTail: 1 }), InvalidArgument, { message: /onTail must be a function/ });
});

test("calls of bindings are counted in tail events and metrics", async (t) => {
  const { runtime, events } = await tailed(t);
  const stub = guest(runtime, app(`
    function App:ask(times)
      for _ = 1, times do self.env.AI() end
      return self.env.tools.search("x")
    end`), { env: { AI: () => 1, tools: { search: (text) => text }, unused: () => 0 } });
  assert.equal(await stub.ask(2), "x");
  assert.equal(await stub.ask(3), "x");
  const { bindings } = runtime.metrics();
  await runtime.close();
  const told = events.filter(({ facets }) => facets.length > 0).map((event) => event.bindings);
  assert.deepEqual(told, [{ AI: 2, "tools.search": 1 }, { AI: 3, "tools.search": 1 }]);
  const calls = Object.fromEntries(bindings.map(({ name, calls }) => [name, calls]));
  assert.deepEqual([calls.AI, calls["tools.search"], calls.unused], [5, 2, undefined]);
});
