"use strict";

const native = require("./native.js");
const handles = require("./handles.js");
const references = require("./references.js");
const { bridge } = require("./bridge.js");
const { invalid, kind } = require("./arguments.js");
const { nameOf } = require("./writer.js");

/** A class that a loaded worker exports. */
class DurableObjectClass {
  constructor(handle) {
    handles.bind(this, handle);
  }
}

handles.wrapWith(native.Class, (handle) => new DurableObjectClass(handle));

/**
 * The native handle of a class of either kind: from a worker, or written in JavaScript. A promise
 * while the worker is being loaded.
 */
function classHandle(value, what) {
  if (value instanceof DurableObjectClass) return handles.nativeOf(value);
  if (typeof value === "function" && value.prototype) {
    return bridge.class(references.add(value), nameOf(value));
  }
  throw invalid(`${what} must be a class, got ${kind(value)}.`);
}

module.exports = { DurableObjectClass, classHandle };
