import assert from "node:assert/strict";
import { readFile, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { test } from "node:test";
import {
  AbortedError,
  DurableObject,
  InvalidArgument,
  NotFoundError,
  StorageError,
  Stub,
  UnsupportedError,
} from "facetbox";
import { directoryFor, fails, runtimeFor } from "./support.mjs";

class Notes extends DurableObject {
  put(key, value) {
    this.ctx.storage.kv.put(key, value);
  }

  get(key) {
    return this.ctx.storage.kv.get(key);
  }

  inFacet(key, value) {
    return this.#facet().put(key, value);
  }

  fromFacet(key) {
    return this.#facet().get(key);
  }

  facetUsage(name) {
    return this.ctx.facets.usage(name);
  }

  exportFacet(name, path) {
    return this.ctx.facets.export(name, path);
  }

  async facetStub() {
    const facet = this.#facet();
    return [await Stub.exists(facet), (await Stub.usage(facet)).storageBytes > 0];
  }

  #facet() {
    return this.ctx.facets.get("sub", () => ({ class: Notes }));
  }
}

/** A runtime on a directory of its own, with a namespace of notes. */
async function notesFor(t) {
  const data = await directoryFor(t);
  const runtime = await runtimeFor(t, data, { durability: "none" });
  return { data, runtime, notes: runtime.namespace("Notes", Notes) };
}

test("objects are listed page by page, from their first write on", async (t) => {
  const { notes } = await notesFor(t);
  assert.deepEqual(await notes.list(), []);
  const names = ["a", "b", "c", "d", "e"];
  for (const name of names) await notes.getByName(name).put("k", name);
  await notes.getByName("only-read").get("k");

  const all = await notes.list();
  assert.deepEqual(all.map(({ name }) => name).sort(), names);
  const ids = all.map(({ id }) => String(id));
  assert.deepEqual(ids, [...ids].sort());
  assert.ok(all[0].id.equals(notes.idFromName(all[0].name)));

  const first = await notes.list({ limit: 2 });
  const rest = await notes.list({ after: first[1].id });
  assert.deepEqual([...first, ...rest].map(({ id }) => String(id)), ids);

  const seen = [];
  for await (const { id } of notes.objects()) seen.push(String(id));
  assert.deepEqual(seen, ids);
});

test("an iteration goes on over the border of a page", async (t) => {
  const { notes } = await notesFor(t);
  const writes = Array.from({ length: 1_001 }, (_, n) => notes.getByName(`${n}`).put("k", n));
  await Promise.all(writes);
  const seen = new Set();
  for await (const { name } of notes.objects()) seen.add(name);
  assert.equal(seen.size, 1_001);
});

test("an object exists, takes space and is deleted with its facets", async (t) => {
  const { notes } = await notesFor(t);
  const id = notes.idFromName("a");
  const stub = notes.get(id);
  assert.equal(await notes.exists(id), false);
  assert.equal(await Stub.exists(stub), false);
  assert.deepEqual([...new Set(Object.values(await notes.usage(id)))], [0]);

  await stub.put("k", new Uint8Array(100_000));
  await stub.inFacet("k", new Uint8Array(200_000));
  assert.equal(await notes.exists(id), true);
  assert.equal(await Stub.exists(stub), true);
  const usage = await notes.usage(id);
  assert.equal(usage.facets, 1);
  assert.ok(usage.storageBytes > 300_000, `${usage.storageBytes} bytes`);
  assert.deepEqual(await Stub.usage(stub), usage);
  const facet = await stub.facetUsage("sub");
  assert.ok(facet.storageBytes > 200_000 && facet.storageBytes < usage.storageBytes);
  assert.deepEqual(await stub.facetStub(), [true, true]);
  await fails(stub.facetUsage("none"), NotFoundError, { code: "NOT_FOUND" });

  await notes.delete(id);
  await notes.delete(id);
  await fails(stub.get("k"), AbortedError, { message: "Object was deleted." });
  assert.equal(await notes.exists(id), false);
  assert.equal(await notes.getByName("a").get("k"), undefined);
  assert.equal(await notes.getByName("a").fromFacet("k"), undefined);
});

test("an object is exported while it runs, and imported as another", async (t) => {
  const { notes } = await notesFor(t);
  const away = join(await directoryFor(t), "export");
  const stub = notes.getByName("a");
  await stub.put("k", "parent");
  await stub.inFacet("k", "child");
  await notes.export(notes.idFromName("a"), away);
  assert.deepEqual((await readdir(away)).sort(), ["1", "data.sqlite", "manifest.json"]);
  assert.equal(JSON.parse(await readFile(join(away, "manifest.json"), "utf8")).name, "a");
  await fails(notes.export(notes.idFromName("a"), away), InvalidArgument, { message: /exists/ });
  await fails(notes.export(notes.idFromName("none"), `${away}2`), NotFoundError);

  await stub.put("k", "changed");
  await notes.import(notes.idFromName("b"), pathToFileURL(away));
  assert.equal(await notes.getByName("b").get("k"), "parent");
  assert.equal(await notes.getByName("b").fromFacet("k"), "child");
  await fails(notes.import(notes.idFromName("b"), away), InvalidArgument, { message: /has data/ });

  await rm(join(away, "1"), { recursive: true });
  await fails(notes.import(notes.idFromName("c"), away), StorageError, { code: "CORRUPT" });
  assert.equal(await notes.exists(notes.idFromName("c")), false);
});

