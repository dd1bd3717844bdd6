// Attacks that a Node program can make, or only it can see; docs/host-attacks.md says which test stands for which.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cp, mkdir, readFile, readdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { after, describe, test } from "node:test";
import { Worker } from "node:worker_threads";
import { DurableObject, FacetboxError, InvalidArgument, LimitError, LoadError, ValueError, WorkerCode, open } from "facetbox";
import { app, directoryFor, fails, guest, objectOf, runModule, runtimeFor } from "./support.mjs";

const linux = process.platform === "linux";
const runtime = await open();
after(() => runtime.close());

const RELAY = app(`
  function App:run(...) return self.env.call(...) end
  function App:often(times) for _ = 1, times do pcall(self.env.call) end end
  function App:fail() error("its own") end
  function App:echo(value) return value end
`);

class Box extends DurableObject {
  put(value) {
    this.ctx.storage.kv.put("value", value);
  }
  get() {
    return this.ctx.storage.kv.get("value");
  }
}

describe("guests", () => {
  test("J016 F010 calls without end end at the depth limit", async () => {
    let calls = 0;
    const back = async () => {
      calls += 1;
      await sleep(0);
      return stub.run();
    };
    const stub = guest(runtime, RELAY, { env: { call: back } });
    await fails(stub.run(), LimitError, { code: "LIMIT_DEPTH" });
    assert.ok(calls >= 49 && calls <= 100, `${calls} calls`);

    const depths = [];
    class Chain extends DurableObject {
      async down(n) {
        depths.push(n);
        await sleep(0);
        return runtime.getNamespace("chain").getByName(String(n)).down(n + 1);
      }
    }
    await fails(runtime.namespace("chain", Chain).getByName("first").down(0), LimitError, { code: "LIMIT_DEPTH" });
    assert.equal(depths.length, 100);
  });

  test("L001 bytecode is not code", async () => {
    for (const bytecode of ["\u0002\0\0", "\u0006\u0003\u0001\0", "\u001bLua", "\u00c8\u0001"]) {
      await fails(guest(runtime, bytecode).hello(), LoadError);
    }
    const bytes = { luau: new Uint8Array([6, 3, 1, 0]) };
    assert.throws(() => runtime.loader().load(new WorkerCode({ mainModule: "a.luau", modules: { "a.luau": bytes } })), FacetboxError);
  });

  test("L048 F026 files and variables around the process have no effect", async (t) => {
    const directory = await directoryFor(t);
    for (const name of ["util.luau", "init.luau", ".luaurc", "util.js"]) await writeFile(join(directory, name), "return 'outside'");
    const { code, output } = await runModule(
      `
      import { open, DurableObject } from "facetbox";
      import { guest, app } from ${JSON.stringify(new URL("./support.mjs", import.meta.url))};
      process.chdir(process.argv[1]);
      for (const name of ["TMPDIR", "SQLITE_TMPDIR"]) process.env[name] = "/nonexistent/secret-place";
      process.env.LUA_INIT = "error('ran')";
      const runtime = await open();
      const stub = guest(runtime, app(\`
        function App:look() return { (pcall(require, "./util")), (pcall(require, "util")), os.getenv == nil, io == nil } end
        function App:sort()
          local sql = self.ctx.storage.sql
          sql:exec("CREATE TABLE t AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 60000) SELECT hex(randomblob(40)) AS a FROM n")
          return sql:exec("SELECT count(*) AS n FROM (SELECT a FROM t ORDER BY a LIMIT -1 OFFSET 1)"):one().n
        end\`), { limits: { cpuMs: 20000 } });
      console.log(JSON.stringify([await stub.look(), await stub.sort()]));
      await runtime.close();`,
      directory,
    );
    assert.deepEqual([code, output], [0, "[[false,false,true,true],59999]\n"]);
    assert.equal((await readdir(directory)).length, 4);
  });

  test("L060 L063 machines share neither addresses nor random numbers", async () => {
    const source = app("function App:see() return { tostring({}), tostring(print), math.random(1, 2^30), crypto.randomUUID() } end");
    const [one, two] = [await guest(runtime, source).see(), await guest(runtime, source).see()];
    assert.notEqual(one[2], two[2]);
    assert.notEqual(one[3], two[3]);
    const maps = linux ? await readFile("/proc/self/maps", "utf8") : "";
    const spans = maps.split("\n").filter(Boolean).map((line) => line.split(" ")[0].split("-").map((end) => BigInt(`0x${end}`)));
    for (const text of [...one.slice(0, 2), ...two.slice(0, 2)]) {
      const shown = /0x[0-9a-f]+/.exec(text);
      assert.ok(shown === null || !spans.some(([low, high]) => BigInt(shown[0]) >= low && BigInt(shown[0]) < high), text);
    }
  });

  test("F003 errors that a guest caught never come back", async () => {
    const stub = guest(runtime, RELAY, { env: { call: () => { throw new RangeError("of the host"); } } });
    await stub.often(900);
    await fails(stub.fail(), FacetboxError, { message: /its own/ });
    assert.equal(await stub.echo(1), 1);
  });

  test("F025 a kept function is counted in each event and ends with the runtime", async (t) => {
    const own = await open();
    const calls = [];
    const stub = guest(own, app(`
      function App:keep() App.kept = self.env.call end
      function App:use() return App.kept(1) end
      function App:flood() local n = 0 while pcall(App.kept, 1) do n += 1 end return n end
    `), { env: { call: (n) => calls.push(n) }, limits: { subRequests: 50 } });
    await stub.keep();
    await stub.use();
    assert.equal(await stub.flood(), 50);
    assert.equal(calls.length, 51);
    await own.close();
    await fails(stub.use(), FacetboxError, { code: "CLOSED" });
    assert.equal(calls.length, 51);
  });

  test("X010 kills leave threads and descriptors as before", { skip: !linux }, async () => {
    const stub = guest(runtime, app("function App:burn() while true do end end\nfunction App:ok() return 1 end"), { limits: { cpuMs: 10 } });
    const count = async () => [(await readdir("/proc/self/task")).length, (await readdir("/proc/self/fd")).length];
    for (let at = 0; at < 10; at++) await fails(stub.burn(), LimitError);
    const before = await count();
    for (let at = 0; at < 100; at++) await fails(stub.burn(), LimitError);
    assert.equal(await stub.ok(), 1);
    const now = await count();
    assert.ok(now[0] <= before[0] + 4 && now[1] <= before[1] + 4, `${before} became ${now}`);
  });
});

