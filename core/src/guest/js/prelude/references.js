// Bounds on back references in regular expressions.
//
// The engine looks at the guest's limits once in 10,000 steps of a match, and each may compare the text with what a group
// has matched, which takes time that grows with its length. So that length is bounded: by what the group can match at the
// most, or by the longest part of the text that consists of characters which the group takes.

import { getter, native } from "facetbox:base";

const { apply } = Reflect;
const { max, min } = Math;
const [sourceOf, ignoresCase, isDotAll, isUnicode, isUnicodeSets] = [
  "source", "ignoreCase", "dotAll", "unicode", "unicodeSets",
].map((name) => getter(RegExp.prototype, name));

/** Characters that one step may compare, and fewer where each takes longer. */
const MAX_COMPARED = 2_500;
const MAX_COMPARED_IGNORING_CASE = 1_000;
/** Patterns that are remembered. */
const MAX_KNOWN = 64;

/** What takes any character. */
const ANY = "[^]";
const NEWLINES = "\\n\\r\\u2028\\u2029";

// A part of a pattern: the most characters that it matches, and which: the insides of classes, or null for any.
const nothing = () => ({ most: 0, takes: new Set() });
const one = (inside, most = 1) => ({ most, takes: inside === null ? null : new Set([inside]) });

function union(one, other) {
  if (one === null || other === null) return null;
  const both = new Set(one);
  for (const inside of other) both.add(inside);
  return both;
}

/** Reads a pattern that the engine has taken, as far as what its groups match goes. */
class Pattern {
  #source;
  #at = 0;
  #flags;
  #groups = []; // by number; undefined while it is open
  #names = new Map(); // the numbers of the groups of a name
  #opened = 0;
  references = [];

  constructor(source, flags) {
    this.#source = source;
    this.#flags = flags;
    this.#alternatives();
  }

