// The module "cloudflare:workers", and where the driver in Rust enters the guest.

import "facetbox:proxies";
import "facetbox:texts";
import { className, define, engineStack, later, native, tag, uncurry, viewName, viewParts } from "facetbox:base";
import { countWeak } from "facetbox:bounds";
import { errorParts, makeError } from "facetbox:errors";
import { facets, heldBy, isOwn, makeId } from "facetbox:held";
import { capabilities, gathering, getLate, keepLateGetters, lateGlobals, loaders, messages, part, setLate, streams, stubs } from "facetbox:lazy";
import { fire, isThenable } from "facetbox:operations";
import { setAlarmCheck, storage } from "facetbox:storage";

const { apply, getPrototypeOf } = Reflect;
const { hasOwn, prototype: ObjectPrototype } = Object;

export class DurableObject {
  constructor(ctx, env) {
    this.ctx = ctx;
    this.env = env;
  }
}

export class WorkerEntrypoint {
  constructor(ctx, env) {
    this.ctx = ctx;
    this.env = env;
  }
}

export class RpcTarget {}

/** Keeps errors of work that goes on after its event; the instance stays until it ends anyway. */
export const waitUntil = (promise) => void Promise.resolve(promise).catch(native.exception);

// Code may import these whether it uses them or not.
const missing = (name) => ({ [name]: class {
  constructor() {
    throw new TypeError(`${name} is not supported.`);
  }
} })[name];

export const WorkflowEntrypoint = missing("WorkflowEntrypoint");

/** What stands for a function or an object: here for one of the guest's own. */
export class RpcStub {
  constructor(target) {
    return capabilities.use().stubOf(target);
  }
}

export let env = {};
export let exports;

// Values ------------------------------------------------------------------------------------------

const mapEntries = uncurry(Map.prototype.entries);
const setValues = uncurry(Set.prototype.values);
const dateTime = uncurry(Date.prototype.getTime);
const bigintText = uncurry(BigInt.prototype.toString);

const bytesBuffer = (bytes) => viewParts(bytes)[0];

/** Takes apart what Rust can't look into. */
const takers = {
  Map: (map) => Array.from(mapEntries(map)).flat(),
  Set: (set) => Array.from(setValues(set)),
  Date: (date) => dateTime(date),
  bigint: (number) => bigintText(number, 16),
  view: (view) => [...viewParts(view), viewName(view)],
};

const VIEWS = { DataView, Int8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array, Float16Array, Float32Array, Float64Array,
  BigInt64Array, BigUint64Array };

const builders = {
  view: (bytes, name) => (name === "ArrayBuffer" ? bytesBuffer(bytes) : new VIEWS[name](bytesBuffer(bytes))),
  Map(flat) {
    const map = new Map();
    for (let at = 0; at < flat.length; at += 2) map.set(flat[at], flat[at + 1]);
    return map;
  },
  Set: (items) => new Set(items),
  Date: (time) => new Date(time),
  bigint: (text) => (text.startsWith("-") ? -BigInt(`0x${text.slice(1)}`) : BigInt(`0x${text}`)),
};

// Guest functions that others were given ------------------------------------------------------------

const callbacks = new Map();
let lastCallback = 0;

/** The number under which it is kept, and whether it has a disposer. */
function keepCallback(callback) {
  callbacks.set(++lastCallback, callback);
  return [lastCallback, typeof callback[Symbol.dispose] === "function"];
}

/** Tells what nobody can use any more. */
function dispose(number) {
  const callback = callbacks.get(number);
  callbacks.delete(number);
  return callback[Symbol.dispose]();
}

// ctx ---------------------------------------------------------------------------------------------

function blockConcurrencyWhile(callback) {
  if (typeof callback !== "function") throw new TypeError("The argument of blockConcurrencyWhile() must be a function.");
  const task = native.block_begin();
  let section;
  try {
    section = Promise.resolve(callback());
  } catch (error) {
    section = Promise.reject(error);
  }
  return section.then(
    (value) => {
      native.block_end(task);
      return value;
    },
    (error) => native.block_failed(error),
  );
}

class DurableObjectState {
  constructor(id, props, hasStorage) {
    Object.assign(this, { id, props, exports });
    if (hasStorage) Object.assign(this, { storage, facets });
  }
  waitUntil(promise) {
    waitUntil(promise);
  }
  blockConcurrencyWhile(callback) {
    return blockConcurrencyWhile(callback);
  }
  abort(reason) {
    native.abort(reason);
  }
  passThroughOnException() {}
  // There are no WebSockets. Code that would send to each that is open has none to send to.
  getWebSockets() {
    return [];
  }
  setWebSocketAutoResponse() {}
  getWebSocketAutoResponse() {
    return null;
  }
  acceptWebSocket() {
    throw new TypeError("acceptWebSocket() is not supported: there are no WebSockets.");
  }
}

