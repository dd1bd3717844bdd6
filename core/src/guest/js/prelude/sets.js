// What sets are asked about others.
//
// The engine goes through both without a look at the guest's limits, as long as the other one's iterator is its own: which may be one of a
// list that never ends.

import { getter, uncurry } from "facetbox:base";

const { Set } = globalThis;
const { apply } = Reflect;
const { trunc } = Math;
const [add, remove, contains, each, values] = ["add", "delete", "has", "forEach", "values"].map((name) => uncurry(Set.prototype[name]));
const sizeOf = getter(Set.prototype, "size");
const nextOf = uncurry(Object.getPrototypeOf(values(new Set())).next);

const isObject = (value) => (typeof value === "object" && value !== null) || typeof value === "function";

/** What another set, or an object like one, is asked. */
class Other {
  #other;
  #has;
  #keys;
  constructor(other) {
    if (!isObject(other)) throw new TypeError("The argument must be a set, or an object like one.");
    const size = Number(other.size);
    if (size !== size) throw new TypeError("The size of what is like a set must be a number.");
    this.size = trunc(size);
    if (this.size < 0) throw new RangeError("The size of what is like a set can't be negative.");
    this.#other = other;
    this.#has = other.has;
    if (typeof this.#has !== "function") throw new TypeError("What is like a set needs a method has().");
    this.#keys = other.keys;
    if (typeof this.#keys !== "function") throw new TypeError("What is like a set needs a method keys().");
  }
  has(item) {
    return Boolean(apply(this.#has, this.#other, [item]));
  }
  /** Gives its items, up to the first for which that answers true. */
  each(take) {
    const iterator = apply(this.#keys, this.#other, []);
    if (!isObject(iterator)) throw new TypeError("keys() must give an iterator.");
    const { next } = iterator;
    for (;;) {
      const step = apply(next, iterator, []);
      if (!isObject(step)) throw new TypeError("next() of an iterator must give an object.");
      if (step.done) return;
      if (take(step.value) === true) {
        const end = iterator.return;
        if (end != null) apply(end, iterator, []);
        return;
      }
    }
  }
}

/** Whether that holds for each item of a set. */
function all(set, holds) {
  const items = values(set);
  for (;;) {
    const { done, value } = nextOf(items);
    if (done) return true;
    if (!holds(value)) return false;
  }
}

function copyOf(set) {
  const copy = new Set();
  each(set, (item) => void add(copy, item));
  return copy;
}

/** The size of a set, and what it is asked about. */
const sides = (set, other) => [sizeOf(set), new Other(other)];

export function union(set, other) {
  const [, more] = sides(set, other);
  const result = copyOf(set);
  more.each((item) => void add(result, item));
  return result;
}

export function intersection(set, other) {
  const [size, more] = sides(set, other);
  const result = new Set();
  const take = (item) => void add(result, item);
  if (size <= more.size) all(set, (item) => (more.has(item) && take(item), true));
  else more.each((item) => void (contains(set, item) && take(item)));
  return result;
}

export function difference(set, other) {
  const [size, more] = sides(set, other);
  const result = copyOf(set);
  if (size <= more.size) all(set, (item) => (more.has(item) && remove(result, item), true));
  else more.each((item) => void remove(result, item));
  return result;
}

export function symmetricDifference(set, other) {
  const [, more] = sides(set, other);
  const result = copyOf(set);
  more.each((item) => void (contains(set, item) ? remove(result, item) : add(result, item)));
  return result;
}

export function isSubsetOf(set, other) {
  const [size, more] = sides(set, other);
  return size <= more.size && all(set, (item) => more.has(item));
}

export function isSupersetOf(set, other) {
  const [size, more] = sides(set, other);
  let holds = size >= more.size;
  if (holds) more.each((item) => !(holds = contains(set, item)));
  return holds;
}

export function isDisjointFrom(set, other) {
  const [size, more] = sides(set, other);
  if (size <= more.size) return all(set, (item) => !more.has(item));
  let holds = true;
  more.each((item) => !(holds = !contains(set, item)));
  return holds;
}
