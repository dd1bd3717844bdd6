"use strict";

const { unpack } = require("./codec.js");
const { Commit } = require("./commit.js");
const { Concurrency } = require("./concurrency.js");
const { Facets } = require("./facets.js");
const { ObjectId } = require("./object-id.js");
const { Storage } = require("./storage.js");
const { Transactions } = require("./transactions.js");
const { warn } = require("./warnings.js");

/** What an instance sees of its own object or facet: its id, storage and facets. */
class Ctx {
  /** @type {import("./native.js").Ctx} */
  #native;
  #commit;
  #concurrency;

  constructor(handle) {
    const { id } = handle;
    this.#native = handle;
    this.#commit = new Commit(handle);
    this.#concurrency = new Concurrency(handle);
    const wrote = () => this.#commit.schedule();
    this.id = typeof id === "string" ? id : new ObjectId(id);
    this.props = unpack(handle.props) ?? {};
    const transactions = new Transactions(handle, this.#concurrency);
    this.storage = new Storage(handle, wrote, transactions);
    this.facets = new Facets(handle.facets, wrote);
    Object.freeze(this);
  }

  abort(reason) {
    const text = reason instanceof Error ? reason.message : reason;
    this.#native.abort(text === undefined ? undefined : String(text).toWellFormed());
  }

  blockConcurrencyWhile(callback) {
    return this.#concurrency.blockWhile(callback);
  }

  waitUntil(promise) {
    Promise.resolve(promise).catch((thrown) =>
      warn("A promise given to waitUntil() was rejected", thrown),
    );
  }

  /** Waits for what the constructor has begun. Meant for this package. */
  static started(ctx) {
    return ctx.#concurrency.started();
  }

  /** Says that an event has ended. Meant for this package. */
  static eventEnded(ctx) {
    ctx.#commit.done();
  }
}

module.exports = { Ctx };
