// How long a message of 1 MiB, as `messageBytes` counts it, holds up the event loop: written for a guest, and read
// from it; milliseconds, the best of five: node values.mjs [runs=5]
import { open } from "../../bindings-node/index.mjs";

const RUNS = Number(process.argv[2] ?? 5);
const MIB = 1 << 20;
const many = (bytes, item) => Array.from({ length: MIB / bytes }, (_, i) => item(i));
const kinds = {
  "numbers": () => many(8, (i) => i),
  "texts of 8 bytes": () => many(16, (i) => `${10_000_000 + i}`),
  "maps of three fields": () => many(64, (i) => ({ id: i, sum: i + 0.5, done: true })),
  "one map": () => Object.fromEntries(many(24, (i) => [`${10_000_000 + i}`, i])),
  "empty lists": () => many(8, () => []),
  "dates": () => many(8, (i) => new Date(i)),
  "errors": () => many(1037, () => new Error()),
  "requests": () => many(1054, () => new Request("http://a/")),
  "text": () => "x".repeat(MIB),
  "bytes": () => new Uint8Array(MIB),
};

const code = `
  import { DurableObject } from "cloudflare:workers";
  export class App extends DurableObject { echo(value) { return value; } }`;
const runtime = await open(null, { limits: { cpuMs: 10_000, memoryBytes: 1 << 30 } });
const worker = runtime.loader().load({ mainModule: "app.js", modules: { "app.js": code } });
const app = runtime.namespace("App", worker.getDurableObjectClass("App")).getByName("a");

/** How long the loop is held up by a call, and by its answer. */
async function held(value) {
  const begin = performance.now();
  const answer = app.echo(value);
  const written = performance.now() - begin;
  let [longest, last, waiting] = [0, performance.now(), true];
  const turn = () => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    if (waiting) setImmediate(turn);
  };
  turn();
  await answer;
  turn();
  waiting = false;
  return [written, longest];
}

for (const [kind, make] of Object.entries(kinds)) {
  const best = [Infinity, Infinity];
  for (let run = 0; run < RUNS; run++) {
    (await held(make())).forEach((ms, i) => { best[i] = Math.min(best[i], ms); });
  }
  console.log(`| ${kind} | ${best.map((ms) => ms.toFixed(1)).join(", ")} |`);
}
await runtime.close();
