// Headers, Request, Response.

import { eachEntry, hasName, native, removeEntries, setEntry, tag, valuesOf, walked } from "facetbox:base";
import { Body, contentOf, contentOfData, extract, gathering, headersOf, isBody, withType } from "facetbox:bodies";
import { events } from "facetbox:lazy";
import { attempt } from "facetbox:operations";

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

// Headers -----------------------------------------------------------------------------------------

function headerName(name) {
  name = `${name}`;
  if (!TOKEN.test(name)) throw new TypeError("Invalid header name.");
  return name.toLowerCase();
}

function headerValue(value) {
  value = `${value}`.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, "");
  if (/[\0\r\n]/.test(value)) throw new TypeError("Invalid header value.");
  return value.toWellFormed();
}

let headersList, isHeaders;

export class Headers {
  #list = []; // name, value, name, value, ... with names in lower case
  static {
    headersList = (headers) => headers.#list;
    isHeaders = (value) => #list in value;
  }
  constructor(init) {
    if (init == null) return;
    if (typeof init === "object" && #list in init) this.#list = [...init.#list];
    else eachEntry(init, "Headers", (name, value) => this.append(name, value));
  }
  append(name, value) {
    const key = headerName(name);
    this.#list.push(key, headerValue(value));
  }
  delete(name) {
    const key = headerName(name);
    removeEntries(this.#list, (other) => other === key);
  }
  get(name) {
    const values = valuesOf(this.#list, headerName(name));
    return values.length === 0 ? null : values.join(", ");
  }
  getAll(name) {
    return valuesOf(this.#list, headerName(name));
  }
  getSetCookie() {
    return valuesOf(this.#list, "set-cookie");
  }
  has(name) {
    return hasName(this.#list, headerName(name));
  }
  set(name, value) {
    const key = headerName(name);
    setEntry(this.#list, key, headerValue(value));
  }
  *entries() {
    const names = [...new Set(this.#list.filter((_, at) => at % 2 === 0))].sort();
    for (const name of names) {
      if (name !== "set-cookie") yield [name, this.get(name)];
      else for (const cookie of this.getSetCookie()) yield [name, cookie];
    }
  }
}
walked(Headers);

function headersFrom(list) {
  const headers = new Headers();
  headersList(headers).push(...list);
  return headers;
}

// Request -----------------------------------------------------------------------------------------

const MODES = ["follow", "manual"];
const NO_SUCH_MODE =
  'Invalid redirect value, must be one of "follow" or "manual" ("error" won\'t be implemented since it does not make sense at the edge; use "manual" and check the response status code).';

let requestParts, requestFrom, requestAgain;

/** The signal that a request was given, if it was. */
let signalOf;

export class Request extends Body {
  static #next; // the parts of a request that Rust makes
  #method;
  #url;
  #given; // the signal
  #signal; // the same, or one of its own
  #redirect;
  #options; // what is given back as it was
  static {
    requestParts = (request) => [request.#method, request.#url];
    signalOf = (request) => request.#given;
    requestFrom = (method, url, list, data, redirect) => {
      Request.#next = { method, url, headers: headersFrom(list), content: contentOfData(data), redirect };
      return new Request();
    };
    requestAgain = (request, changes) => {
      const [method, url, signal, redirect] = [request.#method, request.#url, request.#given, request.#redirect];
      Request.#next = { method, url, signal, redirect, options: request.#options, ...changes };
      return new Request();
    };
  }
  constructor(input, init) {
    const made = Request.#next ?? Request.#read(input, init ?? {});
    Request.#next = undefined;
    super(made.content, made.headers);
    this.#method = made.method;
    this.#url = made.url;
    this.#given = made.signal ?? undefined;
    this.#redirect = made.redirect;
    this.#options = made.options;
  }
  static #read(input, init) {
    if (typeof init !== "object") throw new TypeError("The options of a Request must be an object.");
    const base = typeof input === "object" && input !== null && #method in input ? input : null;
    const redirect = `${init.redirect ?? base?.redirect ?? "follow"}`;
    if (!MODES.includes(redirect)) throw new TypeError(NO_SUCH_MODE);
    const asked = init.method === undefined ? (base?.method ?? "GET") : `${init.method}`;
    const [method, url] = base && init.method === undefined ? requestParts(base) : native.request(asked, base?.url ?? `${input}`);
    const headers = new Headers(init.headers ?? base?.headers);
    let content = contentOfData(null);
    if (init.body != null) {
      const [given, type] = extract(init.body);
      content = given;
      withType(headers, type);
    } else if (base !== null && init.body === undefined) {
      content = contentOf(base).move();
    }
    if (!content.isEmpty && (method === "GET" || method === "HEAD")) {
      throw new TypeError("Request with a GET or HEAD method cannot have a body.");
    }
    const signal = init.signal === undefined ? base?.#given : init.signal;
    const { cf = base?.cf, cache = base?.cache, integrity = "", keepalive = false } = init;
    return { method, url, headers, content, signal, redirect, options: { cf, cache, integrity, keepalive } };
  }
  get method() {
    return this.#method;
  }
  get url() {
    return this.#url;
  }
  get signal() {
    return (this.#signal ??= this.#given ?? events.use().newSignal());
  }
  get redirect() {
    return this.#redirect;
  }
  get cf() {
    return this.#options?.cf;
  }
  get cache() {
    return this.#options?.cache;
  }
  get integrity() {
    return this.#options?.integrity ?? "";
  }
  get keepalive() {
    return Boolean(this.#options?.keepalive);
  }
  get fetcher() {
    return null;
  }
  clone() {
    return requestAgain(this, { headers: new Headers(this.headers), content: contentOf(this).copy() });
  }
}

/** What Rust takes over from a request, body included: the guest can't read it afterwards. */
export function takeRequest(request) {
  const [method, url] = requestParts(request);
  return [method, url, headersList(headersOf(request)), contentOf(request).take()];
}

export const makeRequest = (method, url, list, data) => requestFrom(method, url, list, data, "manual");

/** The request that the arguments of a fetch() mean. */
export const requestOf = (input, init) =>
  isBody(input) && input instanceof Request && init == null ? input : new Request(input, init);

// Response ----------------------------------------------------------------------------------------

const NULL_BODY = [101, 204, 205, 304];
const REDIRECT = [301, 302, 303, 307, 308];

const BAD_STATUS = "Responses may only be constructed with status codes in the range 200 to 599, inclusive.";

let responseParts, responseFrom, cameFrom;

function absolute(url, base) {
  try {
    return native.url_parse(`${url}`, base);
  } catch {
    throw new TypeError(`Unable to parse URL: ${url}`);
  }
}

export class Response extends Body {
  static #next; // the parts of a response that is made from inside
  #status;
  #statusText;
  #cf;
  #url = "";
  #isRedirected = false;
  static {
    responseParts = (response) =>
      typeof response === "object" && response !== null && #status in response ? [response.#status, response.#statusText] : undefined;
    responseFrom = (status, statusText, headers, content) => {
      Response.#next = { status, statusText, headers, content };
      return new Response();
    };
    cameFrom = (response, url, isRedirected) => {
      [response.#url, response.#isRedirected] = [url, isRedirected];
      return response;
    };
  }
  constructor(body, init) {
    const made = Response.#next ?? Response.#read(body, init ?? {});
    Response.#next = undefined;
    super(made.content, made.headers);
    this.#status = made.status;
    this.#statusText = made.statusText;
    this.#cf = made.cf;
  }
  static #read(body, init) {
    if (typeof init !== "object") throw new TypeError("The options of a Response must be an object.");
    const status = init.status === undefined ? 200 : Number(init.status) | 0;
    if (!(status >= 200 && status <= 599)) {
      throw new RangeError(BAD_STATUS);
    }
    const statusText = `${init.statusText ?? ""}`;
    if (/[^\t -~\x80-\xff]/.test(statusText)) throw new TypeError("Invalid statusText");
    if (init.webSocket != null) throw new TypeError("The option webSocket of a Response is not supported.");
    const headers = new Headers(init.headers);
    const [content, type] = extract(body);
    if (!content.isEmpty && NULL_BODY.includes(status)) {
      throw new TypeError("Response with null body status (101, 204, 205, or 304) cannot have a body.");
    }
    return { status, statusText, headers: withType(headers, type), content, cf: init.cf };
  }
  get status() {
    return this.#status;
  }
  get statusText() {
    return this.#statusText;
  }
  get ok() {
    return this.#status >= 200 && this.#status <= 299;
  }
  get redirected() {
    return this.#isRedirected;
  }
  get type() {
    return this.#status === 0 ? "error" : "default";
  }
  get url() {
    return this.#url;
  }
  get cf() {
    return this.#cf;
  }
  get webSocket() {
    return null;
  }
  clone() {
    const copy = responseFrom(this.#status, this.#statusText, new Headers(this.headers), contentOf(this).copy());
    return cameFrom(copy, this.#url, this.#isRedirected);
  }
  static json(value, init) {
    const text = `${JSON.stringify(value)}`;
    const headers = withType(new Headers(init?.headers), "application/json");
    return new Response(text, { status: init?.status, statusText: init?.statusText, headers });
  }
  static error() {
    return responseFrom(0, "", new Headers(), contentOfData(null));
  }
  static redirect(url, status = 302) {
    if (!REDIRECT.includes(status)) {
      throw new RangeError(`${status} is not a redirect status code. It must be one of: 301, 302, 303, 307, or 308.`);
    }
    return new Response(null, { status, headers: { location: absolute(url).href } });
  }
}

/** What Rust takes over from a response, body included; undefined for anything else. */
export function takeResponse(value) {
  const parts = responseParts(value);
  return parts && [parts[0], headersList(headersOf(value)), contentOf(value).take(), parts[1]];
}

/** What a status means, where nothing else is said about it. */
const REASONS = { 200: "OK", 201: "Created", 202: "Accepted", 204: "No Content", 206: "Partial Content", 301: "Moved Permanently", 302: "Found",
  303: "See Other", 304: "Not Modified", 307: "Temporary Redirect", 308: "Permanent Redirect", 400: "Bad Request", 401: "Unauthorized",
  402: "Payment Required", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 406: "Not Acceptable", 408: "Request Timeout",
  409: "Conflict", 410: "Gone", 412: "Precondition Failed", 413: "Payload Too Large", 415: "Unsupported Media Type", 418: "I'm a teapot",
  422: "Unprocessable Entity", 428: "Precondition Required", 429: "Too Many Requests", 500: "Internal Server Error", 501: "Not Implemented",
  502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout" };

export const makeResponse = (status, list, data, statusText) =>
  responseFrom(status, statusText || (REASONS[status] ?? ""), headersFrom(list), contentOfData(data));

// As arguments and results ------------------------------------------------------------------------

/** What Rust takes over from a message that is part of a value, body included: its class and parts. Undefined for anything else. */
export function takeMessage(value) {
  if (isHeaders(value)) return ["Headers", headersList(value)];
  if (!isBody(value)) return undefined;
  const [list, content] = [headersList(headersOf(value)), contentOf(value)];
  const parts = responseParts(value);
  if (parts !== undefined) return ["Response", [parts[0], list, content.send(), parts[1]]];
  const [method, url] = requestParts(value);
  return ["Request", [method, url, list, content.send()]];
}

/** Makes the guest's form of such parts. */
export const builders = {
  Headers: headersFrom,
  Request: (method, url, list, data) => requestFrom(method, url, list, data, "follow"),
  Response: (status, list, data, statusText) => responseFrom(status, statusText, headersFrom(list), contentOfData(data)),
};

// fetch() -----------------------------------------------------------------------------------------

/** So often an answer may redirect a request. */
const MAX_REDIRECTS = 20;

/** The request that follows one that was redirected there. */
function redirected(request, status, location) {
  const { href: url, origin } = absolute(location, request.url);
  const headers = new Headers(request.headers);
  // What proves to one server who asks is nothing for another.
  if (origin === "null" || origin !== native.url_parse(request.url).origin) headers.delete("authorization");
  const isKept = status >= 307 || (status !== 303 && request.method !== "POST") || request.method === "HEAD";
  if (isKept) return requestAgain(request, { url, headers, content: contentOfData(contentOf(request).data) });
  return requestAgain(request, { method: "GET", url, headers, content: contentOfData(null) });
}

async function follow(first, sendOne) {
  let request = first;
  for (let sent = 1; ; sent++) {
    const gathered = gathering(request);
    if (gathered !== undefined) await gathered;
    const response = await sendOne(request);
    const location = response.headers.get("location");
    if (request.redirect === "manual" || location === null || !REDIRECT.includes(response.status)) {
      return cameFrom(response, request.url.replace(/#.*$/s, ""), request !== first);
    }
    if (sent > MAX_REDIRECTS) throw new TypeError("Too many redirects.");
    request = redirected(request, response.status, location);
  }
}

/** Sends a request in the given way, and after it those that the answers redirect it to, unless it is against that. */
export function exchange(request, sendOne) {
  const signal = signalOf(request);
  signal?.throwIfAborted();
  const response = follow(request, sendOne);
  if (signal == null) return response;
  const aborted = new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  return Promise.race([response, aborted]);
}

const outbound = (request) => attempt(() => native.outbound(request));

/** Sends a request to the outside. */
export const send = (input, init) => exchange(requestOf(input, init), outbound);

[Headers, Request, Response].forEach((constructor) => tag(constructor));
export { gathering };
export const globals = { Headers, Request, Response };
