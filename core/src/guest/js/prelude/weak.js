// WeakRef and FinalizationRegistry.
//
// The engine keeps the weak references to an object in one list, and walks through it whenever one of them goes, without a look
// at the guest's limits. So an object has one of each kind here, which all that a guest makes for it share.

import { tag, uncurry } from "facetbox:base";
import { weak } from "facetbox:bounds";

const deref = uncurry(weak.deref);
const register = uncurry(weak.register);
const kept = uncurry(weak.storeGet);
const keep = uncurry(weak.storeSet);
const take = uncurry(weak.mapGet);
const enter = uncurry(weak.mapSet);
const forget = uncurry(weak.mapDelete);
const each = uncurry(weak.mapEach);
const { apply } = Reflect;

const refs = new weak.Store(); // object -> the engine's reference to it
const rings = new weak.Store(); // object -> its entries in registries

/** The engine's reference to an object. It refuses what can't have one. */
function refOf(target) {
  let ref = kept(refs, target);
  if (ref === undefined) {
    ref = new weak.Ref(target);
    keep(refs, target, ref);
  }
  return ref;
}

class WeakRef {
  #ref;
  constructor(target) {
    this.#ref = refOf(target);
  }
  deref() {
    return deref(this.#ref);
  }
}

/** Entries that are looked at when there is another one: those of registries that are gone are dropped. */
const LOOKED_AT = 2;

/** The entries of one object in any registries. */
class Ring {
  #place;

  add(entry) {
    for (let looked = 0; looked < LOOKED_AT && this.#place !== undefined; looked++) {
      const here = this.#place;
      this.#place = here.next;
      if (deref(here.registry) === undefined) this.drop(here);
    }
    const place = this.#place;
    if (place === undefined) {
      entry.next = entry.last = this.#place = entry;
    } else {
      entry.next = place;
      entry.last = place.last;
      place.last = entry.last.next = entry;
    }
  }

  drop(entry) {
    if (entry.next === entry) {
      this.#place = undefined;
    } else {
      if (this.#place === entry) this.#place = entry.next;
      entry.last.next = entry.next;
      entry.next.last = entry.last;
    }
  }

  /** Takes one out, if there is any. */
  take() {
    const entry = this.#place;
    if (entry !== undefined) this.drop(entry);
    return entry;
  }
}

let finish; // tells a registry of an entry whose object is gone

// One that throws keeps no other from being told.
const gone = new weak.Registry((ring) => {
  let thrown;
  for (let entry = ring.take(); entry !== undefined; entry = ring.take()) {
    try {
      finish(deref(entry.registry), entry);
    } catch (error) {
      thrown ??= { error };
    }
  }
  if (thrown !== undefined) throw thrown.error;
});

class FinalizationRegistry {
  #callback;
  #entries = new weak.Map(); // entry -> what is held for it

  static {
    finish = (registry, entry) => {
      const held = registry === undefined ? undefined : take(registry.#entries, entry);
      if (held === undefined) return;
      forget(registry.#entries, entry);
      apply(registry.#callback, undefined, [held.value]);
    };
  }

  constructor(callback) {
    if (typeof callback !== "function") throw new TypeError("A FinalizationRegistry takes a function.");
    this.#callback = callback;
  }

  register(target, value, token) {
    const entries = this.#entries;
    if (target === value) throw new TypeError("What is held can't be the object itself.");
    const of = token === undefined ? undefined : refOf(token);
    if (target === this) return;
    let ring = kept(rings, target);
    if (ring === undefined) {
      ring = new Ring();
      register(gone, target, ring);
      keep(rings, target, ring);
    }
    const entry = { __proto__: null, registry: refOf(this), ring, next: undefined, last: undefined };
    enter(entries, entry, { __proto__: null, value, token: of });
    ring.add(entry);
  }

  unregister(token) {
    const [entries, of] = [this.#entries, refOf(token)];
    let removed = false;
    each(entries, (held, entry) => {
      if (held.token !== of) return;
      forget(entries, entry);
      entry.ring.drop(entry);
      removed = true;
    });
    return removed;
  }
}

Object.defineProperty(FinalizationRegistry.prototype.register, "length", { __proto__: null, value: 2, configurable: true });
for (const constructor of [WeakRef, FinalizationRegistry]) tag(constructor);

export const globals = { WeakRef, FinalizationRegistry };
