// What guests were given is taken back.

import assert from "node:assert/strict";
import { test } from "node:test";
import { AbortedError, DurableObject, InvalidArgument, Revoker } from "facetbox";
import { guest, objectOf, runtimeFor } from "./support.mjs";

const GUEST = `
local App = DurableObject:extend("App")
function App:ask(...) return self.env.ASK(...) end
function App:get() return self.env.tools.STORE:get() end
function App:peer() return self.env.PEER:get() end
function App:data() return self.env.tools.data end
function App:apply(f, ...) return f(...) end
function App:visit(url) return fetch(url):text() end
return { App = App }
`;

class Store {
  get() {
    return "kept";
  }
}

class Peer extends DurableObject {
  get() {
    return "the peer's";
  }
}

const revoked = { code: "ABORTED", message: /was revoked/ };

test("what was wrapped works until it is revoked", async (t) => {
  const runtime = await runtimeFor(t);
  const revoker = new Revoker();
  const peer = objectOf(runtime, Peer);
  const tools = { STORE: new Store(), data: [1, "two"] };
  const env = revoker.wrap({ ASK: (n) => n + 1, tools, PEER: peer });
  const stub = guest(runtime, GUEST, { env });
  assert.equal(await stub.ask(1), 2);
  assert.equal(await stub.get(), "kept");
  assert.equal(await stub.peer(), "the peer's");
  assert.equal(await env.ASK(2), 3);
  assert.equal(revoker.isRevoked, false);

  revoker.revoke();
  assert.equal(revoker.isRevoked, true);
  await assert.rejects(stub.ask(1), revoked);
  await assert.rejects(stub.get(), revoked);
  await assert.rejects(stub.peer(), revoked);
  await assert.rejects(env.ASK(2), AbortedError);
  assert.deepEqual(await stub.data(), [1, "two"]);
  assert.equal(await peer.get(), "the peer's");
});

test("arguments can be taken back, and calls on their way end", async (t) => {
  const revoker = new Revoker();
  const stub = guest(await runtimeFor(t), GUEST);
  const asked = defer();
  const hold = revoker.wrap(() => {
    asked.resolve();
    return new Promise(() => {});
  });
  const waiting = stub.apply(hold);
  await asked.promise;
  revoker.revoke();
  await assert.rejects(waiting, revoked);
  await assert.rejects(stub.apply(hold), revoked);
});

test("the network can be taken back", async (t) => {
  const runtime = await runtimeFor(t);
  const revoker = new Revoker();
  const network = async (request) => new Response(`${request.method} ${request.url} ${await request.text()}`);
  const stub = guest(runtime, GUEST, { globalOutbound: revoker.wrap(network) });
  assert.equal(await stub.visit("http://a/"), "GET http://a/ ");
  revoker.revoke();
  await assert.rejects(stub.visit("http://a/"), { code: "ABORTED", message: 'The function "network" was revoked.' });
});

test("what can't be taken back is refused", async (t) => {
  const runtime = await runtimeFor(t);
  const revoker = new Revoker();
  for (const value of [runtime.loader(), Peer, runtime.namespace("N", Peer)]) {
    assert.throws(() => revoker.wrap({ x: [value] }), InvalidArgument);
  }
  assert.deepEqual(revoker.wrap([1, null, { a: "b" }]), [1, null, { a: "b" }]);
});

function defer() {
  const deferred = {};
  deferred.promise = new Promise((resolve) => (deferred.resolve = resolve));
  return deferred;
}
