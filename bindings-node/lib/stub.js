"use strict";

const native = require("./native.js");
const handles = require("./handles.js");
const scope = require("./scope.js");
const { outcome, result, valueOf } = require("./calls.js");
const { packArgs, pack } = require("./codec.js");
const { invalid, kind, options, pathText, text } = require("./arguments.js");
const { ObjectId } = require("./object-id.js");
const { requestMap, responseOf } = require("./http.js");

const handler = {
  get(target, key) {
    if (key === Symbol.dispose) return dispose;
    if (handles.isLocal(key) || Object.hasOwn(target, key)) return Reflect.get(target, key);
    const { handle, signal } = targets.get(target);
    if (key === "fetch") return (input, init) => fetch(handle, signal, input, init);
    return (...args) => call(handle, signal, key, args);
  },
};

/** For `using`, as on Cloudflare; there is nothing that would have to be released at once. */
function dispose() {}

const targets = new WeakMap();
/** The signals that cancel calls of stubs, by stub. */
const signals = new WeakMap();

/**
 * Makes a stub; `handle` may be a promise while the code behind it is being loaded. `signal` cancels its
 * calls.
 */
function makeStub(handle, signal) {
  const target = {};
  targets.set(target, { handle, signal });
  const { id } = handle;
  if (id) {
    const objectId = new ObjectId(id);
    Object.defineProperty(target, "id", { value: objectId, enumerable: true });
    Object.defineProperty(target, "name", { value: id.name ?? undefined, enumerable: true });
  }
  const stub = new Proxy(target, handler);
  signals.set(stub, signal);
  return handles.bind(stub, handle);
}

/** @param {import("./native.js").Stub | Promise<import("./native.js").Stub>} handle */
async function call(handle, signal, method, args) {
  const name = text(method, "A method's name");
  const packed = packArgs(args);
  const [bytes, capabilities] = packed instanceof Promise ? await packed : packed;
  const stub = handle instanceof native.Stub ? handle : await handle;
  signal?.throwIfAborted();
  const { number, owner } = scope.here();
  const id = stub.call(name, bytes, capabilities, signal !== undefined, number, owner);
  return valueOf(await outcome(id, signal));
}

/** @param {import("./native.js").Stub | Promise<import("./native.js").Stub>} handle */
async function fetch(handle, general, input, init) {
  const signal = signalOf(input, init, general);
  const map = requestMap(input, init);
  const [bytes] = pack(map instanceof Promise ? await map : map);
  const stub = handle instanceof native.Stub ? handle : await handle;
  signal?.throwIfAborted();
  const { number, owner } = scope.here();
  const id = stub.fetch(bytes, signal !== undefined, number, owner);
  return responseOf(valueOf(await outcome(id, signal)));
}

/** What cancels a request: its own signal, and that of the stub. */
function signalOf(input, init, general) {
  const own = init?.signal ?? input?.signal ?? undefined;
  return own && general ? AbortSignal.any([own, general]) : (own ?? general);
}

handles.wrapWith(native.Stub, makeStub);

/** What can be done with a stub beside calling it, whose methods have every other name. */
const Stub = Object.freeze({
  async call(stub, method, args = []) {
    const handle = handleOf(stub);
    if (!Array.isArray(args)) throw invalid(`args must be an array, got ${kind(args)}.`);
    return call(handle, signals.get(stub), method, args);
  },

  with(stub, given) {
    const { signal } = options(given, ["signal"], "with()");
    if (!(signal instanceof AbortSignal)) {
      throw invalid(`signal must be an AbortSignal, got ${kind(signal)}.`);
    }
    return makeStub(handleOf(stub), signal);
  },

  async exists(stub) {
    return (await handleOf(stub)).exists();
  },

  async usage(stub) {
    return (await handleOf(stub)).usage();
  },

  async export(stub, path) {
    const target = pathText(path, "The path of an export");
    const handle = await handleOf(stub);
    const { number, owner } = scope.here();
    await result(handle.export(target, number, owner));
  },
});

/** The native handle of a stub, or the promise of one. */
function handleOf(stub) {
  if (signals.has(stub)) return handles.nativeOf(stub);
  throw invalid(`A stub is needed, got ${kind(stub)}.`);
}

module.exports = { Stub, makeStub };
