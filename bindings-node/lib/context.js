"use strict";

const { unpack } = require("./codec.js");
const { Facets } = require("./facets.js");
const { ObjectId } = require("./object-id.js");
const { blockWhile } = require("./sections.js");
const { Storage } = require("./storage.js");
const { Turn } = require("./turn.js");
const { warn } = require("./warnings.js");

/** What an instance sees of its own object or facet: its id, storage and facets. */
class Ctx {
  /** @type {import("./native.js").Ctx} */
  #native;

  constructor(handle) {
    const { id } = handle;
    this.#native = handle;
    const turn = new Turn(handle);
    const wrote = () => turn.wrote();
    this.id = typeof id === "string" ? id : new ObjectId(id);
    this.props = unpack(handle.props) ?? {};
    this.storage = new Storage(handle, wrote);
    this.facets = new Facets(handle, wrote);
    Object.freeze(this);
  }

  abort(reason) {
    const text = reason instanceof Error ? reason.message : reason;
    this.#native.abort(text === undefined ? undefined : String(text).toWellFormed());
  }

  blockConcurrencyWhile(callback) {
    return blockWhile(this.#native, callback);
  }

  waitUntil(promise) {
    const awake = this.#native.keepAwake();
    Promise.resolve(promise)
      .catch((thrown) => warn("A promise given to waitUntil() was rejected", thrown))
      .finally(() => awake.release());
  }
}

module.exports = { Ctx };
