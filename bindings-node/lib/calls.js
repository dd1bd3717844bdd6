"use strict";

// Calls on their way: promises that settle when the native half says so.

const native = require("./native.js");
const errors = require("./errors.js");
const { attend, bridge, count, on } = require("./bridge.js");

const pending = new Map();

// Nothing else keeps the process alive for a call that runs on threads of the runtime.
const keepAlive = setInterval(() => {}, 2 ** 31 - 1);
keepAlive.unref();

on(native.Kind.Resolve, (id, target, name, payload, extra) => {
  settle(id, extra ? { extra } : read(() => ({ value: payload.value() })));
});
on(native.Kind.Reject, (id, target, name, payload) => {
  settle(id, read(() => ({ failure: payload.thrown() })));
});

/** An outcome that is read; guests may send requests and responses that the platform's classes refuse. */
function read(outcome) {
  try {
    return outcome();
  } catch (unreadable) {
    return { unreadable };
  }
}

function settle(id, outcome) {
  const resolve = pending.get(id);
  if (!resolve) return; // it was canceled
  pending.delete(id);
  count(-1);
  if (pending.size === 0) keepAlive.unref();
  resolve(outcome);
}

/**
 * Waits for the end of call `id`; `valueOf` and `extraOf` read the outcome. Where `signal` is given the call must be a
 * cancelable one.
 */
function outcome(id, signal) {
  if (pending.size === 0) keepAlive.ref();
  count(1);
  attend();
  const settled = new Promise((resolve) => pending.set(id, resolve));
  return signal ? cancelable(id, signal, settled) : settled;
}

async function cancelable(id, signal, settled) {
  const cancel = () => {
    settle(id, { canceled: signal });
    bridge.cancel(id);
  };
  signal.addEventListener("abort", cancel, { once: true });
  const outcome = await settled;
  signal.removeEventListener("abort", cancel);
  return outcome;
}

/** Throws what went wrong: here, after the await, so that the exception's stack leads to the caller. */
function check({ failure, canceled, unreadable }) {
  if (unreadable) throw unreadable;
  if (canceled) throw canceled.reason;
  if (failure) throw errors.exception(failure);
}

/** The value of an outcome. */
function valueOf(outcome) {
  check(outcome);
  const { value } = outcome;
  if (typeof value?.then === "function") {
    // A promise that resolves to such a value would call its `then`.
    throw errors.make("VALUE_ERROR", "A result with a function named 'then' can't be awaited.");
  }
  return value;
}

/** What else a call ended with. */
function extraOf(outcome) {
  check(outcome);
  return outcome.extra;
}

/** Waits for the end of call `id` and answers its value. */
async function result(id) {
  return valueOf(await outcome(id));
}

module.exports = { outcome, valueOf, extraOf, result };
