// Objects that stand for something in Rust; those that each guest has: ids, ctx.facets.

import { hidden, isOfPlatform, native, platform } from "facetbox:base";
import { capabilities } from "facetbox:lazy";

// What stands for something in Rust -> { cap } and how to get it: `deferred` promises it, `start` starts
// the facet that a stub leads to, `refusal` says why it can't be sent.
export const Held = hidden();

/** The member of a function that says why it can't be sent: what calls of stubs give are many, and are told by this alone. */
export const refusal = Symbol("refusal");

/** What Rust holds behind a value: a capability, or the reason why it can't be sent. */
export function heldBy(value) {
  const state = Held.get(value);
  if (state === undefined) return typeof value === "function" ? value[refusal] : undefined;
  return state.refusal ?? state.cap ?? "This value is still being loaded.";
}

/** The capability of a value, or a promise of it. */
export function capOf(value, what) {
  const state = Held.get(value);
  if (state === undefined) throw new TypeError(`${what}.`);
  return state.class ?? state.cap ?? state.deferred;
}

/** Whether an object is of a class of the guest's own, or of none. */
export const isOwn = (value) => Held.get(value) === undefined && !isOfPlatform(value);

export const illegal = () => new TypeError("Illegal invocation");

/** Refuses the methods of `own` on anything else, as those of the web's objects do. */
export function check(self, own) {
  if (self !== own) throw illegal();
}

/** The capability of an object. */
export function cap(self) {
  const state = Held.get(self);
  if (state?.cap === undefined) throw illegal();
  return state.cap;
}

/** Makes an object stand for something. */
export function hold(object, state) {
  return new Held(object, state);
}

export const unsent = (name) => `Could not serialize object of type "${name}". This type does not support serialization.`;

/** Makes instances of a class that guests can't construct, whose prototype the members become. */
export function sealed(name, prototype) {
  Object.defineProperty(prototype, Symbol.toStringTag, { __proto__: null, value: name });
  platform.add(prototype);
  const constructor = { [name]: class {
    constructor() {
      throw new TypeError("Illegal constructor");
    }
  } }[name];
  Object.defineProperty(prototype, "constructor", { __proto__: null, value: constructor, writable: true, configurable: true });
  return (state) => hold(Object.create(prototype), state);
}

/** Makes instances of a class that guests can neither construct nor send. */
export function unsendable(name, members) {
  const make = sealed(name, members);
  return () => make({ refusal: unsent(name) });
}

// Ids ---------------------------------------------------------------------------------------------

const newId = sealed("DurableObjectId", {
  toString() {
    return Held.get(this)?.text ?? `${undefined}`;
  },
  equals(other) {
    return Held.get(other) !== undefined && Held.get(this)?.text === Held.get(other).text;
  },
  get name() {
    return Held.get(this)?.name;
  },
  get jurisdiction() {
    return undefined;
  },
});

export const makeId = (cap, text, name) => newId({ cap, text, name, refusal: unsent("DurableObjectId") });

// Facets ------------------------------------------------------------------------------------------

const NO_FACETS_SENT = "Stubs pointing to Durable Object facets are not serializable.";

export const facets = unsendable("DurableObjectFacets", {
  get(name, start) {
    check(this, facets);
    const cap = native.facet(`${name}`);
    if (typeof start !== "function") throw new TypeError("The second argument of facets.get() must be a function.");
    return capabilities.use().makeStub({ cap, start, refusal: NO_FACETS_SENT });
  },
  abort(name, reason) {
    check(this, facets);
    native.facet_abort(`${name}`, reason);
  },
  delete(name) {
    check(this, facets);
    native.facet_delete(`${name}`);
  },
  clone(source, target) {
    check(this, facets);
    native.facet_clone(`${source}`, `${target}`);
  },
  list() {
    check(this, facets);
    return native.facet_list();
  },
  exists(name) {
    check(this, facets);
    return native.facet_exists(`${name}`);
  },
})();
