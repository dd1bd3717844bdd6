import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import * as http2 from "node:http2";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { DurableObject, InvalidArgument, createRequestListener } from "facetbox";
import { app, guest, objectOf, runtimeFor } from "./support.mjs";

/** Serves a target on a port of its own, and answers the URL. */
async function serve(t, target, options) {
  const server = createServer(createRequestListener(target, options));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${server.address().port}`;
}

/** Sends bytes as they are, and answers what comes back until the server closes. */
async function raw(url, request) {
  const { hostname, port } = new URL(url);
  const socket = connect(port, hostname);
  socket.write(request);
  return text(socket);
}

class Echo extends DurableObject {
  async fetch(request) {
    const headers = new Headers({ "x-method": request.method, "x-url": request.url });
    headers.append("set-cookie", "a=1");
    headers.append("set-cookie", "b=2; Path=/");
    headers.set("x-many", request.headers.get("x-many") ?? "");
    return new Response(await request.arrayBuffer(), { status: 201, headers });
  }
}

test("requests reach an object and its responses come back whole", async (t) => {
  const runtime = await runtimeFor(t);
  const url = await serve(t, objectOf(runtime, Echo));
  const body = new Uint8Array(100_000).map((_, i) => i);
  const response = await fetch(`${url}/a%20b?q=1`, { method: "PUT", body, headers: { "x-many": "1, 2" } });
  assert.equal(response.status, 201);
  assert.equal(response.headers.get("x-method"), "PUT");
  assert.equal(response.headers.get("x-url"), `${url}/a%20b?q=1`);
  assert.equal(response.headers.get("x-many"), "1, 2");
  assert.deepEqual(response.headers.getSetCookie(), ["a=1", "b=2; Path=/"]);
  assert.deepEqual(new Uint8Array(await response.arrayBuffer()), body);

  const head = await fetch(url, { method: "HEAD" });
  assert.deepEqual([head.headers.get("x-method"), await head.text()], ["HEAD", ""]);
});

test("a guest answers, a function as well", async (t) => {
  const runtime = await runtimeFor(t);
  const stub = guest(runtime, app(`
    function App:fetch(request)
      return Response.new(request.method .. " " .. URL.new(request.url).pathname)
    end`));
  const url = await serve(t, stub);
  assert.equal(await (await fetch(`${url}/x`, { method: "POST", body: "b" })).text(), "POST /x");
  const empty = await serve(t, () => new Response(null, { status: 204 }));
  assert.equal((await fetch(empty)).status, 204);
});

test("a function chooses who answers", async (t) => {
  const runtime = await runtimeFor(t);
  const echo = objectOf(runtime, Echo);
  const failures = [];
  const choose = async (request) => (new URL(request.url).pathname === "/none" ? "nobody" : echo);
  const url = await serve(t, choose, { onError: (thrown) => void failures.push(thrown) });
  const response = await fetch(`${url}/`, { method: "POST", body: "x" });
  assert.deepEqual([response.status, await response.text()], [201, "x"]);
  assert.equal((await fetch(`${url}/none`)).status, 500);
  assert.match(failures[0].message, /must answer a Response or a stub, got string/);
});

test("a failure is told to onError and not to the client", async (t) => {
  const boom = new Error("secret");
  const seen = [];
  const failing = () => Promise.reject(boom);
  const silent = await serve(t, failing, { onError: (error) => void seen.push(error) });
  const response = await fetch(silent);
  assert.deepEqual([response.status, await response.text()], [500, "Internal Server Error\n"]);
  assert.equal(seen[0], boom);

  const onError = () => new Response("busy", { status: 503 });
  assert.equal((await fetch(await serve(t, failing, { onError }))).status, 503);

  const warned = once(process, "warning");
  assert.equal((await fetch(await serve(t, failing))).status, 500);
  assert.match((await warned)[0].message, /secret/);
});

test("a body beyond the limit is refused without reading it all", async (t) => {
  const url = await serve(t, (request) => new Response(request.body), { maxBodyBytes: 1_000 });
  const send = (length) => fetch(url, { method: "POST", body: "x".repeat(length) });
  assert.equal((await send(1_000)).status, 200);
  assert.equal((await send(1_001)).status, 413);
  const chunked =
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n7D0\r\n" + "x".repeat(2_000) + "\r\n";
  const answer = await raw(url, chunked);
  assert.match(answer, /^HTTP\/1\.1 413 /);
  assert.match(answer, /connection: close/i);
});

test("what a client writes can't change the host, nor a handler the connection", async (t) => {
  const urls = [];
  const handler = (request) => {
    urls.push(request.url);
    const headers = { "transfer-encoding": "chunked", "content-length": "99", connection: "upgrade" };
    return new Response("body", { headers });
  };
  const url = await serve(t, handler);
  const get = (target, host = "site") =>
    raw(url, `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  assert.match(await get("//evil/path"), /\r\ncontent-length: 4\r\n(.+\r\n)*\r\nbody$/i);
  await get("/..%2f");
  assert.deepEqual(urls, ["http://site//evil/path", "http://site/..%2f"]);
  assert.match(await get("/", "a b"), /^HTTP\/1\.1 400 /);
  assert.match(await get("/", ""), /^HTTP\/1\.1 400 /);
  for (const host of ["site?b", "site#b", "site/b", "me@site"]) assert.match(await get("/x", host), /^HTTP\/1\.1 400 /);
  assert.match(await get("file:///x"), /^HTTP\/1\.1 400 /);
  assert.equal(urls.length, 2);
  await get("http://other/x", "[::1]:80");
  assert.equal(urls[2], "http://other/x");
});

