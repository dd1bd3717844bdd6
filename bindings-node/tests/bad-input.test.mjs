import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import {
  ClosedError,
  DurableObject,
  FacetboxError,
  GuestError,
  InUseError,
  InvalidArgument,
  LimitError,
  LoadError,
  NotFoundError,
  StorageError,
  UnsupportedError,
  ValueError,
  open,
} from "facetbox";
import { app, directoryFor, fails, guest, objectOf, run, runModule, runtimeFor } from "./support.mjs";

class Plain extends DurableObject {
  own = () => "an own property";
  get accessor() {
    return () => "an accessor";
  }
  hello() {
    return "hello";
  }
}

const runtime = await open();
after(() => runtime.close());

describe("names that don't exist", () => {
  test("a namespace", () => {
    assert.throws(() => runtime.getNamespace("nowhere"), { code: "NOT_FOUND", number: 201 });
  });

  test("a method: missing, inherited, own, an accessor", async () => {
    const stub = objectOf(runtime, Plain);
    assert.equal(await stub.hello(), "hello");
    for (const name of ["missing", "own", "accessor", "ctx", "env", "__proto__x"]) {
      await fails(stub[name](), NotFoundError, {
        name: "TypeError",
        message: `The RPC receiver does not implement the method "${name}".`,
      });
    }
  });

  test("reserved names are refused, members of every object stay local", async () => {
    const stub = objectOf(runtime, Plain);
    await fails(stub.alarm(), InvalidArgument, { message: /reserved/ });
    assert.equal(stub.then, undefined);
    // Whoever logs a stub as JSON calls nobody.
    assert.equal(stub.toJSON, undefined);
    assert.equal(JSON.parse(JSON.stringify([stub]))[0].name, stub.name);
    assert.equal(stub.toString, Object.prototype.toString);
    assert.equal(stub.constructor, Object);
    assert.equal(stub.hasOwnProperty("id"), true);
  });

  test("a method of a class that doesn't extend DurableObject", async () => {
    class Old {
      fetch() {
        return new Response("old style");
      }
      hello() {}
    }
    const stub = objectOf(runtime, Old);
    assert.equal(await (await stub.fetch("http://x/")).text(), "old style");
    await fails(stub.hello(), NotFoundError, { message: /extends DurableObject/ });
  });

  test("a fetch handler", async () => {
    await fails(objectOf(runtime, Plain).fetch("http://x/"), NotFoundError, { message: /fetch\(\)/ });
  });

  test("a method of guest code", async () => {
    await fails(guest(runtime, app("")).missing(), FacetboxError, { message: /"missing"/ });
  });

  test("a module and an export", async () => {
    const loader = runtime.loader();
    assert.throws(() => loader.load({ mainModule: "a.luau", modules: { "b.luau": "" } }), LoadError);
    const error = await fails(guest(runtime, `return { Other = DurableObject:extend("Other") }`).x(), FacetboxError);
    assert.match(error.message, /App/);
    await fails(guest(runtime, `require("./missing")`).x(), FacetboxError, { message: /missing/ });
  });
});

