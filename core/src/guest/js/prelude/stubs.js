// Stubs, namespaces, loaders and workers, ctx.exports: what leads out of the guest.

import { later, native } from "facetbox:base";
import { cap, capOf, Held, hold, illegal, makeId, sealed, unsent } from "facetbox:held";
import { messages } from "facetbox:lazy";
import { attempt, isThenable, waitFor } from "facetbox:operations";

// Stubs -------------------------------------------------------------------------------------------

/** Undefined if a stub can be used, or a promise that it can. */
function readiness(state) {
  if (state.waiting !== undefined) return state.waiting;
  let waiting;
  if (state.cap === undefined) {
    waiting = state.deferred.then((cap) => {
      state.cap = cap;
    });
  } else if (state.start !== undefined) {
    const binding = native.bind(state.cap);
    if (binding === "bound") return undefined;
    waiting = binding === "wait" ? waitFor(native.wait_for_start(state.cap)) : startFacet(state);
  } else {
    return undefined;
  }
  const done = () => {
    state.waiting = undefined;
  };
  state.waiting = waiting;
  waiting.then(done, done);
  return waiting;
}

async function startFacet(state) {
  try {
    const given = await state.start();
    if (typeof given !== "object" || given === null) {
      throw new TypeError("The start callback of a facet must return an object with a class.");
    }
    const what = "The start callback of a facet must return an object whose class is a Durable Object class";
    native.start(state.cap, await capOf(given.class, what), idOption(given.id));
  } catch (error) {
    native.start_failed(state.cap, error);
    throw error;
  }
}

function idOption(id) {
  return id == null ? undefined : (Held.get(id)?.cap ?? `${id}`);
}

/** Starts the facet of a stub, if it isn't running. */
export async function started(stub) {
  const state = Held.get(await stub);
  if (state?.start === undefined) throw illegal();
  await readiness(state);
}

/** Begins an operation on a stub as soon as it can be used. Order is kept. */
function use(state, begin, map) {
  try {
    const ready = readiness(state);
    return ready === undefined ? waitFor(begin(), map) : ready.then(() => waitFor(begin(), map));
  } catch (error) {
    return Promise.reject(error);
  }
}

function call(state, method, args) {
  try {
    const packed = native.pack(args); // copied now, whenever it is sent
    return use(state, () => native.call(state.cap, method, packed), disposable);
  } catch (error) {
    return Promise.reject(error);
  }
}

/** Whether a stub has arrived since a value was looked through for stubs. */
let hasArrived = false;

/** The states of the stubs of functions and objects in a value that has arrived. */
function stubsIn(value, found) {
  const state = Held.get(value);
  if (state?.isReference) found.push(state);
  else if (state === undefined && typeof value === "object" && value !== null) {
    const isList = value instanceof Map || value instanceof Set;
    const parts = isList ? [...value].flat() : Object.keys(value).map((key) => value[key]);
    for (const part of parts) stubsIn(part, found);
  }
  return found;
}

function nothing() {}

/** What a call answers with may be declared with `using`, which disposes of the stubs in it. */
function disposable(value) {
  const isObject = (typeof value === "object" && value !== null) || typeof value === "function";
  if (isObject && !(Symbol.dispose in value)) {
    const held = hasArrived ? stubsIn(value, []) : [];
    const dispose = held.length === 0 ? nothing : () => held.forEach(release);
    Object.defineProperty(value, Symbol.dispose, { __proto__: null, value: dispose, writable: true, configurable: true });
  }
  hasArrived = false;
  return value;
}

const isName = (name) => typeof name === "string" && name !== "then";

const remoteError = (message) => Object.assign(new TypeError(message), { remote: true });

function callIt(value, name, args) {
  if (typeof value !== "function") throw remoteError(`"${name}" is not a function.`);
  return value(...args);
}

function member(value, name) {
  const isObject = typeof value === "object" && value !== null;
  const found = Held.get(value) !== undefined || (isObject && Object.hasOwn(value, name)) ? value[name] : undefined;
  if (found === undefined) throw remoteError(`The RPC receiver does not implement the method "${name}".`);
  return found;
}

const CLASSES = { JsRpcPromise: class RpcPromise {}, JsRpcProperty: class RpcProperty {} };

