"use strict";

// The one bridge to the native half, and the messages that come over it.

const native = require("./native.js");
const references = require("./references.js");

const handlers = new Map([[native.Kind.Release, (id) => references.release(id)]]);
let thrower;

const bridge = new native.Bridge(
  (kind, ...message) => void handlers.get(kind)(...message),
  (packed) => thrower(packed),
);

module.exports = {
  bridge,

  /** Sets what is done with messages of a kind; gets (id, target, name, payload, extra). */
  on(kind, handler) {
    handlers.set(kind, handler);
  },

  /** Sets the function that throws the exception of a packed error. */
  throwWith(raise) {
    thrower = raise;
  },
};