test("stubs and facets are exported, too", async (t) => {
  const { notes } = await notesFor(t);
  const dir = await directoryFor(t);
  const stub = notes.getByName("a");
  await stub.put("k", 1);
  await stub.inFacet("k", 2);
  await Stub.export(stub, join(dir, "object"));
  await stub.exportFacet("sub", join(dir, "facet"));
  await notes.import(notes.idFromName("b"), join(dir, "facet"));
  assert.equal(await notes.getByName("b").get("k"), 2);
  await fails(stub.exportFacet("none", join(dir, "x")), NotFoundError);
});

test("an operator reads an object and its facets, and can't write", async (t) => {
  const { notes } = await notesFor(t);
  const id = notes.idFromName("a");
  await notes.get(id).put("k", 42);
  await notes.get(id).inFacet("k", "in the facet");
  assert.deepEqual(await notes.query(id, "SELECT key, value FROM _fb_kv WHERE key = ?", ["k"]), {
    columns: ["key", "value"],
    rows: [["k", 42]],
    truncated: false,
  });
  const { rows } = await notes.query(id, "SELECT value FROM _fb_kv", [], { facets: ["sub"] });
  assert.deepEqual(rows, [["in the facet"]]);
  const values = [null, 2n ** 60n, new Uint8Array([1, 2])];
  assert.deepEqual((await notes.query(id, "SELECT ?, ?, ?", values.with(1, 7))).rows, [values.with(1, 7)]);
  assert.deepEqual((await notes.query(id, `SELECT ${2n ** 60n}`)).rows, [[2n ** 60n]]);

  const long = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n LIMIT 20000";
  const many = await notes.query(id, long);
  assert.deepEqual([many.rows.length, many.truncated], [10_000, true]);

  await fails(notes.query(id, "DELETE FROM _fb_kv"), InvalidArgument, { message: /may only read/ });
  await fails(notes.query(id, "SELECT 1; SELECT 2"), InvalidArgument, { message: /single statement/ });
  await fails(notes.query(id, "SELECT ?"), InvalidArgument, { message: /number of parameter/ });
  await fails(notes.query(id, "SELECT missing"), StorageError, { message: /no such column/ });
  await fails(notes.query(notes.idFromName("none"), "SELECT 1"), NotFoundError);
  await fails(notes.query(id, "SELECT 1", [], { facets: ["none"] }), NotFoundError);
});

test("a check of everything finds what is damaged, and nothing else", async (t) => {
  const { data, runtime, notes } = await notesFor(t);
  const names = ["a", "b"];
  for (const name of names) await notes.getByName(name).put("k", name);
  await notes.getByName("a").inFacet("k", 1);
  assert.deepEqual(await runtime.verify(), { objects: 2, databases: 3, leftovers: 0, problems: [] });
  await runtime.close();

  const files = await readdir(data, { recursive: true });
  const [victim] = files.filter((file) => file.endsWith("data.sqlite"));
  await writeFile(join(data, victim), "not a database at all");
  const again = await runtimeFor(t, data);
  const { problems } = await again.verify();
  assert.deepEqual(problems.map(({ path }) => path.endsWith(victim)), [true]);
  assert.match(problems[0].message, /./);
});

test("wrong arguments are refused by name, and a closed runtime says so", async (t) => {
  const { runtime, notes } = await notesFor(t);
  const foreign = runtime.namespace("Other", Notes).idFromName("a");
  const id = notes.idFromName("a");
  for (const use of ["exists", "delete", "usage"]) {
    await fails(notes[use]("a"), InvalidArgument, { message: /id of this namespace/ });
    await fails(notes[use](foreign), InvalidArgument);
  }
  await fails(notes.list({ limit: 0 }), InvalidArgument, { message: /limit .* got 0/ });
  await fails(notes.list({ first: 1 }), InvalidArgument, { message: /Unknown option 'first'/ });
  await fails(notes.list({ after: foreign }), InvalidArgument);
  await fails(notes.export(id, 1), InvalidArgument, { message: /path of an export/ });
  await fails(notes.query(id, 1), InvalidArgument, { message: /A query must be a string/ });
  await fails(notes.query(id, "SELECT 1", "x"), InvalidArgument, { message: /params must be/ });
  await fails(Stub.exists({}), InvalidArgument, { message: /A stub is needed/ });
  const worker = runtime.loader().load({
    mainModule: "m.luau",
    modules: { "m.luau": "return { default = {} }" },
  });
  await fails(Stub.exists(worker.getEntrypoint()), UnsupportedError);

  await runtime.close();
  await fails(notes.list(), Error, { code: "CLOSED" });
  await fails(notes.exists(id), Error, { code: "CLOSED" });
  await fails(notes.query(id, "SELECT 1"), Error, { code: "CLOSED" });
  await fails(runtime.verify(), Error, { code: "CLOSED" });
});

test("an object is deleted and read in a runtime without a directory, too", async (t) => {
  const runtime = await runtimeFor(t);
  const notes = runtime.namespace("Notes", Notes);
  await notes.getByName("a").put("k", 1);
  const [{ id, name }] = await notes.list();
  assert.equal(name, "a");
  assert.deepEqual((await notes.query(id, "SELECT value FROM _fb_kv")).rows, [[1]]);
  await notes.delete(id);
  assert.deepEqual(await notes.list(), []);
});
