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

function dispose() {}

/** What a call answers with may be declared with `using`. */
function disposable(value) {
  const isObject = (typeof value === "object" && value !== null) || typeof value === "function";
  if (isObject && !(Symbol.dispose in value)) {
    Object.defineProperty(value, Symbol.dispose, { __proto__: null, value: dispose, writable: true, configurable: true });
  }
  return value;
}

const isName = (name) => typeof name === "string" && name !== "then";

/** A member of something remote: called it is a method, awaited it is a property, and it has members itself. */
function remoteMember(callIt, readIt) {
  return new Proxy(() => {}, {
    apply: (_, __, args) => pipelined(callIt(args)),
    get(_, name) {
      if (name === "then") return (resolve, reject) => readIt().then(resolve, reject);
      return isName(name) ? memberOf(readIt(), name) : undefined;
    },
  });
}

/** A member of what a promise will give. */
function memberOf(promise, name) {
  promise.catch(() => {}); // whoever uses the member sees it
  return remoteMember(
    (args) => promise.then((value) => value[name](...args)),
    () => promise.then((value) => value[name]),
  );
}

/** A promise with the members that its value will have. */
function pipelined(promise) {
  return new Proxy(promise, {
    get(_, name) {
      if (name === "then" || name === "catch" || name === "finally") return promise[name].bind(promise);
      return isName(name) && name !== "constructor" ? memberOf(promise, name) : promise[name];
    },
  });
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

/** What all stubs of functions and objects have, beside the members of what they stand for. */
const ownMembers = (state, again) => ({
  __proto__: null,
  dup: () => again(alive(state)),
  onRpcBroken() {},
  [Symbol.dispose]() {
    state.cap = undefined;
    state.refusal = DISPOSED;
  },
});

function makeObject(cap) {
  const state = { cap };
  const members = new Map();
  const own = ownMembers(state, makeObject);
  const get = (_, name) => {
    if (name in own) return own[name];
    if (name === Symbol.toStringTag) return "JsRpcStub";
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
  return hold(new Proxy(Object.create(null), { get, has: (_, name) => name in own }), state);
}

function makeFunction(cap) {
  const state = { cap };
  const stub = (...args) => attempt(() => native.call_function(alive(state), args), disposable);
  const own = ownMembers(state, makeFunction);
  for (const name of Reflect.ownKeys(own)) Object.defineProperty(stub, name, { __proto__: null, value: own[name], configurable: true });
  return hold(stub, state);
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
export const make = (kind, ...parts) => makers[kind](...parts);
