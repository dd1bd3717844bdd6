"use strict";

/** How many objects write in this turn of the loop. */
let open = 0;

/**
 * The turns of the event loop in which an object writes: what was written in one is committed after it, even if no
 * event of the object ends by then.
 */
class Turn {
  /** @type {import("./native.js").Ctx} */
  #ctx;
  #writing = false;

  constructor(ctx) {
    this.#ctx = ctx;
  }

  /** Something is about to be written. */
  wrote() {
    if (this.#writing) return;
    this.#ctx.beginTurn();
    this.#writing = true;
    open++;
    // A tick that a microtask asks for runs when no microtask is left.
    queueMicrotask(() => process.nextTick(() => this.#end()));
  }

  #end() {
    this.#writing = false;
    open--;
    this.#ctx.endTurn();
  }
}

module.exports = {
  Turn,

  /** Whether anything was written in this turn of the loop. */
  areOpen: () => open > 0,
};
