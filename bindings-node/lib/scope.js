"use strict";

// Which event of which object code runs for, wherever it goes on: the native half commits what that object has
// written before a call of this code leaves, and knows which calls wait for each other.

const { AsyncLocalStorage } = require("node:async_hooks");

const current = new AsyncLocalStorage();
const outside = { number: 0, owner: undefined };

module.exports = {
  /** Runs code for the event or section with a number; `owner` is the native ctx of the object whose code it is. */
  run: (number, owner, code) => current.run({ number, owner }, code),

  /**
   * For which event and whose code calls are made here: the last two arguments of native calls.
   * @returns {{ number: number, owner: import("./native.js").Ctx | undefined }}
   */
  here: () => current.getStore() ?? outside,

  /** The number alone. */
  number: () => (current.getStore() ?? outside).number,
};
