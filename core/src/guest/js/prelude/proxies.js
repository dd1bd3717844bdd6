// A bound on the names that a proxy's `ownKeys` trap gives: the engine compares each with each, without a look at the
// guest's limits.
//
// The engine gets a handler of ours, which gives it the traps that the guest's has at that moment, called on that one.

import { native, uncurry } from "facetbox:base";
import { replace } from "facetbox:bounds";

const { apply } = Reflect;
const { defineProperty } = Object;
const { min, trunc } = Math;
const bind = uncurry(Function.prototype.bind);
const Native = Proxy;

/** Names that the engine is done with in a moment. */
const MAX_NAMES = 10_000;

const TRAPS = ["apply", "construct", "defineProperty", "deleteProperty", "get", "getOwnPropertyDescriptor", "getPrototypeOf",
  "has", "isExtensible", "preventExtensions", "set", "setPrototypeOf"];

const isObject = (value) => (typeof value === "object" && value !== null) || typeof value === "function";

/** The names in what a trap gave, read once; the engine refuses what is no list of names. */
function namesOf(given) {
  if (!isObject(given)) return given;
  const length = min(trunc(Number(given.length)) || 0, Number.MAX_SAFE_INTEGER);
  if (length > MAX_NAMES) throw new RangeError(`The trap ownKeys of a proxy may give ${MAX_NAMES} names, but gave ${length}.`);
  const names = [];
  for (let at = 0; at < length; at++) {
    defineProperty(names, at, { __proto__: null, value: given[at], writable: true, enumerable: true, configurable: true });
  }
  return names;
}

class Handler {
  #handler;
  #seen = { __proto__: null }; // for each trap the guest's and what the engine calls

  constructor(handler) {
    this.#handler = handler;
  }

  static {
    const define = (name, make) =>
      defineProperty(this.prototype, name, {
        __proto__: null,
        get() {
          const trap = this.#handler[name];
          if (typeof trap !== "function") {
            // The engine goes on with the target, which may be a proxy again, and so forth, without a call of any function.
            native.note_stack();
            return trap;
          }
          const seen = this.#seen[name];
          if (seen !== undefined && seen.trap === trap) return seen.called;
          const called = make(trap, this.#handler);
          this.#seen[name] = { __proto__: null, trap, called };
          return called;
        },
      });
    for (let at = 0; at < TRAPS.length; at++) define(TRAPS[at], bind);
    define("ownKeys", (trap, handler) => (target) => namesOf(apply(trap, handler, [target])));
    Object.setPrototypeOf(this.prototype, null); // whose methods a guest may replace
  }
}

const bounded = (handler) => (isObject(handler) ? new Handler(handler) : handler);

const { revocable } = replace(Native, { revocable: (target, handler) => revocable(target, bounded(handler)) });

globalThis.Proxy = new Native(Native, {
  __proto__: null,
  construct: (_, args) => new Native(args[0], bounded(args[1])),
});

/** The engine's own, for handlers without `ownKeys`. */
export { Native as Proxy };
