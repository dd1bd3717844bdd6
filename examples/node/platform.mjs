// A small platform: it runs an app that it doesn't trust, and keeps what the app stores.
//
//     node platform.mjs <data-dir> first|second [app.luau]
//
// Run `first`, then `second` on the same directory: the app goes on counting where it stopped.

import { readFile } from "node:fs/promises";
import { DurableObject, open } from "facetbox";

const APP = new URL("../guest/app.luau", import.meta.url);

/** The supervisor: stores the code of one app and runs it as the facet "app". */
class AppRunner extends DurableObject {
  fetch(request) {
    return this.#app().fetch(request);
  }

  setCode(code) {
    this.ctx.storage.kv.put("code", code);
    this.ctx.facets.abort("app", "The code was changed.");
  }

  peek(key) {
    return this.#app().peek(key);
  }

  reach(url) {
    return this.#app().reach(url);
  }

  #app() {
    return this.ctx.facets.get("app", () => {
      const code = this.ctx.storage.kv.get("code");
      const worker = this.env.LOADER.load({
        mainModule: "app.luau",
        modules: { "app.luau": code },
      });
      return { class: worker.getDurableObjectClass("App") };
    });
  }
}

async function visit(app) {
  const response = await app.fetch("http://app/");
  const answer = await response.text();
  process.stdout.write(answer);
  return Number(answer.match(/\d+/)?.[0]);
}

async function first(app, source) {
  await app.setCode(await readFile(source, "utf8"));
  for (let i = 0; i < 3; i++) await visit(app);
  return true;
}

async function second(app) {
  const requests = await visit(app);

  const code = await app.peek("code");
  console.log("The app sees of its supervisor's data:", code);
  const hidden = code === null || code === undefined;

  const error = await app.reach("http://example.com/").then(() => null, (thrown) => thrown);
  console.log("The app can't reach the network:", error?.message);
  const closed = error !== null;

  const yes = (fact) => (fact ? "yes" : "no");
  console.log(`RESULT host=Node requests=${requests} hidden=${yes(hidden)} closed=${yes(closed)}`);
  return requests === 4 && hidden && closed;
}

const [data, part, source = APP] = process.argv.slice(2);
const parts = { first, second };
if (!data || !Object.hasOwn(parts, part)) {
  console.error("usage: node platform.mjs <data-dir> first|second [app.luau]");
  process.exit(2);
}

const runtime = await open(data);
const apps = runtime.namespace("AppRunner", AppRunner);
const ok = await parts[part](apps.getByName("my-app"), source);
await runtime.close();
process.exitCode = ok ? 0 : 1;
