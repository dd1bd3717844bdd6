// Alarms, under a clock that the tests move.

import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, test } from "node:test";
import { InvalidArgument, ManualClock, UnsupportedError } from "facetbox";
import { MINUTE, Recorder, START, Silent, manual, told } from "./alarm-support.mjs";
import { app, directoryFor, fails, objectOf, runtimeFor } from "./support.mjs";

const turn = () => new Promise(setImmediate);

describe("an alarm", () => {
  test("fires once, at its time", async (t) => {
    const { clock, runtime } = await manual(t);
    const stub = objectOf(runtime, Recorder);
    assert.equal(await stub.get(), null);
    assert.equal(await stub.set(START + MINUTE), START + MINUTE);
    clock.set(START + MINUTE - 1);
    assert.deepEqual([await runtime.runDueAlarms(), await stub.told()], [0, []]);
    clock.advance(1);
    assert.deepEqual([await runtime.runDueAlarms(), await stub.get()], [1, null]);
    clock.advance(1440 * MINUTE);
    assert.equal(await runtime.runDueAlarms(), 0);
    assert.deepEqual(await stub.told(), [told(START + MINUTE)]);
  });

  test("is set to a number or a Date, and one in the past means now", async (t) => {
    const { runtime } = await manual(t);
    const stub = objectOf(runtime, Recorder);
    assert.equal(await stub.set(new Date(START + 7)), START + 7);
    assert.equal(await stub.set(START + 5.9), START + 5);
    assert.equal(await stub.set(1), START);
  });

  test("isn't set to anything else", async (t) => {
    const { runtime } = await manual(t);
    const stub = objectOf(runtime, Recorder);
    for (const time of [0, -1, NaN, new Date(NaN), `${START}`, null, undefined, true, 10n]) {
      await fails(stub.set(time), InvalidArgument, { name: "TypeError", message: /setAlarm\(\)/ });
    }
    assert.equal(await stub.get(), null);
  });

  test("is replaced by a later one, and never fires once it is deleted", async (t) => {
    const { clock, runtime } = await manual(t);
    const stub = objectOf(runtime, Recorder);
    await stub.set(START + 1);
    await stub.set(START + 9);
    clock.set(START + 1);
    assert.equal(await runtime.runDueAlarms(), 0);
    await stub.delete();
    clock.set(START + 9);
    assert.deepEqual([await stub.get(), await runtime.runDueAlarms()], [null, 0]);
  });

  test("is part of the transaction", async (t) => {
    class Undecided extends Recorder {
      undo() {
        const { storage } = this.ctx;
        const body = () => {
          storage.setAlarm(START);
          throw new Error("undecided");
        };
        assert.throws(() => storage.transactionSync(body), /undecided/);
        return this.get();
      }
    }
    const { runtime } = await manual(t);
    assert.deepEqual([await objectOf(runtime, Undecided).undo(), await runtime.runDueAlarms()], [null, 0]);
  });

  test("that is overdue fires once after a restart", async (t) => {
    const data = await directoryFor(t);
    const { clock, runtime } = await manual(t, data);
    await runtime.namespace("A", Recorder).getByName("it").set(START + MINUTE);
    await runtime.close();
    clock.advance(60 * MINUTE);
    for (const expected of [1, 0]) {
      const { runtime: again } = await manual(t, data, clock);
      assert.equal(await again.runDueAlarms(), 0, "nobody knows the class yet");
      const stub = again.namespace("A", Recorder).getByName("it");
      assert.equal(await again.runDueAlarms(), expected);
      assert.deepEqual(await stub.told(), [told(START + MINUTE)]);
      await again.close();
    }
  });

  test("is fired by the runtime itself, also after a restart", async (t) => {
    // An alarm that is set doesn't keep the process alive.
    const alive = setInterval(() => {}, 1_000);
    t.after(() => clearInterval(alive));
    const data = await directoryFor(t);
    const clock = new ManualClock(START);
    const fired = [];
    let firing;
    class Automatic extends Silent {
      alarm(info) {
        fired.push(info);
        firing();
      }
    }
    const next = () => new Promise((resolve) => (firing = resolve));
    const first = await runtimeFor(t, data, { clock });
    const stub = first.namespace("A", Automatic).getByName("it");
    await stub.set(START + MINUTE);
    const fires = next();
    clock.advance(MINUTE);
    await fires;
    assert.equal(await stub.get(), null);
    await stub.set(START + 2 * MINUTE);
    await first.close();

    clock.advance(60 * MINUTE);
    const firesAgain = next();
    const second = await runtimeFor(t, data, { clock });
    const again = second.namespace("A", Automatic).getByName("it");
    await firesAgain;
    assert.equal(await again.get(), null);
    assert.deepEqual(fired, [told(START + MINUTE), told(START + 2 * MINUTE)]);
  });
});

