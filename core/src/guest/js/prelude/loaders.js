// Namespaces, loaders and workers, ctx.exports.

import { native } from "facetbox:base";
import { cap, Held, hold, illegal, makeId, sealed, unsent } from "facetbox:held";
import { capabilities } from "facetbox:lazy";
import { isThenable } from "facetbox:operations";
import { Proxy } from "facetbox:proxies";

const { makeStub, methodsOf } = capabilities.use();

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
    return hold(new Proxy(() => {}, { __proto__: null, apply, get: (_, member) => method(member) }), state);
  }
  const state = { cap: namespace, class: own, refusal: unsent("LoopbackDurableObjectNamespace") };
  const members = namespace === undefined ? {} : namespaceMembers(() => namespace);
  const get = (_, member) => (Object.hasOwn(members, member) ? members[member] : undefined);
  return hold(new Proxy(() => {}, { __proto__: null, apply, get }), state);
}

// Made by Rust ------------------------------------------------------------------------------------

export const makers = {
  class: (cap) => newClass({ cap }),
  namespace: (cap) => newNamespace({ cap }),
  loader: (cap) => newLoader({ cap, loading: new Map() }),
};