describe("guest code that misbehaves", () => {
  test("a syntax error names module and line", async () => {
    const error = await fails(guest(runtime, "local x = 1\nlocal = 2\n").x(), LoadError);
    assert.equal(error.code, "LOAD_ERROR");
    assert.match(`${error.message}\n${error.guestStack}`, /main\.luau:2/);
  });

  test("an error it throws keeps name and message, and has a stack", async () => {
    const stub = guest(runtime, app(`
      function App:plain() error("oh no") end
      function App:typed() error({ name = "RangeError", message = "too far" }) end
    `));
    await fails(stub.plain(), GuestError, { name: "Error", message: /oh no/ });
    const error = await fails(stub.typed(), GuestError, { name: "RangeError", message: "too far" });
    assert.equal(error.code, "GUEST_ERROR");
    assert.match(error.guestStack, /main\.luau:5/);
    assert.match(error.stack, /^RangeError: too far\n    at main\.luau:5/);
    assert.match(error.path, /^Test\d+\/object\/app$/);
  });

  test("its errors' stacks lead to the caller", async () => {
    const source = app(`function App:typed() error({ name = "RangeError", message = "too far" }) end`);
    const code = { mainModule: "m.luau", modules: { "m.luau": source } };
    const type = runtime.loader().load(code).getDurableObjectClass("App");
    const stub = runtime.namespace("Stacks", type).getByName("a");
    async function caller() {
      await stub.typed();
    }
    const { stack } = await fails(caller(), GuestError);
    assert.match(stack, /^RangeError: too far\n    at m\.luau:3 typed\n    at async caller/);
  });

  test("an infinite loop", async () => {
    const stub = guest(runtime, app("function App:spin() while true do end end\nfunction App:ok() return 1 end"), {
      limits: { cpuMs: 50 },
    });
    await fails(stub.spin(), LimitError, { code: "LIMIT_CPU", number: 401, message: /50/ });
    assert.equal(await stub.ok(), 1);
  });

  test("endless allocation", async () => {
    const stub = guest(runtime, app("function App:eat() local t = {} while true do t[#t + 1] = string.rep('x', 1000) .. #t end end"), {
      limits: { memoryBytes: 8 << 20 },
    });
    await fails(stub.eat(), LimitError, { code: "LIMIT_MEMORY" });
  });

  test("endless recursion", async () => {
    const stub = guest(runtime, app("function App:deep() return 1 + self:deep() end"));
    await fails(stub.deep(), LimitError, { code: "LIMIT_STACK", name: "RangeError" });
  });

  test("a cycle as a result", async () => {
    const stub = guest(runtime, app("function App:cycle() local t = {} t.t = t return t end"));
    await fails(stub.cycle(), ValueError, { message: /contains itself/ });
  });

  test("fetch without a network", async () => {
    const stub = guest(runtime, app("function App:reach() return fetch('http://example.com/') end"));
    await fails(stub.reach(), FacetboxError, { message: /not permitted to access the internet/ });
  });
});

describe("data directories", () => {
  test("in use, by this process and by another", async (t) => {
    const data = await directoryFor(t);
    const holder = await runtimeFor(t, data);
    await fails(open(data), InUseError, { code: "IN_USE", message: new RegExp(`${process.pid}`) });
    const source = `import { open } from "facetbox";
      await open(process.argv[1]).catch((error) => console.log(error.code, error.message));`;
    const { output } = await runModule(source, data);
    assert.match(output, new RegExp(`^IN_USE .*${process.pid}`));
    await holder.close();
    await (await open(data)).close();
  });

  test("not writable, because a file is in the way", async (t) => {
    const data = await directoryFor(t);
    await writeFile(join(data, "file"), "");
    await fails(open(join(data, "file", "data")), StorageError, { code: "STORAGE" });
  });

  test("not ours", async (t) => {
    const data = await directoryFor(t);
    await mkdir(join(data, "precious"));
    await fails(open(data), StorageError, { code: "CORRUPT", message: /precious/ });
  });
});

describe("after close", () => {
  test("everything fails with CLOSED, and closing again does nothing", async () => {
    const closing = await open();
    const objects = closing.namespace("Plain", Plain);
    const stub = objects.getByName("a");
    assert.equal(await stub.hello(), "hello");
    await closing.close();
    await closing.close();
    await fails(stub.hello(), ClosedError, { code: "CLOSED" });
    await fails(objects.getByName("b").hello(), ClosedError);
    await fails(stub.fetch("http://x/"), ClosedError);
    assert.throws(() => closing.namespace("Other", Plain), ClosedError);
    assert.throws(() => closing.getNamespace("Plain"), ClosedError);
  });

  test("pending calls end with CLOSED", async () => {
    const closing = await open();
    class Never extends DurableObject {
      never() {
        return new Promise(() => {});
      }
    }
    const spinning = guest(closing, app("function App:spin() while true do end end"));
    const calls = [objectOf(closing, Never).never(), spinning.spin()];
    const outcomes = Promise.allSettled(calls);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await closing.close();
    for (const { reason } of await outcomes) assert.equal(reason?.code, "CLOSED", reason?.stack);
  });
});

