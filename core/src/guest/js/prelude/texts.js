// Bounds on the functions of texts.
//
// The engine searches a text by comparing the pattern at each place, without looking at the guest's limits. Long
// texts are searched here piece by piece, so that it looks between two pieces.

import { getter, native, uncurry } from "facetbox:base";
import { replace } from "facetbox:bounds";
import { intl, references } from "facetbox:lazy";

const { apply } = Reflect;
const { floor, max, min, trunc } = Math;
const { indexOf: firstIn, lastIndexOf: lastIn, replace: replaceIn, slice: cut } = String.prototype;
const [indexOf, lastIndexOf, substitute, slice] = [firstIn, lastIn, replaceIn, cut].map(uncurry);

/** Steps that the engine's search may take at once: at worst the pattern's length for each place. */
const MAX_STEPS = 2 ** 20;
/** Replacing takes longer than searching where a pattern is found at most places. */
const MAX_REPLACED = 2 ** 19;
/** The longest text that is brought into another form of Unicode, in UTF-16's units. */
const MAX_FORMED = 2 ** 20;
/** Texts up to this length the engine brings into another form itself. */
const SHORT = 256;

/** How many places of a text one piece has. */
const placesFor = (pattern) => max(1, floor(MAX_STEPS / max(1, pattern.length)));

/** The first place of a pattern, from `from` on; -1 if there is none. */
function find(text, pattern, from) {
  const [last, places] = [text.length - pattern.length, placesFor(pattern)];
  for (; from <= last; from += places) {
    const at = indexOf(slice(text, from, from + places + pattern.length - 1), pattern);
    if (at >= 0) return from + at;
  }
  return -1;
}

/** The last place of a pattern, up to `from`. */
function findLast(text, pattern, from) {
  const places = placesFor(pattern);
  for (let end = min(from, text.length - pattern.length) + 1; end > 0; end -= places) {
    const begin = max(0, end - places);
    const at = lastIndexOf(slice(text, begin, end + pattern.length - 1), pattern);
    if (at >= 0) return begin + at;
  }
  return -1;
}

/** A position as the search functions take it. */
const position = (value, text) => min(max(trunc(Number(value)) || 0, 0), text.length);

const lastPosition = (number, text) => (number !== number ? text.length : position(number, text));

