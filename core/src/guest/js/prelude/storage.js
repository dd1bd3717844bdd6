// ctx.storage: key-value store, SQL, transactions, alarms.

import { hidden, later, native, tag } from "facetbox:base";
import { waitFor } from "facetbox:operations";
import { check, unsendable } from "facetbox:stubs";

// Key-value store ---------------------------------------------------------------------------------

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

/** Options are converted as those of the web's interfaces are: a limit may come from a URL. */
function listOf(options) {
  if (!isMap(options)) return new KvList(native.kv_list(options));
  const text = (value) => (value == null ? undefined : `${value}`);
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

const kv = unsendable("SyncKvStorage", {
  get(key) {
    check(this, kv);
    return native.kv_get(`${key}`);
  },
  put(key, value) {
    check(this, kv);
    native.kv_put(`${key}`, value);
  },
  delete(key) {
    check(this, kv);
    return native.kv_delete(`${key}`);
  },
  list(options) {
    check(this, kv);
    return listOf(options);
  },
})();

// SQL ---------------------------------------------------------------------------------------------

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

const sql = unsendable("SqlStorage", {
  exec(query, ...bindings) {
    check(this, sql);
    return new SqlStorageCursor(native.sql_exec(`${query}`, bindings));
  },
  get databaseSize() {
    check(this, sql);
    return native.database_size();
  },
})();

// What both the storage and the handle of a transaction can do --------------------------------------

const isMap = (value) => typeof value === "object" && value !== null;

function put(key, value, more) {
  if (!isMap(key)) {
    if (value === undefined) throw new TypeError("put() called with undefined value.");
    native.kv_put(`${key}`, value);
    return;
  }
  if (more !== undefined || (value != null && !isMap(value))) {
    throw new TypeError(
      "put() may only be called with a single key-value pair and optional options as put(key, value, options) or with multiple key-value pairs and optional options as put(entries, options)",
    );
  }
  native.kv_put_many(key);
}

let hasAlarm = () => true; // whether the class has a handler; known once the instance is constructed

/** Called with how to find out whether the instance has an alarm handler. */
export function setAlarmCheck(check) {
  hasAlarm = check;
}

const keysOf = (keys) => Array.from(keys, (key) => `${key}`);

const operations = {
  get: (key) => (isMap(key) ? new Map(native.kv_get_many(keysOf(key))) : native.kv_get(`${key}`)),
  put,
  delete: (key) => (isMap(key) ? native.kv_delete_many(keysOf(key)) : native.kv_delete(`${key}`)),
  list: (options) => new Map(listOf(options)),
  getAlarm: () => native.get_alarm(),
  setAlarm(time) {
    const due = Number(time);
    if (!hasAlarm()) native.no_alarm_handler();
    native.set_alarm(due);
  },
  deleteAlarm: () => native.delete_alarm(),
};

// Transactions ------------------------------------------------------------------------------------

function transactionSync(callback) {
  if (typeof callback !== "function") throw new TypeError("The argument of transactionSync() must be a function.");
  const depth = native.begin(false);
  let result;
  try {
    result = callback();
  } catch (error) {
    native.finish(depth, false);
    throw error;
  }
  native.finish(depth, true);
  return result;
}

const open = []; // states of the transactions that are open, the innermost last

const State = hidden(); // of a transaction, behind its handle

/** The state of a handle whose transaction is open. */
function stateOf(txn, name) {
  const state = State.get(txn);
  if (state === undefined) throw new TypeError("Illegal invocation");
  if (state.rolledBack) throw new Error(`Cannot ${name}() on rolled back transaction`);
  if (state.ended) {
    throw new Error(
      `Cannot call ${name}() on transaction that has already committed: did you move \`txn\` outside of the closure?`,
    );
  }
  return state;
}

/** The operations as methods that first look at what they are called on. */
function methods(look) {
  const members = {};
  for (const name of Object.keys(operations)) {
    members[name] = async function (...args) {
      look(this, name);
      return operations[name](...args);
    };
  }
  return members;
}

const newTransaction = unsendable("DurableObjectTransaction", {
  ...methods(stateOf),
  rollback() {
    if (State.get(this)?.rolledBack) return;
    const state = stateOf(this, "rollback");
    if (open.at(-1) !== state) {
      throw new Error("Cannot roll back an outer transaction while a nested transaction is still running.");
    }
    state.rolledBack = true;
    native.finish(state.depth, false);
  },
  async deleteAll() {
    throw new Error("Cannot call deleteAll() within a transaction");
  },
});

function handle(state) {
  return new State(newTransaction(), state);
}

/** Keeps other events out until the end. What was written before is committed first. */
async function transaction(callback) {
  if (typeof callback !== "function") throw new TypeError("The argument of transaction() must be a function.");
  const task = native.block_begin();
  try {
    return await transact(callback);
  } finally {
    native.block_end(task);
  }
}

async function transact(callback) {
  await waitFor(native.sync());
  const state = { depth: native.begin(true), rolledBack: false, ended: false };
  let end;
  state.over = new Promise((resolve) => (end = resolve));
  open.push(state);
  let commit = false;
  try {
    const result = await callback(handle(state));
    commit = true;
    return result;
  } finally {
    // One that was begun beside this one, rather than within it, ends first.
    while (open.at(-1) !== state) await open.at(-1).over;
    open.pop();
    state.ended = true;
    end();
    if (!state.rolledBack) native.finish(state.depth, commit);
  }
}

/** Methods of the storage as a whole. */
function whole(members) {
  for (const name of Object.keys(members)) {
    const work = members[name];
    members[name] = function (argument) {
      check(this, storage);
      return work(argument);
    };
  }
  return members;
}

export const storage = unsendable("DurableObjectStorage", {
  ...methods((self) => check(self, storage)),
  ...whole({
    transaction,
    transactionSync,
    sync: () => later(() => waitFor(native.sync())),
    deleteAll: () => later(() => native.delete_all()),
    getCurrentBookmark: () => later(() => native.bookmark()),
    getBookmarkForTime: () => later(() => native.no_recovery()),
    onNextSessionRestoreBookmark: () => later(() => native.no_recovery()),
  }),
})();
Object.freeze(Object.assign(storage, { kv, sql }));
