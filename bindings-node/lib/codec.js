"use strict";

// Values as bytes; `src/codec.rs` is the other half and says how they look.

const { Writer } = require("./writer.js");
const { Reader } = require("./reader.js");
const errors = require("./errors.js");
const { throwWith } = require("./bridge.js");

/**
 * Packs a value into [bytes, capabilities], the two arguments that native functions take.
 *
 * `root` names the value in messages; `objects` lets instances of any class pass by reference.
 * Throws VALUE_ERROR for what can't cross.
 *
 * @returns {[Buffer, any[] | undefined]}
 */
function pack(value, { root = "value", objects = false } = {}) {
  const writer = new Writer(root, objects);
  writer.value(value);
  return [writer.bytes(), writer.capabilities];
}

/**
 * Packs an env, of which instances of classes are passed by reference; nothing if there is none.
 *
 * @returns {[Buffer?, any[]?]}
 */
function packEnv(env) {
  return env ? pack({ ...env }, { root: "env", objects: true }) : [];
}

/**
 * Packs the arguments of a call.
 *
 * @returns {[Buffer, any[] | undefined]}
 */
function packList(items, root = "args") {
  const writer = new Writer(root, false);
  writer.list(items);
  return [writer.bytes(), writer.capabilities];
}

/** Packs what host code threw, so that it comes out as itself where nobody caught it. */
function packThrown(thrown) {
  const writer = new Writer("error", false);
  writer.error(errors.describeThrown(thrown));
  return writer.bytes();
}

/** Packs an error by its name and message alone. */
function packError(error) {
  const writer = new Writer("error", false);
  writer.error(errors.describe(error));
  return writer.bytes();
}

/** Unpacks a value: a buffer, or a list of a buffer and what it refers to. */
function unpack(packed) {
  return reader(packed).value();
}


function reader(packed) {
  return Array.isArray(packed) ? new Reader(packed[0], packed) : new Reader(packed, []);
}

throwWith((packed) => {
  const thrown = errors.exception(reader(packed).thrown());
  // The native half can throw objects only.
  throw Object(thrown) === thrown ? thrown : errors.make("GUEST_ERROR", String(thrown));
});

module.exports = { pack, packEnv, packList, packThrown, packError, unpack };