describe("values", () => {
  const hostile = () => {
    const cycle = [];
    cycle.push(cycle);
    let deep = [];
    for (let at = 0; at < 200; at++) deep = [deep];
    return {
      cycle, deep, symbol: Symbol("x"), weak: new WeakMap(), promise: { p: Promise.resolve() }, instance: new Box.prototype.constructor.constructor("return 1"),
      throws: new Proxy({}, { ownKeys() { throw new Error("keys"); } }), getter: { get x() { throw new Error("get"); } },
      revoked: (() => { const made = Proxy.revocable({}, {}); made.revoke(); return { made: made.proxy }; })(), surrogate: "\ud800", key: { "\udfff": 1 },
    };
  };

  test("F017 hostile ones are refused as arguments, stored values and env", async () => {
    const [stub, box] = [guest(runtime, RELAY), objectOf(runtime, Box)];
    for (const [name, value] of Object.entries(hostile())) {
      if (name === "instance") continue; // a function: callable in a guest, and refused by storage only
      for (const attempt of [() => stub.echo([value]), () => box.put([value]), () => guest(runtime, RELAY, { env: { a: value } }).echo(1)]) {
        await assert.rejects(async () => attempt(), undefined, name);
      }
    }
    await fails(box.put(hostile().instance), ValueError);
    assert.deepEqual(await stub.echo([1, { a: null }]), [1, { a: null }]);
    assert.equal(await box.get(), undefined);
  });

  test("F017 buffers that are detached or resized meanwhile", async () => {
    const stub = guest(runtime, RELAY);
    const view = new Uint8Array(8);
    structuredClone(view.buffer, { transfer: [view.buffer] });
    for (const gone of [view, view.buffer]) {
      await stub.echo(gone).then((value) => assert.equal(value.length, 0), (error) => assert.ok(error instanceof ValueError, error));
    }
    const late = new Uint8Array([1, 2, 3]);
    const answer = stub.echo(late);
    structuredClone(late.buffer, { transfer: [late.buffer] });
    assert.deepEqual([...(await answer)], [1, 2, 3]);
  });

  test("F021 limits that are none are refused", async () => {
    for (const value of [0, -1, 2 ** 64, NaN, Infinity, "1", [], 0.5, 1n << 64n]) {
      for (const name of ["cpuMs", "wallMs", "memoryBytes", "storageBytes", "messageBytes"]) {
        assert.throws(() => runtime.namespace(`limits${String(value)}${name}`, Box, { limits: { [name]: value } }), InvalidArgument);
      }
    }
  });

  test("D002 names that are no Unicode are refused", async () => {
    const boxes = runtime.namespace("unicode", Box);
    for (const name of ["\ud800", "a\udcff"]) {
      for (const attempt of [() => runtime.namespace(name, Box), () => boxes.getByName(name).get(), () => boxes.idFromName(name), () => boxes.getByName("it")[name]()]) {
        await assert.rejects(async () => attempt());
      }
    }
  });
});

