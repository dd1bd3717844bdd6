// What queries and lists give.

import { native, tag } from "facetbox:base";

class KvList {
  #list;
  constructor(list) {
    this.#list = list;
  }
  next() {
    const entry = native.kv_next(this.#list);
    return { done: entry === undefined, value: entry };
  }
}

/** Refuses what would be another key once it is valid Unicode. */
function keyText(text) {
  if (!text.isWellFormed()) throw new DOMException("A key with a lone surrogate could not be cloned: it isn't valid Unicode.", "DataCloneError");
  return text;
}

/** Options are converted as those of the web's interfaces are: a limit may come from a URL. */
export function listOf(options) {
  if (typeof options !== "object" || options === null) return new KvList(native.kv_list(options));
  const text = (value) => (value == null ? undefined : keyText(`${value}`));
  const { start, startAfter, end, prefix, limit, reverse } = options;
  return new KvList(
    native.kv_list({
      start: text(start),
      startAfter: text(startAfter),
      end: text(end),
      prefix: text(prefix),
      limit: limit == null ? undefined : Number(limit) || 0,
      reverse: Boolean(reverse),
    }),
  );
}

class SqlStorageRawCursor {
  #cursor;
  constructor(cursor) {
    this.#cursor = cursor;
  }
  next() {
    const row = native.sql_next_raw(this.#cursor);
    return { done: row === undefined, value: row };
  }
  toArray() {
    return native.sql_raw(this.#cursor);
  }
}

class SqlStorageCursor {
  #cursor;
  constructor(cursor) {
    this.#cursor = cursor;
  }
  next() {
    const row = native.sql_next(this.#cursor);
    return { done: row === undefined, value: row };
  }
  toArray() {
    return native.sql_to_array(this.#cursor);
  }
  one() {
    return native.sql_one(this.#cursor);
  }
  raw() {
    return new SqlStorageRawCursor(this.#cursor);
  }
  get columnNames() {
    return native.sql_columns(this.#cursor);
  }
  get rowsRead() {
    return native.sql_rows_read(this.#cursor);
  }
  get rowsWritten() {
    return native.sql_rows_written(this.#cursor);
  }
  [Symbol.iterator]() {
    return this;
  }
}

[KvList, SqlStorageCursor, SqlStorageRawCursor].forEach((constructor) => tag(constructor));

// Unlike a cursor, these are iterators, with map() and the like.
const Iterators = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]()));
[KvList, SqlStorageRawCursor].forEach(({ prototype }) => Object.setPrototypeOf(prototype, Iterators));

/** The cursor of a query. */
export const cursorOf = (cursor) => new SqlStorageCursor(cursor);
