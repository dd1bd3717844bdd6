// The web API beside fetch and URLs: text, bytes, events, abort signals, crypto, structuredClone.

import { bytesOf, isBuffer, isView, later, native, platform, tag, toBytes, toText, viewParts } from "facetbox:base";

// Text and bytes ----------------------------------------------------------------------------------

class TextEncoder {
  get encoding() {
    return "utf-8";
  }
  encode(text = "") {
    return toBytes(text);
  }
  encodeInto(text, target) {
    let [read, written] = [0, 0];
    for (const character of `${text}`.toWellFormed()) {
      const bytes = toBytes(character);
      if (written + bytes.length > target.length) break;
      target.set(bytes, written);
      written += bytes.length;
      read += character.length;
    }
    return { read, written };
  }
}

class TextDecoder {
  #fatal;
  #ignoreBom;
  #rest = new Uint8Array(0);
  #begun = false;
  constructor(label = "utf-8", options) {
    if (!/^\s*(utf-?8|unicode-1-1-utf-8)\s*$/i.test(`${label}`)) {
      throw new RangeError(`"${label}" is not a supported encoding; there is utf-8.`);
    }
    this.#fatal = Boolean(options?.fatal);
    this.#ignoreBom = Boolean(options?.ignoreBOM);
  }
  get encoding() {
    return "utf-8";
  }
  get fatal() {
    return this.#fatal;
  }
  get ignoreBOM() {
    return this.#ignoreBom;
  }
  decode(input, options) {
    const stream = Boolean(options?.stream);
    let bytes = input === undefined ? new Uint8Array(0) : bytesOf(input, "The input of decode()");
    if (this.#rest.length > 0) {
      const joined = new Uint8Array(this.#rest.length + bytes.length);
      joined.set(this.#rest);
      joined.set(bytes, this.#rest.length);
      bytes = joined;
    }
    const begun = this.#begun;
    this.#rest = new Uint8Array(0);
    this.#begun = false;
    const [text, used] = native.decode_utf8(bytes, this.#fatal, this.#ignoreBom || begun, stream);
    if (stream) this.#rest = bytes.slice(used);
    this.#begun = stream && (begun || used > 0);
    return text;
  }
}

const atob = (text) => native.atob(`${text}`);

function btoa(text) {
  const bytes = Uint8Array.from(`${text}`, (character) => {
    const code = character.codePointAt(0);
    if (code > 255) {
      throw new DOMException("btoa() takes a string of characters below U+0100.", "InvalidCharacterError");
    }
    return code;
  });
  return native.btoa(bytes);
}

export let blobParts;

export class Blob {
  #bytes;
  #type;
  static {
    blobParts = (value) =>
      typeof value === "object" && value !== null && #bytes in value ? { bytes: value.#bytes, type: value.#type } : undefined;
  }
  constructor(parts = [], options) {
    const chunks = Array.from(parts, (part) => {
      if (typeof part === "object" && part !== null && #bytes in part) return part.#bytes;
      return isView(part) || isBuffer(part) ? bytesOf(part) : toBytes(part);
    });
    this.#bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
    let at = 0;
    for (const chunk of chunks) {
      this.#bytes.set(chunk, at);
      at += chunk.length;
    }
    this.#type = `${options?.type ?? ""}`.toLowerCase();
  }
  get size() {
    return this.#bytes.length;
  }
  get type() {
    return this.#type;
  }
  async text() {
    return toText(this.#bytes);
  }
  async bytes() {
    return this.#bytes.slice();
  }
  async arrayBuffer() {
    return this.#bytes.slice().buffer;
  }
  slice(start, end, type) {
    return new Blob([this.#bytes.slice(start, end)], { type });
  }
}

// Events and abort signals ------------------------------------------------------------------------

let sendTo;

class Event {
  #type;
  #cancelable;
  #target = null;
  #prevented = false;
  static {
    sendTo = (event, target) => {
      event.#target = target;
    };
  }
  constructor(type, options) {
    this.#type = `${type}`;
    this.#cancelable = Boolean(options?.cancelable);
  }
  get type() {
    return this.#type;
  }
  get target() {
    return this.#target;
  }
  get currentTarget() {
    return this.#target;
  }
  get cancelable() {
    return this.#cancelable;
  }
  get defaultPrevented() {
    return this.#prevented;
  }
  preventDefault() {
    this.#prevented = this.#cancelable;
  }
}

class EventTarget {
  #listeners = [];
  addEventListener(type, listener, options) {
    const known = this.#listeners.some((known) => known.type === type && known.listener === listener);
    if (listener != null && !known) this.#listeners.push({ type, listener, once: Boolean(options?.once) });
  }
  removeEventListener(type, listener) {
    this.#listeners = this.#listeners.filter((known) => known.type !== type || known.listener !== listener);
  }
  dispatchEvent(event) {
    const called = this.#listeners.filter((known) => known.type === event.type);
    this.#listeners = this.#listeners.filter((known) => !known.once || known.type !== event.type);
    sendTo(event, this);
    const own = this[`on${event.type}`];
    if (typeof own === "function") called.unshift({ listener: own });
    for (const { listener } of called) {
      try {
        if (typeof listener === "function") Reflect.apply(listener, this, [event]);
        else listener.handleEvent(event);
      } catch (error) {
        native.exception(error);
      }
    }
    return !event.defaultPrevented;
  }
}

let abortSignal;
export let newSignal;

class AbortSignal extends EventTarget {
  static #making = false;
  #aborted = false;
  #reason;
  onabort = null;
  static {
    newSignal = () => {
      AbortSignal.#making = true;
      return new AbortSignal();
    };
    abortSignal = (signal, reason = new DOMException("The operation was aborted", "AbortError")) => {
      if (signal.#aborted) return;
      signal.#aborted = true;
      signal.#reason = reason;
      signal.dispatchEvent(new Event("abort"));
    };
  }
  constructor() {
    if (!AbortSignal.#making) throw new TypeError("Illegal constructor");
    AbortSignal.#making = false;
    super();
  }
  get aborted() {
    return this.#aborted;
  }
  get reason() {
    return this.#reason;
  }
  throwIfAborted() {
    if (this.#aborted) throw this.#reason;
  }
  static abort(reason) {
    const signal = newSignal();
    abortSignal(signal, reason);
    return signal;
  }
  static timeout(delay) {
    const signal = newSignal();
    const error = new DOMException("The operation was aborted due to timeout", "TimeoutError");
    setTimeout(() => abortSignal(signal, error), delay);
    return signal;
  }
  static any(signals) {
    const signal = newSignal();
    for (const other of [...signals]) {
      if (other.aborted) abortSignal(signal, other.reason);
      else other.addEventListener("abort", () => abortSignal(signal, other.reason), { once: true });
    }
    return signal;
  }
}

class AbortController {
  #signal = newSignal();
  get signal() {
    return this.#signal;
  }
  abort(reason) {
    abortSignal(this.#signal, reason);
  }
}

// Crypto ------------------------------------------------------------------------------------------

const crypto = {
  randomUUID: () => native.uuid(),
  getRandomValues(target) {
    if (!isView(target) || target instanceof DataView || target instanceof Float32Array || target instanceof Float64Array) {
      throw new DOMException("getRandomValues() takes an array of integers.", "TypeMismatchError");
    }
    const [buffer, offset, length] = viewParts(target);
    new Uint8Array(buffer, offset, length).set(native.random(length));
    return target;
  },
  subtle: {
    digest: (algorithm, data) =>
      later(() => native.digest(`${algorithm?.name ?? algorithm}`, bytesOf(data, "The data of digest()")).buffer),
  },
};

const MISSING = ["decrypt", "deriveBits", "deriveKey", "encrypt", "exportKey", "generateKey", "importKey", "sign", "timingSafeEqual",
  "unwrapKey", "verify", "wrapKey"];

for (const name of MISSING) {
  crypto.subtle[name] = async () => {
    throw new TypeError(`crypto.subtle.${name}() is not supported.`);
  };
}

// Copies ------------------------------------------------------------------------------------------

const refuse = (what) => new DOMException(`${what} could not be cloned.`, "DataCloneError");
const BOXED = [Boolean, Number, String, BigInt];

/** Whether an object is one of the API's own. */
function isOfPlatform(object) {
  for (let level = object; level !== null; level = Object.getPrototypeOf(level)) {
    if (platform.has(level)) return true;
  }
  return false;
}

/** Copies a value; what it holds twice the copy holds twice, cycles included. */
function structuredClone(value, options) {
  if (arguments.length === 0) throw new TypeError("structuredClone() needs a value.");
  if (options?.transfer?.length > 0) throw new TypeError("The option transfer of structuredClone() is not supported.");
  const known = new Map();
  const keep = (from, to) => {
    known.set(from, to);
    return to;
  };
  const fill = (from, to) => {
    for (const key of Object.keys(from)) {
      const copied = copy(from[key]);
      Object.defineProperty(to, key, { value: copied, writable: true, enumerable: true, configurable: true });
    }
    return to;
  };
  function copy(from) {
    if (typeof from === "symbol") throw refuse(String(from));
    if (typeof from === "function") throw refuse(`${from.name || "A function"}`);
    if (typeof from !== "object" || from === null) return from;
    if (known.has(from)) return known.get(from);
    if (Array.isArray(from)) {
      const list = keep(from, []);
      list.length = from.length;
      return fill(from, list);
    }
    if (from instanceof Date) return keep(from, new Date(from.getTime()));
    if (from instanceof RegExp) return keep(from, new RegExp(from.source, from.flags));
    if (isBuffer(from)) return keep(from, from.slice(0));
    if (isView(from)) {
      const { constructor } = Object.getPrototypeOf(from);
      const count = from instanceof DataView ? from.byteLength : from.length;
      return keep(from, new constructor(copy(from.buffer), from.byteOffset, count));
    }
    if (from instanceof Map) {
      const map = keep(from, new Map());
      for (const [key, item] of [...from]) map.set(copy(key), copy(item));
      return map;
    }
    if (from instanceof Set) {
      const set = keep(from, new Set());
      for (const item of [...from]) set.add(copy(item));
      return set;
    }
    if (from instanceof Error) return keep(from, copyError(from));
    const boxed = BOXED.find((constructor) => from instanceof constructor);
    if (boxed !== undefined) return keep(from, Object(from.valueOf()));
    if (native.is_record(from) && !isOfPlatform(from)) return fill(from, keep(from, {}));
    throw refuse(`An object of type ${from.constructor?.name ?? "Object"}`);
  }
  function copyError(from) {
    if (from instanceof DOMException) return new DOMException(from.message, from.name);
    const standard = { EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };
    const constructor = Object.hasOwn(standard, from.name) ? standard[from.name] : Error;
    const error = new constructor(from.message);
    Object.defineProperty(error, "stack", { value: from.stack, writable: true, configurable: true });
    if (Object.hasOwn(from, "cause")) error.cause = copy(from.cause);
    return error;
  }
  return copy(value);
}

[TextEncoder, TextDecoder, Blob, Event, EventTarget, AbortSignal, AbortController].forEach((constructor) =>
  tag(constructor),
);
export const globals = {
  TextEncoder,
  TextDecoder,
  Blob,
  Event,
  EventTarget,
  AbortSignal,
  AbortController,
  atob,
  btoa,
  crypto,
  structuredClone,
};
