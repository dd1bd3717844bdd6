"use strict";

// Calls on their way: promises that settle when the native half says so.

const native = require("./native.js");
const errors = require("./errors.js");
const { bridge, on } = require("./bridge.js");
const { unpack, unpackThrown } = require("./codec.js");

const pending = new Map();

// Nothing else keeps the process alive for a call that runs on threads of the runtime.
const keepAlive = setInterval(() => {}, 2 ** 31 - 1);
keepAlive.unref();

on(native.Kind.Resolve, (id, target, name, payload, extra) => settle(id, { payload, extra }));
on(native.Kind.Reject, (id, target, name, payload) => settle(id, { failure: payload }));

function settle(id, outcome) {
  const resolve = pending.get(id);
  if (!resolve) return; // it was canceled
  pending.delete(id);
  if (pending.size === 0) keepAlive.unref();
  resolve(outcome);
}

/**
 * Waits for the end of call `id` and answers { payload, extra }. Where `signal` is given the call must
 * be a cancelable one.
 *
 * The exception is made here, after the await, so that its stack leads to the caller.
 */
async function ended(id, signal) {
  keepAlive.ref();
  const cancel =
    signal &&
    (() => {
      settle(id, { canceled: true });
      bridge.cancel(id);
    });
  signal?.addEventListener("abort", cancel, { once: true });
  const outcome = await new Promise((resolve) => pending.set(id, resolve));
  signal?.removeEventListener("abort", cancel);
  if (outcome.canceled) throw signal.reason;
  if (outcome.failure) throw unpackThrown(outcome.failure);
  return outcome;
}

/** Waits for the end of call `id` and answers its value. */
async function result(id, signal) {
  const { payload } = await ended(id, signal);
  const value = unpack(payload);
  if (typeof value?.then === "function") {
    // A promise that resolves to such a value would call its `then`.
    throw errors.make("VALUE_ERROR", "A result with a function named 'then' can't be awaited.");
  }
  return value;
}

module.exports = { ended, result };
