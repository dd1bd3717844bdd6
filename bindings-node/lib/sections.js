"use strict";

const scope = require("./scope.js");
const { callback } = require("./arguments.js");
const { extraOf, outcome, result } = require("./calls.js");
const { packThrown } = require("./codec.js");

/**
 * blockConcurrencyWhile() of the object with a native ctx.
 * @param {import("./native.js").Ctx} ctx
 */
function blockWhile(ctx, work) {
  callback(work, "The argument of blockConcurrencyWhile()");
  const section = within(ctx, ctx.blockConcurrency(scope.number()), work);
  section.catch(() => {}); // the failure reaches every caller of the object
  return section;
}

/** @param {import("./native.js").Ctx} ctx */
async function within(ctx, call, work) {
  const guard = extraOf(await outcome(call));
  try {
    return await scope.run(guard.scope, ctx, async () => work());
  } catch (thrown) {
    ctx.fail(packThrown(thrown));
    throw thrown;
  } finally {
    guard.release();
  }
}

/**
 * transaction() of the object with a native ctx.
 * @param {import("./native.js").Ctx} ctx
 */
async function transact(ctx, storage, body) {
  callback(body, "The argument of transaction()");
  const handle = extraOf(await outcome(ctx.beginTransaction(scope.number())));
  try {
    const work = async () => body(new Transaction(storage, handle));
    const answer = await scope.run(handle.scope, ctx, work);
    await result(handle.commit());
    return answer;
  } finally {
    handle.end();
  }
}

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
    this.#handle.rollback();
  }
}

const METHODS = ["get", "put", "delete", "list", "getAlarm", "setAlarm", "deleteAlarm"];

module.exports = { blockWhile, transact };
