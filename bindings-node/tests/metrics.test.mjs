import assert from "node:assert/strict";
import { test } from "node:test";
import { app, guest, runtimeFor } from "./support.mjs";

test("metrics count what happened, as numbers and as text", async (t) => {
  const runtime = await runtimeFor(t);
  const before = runtime.metrics();
  assert.deepEqual([before.events, before.errors, before.starts], [[], [], 0]);
  const stub = guest(runtime, app(`
    function App:add(a, b) return a + b end
    function App:fail() error("no") end`));
  for (let n = 0; n < 3; n++) await stub.add(n, 1);
  await assert.rejects(stub.fail());

  const metrics = runtime.metrics();
  const count = (outcome) =>
    metrics.events.find((event) => event.type === "rpc" && event.outcome === outcome)?.count;
  // Each call is one of the supervisor and one of its facet.
  assert.deepEqual([count("ok"), count("exception")], [6, 2]);
  assert.deepEqual(metrics.errors, [{ code: "GUEST_ERROR", count: 2 }]);
  assert.deepEqual([metrics.starts, metrics.warmActors, metrics.loads], [2, 2, 1]);
  const { bounds, counts, sum } = metrics.wallMs;
  assert.equal(counts.length, bounds.length + 1);
  assert.equal(counts.reduce((all, some) => all + some), 8);
  assert.ok(sum > 0);

  const text = runtime.metricsText();
  assert.match(text, /^facetbox_events_total\{type="rpc",outcome="ok"\} 6$/m);
  await runtime.close();
  assert.equal(runtime.metrics().warmActors, 0);
});