// Exports -----------------------------------------------------------------------------------------

let main; // the namespace of the main module

const own = (name) => (typeof name === "string" && main !== undefined && Object.hasOwn(main, name) ? main[name] : undefined);

const isClass = (value, base) => typeof value === "function" && value.prototype instanceof base;

/** Whether an export can be what is asked for. */
function fits(value, kind) {
  if (kind === "class") return typeof value === "function" && !isClass(value, WorkerEntrypoint);
  return isClass(value, WorkerEntrypoint) || (typeof value === "object" && value !== null);
}

const loopbacks = new Map();

const kindOf = (value) => (isClass(value, DurableObject) ? "class" : fits(value, "entrypoint") ? "entrypoint" : undefined);

/** What an export can be used as: a class that extends nothing is one without RPC. */
function useOf(value) {
  const kind = kindOf(value);
  const isClassAlone = kind === undefined && typeof value === "function" && Object.getOwnPropertyDescriptor(value, "prototype")?.writable === false;
  return isClassAlone ? "class" : kind;
}

const loopback = (name) => {
  const kind = useOf(own(name));
  if (kind === undefined) return undefined;
  if (!loopbacks.has(name)) loopbacks.set(name, loaders.use().loopback(name, kind));
  return loopbacks.get(name);
};

exports = new Proxy({}, {
  get: (_, name) => loopback(name),
  has: (_, name) => useOf(own(name)) !== undefined,
  ownKeys: () => Object.keys(main ?? {}).filter((name) => useOf(main[name]) !== undefined),
  getOwnPropertyDescriptor(_, name) {
    const value = loopback(name);
    return value && { value, writable: true, enumerable: true, configurable: true };
  },
});

// Where the driver enters -------------------------------------------------------------------------

let construct; // makes the instance that an event runs in
let instance;

/** Gives the guest its env, before any module of it runs. */
function setEnv(bindings) {
  env = bindings;
}

/** Waits for the main module. */
function loadMain(promise) {
  return promise.then((namespace) => {
    main = namespace;
  });
}

/** What the main module exports: name, kind, whether it has a fetch handler. */
function listExports() {
  const list = [];
  for (const name of Object.keys(main)) {
    const kind = kindOf(main[name]);
    if (kind === undefined) continue;
    const handlers = typeof main[name] === "function" ? main[name].prototype : main[name];
    list.push([name, kind, typeof handlers.fetch === "function"]);
  }
  return list;
}

/** The Durable Object classes among them, as text. */
function listClasses() {
  let text = "";
  for (const [name, kind] of listExports()) {
    if (kind === "class") text += (text && ", ") + name;
  }
  return text;
}

/** Prepares the export that events run in; makes the instance of a class. */
function begin(name, kind, id, props, hasStorage) {
  const exported = own(name);
  if (!fits(exported, kind)) native.no_such_export(name, kind, listClasses());
  const ctx = new DurableObjectState(id, props, hasStorage);
  construct = typeof exported === "function" ? () => new exported(ctx, env) : () => plain(exported, ctx);
  if (kind !== "class") return;
  instance = construct();
  setAlarmCheck(() => typeof find(instance, "alarm") === "function");
}

const plains = new WeakSet();

/** An export that is no class: its functions get the argument, env and ctx. */
function plain(exported, ctx) {
  const methods = {};
  for (const name of Object.keys(exported)) {
    if (typeof exported[name] === "function") methods[name] = (argument) => apply(exported[name], exported, [argument, env, ctx]);
  }
  const object = Object.create(methods);
  plains.add(object);
  return object;
}

const target = () => instance ?? construct();

/** The value of a member that callers may reach: on the classes below Object, not on the instance, nor a class itself. */
function find(object, name) {
  if (name === "constructor") return undefined;
  // Where neither of the two has the name, an ordinary read finds the same. Rust does that itself for calls.
  if (!hasOwn(object, name) && !(name in ObjectPrototype)) return object[name];
  for (let level = getPrototypeOf(object); level !== null && level !== ObjectPrototype; level = getPrototypeOf(level)) {
    if (hasOwn(level, name)) return Reflect.get(level, name, object);
  }
  return undefined;
}

// A promise that isn't Promise's own is adopted, so that the driver only has to know one kind.
const adopted = (value) => (isThenable(value) ? Promise.resolve(value) : value);

/** A value whose bodies are data, or a promise of it. */
const whole = (value) => gathering(value)?.then(() => value) ?? value;

/** What an event ends with, or a promise of it. */
function ended(value) {
  const answer = adopted(value);
  if (streams.loaded === undefined) return answer;
  return isThenable(answer) ? answer.then(whole) : whole(answer);
}