  /** For each reference what the groups that it may mean match. */
  referred() {
    return this.references.map((reference) => {
      const numbers = typeof reference === "string" ? (this.#names.get(reference) ?? []) : [reference];
      let all = nothing();
      for (const number of numbers) {
        const group = this.#groups[number];
        if (group) all = { most: max(all.most, group.most), takes: union(all.takes, group.takes) };
      }
      return all;
    });
  }

  #take(text) {
    if (!this.#source.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  /** Takes the text up to and with an end. */
  #until(end) {
    const from = this.#at;
    const at = this.#source.indexOf(end, from);
    this.#at = at < 0 ? this.#source.length : at + end.length;
    return this.#source.slice(from, at < 0 ? this.#at : at);
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
    while (this.#at < this.#source.length && !"|)".includes(this.#source[this.#at])) {
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
      const counts = /^\{(\d+)(,?)(\d*)\}/.exec(this.#source.slice(this.#at, this.#at + 40));
      if (counts === null) return 1;
      const [whole, least, comma, most] = counts;
      this.#at += whole.length;
      times = comma === "" ? Number(least) : most === "" ? Infinity : Number(most);
    }
    this.#take("?");
    return times;
  }

  #term() {
    if (this.#take("(")) return this.#group();
    if (this.#take("[")) return this.#class();
    if (this.#take("\\")) return this.#escape();
    if (this.#take("^") || this.#take("$")) return nothing();
    if (this.#take(".")) return one(this.#flags.dotAll ? null : `^${NEWLINES}`, 2);
    const character = String.fromCodePoint(this.#source.codePointAt(this.#at));
    this.#at += character.length;
    return one("^-]\\".includes(character) ? `\\${character}` : character, character.length);
  }

  #group() {
    if (!this.#take("?")) return this.#captured([]);
    if (["=", "!", "<=", "<!"].some((kind) => this.#take(kind))) {
      this.#inner();
      return nothing();
    }
    if (this.#take("<")) return this.#captured([this.#until(">")]);
    if (this.#until(":").includes("i")) this.#flags.ignoreCase = true;
    return this.#inner();
  }

  #inner() {
    const part = this.#alternatives();
    this.#take(")");
    return part;
  }

  #captured(names) {
    const number = ++this.#opened;
    for (const name of names) {
      if (!this.#names.has(name)) this.#names.set(name, []);
      this.#names.get(name).push(number);
    }
    return (this.#groups[number] = this.#inner());
  }

  /** A class; those of the flag v may contain others, and texts. */
  #class() {
    const from = this.#at;
    let depth = 1;
    for (; depth > 0 && this.#at < this.#source.length; this.#at++) {
      const character = this.#source[this.#at];
      if (character === "\\") this.#at++;
      else if (character === "[" && this.#flags.unicodeSets) depth++;
      else if (character === "]") depth--;
    }
    if (this.#flags.unicodeSets) return one(null, Infinity);
    return one(this.#source.slice(from, this.#at - 1), 2);
  }

  #escape() {
    const digits = /^[1-9]\d*/.exec(this.#source.slice(this.#at, this.#at + 10));
    if (digits !== null) {
      this.#at += digits[0].length;
      return this.#reference(Number(digits[0]));
    }
    if (this.#take("k<")) return this.#reference(this.#until(">"));
    const from = this.#at++;
    const character = this.#source[from];
    if ("bB".includes(character)) return nothing();
    if ("pPu".includes(character) && this.#source[this.#at] === "{") this.#until("}");
    else this.#at += { c: 1, x: 2, u: 4 }[character] ?? 0;
    return one(`\\${this.#source.slice(from, this.#at)}`, 2);
  }

  #reference(reference) {
    this.references.push(reference);
    return one(null, Infinity);
  }
}

/** A class of characters of which any text of a group consists. */
function classOf(takes) {
  if (takes === null) return ANY;
  const insides = [...takes];
  const negated = insides.filter((inside) => inside.startsWith("^"));
  if (negated.length === 0) return `[${insides.join("")}]`;
  return insides.length === 1 ? `[${insides[0]}]` : ANY;
}

const known = new Map();

/** What the references of a regular expression refer to, with what finds out about a text whether that is long. */
function analysed(regexp) {
  const source = sourceOf(regexp);
  const flags = {
    dotAll: isDotAll(regexp), ignoreCase: ignoresCase(regexp), unicode: isUnicode(regexp), unicodeSets: isUnicodeSets(regexp),
  };
  const key = `${flags.dotAll}${flags.ignoreCase}${flags.unicode}${flags.unicodeSets} ${source}`;
  if (!known.has(key)) {
    if (known.size >= MAX_KNOWN) known.clear();
    known.set(key, examine(new Pattern(source, flags).referred(), flags));
  }
  return known.get(key);
}

function examine(referred, flags) {
  const most = flags.ignoreCase ? MAX_COMPARED_IGNORING_CASE : MAX_COMPARED;
  // What groups of few characters leave is shared by the others.
  const few = referred.filter((group) => group.most <= most / referred.length);
  const many = referred.filter((group) => group.most > most / referred.length);
  const left = most - few.reduce((sum, group) => sum + group.most, 0);
  const share = Math.floor(left / max(1, many.length));
  const mode = (flags.ignoreCase ? "i" : "") + (flags.unicode || flags.unicodeSets ? "u" : "");
  const classes = new Set(many.map((group) => classOf(group.takes)));
  return { share, long: [...classes].map((taken) => new RegExp(`(?<!${taken})${taken}{${share + 1}}`, mode)) };
}

// What was looked at last, because a text is searched many times. It is kept until the guest waits.
const NONE = { regexp: null, text: "" };
const { then } = Promise.prototype;
const resolved = Promise.resolve();
let last = NONE;

/** Forgets what was looked at last: its pattern may be another now. */
export function forget() {
  last = NONE;
}

function remember(regexp, text) {
  if (last === NONE) apply(then, resolved, [forget]);
  last = { regexp, text };
}

/** Refuses a text in which a back reference may refer to more than the engine compares in time. */
export function check(regexp, text, run) {
  if (last.regexp === regexp && native.is_same(text, last.text)) return;
  const analysis = analysed(regexp);
  for (const long of text.length <= analysis.share ? [] : analysis.long) {
    if (run(long, text) !== null) {
      throw new RangeError(
        `A regular expression whose back references may refer to ${analysis.share + 1} characters or more of a text is supported for up to ${analysis.share}; the text has ${text.length}.`,
      );
    }
  }
  remember(regexp, text);
}
