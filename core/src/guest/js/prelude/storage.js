// ctx.storage: key-value store, SQL, transactions, alarms.

import { later, native } from "facetbox:base";
import { check, unsendable } from "facetbox:held";
import { cursors, transactions } from "facetbox:lazy";

// Key-value store ---------------------------------------------------------------------------------

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
    return cursors.use().listOf(options);
  },
})();

// SQL ---------------------------------------------------------------------------------------------

const sql = unsendable("SqlStorage", {
  exec(query, ...bindings) {
    check(this, sql);
    return cursors.use().cursorOf(native.sql_exec(`${query}`, bindings));
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
  list: (options) => new Map(cursors.use().listOf(options)),
  getAlarm: () => native.get_alarm(),
  setAlarm(time) {
    const due = Number(time);
    if (!hasAlarm()) native.no_alarm_handler();
    native.set_alarm(due);
  },
  deleteAlarm: () => native.delete_alarm(),
};

// Transactions ------------------------------------------------------------------------------------

// It may be right all the same: what has run before the first await was in the transaction.
const ASYNC_BODY =
  "transactionSync() was given an async function. What that does after its first await is no part of the transaction, and its errors undo nothing: use transaction().";
let hasWarned = false;

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
  if (!hasWarned && result instanceof Promise) {
    hasWarned = true;
    native.log("warn", ASYNC_BODY);
  }
  return result;
}

const NAMES = Object.keys(operations); // taken before a guest could replace keys() and get at them

/** The operations as methods that first look at what they are called on. */
export function methods(look) {
  const members = {};
  for (const name of NAMES) {
    members[name] = async function (...args) {
      look(this, name);
      return operations[name](...args);
    };
  }
  return members;
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
    transaction: (callback) => transactions.use().transaction(callback),
    transactionSync,
    sync: () => later(native.sync),
    deleteAll: () => later(() => native.delete_all()),
    getCurrentBookmark: () => later(() => native.bookmark()),
    getBookmarkForTime: () => later(() => native.no_recovery()),
    onNextSessionRestoreBookmark: () => later(() => native.no_recovery()),
  }),
})();
Object.freeze(Object.assign(storage, { kv, sql }));
