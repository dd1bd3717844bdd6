// Bounds on back references in regular expressions.
//
// The engine looks at the guest's limits once in 10,000 steps of a match, and each may compare the text with what a group
// has matched, which takes time that grows with its length. So that length is bounded: by what the group can match at the
// most, or by the longest part of the text that consists of characters which the group takes.
//
// A guest that could change what is found out here could go on for minutes. So nothing is used that it can replace: no
// methods of built-in prototypes, no iteration of lists, and only objects without a prototype.

import { native } from "facetbox:base";
import { intrinsics } from "facetbox:texts";

const { RegExp, ignoresCase, indexOf, isDotAll, isUnicode, isUnicodeSets, max, run, slice, sourceOf, then } = intrinsics;

/** Characters that one step may compare, and fewer where each takes longer. */
const MAX_COMPARED = 2_500;
const MAX_COMPARED_IGNORING_CASE = 1_000;
/** Patterns that are remembered. */
const MAX_KNOWN = 64;

/** What takes any character. */
const ANY = "[^]";
const NEWLINES = "\\n\\r\\u2028\\u2029";

const empty = () => ({ __proto__: null });
const list = () => ({ __proto__: null, count: 0 });
const contains = (text, part) => indexOf(text, part) >= 0;
const first = (text) => slice(text, 0, 1);

function add(items, item) {
  items[items.count++] = item;
}

// A part of a pattern: the most characters that it matches, and which: the insides of classes as keys, or null for any.
const nothing = () => ({ most: 0, takes: empty() });
const one = (inside, most = 1) => ({ most, takes: inside === null ? null : { __proto__: null, [inside]: true } });

function union(one, other) {
  if (one === null || other === null) return null;
  const both = empty();
  for (const inside in one) both[inside] = true;
  for (const inside in other) both[inside] = true;
  return both;
}

const isDigit = (character) => character >= "0" && character <= "9" && character.length === 1;

/** Reads a pattern that the engine has taken, as far as what its groups match goes. */
class Pattern {
  #source;
  #at = 0;
  #flags;
  #groups = list(); // by number; undefined while it is open
  #names = empty(); // the numbers of the groups of a name
  #opened = 0;
  #references = list();

  constructor(source, flags) {
    this.#source = source;
    this.#flags = flags;
    this.#alternatives();
  }

