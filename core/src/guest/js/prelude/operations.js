// What guests wait for: operations that the driver in Rust ends, whose promises natives give; timers. The clock.

import { define, native } from "facetbox:base";
import { gathering } from "facetbox:lazy";
import { Proxy } from "facetbox:proxies";

/** What is to be done when a timer is due, by the number of its operation. */
export const timers = new Map();

/** Begins an operation with a value, whose promise the native gives; what goes wrong at once rejects, too. */
export function attempt(begin, value) {
  try {
    const waiting = gathering(value);
    return waiting === undefined ? begin() : waiting.then(() => begin());
  } catch (error) {
    return Promise.reject(error);
  }
}

/** Called by the driver when a timer is due. */
export function fire(number) {
  const due = timers.get(number);
  if (due === undefined) return;
  timers.delete(number);
  due();
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
