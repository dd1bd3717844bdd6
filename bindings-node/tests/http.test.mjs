import assert from "node:assert/strict";
import { after, test } from "node:test";
import { DurableObject, FacetboxError, InvalidArgument, open } from "facetbox";
import { app, fails, guest, objectOf } from "./support.mjs";

const runtime = await open();
after(() => runtime.close());

class Mirror extends DurableObject {
  async fetch(request) {
    assert.ok(request instanceof Request);
    const { pathname } = new URL(request.url);
    if (pathname === "/empty") return new Response(null, { status: 204 });
    if (pathname === "/json") return Response.json({ a: 1 }, { status: 201 });
    if (pathname === "/cookies") {
      const headers = new Headers([["set-cookie", "a=1"], ["set-cookie", "b=2"]]);
      return new Response("", { headers });
    }
    if (pathname === "/wrong") return "text";
    const body = new Uint8Array(await request.arrayBuffer());
    const headers = { "x-method": request.method, "x-url": request.url, "x-test": request.headers.get("x-test") ?? "" };
    return new Response(body, { headers });
  }
}

const stub = objectOf(runtime, Mirror);

test("a URL, a Request and an init are accepted, a Response comes back", async () => {
  for (const input of ["http://app/x", new URL("http://app/x"), new Request("http://app/x")]) {
    const response = await stub.fetch(input);
    assert.ok(response instanceof Response);
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("x-url"), "http://app/x");
    assert.equal(response.headers.get("x-method"), "GET");
  }
  const init = { method: "PUT", body: "héllo", headers: new Headers({ "x-test": "1" }) };
  for (const response of [await stub.fetch("http://app/", init), await stub.fetch(new Request("http://app/", init))]) {
    assert.equal(response.headers.get("x-method"), "PUT");
    assert.equal(response.headers.get("x-test"), "1");
    assert.equal(await response.text(), "héllo");
  }
});

test("bodies are bytes, streams are read whole", async () => {
  const bytes = new Uint8Array(300_000).map((_, i) => i);
  const whole = await stub.fetch("http://app/", { method: "POST", body: bytes });
  assert.deepEqual(new Uint8Array(await whole.arrayBuffer()), bytes);
  const stream = new Blob(["a", "b"]).stream();
  const streamed = await stub.fetch("http://app/", { method: "POST", body: stream, duplex: "half" });
  assert.equal(await streamed.text(), "ab");
});

test("statuses, empty bodies and repeated headers", async () => {
  const empty = await stub.fetch("http://app/empty");
  assert.deepEqual([empty.status, empty.body], [204, null]);
  const json = await stub.fetch("http://app/json");
  assert.deepEqual([json.status, await json.json()], [201, { a: 1 }]);
  assert.match(json.headers.get("content-type"), /^application\/json/);
  assert.deepEqual((await stub.fetch("http://app/cookies")).headers.getSetCookie(), ["a=1", "b=2"]);
});

test("a response that comes back is as one of Node's own, whichever way its body is read", async () => {
  const init = { method: "POST", body: '\ufeff{"a":"é"}', headers: { "x-test": "1" } };
  const ways = {
    text: (response) => response.text(),
    json: (response) => response.json(),
    buffer: async (response) => Buffer.from(await response.arrayBuffer()).toString(),
    blob: async (response) => (await response.blob()).text(),
    body: (response) => new Response(response.body).text(),
    clone: async (response) => [await response.clone().text(), await response.text()],
    streamed: async (response) => [response.body.locked, response.bodyUsed, await response.clone().json(), await response.text()],
  };
  for (const [name, read] of Object.entries(ways)) {
    const [ours, own] = [await stub.fetch("http://app/", init), new Response(init.body)];
    assert.deepEqual([ours.bodyUsed, own.bodyUsed], [false, false]);
    assert.deepEqual(await read(ours), await read(own), name);
    assert.deepEqual([ours.bodyUsed, own.bodyUsed], [true, true], name);
    for (const again of Object.values(ways).slice(0, 4)) {
      const refusal = await again(own).catch((error) => error);
      await assert.rejects(again(ours), { name: "TypeError", message: refusal.message });
    }
    assert.throws(() => ours.clone(), TypeError);
    assert.ok(ours.body.locked);
  }
  const response = await stub.fetch("http://app/", init);
  assert.equal(response.constructor, Response);
  assert.equal(Object.prototype.toString.call(response), "[object Response]");
  response.headers.set("content-type", "text/x-test");
  assert.equal((await response.clone().blob()).type, "text/x-test");
});

test("an object passes a response on, and one whose body was used is refused", async () => {
  class Proxy extends DurableObject {
    async fetch(request) {
      const response = await stub.fetch("http://app/", { method: "POST", body: "whole" });
      if (request.url.endsWith("/used")) await response.text();
      if (request.url.endsWith("/streamed")) assert.ok(response.body);
      return response;
    }
  }
  const proxy = objectOf(runtime, Proxy);
  for (const path of ["whole", "streamed"]) {
    const response = await proxy.fetch(`http://app/${path}`);
    assert.deepEqual([response.headers.get("x-method"), await response.text()], ["POST", "whole"]);
  }
  await assert.rejects(proxy.fetch("http://app/used"), /Body is unusable/);
});

test("relative URLs, used bodies and answers that are no Response are refused", async () => {
  await fails(stub.fetch("/x"), InvalidArgument, { name: "TypeError" });
  await fails(stub.fetch("http://app/wrong"), InvalidArgument, { message: /Response/ });
  const used = new Request("http://app/", { method: "POST", body: "x" });
  await used.text();
  await fails(stub.fetch(used), TypeError);
});

test("a guest's requests go to globalOutbound, and nowhere without one", async () => {
  const source = app(`
    function App:fetch(request)
      local answer = fetch("http://outside/path", { method = "POST", body = "ping" })
      return Response.new(answer:text(), { status = 202, headers = { ["x-from"] = "guest" } })
    end
  `);
  const open = guest(runtime, source, {
    globalOutbound: async (request) => {
      assert.ok(request instanceof Request);
      return new Response(`${request.method} ${request.url} ${await request.text()}`);
    },
  });
  const response = await open.fetch("http://app/");
  assert.equal(response.status, 202);
  assert.equal(response.headers.get("x-from"), "guest");
  assert.equal(await response.text(), "POST http://outside/path ping");

  const toStub = guest(runtime, source, { globalOutbound: stub });
  assert.equal(await (await toStub.fetch("http://app/")).text(), "ping");

  await fails(guest(runtime, source).fetch("http://app/"), FacetboxError, { message: /internet/ });
  const thrown = new Error("no route");
  const failing = guest(runtime, source, { globalOutbound: () => { throw thrown; } });
  assert.equal(await fails(failing.fetch("http://app/"), Error), thrown);
});