test("fields that HTTP can't carry are a failure, others go out as bytes", async (t) => {
  const runtime = await runtimeFor(t);
  const failures = [];
  const stub = guest(runtime, app(`
    local fields = { ["/control"] = "a\\1b", ["/delete"] = "a\\127b", ["/latin"] = "\u{e9}", ["/other"] = "\u{65e5}" }
    function App:fetch(request)
      return Response.new("text", { headers = { x = fields[URL.new(request.url).pathname] } })
    end`));
  const url = await serve(t, stub, { onError: (thrown) => void failures.push(thrown.code) });
  const field = async (path, method = "GET") => {
    const response = await fetch(url + path, { method });
    return [response.status, response.headers.get("x")];
  };
  assert.deepEqual(await field("/control"), [500, null]);
  assert.deepEqual(await field("/delete"), [500, null]);
  assert.deepEqual(failures, ["ERR_INVALID_CHAR", "ERR_INVALID_CHAR"]);
  assert.deepEqual(await field("/latin"), [200, "\xe9"]);
  assert.deepEqual(await field("/other"), [200, "\xe6\x97\xa5"]);
  assert.equal((await stub.fetch("http://app/other")).headers.get("x"), "\xe6\x97\xa5");
  const used = new Response("used");
  await used.text();
  assert.equal((await fetch(await serve(t, () => used, { onError: () => {} }))).status, 500);
});

test("a client that goes away in the middle of a body is nobody's failure", async (t) => {
  const failures = [];
  const url = await serve(t, () => new Response(), { onError: (thrown) => void failures.push(thrown) });
  const socket = connect(new URL(url).port, "127.0.0.1");
  socket.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc");
  await new Promise((resolve) => setTimeout(resolve, 50));
  socket.destroy();
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.deepEqual(failures, []);
});

test("a HEAD says how long the body is that it doesn't send", async (t) => {
  const url = await serve(t, () => new Response("whole"));
  const response = await fetch(url, { method: "HEAD" });
  assert.deepEqual([response.headers.get("content-length"), await response.text()], ["5", ""]);
});

test("a client that goes away cancels the request", async (t) => {
  let tell;
  const gone = new Promise((resolve) => (tell = resolve));
  let arrived;
  const here = new Promise((resolve) => (arrived = resolve));
  class Slow extends DurableObject {
    fetch(request) {
      arrived();
      request.signal.addEventListener("abort", () => tell("canceled"));
      return new Promise(() => {});
    }
  }
  const runtime = await runtimeFor(t);
  const url = await serve(t, objectOf(runtime, Slow));
  const controller = new AbortController();
  const request = fetch(url, { signal: controller.signal });
  await here;
  controller.abort();
  await assert.rejects(request, { name: "AbortError" });
  assert.equal(await gone, "canceled");
});

test("an HTTP/2 server takes the listener, too", async (t) => {
  const runtime = await runtimeFor(t);
  const server = http2.createServer(createRequestListener(objectOf(runtime, Echo)));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const session = http2.connect(`http://127.0.0.1:${server.address().port}`);
  t.after(() => {
    session.close();
    server.close();
  });
  const stream = session.request({ ":method": "POST", ":path": "/two" });
  stream.end("hello");
  const [headers] = await once(stream, "response");
  assert.deepEqual([headers[":status"], headers["x-method"]], [201, "POST"]);
  assert.match(headers["x-url"], /^http:\/\/127\.0\.0\.1:\d+\/two$/);
  assert.equal(await text(stream), "hello");
});

test("fetch-style servers take the fetch of a stub as it is", async (t) => {
  const runtime = await runtimeFor(t);
  const { fetch: handler } = objectOf(runtime, Echo);
  assert.equal((await handler(new Request("http://app/", { method: "POST", body: "x" }))).status, 201);
});

test("wrong arguments are refused", () => {
  const refused = (...args) =>
    assert.throws(() => createRequestListener(...args), (thrown) => thrown instanceof InvalidArgument);
  refused(undefined);
  refused({});
  refused(() => {}, { maxBody: 1 });
  refused(() => {}, { maxBodyBytes: -1 });
  refused(() => {}, { onError: 1 });
});

test("the fetch of a stub is what servers that take a function want", async (t) => {
  const runtime = await runtimeFor(t);
  class Echo extends DurableObject {
    async fetch(request) {
      return new Response(`${request.method} ${new URL(request.url).pathname} ${await request.text()}`);
    }
  }
  const { fetch: handler } = objectOf(runtime, Echo);
  const answer = await handler(new Request("http://site/path", { method: "POST", body: "body" }));
  assert.ok(answer instanceof Response);
  assert.equal(await answer.text(), "POST /path body");
});
