"use strict";

// What is passed by reference has two faces: an object that users see, and its native handle.

const natives = new WeakMap();
const wrappers = new Map();

module.exports = {
  /** Remembers the native handle of an object; a promise of one while it is on its way. */
  bind(object, handle) {
    natives.set(object, handle);
    return object;
  },

  /** The native handle of an object, or undefined. */
  nativeOf: (object) => natives.get(object),

  /** Says how objects of a native class are wrapped. */
  wrapWith(nativeClass, wrap) {
    wrappers.set(nativeClass, wrap);
  },

  /**
   * Which keys are no methods of the other side: what every object has stays local, a stub is no promise, and whoever
   * writes it down as JSON, a logger for one, calls nobody.
   */
  isLocal: (key) =>
    typeof key === "symbol" || key === "then" || key === "toJSON" || key in Object.prototype,

  /** The object that users see of a native handle. */
  wrap: (handle) => wrappers.get(handle.constructor)(handle),
};
