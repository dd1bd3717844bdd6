// Timers: each is an operation that ends when it is due.

import { native } from "facetbox:base";
import { timers as due } from "facetbox:operations";

const { apply } = Reflect;
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
  due.set(operation, fire);
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
  due.delete(operation);
  native.cancel(operation);
}

export const globals = {
  setTimeout: (callback, delay, ...args) => start(callback, delay, false, args),
  setInterval: (callback, delay, ...args) => start(callback, delay, true, args),
  clearTimeout: stop,
  clearInterval: stop,
};