const NO_RPC =
  'The receiving Durable Object does not support RPC, because its class was not declared with `extends DurableObject`. In order to enable RPC, make sure your class extends the special class `DurableObject`, which can be imported from the module "cloudflare:workers".';

/** The instance that calls go to. */
function rpcTarget() {
  const object = target();
  if (!(object instanceof DurableObject || object instanceof WorkerEntrypoint || plains.has(object))) throw new TypeError(NO_RPC);
  return object;
}

function callFetch(request) {
  const object = target();
  const method = find(object, "fetch");
  if (typeof method !== "function") native.no_fetch_handler();
  return ended(apply(method, object, [request]));
}

function callAlarm(info) {
  const object = target();
  const method = find(object, "alarm");
  if (typeof method !== "function") native.no_alarm_handler();
  return adopted(apply(method, object, [info]));
}

/** Starts the facet whose stub the class gives for it. */
function startFacet(name) {
  const object = target();
  const method = find(object, "startFacet");
  if (typeof method !== "function") native.no_such_method("startFacet");
  return stubs.use().started(apply(method, object, [name]));
}

/** The value of a member that must be there. */
function member(object, name) {
  const value = find(object, name);
  if (value === undefined) native.no_such_method(name);
  return value;
}

const getMember = (name) => ended(member(rpcTarget(), name));

/** Uses what others were given: calls a function or a method, or reads a property. */
function useCallback(number, name, args) {
  const kept = callbacks.get(number);
  if (name === undefined) return ended(apply(kept, undefined, args));
  const value = member(kept, name);
  if (args === undefined) return ended(value);
  if (typeof value !== "function") throw new TypeError(`"${name}" is not a function.`);
  return ended(apply(value, kept, args));
}

/** Tells the driver how a promise ends. */
function watch(promise, task) {
  const failed = (error) => native.done(task, false, error);
  promise.then((value) => {
    const waiting = gathering(value);
    if (waiting === undefined) native.done(task, true, value);
    else waiting.then(() => native.done(task, true, value), failed);
  }, failed);
}

native.hooks = {
  // The classes that Rust knows by their numbers, in its order.
  samples: [{}, [], new Error(), new Date(0), new Map(), new Set(), new ArrayBuffer(0), new DataView(new ArrayBuffer(0)), new DOMException(""),
    (function () { return arguments; })()],
  make: (kind, ...parts) => (kind === "id" ? makeId(...parts) : capabilities.use().make(kind, ...parts)),
  makeError,
  errorParts,
  engineStack,
  take: (kind, value) => takers[kind](value),
  build: (kind, ...parts) => (builders[kind] ?? messages.use().builders[kind])(...parts),
  className,
  heldBy,
  keepCallback,
  dropCallback: (number) => void callbacks.delete(number),
  dispose: (number) => adopted(dispose(number)),
  makeRequest: (...parts) => messages.use().makeRequest(...parts),
  makeResponse: (...parts) => messages.use().makeResponse(...parts),
  takeRequest: (request) => messages.use().takeRequest(request),
  takeResponse: (value) => messages.use().takeResponse(value),
  // Without the module of their classes there are no instances of them.
  takeMessage: (value) => messages.loaded?.takeMessage(value),
  fire,
  disposable: (value) => stubs.use().disposable(value),
  setEnv,
  loadMain,
  listExports,
  begin,
  rpcTarget,
  member,
  ended,
  callFetch,
  callAlarm,
  startFacet,
  useCallback,
  getMember,
  isTarget: (value) => value instanceof RpcTarget,
  isOwn: (value) => !(value instanceof RpcTarget) && isOwn(value),
  watch,
  lateGlobals,
  keepLateGetters,
  getLate,
  setLate,
  listOf: (like) => part("likes").listOf(like),
  putBack: (...args) => part("likes").putBack(...args),
  lists: (name, ...args) => part("lists")[name](...args),
};

[DurableObjectState].forEach((constructor) => tag(constructor));
for (const name of ["SharedArrayBuffer", "Atomics"]) delete globalThis[name];
countWeak();
const wait = (delay, options) =>
  new Promise((resolve, reject) => {
    const signal = options?.signal;
    signal?.throwIfAborted();
    setTimeout(resolve, delay);
    signal?.addEventListener("abort", () => reject(signal.reason));
  });
define({
  navigator: { userAgent: "Cloudflare-Workers", language: "en", languages: ["en"], hardwareConcurrency: 1, platform: "" },
  scheduler: { wait },
  self: globalThis,
  reportError: (error) => native.exception(error),
  fetch: (input, init) => later(() => messages.use().send(input, init)),
});
