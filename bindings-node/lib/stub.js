"use strict";

const native = require("./native.js");
const handles = require("./handles.js");
const { result } = require("./calls.js");
const { packList, pack } = require("./codec.js");
const { invalid, kind, pathText, text } = require("./arguments.js");
const { ObjectId } = require("./object-id.js");
const { requestMap, responseOf } = require("./http.js");

/** What every object has stays local, and a stub is no promise. */
const isLocal = (key) => typeof key === "symbol" || key === "then" || key in Object.prototype;

const handler = {
  get(target, key) {
    if (isLocal(key) || Object.hasOwn(target, key)) return Reflect.get(target, key);
    const { handle } = targets.get(target);
    if (key === "fetch") return (input, init) => fetch(handle, input, init);
    return (...args) => call(handle, key, args);
  },
};

const targets = new WeakMap();

/** Makes a stub; `handle` may be a promise while the code behind it is being loaded. */
function makeStub(handle) {
  const target = {};
  targets.set(target, { handle });
  const { id } = handle;
  if (id) {
    const objectId = new ObjectId(id);
    Object.defineProperty(target, "id", { value: objectId, enumerable: true });
    Object.defineProperty(target, "name", { value: objectId.name, enumerable: true });
  }
  return handles.bind(new Proxy(target, handler), handle);
}

async function call(handle, method, args) {
  const name = text(method, "A method's name");
  const packed = packList(args);
  const stub = handle instanceof native.Stub ? handle : await handle;
  return await result(stub.call(name, ...packed));
}

async function fetch(handle, input, init) {
  const map = requestMap(input, init);
  const [bytes] = pack(map instanceof Promise ? await map : map);
  const stub = handle instanceof native.Stub ? handle : await handle;
  return responseOf(await result(stub.fetch(bytes)));
}

handles.wrapWith(native.Stub, makeStub);

/** What can be done with a stub beside calling it, whose methods have every other name. */
const Stub = Object.freeze({
  async exists(stub) {
    return (await handleOf(stub)).exists();
  },

  async usage(stub) {
    return (await handleOf(stub)).usage();
  },

  async export(stub, path) {
    const target = pathText(path, "The path of an export");
    await (await handleOf(stub)).export(target);
  },
});

async function handleOf(stub) {
  const handle = await handles.nativeOf(stub);
  if (handle instanceof native.Stub) return handle;
  throw invalid(`A stub is needed, got ${kind(stub)}.`);
}

module.exports = { Stub, makeStub };
