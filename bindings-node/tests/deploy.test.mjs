import assert from "node:assert/strict";
import { test } from "node:test";
import { GuestError, InvalidArgument, LoadError, NotFoundError, ResetError } from "facetbox";
import { directoryFor, fails, runtimeFor } from "./support.mjs";

const SITE = `
  import { DurableObject, WorkerEntrypoint } from "cloudflare:workers";

  export class Room extends DurableObject {
    visit() {
      const kv = this.ctx.storage.kv;
      kv.put("visits", (kv.get("visits") ?? 0) + 1);
      return kv.get("visits");
    }
    wait() { return this.env.wait(); }
  }

  export class Tool extends WorkerEntrypoint {
    double(n) { return 2 * n; }
  }

  export default {
    async fetch(request, env, ctx) {
      const room = ctx.exports.Room.getByName(new URL(request.url).pathname);
      return new Response(\`\${env.GREETING} \${await room.visit()}, \${typeof env.LOADER}\`);
    },
  };
`;

const code = (source, env) => ({ mainModule: "worker.js", modules: { "worker.js": source }, env });

test("a whole module runs, and its data is there after a restart", async (t) => {
  const data = await directoryFor(t);
  const expected = [["Visit 1", "Visit 2"], ["Hello 3", "Hello 4"]];
  for (const [first, second] of expected) {
    const runtime = await runtimeFor(t, data);
    const [greeting] = first.split(" ");
    const site = await runtime.deploy("site", code(SITE, { GREETING: "x" }), { GREETING: greeting });
    assert.deepEqual([site.name, site.classNames], ["site", ["Room"]]);
    const answer = await site.fetch("http://site/kitchen");
    assert.equal(await answer.text(), `${first}, object`);
    assert.equal(await (await site.fetch(new URL("http://site/kitchen"))).text(), `${second}, object`);
    assert.equal(site.namespace("Room").name, "site/Room");
    assert.equal(await site.getEntrypoint("Tool").double(21), 42);
    await runtime.close();
  }
});

test("deploying again replaces the code of objects that run, and keeps their data", async (t) => {
  const runtime = await runtimeFor(t);
  let tell;
  const called = new Promise((resolve) => (tell = resolve));
  const env = {
    wait() {
      tell();
      return new Promise(() => {});
    },
  };
  const site = await runtime.deploy("site", code(SITE), env);
  const room = site.namespace("Room").getByName("a");
  assert.equal(await room.visit(), 1);
  const interrupted = room.wait();
  await called;
  const rejected = fails(interrupted, ResetError, { message: /its code was updated/ });
  await runtime.deploy("site", code(SITE.replace("+ 1", "+ 10")), env);
  await rejected;
  assert.equal(await site.namespace("Room").getByName("a").visit(), 11);
});

test("what is wrong with a module shows when it is deployed", async (t) => {
  const runtime = await runtimeFor(t);
  await fails(runtime.deploy("a", code("export class {")), LoadError, { message: /worker\.js/ });
  await fails(runtime.deploy("a", code("export const x = 1")), LoadError);
  await fails(runtime.deploy("a", code("throw new RangeError('no')")), GuestError, { name: "RangeError" });
  await fails(runtime.deploy("", code(SITE)), InvalidArgument);
  await fails(runtime.deploy(1, code(SITE)), InvalidArgument, { message: /deployment's name/ });
  await fails(runtime.deploy("a", "source"), InvalidArgument, { message: /must be an object/ });

  const mute = await runtime.deploy("mute", code(SITE.replace("async fetch", "async other")));
  await fails(mute.fetch("http://mute/"), NotFoundError, { message: /fetch\(\)/ });
  assert.throws(() => mute.namespace("Hall"), { code: "NOT_FOUND" });
  assert.throws(() => mute.getEntrypoint("Room"), { code: "NOT_FOUND" });
  await runtime.close();
  await fails(runtime.deploy("a", code(SITE)), Error, { code: "CLOSED" });
});