/** Replaces a pattern at some places by a text, in which `$&` and others stand for parts of the searched one. */
function replaceAt(places, text, pattern, replacement) {
  const isFunction = typeof replacement === "function";
  const template = isFunction ? "" : `${replacement}`;
  const parts = { $: () => "$", "&": () => pattern, "`": (at) => slice(text, 0, at), "'": (at) => slice(text, at + pattern.length) };
  let [result, end] = ["", 0];
  for (const at of places) {
    const by = isFunction
      ? `${replacement(pattern, at, text)}`
      : substitute(template, /\$[$&`']/g, (mark) => parts[mark[1]](at));
    result += slice(text, end, at) + by;
    end = at + pattern.length;
  }
  return result + slice(text, end);
}

/** The places of a pattern that isn't empty, which don't overlap. */
function* placesOf(text, pattern) {
  for (let at = find(text, pattern, 0); at >= 0; at = find(text, pattern, at + pattern.length)) yield at;
}

function firstPlace(text, pattern) {
  const at = find(text, pattern, 0);
  return at < 0 ? [] : [at];
}

function split(text, pattern, limit) {
  const most = limit === undefined ? 2 ** 32 - 1 : limit >>> 0;
  const parts = [];
  let end = 0;
  for (const at of placesOf(text, pattern)) {
    if (parts.length === most) return parts;
    parts.push(slice(text, end, at));
    end = at + pattern.length;
  }
  if (parts.length < most) parts.push(slice(text, end));
  return parts;
}

/** The search in long texts: what each function does with the text, the pattern and its second argument. */
const LONG = {
  includes: (text, pattern, from) => find(text, pattern, position(from, text)) >= 0,
  indexOf: (text, pattern, from) => find(text, pattern, position(from, text)),
  lastIndexOf: (text, pattern, from) => findLast(text, pattern, lastPosition(Number(from), text)),
  replace: (text, pattern, by) => replaceAt(firstPlace(text, pattern), text, pattern, by),
  replaceAll: (text, pattern, by) => replaceAt(placesOf(text, pattern), text, pattern, by),
  split,
};

/** What an object that is given as a pattern brings for these functions. */
const OWN = { replace: Symbol.replace, replaceAll: Symbol.replace, split: Symbol.split };

function isRegExp(pattern) {
  const match = pattern[Symbol.match];
  return match === undefined ? pattern instanceof RegExp : Boolean(match);
}

for (const name of Object.keys(LONG)) {
  replace(String.prototype, name, (original) => ({
    [name](...args) {
      const [pattern] = args;
      if (this == null || pattern === undefined) return apply(original, this, args);
      if (pattern !== null && (typeof pattern === "object" || typeof pattern === "function")) {
        // Asked here, so that it can't answer the engine something else.
        if (name === "includes" && isRegExp(pattern)) throw new TypeError("regexp not supported");
        if (name === "replaceAll" && isRegExp(pattern) && !`${pattern.flags}`.includes("g")) {
          throw new TypeError("regexp must have the 'g' flag");
        }
        const own = OWN[name] && pattern[OWN[name]];
        if (own != null) return apply(own, pattern, [this, args[1]]);
      }
      const text = `${this}`;
      args[0] = `${pattern}`;
      const most = name === "replaceAll" ? MAX_REPLACED : MAX_STEPS;
      if (args[0].length === 0 || text.length * args[0].length <= most) return apply(original, text, args);
      return LONG[name](text, ...args);
    },
  }));
}

// Regular expressions -----------------------------------------------------------------------------

const { RegExp } = globalThis;
const { construct } = Reflect;
const { species } = Symbol;
const { exec } = RegExp.prototype;
const run = Function.prototype.call.bind(exec);
const sourceOf = getter(RegExp.prototype, "source");
const [ignoresCase, isDotAll, isUnicode, isUnicodeSets] = ["ignoreCase", "dotAll", "unicode", "unicodeSets"].map((name) =>
  getter(RegExp.prototype, name),
);
/** Texts in which no back reference refers to more than the engine compares in a moment. */
const MAX_REFERRED = 1_000;

/** What finding out about references is done with: taken before a guest could replace it. */
export const intrinsics = {
  RegExp, ignoresCase, indexOf, isDotAll, isUnicode, isUnicodeSets, max, run, slice, sourceOf, then: uncurry(Promise.prototype.then),
};

/** Whether a pattern may have back references. */
function mayRefer(source) {
  for (let at = indexOf(source, "\\"); at >= 0; at = indexOf(source, "\\", at + 2)) {
    const next = source[at + 1];
    if (next === "k" || (next >= "1" && next <= "9")) return true;
  }
  return false;
}

let plain; // the regular expression without back references that was used last

function checkReferences(regexp, text) {
  if (mayRefer(sourceOf(regexp))) references.use().check(regexp, text);
  else plain = regexp;
}

const { exec: bounded } = {
  exec(value) {
    const text = typeof value === "string" ? value : `${value}`;
    if (text.length > MAX_REFERRED && this !== plain) checkReferences(this, text);
    return run(this, text);
  },
};
replace(RegExp.prototype, "exec", () => ({ exec: bounded }));

// An expression can't become one with back references, after it was looked at.
replace(RegExp.prototype, "compile", (original) => ({
  compile(pattern, flags) {
    const made = new RegExp(pattern, flags);
    if (mayRefer(sourceOf(made))) throw new RangeError("compile() takes no pattern with back references.");
    return apply(original, this, [made]);
  },
}));

// Where an expression's exec() is no function, the engine's functions search without it. So they get one that
// always has it, instead of an expression that may have references.
function careful(regexp) {
  return {
    __proto__: null,
    exec: (text) => {
      const own = regexp.exec;
      return apply(typeof own === "function" ? own : bounded, regexp, [text]);
    },
    get flags() {
      return regexp.flags;
    },
    get lastIndex() {
      return regexp.lastIndex;
    },
    set lastIndex(place) {
      regexp.lastIndex = place;
    },
    constructor: {
      __proto__: null,
      [species]: function (_, flags) {
        const { constructor } = regexp;
        return careful(construct(constructor?.[species] ?? RegExp, [regexp, flags]));
      },
    },
  };
}

function isHarmless(regexp) {
  try {
    return !mayRefer(sourceOf(regexp));
  } catch {
    return false;
  }
}

for (const name of ["test", "match", "matchAll", "replace", "search", "split"]) {
  const key = name === "test" ? name : Symbol[name];
  const searchesWithAnother = name === "split" || name === "matchAll";
  replace(RegExp.prototype, key, (original) => ({
    [key](value, more) {
      const text = typeof value === "string" ? value : `${value}`;
      const isSafe = text.length <= MAX_REFERRED || (!searchesWithAnother && isHarmless(this));
      return apply(original, isSafe ? this : careful(this), [text, more]);
    },
  }));
}

// Repetition --------------------------------------------------------------------------------------

/** The longest text that the engine makes of repetitions in one go. */
const MAX_MADE = 2 ** 20;
/** The engine has no longer texts. */
const MAX_LENGTH = 2 ** 30 - 1;

/** Whether a text is made here. What no memory holds is left to the engine, which is refused it at once. */
const isMadeHere = (length) => length > MAX_MADE && length <= MAX_LENGTH && native.may_hold(length);

/** A text that shares what repeats, until it is read. */
function repeated(text, count) {
  let [result, power] = ["", text];
  for (let left = count; left > 0; left = floor(left / 2)) {
    if (left % 2 === 1) result += power;
    if (left > 1) power += power;
  }
  return result;
}

replace(String.prototype, "repeat", (original) => ({
  repeat(count) {
    if (this == null) return apply(original, this, [count]);
    const [text, times] = [`${this}`, trunc(Number(count))];
    return isMadeHere(text.length * times) ? repeated(text, times) : apply(original, text, [times]);
  },
}));

for (const name of ["padStart", "padEnd"]) {
  replace(String.prototype, name, (original) => ({
    [name](length, fill) {
      if (this == null) return apply(original, this, [length, fill]);
      const [text, long, filler] = [`${this}`, trunc(Number(length)), fill === undefined ? " " : `${fill}`];
      const missing = long - text.length;
      if (!(missing > MAX_MADE && isMadeHere(long)) || filler === "") return apply(original, text, [long, filler]);
      const pad = slice(repeated(filler, floor(missing / filler.length) + 1), 0, missing);
      return name === "padStart" ? pad + text : text + pad;
    },
  }));
}

// Forms of Unicode --------------------------------------------------------------------------------

const FORMS = { __proto__: null, NFC: true, NFD: true, NFKC: true, NFKD: true };

/** The engine's own function takes time that grows with the square of how many marks follow each other. */
function formed(text, form) {
  if (text.length > MAX_FORMED) {
    throw new RangeError(`normalize() is supported for texts of at most ${MAX_FORMED} characters.`);
  }
  return native.normalize(text, form);
}

replace(String.prototype, "normalize", (original) => ({
  normalize(form) {
    const name = form === undefined ? "NFC" : `${form}`;
    if (this == null || !(name in FORMS)) return apply(original, this, [name]);
    const text = `${this}`;
    return text.length <= SHORT ? apply(original, text, [name]) : formed(text, name);
  },
}));

// What depends on a language ----------------------------------------------------------------------

replace(String.prototype, "localeCompare", (original) => ({
  localeCompare(that, locales, options) {
    if (this == null) return apply(original, this, [that]);
    const [one, other] = [`${this}`.toWellFormed(), `${that}`.toWellFormed()];
    return options === undefined ? native.collate(one, other, 3, false, false) : intl.use().localCompare(one, other, options);
  },
}));

for (const { prototype } of [Number, BigInt]) {
  const { toLocaleString } = {
    toLocaleString(locales, options) {
      return intl.use().localNumber(this.valueOf(), locales, options);
    },
  };
  Object.defineProperty(prototype, "toLocaleString", { value: toLocaleString, writable: true, configurable: true });
}

for (const name of ["toString", "toTimeString"]) {
  replace(Date.prototype, name, (original) => ({
    [name]() {
      return apply(original, this, []).replace(/\+0000$/, "+0000 (Coordinated Universal Time)");
    },
  }));
}

const DATES = { toLocaleString: ["any", "all"], toLocaleDateString: ["date", "date"], toLocaleTimeString: ["time", "time"] };
for (const name of Object.keys(DATES)) {
  replace(Date.prototype, name, () => ({
    [name](locales, options) {
      return intl.use().localDate(this, locales, options, ...DATES[name]);
    },
  }));
}
