// What guests wait for: operations that the driver in Rust ends. The clock.

import { define, native } from "facetbox:base";
import { gathering } from "facetbox:lazy";
import { Proxy } from "facetbox:proxies";

/** Those that have begun and not ended. */
export const operations = new Map(); // number -> { resolve, reject } or { fire }

/** The promise of an operation that a native has begun; what it ends with may be changed by `map`. */
export function waitFor(number, map) {
  return new Promise((resolve, reject) => operations.set(number, { resolve: map ? (value) => resolve(map(value)) : resolve, reject }));
}

/** Begins an operation with a value; what goes wrong at once rejects, too. */
export function attempt(begin, map, value) {
  try {
    const waiting = gathering(value);
    return waiting === undefined ? waitFor(begin(), map) : waiting.then(() => waitFor(begin(), map));
  } catch (error) {
    return Promise.reject(error);
  }
}

/** Called by the driver when an operation has ended. */
export function settle(number, ok, value) {
  const operation = operations.get(number);
  if (operation === undefined) return;
  operations.delete(number);
  if (operation.fire !== undefined) operation.fire();
  else if (ok) operation.resolve(value);
  else operation.reject(value);
}

export const isThenable = (value) =>
  ((typeof value === "object" && value !== null) || typeof value === "function") && typeof value.then === "function";

// The clock ---------------------------------------------------------------------------------------

// Dates follow the clock of the runtime, which tests move.
const now = () => native.now_ms();
const { construct } = Reflect;
const System = Date;
const Clocked = new Proxy(System, {
  __proto__: null,
  apply: () => new System(now()).toString(),
  construct: (target, args, newTarget) => construct(target, args.length === 0 ? [now()] : args, newTarget),
});
System.now = now;
System.prototype.constructor = Clocked;

define({
  Date: Clocked,
  queueMicrotask(callback) {
    if (typeof callback !== "function") throw new TypeError("queueMicrotask() takes a function.");
    Promise.resolve().then(() => callback());
  },
});
