"use strict";

const { fileURLToPath } = require("node:url");
const { types } = require("node:util");

const { bridge } = require("./bridge.js");
const { invalid, options, text } = require("./arguments.js");
const { classHandle } = require("./classes.js");
const { pack } = require("./codec.js");
const { Loader } = require("./loader.js");
const { Namespace } = require("./namespace.js");

/** Runtimes stay open until they are closed, whether or not anyone refers to them. */
const runtimes = new Set();

/** An open data directory. */
class Runtime {
  #native;
  #closing;

  constructor(handle) {
    this.#native = handle;
  }

  namespace(name, type, given) {
    const called = text(name, "A namespace's name");
    const { env, limits } = options(given, ["env", "limits"], "namespace()");
    const handle = classHandle(type, "The class of a namespace");
    if (types.isPromise(handle)) {
      throw invalid("The class's code is still being loaded; use load() or a synchronous callback.");
    }
    const [packedLimits] = pack(limits ?? null, { root: "limits" });
    const packedEnv = env ? pack({ ...env }, { root: "env", objects: true }) : [];
    return new Namespace(this.#native.namespace(called, handle, packedLimits, ...packedEnv));
  }

  getNamespace(name) {
    return new Namespace(this.#native.getNamespace(text(name, "A namespace's name")));
  }

  loader() {
    return new Loader(this.#native.loader());
  }

  close() {
    this.#closing ??= this.#native.close().finally(() => runtimes.delete(this));
    return this.#closing;
  }

  [Symbol.asyncDispose]() {
    return this.close();
  }
}

/** Opens a data directory, or without a path a runtime that keeps nothing. */
async function open(path, given) {
  const { durability, limits, threads } = options(given, ["durability", "limits", "threads"], "open()");
  const [packedLimits] = pack(limits ?? null, { root: "limits" });
  if (durability !== undefined) text(durability, "durability");
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1 && threads <= 256)) {
    throw invalid(`threads must be a whole number from 1 to 256, got ${threads}.`);
  }
  const where = pathText(path);
  const runtime = new Runtime(await bridge.open(where, durability, threads, packedLimits));
  runtimes.add(runtime);
  return runtime;
}

function pathText(path) {
  if (path === undefined || path === null) return undefined;
  return text(path instanceof URL ? fileURLToPath(path) : path, "A runtime's path");
}

module.exports = { Runtime, open };
