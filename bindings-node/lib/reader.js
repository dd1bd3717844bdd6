"use strict";

const TAG = require("./tags.js");
const errors = require("./errors.js");
const handles = require("./handles.js");
const references = require("./references.js");
const { headersOf, requestOf, responseOf } = require("./http.js");

/** Names of this many bytes and fewer are kept. */
const SHORT = 24;
/** Names that were read before, by their bytes: most messages bring the same ones, and making a text takes longer. */
const names = new Array(1 << 10).fill("");

/** Reads values from bytes. Capability `i` is item `first + i` of the list that the bytes came in. */
class Reader {
  #bytes;
  #items;
  #at;
  #first;

  constructor(bytes, items, at = 0, first = 1) {
    this.#bytes = bytes;
    this.#items = items;
    this.#at = at;
    this.#first = first;
  }

  /** The reader of the next `length` bytes, whose capabilities begin at item `first`. */
  part(length, first) {
    return new Reader(this.#bytes, this.#items, this.#advance(length), first);
  }

  value() {
    const tag = this.#bytes[this.#at++];
    switch (tag) {
      case TAG.UNDEFINED:
        return undefined;
      case TAG.NULL:
        return null;
      case TAG.FALSE:
        return false;
      case TAG.TRUE:
        return true;
      case TAG.INT:
      case TAG.FLOAT:
        return this.#number();
      case TAG.STRING:
        return this.#text();
      case TAG.BYTES:
        return this.#slice();
      case TAG.LIST:
        return this.#list();
      case TAG.MAP:
        return this.#map();
      case TAG.DICT:
        return new Map(this.#list(() => [this.value(), this.value()]));
      case TAG.SET:
        return new Set(this.#list());
      case TAG.DATE:
        return new Date(this.#number());
      case TAG.BIGINT:
        return this.#bigint();
      case TAG.ERROR:
        return errors.errorValue(this.#description());
      case TAG.REQUEST:
        return requestOf(this.value());
      case TAG.RESPONSE:
        return responseOf(this.value());
      case TAG.HEADERS:
        return headersOf(this.value());
      case TAG.CAPABILITY:
        return handles.wrap(this.#items[this.#first + this.count()]);
      case TAG.REFERENCE:
        return references.get(this.count());
      default:
        throw errors.make("PANIC", `A message holds the unknown tag ${tag}.`);
    }
  }

  /** Reads an error; `errors.exception` makes what is thrown of it. */
  thrown() {
    this.#at++;
    return this.#description();
  }

  #description() {
    const number = this.#bytes.readInt32LE(this.#advance(4));
    const [name, message, guestStack, path] = [
      this.#text(),
      this.#text(),
      this.#text(),
      this.#text(),
    ];
    const reference = this.count();
    return { number, name, message, guestStack, path, reference, cause: this.value() };
  }

  #list(item = () => this.value()) {
    const count = this.count();
    const list = [];
    for (let i = 0; i < count; i++) list.push(item());
    return list;
  }

  #map() {
    const count = this.count();
    const map = {};
    for (let i = 0; i < count; i++) setOwn(map, this.#name(), this.value());
    return map;
  }

  #bigint() {
    const digits = this.#text();
    return digits.startsWith("-") ? -BigInt(`0x${digits.slice(1)}`) : BigInt(`0x${digits}`);
  }

  #number() {
    return this.#bytes.readDoubleLE(this.#advance(8));
  }

  /** Reads a number of 32 bits. */
  count() {
    return this.#bytes.readUInt32LE(this.#advance(4));
  }

  #text() {
    return this.textOf(this.count());
  }

  /** Reads a text of so many bytes. */
  textOf(length) {
    if (length === 0) return "";
    const start = this.#advance(length);
    return this.#bytes.toString("utf8", start, start + length);
  }

  /** Reads a text that names a property. */
  #name() {
    const length = this.count();
    if (length > SHORT) return this.textOf(length);
    const start = this.#at;
    let hash = length;
    for (let i = 0; i < length; i++) hash = (hash * 31 + this.#bytes[start + i]) & 0xffffff;
    const slot = (hash ^ (hash >>> 10)) % names.length;
    if (this.#is(names[slot], length)) {
      this.#at += length;
      return names[slot];
    }
    const text = this.textOf(length);
    // Of ASCII alone, whose characters are its bytes.
    if (text.length === length) names[slot] = text;
    return text;
  }

  /** Whether the next bytes are those of a text of ASCII. */
  #is(text, length) {
    if (text.length !== length) return false;
    for (let i = 0; i < length; i++) {
      if (text.charCodeAt(i) !== this.#bytes[this.#at + i]) return false;
    }
    return true;
  }

  #slice() {
    const length = this.count();
    const start = this.#advance(length);
    return new Uint8Array(this.#bytes.subarray(start, start + length));
  }

  #advance(length) {
    const start = this.#at;
    this.#at += length;
    return start;
  }
}

/** Sets an own property, `__proto__` too, which assignment would take for the prototype. */
function setOwn(object, key, value) {
  if (key !== "__proto__") {
    object[key] = value;
    return;
  }
  const property = { value, writable: true, enumerable: true, configurable: true };
  Object.defineProperty(object, key, property);
}

module.exports = { Reader };
