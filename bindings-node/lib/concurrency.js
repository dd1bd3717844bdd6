"use strict";

const { AsyncLocalStorage } = require("node:async_hooks");

const errors = require("./errors.js");
const { callback } = require("./arguments.js");
const { ended } = require("./calls.js");
const { packThrown } = require("./codec.js");

const MAX_NESTING = 64;
const MAX_MS = 30_000;

/** The innermost section outside constructors that code runs in: whose, and how deep. */
const current = new AsyncLocalStorage();

/** blockConcurrencyWhile() of one object. */
class Concurrency {
  /** @type {import("./native.js").Ctx} */
  #native;
  /** Sections of the constructor, which has the turn already; undefined once it is through. */
  #starting = [];

  constructor(handle) {
    this.#native = handle;
  }

  /** Waits for the sections that the constructor has begun, and for those that they begin. */
  async started() {
    while (this.#starting.length > 0) await this.#starting.shift();
    this.#starting = undefined;
  }

  /** Whether the running code is in the constructor or a section of this object. */
  isWithin() {
    return this.#starting !== undefined || current.getStore()?.owner === this;
  }

  /** Runs work that keeps the turn otherwise as a section. */
  within(work) {
    return this.#within(work, this.#depth() + 1);
  }

  #depth() {
    const outer = current.getStore();
    return outer?.owner === this ? outer.depth : 0;
  }

  blockWhile(work) {
    callback(work, "The argument of blockConcurrencyWhile()");
    const depth = this.#depth() + 1;
    if (depth > MAX_NESTING) {
      throw errors.make("LIMIT_DEPTH", "blockConcurrencyWhile() calls are nested too deeply.");
    }
    const section = depth > 1 ? this.#within(work, depth) : this.#outermost(work);
    section.catch(() => {}); // the failure reaches every caller of the object
    return section;
  }

  #outermost(work) {
    if (!this.#starting) return this.#guarded(work);
    const section = limited(async () => work());
    this.#starting.push(section);
    return section;
  }

  async #guarded(work) {
    const { extra: guard } = await ended(this.#native.blockConcurrency());
    try {
      return await limited(() => this.#within(work, 1));
    } catch (thrown) {
      this.#native.fail(packThrown(thrown));
      throw thrown;
    } finally {
      guard.release();
    }
  }

  #within(work, depth) {
    return current.run({ owner: this, depth }, async () => work());
  }
}

/** Waits for a section no longer than it may take. */
async function limited(section) {
  let timer;
  const timeout = new Promise((_, reject) => {
    timer = setTimeout(() => reject(tooLong()), MAX_MS);
  });
  try {
    return await Promise.race([section(), timeout]);
  } finally {
    clearTimeout(timer);
  }
}

function tooLong() {
  return errors.make(
    "LIMIT_WALL",
    "A call to blockConcurrencyWhile() in a Durable Object waited for too long. The call was canceled and the Durable Object was reset.",
  );
}

module.exports = { Concurrency };
