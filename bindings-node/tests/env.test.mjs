import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { after, describe, test } from "node:test";
import { DurableObject, FacetboxError, NotFoundError, RpcTarget, ValueError, open } from "facetbox";
import { app, fails, guest, objectOf } from "./support.mjs";

const runtime = await open();
after(() => runtime.close());

class Mailer {
  sent = [];
  static factory() {}
  send(to, ...rest) {
    this.sent.push(to);
    return { count: this.sent.length, rest };
  }
  async later(value) {
    await sleep(1);
    return value;
  }
  _secret() {
    return "secret";
  }
}

describe("functions in a guest's env", () => {
  test("get values and give values, now or later", async () => {
    const stub = guest(runtime, app(`
      function App:sum(a, b) return self.env.add(a, b) end
      function App:wait(value) return self.env.later(value) end
    `), {
      env: { add: (a, b) => a + b, later: async (value) => (await sleep(2), { value }) },
    });
    assert.equal(await stub.sum(1, 2), 3);
    assert.deepEqual(await stub.wait("x"), { value: "x" });
  });

  test("an argument of a call is callable in the guest", async () => {
    const stub = guest(runtime, app(`function App:apply(f, x) return f(x) end`));
    assert.equal(await stub.apply((x) => x * 2, 21), 42);
  });

  test("free the guest's turn while they are pending", async () => {
    let release;
    const gate = new Promise((resolve) => (release = resolve));
    const stub = guest(runtime, app(`
      function App:wait() return self.env.gate() end
      function App:quick() return "quick" end
    `), { env: { gate: () => gate } });
    const waiting = stub.wait();
    assert.equal(await stub.quick(), "quick");
    release("opened");
    assert.equal(await waiting, "opened");
  });

  test("may call the same object again", async () => {
    const stub = guest(runtime, app(`
      function App:outer() return self.env.back() + 1 end
      function App:inner() return 1 end
    `), { env: { back: () => stub.inner() } });
    assert.equal(await stub.outer(), 2);
  });

  test("come back to the supervisor as themselves", async () => {
    const stub = guest(runtime, app(`function App:give() return self.env.f end`), {
      env: { f: Math.max },
    });
    assert.equal(await stub.give(), Math.max);
  });
});

describe("exceptions of host code", () => {
  class MyError extends RangeError {
    extra = { anything: 1 };
  }

  const source = app(`
    function App:through() return self.env.fail() end
    function App:caught()
      local ok, e = pcall(self.env.fail)
      return { ok = ok, name = e.name, message = e.message }
    end
  `);

  test("pass through a guest as the very same object, thrown and rejected", async () => {
    const thrown = new MyError("mine");
    for (const fail of [() => { throw thrown; }, async () => { throw thrown; }]) {
      const stub = guest(runtime, source, { env: { fail } });
      assert.equal(await fails(stub.through(), MyError), thrown);
      assert.deepEqual(await stub.caught(), { ok: false, name: "RangeError", message: "mine" });
    }
  });

  test("that are no errors pass through, too", async () => {
    for (const value of [1, "text", null, undefined, { a: 1 }]) {
      const stub = guest(runtime, source, { env: { fail: () => { throw value; } } });
      const outcome = await stub.through().then(() => assert.fail("no error"), (thrown) => ({ thrown }));
      assert.equal(outcome.thrown, value);
    }
  });

  test("of methods of objects and classes", async () => {
    const thrown = new MyError("mine");
    const stub = guest(runtime, app(`function App:object() return self.env.M:boom() end`), {
      env: { M: new (class extends Mailer { boom() { throw thrown; } })() },
    });
    assert.equal(await fails(stub.object(), MyError), thrown);
    class Failing extends DurableObject {
      constructor(ctx, env) {
        super(ctx, env);
        if (ctx.id.name !== "object") throw thrown;
      }
      boom() {
        throw thrown;
      }
      fetch() {
        throw thrown;
      }
    }
    const objects = runtime.namespace("Failing", Failing);
    assert.equal(await fails(objects.getByName("object").boom(), MyError), thrown);
    assert.equal(await fails(objects.getByName("object").fetch("http://x/"), MyError), thrown);
    assert.equal(await fails(objects.getByName("other").boom(), MyError), thrown);
  });

  test("of start callbacks and loader callbacks", async () => {
    const thrown = new MyError("mine");
    class Starter extends DurableObject {
      start(sync) {
        const fail = sync ? () => { throw thrown; } : async () => { throw thrown; };
        return this.ctx.facets.get("a", fail).anything();
      }
      load(sync) {
        const fail = sync ? () => { throw thrown; } : async () => { throw thrown; };
        const worker = this.env.LOADER.get("id", fail);
        return this.ctx.facets.get("a", () => ({ class: worker.getDurableObjectClass("A") })).anything();
      }
    }
    const stub = objectOf(runtime, Starter);
    for (const sync of [true, false]) {
      assert.equal(await fails(stub.start(sync), MyError), thrown);
      assert.equal(await fails(stub.load(sync), MyError), thrown);
    }
  });

  test("show the guest no stack or file name of the host", async () => {
    const stub = guest(runtime, app(`
      function App:look()
        local ok, e = pcall(self.env.fail)
        return tostring(e) .. tostring(e.stack)
      end
    `), { env: { fail: () => { throw new Error("x"); } } });
    assert.doesNotMatch(await stub.look(), /\.mjs|node:/);
  });
});

