"use strict";

const { packThrown } = require("./codec.js");

/**
 * Sees to it that what is written in one turn of the event loop is committed after it, even if no
 * event of the object ends by then.
 */
class Commit {
  #ctx;
  #storage;
  #due;

  constructor(ctx) {
    this.#ctx = ctx;
    this.#storage = ctx.storage;
  }

  /** Something is about to be written. */
  schedule() {
    this.#due ??= setImmediate(() => {
      this.#due = undefined;
      this.#storage.sync().catch((error) => this.#ctx.fail(packThrown(error)));
    });
  }

  /** An event has ended, and the core commits with it. */
  done() {
    clearImmediate(this.#due);
    this.#due = undefined;
  }
}

module.exports = { Commit };
