// Runs conformance cases against the Node API, for the runner in tests/.
//
//     node case.mjs --guest luau|js --only NAME [--only NAME ...] FILE
//
// Exits with 0 if they pass, else with 1 after printing the step that ended otherwise than expected.

import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { inspect, parseArgs } from "node:util";
import { FacetboxError } from "facetbox";
import { matches, read, withBody } from "./values.mjs";
import { World } from "./world.mjs";

const TIMEOUT_MS = 30_000;
/** Times of vectors are those of a machine without other load. */
const SLOWNESS = 4;

const actions = {
  call: async (world, at, { call, args = [] }) => ({
    value: await withBody(await world.call(...at, call, args.map(read))),
  }),
  fetch: async (world, at, { fetch }) => ({ response: await world.fetch(...at, fetch) }),
  restart: async (world) => ({ done: await world.restart() }),
  abort: async (world, at, { abort }) => ({ done: await world.abort(...at, abort) }),
  delete: async (world, at) => ({ done: await world.delete(...at) }),
  wait_ms: async (world, at, { wait_ms: ms }) => ({ done: await sleep(ms) }),
};

async function perform(world, given, step) {
  const at = [step.object ?? given.name, step.facet ?? "app"];
  const [action] = Object.keys(actions).filter((name) => Object.hasOwn(step, name));
  if (!action) throw new Error(`A step does nothing: ${inspect(step)}`);
  try {
    return await actions[action](world, at, step);
  } catch (error) {
    return { error };
  }
}

const meets = (step, outcome) => {
  const { error, value, response } = outcome;
  if (Object.hasOwn(outcome, "error")) {
    return [step.throws, step.or_throws].some((expected) => expected && isExpected(expected, error));
  }
  if (step.throws) return false;
  if (Object.hasOwn(step, "returns")) return matches(read(step.returns), value);
  if (step.returns_any) return step.returns_any.some((any) => matches(read(any), value));
  return !step.response || isExpectedResponse(step.response, response);
};

/** A bug of the product is never expected, nor is an error that isn't of the product. */
function isExpected({ name, message, message_contains: part = "", code, code_any: codes }, error) {
  if (!(error instanceof FacetboxError) || error.code === "PANIC") return false;
  const same = (expected, got) => expected === undefined || expected === got;
  return (
    same(name, error.name) &&
    same(message, error.message) &&
    error.message.includes(part) &&
    same(code, error.code) &&
    (codes === undefined || codes.includes(error.code))
  );
}

function isExpectedResponse({ status, headers = {}, body }, got) {
  const gotHeaders = new Headers(got.headers);
  return (
    (status === undefined || status === got.status) &&
    (body === undefined || body === got.body) &&
    Object.entries(headers).every(([name, value]) => gotHeaders.get(name) === value)
  );
}

const shown = (value) => inspect(value, { depth: 4, maxStringLength: 400, maxArrayLength: 40 });

async function run(given, guest, onStep) {
  const world = await World.open(given, guest);
  for (const [index, step] of given.steps.entries()) {
    const title = `step ${index + 1} of ${given.steps.length}: ${shown(step)}`;
    onStep(title);
    const begin = performance.now();
    const outcome = await perform(world, given, step);
    const took = performance.now() - begin;
    if (took > (step.max_ms ?? Infinity) * SLOWNESS) return `${title}\n  took ${Math.round(took)} ms`;
    if (!meets(step, outcome)) return `${title}\n  got: ${shown(outcome)}`;
  }
  await world.close();
  return undefined;
}

const { values, positionals } = parseArgs({
  options: { guest: { type: "string" }, only: { type: "string", multiple: true } },
  allowPositionals: true,
});
const cases = JSON.parse(await readFile(positionals[0], "utf8"));

for (const name of values.only) {
  const given = cases.find((other) => other.name === name);
  if (!given) throw new Error(`There is no case ${name} in ${positionals[0]}.`);
  let last = "opening the runtime";
  const late = sleep(TIMEOUT_MS).then(() => `${last}\n  did not end within ${TIMEOUT_MS / 1_000} s`);
  const failure = await Promise.race([run(given, values.guest, (step) => (last = step)), late]);
  if (failure !== undefined) {
    console.log(failure);
    process.exit(1);
  }
}
process.exit(0);
