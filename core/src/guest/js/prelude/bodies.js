// Bodies of requests and responses.

import { bytesOf, isBuffer, isView, toBytes, toText } from "facetbox:base";
import { forms, streams, urls, web } from "facetbox:lazy";

const PLAIN_TEXT = "text/plain;charset=UTF-8";
const USED = "Body has already been used. It can only be used once. Use tee() first if you need to read it twice.";
const LOCKED = "This ReadableStream is currently locked to a reader.";

const dataBytes = (data) => (data === null ? new Uint8Array(0) : typeof data === "string" ? toBytes(data) : data);
const dataText = (data) => (data === null ? "" : typeof data === "string" ? data.replace(/^\ufeff/, "") : toText(data));

/** The content of a body, to be taken once: text, bytes or null, or a stream that a guest has made. */
class Content {
  #stream; // what gives it piece by piece, once somebody has asked for that
  constructor(data, stream) {
    this.data = data;
    this.taken = false;
    this.#stream = stream;
    this.streamed = stream !== undefined;
  }
  get stream() {
    if (this.isEmpty) return null;
    return (this.#stream ??= streams.use().streamOf(this, () => dataBytes(this.#give())));
  }
  get used() {
    return !this.isEmpty && (this.taken || (this.#stream !== undefined && streams.use().isDisturbed(this.#stream)));
  }
  /** Refuses what somebody else reads. */
  check() {
    if (this.used) throw new TypeError(USED);
    if (this.#stream?.locked) throw new TypeError(LOCKED);
  }
  get isEmpty() {
    return this.data === null && !this.streamed;
  }
  take() {
    if (this.used) throw new TypeError(USED);
    return this.#give();
  }
  /** Takes it to send it in a message. */
  send() {
    if (this.used || this.#stream?.locked) throw new TypeError("The ReadableStream has been locked to a reader.");
    return this.#give();
  }
  #give() {
    this.taken = true;
    return this.data;
  }
  /** Takes it in one piece: the data, or a promise of it. */
  whole() {
    this.check();
    return this.streamed ? streams.use().collect(this.#stream) : this.take();
  }
  /** Hands it on: whoever had it has it no longer. */
  move() {
    this.check();
    const moved = new Content(this.data, this.streamed ? this.#stream : undefined);
    this.taken = true;
    return moved;
  }
  copy() {
    this.check();
    if (!this.streamed) return new Content(this.data);
    const [mine, copy] = this.#stream.tee();
    this.#stream = mine;
    return new Content(null, copy);
  }
  /** Makes data of what a stream gives. */
  async gather() {
    this.data = await this.whole();
    this.#stream = undefined;
    this.streamed = false;
  }
}

/** Content that nobody has taken, of data or of nothing. */
export const contentOfData = (data) => new Content(data);

function ofStream(stream) {
  if (stream.locked) throw new TypeError(LOCKED);
  const content = streams.use().contentOf(stream);
  if (content === undefined) {
    if (streams.use().isDisturbed(stream)) throw new TypeError(USED);
    return new Content(null, stream);
  }
  return content.move();
}

const isIterable = (body) =>
  typeof body === "object" && (body[Symbol.asyncIterator] != null || (body[Symbol.iterator] != null && !(body instanceof String)));

/** The content that a body argument stands for, and its media type. */
export function extract(body) {
  if (body == null) return [new Content(null), null];
  if (typeof body === "string") return [new Content(body.toWellFormed()), PLAIN_TEXT];
  if (isView(body) || isBuffer(body)) return [new Content(bytesOf(body)), null];
  // Without the module of their class there are no instances of it.
  if (urls.loaded !== undefined && body instanceof urls.loaded.URLSearchParams) {
    return [new Content(`${body}`), "application/x-www-form-urlencoded;charset=UTF-8"];
  }
  if (forms.loaded?.isForm(body)) {
    const [bytes, type] = forms.loaded.encode(body);
    return [new Content(bytes), type];
  }
  const blob = web.loaded?.blobParts(body);
  if (blob !== undefined) return [new Content(blob.bytes), blob.type || null];
  if (streams.loaded?.isStream(body)) return [ofStream(body), null];
  if (isIterable(body)) return [ofStream(streams.use().ReadableStream.from(body)), null];
  return [new Content(`${body}`.toWellFormed()), PLAIN_TEXT];
}

export class Body {
  #content;
  #headers;
  constructor(content, headers) {
    this.#content = content;
    this.#headers = headers;
  }
  static content(body) {
    return body.#content;
  }
  /** The headers, whatever a class of the guest's says of them. */
  static headers(body) {
    return body.#headers;
  }
  static is(value) {
    return typeof value === "object" && value !== null && #content in value;
  }
  get headers() {
    return this.#headers;
  }
  get body() {
    return this.#content.stream;
  }
  get bodyUsed() {
    return this.#content.used;
  }
  async text() {
    return dataText(await this.#content.whole());
  }
  async json() {
    return JSON.parse(dataText(await this.#content.whole()));
  }
  async bytes() {
    return dataBytes(await this.#content.whole()).slice();
  }
  async arrayBuffer() {
    return dataBytes(await this.#content.whole()).slice().buffer;
  }
  async blob() {
    const type = this.#headers.get("content-type") ?? "";
    return web.use().blobOf(dataBytes(await this.#content.whole()), type);
  }
  async formData() {
    const type = this.#headers.get("content-type") ?? "";
    return forms.use().decode(dataBytes(await this.#content.whole()), type);
  }
}

export const { content: contentOf, headers: headersOf, is: isBody } = Body;
delete Body.content;
delete Body.headers;
delete Body.is;

/** How deep values may be nested. */
const MAX_DEPTH = 128;

/** Adds the contents in a value that a guest streams. Each object is looked at once. */
function addStreamed(value, found, seen, depth) {
  if (typeof value !== "object" || value === null || depth > MAX_DEPTH || seen.has(value)) return;
  seen.add(value);
  if (isBody(value)) {
    if (contentOf(value).streamed) found.push(contentOf(value));
  } else if (value instanceof Map || value instanceof Set) {
    for (const part of [...value].flat()) addStreamed(part, found, seen, depth + 1);
  } else if (Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype) {
    for (const key of Object.keys(value)) addStreamed(value[key], found, seen, depth + 1);
  }
}

/** A promise that the bodies in a value are data, of requests and responses that a guest streams; undefined if they are already. */
export function gathering(value) {
  const found = [];
  addStreamed(value, found, new Set(), 0);
  return found.length === 0 ? undefined : Promise.all(found.map((content) => content.gather()));
}

/** Adds the media type of a body where none is given. */
export function withType(headers, type) {
  if (type !== null && !headers.has("content-type")) headers.set("content-type", type);
  return headers;
}
