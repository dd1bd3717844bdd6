// A platform for generated apps, as one writes it for Cloudflare: Durable Objects, facets and the Worker Loader.
//
//   PUT  /apps/<name>/code     stores the code of an app: a module that exports the class App
//   POST /apps/<name>/prompt   has the code generated from a description, and stores it
//   *    /apps/<name>/...      goes to the app, which sees the path behind its name
//
// Each app has an object of AppRunner, its supervisor. The app itself runs as a facet of it: in a sandbox of its own, with
// a database of its own, without network, and unable to see what the supervisor stores.

import { DurableObject } from "cloudflare:workers";

export class AppRunner extends DurableObject {
  async fetch(request) {
    const { kv } = this.ctx.storage;
    const code = kv.get("code");
    if (code === undefined) return new Response("There is no such app.\n", { status: 404 });

    // The callback runs when the app isn't running: at first, and after an abort.
    const app = this.ctx.facets.get("app", async () => {
      // Loaded code is cached by this name, which therefore changes with the code.
      const worker = this.env.LOADER.get(`${this.ctx.id}@${kv.get("version")}`, async () => ({
        compatibilityDate: "2026-01-01",
        mainModule: "app.js",
        modules: { "app.js": code },
        globalOutbound: null,
      }));
      return { class: worker.getDurableObjectClass("App") };
    });
    return app.fetch(request);
  }

  /** Stores new code. The next request starts it, on the data that the app has. */
  async setCode(code) {
    const { kv } = this.ctx.storage;
    kv.put("code", code);
    kv.put("version", (kv.get("version") ?? 0) + 1);
    this.ctx.facets.abort("app", new Error("The app's code was changed."));
  }
}

export default {
  async fetch(request, env, ctx) {
    const url = new URL(request.url);
    const [, name, path] = url.pathname.match(/^\/apps\/([^/]+)(\/.*)?$/) ?? [];
    if (name === undefined) return new Response("Apps are at /apps/<name>/.\n", { status: 404 });

    const runner = ctx.exports.AppRunner.getByName(name);
    if (request.method === "PUT" && path === "/code") {
      await runner.setCode(await request.text());
      return new Response(`The code of ${name} was stored.\n`);
    }
    if (request.method === "POST" && path === "/prompt") {
      await runner.setCode(generate(await request.text()));
      return new Response(`The code of ${name} was generated.\n`);
    }

    url.pathname = path ?? "/";
    try {
      return await runner.fetch(new Request(url, request));
    } catch (error) {
      return new Response(`The app failed: ${error.message}\n`, { status: 500 });
    }
  },
};

/** Stands in for the model that a platform would ask to write the code. */
function generate(prompt) {
  return prompt.includes("notes") ? NOTES : COUNTER;
}

const COUNTER = `
import { DurableObject } from "cloudflare:workers";

export class App extends DurableObject {
  fetch(request) {
    const { kv } = this.ctx.storage;
    const count = (kv.get("counter") ?? 0) + 1;
    kv.put("counter", count);
    return new Response(\`You've made \${count} requests.\\n\`);
  }
}
`;

const NOTES = `
import { DurableObject } from "cloudflare:workers";

export class App extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env);
    this.sql = ctx.storage.sql;
    this.sql.exec("CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL)");
  }

  async fetch(request) {
    if (request.method === "POST") {
      const note = this.sql.exec("INSERT INTO notes (text) VALUES (?) RETURNING *", await request.text()).one();
      return Response.json(note, { status: 201 });
    }
    return Response.json(this.sql.exec("SELECT * FROM notes ORDER BY id").toArray());
  }
}
`;
