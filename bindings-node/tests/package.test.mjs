import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { test } from "node:test";
import * as imported from "facetbox";
import { PACKAGE, directoryFor, run, runModule } from "./support.mjs";

const require = createRequire(import.meta.url);

test("import and require give the same objects, with every name", () => {
  const required = require("facetbox");
  assert.deepEqual(Object.keys(imported).sort(), Object.keys(required).sort());
  for (const name of Object.keys(required)) assert.equal(imported[name], required[name]);
  const classes = require("../lib/native.js").errorTable().map((row) => row.class);
  for (const name of classes) assert.ok(imported[name].prototype instanceof imported.FacetboxError);
});

test("a CommonJS program runs", async () => {
  const { code, output } = await run("--eval", `
    const { open, DurableObject } = require("facetbox");
    class Hello extends DurableObject {
      hello(name) { return "hello " + name; }
    }
    (async () => {
      const runtime = await open();
      console.log(await runtime.namespace("Hello", Hello).getByName("a").hello("you"));
      await runtime.close();
    })();
  `);
  assert.deepEqual({ code, output }, { code: 0, output: "hello you\n" });
});

/** A worker thread that opens a runtime, calls an object and says so; then does `rest`. */
const worker = (rest, data) =>
  new Worker(
    `
    const { parentPort, workerData } = require("node:worker_threads");
    const { open, DurableObject } = require(workerData.main);
    class Hello extends DurableObject {
      hello() { return "hello"; }
    }
    const spin = \`
      local App = DurableObject:extend("App")
      function App:spin() while true do end end
      return { App = App }
    \`;
    (async () => {
      const runtime = await open(workerData.data);
      const loaded = runtime.loader().load({ mainModule: "m.luau", modules: { "m.luau": spin } });
      const app = runtime.namespace("App", loaded.getDurableObjectClass("App")).getByName("a");
      parentPort.postMessage(await runtime.namespace("Hello", Hello).getByName("a").hello());
      ${rest}
    })();
    `,
    { eval: true, workerData: { main: require.resolve("facetbox"), data } },
  );

test("several worker threads each use the module, and end with a runtime open", async () => {
  const workers = Array.from({ length: 3 }, () => worker(""));
  // Both are listened for at once, because they may be emitted in one go.
  const outcomes = workers.map(async (one) => {
    const [[answer], [code]] = await Promise.all([once(one, "message"), once(one, "exit")]);
    return [answer, code];
  });
  assert.deepEqual(await Promise.all(outcomes), Array(3).fill(["hello", 0]));
});

test("a worker thread is terminated in the middle of a call, and gives the directory free", async (t) => {
  const data = await directoryFor(t);
  const one = worker("app.spin().catch(() => {}); parentPort.postMessage('spinning');", data);
  await new Promise((resolve) => one.on("message", (text) => text === "spinning" && resolve()));
  await one.terminate();
  await (await imported.open(data)).close();
});

test("the examples of the README run", async (t) => {
  const readme = await readFile(join(PACKAGE, "README.md"), "utf8");
  const copy = JSON.stringify(join(await directoryFor(t), "copy"));
  const sources = [...readme.matchAll(/```js\n(.*?)```/gs)].map(([, source]) => source);
  const placed = sources.map((text) => text.replaceAll('"./data"', "null").replaceAll('"./copy"', copy));
  const outcomes = placed.map((source) => runModule(source));
  assert.deepEqual(
    (await Promise.all(outcomes)).map(({ code, output }) => ({ code, output })),
    [
      { code: 0, output: "You've made 1 requests.\n\n" },
      { code: 0, output: "It is 2027-01-15T08:01:00.000Z.\n1\n" },
      { code: 0, output: "Hello, you\nHello, from outside\n" },
      {
        code: 0,
        output:
          "first [ [ 'hello' ] ] 0\n{ objects: 1, databases: 1, leftovers: 0, problems: [] }\n",
      },
      { code: 0, output: "hello ok\n" },
    ],
  );
});

test("the guide runs, as one program", async (t) => {
  const guide = await readFile(join(PACKAGE, "../docs/guides/node.md"), "utf8");
  const sources = [...guide.matchAll(/```js\n(.*?)```/gs)].map(([, source]) => source);
  assert.ok(sources.length > 5);
  const directory = await directoryFor(t);
  const program = sources.join("\n").replaceAll(/"\.\/(data|test|backup)"/g, (_, name) => JSON.stringify(join(directory, name)));
  assert.deepEqual(await runModule(program), { code: 0, signal: null, output: "" });
});

test("the native half is of a sensible size", async () => {
  const { size } = await stat(join(PACKAGE, "facetbox.node"));
  assert.ok(size < 12 << 20, `facetbox.node has ${size} bytes; is debug information in it?`);
});

test("the package lists what it needs and no host of a registry", async () => {
  const lock = require("../package-lock.json");
  assert.ok(!JSON.stringify(lock).includes("resolved\":\"http"));
  const { files, version } = require("../package.json");
  assert.ok(files.includes("facetbox.node"));
  assert.equal(lock.version, version);
});
