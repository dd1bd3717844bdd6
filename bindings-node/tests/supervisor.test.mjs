import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { after, describe, test } from "node:test";
import {
  AbortedError,
  DurableObject,
  FacetboxError,
  InvalidArgument,
  StorageError,
  ValueError,
  open,
} from "facetbox";
import { app, directoryFor, fails, objectOf, runtimeFor } from "./support.mjs";

const runtime = await open();
after(() => runtime.close());

/** Runs a function as a method of a fresh object. */
function inside(work, where = runtime) {
  class Inside extends DurableObject {
    async run() {
      await work(this.ctx, this);
    }
  }
  return objectOf(where, Inside).run();
}

describe("storage.kv", () => {
  test("gets, puts, deletes and lists", () =>
    inside(({ storage: { kv } }) => {
      assert.equal(kv.get("a"), undefined);
      for (const key of ["b", "a", "c", "é", "ab"]) kv.put(key, { key });
      assert.deepEqual(kv.get("a"), { key: "a" });
      assert.deepEqual([...kv.list()].map(([key]) => key), ["a", "ab", "b", "c", "é"]);
      assert.deepEqual([...kv.list({ prefix: "a", reverse: true })], [
        ["ab", { key: "ab" }],
        ["a", { key: "a" }],
      ]);
      assert.deepEqual([...kv.list({ start: "ab", end: "c", limit: 1 })].length, 1);
      assert.equal(kv.delete("a"), true);
      assert.equal(kv.delete("a"), false);
    }));

  test("refuses wrong keys, values and options", () =>
    inside(({ storage: { kv } }) => {
      assert.throws(() => kv.get(1), InvalidArgument);
      assert.throws(() => kv.put("\ud800", 1), InvalidArgument);
      assert.throws(() => kv.put("a", () => {}), ValueError);
      assert.throws(() => kv.put("a", undefined), FacetboxError);
      assert.throws(() => kv.list({ limit: 0 }), InvalidArgument);
      assert.throws(() => kv.list({ start: "a", startAfter: "b" }), InvalidArgument);
    }));

  test("has an asynchronous face", () =>
    inside(async ({ storage }) => {
      await storage.put("a", 1);
      await storage.put({ b: 2, c: 3, d: undefined });
      assert.equal(await storage.get("a"), 1);
      assert.deepEqual(await storage.get(["c", "x", "a", "a"]), new Map([["a", 1], ["c", 3]]));
      assert.deepEqual(await storage.list({ start: "b" }), new Map([["b", 2], ["c", 3]]));
      assert.equal(await storage.delete("a"), true);
      assert.equal(await storage.delete(["a", "b", "b"]), 1);
      await storage.sync();
      await storage.deleteAll();
      assert.equal((await storage.list()).size, 0);
    }));
});

describe("storage.sql", () => {
  test("gives cursors", () =>
    inside(({ storage: { sql } }) => {
      sql.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, data BLOB)");
      const written = sql.exec("INSERT INTO t (name, data) VALUES (?, ?), (?, ?)", "a", new Uint8Array([1]), "b", null);
      assert.equal(written.rowsWritten, 2);
      const cursor = sql.exec("SELECT id, name FROM t ORDER BY id");
      assert.deepEqual(cursor.columnNames, ["id", "name"]);
      assert.deepEqual(cursor.next(), { done: false, value: { id: 1, name: "a" } });
      assert.deepEqual([...cursor], [{ id: 2, name: "b" }]);
      assert.deepEqual(cursor.next(), { done: true, value: undefined });
      assert.deepEqual(sql.exec("SELECT data FROM t").toArray(), [
        { data: new Uint8Array([1]) },
        { data: null },
      ]);
      assert.deepEqual(sql.exec("SELECT 1, 'x'").raw().toArray(), [[1, "x"]]);
      assert.deepEqual([...sql.exec("SELECT id FROM t").raw()], [[1], [2]]);
      assert.deepEqual(sql.exec("SELECT count(*) AS n FROM t").one(), { n: 2 });
      assert.throws(() => sql.exec("SELECT * FROM t").one(), FacetboxError);
      assert.ok(sql.databaseSize > 0);
    }));

  test("reports SQLite's errors", () =>
    inside(({ storage: { sql } }) => {
      assert.throws(() => sql.exec("SELEC 1"), { message: /syntax error/ });
      assert.throws(() => sql.exec("SELECT * FROM nowhere"), FacetboxError);
      assert.throws(() => sql.exec("ATTACH 'x' AS y"), FacetboxError);
      assert.throws(() => sql.exec("SELECT ?", Symbol("s")), ValueError);
    }));
});

