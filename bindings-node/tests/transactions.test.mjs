import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { test } from "node:test";
import { DurableObject, InvalidArgument } from "facetbox";
import { fails, objectOf, runtimeFor } from "./support.mjs";

class Bank extends DurableObject {
  #order = [];

  /** Moves an amount with a wait in the middle, and fails or rolls back if it is told to. */
  async move(amount, end) {
    return this.ctx.storage.transaction(async (transaction) => {
      this.#order.push("begin");
      await transaction.put("a", (await transaction.get("a")) - amount);
      await turn();
      await turn();
      await transaction.put("b", (await transaction.get("b")) + amount);
      this.#order.push("end");
      if (end === "throw") throw new RangeError("no");
      if (end === "rollback") transaction.rollback();
      return amount;
    });
  }

  async nested() {
    const { storage } = this.ctx;
    await storage.transaction(async () => {
      storage.kv.put("a", 1);
      await turn();
      const inner = storage.transaction(async () => {
        storage.kv.put("b", 1);
        throw new Error("inner");
      });
      await inner.catch(() => {});
    });
    return this.both();
  }

  async sectionWithin() {
    return this.ctx.storage.transaction(() => this.ctx.blockConcurrencyWhile(async () => "inside"));
  }

  within() {
    return this.ctx.blockConcurrencyWhile(() => this.ctx.storage.transaction(async () => "committed"));
  }

  /** Transactions that are begun beside each other within one. */
  async beside() {
    const { storage } = this.ctx;
    const put = async (key, fail) => {
      storage.kv.put(key, 1);
      await turn();
      if (fail) throw new Error("undone");
    };
    await storage.transaction(() =>
      Promise.all([
        storage.transaction(() => put("a", false)),
        storage.transaction(() => put("b", true)).catch(() => {}),
      ]),
    );
    return this.both();
  }

  notAFunction() {
    return this.ctx.storage.transaction(7);
  }

  reset() {
    this.#order = [];
    this.ctx.storage.kv.put("a", 100);
    this.ctx.storage.kv.put("b", 0);
  }

  both() {
    return [this.ctx.storage.kv.get("a"), this.ctx.storage.kv.get("b")];
  }

  order() {
    return this.#order;
  }
}

test("a transaction that waits is committed, or undone as a whole", async (t) => {
  const runtime = await runtimeFor(t);
  const stub = objectOf(runtime, Bank);
  await stub.reset();
  assert.equal(await stub.move(10), 10);
  assert.deepEqual(await stub.both(), [90, 10]);
  await fails(stub.move(10, "throw"), RangeError, { message: "no" });
  assert.deepEqual(await stub.both(), [90, 10]);
  assert.equal(await stub.move(10, "rollback"), 10);
  assert.deepEqual(await stub.both(), [90, 10]);
});

test("transactions of one object come one after the other, and keep its other events out", async (t) => {
  const runtime = await runtimeFor(t);
  const stub = objectOf(runtime, Bank);
  await stub.reset();
  await Promise.all(Array.from({ length: 5 }, () => stub.move(1)));
  assert.deepEqual(await stub.both(), [95, 5]);
  assert.deepEqual(await stub.order(), Array.from({ length: 10 }, (_, i) => ["begin", "end"][i % 2]));
});

test("a transaction within another is undone alone", async (t) => {
  const runtime = await runtimeFor(t);
  const stub = objectOf(runtime, Bank);
  await stub.reset();
  assert.deepEqual(await stub.nested(), [1, 0]);
});

test("transactions that are begun beside each other within one end one after the other", async (t) => {
  const runtime = await runtimeFor(t);
  const stub = objectOf(runtime, Bank);
  await stub.reset();
  assert.deepEqual(await stub.beside(), [1, 0]);
});

test("sections and transactions may be within each other, and in a constructor", async (t) => {
  const runtime = await runtimeFor(t);
  const stub = objectOf(runtime, Bank);
  assert.equal(await stub.within(), "committed");
  assert.equal(await stub.sectionWithin(), "inside");
  await fails(stub.notAFunction(), InvalidArgument, { message: /transaction\(\) must be a function/ });
  class Early extends DurableObject {
    constructor(ctx, env) {
      super(ctx, env);
      ctx.blockConcurrencyWhile(() =>
        ctx.storage.transaction(async (transaction) => {
          await turn();
          await transaction.put("ready", true);
        }),
      );
    }
    ready() {
      return this.ctx.storage.get("ready");
    }
  }
  assert.equal(await objectOf(runtime, Early).ready(), true);
});
