// Bounds on what runs inside the engine without looking at the guest's limits.
//
// The engine asks whether to stop between bytecodes and calls, and in most of its own loops, but not in
// those of the functions below, which could go on for hours. Here they get what they are done with in a moment, in
// pieces where that is possible.

import { getter, hidden, isView, native, uncurry } from "facetbox:base";
import { part } from "facetbox:lazy";

const { apply, construct } = Reflect;
const { isArray } = Array;
const { min, trunc } = Math;
const { defineProperty } = Object;

/** Replaces methods by ones that bound what they give to the originals, which it answers under their names. */
export const { replace } = native;

// Arrays ------------------------------------------------------------------------------------------

// Those that walk an array without a look at the limits are Rust's: see bounds.rs.

// The engine's own free an item twice if the guest is stopped between two items.
function search(self, original, callback, that, isLast, isPlace) {
  if (self == null || typeof callback !== "function") return apply(original, self, [callback]);
  const list = Object(self);
  const length = min(trunc(Number(list.length)) || 0, Number.MAX_SAFE_INTEGER);
  for (let left = length, at = isLast ? length - 1 : 0; left > 0; left--, at += isLast ? -1 : 1) {
    const item = list[at];
    const isFound = that === undefined ? callback(item, at, list) : apply(callback, that, [item, at, list]);
    if (isFound) return isPlace ? at : item;
  }
  return isPlace ? -1 : undefined;
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

function flatten(list, depth, flat) {
  for (let at = 0; at < list.length; at++) {
    if (!(at in list)) continue;
    const item = list[at];
    if (depth > 0 && Array.isArray(item)) flatten(item, depth - 1, flat);
    else flat.push(item);
  }
  return flat;
}

const array = replace(Array.prototype, {
  find(callback, self) {
    return search(this, array.find, callback, self, false, false);
  },
  findIndex(callback, self) {
    return search(this, array.findIndex, callback, self, false, true);
  },
  findLast(callback, self) {
    return search(this, array.findLast, callback, self, true, false);
  },
  findLastIndex(callback, self) {
    return search(this, array.findLastIndex, callback, self, true, true);
  },
  concat(...items) {
    const result = [];
    append(result, this);
    for (let at = 0; at < items.length; at++) append(result, items[at]);
    return result;
  },
  flat(depth = 1) {
    return flatten(this, Number(depth) || 0, []);
  },
  flatMap(callback, self) {
    if (typeof callback !== "function") throw new TypeError("The first argument of flatMap() must be a function.");
    const mapped = [];
    for (let at = 0; at < this.length; at++) {
      if (at in this) mapped.push(apply(callback, self, [this[at], at, this]));
    }
    return flatten(mapped, 1, []);
  },
});

// Iterators and sets ------------------------------------------------------------------------------

// The engine calls iterators of its own without a look, and those of arrays may go on for ever: an object with a length is enough.

/** An iterator that the engine calls as one of a guest's. */
function careful(iterator) {
  if (iterator === null || (typeof iterator !== "object" && typeof iterator !== "function")) return iterator;
  const { next } = iterator;
  return {
    __proto__: null,
    next: () => apply(next, iterator, []),
    get return() {
      const end = iterator.return;
      return end == null ? end : () => apply(end, iterator, []);
    },
  };
}

const iterator = replace(Iterator.prototype, {
  drop(count) {
    return apply(iterator.drop, careful(this), [count]);
  },
  includes(...args) {
    return apply(iterator.includes, careful(this), args);
  },
  join(...args) {
    return apply(iterator.join, careful(this), args);
  },
});

// The engine compiles these when they are first asked for. If it is stopped, or has no stack, in the midst of that, it loses track
// of what it has made, and aborts the process when the machine goes.
[Array.fromAsync, Iterator.zip, Iterator.zipKeyed];

const { sumPrecise } = replace(Math, {
  sumPrecise(items) {
    return sumPrecise({ __proto__: null, [Symbol.iterator]: () => careful(items[Symbol.iterator]()) });
  },
});

const sets = () => part("sets");
for (const name of ["difference", "intersection", "isDisjointFrom", "isSubsetOf", "isSupersetOf", "symmetricDifference", "union"]) {
  replace(Set.prototype, {
    [name](other) {
      return sets()[name](this, other);
    },
  });
}

// Asynchronous generators -------------------------------------------------------------------------

// The engine's own forgets what it was asked meanwhile once it is done. So it is asked for one thing after another.
const AsyncGenerator = Object.getPrototypeOf(async function* () {}).prototype;
const Store = WeakMap;
const latest = new Store(); // generator -> its answer to what it was asked last
const [answerOf, keepAnswer] = ["get", "set"].map((name) => uncurry(WeakMap.prototype[name]));
const after = uncurry(Promise.prototype.then);

function behind(before, method, generator, value) {
  const ask = () => apply(method, generator, [value]);
  return after(before, ask, ask);
}

for (const name of ["next", "return", "throw"]) {
  const own = replace(AsyncGenerator, {
    [name](value) {
      if (typeof this !== "object" || this === null) return apply(own[name], this, [value]);
      const before = answerOf(latest, this);
      const answer = native.is_pending(before) ? behind(before, own[name], this, value) : apply(own[name], this, [value]);
      keepAnswer(latest, this, answer);
      return answer;
    },
  });
}

// Dates -------------------------------------------------------------------------------------------

// The engine's own leave a date as it was where they are given what isn't a number.
const setTime = uncurry(Date.prototype.setTime);
const setters = {};
for (const name of ["FullYear", "Month", "Date", "Hours", "Minutes", "Seconds", "Milliseconds"]) {
  for (const set of [`set${name}`, `setUTC${name}`]) {
    Object.assign(setters, {
      [set](...args) {
        const time = apply(date[set], this, args);
        if (time !== time) setTime(this, time);
        return time;
      },
    });
  }
}
const date = replace(Date.prototype, setters);

// Typed arrays ------------------------------------------------------------------------------------

/** Items that are sorted at once, and joined. */
const PIECE = 2 ** 17;
const MAX_JOINED = 2 ** 13;
const iteration = Object.getPrototypeOf([].values());
const { next } = iteration;

/** Whether a number's place is behind another's: -0 before 0, NaN last. */
const isBehind = (a, b) => a > b || (a !== a && b === b) || (a === 0 && b === 0 && 1 / a > 1 / b);
const isMore = (a, b) => a > b;

/** Merges the sorted list[low..middle] and list[middle..high] into `to`. */
function merge(list, low, middle, high, to, behind) {
  for (let at = low, left = low, right = middle; at < high; at++) {
    const takeRight = right < high && (left >= middle || behind(list[left], list[right]));
    to[at] = list[takeRight ? right++ : left++];
  }
}

function sortLong(list, length, sort) {
  for (let at = 0; at < length; at += PIECE) {
    const piece = subarray(list, at, at + PIECE); // of a class that the guest may have named
    if (typedLength(piece) > PIECE) throw new TypeError("A part of a typed array is longer than was asked for.");
    apply(sort, piece, []);
  }
  const behind = typeof list[0] === "bigint" ? isMore : isBehind;
  let [from, to] = [list, slice(list)];
  for (let width = PIECE; width < length; width *= 2) {
    for (let low = 0; low < length; low += 2 * width) {
      merge(from, low, min(low + width, length), min(low + 2 * width, length), to, behind);
    }
    [from, to] = [to, from];
  }
  if (from !== list) set(list, from);
}

const TypedArray = Object.getPrototypeOf(Uint8Array).prototype;
const typedLength = getter(TypedArray, "length");
const [subarray, slice, set] = [TypedArray.subarray, TypedArray.slice, TypedArray.set].map(uncurry);

const longLists = () => part("lists");

const typed = replace(TypedArray, {
  sort(compare) {
    if (compare !== undefined || !isView(this) || !(typedLength(this) > PIECE)) {
      return apply(typed.sort, this, [compare]);
    }
    sortLong(this, typedLength(this), typed.sort);
    return this;
  },
  toSorted(compare) {
    const copy = apply(typed.toSorted, subarray(this, 0, 0), [compare]); // checks what it is called with
    if (typedLength(this) === 0) return copy;
    const list = new copy.constructor(this);
    return list.sort(compare);
  },
  set(source, offset) {
    if (source == null || !isView(this)) return apply(typed.set, this, [source, offset]); // throws
    return longLists().setItems(this, source, offset);
  },
  join(separator) {
    if (!isView(this) || !(typedLength(this) > MAX_JOINED)) return apply(typed.join, this, [separator]);
    return longLists().joinLong(this, separator);
  },
});

const typedStatic = replace(TypedArray.constructor, {
  from(source, mapper, self) {
    const isWrong = source == null || typeof this !== "function" || (mapper !== undefined && typeof mapper !== "function");
    return isWrong ? apply(typedStatic.from, this, [source, mapper]) : longLists().typedFrom(this, source, mapper, self);
  },
});

/** What the part for long lists is done with: taken before a guest could replace it. */
export const lists = {
  classes: { __proto__: null },
  isPlain: () => iteration.next === next,
  join: Array.prototype.join,
  set,
  sort: Array.prototype.sort,
  typedLength,
  values: Array.prototype.values,
};
for (const name of ["Int8", "Uint8", "Uint8Clamped", "Int16", "Uint16", "Int32", "Uint32", "BigInt64", "BigUint64", "Float16", "Float32", "Float64"]) {
  lists.classes[`${name}Array`] = globalThis[`${name}Array`];
}

// Weak references ---------------------------------------------------------------------------------

// The engine keeps those to one object in a list that it walks through whenever one of them goes. So there are only so many weak
// maps and sets at a time, in each of which an object may be once; for the others see weak.js.
const Counted = hidden();

function count(name) {
  const original = globalThis[name];
  const counted = function (items) {
    if (new.target === undefined) return apply(original, undefined, [items]); // throws
    const place = native.weak();
    const made = construct(original, [items], new.target);
    new Counted(made, place);
    return made;
  };
  Object.defineProperties(counted, Object.getOwnPropertyDescriptors(original));
  original.prototype.constructor = counted;
  globalThis[name] = counted;
}

/** Has those that are made from now on counted. */
export function countWeak() {
  for (const name of ["WeakMap", "WeakSet"]) count(name);
}

/** What the part for weak references is made with. */
export const weak = {
  Map,
  Ref: WeakRef,
  Registry: FinalizationRegistry,
  Store,
  deref: WeakRef.prototype.deref,
  mapDelete: Map.prototype.delete,
  mapEach: Map.prototype.forEach,
  mapGet: Map.prototype.get,
  mapSet: Map.prototype.set,
  register: FinalizationRegistry.prototype.register,
  storeGet: WeakMap.prototype.get,
  storeSet: WeakMap.prototype.set,
};

// JSON --------------------------------------------------------------------------------------------

/** Comparisons of names, and of their characters, that a list of names may take: it is searched for each name. */
const MAX_NAMES = 1_000;
const MAX_COMPARED = 2 ** 29;

/** The names in a list that says what JSON.stringify() takes. A guest may have replaced methods of lists and sets. */
function namesOf(list) {
  const seen = { __proto__: null };
  const names = [];
  let longest = 0;
  for (let at = 0; at < list.length; at++) {
    const item = list[at];
    const isName = typeof item === "string" || typeof item === "number" || item instanceof String || item instanceof Number;
    if (!isName) continue;
    const name = `${item}`;
    if (name in seen) continue;
    seen[name] = true;
    defineProperty(names, names.length, { __proto__: null, value: name, writable: true, enumerable: true, configurable: true });
    if (name.length > longest) longest = name.length;
    if (names.length > MAX_NAMES || names.length ** 2 * longest > MAX_COMPARED) {
      throw new RangeError(`JSON.stringify() takes a list of at most ${MAX_NAMES} names, and of less if they are very long.`);
    }
  }
  return names;
}

const { stringify } = replace(JSON, {
  stringify(value, replacer, space) {
    return stringify(value, isArray(replacer) ? namesOf(replacer) : replacer, space);
  },
});

// Templates ---------------------------------------------------------------------------------------

replace(String, {
  raw(template, ...parts) {
    const { raw } = template;
    const length = min(trunc(Number(raw.length)) || 0, Number.MAX_SAFE_INTEGER);
    let text = "";
    for (let at = 0; at < length; at++) {
      text += `${raw[at]}`;
      if (at + 1 < length && at < parts.length) text += `${parts[at]}`;
    }
    return text;
  },
});

// BigInts -----------------------------------------------------------------------------------------

// What becomes text or comes from text takes time that grows with the square of its length. Operators and templates can't be
// bounded like this: see numbers.rs.
const MAX_BITS = 2n ** 17n;
const MOST_BITS = 2n ** 20n; // the engine's
const STEP = 2n ** 16n;
/** How long a text may be, by what it begins with. */
const MAX_DIGITS = { __proto__: null, decimal: 39_457, "0b": 131_072, "0o": 43_690, "0x": 32_768 };

function isLong(number) {
  if (Number(number) - Number(number) === 0) return false;
  // Asked so that no number is made that is long itself.
  for (let bits = MOST_BITS - STEP; bits >= MAX_BITS; bits -= STEP) {
    const high = number >> bits;
    if (high !== 0n && high !== -1n) return true;
  }
  return false;
}

const { toString } = replace(BigInt.prototype, {
  toString(...args) {
    if (typeof this === "bigint" && isLong(this)) {
      throw new RangeError(`toString() is supported for BigInts of at most ${MAX_BITS} bits.`);
    }
    return apply(toString, this, args);
  },
});

const { BigInt: convert } = replace(globalThis, {
  BigInt(value) {
    if (typeof value === "string" && value.length > MAX_DIGITS["0x"]) {
      const most = MAX_DIGITS[value.trim().slice(0, 2).toLowerCase()] ?? MAX_DIGITS.decimal;
      if (value.length > most + 2) {
        throw new RangeError(`BigInt() is supported for texts of at most ${most} digits, which is ${MAX_BITS} bits.`);
      }
    }
    return convert(value);
  },
});
Object.defineProperties(BigInt, Object.getOwnPropertyDescriptors(convert));
BigInt.prototype.constructor = BigInt;