/** Something remote that is called, awaited, and has members: `call` takes arguments, `read` gives a promise of it. */
function remote(tag, call, read, dispose) {
  return new Proxy(() => {}, {
    apply: (_, __, args) => promised(call(args)),
    get(_, name) {
      if (name === "then" || name === "catch" || name === "finally") return (...args) => read()[name](...args);
      if (name === Symbol.dispose) return dispose;
      if (name === Symbol.toStringTag) return tag;
      if (name === Symbol.toPrimitive) return () => `[object ${tag}]`;
      if (name === "constructor") return CLASSES[tag];
      return typeof name === "string" ? memberOf(read(), name) : undefined;
    },
  });
}

const remoteMember = (call, read) => remote("JsRpcProperty", call, read);

/** A member of what a promise will give. */
function memberOf(promise, name) {
  promise.catch(nothing); // whoever uses the member sees it
  return remoteMember(
    (args) => promise.then((value) => callIt(member(value, name), name, args)),
    () => promise.then((value) => member(value, name)),
  );
}

/** A promise of what a call answers with, which can be called and has members before that is there. */
function promised(promise) {
  const call = (args) => promise.then((value) => callIt(value, "(this)", args));
  const dispose = () => void promise.then((value) => value?.[Symbol.dispose]?.()).catch(nothing);
  return remote("JsRpcPromise", call, () => promise, dispose);
}

/** The members of a stub; `then` would make it a promise. */
function methodsOf(state) {
  const members = new Map();
  const send = (request) => use(state, () => native.fetch(state.cap, request));
  const fetch = (input, init) => later(() => messages.use().exchange(messages.use().requestOf(input, init), send));
  members.set("fetch", fetch);
  return (name) => {
    if (!isName(name)) return undefined;
    let member = members.get(name);
    if (member === undefined) {
      member = remoteMember(
        (args) => call(state, name, args),
        () => use(state, () => native.get(state.cap, name)),
      );
      members.set(name, member);
    }
    return member;
  };
}

const FETCHER = { __proto__: null, [Symbol.toStringTag]: "Fetcher", [Symbol.toPrimitive]: () => "[object Fetcher]" };

export function makeStub(state, own = {}) {
  const method = methodsOf(state);
  const target = Object.assign(Object.create(null), FETCHER, own);
  const get = (_, name) => (Object.hasOwn(target, name) ? target[name] : method(name));
  return hold(new Proxy(target, { get }), state);
}

const DISPOSED = "RPC stub used after being disposed.";

/** The capability of what was passed by reference, until it is disposed of. */
function alive(state) {
  if (state.cap === undefined) throw new Error(DISPOSED);
  return state.cap;
}

function release(state) {
  state.cap = undefined;
  state.refusal = DISPOSED;
}

/** What all stubs of functions and objects have, beside the members of what they stand for. */
const ownMembers = (state, again) => ({
  __proto__: null,
  dup: () => again(alive(state)),
  onRpcBroken() {},
  [Symbol.dispose]: () => release(state),
});

function makeObject(cap) {
  const state = { cap, isReference: true };
  const members = new Map();
  const own = ownMembers(state, makeObject);
  const get = (_, name) => {
    if (name in own) return own[name];
    if (name === Symbol.toStringTag) return "JsRpcStub";
    if (name === Symbol.toPrimitive) return () => "[object JsRpcStub]";
    if (!isName(name)) return undefined;
    if (!members.has(name)) {
      const member = remoteMember(
        (args) => attempt(() => native.call_object(alive(state), name, args), disposable),
        () => attempt(() => native.get_object_member(alive(state), name)),
      );
      members.set(name, member);
    }
    return members.get(name);
  };
  const apply = () => callIt(undefined, "(this)");
  return hold(new Proxy(() => {}, { apply, get, has: (_, name) => name in own }), state);
}

function makeFunction(cap) {
  const state = { cap, isReference: true };
  const stub = (...args) => promised(attempt(() => native.call_function(alive(state), args), disposable));
  const own = ownMembers(state, makeFunction);
  for (const name of Reflect.ownKeys(own)) Object.defineProperty(stub, name, { __proto__: null, value: own[name], configurable: true });
  return hold(stub, state);
}

/** A stub of a function or an RpcTarget of the guest's own. */
export function stubOf(target) {
  const stub = native.stub_of([target]);
  if (!Held.get(stub)?.isReference) throw new TypeError("An RpcStub stands for a function or an RpcTarget.");
  return stub;
}

// Namespaces --------------------------------------------------------------------------------------

