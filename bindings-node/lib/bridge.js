"use strict";

// The one bridge to the native half, and the messages that come over it.

const { AsyncResource } = require("node:async_hooks");
// Programs that test with fake timers replace it later.
const { setImmediate } = require("node:timers");
const { nextTick } = process;

const native = require("./native.js");
const references = require("./references.js");
const { Reader } = require("./reader.js");
const turns = require("./turn.js");

/** Where the native half puts messages; they are read before it puts others there. */
const buffer = Buffer.allocUnsafeSlow(1 << 16);
/** Messages come from nobody's context. */
const nobody = new AsyncResource("FACETBOX");

/** @type {Map<number, (id: number, target: number, name: string, payload: Reader, extra: any) => void>} */
const handlers = new Map();
handlers.set(native.Kind.Release, (id) => references.release(id));
let thrower;

const bridge = new native.Bridge(
  () => deliver(bridge.take(buffer)),
  (packed) => thrower(packed),
);

let attending = false;
/** Calls without an answer, less the asks without one: those are what calls wait for. */
let waits = 0;

/** Somebody was called: looks for the answer before the loop sleeps, or as soon as no code runs, if that pays. */
function attend() {
  if (attending) return;
  const when = bridge.attend(waits <= 1);
  if (when === native.Look.Never) return;
  if (when === native.Look.BeforeSleep) return comeAgain();
  attending = true;
  nextTick(lookAtOnce);
}

function lookAgain() {
  look(waits <= 1);
}

function lookAtOnce() {
  // Code of others belongs to another turn of the loop.
  if (turns.areOpen()) setImmediate(lookAgain);
  else look();
}

function look(round) {
  const taken = bridge.look(buffer, round);
  attending = false;
  if (taken === null) comeAgain();
  else if (taken !== false) nobody.runInAsyncScope(deliver, undefined, taken);
}

/** Has the loop look once it has come round. */
function comeAgain() {
  attending = true;
  setImmediate(lookAgain);
}

/**
 * Hands messages on to the handlers of their kinds; `src/batch.rs` says how they look. Where there are more, the loop's
 * timers, its sockets and all else have their turn before those.
 */
function deliver(taken) {
  if (taken === false) return;
  const items = taken === true ? [buffer] : taken;
  const reader = new Reader(items[0], items);
  const [messages, more] = [reader.count(), reader.count()];
  if (more) comeAgain();
  for (let left = messages; left > 0; left--) {
    const [kind, id, target] = [reader.count(), reader.count(), reader.count()];
    const [brings, refers, length, bytes] = [
      reader.count(),
      reader.count(),
      reader.count(),
      reader.count(),
    ];
    const name = reader.textOf(length);
    const payload = reader.part(bytes, refers);
    const extra = refers > brings ? items[brings] : undefined;
    try {
      handlers.get(kind)(id, target, name, payload, extra);
    } catch (thrown) {
      // The other messages are nobody else's to deliver.
      process.nextTick(() => {
        throw thrown;
      });
    }
  }
}

module.exports = {
  bridge,
  attend,

  /** Counts a call that begins or an ask that is answered as one more that waits, their opposites as one less. */
  count(more) {
    waits += more;
  },

  /**
   * Sets what is done with messages of a kind; gets (id, target, name, payload, extra). The payload is a Reader,
   * and to be read at once.
   */
  on(kind, handler) {
    handlers.set(kind, handler);
  },

  /** Sets the function that throws the exception of a packed error. */
  throwWith(raise) {
    thrower = raise;
  },
};
