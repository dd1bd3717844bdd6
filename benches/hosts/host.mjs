// The host program in Node: node host.mjs <guests> <data>
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { DurableObject, open } from "../../bindings-node/index.mjs";

const [guests, data] = process.argv.slice(2);

class Host {
  ping() {}
}

const host = new Host();

function supervisor(guest) {
  const names = [`app.${guest}`, `compute.${guest}`];
  const sources = names.map((name) => [name, readFileSync(join(guests, name), "utf8")]);
  const code = { mainModule: names[0], modules: Object.fromEntries(sources), env: { HOST: host } };

  return class Supervisor extends DurableObject {
    #app() {
      return this.ctx.facets.get("app", () => {
        const worker = this.env.LOADER.get("app", () => code);
        return { class: worker.getDurableObjectClass("App") };
      });
    }

    forward(method, ...args) {
      return this.#app()[method](...args);
    }

    async loop({ loop, method, args, count }) {
      const app = this.#app();
      const begin = performance.now();
      if (loop === "fetch") {
        for (let i = 0; i < count; i++) await (await app.fetch("http://app/")).text();
      } else {
        for (let i = 0; i < count; i++) await app[method](...args);
      }
      return (performance.now() - begin) / 1000;
    }
  };
}

/** So many objects beside each other; `count` is the number of calls of all. */
async function parallel(objects, job) {
  const count = Math.max(1, Math.round(job.count / job.objects));
  const stubs = Array.from({ length: job.objects }, (_, i) => objects.getByName(`parallel ${i}`));
  const begin = performance.now();
  await Promise.all(stubs.map((stub) => stub.loop({ ...job, loop: "call", count })));
  return (performance.now() - begin) / 1000;
}

async function measure(objects, job) {
  if (job.loop === "parallel") return parallel(objects, job);
  const one = objects.getByName("one");
  if (job.loop !== "through") return one.loop(job);
  const begin = performance.now();
  for (let i = 0; i < job.count; i++) await one.forward(job.method, ...job.args);
  return (performance.now() - begin) / 1000;
}

// A loop may make more calls in one event than is allowed by default.
const runtime = await open(data, { limits: { subRequests: 100_000_000 } });
const namespaces = {};
for (const guest of ["luau", "js"]) namespaces[guest] = runtime.namespace(guest, supervisor(guest));

for await (const line of createInterface({ input: process.stdin })) {
  const job = JSON.parse(line);
  let answer;
  try {
    answer = { seconds: await measure(namespaces[job.guest], job) };
  } catch (error) {
    answer = { error: String(error) };
  }
  console.log(JSON.stringify(answer));
}
await runtime.close();
