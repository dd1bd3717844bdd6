"use strict";

const { types } = require("node:util");

const native = require("./native.js");
const handles = require("./handles.js");
const { callback, invalid, kind, text } = require("./arguments.js");
const { pack, packThrown } = require("./codec.js");
const { DurableObjectClass } = require("./classes.js");
const { makeStub } = require("./stub.js");

/** Guest code with all that it is given. A plain object with the same fields serves as well. */
class WorkerCode {
  constructor(fields) {
    Object.assign(this, fields);
  }
}

/** Packs a WorkerCode. Instances of classes in its env are passed by reference. */
function packCode(code) {
  if (typeof code !== "object" || code === null) {
    throw invalid(`WorkerCode must be an object, got ${kind(code)}.`);
  }
  return pack({ ...code }, { root: "WorkerCode", objects: true });
}

/** Loads guest code: the only way from text to a class. */
class Loader {
  /** @type {import("./native.js").Loader} */
  #native;
  #loading = new Map();

  constructor(handle) {
    this.#native = handle;
    handles.bind(this, handle);
  }

  load(code) {
    return new WorkerStub(this.#native.load(...packCode(code)));
  }

  get(id, getCode) {
    const key = id === undefined || id === null ? undefined : text(id, "A worker's id");
    callback(getCode, "The second argument of get()");
    const cached = key === undefined ? undefined : this.#native.cached(key);
    return new WorkerStub(cached ?? this.#loading.get(key) ?? this.#start(key, getCode));
  }

  /** Calls the callback; what goes wrong from here on shows at the first use of the worker. */
  #start(key, getCode) {
    try {
      const code = getCode();
      return typeof code?.then === "function" ? this.#wait(key, code) : this.#insert(key, code);
    } catch (thrown) {
      return this.#native.insertFailed(packThrown(thrown));
    }
  }

  #wait(key, promise) {
    const loading = Promise.resolve(promise)
      .then((code) => this.#insert(key, code))
      .catch((thrown) => this.#native.insertFailed(packThrown(thrown)))
      .finally(() => this.#loading.delete(key));
    if (key !== undefined) this.#loading.set(key, loading);
    return loading;
  }

  #insert(key, code) {
    return this.#native.insert(key, ...packCode(code));
  }
}

/** Loaded code, or code on its way. */
class WorkerStub {
  #native;

  constructor(handle) {
    this.#native = handle;
  }

  getDurableObjectClass(name, options) {
    const args = [exportName(name), ...pack(options ?? null, { root: "options" })];
    return new DurableObjectClass(this.#then((worker) => worker.getDurableObjectClass(...args)));
  }

  getEntrypoint(name, options) {
    const args = [exportName(name), ...pack(options ?? null, { root: "options" })];
    return makeStub(this.#then((worker) => worker.getEntrypoint(...args)));
  }

  #then(next) {
    const worker = this.#native;
    if (!types.isPromise(worker)) return next(worker);
    const later = worker.then(next);
    later.catch(() => {}); // shows at the first use
    return later;
  }
}

function exportName(name) {
  return name === undefined || name === null ? "default" : text(name, "An export's name");
}

handles.wrapWith(native.Loader, (handle) => new Loader(handle));

module.exports = { Loader, WorkerCode, WorkerStub, packCode };
