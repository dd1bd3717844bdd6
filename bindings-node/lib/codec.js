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
 * Packs what is sent, which may hold requests, responses and headers: the arguments of a call, or its result. Gives a
 * promise if bodies have to be read first.
 *
 * @returns {[Buffer, any[] | undefined] | Promise<[Buffer, any[] | undefined]>}
 */
function packArgs(items) {
  return packSent("args", (writer) => writer.list(items));
}

function packResult(value) {
  return packSent("result", (writer) => writer.value(value));
}

function packSent(root, write, messages = new Map()) {
  const writer = new Writer(root, false, messages);
  write(writer);
  const packed = [writer.bytes(), writer.capabilities];
  if (writer.unread.size === 0) return packed;
  writer.release();
  if (messages.size > 0) {
    const message = "Could not serialize value: it has another request or response each time it is read.";
    throw errors.make("VALUE_ERROR", message);
  }
  return readBodies(writer.unread, messages).then(() => packSent(root, write, messages));
}

async function readBodies(unread, messages) {
  const read = async ([message, { tag, contents }]) => {
    messages.set(message, { tag, contents: await contents });
  };
  await Promise.all([...unread].map(read));
}

/**
 * Packs a list.
 *
 * @returns {[Buffer, any[] | undefined]}
 */
function packList(items, root) {
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

module.exports = { pack, packEnv, packArgs, packResult, packList, packThrown, packError, unpack };