  /** For each reference what the groups that it may mean match. */
  referred() {
    const all = list();
    for (let at = 0; at < this.#references.count; at++) {
      const reference = this.#references[at];
      const numbers = typeof reference === "string" ? (this.#names[reference] ?? list()) : { __proto__: null, count: 1, 0: reference };
      let any = nothing();
      for (let which = 0; which < numbers.count; which++) {
        const group = this.#groups[numbers[which]];
        if (group) any = { most: max(any.most, group.most), takes: union(any.takes, group.takes) };
      }
      add(all, any);
    }
    return all;
  }

  #next() {
    return slice(this.#source, this.#at, this.#at + 1);
  }

  #take(text) {
    if (slice(this.#source, this.#at, this.#at + text.length) !== text) return false;
    this.#at += text.length;
    return true;
  }

  /** Takes the text up to and with an end. */
  #until(end) {
    const from = this.#at;
    const at = indexOf(this.#source, end, from);
    this.#at = at < 0 ? this.#source.length : at + end.length;
    return slice(this.#source, from, at < 0 ? this.#at : at);
  }

  /** The digits that come next. */
  #digits() {
    const from = this.#at;
    while (isDigit(this.#next())) this.#at++;
    return slice(this.#source, from, this.#at);
  }

  #alternatives() {
    let all = nothing();
    do {
      const { most, takes } = this.#sequence();
      all = { most: max(all.most, most), takes: union(all.takes, takes) };
    } while (this.#take("|"));
    return all;
  }

  #sequence() {
    let all = nothing();
    while (this.#at < this.#source.length && !contains("|)", this.#next())) {
      const { most, takes } = this.#term();
      const times = this.#times();
      all = { most: all.most + (most === 0 ? 0 : most * times), takes: times === 0 ? all.takes : union(all.takes, takes) };
    }
    return all;
  }

  /** How often a term may be repeated. */
  #times() {
    let times = 1;
    if (this.#take("*") || this.#take("+")) times = Infinity;
    else if (!this.#take("?")) {
      const counted = this.#counted();
      if (counted === undefined) return 1;
      times = counted;
    }
    this.#take("?");
    return times;
  }

  /** What a count in braces allows; undefined where the brace is one like any other character. */
  #counted() {
    const from = this.#at;
    if (!this.#take("{")) return undefined;
    const least = this.#digits();
    const isOpen = this.#take(",");
    const most = isOpen ? this.#digits() : least;
    if (least !== "" && this.#take("}")) return most === "" ? Infinity : +most;
    this.#at = from;
    return undefined;
  }

  #term() {
    if (this.#take("(")) return this.#group();
    if (this.#take("[")) return this.#class();
    if (this.#take("\\")) return this.#escape();
    if (this.#take("^") || this.#take("$")) return nothing();
    if (this.#take(".")) return one(this.#flags.dotAll ? null : `^${NEWLINES}`, 2);
    let character = this.#next();
    this.#at++;
    const low = this.#next();
    if (character >= "\ud800" && character <= "\udbff" && low >= "\udc00" && low <= "\udfff") {
      character += low;
      this.#at++;
    }
    return one(contains("^-]\\", character) ? `\\${character}` : character, character.length);
  }

  #group() {
    if (!this.#take("?")) return this.#captured();
    if (this.#take("=") || this.#take("!") || this.#take("<=") || this.#take("<!")) {
      this.#inner();
      return nothing();
    }
    if (this.#take("<")) return this.#captured(this.#until(">"));
    if (contains(this.#until(":"), "i")) this.#flags.ignoreCase = true;
    return this.#inner();
  }

  #inner() {
    const part = this.#alternatives();
    this.#take(")");
    return part;
  }

  #captured(name) {
    const number = ++this.#opened;
    if (name !== undefined) add((this.#names[name] ??= list()), number);
    return (this.#groups[number] = this.#inner());
  }

  /** A class; those of the flag v may contain others, and texts. */
  #class() {
    const from = this.#at;
    let depth = 1;
    for (; depth > 0 && this.#at < this.#source.length; this.#at++) {
      const character = this.#next();
      if (character === "\\") this.#at++;
      else if (character === "[" && this.#flags.unicodeSets) depth++;
      else if (character === "]") depth--;
    }
    if (this.#flags.unicodeSets) return one(null, Infinity);
    return one(slice(this.#source, from, this.#at - 1), 2);
  }

  #escape() {
    if (isDigit(this.#next()) && this.#next() !== "0") return this.#reference(+this.#digits());
    if (this.#take("k<")) return this.#reference(this.#until(">"));
    const from = this.#at;
    const character = this.#next();
    this.#at++;
    if (contains("bB", character)) return nothing();
    if (contains("pPu", character) && this.#next() === "{") this.#until("}");
    else if (contains("cxu", character)) this.#at += character === "c" ? 1 : character === "x" ? 2 : 4;
    return one(`\\${slice(this.#source, from, this.#at)}`, 2);
  }

  #reference(reference) {
    add(this.#references, reference);
    return one(null, Infinity);
  }
}

/** A class of characters of which any text of a group consists. */
function classOf(takes) {
  if (takes === null) return ANY;
  let all = "";
  let count = 0;
  let isNegated = false;
  for (const inside in takes) {
    all += inside;
    count++;
    isNegated ||= first(inside) === "^";
  }
  return isNegated && count > 1 ? ANY : `[${all}]`;
}

let known = empty();
let knownCount = 0;

/** What the references of a regular expression refer to, with what finds out about a text whether that is long. */
function analysed(regexp) {
  const source = sourceOf(regexp);
  const flags = {
    dotAll: isDotAll(regexp), ignoreCase: ignoresCase(regexp), unicode: isUnicode(regexp), unicodeSets: isUnicodeSets(regexp),
  };
  const key = `${flags.dotAll}${flags.ignoreCase}${flags.unicode}${flags.unicodeSets} ${source}`;
  if (known[key] === undefined) {
    if (knownCount >= MAX_KNOWN) {
      known = empty();
      knownCount = 0;
    }
    known[key] = examine(new Pattern(source, flags).referred(), flags);
    knownCount++;
  }
  return known[key];
}

function examine(referred, flags) {
  const most = flags.ignoreCase ? MAX_COMPARED_IGNORING_CASE : MAX_COMPARED;
  // What groups of few characters leave is shared by the others.
  let left = most;
  const many = list();
  for (let at = 0; at < referred.count; at++) {
    if (referred[at].most <= most / referred.count) left -= referred[at].most;
    else add(many, referred[at]);
  }
  const rest = left / max(1, many.count);
  const share = rest - (rest % 1);
  const mode = (flags.ignoreCase ? "i" : "") + (flags.unicode || flags.unicodeSets ? "u" : "");
  const seen = empty();
  const long = list();
  for (let at = 0; at < many.count; at++) {
    const taken = classOf(many[at].takes);
    if (seen[taken]) continue;
    seen[taken] = true;
    add(long, new RegExp(`(?<!${taken})${taken}{${share + 1}}`, mode));
  }
  return { share, long };
}

// What was looked at last, because a text is searched many times. It is kept until the guest waits.
const NONE = { regexp: null, text: "" };
const resolved = Promise.resolve();
let last = NONE;

function remember(regexp, text) {
  if (last === NONE) then(resolved, () => void (last = NONE));
  last = { regexp, text };
}

/** Refuses a text in which a back reference may refer to more than the engine compares in time. */
export function check(regexp, text) {
  if (last.regexp === regexp && native.is_same(text, last.text)) return;
  const { share, long } = analysed(regexp);
  for (let at = 0; text.length > share && at < long.count; at++) {
    if (run(long[at], text) !== null) {
      throw new RangeError(
        `A regular expression whose back references may refer to ${share + 1} characters or more of a text is supported for up to ${share}; the text has ${text.length}.`,
      );
    }
  }
  remember(regexp, text);
}
