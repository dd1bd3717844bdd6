import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { after, test } from "node:test";
import { ClosedError, DurableObject, open } from "facetbox";
import { app, fails, guest, objectOf, runModule } from "./support.mjs";

const runtime = await open();
after(() => runtime.close());

/** The start of a program with a guest whose method `burn` takes `ms` of CPU time. */
const PROGRAM = `
  import { DurableObject, open } from "facetbox";
  const code = \`
    local App = DurableObject:extend("App")
    function App:burn(ms)
      local start = os.clock()
      while os.clock() - start < ms / 1000 do end
      return "burnt"
    end
    return { App = App }
  \`;
  const runtime = await open();
  const worker = runtime.loader().load({ mainModule: "m.luau", modules: { "m.luau": code } });
  const app = runtime.namespace("App", worker.getDurableObjectClass("App")).getByName("a");
`;

test("a guest that burns its CPU time doesn't hold up the event loop", async () => {
  /** How often a timer of 5 ms runs in about 300 ms, in relation to how often it should. */
  async function share(meanwhile) {
    let ticks = 0;
    const timer = setInterval(() => ticks++, 5);
    const begin = performance.now();
    await meanwhile();
    clearInterval(timer);
    return ticks / ((performance.now() - begin) / 5);
  }
  const stub = guest(runtime, app(`function App:spin() while true do end end`), {
    limits: { cpuMs: 300 },
  });
  const idle = await share(() => sleep(300));
  const burning = await share(() => assert.rejects(stub.spin(), { code: "LIMIT_CPU" }));
  // A loop that waited for the guest would not have run the timer at all.
  assert.ok(burning > idle / 4, `${burning} of the ticks beside a guest, ${idle} without one`);
});

test("a process with an open, idle runtime ends by itself", async () => {
  const { code, output } = await runModule(`${PROGRAM} console.log(await app.burn(1));`);
  assert.deepEqual({ code, output }, { code: 0, output: "burnt\n" });
});

test("a process waits for calls that are pending", async () => {
  const { code, output } = await runModule(`${PROGRAM} app.burn(200).then(console.log);`);
  assert.deepEqual({ code, output }, { code: 0, output: "burnt\n" });
});

test("a process may exit in the middle of a call", async () => {
  const { code, output } = await runModule(`${PROGRAM}
    app.burn(20_000).catch(() => {});
    setTimeout(() => process.exit(7), 50);`);
  assert.deepEqual({ code, output }, { code: 7, output: "" });
});

test("an unhandled failure of a call is an ordinary unhandled rejection", async () => {
  const { code, output } = await runModule(`${PROGRAM} app.missing();`);
  assert.equal(code, 1);
  assert.match(output, /does not implement the method "missing"/);
});

test("a hundred calls run side by side", async () => {
  class Slow extends DurableObject {
    running = 0;
    async wait(n) {
      this.running++;
      await sleep(20);
      return [n, this.running];
    }
  }
  const stub = objectOf(runtime, Slow);
  const answers = await Promise.all(Array.from({ length: 100 }, (_, n) => stub.wait(n)));
  assert.deepEqual(answers.map(([n]) => n), Array.from({ length: 100 }, (_, n) => n));
  assert.equal(answers[99][1], 100, "all were pending at once");

  const guests = Array.from({ length: 20 }, () => guest(runtime, app(`function App:id(x) return x end`)));
  const calls = Array.from({ length: 100 }, (_, n) => guests[n % 20].id(n));
  assert.deepEqual(await Promise.all(calls), Array.from({ length: 100 }, (_, n) => n));
});

test("calls on one stub arrive in the order in which they were made", async () => {
  class Log extends DurableObject {
    log = [];
    add(n) {
      this.log.push(n);
    }
    all() {
      return this.log;
    }
  }
  const stub = objectOf(runtime, Log);
  for (let n = 0; n < 200; n++) stub.add(n);
  assert.deepEqual(await stub.all(), Array.from({ length: 200 }, (_, n) => n));

  const inLuau = guest(runtime, app(`
    local log = {}
    function App:add(n) table.insert(log, n) end
    function App:all() return log end
  `));
  for (let n = 0; n < 200; n++) inLuau.add(n);
  assert.deepEqual(await inLuau.all(), Array.from({ length: 200 }, (_, n) => n));
});

