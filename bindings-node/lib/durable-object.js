"use strict";

const { EventEmitter } = require("node:events");
const stream = require("node:stream");

/** The base of classes whose instances are objects or facets. Its methods can be called by stubs. */
class DurableObject {
  constructor(ctx, env) {
    this.ctx = ctx;
    this.env = env;
  }
}

/** The base of classes whose instances can be sent to guests, which call their methods. */
class RpcTarget {}

/** Whether a value is a class that extends DurableObject. */
const isDurableObjectClass = (value) =>
  typeof value === "function" && value.prototype instanceof DurableObject;

/** Where the search for methods ends: emitters hand out their listeners, and streams what they carry. */
const roots = new Set(
  [Object, EventEmitter, EventTarget, ...Object.values(stream)].flatMap(({ prototype }) => prototype ?? []),
);

/**
 * The method `name` of an object, looked for in its classes only: own properties, accessors and what
 * every object, emitter, event target or stream has are out of reach.
 */
function methodOf(object, name) {
  let prototype = Object.getPrototypeOf(object);
  while (prototype !== null && !roots.has(prototype) && name !== "constructor") {
    const property = Object.getOwnPropertyDescriptor(prototype, name);
    if (property) return typeof property.value === "function" ? property.value : undefined;
    prototype = Object.getPrototypeOf(prototype);
  }
  return undefined;
}

module.exports = { DurableObject, RpcTarget, isDurableObjectClass, methodOf };
