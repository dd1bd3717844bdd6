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

const { match, matchAll, replace: replaceBy, search: searchBy, split: splitBy } = Symbol;

/** What an object that is given as a pattern brings for these functions. */
const OWN = { replace: Symbol.replace, replaceAll: Symbol.replace, split: Symbol.split };

function isRegExp(pattern) {
  const match = pattern[Symbol.match];
  return match === undefined ? pattern instanceof RegExp : Boolean(match);
}

function search(name, self, pattern, more) {
  const original = string[name];
  if (self == null || pattern === undefined) return apply(original, self, [pattern, more]);
  if (pattern !== null && (typeof pattern === "object" || typeof pattern === "function")) {
    // Asked here, so that it can't answer the engine something else.
    if (name === "includes" && isRegExp(pattern)) throw new TypeError("regexp not supported");
    if (name === "replaceAll" && isRegExp(pattern) && !`${pattern.flags}`.includes("g")) {
      throw new TypeError("regexp must have the 'g' flag");
    }
    const own = OWN[name] && pattern[OWN[name]];
    if (own != null) return apply(own, pattern, [self, more]);
  }
  const text = `${self}`;
  const part = `${pattern}`;
  const most = name === "replaceAll" ? MAX_REPLACED : MAX_STEPS;
  if (part.length === 0 || text.length * part.length <= most) return apply(original, text, [part, more]);
  return LONG[name](text, part, more);
}

/** Has a text searched by a regular expression that is made of a pattern. */
function matched(name, self, pattern, symbol, flags) {
  if (self == null) return apply(string[name], self, [pattern]);
  if (pattern !== null && (typeof pattern === "object" || typeof pattern === "function")) {
    if (flags !== undefined && isRegExp(pattern) && !`${pattern.flags}`.includes(flags)) {
      throw new TypeError("regexp must have the 'g' flag");
    }
    const own = pattern[symbol];
    if (own != null) return apply(own, pattern, [self]);
  }
  const text = `${self}`;
  return new Checked(pattern, flags)[symbol](text);
}

const string = replace(String.prototype, {
  includes(pattern, from) {
    return search("includes", this, pattern, from);
  },
  indexOf(pattern, from) {
    return search("indexOf", this, pattern, from);
  },
  lastIndexOf(pattern, from) {
    return search("lastIndexOf", this, pattern, from);
  },
  replace(pattern, by) {
    return search("replace", this, pattern, by);
  },
  replaceAll(pattern, by) {
    return search("replaceAll", this, pattern, by);
  },
  split(pattern, limit) {
    return search("split", this, pattern, limit);
  },
  match(pattern) {
    return matched("match", this, pattern, match);
  },
  matchAll(pattern) {
    return matched("matchAll", this, pattern, matchAll, "g");
  },
  search(pattern) {
    return matched("search", this, pattern, searchBy);
  },
  repeat(count) {
    if (this == null) return apply(string.repeat, this, [count]);
    const [text, times] = [`${this}`, trunc(Number(count))];
    return isMadeHere(text.length * times) ? repeated(text, times) : apply(string.repeat, text, [times]);
  },
  padStart(length, fill) {
    return pad("padStart", this, length, fill);
  },
  padEnd(length, fill) {
    return pad("padEnd", this, length, fill);
  },
  normalize(form) {
    const name = form === undefined ? "NFC" : `${form}`;
    if (this == null || !(name in FORMS)) return apply(string.normalize, this, [name]);
    const text = `${this}`;
    return text.length <= SHORT ? apply(string.normalize, text, [name]) : formed(text, name);
  },
  localeCompare(that, locales, options) {
    if (this == null) return apply(string.localeCompare, this, [that]);
    const [one, other] = [`${this}`.toWellFormed(), `${that}`.toWellFormed()];
    return options === undefined ? native.collate(one, other, 3, false, false) : intl.use().localCompare(one, other, options);
  },
});

// Regular expressions -----------------------------------------------------------------------------

const { RegExp } = globalThis;
const { construct } = Reflect;
const { species } = Symbol;
const { exec } = RegExp.prototype;
const execute = Function.prototype.call.bind(exec);
const sourceOf = getter(RegExp.prototype, "source");
const [ignoresCase, isDotAll, isUnicode, isUnicodeSets] = ["ignoreCase", "dotAll", "unicode", "unicodeSets"].map((name) =>
  getter(RegExp.prototype, name),
);

/** Whether the engine made it: its pattern was checked then. */
function isMade(regexp) {
  try {
    sourceOf(regexp);
    return true;
  } catch {
    return false;
  }
}

