// What is done with long lists, and with long texts in them. The engine's own functions walk through all without a look at the
// guest's limits; here it looks between two items.

import { isView, viewName, viewParts } from "facetbox:base";
import { lists } from "facetbox:bounds";

const { apply, construct } = Reflect;
const { isArray } = Array;
const { max, min, trunc } = Math;

const { classes, join, set, sort, typedLength } = lists;

const lengthOf = (value) => min(max(trunc(Number(value.length)) || 0, 0), Number.MAX_SAFE_INTEGER);

// Searching ---------------------------------------------------------------------------------------

const SEARCHES = {
  __proto__: null,
  includes: (list, text, from, length) => forwards(list, text, from, length) >= 0,
  indexOf: forwards,
  lastIndexOf(list, text, from, length) {
    for (let at = from < 0 ? length + from : min(from, length - 1); at >= 0; at--) if (list[at] === text) return at;
    return -1;
  },
};

function forwards(list, text, from, length) {
  for (let at = from < 0 ? max(length + from, 0) : from; at < length; at++) if (list[at] === text) return at;
  return -1;
}

/** Searches for a text that takes long to compare. */
export function search(name, like, text, ...more) {
  const list = Object(like);
  const length = lengthOf(list);
  const first = name === "lastIndexOf" && more.length === 0 ? length - 1 : trunc(Number(more[0])) || 0;
  return SEARCHES[name](list, text, first, length);
}

// Sorting -----------------------------------------------------------------------------------------

/** Items that the engine sorts at once, and characters of the texts among them. */
const PIECE = 2 ** 15;
const MAX_TEXT = 2 ** 21;

function byText(one, other) {
  const a = typeof one === "string" ? one : `${one}`;
  const b = typeof other === "string" ? other : `${other}`;
  return a < b ? -1 : a > b ? 1 : 0;
}

/** How the engine is to compare items that take long to compare, or are no texts and numbers. */
export const comparison = () => byText;

/** Items as the engine sorts them: in pieces, whose texts aren't long. */
function sortPiece(list) {
  let characters = 0;
  for (let at = 0; at < list.length; at++) {
    const item = list[at];
    if (typeof item === "string") characters += item.length;
    else if (typeof item !== "number") return apply(sort, list, [byText]);
  }
  return apply(sort, list, characters > MAX_TEXT ? [byText] : []);
}

function merge(from, low, middle, high, to) {
  for (let at = low, left = low, right = middle; at < high; at++) {
    const takesRight = right < high && (left >= middle || byText(from[left], from[right]) > 0);
    to[at] = takesRight ? from[right++] : from[left++];
  }
}

/** Sorts a long array by texts. */
export function sortLong(list) {
  const { length } = list;
  let [from, to] = [[], []];
  for (let start = 0; start < length; start += PIECE) {
    const piece = [];
    for (let at = start; at < length && at < start + PIECE; at++) {
      // Those come last, and what is missing behind them: the engine knows how.
      if (list[at] === undefined) return apply(sort, list, [byText]);
      piece[at - start] = list[at];
    }
    sortPiece(piece);
    for (let at = 0; at < piece.length; at++) from[start + at] = piece[at];
  }
  for (let width = PIECE; width < length; width *= 2) {
    for (let low = 0; low < length; low += 2 * width) merge(from, low, min(low + width, length), min(low + 2 * width, length), to);
    [from, to] = [to, from];
  }
  for (let at = 0; at < length; at++) list[at] = from[at];
  return list;
}

/** Sorts a copy of a long array. */
export function sortCopy(list) {
  const copy = [];
  for (let at = 0; at < list.length; at++) copy[at] = list[at];
  return sortLong(copy);
}

// Joining -----------------------------------------------------------------------------------------

/** Items that the engine joins at once: making a text of a number takes up to a microsecond. */
const JOINED = 2 ** 13;

/** Joins what is long. */
export function joinLong(list, separator) {
  const length = lengthOf(list);
  const between = separator === undefined ? "," : `${separator}`;
  let text = "";
  for (let start = 0; start < length; start += JOINED) {
    const end = min(start + JOINED, length);
    const piece = [];
    let isPlain = true;
    for (let at = start; at < end && isPlain; at++) {
      const item = list[at];
      isPlain = item == null || (typeof item !== "object" && typeof item !== "function");
      piece[at - start] = item;
    }
    if (start > 0) text += between;
    if (isPlain) {
      text += apply(join, piece, [between]);
      continue;
    }
    // What they become may be a guest's doing, which may change the others.
    for (let at = start; at < end; at++) {
      const item = list[at];
      if (at > start) text += between;
      if (item != null) text += `${item}`;
    }
  }
  return text;
}

// Typed arrays ------------------------------------------------------------------------------------

/** Items of another type that the engine converts at once. */
const MAX_CONVERTED = 2 ** 18;

const isTyped = (value) => isView(value) && viewName(value) !== "DataView";

/** The items of what can be iterated, or is like an array. */
function itemsOf(source) {
  const iterator = source[Symbol.iterator];
  if (iterator == null) return source;
  if (typeof iterator !== "function") throw new TypeError("What [Symbol.iterator] gives is no function.");
  const items = [];
  if (isArray(source) && iterator === lists.values && lists.isPlain()) {
    for (let at = 0; at < source.length; at++) items[at] = source[at];
  } else {
    for (const item of { __proto__: null, [Symbol.iterator]: () => apply(iterator, source, []) }) items[items.length] = item;
  }
  return items;
}

/** Makes a typed array of an object that is no view and no buffer. */
export function typedOf(constructor, target, source) {
  if (isTyped(source)) {
    const made = construct(constructor, [typedLength(source)], target);
    setItems(made, source, 0);
    return made;
  }
  const items = itemsOf(source);
  const length = lengthOf(items);
  const made = construct(constructor, [length], target);
  for (let at = 0; at < length; at++) made[at] = items[at];
  return made;
}

/** `from()` of the classes of typed arrays. */
export function typedFrom(constructor, source, mapper, self) {
  const items = itemsOf(Object(source));
  const length = lengthOf(items);
  const made = new constructor(length);
  if (!isTyped(made) || typedLength(made) < length) throw new TypeError("The constructor has made no typed array of that length.");
  for (let at = 0; at < length; at++) made[at] = mapper === undefined ? items[at] : apply(mapper, self, [items[at], at]);
  return made;
}

/** `set()` of typed arrays. */
export function setItems(self, source, offset) {
  const first = trunc(Number(offset)) || 0;
  const target = typedLength(self);
  if (!isTyped(source)) {
    const items = Object(source);
    const length = lengthOf(items);
    if (first < 0 || first + length > target) throw new RangeError("The items don't fit.");
    for (let at = 0; at < length; at++) self[first + at] = items[at];
    return;
  }
  const [length, name] = [typedLength(source), viewName(source)];
  if (length <= MAX_CONVERTED || name === viewName(self) || first < 0 || first + length > target) {
    set(self, source, first);
    return;
  }
  let [buffer, start, bytes] = viewParts(source);
  if (buffer === viewParts(self)[0]) [buffer, start] = [new classes[name](source).buffer, 0];
  const size = bytes / length;
  for (let at = 0; at < length; at += MAX_CONVERTED) {
    set(self, new classes[name](buffer, start + at * size, min(MAX_CONVERTED, length - at)), first + at);
  }
}
