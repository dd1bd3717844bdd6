// The peer: the same program on workerd. A request names an operation and how often to do it; whoever
// sends it takes the time, for no clock moves inside of workerd while it computes.
import { DurableObject, WorkerEntrypoint } from "cloudflare:workers";

export class Host extends WorkerEntrypoint {
  ping() {}
}

// What POST /sources has brought: the guests' modules by name.
let sources;

let made = 0;

export class Supervisor extends DurableObject {
  #code(small, unique) {
    const main = small ? "small.js" : "app.js";
    const modules = { ...sources };
    if (unique !== undefined) modules[main] += `\n// ${unique}\n`;
    return {
      compatibilityDate: "2026-06-01",
      mainModule: main,
      modules,
      env: { HOST: this.ctx.exports.Host({}) },
      globalOutbound: null,
    };
  }

  #app(name = "app", small = false, unique = undefined) {
    return this.ctx.facets.get(name, () => {
      const id = (small ? "small" : "app") + (unique ?? "");
      const worker = this.env.LOADER.get(id, () => this.#code(small, unique));
      return { class: worker.getDurableObjectClass("App") };
    });
  }

  // Calls a method of the facet, over and over.
  async loop(method, args, count) {
    const app = this.#app();
    for (let i = 0; i < count; i++) await app[method](...args);
  }

  async fetches(count) {
    const app = this.#app();
    for (let i = 0; i < count; i++) await (await app.fetch("http://app/")).text();
  }

  forward(method, args) {
    return this.#app()[method](...args);
  }

  // The first durable write of an app that is new.
  first(unique) {
    return this.#app("app", true, unique).put();
  }

  // Stops the facet and starts it again: with the same code, or with code that is new each time.
  async restart(count, unique) {
    for (let i = 0; i < count; i++) {
      this.ctx.facets.abort("small", new Error("restarted"));
      await this.#app("small", true, unique ? `${unique} ${i}` : undefined).empty();
    }
  }
}

const operations = {
  call: (env, { method, args, count }) => one(env).loop(method, args, count),
  fetch: (env, { count }) => one(env).fetches(count),
  async through(env, { method, args, count }) {
    const object = one(env);
    for (let i = 0; i < count; i++) await object.forward(method, args);
  },
  async new(env, { unique, count }) {
    for (let i = 0; i < count; i++) {
      const object = env.SUPERVISOR.get(env.SUPERVISOR.newUniqueId());
      await object.first(unique ? `new ${made++}` : undefined);
    }
  },
  wake: (env, { count }) => one(env).restart(count),
  swap: (env, { count }) => one(env).restart(count, `swap ${made++}`),
  // So many objects beside each other; `count` is the number of calls of all.
  parallel(env, { method, objects, count }) {
    const each = Math.max(1, Math.round(count / objects));
    const names = Array.from({ length: objects }, (_, i) => `parallel ${i}`);
    return Promise.all(names.map((name) => env.SUPERVISOR.getByName(name).loop(method, [], each)));
  },
};

const one = (env) => env.SUPERVISOR.getByName("one");

export default {
  async fetch(request, env) {
    if (new URL(request.url).pathname === "/sources") {
      sources = await request.json();
      return new Response();
    }
    const asked = await request.json();
    await operations[asked.loop](env, asked);
    return new Response();
  },
};
