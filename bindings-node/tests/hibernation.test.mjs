// Instances that nobody uses are dropped, and made again by the next event.

import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { DurableObject, ManualClock } from "facetbox";
import { directoryFor, runtimeFor } from "./support.mjs";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc");

/** A class that counts in its storage, and weak references to all that was made of it. */
function counted() {
  const made = [];
  class Counter extends DurableObject {
    own = 0;
    constructor(ctx, env) {
      super(ctx, env);
      made.push(new WeakRef(this));
    }
    count() {
      const { kv } = this.ctx.storage;
      kv.put("count", (kv.get("count") ?? 0) + 1);
      return [kv.get("count"), ++this.own];
    }
    goOn(promise) {
      this.ctx.waitUntil(promise());
    }
    async wait(promise) {
      await promise();
      return this.count();
    }
    setAlarm(time) {
      return this.ctx.storage.setAlarm(time);
    }
    alarm() {
      this.count();
    }
  }
  return { made, Counter };
}

/** Waits until nothing holds an instance any more, at most 20 seconds. */
async function gone(instance) {
  const end = Date.now() + 20_000;
  while (instance.deref() !== undefined) {
    assert.ok(Date.now() < end, "the instance is still there");
    await sleep(2);
    collect();
  }
}

for (const idleMs of [0, 1]) {
  test(`an instance that is idle for ${idleMs} ms is let go, and the next event makes another`, async (t) => {
    const { made, Counter } = counted();
    const runtime = await runtimeFor(t, await directoryFor(t), { idleMs });
    const stub = runtime.namespace("Counter", Counter).getByName("a");
    for (const n of [1, 2, 3]) {
      assert.deepEqual(await stub.count(), [n, 1]);
      assert.equal(made.length, n);
      await gone(made[n - 1]);
    }
  });
}

test("an instance with a call that is pending stays", async (t) => {
  const { made, Counter } = counted();
  const runtime = await runtimeFor(t, null, { idleMs: 1 });
  const counters = runtime.namespace("Counter", Counter);
  let release;
  const promise = new Promise((resolve) => (release = resolve));
  const waiting = counters.getByName("a").wait(async () => promise);
  assert.deepEqual(await counters.getByName("b").count(), [1, 1]);
  await gone(made[1]);
  release();
  assert.deepEqual(await waiting, [1, 1]);
  assert.equal(made.length, 2);
});

test("an instance with work given to waitUntil() stays until that ends", async (t) => {
  const { made, Counter } = counted();
  const runtime = await runtimeFor(t, null, { idleMs: 1 });
  const counters = runtime.namespace("Counter", Counter);
  let release;
  const promise = new Promise((resolve) => (release = resolve));
  await counters.getByName("a").goOn(async () => void (await promise));
  assert.deepEqual(await counters.getByName("b").count(), [1, 1]);
  await gone(made[1]);
  assert.deepEqual(await counters.getByName("a").count(), [1, 1]);
  assert.equal(made.length, 2);
  release();
  await gone(made[0]);
});

test("no more instances are kept than are allowed", async (t) => {
  const { made, Counter } = counted();
  const runtime = await runtimeFor(t, null, { idleMs: 2 ** 31 - 1, maxWarm: 1 });
  const counters = runtime.namespace("Counter", Counter);
  for (const name of ["a", "b"]) assert.deepEqual(await counters.getByName(name).count(), [1, 1]);
  await gone(made[0]);
  assert.deepEqual(await counters.getByName("b").count(), [2, 2]);
  assert.deepEqual(await counters.getByName("a").count(), [2, 1]);
});

test("an alarm makes the instance that has been let go", async (t) => {
  const { made, Counter } = counted();
  const clock = new ManualClock(1_000);
  const options = { clock, alarms: "manual", idleMs: 1 };
  const runtime = await runtimeFor(t, await directoryFor(t), options);
  const stub = runtime.namespace("Counter", Counter).getByName("a");
  await stub.setAlarm(2_000);
  await gone(made[0]);
  clock.set(2_000);
  assert.equal(await runtime.runDueAlarms(), 1);
  assert.equal(made.length, 2);
  assert.equal((await stub.count())[0], 2);
});
