// Headers, Request, Response and their bodies.

import { bytesOf, eachEntry, hasName, isBuffer, isView, native, removeEntries, setEntry, tag, toBytes, toText, valuesOf } from "facetbox:base";
import { urls, web } from "facetbox:lazy";
import { attempt } from "facetbox:operations";

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const PLAIN_TEXT = "text/plain;charset=UTF-8";
const USED = "Body has already been used. It can only be used once. Use tee() first if you need to read it twice.";

// Headers -----------------------------------------------------------------------------------------

function headerName(name) {
  name = `${name}`;
  if (!TOKEN.test(name)) throw new TypeError(`Invalid header name: ${name}`);
  return name.toLowerCase();
}

function headerValue(name, value) {
  value = `${value}`.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, "");
  if (/[\0\r\n]|[^\0-\xff]/.test(value)) throw new TypeError(`Invalid value of header ${name}.`);
  return value;
}

let headersList;

export class Headers {
  #list = []; // name, value, name, value, ... with names in lower case
  static {
    headersList = (headers) => headers.#list;
  }
  constructor(init) {
    if (init == null) return;
    if (typeof init === "object" && #list in init) this.#list = [...init.#list];
    else eachEntry(init, "Headers", (name, value) => this.append(name, value));
  }
  append(name, value) {
    const key = headerName(name);
    this.#list.push(key, headerValue(key, value));
  }
  delete(name) {
    const key = headerName(name);
    removeEntries(this.#list, (other) => other === key);
  }
  get(name) {
    const values = valuesOf(this.#list, headerName(name));
    return values.length === 0 ? null : values.join(", ");
  }
  getSetCookie() {
    return valuesOf(this.#list, "set-cookie");
  }
  has(name) {
    return hasName(this.#list, headerName(name));
  }
  set(name, value) {
    const key = headerName(name);
    setEntry(this.#list, key, headerValue(key, value));
  }
  forEach(callback, self) {
    for (const [name, value] of this) Reflect.apply(callback, self, [value, name, this]);
  }
  *entries() {
    const names = [...new Set(this.#list.filter((_, at) => at % 2 === 0))].sort();
    for (const name of names) {
      if (name !== "set-cookie") yield [name, this.get(name)];
      else for (const cookie of this.getSetCookie()) yield [name, cookie];
    }
  }
  *keys() {
    for (const [name] of this.entries()) yield name;
  }
  *values() {
    for (const [, value] of this.entries()) yield value;
  }
  [Symbol.iterator]() {
    return this.entries();
  }
}

function headersFrom(list) {
  const headers = new Headers();
  headersList(headers).push(...list);
  return headers;
}

// Bodies ------------------------------------------------------------------------------------------

/** The content of a request, a response or a stream: text, bytes or null, to be taken once. */
class Content {
  constructor(data) {
    this.data = data;
    this.taken = false;
  }
  get used() {
    return this.data !== null && this.taken;
  }
  take() {
    if (this.used) throw new TypeError(USED);
    this.taken = true;
    return this.data;
  }
  copy() {
    if (this.used) throw new TypeError(USED);
    return new Content(this.data);
  }
}

const dataBytes = (data) => (data === null ? new Uint8Array(0) : typeof data === "string" ? toBytes(data) : data);
const dataText = (data) => (data === null ? "" : typeof data === "string" ? data : toText(data));

let streamContent, streamOf;

/** A body as a stream: it can be passed on, or read in one piece. */
class ReadableStream {
  static #next;
  #content;
  #locked = false;
  static {
    streamContent = (stream) => (typeof stream === "object" && #content in stream ? stream.#content : undefined);
    streamOf = (content) => {
      ReadableStream.#next = content;
      return new ReadableStream();
    };
  }
  constructor() {
    const content = ReadableStream.#next;
    ReadableStream.#next = undefined;
    if (content === undefined) {
      throw new TypeError("The constructor of ReadableStream is not supported: give the whole body instead.");
    }
    this.#content = content;
  }
  get locked() {
    return this.#locked || this.#content.used;
  }
  getReader() {
    if (this.#locked) throw new TypeError("This ReadableStream is currently locked to a reader.");
    this.#locked = true;
    const chunks = this[Symbol.asyncIterator]();
    return {
      read: () => chunks.next(),
      cancel: () => chunks.return(),
      releaseLock: () => {
        this.#locked = false;
      },
    };
  }
  async cancel() {
    this.#content.taken = true;
  }
  async *[Symbol.asyncIterator]() {
    yield dataBytes(this.#content.take());
  }
}

/** The content that a body argument stands for, and its media type. */
function extract(body) {
  if (body == null) return [new Content(null), null];
  if (typeof body === "string") return [new Content(body.toWellFormed()), PLAIN_TEXT];
  if (isView(body) || isBuffer(body)) return [new Content(bytesOf(body)), null];
  // Without the module of their class there are no instances of it.
  if (urls.loaded !== undefined && body instanceof urls.loaded.URLSearchParams) {
    return [new Content(`${body}`), "application/x-www-form-urlencoded;charset=UTF-8"];
  }
  const blob = web.loaded?.blobParts(body);
  if (blob !== undefined) return [new Content(blob.bytes), blob.type || null];
  const streamed = streamContent(body);
  if (streamed !== undefined) {
    const content = streamed.copy();
    streamed.taken = true;
    return [content, null];
  }
  return [new Content(`${body}`.toWellFormed()), PLAIN_TEXT];
}

class Body {
  #content;
  #stream;
  #headers;
  constructor(content, headers) {
    this.#content = content;
    this.#headers = headers;
  }
  static content(body) {
    return body.#content;
  }
  static is(value) {
    return typeof value === "object" && value !== null && #content in value;
  }
  get headers() {
    return this.#headers;
  }
  get body() {
    if (this.#content.data === null) return null;
    return (this.#stream ??= streamOf(this.#content));
  }
  get bodyUsed() {
    return this.#content.used;
  }
  async text() {
    return dataText(this.#content.take());
  }
  async json() {
    return JSON.parse(dataText(this.#content.take()));
  }
  async bytes() {
    return dataBytes(this.#content.take()).slice();
  }
  async arrayBuffer() {
    return dataBytes(this.#content.take()).slice().buffer;
  }
  async blob() {
    const type = this.#headers.get("content-type") ?? "";
    return new (web.use().Blob)([dataBytes(this.#content.take())], { type });
  }
  async formData() {
    throw new TypeError("formData() is not supported.");
  }
}

const contentOf = Body.content;

function withType(headers, type) {
  if (type !== null && !headers.has("content-type")) headers.set("content-type", type);
  return headers;
}

// Request -----------------------------------------------------------------------------------------

let requestParts, requestFrom;

/** The signal that a request was given, if it was. */
let signalOf;

export class Request extends Body {
  static #next; // the parts of a request that Rust makes
  #method;
  #url;
  #given; // the signal
  #signal; // the same, or one of its own
  static {
    requestParts = (request) => [request.#method, request.#url];
    signalOf = (request) => request.#given;
    requestFrom = (method, url, list, data) => {
      Request.#next = { method, url, headers: headersFrom(list), content: new Content(data) };
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
  }
  static #read(input, init) {
    if (typeof init !== "object") throw new TypeError("The options of a Request must be an object.");
    const base = typeof input === "object" && input !== null && #method in input ? input : null;
    const asked = init.method === undefined ? (base?.method ?? "GET") : `${init.method}`;
    const [method, url] = base && init.method === undefined ? requestParts(base) : native.request(asked, base?.url ?? `${input}`);
    const headers = new Headers(init.headers ?? base?.headers);
    let content = new Content(null);
    if (init.body != null) {
      const [given, type] = extract(init.body);
      content = given;
      withType(headers, type);
    } else if (base !== null && init.body === undefined) {
      content = contentOf(base).copy();
      contentOf(base).taken = true;
    }
    if (content.data !== null && (method === "GET" || method === "HEAD")) {
      throw new TypeError("Request with a GET or HEAD method cannot have a body.");
    }
    return { method, url, headers, content, signal: init.signal === undefined ? base?.#given : init.signal };
  }
  get method() {
    return this.#method;
  }
  get url() {
    return this.#url;
  }
  get signal() {
    return (this.#signal ??= this.#given ?? web.use().newSignal());
  }
  get redirect() {
    return "follow";
  }
  clone() {
    Request.#next = {
      method: this.#method,
      url: this.#url,
      headers: new Headers(this.headers),
      content: contentOf(this).copy(),
      signal: this.#given,
    };
    return new Request();
  }
}

/** What Rust takes over from a request, body included: the guest can't read it afterwards. */
export function takeRequest(request) {
  const [method, url] = requestParts(request);
  return [method, url, headersList(request.headers), contentOf(request).take()];
}

export const makeRequest = (method, url, list, data) => requestFrom(method, url, list, data);

/** The request that the arguments of a fetch() mean. */
export const requestOf = (input, init) =>
  Body.is(input) && input instanceof Request && init == null ? input : new Request(input, init);

// Response ----------------------------------------------------------------------------------------

const NULL_BODY = [101, 204, 205, 304];
const REDIRECT = [301, 302, 303, 307, 308];

let responseParts, responseFrom;

export class Response extends Body {
  static #next; // the parts of a response that is made from inside
  #status;
  #statusText;
  static {
    responseParts = (response) =>
      typeof response === "object" && response !== null && #status in response ? [response.#status] : undefined;
    responseFrom = (status, statusText, headers, content) => {
      Response.#next = { status, statusText, headers, content };
      return new Response();
    };
  }
  constructor(body, init) {
    const made = Response.#next ?? Response.#read(body, init ?? {});
    Response.#next = undefined;
    super(made.content, made.headers);
    this.#status = made.status;
    this.#statusText = made.statusText;
  }
  static #read(body, init) {
    if (typeof init !== "object") throw new TypeError("The options of a Response must be an object.");
    const status = init.status === undefined ? 200 : Math.trunc(Number(init.status));
    if (!(status >= 200 && status <= 599)) {
      throw new RangeError(`Responses may only be constructed with status codes in the range 200 to 599, got ${init.status}.`);
    }
    const headers = new Headers(init.headers);
    const [content, type] = extract(body);
    if (content.data !== null && NULL_BODY.includes(status)) {
      throw new TypeError("Response with null body status (101, 204, 205, or 304) cannot have a body.");
    }
    return { status, statusText: `${init.statusText ?? ""}`, headers: withType(headers, type), content };
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
    return false;
  }
  get type() {
    return "default";
  }
  get url() {
    return "";
  }
  clone() {
    const headers = new Headers(this.headers);
    return responseFrom(this.#status, this.#statusText, headers, contentOf(this).copy());
  }
  static json(value, init) {
    const text = JSON.stringify(value);
    if (text === undefined) throw new TypeError("The value can't be written as JSON.");
    const headers = withType(new Headers(init?.headers), "application/json");
    return new Response(text, { status: init?.status, statusText: init?.statusText, headers });
  }
  static error() {
    throw new TypeError("Response.error() is not supported.");
  }
  static redirect(url, status = 302) {
    if (!REDIRECT.includes(status)) {
      throw new RangeError("The status of a redirect must be 301, 302, 303, 307 or 308.");
    }
    return new Response(null, { status, headers: { location: native.url_parse(`${url}`).href } });
  }
}

/** What Rust takes over from a response, body included; undefined for anything else. */
export function takeResponse(value) {
  const parts = responseParts(value);
  return parts && [...parts, headersList(value.headers), contentOf(value).take()];
}

export const makeResponse = (status, list, data) => responseFrom(status, "", headersFrom(list), new Content(data));

// fetch() -----------------------------------------------------------------------------------------

/** Sends a request to the outside. */
export function send(input, init) {
  const request = requestOf(input, init);
  const signal = signalOf(request);
  signal?.throwIfAborted();
  const response = attempt(() => native.outbound(request));
  if (signal == null) return response;
  const aborted = new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  return Promise.race([response, aborted]);
}

[Headers, Request, Response, ReadableStream].forEach((constructor) => tag(constructor));
export const globals = { Headers, Request, Response, ReadableStream };
