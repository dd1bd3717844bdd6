// Manual clocks, the runtimes that are opened with them, and bookmarks.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ClosedError, DurableObject, InvalidArgument, ManualClock, open } from "facetbox";
import { MINUTE, START, Silent, manual } from "./alarm-support.mjs";
import { app, directoryFor, fails, objectOf } from "./support.mjs";

test("a clock stands until it is moved", () => {
  const clock = new ManualClock(1000);
  assert.equal(clock.nowMs, 1000);
  clock.advance(0);
  clock.advance(61_255);
  assert.equal(clock.nowMs, 62_255);
  clock.set(5);
  assert.equal(clock.nowMs, 5);
  for (const ms of [-1, 0.5, NaN, Infinity, "1", null, undefined, new Date(), Symbol("ms")]) {
    assert.throws(() => clock.advance(ms), InvalidArgument);
    assert.throws(() => clock.set(ms), InvalidArgument);
    assert.throws(() => new ManualClock(ms), InvalidArgument);
  }
});

test("guests are told the time of the clock", async (t) => {
  const { clock, runtime } = await manual(t);
  const source = app("function App:now() return Date.now() end");
  const worker = runtime.loader().load({ mainModule: "m.luau", modules: { "m.luau": source } });
  const stub = objectOf(runtime, worker.getDurableObjectClass("App"));
  assert.equal(await stub.now(), START);
  clock.advance(MINUTE);
  assert.equal(await stub.now(), START + MINUTE);
});

test("wrong options are refused", async () => {
  const message = /'automatic' or 'manual', got "never"/;
  await fails(open(null, { alarms: "never" }), InvalidArgument, { message });
  for (const options of [{ alarms: 1 }, { clock: { nowMs: 1 } }, { clock: null }]) {
    await fails(open(null, options), InvalidArgument);
  }
  for (const name of ["idleMs", "maxWarm"]) {
    for (const value of [-1, 1.5, 2 ** 31, "1", null]) {
      await fails(open(null, { [name]: value }), InvalidArgument, { message: new RegExp(name) });
    }
  }
  await fails(open(null, { threads: 0 }), InvalidArgument, { message: /threads/ });
});

test("a runtime that is closed fires nothing, and ends a handler that is pending", async (t) => {
  const data = await directoryFor(t);
  const { runtime } = await manual(t, data);
  let reached;
  const running = new Promise((resolve) => (reached = resolve));
  class Stuck extends Silent {
    alarm() {
      reached();
      return new Promise(() => {});
    }
  }
  await runtime.namespace("A", Stuck).getByName("it").set(START);
  const fired = fails(runtime.runDueAlarms(), ClosedError);
  await running;
  await runtime.close();
  await fired;
  await fails(runtime.runDueAlarms(), ClosedError);
  await (await open(data)).close();
});

test("bookmarks sort in the order in which they are given, restarts included", async (t) => {
  class Marked extends DurableObject {
    async marks() {
      const { storage } = this.ctx;
      return [await storage.getCurrentBookmark(), await storage.getCurrentBookmark()];
    }
  }
  const data = await directoryFor(t);
  const marks = [];
  for (let n = 0; n < 2; n++) {
    const runtime = await open(data);
    marks.push(...(await runtime.namespace("A", Marked).getByName("it").marks()));
    await runtime.close();
  }
  assert.equal(new Set(marks).size, 4);
  assert.deepEqual(marks, [...marks].sort());
});