const namespaceMembers = (cap) => ({
  idFromName(name) {
    return makeId(...native.id_from_name(cap(this), `${name}`));
  },
  idFromString(text) {
    return makeId(...native.id_from_string(cap(this), `${text}`));
  },
  newUniqueId(options) {
    return makeId(...native.new_unique_id(cap(this), options?.jurisdiction));
  },
  get(id, options) {
    const target = Held.get(id)?.cap;
    if (target === undefined) throw new TypeError("get() takes a DurableObjectId.");
    return native.get_object(cap(this), target, options?.routingMode);
  },
  getByName(name, options) {
    return native.get_by_name(cap(this), `${name}`, options?.routingMode);
  },
  jurisdiction(name) {
    native.jurisdiction(name);
    return this;
  },
});

const newNamespace = sealed("DurableObjectNamespace", namespaceMembers(cap));

// Loader ------------------------------------------------------------------------------------------

const newClass = sealed("DurableObjectClass", {});

const newWorker = sealed("WorkerStub", {
  getEntrypoint(name, options) {
    const make = (worker) => native.get_entrypoint(worker, name ?? "default", options);
    return makeStub(derived(this, make));
  },
  getDurableObjectClass(name, options) {
    const make = (worker) => native.get_class(worker, name ?? "default", options);
    return newClass(derived(this, make));
  },
});

/** The state of what is made from a worker, which may still be loading. */
function derived(worker, make) {
  const state = Held.get(worker);
  if (state === undefined) throw illegal();
  if (state.cap !== undefined) return { cap: make(state.cap) };
  const deferred = state.deferred.then(make);
  deferred.catch(() => {}); // shows at the first use
  return { deferred };
}

const newLoader = sealed("WorkerLoader", {
  load(code) {
    return newWorker({ cap: native.load(cap(this), code) });
  },
  get(id, callback) {
    const loader = cap(this);
    if (typeof callback !== "function") throw new TypeError("The second argument of get() must be a function.");
    const key = id == null ? undefined : `${id}`;
    const { loading } = Held.get(this);
    const cached = native.cached_worker(loader, key);
    if (cached !== undefined) return newWorker({ cap: cached });
    if (key !== undefined && loading.has(key)) return loading.get(key);
    const insert = (code) => native.insert_worker(loader, key, code);
    const fail = (error) => native.insert_failed(loader, key, error);
    let code;
    try {
      code = callback();
      if (!isThenable(code)) return newWorker({ cap: insert(code) });
    } catch (error) {
      return newWorker({ cap: fail(error) });
    }
    const deferred = Promise.resolve(code).then(insert).catch(fail).finally(() => loading.delete(key));
    const worker = newWorker({ deferred });
    if (key !== undefined) loading.set(key, worker);
    return worker;
  },
});

// Exports -----------------------------------------------------------------------------------------

/**
 * What ctx.exports gives for a class: a namespace (if it is bound to one) and the class of a facet; for an
 * entrypoint a stub. Called with { props } each gives a specialised one.
 */
export function loopback(name, kind) {
  const [own, namespace] = native.loopback(name, kind);
  const apply = (_, __, [options]) => {
    const cap = native.specialise(name, kind, options);
    return kind === "class" ? newClass({ cap }) : makeStub({ cap });
  };
  if (kind !== "class") {
    const state = { cap: own, refusal: unsent("LoopbackServiceStub") };
    const method = methodsOf(state);
    return hold(new Proxy(() => {}, { apply, get: (_, member) => method(member) }), state);
  }
  const state = { cap: namespace, class: own, refusal: unsent("LoopbackDurableObjectNamespace") };
  const members = namespace === undefined ? {} : namespaceMembers(() => namespace);
  const get = (_, member) => (Object.hasOwn(members, member) ? members[member] : undefined);
  return hold(new Proxy(() => {}, { apply, get }), state);
}

// Made by Rust ------------------------------------------------------------------------------------

const makers = {
  stub: (cap, id, name) => makeStub({ cap }, id === undefined ? {} : { id, name }),
  object: makeObject,
  function: makeFunction,
  class: (cap) => newClass({ cap }),
  namespace: (cap) => newNamespace({ cap }),
  loader: (cap) => newLoader({ cap, loading: new Map() }),
};

/** The guest's form of a capability that is no id. */
export function make(kind, ...parts) {
  hasArrived = true;
  return makers[kind](...parts);
}
