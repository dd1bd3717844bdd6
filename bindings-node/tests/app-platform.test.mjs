// The example project in Cloudflare's style, whose import line is changed: its supervisor runs in Node itself.

import assert from "node:assert/strict";
import { readFile, rm, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { open } from "../index.mjs";

const WORKER = new URL("../../examples/app-platform/worker.js", import.meta.url);
const PACKAGE = new URL("../index.mjs", import.meta.url);

/** The module with its first import from this package; the imports of generated apps stay as they are. */
async function importWorker(t) {
  const dir = await mkdtemp(join(tmpdir(), "facetbox-"));
  t.after(() => rm(dir, { recursive: true }));
  const source = await readFile(WORKER, "utf8");
  const changed = source.replace('"cloudflare:workers"', JSON.stringify(PACKAGE.href));
  assert.notEqual(changed, source);
  const file = join(dir, "worker.mjs");
  await writeFile(file, changed);
  return import(pathToFileURL(file).href);
}

test("the supervisor of a Cloudflare project runs as a class of the host", async (t) => {
  const { AppRunner, default: platform } = await importWorker(t);
  const runtime = await open();
  t.after(() => runtime.close());
  const ctx = { exports: { AppRunner: runtime.namespace("AppRunner", AppRunner) } };
  const send = async (path, init) => {
    const response = await platform.fetch(new Request(`http://platform${path}`, init), {}, ctx);
    return [response.status, await response.text()];
  };

  assert.deepEqual(await send("/apps/a/"), [404, "There is no such app.\n"]);
  await send("/apps/a/prompt", { method: "POST", body: "count my visits" });
  assert.deepEqual(await send("/apps/a/"), [200, "You've made 1 requests.\n"]);
  assert.deepEqual(await send("/apps/a/"), [200, "You've made 2 requests.\n"]);

  await send("/apps/a/prompt", { method: "POST", body: "keep my notes" });
  const note = '{"id":1,"text":"milk"}';
  assert.deepEqual(await send("/apps/a/", { method: "POST", body: "milk" }), [201, note]);
  assert.deepEqual(await send("/apps/a/"), [200, `[${note}]`]);

  await send("/apps/a/code", { method: "PUT", body: "export class App {" });
  const [status, text] = await send("/apps/a/");
  assert.equal(status, 500);
  assert.match(text, /app\.js:1:/);
});
