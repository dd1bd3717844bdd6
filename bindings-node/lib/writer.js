"use strict";

const { types } = require("node:util");

const TAG = require("./tags.js");
const errors = require("./errors.js");
const handles = require("./handles.js");
const references = require("./references.js");
const { messageOf } = require("./http.js");
const { RpcTarget, isDurableObjectClass } = require("./durable-object.js");

/** How deep a value may be nested. */
const MAX_DEPTH = 128;
/** Counts in a message have 32 bits; far less than this is refused by limits anyway. */
const MAX_BYTES = 1 << 30;
/** Up to here bytes are copied out of the shared buffer; beyond, the buffer itself is given away. */
const COPY_BYTES = 1 << 16;
/** Up to here characters of text are written one by one: calls of the engine's own functions take longer. */
const SHORT = 64;

/** Objects that were passed by reference in an env, which may be passed on anywhere. */
const passed = new WeakSet();

let shared = Buffer.allocUnsafeSlow(COPY_BYTES);

/**
 * Writes values as bytes. Reads every property once and in order, and runs getters and proxy traps of
 * the value, whose exceptions end in VALUE_ERROR with the path to the culprit.
 */
class Writer {
  capabilities = undefined;
  /** Promises of the contents of messages whose bodies have to be read first, by message. */
  unread = new Map();
  #buffer = shared;
  #at = 0;
  #root;
  #objects;
  /** The keys that lead to the value being written, and the containers on that way. */
  #path = [];
  #open = new Set();
  /** References that belong to the native half once it has read the bytes. */
  #references = [];

  /** Contents of messages by message; without it messages are refused. */
  #messages;

  constructor(root, objects, messages) {
    this.#root = root;
    this.#objects = objects;
    this.#messages = messages;
    // A getter may write another value meanwhile, which then makes a buffer of its own.
    shared = undefined;
    this.#buffer ??= Buffer.allocUnsafeSlow(COPY_BYTES);
  }

  /** The bytes that were written; the writer is done. */
  bytes() {
    const written = this.#buffer.subarray(0, this.#at);
    if (this.#buffer.length > COPY_BYTES) return written;
    shared = this.#buffer;
    return Buffer.from(written);
  }

  value(value) {
    switch (typeof value) {
      case "undefined":
        return this.#tag(TAG.UNDEFINED);
      case "boolean":
        return this.#tag(value ? TAG.TRUE : TAG.FALSE);
      case "number":
        return this.#number(isInt(value) ? TAG.INT : TAG.FLOAT, value);
      case "string":
        this.#tag(TAG.STRING);
        return this.#text(value);
      case "bigint":
        this.#tag(TAG.BIGINT);
        return this.#text(value.toString(16));
      case "function":
        return this.#function(value);
      case "object":
        return value === null ? this.#tag(TAG.NULL) : this.#object(value);
      default:
        throw this.#refuse(`Could not serialize ${String(value)}: symbols can't be sent`);
    }
  }

  /** Writes a list that is no value itself, such as the arguments of a call. */
  list(items) {
    this.#tag(TAG.LIST);
    this.#count(items.length);
    items.forEach((item, i) => this.#item(i, item));
  }

  /** Writes a described error. */
  error({ number, name, message, guestStack, path, reference = 0, cause }) {
    this.#tag(TAG.ERROR);
    this.#count(number);
    for (const text of [name, message, guestStack, path]) this.#text(text.toWellFormed());
    this.#count(reference);
    if (cause?.error) this.error(cause.error);
    else this.value(cause?.value);
  }

  #function(value) {
    const handle = handles.nativeOf(value);
    if (handle) return this.#capability(handle);
    this.#own(isDurableObjectClass(value) ? TAG.CLASS : TAG.FUNCTION, value, nameOf(value));
  }

  #object(value) {
    const handle = handles.nativeOf(value);
    if (types.isPromise(handle)) {
      throw this.#refuse("Could not serialize what an asynchronous loader callback has yet to load");
    }
    if (handle) return this.#capability(handle);
    if (this.#open.has(value)) throw this.#refuse("Could not serialize value: it contains a cycle");
    this.#open.add(value);
    try {
      this.#contents(value);
    } catch (thrown) {
      if (thrown instanceof errors.classes.ValueError) throw thrown;
      throw this.#refuse(`Could not serialize value: reading it threw`, thrown);
    }
    this.#open.delete(value);
  }

  #contents(value) {
    if (Array.isArray(value)) return this.#array(value);
    if (types.isMap(value)) return this.#dict(value);
    if (types.isSet(value)) return this.#set(value);
    if (types.isDate(value)) {
      return this.#number(TAG.DATE, Date.prototype.getTime.call(value));
    }
    if (types.isUint8Array(value)) return this.#bytes(value);
    if (types.isArrayBuffer(value)) return this.#bytes(new Uint8Array(value));
    if (value instanceof RpcTarget || passed.has(value)) return this.#hostObject(value);
    if (types.isNativeError(value) || value instanceof Error) {
      return this.error(errors.describeValue(value));
    }
    const prototype = Object.getPrototypeOf(value);
    if (isPlain(prototype)) return this.#map(value);
    if (this.#objects && isHostClass(prototype)) {
      passed.add(value);
      return this.#hostObject(value);
    }
    if (this.#messages && this.#message(value)) return;
    throw this.#refuse(
      `Could not serialize object of type "${typeName(value)}". This type does not support serialization`,
    );
  }

