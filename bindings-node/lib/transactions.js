"use strict";

const { AsyncLocalStorage } = require("node:async_hooks");

const errors = require("./errors.js");
const { callback } = require("./arguments.js");
const { ended } = require("./calls.js");

/** The innermost transaction that code runs in: whose, and its handle. */
const current = new AsyncLocalStorage();

/** transaction() of one object. */
class Transactions {
  #ctx;
  #concurrency;

  constructor(ctx, concurrency) {
    this.#ctx = ctx;
    this.#concurrency = concurrency;
  }

  async run(storage, body) {
    callback(body, "The argument of transaction()");
    const handle = await this.#begin();
    try {
      const work = () => body(new Transaction(storage, handle));
      const section = () => this.#concurrency.within(work);
      const result = await current.run({ owner: this, handle }, section);
      if (!rolledBack.has(handle)) await handle.commit();
      return result;
    } finally {
      handle.rollback();
    }
  }

  async #begin() {
    const outer = current.getStore();
    if (outer?.owner === this) return outer.handle.nested();
    // Who keeps the turn already would wait for itself.
    if (this.#concurrency.isWithin()) {
      throw errors.make(
        "UNSUPPORTED",
        "transaction() within a constructor or blockConcurrencyWhile() is not supported; nothing interferes there, and transactionSync() rolls back.",
      );
    }
    return (await ended(this.#ctx.beginTransaction())).extra;
  }
}

const rolledBack = new WeakSet();

/** What the callback of transaction() gets: the storage, and a way out. */
class Transaction {
  #handle;

  constructor(storage, handle) {
    this.#handle = handle;
    for (const name of METHODS) {
      const method = (...args) => storage[name](...args);
      Object.defineProperty(this, name, { value: method });
    }
  }

  /** Undoes what was written in it. */
  rollback() {
    rolledBack.add(this.#handle);
    this.#handle.rollback();
  }
}

const METHODS = ["get", "put", "delete", "list", "getAlarm", "setAlarm", "deleteAlarm"];

module.exports = { Transactions };
