"use strict";

// Functions and objects that guests have passed by reference.

const native = require("./native.js");
const handles = require("./handles.js");
const scope = require("./scope.js");
const { result } = require("./calls.js");
const { packList } = require("./codec.js");

/** @param {import("./native.js").RpcStub} handle */
async function call(handle, method, args) {
  const [bytes, capabilities] = packList(args);
  return await result(handle.call(method, bytes, capabilities, ...scope.here()));
}

/** What every object has stays local, and a stub is no promise. */
const isLocal = (key) => typeof key === "symbol" || key === "then" || key in Object.prototype;

const methods = {
  get(target, key) {
    if (isLocal(key)) return Reflect.get(target, key);
    return (...args) => call(target.handle, key, args);
  },
};

function makeRpcStub(handle) {
  const target = handle.isFunction ? (...args) => call(handle, undefined, args) : { handle };
  target[Symbol.dispose] = () => handle.release();
  return handles.bind(handle.isFunction ? target : new Proxy(target, methods), handle);
}

handles.wrapWith(native.RpcStub, makeRpcStub);
