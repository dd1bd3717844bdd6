"use strict";

// Between the global Request and Response and the core's maps. Bodies are whole buffers.

const { invalid, kind } = require("./arguments.js");
const { WholeResponse } = require("./response.js");
const TAG = require("./tags.js");

/** Statuses whose responses have no body. */
const NO_BODY = new Set([204, 205, 304]);
/** Methods whose requests have no body. */
const NO_REQUEST_BODY = new Set(["GET", "HEAD"]);
/** What isn't in Latin-1, nor in header fields. */
const OTHER = /[^\0-\xff]/;

/** The map of a request that is made from the arguments of fetch(); a promise if it has a body. */
function requestMap(input, init) {
  if (init === undefined && (typeof input === "string" || input instanceof URL)) {
    return { method: "GET", url: String(input) };
  }
  // The call itself listens to the signal; a Request would do so until it is collected.
  const unsignaled = init?.signal ? { ...init, signal: undefined } : init;
  const request = init === undefined && isRequest(input) ? input : new Request(input, unsignaled);
  return mapOf(request);
}

/** The map of a Request; a promise if it has a body. */
function mapOf(request) {
  const { method, url, headers } = request;
  return withBody({ method, url, headers: [...headers] }, request);
}

/** The map of a response that a handler has answered; a promise if it has a body. */
function responseMap(response) {
  if (!isResponse(response)) {
    throw invalid(`A fetch handler must answer a Response, got ${kind(response)}.`);
  }
  const { status, statusText, headers } = response;
  const head = { status, statusText: statusText ?? "", headers: [...headers] };
  const body = WholeResponse.take(response);
  return body ? { ...head, body } : withBody(head, response);
}

function withBody(map, message) {
  if (message.body === null && !message.bodyUsed) return map;
  return message.arrayBuffer().then((body) => ({ ...map, body: new Uint8Array(body) }));
}

/** What a value that is a message is in bytes: its tag and contents, of which a promise if it has a body; else undefined. */
function messageOf(value) {
  // A response has a URL, too.
  if (isResponse(value)) return { tag: TAG.RESPONSE, contents: responseMap(value) };
  if (isRequest(value)) return { tag: TAG.REQUEST, contents: mapOf(value) };
  return isHeaders(value) ? { tag: TAG.HEADERS, contents: [...value] } : undefined;
}

/**
 * The fields of a list of pairs. A guest's may have characters that no Headers of the platform have; such a value is that
 * of its bytes in UTF-8, as it is where Cloudflare sends it.
 */
function fieldsOf(pairs) {
  if (!pairs.some(([, value]) => OTHER.test(value))) return pairs;
  return pairs.map(([name, value]) => [name, OTHER.test(value) ? Buffer.from(value).toString("latin1") : value]);
}

const headersOf = (pairs) => new Headers(fieldsOf(pairs));

/** The Request of a map; `signal` tells whether anybody still waits for the response. */
function requestOf({ method, url, headers, body }, signal) {
  const sent = NO_REQUEST_BODY.has(method) ? undefined : (body ?? undefined);
  return new Request(url, { method, headers: fieldsOf(headers), body: sent, signal });
}

/** The Response of a map. */
function responseOf({ status, statusText, headers, body }) {
  const init = { status, statusText, headers: fieldsOf(headers) };
  return body && !NO_BODY.has(status) ? new WholeResponse(body, init) : new Response(null, init);
}

// Requests and responses of another copy of undici serve as well.
const isRequest = (value) => isMessage(value) && typeof value.url === "string";
const isResponse = (value) => isMessage(value) && typeof value.status === "number";
const isHeaders = (value) =>
  value?.[Symbol.toStringTag] === "Headers" && typeof value[Symbol.iterator] === "function";
const isMessage = (value) =>
  typeof value?.arrayBuffer === "function" && typeof value.headers?.[Symbol.iterator] === "function";

module.exports = { isResponse, requestMap, responseMap, messageOf, headersOf, requestOf, responseOf };