describe("arguments", () => {
  test("of open()", async () => {
    await fails(open(1), InvalidArgument, { message: /path must be a string/ });
    await fails(open(null, { durable: "full" }), InvalidArgument, { message: /durability/ });
    await fails(open(null, { durability: "half" }), InvalidArgument, { message: /half/ });
    await fails(open(null, { threads: 0 }), InvalidArgument);
    for (const cpuMs of [0, -1, NaN, Infinity, "1", 2 ** 64]) {
      await fails(open(null, { limits: { cpuMs } }), InvalidArgument, { message: /cpuMs/ });
    }
    await fails(open(null, { limits: { cpu: 1 } }), InvalidArgument, { message: /cpuMs/ });
  });

  test("of namespaces and ids", () => {
    assert.throws(() => runtime.namespace("", Plain), InvalidArgument);
    assert.throws(() => runtime.namespace("\ud800", Plain), InvalidArgument);
    assert.throws(() => runtime.namespace("X", {}), InvalidArgument);
    assert.throws(() => runtime.namespace("X", () => {}), InvalidArgument);
    assert.throws(() => runtime.namespace("X", Plain, { Env: {} }), /known options: env, limits/);
    const objects = runtime.namespace("Ids", Plain);
    assert.throws(() => runtime.namespace("Ids", Plain), InvalidArgument);
    assert.throws(() => objects.idFromString("goodbye"), {
      name: "TypeError",
      message: "Invalid Durable Object ID: must be 64 hex digits",
    });
    assert.throws(() => objects.get("x"), InvalidArgument);
    assert.throws(() => objects.getByName(1), InvalidArgument);
    assert.throws(() => objects.newUniqueId({ jurisdiction: "eu" }), UnsupportedError);
    const other = runtime.namespace("OtherIds", Plain);
    assert.throws(() => other.get(objects.idFromName("a")), InvalidArgument);
  });

  test("ids of the golden vectors", () => {
    const objects = runtime.namespace("mykey", Plain);
    const id = objects.idFromName("name");
    assert.equal(`${id}`, "3652ef6221834806dc8df802d1d216e27b7d07e0a6b7adf6cfdaeec90f06459a");
    assert.equal(id.name, "name");
    const back = objects.idFromString(`${id}`.toUpperCase());
    assert.ok(back.equals(id) && id.equals(back) && back.name === undefined);
    assert.ok(!objects.newUniqueId().equals(objects.newUniqueId()));
    assert.deepEqual(Object.keys(objects.get(id)), ["id", "name"]);
  });

  test("of the loader", () => {
    const loader = runtime.loader();
    assert.throws(() => loader.load("code"), InvalidArgument);
    assert.throws(() => loader.load({ mainModule: "a.luau", modules: {} }), LoadError);
    assert.throws(() => loader.load({ mainModule: "a.luau", modules: { "a.luau": "" }, x: 1 }), /'x'/);
    assert.throws(() => loader.load({ mainModule: "a.py", modules: { "a.py": "" } }), InvalidArgument);
    assert.throws(() => loader.load({ mainModule: "a", modules: { a: { wasm: "" } } }), UnsupportedError);
    assert.throws(() => loader.get("id"), InvalidArgument);
  });
});

test("errors of every code have their class, and the process survives all of the above", async () => {
  const { code, output } = await run("--eval", `
    const facetbox = require("facetbox");
    const native = require("./lib/native.js");
    for (const row of native.errorTable()) {
      const error = new facetbox[row.class]("m", { code: row.code });
      console.assert(error instanceof facetbox.FacetboxError && error.number === row.number);
    }
    console.log(native.errorTable().length);
  `);
  assert.equal(code, 0, output);
  assert.match(output, /^\d+\n$/);
});
