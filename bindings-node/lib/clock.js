"use strict";

const native = require("./native.js");
const { whole } = require("./arguments.js");

/** The latest time that a Date can hold. */
const MAX_MS = 8.64e15;

let clockHandle;

/** A clock that stands still until it is moved, for tests of alarms. */
class ManualClock {
  /** @type {import("./native.js").ManualClock} */
  #native;

  static {
    clockHandle = (clock) => clock.#native;
  }

  constructor(nowMs) {
    this.#native = new native.ManualClock(whole(nowMs, 0, MAX_MS, "The time of a clock"));
  }

  get nowMs() {
    return this.#native.nowMs;
  }

  set(nowMs) {
    this.#native.set(whole(nowMs, 0, MAX_MS, "The time of a clock"));
  }

  advance(byMs) {
    this.#native.advance(whole(byMs, 0, MAX_MS, "What a clock is advanced by"));
  }
}

module.exports = {
  ManualClock,

  /** The native handle of a clock. */
  clockHandle: (clock) => clockHandle(clock),
};
