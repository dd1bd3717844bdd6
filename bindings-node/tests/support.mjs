// What several test files need.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DurableObject, open } from "facetbox";

export const PACKAGE = fileURLToPath(new URL("..", import.meta.url));

/** A runtime that is closed with the test. */
export async function runtimeFor(test, path, options) {
  const runtime = await open(path, options);
  test.after(() => runtime.close());
  return runtime;
}

/** A directory that is removed after the test. */
export async function directoryFor(test) {
  const path = await mkdtemp(join(tmpdir(), "facetbox-node-"));
  test.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

let namespaces = 0;

/** A stub of a fresh object of a JavaScript class. */
export function objectOf(runtime, type, options) {
  return runtime.namespace(`Test${++namespaces}`, type, options).getByName("object");
}

/**
 * A stub of the facet "app" of a fresh object: guest code whose class is `App`. Its supervisor only
 * forwards.
 */
export function guest(runtime, source, { env, limits, globalOutbound, modules, options } = {}) {
  class Forward extends DurableObject {
    fetch(request) {
      return this.app().fetch(request);
    }

    invoke(method, ...args) {
      return this.app()[method](...args);
    }

    app() {
      return this.ctx.facets.get("app", () => {
        const worker = this.env.LOADER.load({
          mainModule: "main.luau",
          modules: { "main.luau": source, ...modules },
          env,
          limits,
          globalOutbound,
        });
        return { class: worker.getDurableObjectClass("App", options) };
      });
    }
  }
  const stub = objectOf(runtime, Forward);
  const call = (method) => (...args) => stub.invoke(method, ...args);
  return new Proxy({}, {
    get: (_, key) => (key === "fetch" || key === "then" ? stub[key] : call(key)),
  });
}

/** A class `App` with these methods, as Luau source. */
export const app = (methods) => `
local App = DurableObject:extend("App")
${methods}
return { App = App }
`;

/** Checks that something fails with an error of a class and with these properties. */
export async function fails(promise, type, properties = {}) {
  let error;
  await assert.rejects(
    async () => promise,
    (thrown) => {
      error = thrown;
      return true;
    },
  );
  assert.ok(error instanceof type, `${error?.stack} is no ${type.name}`);
  for (const [key, expected] of Object.entries(properties)) {
    if (expected instanceof RegExp) assert.match(String(error[key]), expected);
    else assert.equal(error[key], expected);
  }
  return error;
}

/** Runs a module in a process of its own, and answers its exit code and output. */
export function runModule(source, ...args) {
  return run("--input-type=module", "--eval", source, ...args);
}

/** Runs node, at most five minutes. */
export function run(...args) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: PACKAGE, timeout: 300_000 });
    let output = "";
    child.stdout.on("data", (data) => (output += data));
    child.stderr.on("data", (data) => (output += data));
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal, output }));
  });
}