describe("objects in a guest's env", () => {
  const source = app(`
    function App:send(to) return self.env.MAILER:send(to, 1, 2) end
    function App:later(value) return self.env.MAILER:later(value) end
    function App:try(name) return self.env.MAILER[name](self.env.MAILER) end
    function App:give() return self.env.MAILER end
  `);

  test("answer to the public methods of their class", async () => {
    const mailer = new Mailer();
    const stub = guest(runtime, source, { env: { MAILER: mailer } });
    assert.deepEqual(await stub.send("a@b"), { count: 1, rest: [1, 2] });
    assert.equal(await stub.later("x"), "x");
    assert.deepEqual(mailer.sent, ["a@b"]);
    assert.equal(await stub.give(), mailer);
  });

  test("hide private, own, static and inherited members", async () => {
    const stub = guest(runtime, source, { env: { MAILER: new Mailer() } });
    for (const name of ["_secret", "sent", "factory", "toString", "constructor", "hasOwnProperty"]) {
      await fails(stub.try(name), FacetboxError);
    }
  });

  test("of a class that isn't an RpcTarget can't be arguments", async () => {
    const stub = guest(runtime, app(`function App:use(target) return target:hello() end`));
    class Target extends RpcTarget {
      hello() {
        return "hello";
      }
    }
    assert.equal(await stub.use(new Target()), "hello");
    await fails(stub.use(new Mailer()), ValueError);
  });
});

describe("the env of a JavaScript class", () => {
  test("is what it was given: data as copies, functions and objects as themselves", async () => {
    const [mailer, callback, config] = [new Mailer(), () => 1, { list: [1] }];
    class Looking extends DurableObject {
      same() {
        const { MAILER, callback: f, config: c } = this.env;
        return [MAILER === mailer, f === callback, c === config, c.list[0]];
      }
    }
    const env = { MAILER: mailer, callback, config };
    const stub = objectOf(runtime, Looking, { env });
    assert.deepEqual(await stub.same(), [true, true, false, 1]);
  });

  test("has a loader by default", async () => {
    class Loading extends DurableObject {
      keys() {
        return Object.keys(this.env);
      }
    }
    assert.deepEqual(await objectOf(runtime, Loading).keys(), ["LOADER"]);
  });

  test("may hold namespaces and classes", async () => {
    class Inner extends DurableObject {
      hello() {
        return `hello from ${this.ctx.id.name}`;
      }
    }
    class Outer extends DurableObject {
      other(name) {
        return this.env.INNER.getByName(name).hello();
      }
      facet() {
        return this.ctx.facets.get("f", () => ({ class: this.env.Inner })).hello();
      }
    }
    const env = { INNER: runtime.namespace("Inner", Inner), Inner };
    const stub = objectOf(runtime, Outer, { env });
    assert.equal(await stub.other("bob"), "hello from bob");
    assert.equal(await stub.facet(), "hello from object");
  });
});

describe("the loader", () => {
  test("caches what get() has loaded, and not what failed", async () => {
    let loads = 0;
    const code = { mainModule: "m.luau", modules: { "m.luau": app(`function App:n() return 1 end`) } };
    class Loading extends DurableObject {
      run(name, fail) {
        const worker = this.env.LOADER.get("id", async () => {
          loads++;
          await sleep(1);
          if (fail) throw new Error("no code");
          return code;
        });
        return this.ctx.facets.get(name, () => ({ class: worker.getDurableObjectClass("App") })).n();
      }
    }
    const stub = objectOf(runtime, Loading);
    await fails(stub.run("a", true), Error, { message: "no code" });
    assert.equal(await stub.run("a"), 1);
    assert.deepEqual(await Promise.all([stub.run("b"), stub.run("c")]), [1, 1]);
    assert.equal(loads, 2);
  });

  test("gives entrypoints, props and limits", async () => {
    const worker = runtime.loader().load({
      mainModule: "m.luau",
      modules: {
        "m.luau": `
          local Entry = WorkerEntrypoint:extend("Entry")
          function Entry:props() return self.ctx.props end
          function Entry:fetch(request) return Response.new(request.url) end
          return { default = Entry }
        `,
      },
    });
    const entry = worker.getEntrypoint(undefined, { props: { a: [1] } });
    assert.deepEqual(await entry.props(), { a: [1] });
    assert.equal(await (await entry.fetch("http://app/x")).text(), "http://app/x");
    assert.deepEqual(Object.keys(entry), []);
    await fails(worker.getEntrypoint("Missing").props(), FacetboxError, { message: /Missing/ });
  });

  test("of a guest reaches only what it was given", async () => {
    await fails(
      guest(runtime, app(`function App:x() return self.env.LOADER:load({}) end`)).x(),
      FacetboxError,
    );
    await fails(objectOf(runtime, class extends DurableObject {}).x(), NotFoundError);
  });
});
