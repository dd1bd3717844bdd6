"use strict";

// Functions and objects that guests have passed by reference.

const native = require("./native.js");
const handles = require("./handles.js");
const scope = require("./scope.js");
const { outcome, valueOf } = require("./calls.js");
const { packArgs } = require("./codec.js");

/** @param {import("./native.js").RpcStub} handle */
async function call(handle, method, args) {
  const packed = packArgs(args);
  const [bytes, capabilities] = packed instanceof Promise ? await packed : packed;
  const { number, owner } = scope.here();
  return valueOf(await outcome(handle.call(method, bytes, capabilities, number, owner)));
}

const methods = {
  get(target, key) {
    if (handles.isLocal(key)) return Reflect.get(target, key);
    return (...args) => call(target.handle, key, args);
  },
};

function makeRpcStub(handle) {
  const target = handle.isFunction ? (...args) => call(handle, undefined, args) : { handle };
  target[Symbol.dispose] = () => handle.release();
  return handles.bind(handle.isFunction ? target : new Proxy(target, methods), handle);
}

handles.wrapWith(native.RpcStub, makeRpcStub);
