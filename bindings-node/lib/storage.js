"use strict";

const { types } = require("node:util");

const { invalid, callback, kind, text } = require("./arguments.js");
const { pack, unpack } = require("./codec.js");
const { transact } = require("./sections.js");
const { Sql, unpackIf } = require("./sql.js");
const { warnOnce } = require("./warnings.js");

// As guests are told. It may be right all the same: what has run before the first await was in the transaction.
const ASYNC_BODY =
  "transactionSync() was given an async function. What that does after its first await is no part of the transaction, and its errors undo nothing: use transaction().";

const keyText = (key) => text(key, "A key");

/** The key-value pairs of one object. */
class Kv {
  /** @type {import("./native.js").Storage} */
  #native;
  #wrote;

  constructor(handle, wrote) {
    this.#native = handle;
    this.#wrote = wrote;
  }

  get(key) {
    return unpackIf(this.#native.kvGet(keyText(key)));
  }

  put(key, value) {
    this.#wrote();
    this.#native.kvPut(keyText(key), ...pack(value));
  }

  delete(key) {
    this.#wrote();
    return this.#native.kvDelete(keyText(key));
  }

  list(options) {
    const [bytes] = pack(options ?? null, { root: "options" });
    return entries(this.#native.kvList(bytes));
  }
}

function* entries(list) {
  for (let entry = list.next(); entry !== null; entry = list.next()) yield unpack(entry);
}

/** The storage of one object or facet. */
class Storage {
  /** @type {import("./native.js").Storage} */
  #native;
  #ctx;
  #wrote;

  constructor(ctx, wrote) {
    this.#ctx = ctx;
    this.#native = ctx.storage;
    this.#wrote = wrote;
    this.kv = new Kv(this.#native, wrote);
    this.sql = new Sql(this.#native, wrote);
    Object.freeze(this);
  }

  transactionSync(body) {
    callback(body, "The argument of transactionSync()");
    this.#wrote();
    let result;
    /** @type {{ error: unknown } | undefined} */
    let thrown;
    this.#native.transactionSync(() => {
      try {
        result = body();
        return true;
      } catch (error) {
        thrown = { error };
        return false;
      }
    });
    if (thrown) throw thrown.error;
    if (types.isPromise(result)) warnOnce(ASYNC_BODY);
    return result;
  }

  async transaction(body) {
    return transact(this.#ctx, this, body);
  }

  /** Resolves when everything written so far is durable. */
  async sync() {
    await this.#native.sync();
  }

  async getCurrentBookmark() {
    this.#wrote();
    return this.#native.currentBookmark();
  }

  async getAlarm() {
    return this.#native.getAlarm();
  }

  async setAlarm(time) {
    const ms = types.isDate(time) ? Date.prototype.getTime.call(time) : time;
    if (typeof ms !== "number") {
      throw invalid(`setAlarm() takes a Date or a number of milliseconds, got ${kind(time)}.`);
    }
    this.#wrote();
    this.#native.setAlarm(ms);
  }

  async deleteAlarm() {
    this.#wrote();
    this.#native.deleteAlarm();
  }

  async get(keys) {
    if (!Array.isArray(keys)) return this.kv.get(keys);
    const found = sorted(keys).map((key) => /** @type {const} */ ([key, this.kv.get(key)]));
    return new Map(found.filter(([, value]) => value !== undefined));
  }

  async put(key, value) {
    if (typeof key === "string") return this.kv.put(key, value);
    if (typeof key !== "object" || key === null) {
      throw invalid("put() takes a key and a value, or an object of them.");
    }
    const pairs = Object.entries(key).filter(([, item]) => item !== undefined);
    this.transactionSync(() => pairs.forEach(([name, item]) => this.kv.put(name, item)));
  }

  async delete(keys) {
    if (!Array.isArray(keys)) return this.kv.delete(keys);
    return this.transactionSync(() => sorted(keys).filter((key) => this.kv.delete(key)).length);
  }

  async list(options) {
    return new Map(this.kv.list(options));
  }

  async deleteAll() {
    this.#wrote();
    this.#ctx.deleteAll();
  }
}

/** Keys without repetition, in the order of their UTF-8 bytes. */
function sorted(keys) {
  const bytes = (key) => Buffer.from(keyText(key));
  return [...new Set(keys)].sort((a, b) => Buffer.compare(bytes(a), bytes(b)));
}

module.exports = { Storage };