describe("storage.transactionSync", () => {
  test("commits what returns and rolls back what throws, nested too", () =>
    inside(({ storage }) => {
      const { kv } = storage;
      assert.equal(storage.transactionSync(() => (kv.put("a", 1), "result")), "result");
      const error = new Error("mine");
      assert.throws(
        () =>
          storage.transactionSync(() => {
            kv.put("a", 2);
            throw error;
          }),
        (thrown) => thrown === error,
      );
      storage.transactionSync(() => {
        kv.put("b", 1);
        assert.throws(() => storage.transactionSync(() => { kv.put("b", 2); throw error; }));
      });
      assert.deepEqual([kv.get("a"), kv.get("b")], [1, 1]);
      assert.throws(() => storage.transactionSync(1), InvalidArgument);
    }));

  test("warns once of an async function", async () => {
    const told = [];
    const listen = (warning) => told.push(warning.message);
    process.on("warning", listen);
    await inside(async ({ storage }) => {
      for (let i = 0; i < 2; i++) await storage.transactionSync(async () => storage.kv.put("a", i));
      assert.equal(storage.kv.get("a"), 1);
    });
    await new Promise((resolve) => setImmediate(resolve));
    process.off("warning", listen);
    assert.equal(told.length, 1);
    assert.match(told[0], /^transactionSync\(\) was given an async function\. .* use transaction\(\)\.$/);
  });
});

describe("writes", () => {
  test("of a turn of the event loop are committed even without an event", async (t) => {
    const data = await directoryFor(t);
    const first = await runtimeFor(t, data);
    let ctx;
    class Kept extends DurableObject {
      constructor(own, env) {
        super(own, env);
        ctx = own;
      }
      get() {
        return this.ctx.storage.kv.get("late");
      }
    }
    await first.namespace("Kept", Kept).getByName("a").get();
    ctx.storage.kv.put("late", 1);
    await new Promise(setImmediate);
    await ctx.storage.sync();
    await first.close();
    const second = await runtimeFor(t, data);
    assert.equal(await second.namespace("Kept", Kept).getByName("a").get(), 1);
  });

  test("of a handler that throws are kept, of one that aborts they are not", async () => {
    class Writing extends DurableObject {
      throws() {
        this.ctx.storage.kv.put("thrown", 1);
        throw new Error("after a write");
      }
      aborts() {
        this.ctx.storage.kv.put("aborted", 1);
        this.ctx.abort("enough");
      }
      keys() {
        return [...this.ctx.storage.kv.list()].map(([key]) => key);
      }
    }
    const objects = runtime.namespace("Writing", Writing);
    await fails(objects.getByName("a").throws(), Error);
    const stub = objects.getByName("a");
    await fails(stub.aborts(), AbortedError, { message: "enough", code: "ABORTED" });
    await fails(stub.keys(), AbortedError, { message: "enough" });
    assert.deepEqual(await objects.getByName("a").keys(), ["thrown"]);
  });
});

describe("ctx", () => {
  test("has id and props, and frozen members", () =>
    inside((ctx) => {
      assert.equal(ctx.id.name, "object");
      assert.match(`${ctx.id}`, /^[0-9a-f]{64}$/);
      assert.deepEqual(ctx.props, {});
      assert.equal(ctx.exports, undefined);
      assert.throws(() => (ctx.id = 1), TypeError);
    }));

  test("blockConcurrencyWhile of the constructor holds up every event", async () => {
    class Slow extends DurableObject {
      constructor(ctx, env) {
        super(ctx, env);
        ctx.blockConcurrencyWhile(async () => {
          await sleep(5);
          await ctx.blockConcurrencyWhile(async () => sleep(5));
          this.ready = true;
        });
      }
      isReady() {
        return this.ready;
      }
    }
    const stub = objectOf(runtime, Slow);
    assert.deepEqual(await Promise.all([stub.isReady(), stub.isReady()]), [true, true]);
  });

  test("blockConcurrencyWhile of a method keeps others out, and may be nested", async () => {
    const log = [];
    class Blocking extends DurableObject {
      async block() {
        return this.ctx.blockConcurrencyWhile(async () => {
          log.push("begin");
          await sleep(10);
          const inner = await this.ctx.blockConcurrencyWhile(async () => "inner");
          log.push("end");
          return inner;
        });
      }
      other() {
        log.push("other");
      }
    }
    const stub = objectOf(runtime, Blocking);
    await stub.other();
    const blocking = stub.block();
    while (log.length < 2) await sleep(1);
    await stub.other();
    assert.equal(await blocking, "inner");
    assert.deepEqual(log, ["other", "begin", "end", "other"]);
  });

  test("blockConcurrencyWhile that fails resets the object", async () => {
    const thrown = new Error("not ready");
    let works = false;
    class Failing extends DurableObject {
      constructor(ctx, env) {
        super(ctx, env);
        ctx.blockConcurrencyWhile(async () => {
          if (!works) throw thrown;
        });
      }
      ok() {
        return "ok";
      }
      async later() {
        await this.ctx.blockConcurrencyWhile(() => {
          throw thrown;
        });
      }
    }
    const objects = runtime.namespace("FailingBlock", Failing);
    assert.equal(await fails(objects.getByName("a").ok(), Error), thrown);
    works = true;
    const stub = objects.getByName("a");
    assert.equal(await stub.ok(), "ok");
    assert.equal(await fails(stub.later(), Error), thrown);
    assert.equal(await fails(stub.ok(), Error), thrown);
    assert.equal(await objects.getByName("a").ok(), "ok");
  });

  test("waitUntil lets work go on, and its failure is a warning", async () => {
    const warned = new Promise((resolve) => process.once("warning", resolve));
    await inside((ctx) => ctx.waitUntil(Promise.reject(new Error("background"))));
    assert.match((await warned).message, /background/);
  });
});