  /** Writes a request, a response or headers; false for anything else. */
  #message(value) {
    const { tag, contents } = this.#messages.get(value) ?? messageOf(value) ?? {};
    if (tag === undefined) return false;
    const isUnread = types.isPromise(contents);
    if (isUnread) {
      this.unread.set(value, { tag, contents });
      contents.catch(() => {}); // if writing goes on, whoever waits for it sees it
    }
    this.#tag(tag);
    this.value(isUnread ? null : contents);
    return true;
  }

  #hostObject(value) {
    this.#own(TAG.OBJECT, value, nameOf(value.constructor));
  }

  /** Writes the reference of a value that stays here. */
  #own(tag, value, name) {
    const text = name.toWellFormed();
    const reference = references.add(value);
    this.#references.push(reference);
    this.#tag(tag);
    this.#count(reference);
    this.#text(text);
  }

  #array(array) {
    const { length } = array;
    this.#tag(TAG.LIST);
    this.#count(length);
    for (let i = 0; i < length; i++) {
      const item = array[i];
      if (item === undefined && !Object.hasOwn(array, i)) {
        throw this.#refuse(`Could not serialize a sparse array: it has no item ${i}`);
      }
      this.#item(i, item);
    }
  }

  #map(object) {
    const keys = Object.keys(object);
    this.#tag(TAG.MAP);
    this.#count(keys.length);
    for (const key of keys) {
      this.#text(key);
      this.#item(key, object[key]);
    }
  }

  #dict(map) {
    const entries = [...Map.prototype.entries.call(map)];
    this.#tag(TAG.DICT);
    this.#count(entries.length);
    entries.forEach(([key, value], i) => {
      this.#item(i, key);
      this.#item(i, value);
    });
  }

  #set(set) {
    const items = [...Set.prototype.values.call(set)];
    this.#tag(TAG.SET);
    this.#count(items.length);
    items.forEach((item, i) => this.#item(i, item));
  }

  #item(key, item) {
    this.#path.push(key);
    if (this.#open.size > MAX_DEPTH) {
      throw this.#refuse(
        `Could not serialize value: it is nested deeper than the limit of ${MAX_DEPTH} levels`,
      );
    }
    this.value(item);
    this.#path.pop();
  }

  #bytes(bytes) {
    const { length } = bytes;
    // A detached buffer looks empty, but no array can be made over it: this throws.
    if (length === 0) new Uint8Array(bytes.buffer);
    this.#tag(TAG.BYTES);
    this.#count(length);
    const start = this.#reserve(length);
    this.#buffer.set(bytes, start);
  }

  #capability(handle) {
    this.capabilities ??= [];
    this.#tag(TAG.CAPABILITY);
    this.#count(this.capabilities.push(handle) - 1);
  }

  #tag(tag) {
    const at = this.#reserve(1);
    this.#buffer[at] = tag;
  }

  #number(tag, number) {
    this.#tag(tag);
    const at = this.#reserve(8);
    this.#buffer.writeDoubleLE(number, at);
  }

  #count(count) {
    this.#setCount(this.#reserve(4), count);
  }

  #setCount(at, count) {
    const buffer = this.#buffer;
    buffer[at] = count;
    buffer[at + 1] = count >>> 8;
    buffer[at + 2] = count >>> 16;
    buffer[at + 3] = count >>> 24;
  }

  #text(text) {
    if (!this.#shortText(text)) this.#anyText(text);
  }

  /** Writes text that is short and ASCII; false for any other. */
  #shortText(text) {
    const { length } = text;
    if (length > SHORT) return false;
    const at = this.#reserve(4 + length);
    const buffer = this.#buffer;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code > 127) {
        this.#at = at;
        return false;
      }
      buffer[at + 4 + i] = code;
    }
    this.#setCount(at, length);
    return true;
  }

  #anyText(text) {
    if (!text.isWellFormed()) {
      throw this.#refuse("Could not serialize text with a lone surrogate, which no UTF-8 has");
    }
    const length = Buffer.byteLength(text);
    this.#count(length);
    const at = this.#reserve(length);
    this.#buffer.write(text, at, length, "utf8");
  }

  /** Makes room for more bytes and answers where they start. */
  #reserve(length) {
    const at = this.#at;
    this.#at += length;
    if (this.#at > this.#buffer.length) this.#grow();
    return at;
  }

  #grow() {
    if (this.#at > MAX_BYTES) throw this.#refuse("Could not serialize value: it has more than 1 GiB");
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#at, this.#buffer.length * 2));
    larger.set(this.#buffer);
    this.#buffer = larger;
  }

  /** Releases what belongs to bytes that nobody will read. */
  release() {
    this.#references.splice(0).forEach(references.release);
  }

  #refuse(message, cause) {
    this.release();
    const place = this.#path.length > 0 ? ` (at ${this.#place()})` : "";
    return errors.make("VALUE_ERROR", `${message}${place}.`, { cause });
  }

  #place() {
    const shown = this.#path.slice(0, 20).map((key) => {
      if (typeof key === "number") return `[${key}]`;
      return /^[A-Za-z_$][\w$]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
    });
    return `${this.#root}${shown.join("")}${this.#path.length > 20 ? "…" : ""}`;
  }
}

/** Whole numbers that every language holds exactly; -0 is none. */
function isInt(number) {
  return Number.isInteger(number) && Math.abs(number) <= 2 ** 53 && !Object.is(number, -0);
}

/** Whether objects of this prototype are plain ones, of any realm. */
function isPlain(prototype) {
  return (
    prototype === null ||
    prototype === Object.prototype ||
    (Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, "isPrototypeOf"))
  );
}

/** Whether a prototype belongs to a class written in JavaScript, in contrast to `Promise` or `RegExp`. */
function isHostClass(prototype) {
  const { constructor } = prototype;
  return typeof constructor === "function" && !/\[native code\]\s*\}$/.test(constructor);
}

/** A function's name; classes may have a static member in its place. */
function nameOf(value) {
  return typeof value.name === "string" ? value.name : "";
}

function typeName(value) {
  return value.constructor?.name || "Object";
}

module.exports = { Writer, nameOf };