// The engine's compiler of regular expressions doesn't look at the limits. It asks for literals only: see expressions.rs.
const { RegExp: Checked } = {
  RegExp: function (pattern, flags) {
    const target = new.target ?? Checked;
    let [source, mode] = [pattern, flags];
    if (pattern !== null && (typeof pattern === "object" || typeof pattern === "function") && isRegExp(pattern)) {
      if (new.target === undefined && flags === undefined && pattern.constructor === Checked) return pattern;
      if (isMade(pattern)) return construct(RegExp, [pattern, flags], target);
      source = pattern.source;
      mode ??= pattern.flags;
    }
    source = source === undefined ? "" : `${source}`;
    if (mode !== undefined) mode = `${mode}`;
    native.check_expression(source, mode !== undefined && indexOf(mode, "v") >= 0);
    return construct(RegExp, [source, mode], target);
  },
};
Object.defineProperties(Checked, Object.getOwnPropertyDescriptors(RegExp));
RegExp.prototype.constructor = Checked;
globalThis.RegExp = Checked;

/** Texts in which no back reference refers to more than the engine compares in a moment. */
const MAX_REFERRED = 1_000;

/** What finding out about references is done with: taken before a guest could replace it. */
export const intrinsics = {
  RegExp, ignoresCase, indexOf, isDotAll, isUnicode, isUnicodeSets, max, run: execute, slice, sourceOf, then: uncurry(Promise.prototype.then),
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
        return careful(construct(constructor?.[species] ?? Checked, [regexp, flags]));
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

/** Runs one of the engine's functions, which searches with the expression, or with another that it makes of it. */
function run(original, regexp, value, more, searchesWithAnother) {
  const text = typeof value === "string" ? value : `${value}`;
  const isShort = text.length <= MAX_REFERRED && (!searchesWithAnother || isMade(regexp));
  const isSafe = isShort || (!searchesWithAnother && isHarmless(regexp));
  return apply(original, isSafe ? regexp : careful(regexp), [text, more]);
}

const expression = replace(RegExp.prototype, {
  exec(value) {
    const text = typeof value === "string" ? value : `${value}`;
    if (text.length > MAX_REFERRED && this !== plain) checkReferences(this, text);
    return execute(this, text);
  },
  // An expression can't become one with back references, after it was looked at.
  compile(pattern, flags) {
    const made = new Checked(pattern, flags);
    if (mayRefer(sourceOf(made))) throw new RangeError("compile() takes no pattern with back references.");
    return apply(expression.compile, this, [made]);
  },
  test(value, more) {
    return run(expression.test, this, value, more, false);
  },
  [match](value, more) {
    return run(expression[match], this, value, more, false);
  },
  [matchAll](value, more) {
    return run(expression[matchAll], this, value, more, true);
  },
  [replaceBy](value, more) {
    return run(expression[replaceBy], this, value, more, false);
  },
  [searchBy](value, more) {
    return run(expression[searchBy], this, value, more, false);
  },
  [splitBy](value, more) {
    return run(expression[splitBy], this, value, more, true);
  },
});
const { exec: bounded } = RegExp.prototype;

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

function pad(name, self, length, fill) {
  if (self == null) return apply(string[name], self, [length, fill]);
  const [text, long, filler] = [`${self}`, trunc(Number(length)), fill === undefined ? " " : `${fill}`];
  const missing = long - text.length;
  if (!(missing > MAX_MADE && isMadeHere(long)) || filler === "") return apply(string[name], text, [long, filler]);
  const more = slice(repeated(filler, floor(missing / filler.length) + 1), 0, missing);
  return name === "padStart" ? more + text : text + more;
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

// What depends on a language ----------------------------------------------------------------------

for (const { prototype } of [Number, BigInt]) {
  const { toLocaleString } = {
    toLocaleString(locales, options) {
      return intl.use().localNumber(this.valueOf(), locales, options);
    },
  };
  Object.defineProperty(prototype, "toLocaleString", { value: toLocaleString, writable: true, configurable: true });
}

const named = (text) => text.replace(/\+0000$/, "+0000 (Coordinated Universal Time)");
const local = (date, locales, options, needed, shown) => intl.use().localDate(date, locales, options, needed, shown);

const date = replace(Date.prototype, {
  toString() {
    return named(apply(date.toString, this, []));
  },
  toTimeString() {
    return named(apply(date.toTimeString, this, []));
  },
  toLocaleString(locales, options) {
    return local(this, locales, options, "any", "all");
  },
  toLocaleDateString(locales, options) {
    return local(this, locales, options, "date", "date");
  },
  toLocaleTimeString(locales, options) {
    return local(this, locales, options, "time", "time");
  },
});
