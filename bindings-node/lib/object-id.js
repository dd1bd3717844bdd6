"use strict";

let idHandle;

/** Identifies one object of a namespace. Made by namespaces only. */
class ObjectId {
  /** @type {import("./native.js").ObjectId} */
  #native;
  #text;

  static {
    idHandle = (id) => id.#native;
  }

  constructor(handle) {
    this.#native = handle;
    this.#text = handle.text;
    const name = handle.name ?? undefined;
    Object.defineProperty(this, "name", { value: name, enumerable: name !== undefined });
  }

  toString() {
    return this.#text;
  }

  equals(other) {
    return other instanceof ObjectId && other.#text === this.#text;
  }
}

module.exports = {
  ObjectId,

  /** The native handle of an id. */
  idHandle: (id) => idHandle(id),
};
