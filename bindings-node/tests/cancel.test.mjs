import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { DurableObject, InvalidArgument, Stub } from "facetbox";
import { app, fails, guest, objectOf, runModule, runtimeFor } from "./support.mjs";

/** A class of whose methods each waits until it is let go. */
class Waiter extends DurableObject {
  static seen = [];

  wait() {
    return new Promise((resolve) => Waiter.seen.push(resolve));
  }

  async fetch(request) {
    await new Promise((resolve) => {
      Waiter.seen.push(resolve);
      request.signal.addEventListener("abort", () => Waiter.seen.push("aborted"));
    });
    return new Response("late");
  }

  ping() {
    return "pong";
  }
}

/** Waits until `count` things were seen. */
async function seen(count) {
  while (Waiter.seen.length < count) await new Promise(setImmediate);
  return Waiter.seen.splice(0);
}

test("a call that is canceled rejects with the reason, and the object goes on", async (t) => {
  const runtime = await runtimeFor(t);
  const stub = objectOf(runtime, Waiter);
  const controller = new AbortController();
  const waiting = Stub.with(stub, { signal: controller.signal }).wait();
  const [letGo] = await seen(1);
  const reason = new Error("I have changed my mind.");
  controller.abort(reason);
  await assert.rejects(waiting, (thrown) => thrown === reason);
  letGo("nobody hears this");
  assert.equal(await stub.ping(), "pong");
});

test("a signal that was aborted before cancels at once, and nothing is called", async (t) => {
  const runtime = await runtimeFor(t);
  const stub = objectOf(runtime, Waiter);
  const signal = AbortSignal.abort();
  await fails(Stub.with(stub, { signal }).wait(), DOMException, { name: "AbortError" });
  await fails(stub.fetch("http://app/", { signal }), DOMException, { name: "AbortError" });
  assert.equal(await stub.ping(), "pong");
  assert.equal(Waiter.seen.length, 0);
});

test("a request is canceled through a supervisor: its signal tells the handler", async (t) => {
  const runtime = await runtimeFor(t);
  class Forward extends DurableObject {
    fetch(request) {
      return this.ctx.facets.get("app", () => ({ class: Waiter })).fetch(request);
    }
  }
  const stub = objectOf(runtime, Forward);
  const controller = new AbortController();
  const answer = stub.fetch(new Request("http://app/", { signal: controller.signal }));
  const [letGo] = await seen(1);
  controller.abort();
  await fails(answer, DOMException, { name: "AbortError" });
  assert.deepEqual(await seen(1), ["aborted"]);
  letGo();
});

test("a guest that waits is canceled, and what it wrote before stays", async (t) => {
  const runtime = await runtimeFor(t);
  let calls = 0;
  const called = new EventTarget();
  const env = {
    never() {
      calls++;
      called.dispatchEvent(new Event("call"));
      return new Promise(() => {});
    },
  };
  const source = app(`
    function App:stuck()
      self.ctx.storage.kv:put("before", 1)
      self.env.never()
      self.ctx.storage.kv:put("after", 2)
    end
    function App:get(key) return self.ctx.storage.kv:get(key) end`);
  const worker = runtime.loader().load({ mainModule: "m.luau", modules: { "m.luau": source }, env });
  const stub = objectOf(runtime, worker.getDurableObjectClass("App"));
  const controller = new AbortController();
  const stuck = Stub.with(stub, { signal: controller.signal }).stuck();
  await once(called, "call");
  controller.abort();
  await fails(stuck, DOMException);
  assert.equal(await stub.get("before"), 1);
  assert.equal(await stub.get("after"), null);
  assert.equal(calls, 1);
});

test("a time-out cancels, and a call that ends in time is not affected", async (t) => {
  const runtime = await runtimeFor(t);
  const stub = guest(runtime, app("function App:id(x) return x end"));
  const object = objectOf(runtime, Waiter);
  const patient = Stub.with(object, { signal: AbortSignal.timeout(60_000) });
  assert.equal(await patient.ping(), "pong");
  const hasty = Stub.with(object, { signal: AbortSignal.timeout(20) });
  await fails(hasty.wait(), DOMException, { name: "TimeoutError" });
  assert.equal(await stub.id(7), 7);
  await seen(1);
});

test("a process ends when its only call was canceled", async () => {
  const { code, output } = await runModule(`
    import { DurableObject, Stub, open } from "facetbox";
    class Never extends DurableObject {
      wait() { return new Promise(() => {}); }
    }
    const runtime = await open();
    const stub = runtime.namespace("Never", Never).getByName("a");
    const signal = AbortSignal.timeout(30);
    await Stub.with(stub, { signal }).wait().catch((thrown) => console.log(thrown.name));
  `);
  assert.deepEqual({ code, output }, { code: 0, output: "TimeoutError\n" });
});

test("with() wants a stub and a signal", async (t) => {
  const runtime = await runtimeFor(t);
  const stub = objectOf(runtime, Waiter);
  const { signal } = new AbortController();
  const refused = (call, message) =>
    assert.throws(call, (thrown) => thrown instanceof InvalidArgument && message.test(thrown.message));
  refused(() => Stub.with({}, { signal }), /A stub is needed/);
  refused(() => Stub.with(stub, {}), /signal must be an AbortSignal/);
  refused(() => Stub.with(stub, { timeout: 1 }), /Unknown option 'timeout'/);
});
