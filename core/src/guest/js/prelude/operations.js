// What guests wait for: operations that the driver in Rust ends, and timers. The clock.

import { define, native } from "facetbox:base";

const { apply } = Reflect;
const operations = new Map(); // number -> { resolve, reject } or { fire }

/** The promise of an operation that a native has begun. */
export function waitFor(number) {
  return new Promise((resolve, reject) => operations.set(number, { resolve, reject }));
}

/** Begins an operation; what goes wrong at once rejects, too. */
export function attempt(begin) {
  try {
    return waitFor(begin());
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

// Timers ------------------------------------------------------------------------------------------

const timers = new Map(); // number of the timer -> number of the operation that ends when it is due
let lastTimer = 0;

function arm(timer, callback, delay, repeats) {
  const operation = native.timer(Number(delay) || 0);
  timers.set(timer, operation);
  const fire = () => {
    if (repeats) arm(timer, callback, delay, repeats);
    else timers.delete(timer);
    callback();
  };
  operations.set(operation, { fire });
}

function start(callback, delay, repeats, args) {
  if (typeof callback !== "function") throw new TypeError("The first argument of a timer must be a function.");
  const timer = ++lastTimer;
  arm(timer, () => apply(callback, undefined, args), delay, repeats);
  return timer;
}

function stop(timer) {
  const operation = timers.get(timer);
  if (operation === undefined) return;
  timers.delete(timer);
  operations.delete(operation);
  native.cancel(operation);
}

// The clock ---------------------------------------------------------------------------------------

// Dates follow the clock of the runtime, which tests move.
const now = () => native.now_ms();
const { construct } = Reflect;
const System = Date;
const Clocked = new Proxy(System, {
  apply: () => new System(now()).toString(),
  construct: (target, args, newTarget) => construct(target, args.length === 0 ? [now()] : args, newTarget),
});
System.now = now;
System.prototype.constructor = Clocked;

define({
  Date: Clocked,
  setTimeout: (callback, delay, ...args) => start(callback, delay, false, args),
  setInterval: (callback, delay, ...args) => start(callback, delay, true, args),
  clearTimeout: stop,
  clearInterval: stop,
  queueMicrotask(callback) {
    if (typeof callback !== "function") throw new TypeError("queueMicrotask() takes a function.");
    Promise.resolve().then(() => callback());
  },
});
