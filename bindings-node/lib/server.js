"use strict";

// The way from a `node:http` server to a fetch handler and back.

const { validateHeaderValue } = require("node:http");
const { invalid, kind, callback, options, whole } = require("./arguments.js");
const { isResponse } = require("./http.js");
const { warn } = require("./warnings.js");

const MAX_BODY_BYTES = 32 << 20;

/** What belongs to the connection and not to the response, whose sender doesn't know the connection. */
const OF_CONNECTION = new Set([
  "connection",
  "content-length",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** A host that nothing but a host is in: not the end of one, nor the beginning of a path. */
const HOST = /^[\w.:[\]-]+$/;

/** The answer to a request that no handler gets to see. */
class Refusal extends Error {
  constructor(status, text) {
    super(text);
    this.response = new Response(`${text}\n`, { status, headers: { "content-type": "text/plain" } });
  }
}

/** Makes the listener of a `node:http` server whose requests a stub, deployment or function answers. */
function createRequestListener(target, given) {
  const { maxBodyBytes = MAX_BODY_BYTES, onError = report } = options(
    given,
    ["maxBodyBytes", "onError"],
    "createRequestListener()",
  );
  whole(maxBodyBytes, 0, Number.MAX_SAFE_INTEGER, "maxBodyBytes");
  callback(onError, "onError");
  const handler = handlerOf(target);
  return (incoming, outgoing) => {
    serve(incoming, outgoing, { maxBodyBytes, onError, handler }).catch((thrown) => {
      warn("A response could not be sent", thrown);
      outgoing.destroy();
    });
  };
}

function handlerOf(target) {
  if (typeof target === "function") return (request) => answerOf(target, request);
  if (typeof target?.fetch === "function") return (request) => target.fetch(request);
  throw invalid(`createRequestListener() takes a stub or a function, got ${kind(target)}.`);
}

/** What a function answers, or whoever it says does. */
async function answerOf(choose, request) {
  const answer = await choose(request);
  if (isResponse(answer)) return answer;
  if (typeof answer?.fetch === "function") return answer.fetch(request);
  throw invalid(`The function of createRequestListener() must answer a Response or a stub, got ${kind(answer)}.`);
}

async function serve(incoming, outgoing, { maxBodyBytes, onError, handler }) {
  const controller = new AbortController();
  outgoing.once("close", () => outgoing.writableFinished || controller.abort());
  let answer;
  try {
    answer = await answerFrom(await handler(await requestFrom(incoming, maxBodyBytes, controller.signal)), incoming);
  } catch (thrown) {
    if (controller.signal.aborted || outgoing.destroyed || incoming.errored) return; // nobody is there to be answered
    const response = thrown instanceof Refusal ? thrown.response : await answerTo(thrown, onError);
    answer = await answerFrom(response, incoming);
  }
  send(answer, incoming, outgoing);
}

async function answerTo(thrown, onError) {
  const response = await onError(thrown);
  return response ?? new Refusal(500, "Internal Server Error").response;
}

function report(thrown) {
  warn("A request failed", thrown);
}

async function requestFrom(incoming, maxBodyBytes, signal) {
  const { method } = incoming;
  const body = method === "GET" || method === "HEAD" ? undefined : await read(incoming, maxBodyBytes);
  try {
    return new Request(urlOf(incoming), { method, headers: headersOf(incoming), body, signal });
  } catch {
    throw new Refusal(400, "Bad Request");
  }
}

function urlOf({ url, headers, socket }) {
  const scheme = socket.encrypted ? "https" : "http";
  const host = headers.host ?? headers[":authority"] ?? "localhost";
  if (!HOST.test(host)) throw new TypeError("Invalid host");
  // Put together as text: a path that begins with "//" must not be taken for another host.
  if (url.startsWith("/")) return new URL(`${scheme}://${host}${url}`);
  if (url === "*") return new URL(`${scheme}://${host}`);
  // What is sent to a proxy names the host itself.
  if (!/^https?:\/\//i.test(url)) throw new TypeError("Invalid URL");
  return new URL(url);
}

function headersOf({ rawHeaders }) {
  const headers = new Headers();
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i];
    if (!name.startsWith(":")) headers.append(name, rawHeaders[i + 1]);
  }
  return headers;
}

async function read(incoming, maxBodyBytes) {
  const chunks = [];
  let length = 0;
  const tooLarge = () => new Refusal(413, "Content Too Large");
  if (Number(incoming.headers["content-length"]) > maxBodyBytes) throw tooLarge();
  // Its end must not be that of the connection, on which the refusal is still to be sent.
  for await (const chunk of incoming.iterator({ destroyOnReturn: false })) {
    length += chunk.length;
    if (length > maxBodyBytes) throw tooLarge();
    chunks.push(chunk);
  }
  return length > 0 ? Buffer.concat(chunks) : undefined;
}

/** What is sent of a response. Throws what HTTP can't carry, while there still can be another answer. */
async function answerFrom(response, { httpVersionMajor }) {
  const { status, statusText } = response;
  const fields = [...response.headers].filter(([name]) => name !== "set-cookie" && !OF_CONNECTION.has(name));
  const cookies = response.headers.getSetCookie();
  if (cookies.length > 0) fields.push(["set-cookie", cookies]);
  for (const [name, value] of fields) [value].flat().forEach((value) => validateHeaderValue(name, value));
  const message = httpVersionMajor === 1 ? statusText : "";
  if (message) validateHeaderValue("status", message);
  return { status, message, fields, body: Buffer.from(await response.arrayBuffer()) };
}

function send({ status, message, fields, body }, incoming, outgoing) {
  outgoing.statusCode = status;
  if (message) outgoing.statusMessage = message;
  for (const [name, value] of fields) outgoing.setHeader(name, value);
  // What is left of a body that nobody has read would be taken for the next request.
  if (!incoming.complete && incoming.httpVersionMajor === 1) outgoing.setHeader("connection", "close");
  if (incoming.method !== "HEAD") return void outgoing.end(body);
  if (body.length > 0) outgoing.setHeader("content-length", body.length);
  outgoing.end();
}

module.exports = { createRequestListener };
