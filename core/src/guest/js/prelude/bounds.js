// Bounds on what runs inside the engine without looking at the guest's limits.
//
// The engine asks whether to stop between bytecodes and calls, and in most of its own loops, but not in
// those of the functions below. Arrays are as long as a guest says they are, so these loops could go on
// for hours; here they get arrays of a bounded length only.

import { native } from "facetbox:base";

const { apply } = Reflect;

function replace(prototype, name, wrap) {
  const original = prototype[name];
  const { [name]: bounded } = wrap(original);
  Object.defineProperty(bounded, "length", { value: original.length, configurable: true });
  Object.defineProperty(prototype, name, { value: bounded, writable: true, configurable: true });
}

// Arrays ------------------------------------------------------------------------------------------

const READERS = ["join", "slice", "toLocaleString", "toReversed", "toSorted", "toSpliced", "with"];
const WRITERS = ["copyWithin", "reverse", "shift", "sort", "splice", "unshift"];

for (const name of READERS) {
  replace(Array.prototype, name, (original) => ({
    [name](...args) {
      const list = native.is_arguments(this) ? Array.from(this) : this;
      native.check_array(list, name);
      return apply(original, list, args);
    },
  }));
}

for (const name of WRITERS) {
  replace(Array.prototype, name, (original) => ({
    [name](...args) {
      native.check_array(this, name);
      return apply(original, this, args);
    },
  }));
}

// The engine's own asks each list whether it is spread, and makes its result by a class that the first one names.
// Either is code of the guest, which could make the other lists longer than was looked at.
function append(result, item) {
  const spread = item?.[Symbol.isConcatSpreadable];
  if (!(spread === undefined ? Array.isArray(item) : spread) || typeof item !== "object") {
    result.push(item);
    return;
  }
  const { length } = item;
  const start = result.length;
  for (let at = 0; at < length; at++) {
    if (at in item) result[start + at] = item[at];
  }
  result.length = start + length;
}

replace(Array.prototype, "concat", () => ({
  concat(...items) {
    const result = [];
    append(result, this);
    for (let at = 0; at < items.length; at++) append(result, items[at]);
    return result;
  },
}));

function flatten(list, depth, flat) {
  for (let at = 0; at < list.length; at++) {
    if (!(at in list)) continue;
    const item = list[at];
    if (depth > 0 && Array.isArray(item)) flatten(item, depth - 1, flat);
    else flat.push(item);
  }
  return flat;
}

replace(Array.prototype, "flat", () => ({
  flat(depth = 1) {
    return flatten(this, Number(depth) || 0, []);
  },
}));

replace(Array.prototype, "flatMap", () => ({
  flatMap(callback, self) {
    const mapped = [];
    for (let at = 0; at < this.length; at++) {
      if (at in this) mapped.push(apply(callback, self, [this[at], at, this]));
    }
    return flatten(mapped, 1, []);
  },
}));

// Strings -----------------------------------------------------------------------------------------

/** Steps that a search for a string may take: at worst its length for each place. */
const MAX_STEPS = 2 ** 31;

for (const name of ["includes", "indexOf", "lastIndexOf", "replace", "replaceAll", "split"]) {
  const method = Symbol[name === "replaceAll" ? "replace" : name];
  replace(String.prototype, name, (original) => ({
    [name](...args) {
      // A regular expression, or whatever else brings its own way to search, is asked itself.
      const [pattern] = args;
      if (pattern === undefined || this == null || (typeof pattern === "object" && pattern?.[method ?? Symbol.match] !== undefined)) {
        return apply(original, this, args);
      }
      const text = `${this}`;
      args[0] = `${pattern}`;
      if (text.length * args[0].length > MAX_STEPS) {
        throw new RangeError(`${name}() of a long text in a long text is not supported.`);
      }
      return apply(original, text, args);
    },
  }));
}

// BigInts -----------------------------------------------------------------------------------------

// What becomes text or comes from text takes time that grows with the square of its length, except in bases
// that are powers of two. Operators and templates can't be bounded like this.
const MAX_BITS = 2n ** 17n;
const MAX_DIGITS = 39_457;
const BASES = [2, 4, 8, 16, 32];

let most, least; // made when they are needed: each takes 16 KB
const isLong = (number) => (number > 0n ? number >= (most ??= 1n << MAX_BITS) : number <= (least ??= -1n << MAX_BITS));

replace(BigInt.prototype, "toString", (original) => ({
  toString(...args) {
    if (!BASES.includes(args[0]) && isLong(this)) {
      throw new RangeError(`toString() of a BigInt of more than ${MAX_BITS} bits takes a base that is a power of two.`);
    }
    return apply(original, this, args);
  },
}));

replace(globalThis, "BigInt", (original) => {
  const bounded = {
    BigInt(value) {
      if (typeof value === "string" && value.length > MAX_DIGITS && !/^\s*0[box]/i.test(value)) {
        throw new RangeError(`BigInt() of more than ${MAX_DIGITS} digits takes a base that is a power of two.`);
      }
      return original(value);
    },
  };
  Object.defineProperties(bounded.BigInt, Object.getOwnPropertyDescriptors(original));
  return bounded;
});
BigInt.prototype.constructor = BigInt;