describe("data", () => {
  const ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) INSERT INTO t SELECT i FROM n";

  test("L089 S059 F005 closing ends a statement and leaves the data whole", async (t) => {
    const directory = await directoryFor(t);
    let started;
    const bind = (own) => {
      const worker = own.loader().load(new WorkerCode({ mainModule: "m.luau", modules: { "m.luau": app(`
        function App:make() self.ctx.storage.sql:exec("CREATE TABLE t(i); INSERT INTO t VALUES (0)") end
        function App:burn() self.env.started() self.ctx.storage.sql:exec("${ENDLESS}") end
        function App:rows() return self.ctx.storage.sql:exec("SELECT count(*) AS n FROM t"):one().n end`) }, env: { started: () => started() } }));
      return own.namespace("a", worker.getDurableObjectClass("App"), { limits: { cpuMs: 60_000, wallMs: 60_000 } }).getByName("it");
    };
    const own = await open(directory);
    const stub = bind(own);
    await stub.make();
    const began = new Promise((resolve) => (started = resolve));
    const burning = assert.rejects(stub.burn());
    await began;
    await own.close();
    await burning;
    const again = await open(directory);
    assert.deepEqual((await again.verify()).problems, []);
    assert.equal(await bind(again).rows(), 1);
    await again.close();
  });

  test("S053 places that are no export are not imported", async (t) => {
    const directory = await directoryFor(t);
    const own = await runtimeFor(t, join(directory, "data"), { durability: "none" });
    const boxes = own.namespace("boxes", Box);
    await boxes.getByName("it").put("kept");
    const good = join(directory, "good");
    await boxes.export(boxes.idFromName("it"), good);
    const file = (await readdir(good, { recursive: true })).find((name) => name.endsWith(".sqlite"));
    const bytes = await readFile(join(good, file));
    const bad = ["/dev/zero", "/dev/null", join(directory, "missing"), join(good, file)];
    for (const [name, changed] of Object.entries({ cut: bytes.subarray(0, bytes.length / 2), empty: new Uint8Array(), noise: Buffer.alloc(bytes.length, 7) })) {
      await cp(good, join(directory, name), { recursive: true });
      await writeFile(join(directory, name, file), changed);
      bad.push(join(directory, name));
    }
    if (linux) {
      await mkdir(join(directory, "pipe"));
      execFileSync("mkfifo", [join(directory, "pipe", file)]);
      bad.push(join(directory, "pipe"));
    }
    for (const place of bad) {
      await assert.rejects(boxes.import(boxes.idFromName("new"), place), FacetboxError, place);
      assert.equal(await boxes.exists(boxes.idFromName("new")), false);
    }
    assert.equal(await boxes.getByName("it").get(), "kept");
  });

  test("D020 exports go to new places outside only", async (t) => {
    const directory = await directoryFor(t);
    const own = await runtimeFor(t, join(directory, "data"), { durability: "none" });
    const boxes = own.namespace("boxes", Box);
    await boxes.getByName("it").put("kept");
    await mkdir(join(directory, "full"));
    await writeFile(join(directory, "full", "mine"), "mine");
    await symlink(join(directory, "full"), join(directory, "link"));
    for (const place of ["full", "link", join("full", "mine"), "data", "data/objects/x", "missing/deeper"]) {
      await assert.rejects(boxes.export(boxes.idFromName("it"), join(directory, place)), FacetboxError, place);
    }
    assert.deepEqual(await readdir(join(directory, "full")), ["mine"]);
    assert.equal(await boxes.getByName("it").get(), "kept");
  });

  test("F011 a function of the host may harm the object that runs it", async (t) => {
    const directory = await directoryFor(t);
    const own = await runtimeFor(t, join(directory, "data"), { durability: "none" });
    const harm = {};
    const worker = own.loader().load(new WorkerCode({ mainModule: "m.luau", modules: { "m.luau": RELAY }, env: { call: (how) => harm[how]() } }));
    const apps = own.namespace("apps", worker.getDurableObjectClass("App"));
    const id = apps.idFromName("it");
    Object.assign(harm, {
      remove: () => apps.delete(id),
      export: () => apps.export(id, join(directory, "export")),
      import: () => apps.import(id, join(directory, "export")),
      query: async () => (await apps.query(id, "SELECT 1")).rows.length,
    });
    for (const how of Object.keys(harm)) {
      const ended = await Promise.race([apps.getByName("it").run(how).catch((error) => error), sleep(45_000, "hangs", { ref: false })]);
      assert.notEqual(ended, "hangs", how);
      assert.notEqual(ended?.code, "PANIC", how);
      assert.equal(await apps.getByName("it").echo(how), how);
    }
  });

  test("D011 a directory whose holder was killed opens at once", async (t) => {
    const directory = await directoryFor(t);
    const { signal } = await runModule(
      `import { open } from "facetbox"; await open(process.argv[1]); process.kill(process.pid, "SIGKILL"); await new Promise(() => {});`,
      directory,
    );
    assert.equal(signal, "SIGKILL");
    await writeFile(join(directory, "LOCK"), `${process.pid}\n`);
    await (await open(directory)).close();
  });
});

test("F008 worker threads use runtimes of their own at the same time", async () => {
  const source = `
    import { parentPort } from "node:worker_threads";
    import { open, DurableObject } from "facetbox";
    class Counter extends DurableObject { add() { const n = (this.ctx.storage.kv.get("n") ?? 0) + 1; this.ctx.storage.kv.put("n", n); return n; } }
    const runtime = await open();
    const stub = runtime.namespace("c", Counter).getByName("it");
    const seen = await Promise.all(Array.from({ length: 100 }, () => stub.add()));
    await runtime.close();
    parentPort.postMessage(Math.max(...seen));`;
  const results = await Promise.all(Array.from({ length: 4 }, () => new Promise((resolve, reject) => {
    const path = new URL(`data:text/javascript,${encodeURIComponent(source.replace('"facetbox"', JSON.stringify(import.meta.resolve("facetbox"))))}`);
    const worker = new Worker(path);
    worker.on("message", resolve).on("error", reject);
  })));
  assert.deepEqual(results, [100, 100, 100, 100]);
});