describe("facets", () => {
  const counter = app(`
    function App:count()
      local n = (self.ctx.storage.kv:get("n") or 0) + 1
      self.ctx.storage.kv:put("n", n)
      return n
    end
    function App:id() return tostring(self.ctx.id) end
  `);
  const load = (env) =>
    env.LOADER.load({ mainModule: "m.luau", modules: { "m.luau": counter } }).getDurableObjectClass("App");

  class Parent extends DurableObject {
    starts = 0;
    count(name) {
      return this.facet(name).count();
    }
    facet(name, id) {
      return this.ctx.facets.get(name, async () => {
        this.starts++;
        await sleep(1);
        return { class: load(this.env), id };
      });
    }
    async twice(name) {
      const [a, b] = [this.facet(name), this.facet(name)];
      return [...(await Promise.all([a.count(), b.count()])), this.starts];
    }
    async aborted(name) {
      const facet = this.facet(name);
      await facet.count();
      this.ctx.facets.abort(name, new RangeError("stop"));
      return facet.count();
    }
    async lifecycle() {
      const { facets } = this.ctx;
      await this.count("a");
      await this.count("a");
      facets.clone("a", "b");
      const cloned = await this.count("b");
      facets.delete("a");
      return [cloned, await this.count("a"), facets.list(), facets.exists("b"), facets.exists("x")];
    }
    ids() {
      return Promise.all([this.facet("own").id(), this.facet("text", "chosen").id()]);
    }
    wrong(options) {
      return this.ctx.facets.get("wrong", () => options).count();
    }
    names(name = "\ud800") {
      return this.ctx.facets.get(name, () => ({}));
    }
  }

  test("start once, on first use, from an asynchronous callback", async () => {
    assert.deepEqual((await objectOf(runtime, Parent).twice("app")).sort(), [1, 1, 2]);
  });

  test("fail their stubs with the reason of an abort, and keep their data", async () => {
    const stub = objectOf(runtime, Parent);
    await fails(stub.aborted("app"), AbortedError, { name: "RangeError", message: "stop" });
    assert.equal(await stub.count("app"), 2);
  });

  test("are cloned, deleted and listed", async () => {
    const outcome = await objectOf(runtime, Parent).lifecycle();
    assert.deepEqual(outcome, [3, 1, ["a", "b"], true, false]);
  });

  test("have their parent's id or the one they are given", async () => {
    const stub = objectOf(runtime, Parent);
    assert.deepEqual(await stub.ids(), [`${stub.id}`, "chosen"]);
  });

  test("refuse wrong options and names", async () => {
    const stub = objectOf(runtime, Parent);
    await fails(stub.wrong(undefined), InvalidArgument, { message: /\{ class \}/ });
    await fails(stub.wrong({ class: 1 }), InvalidArgument);
    for (const name of ["", "x".repeat(257), 1]) await fails(stub.names(name), InvalidArgument);
    await fails(stub.names(), InvalidArgument);
  });

  test("written in JavaScript nest", async () => {
    class Node extends DurableObject {
      depth(levels) {
        this.ctx.storage.kv.put("seen", true);
        if (levels === 0) return 0;
        return this.ctx.facets.get("child", () => ({ class: Node })).depth(levels - 1).then((n) => n + 1);
      }
    }
    assert.equal(await objectOf(runtime, Node).depth(5), 5);
  });

  test("can't see each other's data", async () => {
    const stub = objectOf(runtime, Parent);
    assert.deepEqual([await stub.count("a"), await stub.count("a"), await stub.count("b")], [1, 2, 1]);
  });

  test("that break a storage limit get an error", async () => {
    await inside(({ storage }) => {
      assert.throws(() => storage.kv.put("big", "x".repeat(5 << 20)), StorageError);
    });
  });
});