describe("a handler", () => {
  for (const [how, pause] of [["throws", () => {}], ["rejects later", turn]]) {
    test(`that ${how} is tried six times more`, async (t) => {
      class Failing extends Recorder {
        alarm(info) {
          super.alarm(info);
          const paused = pause();
          if (!paused) throw new Error("not today");
          return paused.then(() => Promise.reject(new Error("not today")));
        }
      }
      const { clock, runtime } = await manual(t);
      const stub = objectOf(runtime, Failing);
      await stub.set(START);
      assert.equal(await runtime.runDueAlarms(), 1);
      for (const delay of [2, 4, 8, 16, 32, 64]) {
        assert.equal(await stub.get(), START);
        clock.advance(delay * 1000 - 1);
        assert.equal(await runtime.runDueAlarms(), 0, `before ${delay} s`);
        clock.advance(delay * 250 + 1);
        assert.equal(await runtime.runDueAlarms(), 1, `after ${delay} s and a quarter`);
      }
      assert.equal(await stub.get(), null);
      clock.advance(1440 * MINUTE);
      assert.equal(await runtime.runDueAlarms(), 0);
      assert.deepEqual(await stub.told(), [0, 1, 2, 3, 4, 5, 6].map((n) => told(START, n)));
    });
  }

  test("whose retry succeeds isn't tried again, and its failure is a warning", async (t) => {
    class Hesitant extends Recorder {
      async alarm(info) {
        super.alarm(info);
        await turn();
        if (!info.isRetry) throw new Error("not at once");
      }
    }
    const { clock, runtime } = await manual(t);
    const stub = objectOf(runtime, Hesitant);
    await stub.set(START);
    const warned = once(process, "warning");
    for (let n = 0; n < 4; n++) {
      await runtime.runDueAlarms();
      clock.advance(100_000);
    }
    assert.match((await warned)[0].message, /^An alarm's handler failed: Error: not at once\n    at /);
    assert.deepEqual([await stub.told(), await stub.get()], [[told(START), told(START, 1)], null]);
  });

  test("may set the next alarm", async (t) => {
    class Ticking extends Recorder {
      async alarm(info) {
        super.alarm(info);
        await this.ctx.storage.setAlarm(info.scheduledTime + MINUTE);
      }
    }
    const { clock, runtime } = await manual(t);
    const stub = objectOf(runtime, Ticking);
    await stub.set(START + MINUTE);
    for (let n = 0; n < 3; n++) {
      clock.advance(MINUTE);
      assert.equal(await runtime.runDueAlarms(), 1);
    }
    assert.deepEqual(await stub.told(), [1, 2, 3].map((n) => told(START + n * MINUTE)));
    assert.equal(await stub.get(), START + 4 * MINUTE);
  });

  test("reads its alarm as unset", async (t) => {
    const read = [];
    class Reader extends Silent {
      async alarm() {
        read.push(await this.get());
        await turn();
        read.push(await this.get(), await this.set(START + 7));
        await this.delete();
        read.push(await this.get());
      }
    }
    const { runtime } = await manual(t);
    const stub = objectOf(runtime, Reader);
    await stub.set(START);
    assert.equal(await runtime.runDueAlarms(), 1);
    assert.deepEqual([read, await stub.get()], [[null, null, START + 7, null], null]);
  });

  test("that aborts its object is tried again in a new one", async (t) => {
    class Aborting extends Recorder {
      alarm(info) {
        if (!info.isRetry) this.ctx.abort("too early");
        super.alarm(info);
      }
    }
    const { clock, runtime } = await manual(t);
    const objects = runtime.namespace("A", Aborting);
    await objects.getByName("it").set(START);
    assert.equal(await runtime.runDueAlarms(), 1);
    clock.advance(2500);
    assert.equal(await runtime.runDueAlarms(), 1);
    assert.deepEqual(await objects.getByName("it").told(), [told(START, 1)]);
  });

  test("may answer anything, and needs no base class", async (t) => {
    class Old {
      constructor(ctx) {
        this.ctx = ctx;
      }
      async fetch() {
        await this.ctx.storage.setAlarm(START);
        return new Response(`${await this.ctx.storage.getAlarm()}`);
      }
      alarm() {
        return Symbol("nobody asks");
      }
    }
    const { runtime } = await manual(t);
    const stub = objectOf(runtime, Old);
    assert.equal(await (await stub.fetch("http://x/")).text(), `${START}`);
    assert.deepEqual([await runtime.runDueAlarms(), await runtime.runDueAlarms()], [1, 0]);
  });

  test("runs also when a method of its own object waits for it", async (t) => {
    const { runtime } = await manual(t);
    class Impatient extends Recorder {
      async now() {
        await this.set(START);
        return runtime.runDueAlarms();
      }
    }
    const stub = objectOf(runtime, Impatient);
    assert.deepEqual([await stub.now(), await stub.told()], [1, [told(START)]]);
  });

  test("can't be called", async (t) => {
    const { runtime } = await manual(t);
    const stub = objectOf(runtime, Recorder);
    await fails(stub.alarm(told(START)), InvalidArgument, { message: /'alarm' is a reserved method/ });
    assert.deepEqual(await stub.told(), []);
  });
});

describe("a class without a handler", () => {
  test("can't set an alarm", async (t) => {
    class OwnProperty extends Silent {
      alarm = () => {};
    }
    const { runtime } = await manual(t);
    for (const type of [Silent, OwnProperty]) {
      const stub = objectOf(runtime, type);
      await fails(stub.set(START), UnsupportedError, {
        name: "TypeError",
        message: "Your Durable Object class must have an alarm() handler in order to call setAlarm()",
      });
      assert.equal(await stub.get(), null);
    }
  });

  test("drops one that its constructor has set", async (t) => {
    class Eager extends Silent {
      constructor(ctx, env) {
        super(ctx, env);
        ctx.storage.setAlarm(START);
      }
    }
    const { clock, runtime } = await manual(t);
    const stub = objectOf(runtime, Eager);
    assert.equal(await stub.get(), START);
    assert.equal(await runtime.runDueAlarms(), 0);
    clock.advance(10 * MINUTE);
    assert.deepEqual([await stub.get(), await runtime.runDueAlarms()], [null, 0]);
  });
});

describe("a facet", () => {
  const code = app(`
    function App:set(time) self.ctx.storage:setAlarm(time) end
    function App:alarm(info) self.ctx.storage.kv:put("told", info) end
    function App:told() return self.ctx.storage.kv:get("told") end
  `);

  class Supervisor extends Recorder {
    setFacet(name, time) {
      return this.facet(name).set(time);
    }
    facetTold(name) {
      return this.facet(name).told();
    }
    stop(name) {
      this.ctx.facets.abort(name, "stopped");
    }
    facet(name) {
      return this.ctx.facets.get(name, () => {
        if (name === "js") return { class: Recorder };
        const worker = this.env.LOADER.load({ mainModule: "m.luau", modules: { "m.luau": code } });
        return { class: worker.getDurableObjectClass("App") };
      });
    }
  }

  test("has an alarm of its own, in Luau and in JavaScript", async (t) => {
    const { clock, runtime } = await manual(t);
    const stub = objectOf(runtime, Supervisor);
    await stub.setFacet("luau", START + 1);
    await stub.setFacet("js", START + 2);
    assert.equal(await stub.get(), null);
    clock.set(START + 1);
    assert.equal(await runtime.runDueAlarms(), 1);
    assert.deepEqual(await stub.facetTold("luau"), told(START + 1));
    assert.deepEqual(await stub.facetTold("js"), []);
    clock.set(START + 2);
    assert.equal(await runtime.runDueAlarms(), 1);
    assert.deepEqual(await stub.facetTold("js"), [told(START + 2)]);
    assert.deepEqual(await stub.told(), []);
  });

  test("that is stopped gets its alarm when it is started again", async (t) => {
    const { clock, runtime } = await manual(t);
    const stub = objectOf(runtime, Supervisor);
    await stub.setFacet("luau", START + 1);
    await stub.stop("luau");
    clock.set(START + 1);
    assert.equal(await runtime.runDueAlarms(), 0);
    assert.equal((await stub.facetTold("luau")) ?? null, null);
    assert.equal(await runtime.runDueAlarms(), 1);
    assert.deepEqual(await stub.facetTold("luau"), told(START + 1));
  });

  test("is started for its alarm by its supervisor after a restart", async (t) => {
    class Starter extends Supervisor {
      startFacet(name) {
        return this.facet(name);
      }
    }
    const data = await directoryFor(t);
    const started = async (type) => {
      const { clock, runtime } = await manual(t, data);
      return { clock, runtime, stub: runtime.namespace("Starter", type).getByName("a") };
    };
    const before = await started(Supervisor);
    await before.stub.setFacet("luau", START + 1);
    await before.runtime.close();

    const without = await started(Supervisor);
    without.clock.set(START + 1);
    assert.equal(await without.runtime.runDueAlarms(), 0);
    await without.runtime.close();

    const { clock, runtime, stub } = await started(Starter);
    await fails(stub.startFacet("luau"), InvalidArgument, { message: /'startFacet' is a reserved method/ });
    clock.set(START + 1);
    assert.equal(await runtime.runDueAlarms(), 1);
    assert.deepEqual(await stub.facetTold("luau"), told(START + 1));
  });
});
