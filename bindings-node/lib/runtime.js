"use strict";

const { types } = require("node:util");

const { bridge } = require("./bridge.js");
const { callback, invalid, kind, options, pathText, text, texts, whole } = require("./arguments.js");
const { extraOf, outcome, result } = require("./calls.js");
const { classHandle } = require("./classes.js");
const { ManualClock, clockHandle } = require("./clock.js");
const { pack, packEnv } = require("./codec.js");
const { Deployment } = require("./deployment.js");
const { Loader, packCode } = require("./loader.js");
const { Namespace } = require("./namespace.js");
const references = require("./references.js");
const scope = require("./scope.js");
const { warn } = require("./warnings.js");

/** Runtimes stay open until they are closed, whether or not anyone refers to them. */
const runtimes = new Set();

/** An open data directory. */
class Runtime {
  /** @type {import("./native.js").Runtime} */
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
    return new Namespace(this.#native.namespace(called, handle, packedLimits, ...packEnv(env)));
  }

  getNamespace(name) {
    return new Namespace(this.#native.getNamespace(text(name, "A namespace's name")));
  }

  loader() {
    return new Loader(this.#native.loader());
  }

  async deploy(name, code, env) {
    const called = text(name, "A deployment's name");
    const [bytes, capabilities] = packCode(code);
    const { number, owner } = scope.here();
    const call = this.#native.deploy(number, owner, called, bytes, capabilities, ...packEnv(env));
    return new Deployment(extraOf(await outcome(call)));
  }

  runDueAlarms() {
    const { number, owner } = scope.here();
    return result(this.#native.runDueAlarms(number, owner));
  }

  /** What it has done since it was opened. */
  metrics() {
    return this.#native.metrics();
  }

  /** The same in the text format of Prometheus. */
  metricsText() {
    return this.#native.metricsText();
  }

  /** Checks everything on disk. */
  verify() {
    return this.#native.verify();
  }

  close() {
    this.#closing ??= this.#native.close().finally(() => runtimes.delete(this));
    return this.#closing;
  }

  [Symbol.asyncDispose]() {
    return this.close();
  }
}

const OPTIONS = [
  "durability",
  "limits",
  "clock",
  "alarms",
  "idleMs",
  "maxWarm",
  "threads",
  "engines",
  "onTail",
];

/** What is counted, the smallest and the largest number of each. */
const COUNTS = { idleMs: [0, 2 ** 31 - 1], maxWarm: [0, 2 ** 31 - 1], threads: [1, 256] };

/** Opens a data directory, or without a path a runtime that keeps nothing. */
async function open(path, given) {
  const { limits, clock, onTail, ...plain } = options(given, OPTIONS, "open()");
  const [packedLimits] = pack(limits ?? null, { root: "limits" });
  for (const name of ["durability", "alarms"]) {
    if (plain[name] !== undefined) text(plain[name], name);
  }
  for (const [name, [least, most]] of Object.entries(COUNTS)) {
    if (plain[name] !== undefined) whole(plain[name], least, most, name);
  }
  if (plain.engines !== undefined) texts(plain.engines, "engines");
  if (clock !== undefined && !(clock instanceof ManualClock)) {
    throw invalid(`clock must be a ManualClock, got ${kind(clock)}.`);
  }
  const receiver = onTail === undefined ? undefined : callback(onTail, "onTail");
  const opening = { ...plain, path: path == null ? undefined : pathText(path, "A runtime's path") };
  if (receiver) opening.onTail = references.add(guarded(receiver));
  const handle = await bridge.open(opening, clock && clockHandle(clock), packedLimits);
  const runtime = new Runtime(handle);
  runtimes.add(runtime);
  return runtime;
}

/** A receiver of tail events whose failures are reported. */
function guarded(receive) {
  return async (event) => {
    try {
      await receive(event);
    } catch (thrown) {
      warn("The receiver of tail events failed", thrown);
    }
  };
}

module.exports = { Runtime, open };
