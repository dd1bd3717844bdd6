// Functions and objects of the host that do odd things, or are used in odd ways, by guests.

import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { Readable } from "node:stream";
import { after, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { FacetboxError, ValueError, open } from "facetbox";
import { app, fails, guest, run, runtimeFor } from "./support.mjs";

const runtime = await open();
after(() => runtime.close());

const CALLER = app(`
  function App:call(...) return self.env.F(...) end
  function App:use(name, ...) return self.env.OBJECT[name](self.env.OBJECT, ...) end
  function App:try(name, ...)
    local ok, e = pcall(self.env.OBJECT[name], self.env.OBJECT, ...)
    return if ok then { ok = true } else { ok = false, name = e.name, code = e.code }
  end
  function App:tryCall(...)
    local ok, e = pcall(self.env.F, ...)
    return if ok then { ok = true } else { ok = false, name = e.name, length = #e.message, code = e.code }
  end
  function App:many(times) for _ = 1, times do self.env.F() end return times end
  function App:ping() return "pong" end
`);

const withObject = (OBJECT, more) => guest(runtime, CALLER, { env: { OBJECT }, ...more });
const withFunction = (F, more) => guest(runtime, CALLER, { env: { F }, ...more });

async function reaches(object, names) {
  const stub = withObject(object);
  const reached = [];
  for (const name of names) if ((await stub.try(name)).ok) reached.push(name);
  return reached;
}

const MEMBERS = [
  "constructor", "__proto__", "prototype", "toString", "valueOf", "toLocaleString", "hasOwnProperty", "isPrototypeOf",
  "propertyIsEnumerable", "__defineGetter__", "__defineSetter__", "__lookupGetter__", "__lookupSetter__", "call", "apply",
  "bind", "_own", "#hidden", "Symbol(secret)", "own", "0", "", "then", "toJSON",
];

describe("members of an object of the host", () => {
  class Plain {
    static made = 0;
    own = () => "own";
    #hidden() { return "hidden"; }
    get trap() { Plain.made++; return () => "trap"; }
    set trap(value) { Plain.made++; }
    [Symbol("secret")]() { return "secret"; }
    static tool() { return "tool"; }
    _own() { return "private"; }
    open() { return this.#hidden(); }
  }

  test("are its classes' methods, and no accessor is run to find out", async () => {
    assert.deepEqual(await reaches(new Plain(), [...MEMBERS, "trap", "tool", "made", "open"]), ["open"]);
    assert.equal(Plain.made, 0);
  });

  test("aren't those of Node's emitters, targets and streams, which hand out listeners", async () => {
    class Mailer extends EventEmitter { send() { return "sent"; } }
    class Target extends EventTarget { send() { return "sent"; } }
    class Source extends Readable { send() { return "sent"; } }
    const names = ["on", "emit", "listeners", "rawListeners", "removeAllListeners", "setMaxListeners", "addEventListener", "dispatchEvent", "pipe", "destroy", "read", "send"];
    for (const object of [new Mailer(), new Target(), new Source()]) {
      object.on?.("error", () => assert.fail("a guest has emitted"));
      assert.deepEqual(await reaches(object, names), ["send"], object.constructor.name);
    }
  });

  test("of a class without a prototype of its own, or of null", async () => {
    class Nothing extends null {
      static make() { return Object.create(Nothing.prototype); }
      open() { return "open"; }
    }
    assert.deepEqual(await reaches(Nothing.make(), [...MEMBERS, "open"]), ["open"]);
  });

  test("that are changed after they were given are looked up when they are called", async () => {
    class Changing { open() { return "old"; } }
    const stub = withObject(new Changing());
    assert.equal(await stub.use("open"), "old");
    Changing.prototype.open = () => "new";
    assert.equal(await stub.use("open"), "new");
    delete Changing.prototype.open;
    assert.deepEqual(await stub.try("open"), { ok: false, name: "TypeError", code: "NOT_FOUND" });
  });
});

describe("what code of the host throws", () => {
  const odd = [
    undefined, null, Symbol("s"), () => {}, Object.create(null), { get message() { throw 1; } },
    new Proxy({}, { get() { throw 2; }, getPrototypeOf() { throw 3; } }),
    new Proxy(new Error("e"), { get() { throw 4; } }),
    Object.assign(new Error("e"), { name: Symbol("n") }), Object.assign(new Error("e"), { message: 7 }),
    Object.assign(new Error("e"), { name: { toString() { throw 5; } } }),
    Object.defineProperty(new Error("e"), "message", { get() { throw 6; } }),
    Object.assign(new FacetboxError("x"), { code: "NO_SUCH_CODE" }),
    Object.assign(new FacetboxError("x"), { message: { no: "text" } }),
    Object.assign(new FacetboxError("x"), { path: 7, guestStack: {} }),
    new Error("\ud800"), Object.assign(new Error("x"), { name: "\udfff" }),
    new AggregateError([new Error("inner")], "all"), Promise.reject.bind(Promise),
  ];

  for (const [how, throwing] of [["throws", (thing) => () => { throw thing; }], ["rejects", (thing) => async () => { throw thing; }]]) {
    test(`is an error for the guest whatever it ${how}, and the process lives`, async () => {
      for (const thing of odd) {
        const seen = await withFunction(throwing(thing)).tryCall();
        assert.equal(seen.ok, false);
      }
    });
  }

  test("comes out as itself where no guest has caught it", async () => {
    for (const thing of odd) {
      const stub = withFunction(() => { throw thing; });
      const outcome = await stub.call().then(() => assert.fail("no error"), (thrown) => ({ thrown }));
      assert.equal(outcome.thrown, thing);
    }
  });

  test("of a megabyte is passed on, and a thousand of them leave nothing", async () => {
    const stub = withFunction(() => { throw new Error("x".repeat(1 << 20)); });
    assert.equal((await stub.tryCall()).ok, false);
    assert.equal(await stub.ping(), "pong");
  });
});

describe("what code of the host answers", () => {
  test("is refused where it can't cross, and an error in the guest", async () => {
    const revoked = Proxy.revocable({}, {});
    revoked.revoke();
    const cyclic = {};
    cyclic.self = [cyclic];
    const things = [
      cyclic, revoked.proxy, new Proxy({}, { ownKeys() { throw new Error("trap"); } }), Symbol("s"), new WeakMap(), /x/,
      (function* () {})(), (async function* () {})(), new Proxy([], { get(target, key) { return key === "length" ? 2 ** 33 : undefined; } }),
      { get a() { throw new Error("getter"); } }, "\ud800", { "\ud800": 1 }, [, 1], new (class Own {})(),
    ];
    for (const thing of things) {
      const seen = await withFunction(() => thing).tryCall();
      assert.equal(seen.ok, false, String(seen.name));
    }
  });

  test("is read once, although it changes meanwhile", async () => {
    let reads = 0;
    const changing = { get a() { reads++; delete this.b; this.c = 1; return reads; }, b: 2 };
    const answer = await withFunction(() => changing).call();
    assert.equal(reads, 1);
    assert.equal(answer.a, 1);
    const list = [{ get x() { list.length = 1; return 1; } }, 2, 3];
    await fails(withFunction(() => list).call(), ValueError);
  });

  test("may be a thenable, settled once, by whichever comes first", async () => {
    const twice = { then(resolve, reject) { resolve("first"); resolve("second"); reject(new Error("third")); throw new Error("fourth"); } };
    assert.equal(await withFunction(() => twice).call(), "first");
    const nested = { then(resolve) { resolve({ then(inner) { inner("deep"); } }); } };
    assert.equal(await withFunction(() => nested).call(), "deep");
    const trapped = { get then() { throw new Error("then"); } };
    assert.equal((await withFunction(() => trapped).tryCall()).ok, false);
  });

  test("that never comes ends at the guest's wall limit, and what comes late is nobody's", async () => {
    let late;
    const stub = withFunction(() => new Promise((resolve) => { late = resolve; }), { limits: { wallMs: 1_000 } });
    await fails(stub.call(), FacetboxError, { code: "LIMIT_WALL" });
    late({ get trap() { return "late"; } });
    await sleep(5);
    assert.equal(await stub.ping(), "pong");
  });

  test("may be an object that the guest was given, and no other of that class", async () => {
    class Tool { self() { return this; } other() { return new Tool(); } open() { return "open"; } }
    const tool = new Tool();
    const stub = guest(runtime, app(`
      function App:go() return self.env.TOOL:self():open() end
      function App:other() return self.env.TOOL:other() end
    `), { env: { TOOL: tool } });
    assert.equal(await stub.go(), "open");
    await fails(stub.other(), ValueError);
  });
});

describe("objects of the host that are used while they are used", () => {
  test("are called again from within, and see their own state", async () => {
    class Counter {
      n = 0;
      async again(left) {
        this.n++;
        return left > 0 ? await stub.use("again", left - 1) : this.n;
      }
    }
    const counter = new Counter();
    const stub = withObject(counter);
    assert.equal(await stub.use("again", 5), 6);
    await fails(stub.use("again", 200), FacetboxError, { code: "LIMIT_DEPTH" });
    assert.equal(await stub.ping(), "pong");
  });

  test("answer although every handle is collected while they run", async () => {
    const program = `
      import { DurableObject, open } from "facetbox";
      const GUEST = ${JSON.stringify(app("function App:go() return self.env.F() end"))};
      let handles;
      async function forget() {
        handles = undefined;
        for (let turn = 0; turn < 10; turn++) {
          global.gc();
          await new Promise(setImmediate);
        }
        return "forgotten";
      }
      class Supervisor extends DurableObject {
        go() {
          const code = { mainModule: "m.luau", modules: { "m.luau": GUEST }, env: { F: forget } };
          return this.ctx.facets.get("app", () => ({ class: this.env.LOADER.load(code).getDurableObjectClass("App") })).go();
        }
      }
      async function begin() {
        const runtime = await open();
        handles = { runtime, stub: runtime.namespace("S", Supervisor).getByName("a") };
        return handles.stub.go();
      }
      console.log(await begin());
    `;
    const { code, output } = await run("--expose-gc", "--input-type=module", "--eval", program);
    assert.deepEqual({ code, output }, { code: 0, output: "forgotten\n" });
  });

  test("may close the runtime that calls them", async (t) => {
    const own = await runtimeFor(t);
    const stub = guest(own, CALLER, { env: { F: async () => { await own.close(); return "closed"; } } });
    await fails(stub.call(), FacetboxError, { code: "CLOSED" });
    await fails(stub.ping(), FacetboxError, { code: "CLOSED" });
  });
});