test("functions that guests were given are released with the runtime", async () => {
  const references = (await import("../lib/references.js")).default;
  const first = references.add(null);
  const given = new Set();
  const closing = await open();
  const stub = guest(closing, app(`function App:use(f) return f() end`));
  for (let n = 0; n < 100; n++) {
    const callback = () => n;
    given.add(callback);
    assert.equal(await stub.use(callback), n);
    await assert.rejects(stub.use(callback, Symbol("fails after the function")));
  }
  await closing.close();

  const last = references.add(null);
  const kept = () => {
    const ids = Array.from({ length: last - first - 1 }, (_, i) => first + 1 + i);
    return ids.filter((id) => given.has(references.get(id))).length;
  };
  for (let turn = 0; turn < 100 && kept() > 0; turn++) await sleep(10);
  assert.equal(kept(), 0);
});

test("a runtime closes at the end of its scope", async () => {
  const runtime = await open();
  const stub = objectOf(runtime, class extends DurableObject { hello() { return "hello"; } });
  assert.equal(await stub.hello(), "hello");
  await runtime[Symbol.asyncDispose]();
  await fails(stub.hello(), ClosedError);
});

test("calls of a program with fake timers are answered", async (t) => {
  const stub = guest(runtime, app(`function App:answer() return 42 end`));
  assert.equal(await stub.answer(), 42);
  t.mock.timers.enable();
  // However seldom the loop looks for answers itself, it does within so many calls.
  for (let i = 0; i < 1_100; i++) assert.equal(await stub.answer(), 42);
});

test("calls in a row let others have the event loop", async () => {
  const stub = guest(runtime, app("function App:echo(value) return value end"));
  let turns = 0;
  let turning = true;
  const turn = () => {
    turns++;
    if (turning) setImmediate(turn);
  };
  turn();
  for (let i = 0; i < 300; i++) assert.equal(await stub.echo(i), i);
  turning = false;
  assert.ok(turns >= 30, `the loop came round ${turns} times in 300 calls`);
});

test("answers that come together reach their calls", async () => {
  const stub = guest(runtime, app("function App:echo(value) return value end"));
  for (const count of [1, 2, 1, 1, 7, 1, 30]) {
    const numbers = Array.from({ length: count }, (_, i) => i);
    for (let repeat = 0; repeat < 20; repeat++) {
      const echoes = numbers.map((i) => stub.echo(i));
      assert.deepEqual(await Promise.all(echoes), numbers);
    }
  }
});

/** Counts how often the loop comes round while `work` goes on, held up at first until all that it makes is there. */
async function turnsOf(work) {
  let turn = 0;
  let turning = true;
  const count = () => {
    turn++;
    if (turning) setImmediate(count);
  };
  const working = work(() => turn);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
  count();
  const result = await working;
  turning = false;
  return result;
}

/** The most of these turns that are one and the same. */
function mostAtOnce(turns) {
  const counts = new Map();
  for (const turn of turns) counts.set(turn, (counts.get(turn) ?? 0) + 1);
  return Math.max(...counts.values());
}

test("calls of a guest that come together let others have the event loop", async () => {
  const worker = runtime.loader().load({
    mainModule: "m.js",
    modules: {
      "m.js": `
        import { DurableObject } from "cloudflare:workers";
        export class App extends DurableObject {
          async flood() {
            await Promise.all(Array.from({ length: 900 }, (_, i) => this.env.NOTE(i)));
          }
        }`,
    },
    env: { NOTE: (i) => note(i) },
  });
  const stub = objectOf(runtime, worker.getDurableObjectClass("App"));
  let note = () => {};
  await stub.flood();
  const notes = await turnsOf(async (turn) => {
    const notes = [];
    note = (i) => notes.push([i, turn()]);
    await stub.flood();
    return notes;
  });
  assert.deepEqual(notes.map(([i]) => i), Array.from({ length: 900 }, (_, i) => i));
  const most = mostAtOnce(notes.map(([, turn]) => turn));
  assert.ok(most <= 100, `${most} of 900 calls within one turn of the loop`);
});

test("answers that come together let others have the event loop", async () => {
  const stubs = Array.from({ length: 10 }, () => guest(runtime, app("function App:echo(value) return value end")));
  await Promise.all(stubs.map((stub) => stub.echo(0)));
  const turns = await turnsOf(async (turn) => {
    const call = async (_, i) => {
      assert.equal(await stubs[i % 10].echo(i), i);
      return turn();
    };
    return Promise.all(Array.from({ length: 900 }, call));
  });
  const most = mostAtOnce(turns);
  assert.ok(most <= 100, `${most} of 900 answers within one turn of the loop`);
});
