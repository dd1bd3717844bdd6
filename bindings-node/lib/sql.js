"use strict";

const { text } = require("./arguments.js");
const { packList, unpack } = require("./codec.js");

const unpackIf = (packed) => (packed === null ? undefined : unpack(packed));

/** SQL over the database of one object. */
class Sql {
  /** @type {import("./native.js").Storage} */
  #native;
  #wrote;

  constructor(handle, wrote) {
    this.#native = handle;
    this.#wrote = wrote;
  }

  exec(query, ...bindings) {
    this.#wrote();
    const sql = text(query, "A query");
    return new SqlCursor(this.#native.exec(sql, ...packList(bindings, "bindings")));
  }

  get databaseSize() {
    return this.#native.databaseSize;
  }
}

/** The rows of one exec(), read as they are asked for. */
class SqlCursor {
  /** @type {import("./native.js").SqlCursor} */
  #native;

  constructor(handle) {
    this.#native = handle;
  }

  next() {
    return step(unpackIf(this.#native.next()));
  }

  [Symbol.iterator]() {
    return this;
  }

  toArray() {
    return unpack(this.#native.toArray());
  }

  one() {
    return unpack(this.#native.one());
  }

  raw() {
    const cursor = this.#native;
    return {
      next: () => step(unpackIf(cursor.nextRaw())),
      toArray: () => unpack(cursor.raw()),
      [Symbol.iterator]() {
        return this;
      },
    };
  }

  get columnNames() {
    return this.#native.columnNames;
  }

  get rowsRead() {
    return this.#native.rowsRead;
  }

  get rowsWritten() {
    return this.#native.rowsWritten;
  }
}

const step = (value) => (value === undefined ? { done: true, value } : { done: false, value });

module.exports = { Sql, SqlCursor, unpackIf };
