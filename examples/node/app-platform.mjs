// Runs a project written for Cloudflare: examples/app-platform/worker.js.
//
//     node app-platform.mjs <data-dir> [worker.js]
//
// Has an app generated and visits it twice. The app keeps counting when the program runs again.

import { readFile } from "node:fs/promises";
import { open } from "facetbox";

const WORKER = new URL("../app-platform/worker.js", import.meta.url);

const [data, worker = WORKER] = process.argv.slice(2);
if (!data) {
  console.error("usage: node app-platform.mjs <data-dir> [worker.js]");
  process.exit(2);
}

const runtime = await open(data);
const platform = await runtime.deploy("app-platform", {
  mainModule: "worker.js",
  modules: { "worker.js": await readFile(worker, "utf8") },
});

async function send(path, init) {
  const response = await platform.fetch(`http://platform${path}`, init);
  const answer = await response.text();
  process.stdout.write(answer);
  return answer;
}

await send("/apps/my-app/prompt", { method: "POST", body: "An app that counts my visits." });
await send("/apps/my-app/");
const answer = await send("/apps/my-app/");

console.log(`PROJECT host=Node visits=${answer.match(/\d+/)?.[0]}`);
await runtime.close();
