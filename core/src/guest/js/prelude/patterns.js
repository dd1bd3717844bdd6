// URLPattern: patterns of URLs, part by part.

import { tag } from "facetbox:base";
import { urls } from "facetbox:lazy";

const PARTS = ["protocol", "username", "password", "hostname", "port", "pathname", "search", "hash"];
const escaped = (text) => text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");

/** What separates the segments of a part, and may stand before a group that is absent. */
const SEPARATORS = { pathname: "/", hostname: "." };
const segmentOf = (part) => (part in SEPARATORS ? `[^${escaped(SEPARATORS[part])}]+?` : ".+?");

/** Reads a pattern from left to right, into the source of a regular expression and the names of its groups. */
class Compiler {
  names = [];
  source = "";
  #text;
  #part;
  #at = 0;
  #unnamed = 0;
  hasRegExp = false;
  constructor(text, part) {
    this.#text = text;
    this.#part = part;
    while (this.#at < text.length) this.source += this.#next();
  }
  #fail() {
    throw new TypeError(`Failed to construct 'URLPattern': "${this.#text}" is no pattern of a ${this.#part}.`);
  }
  #next() {
    const character = this.#text[this.#at++];
    if (character === "\\") return escaped(this.#text[this.#at++] ?? this.#fail());
    if (character === "{") return this.#braces();
    const isGroup = character === ":" || character === "(" || character === "*";
    if (isGroup) return this.#group(character, "");
    const separator = this.#part === "pathname" && character === "/" && ":(*".includes(this.#text[this.#at] ?? " ");
    return separator ? this.#group(this.#text[this.#at++], "/") : escaped(character);
  }
  #group(kind, prefix) {
    const name = kind === ":" ? this.#name() : `${this.#unnamed++}`;
    let matched = kind === "*" ? ".*" : segmentOf(this.#part);
    if (kind === "(" || (kind === ":" && this.#text[this.#at] === "(" && this.#at++ >= 0)) matched = this.#regexp();
    this.names.push(name);
    return this.#modified(escaped(prefix), `(${matched})`, matched);
  }
  #name() {
    const [name] = /^[\p{ID_Start}_$][\p{ID_Continue}$]*/u.exec(this.#text.slice(this.#at)) ?? this.#fail();
    if (this.names.includes(name)) this.#fail();
    this.#at += name.length;
    return name;
  }
  #regexp() {
    this.hasRegExp = true;
    const start = this.#at;
    for (let depth = 1; depth > 0; this.#at++) {
      if (this.#at >= this.#text.length) this.#fail();
      const character = this.#text[this.#at];
      if (character === "\\") this.#at++;
      else if (character === "(" && this.#text[this.#at + 1] !== "?") this.#fail();
      else depth += character === "(" ? 1 : character === ")" ? -1 : 0;
    }
    return this.#text.slice(start, this.#at - 1);
  }
  #braces() {
    let inner = "";
    while (this.#text[this.#at] !== "}") {
      if (this.#at >= this.#text.length) this.#fail();
      inner += this.#next();
    }
    this.#at++;
    return this.#modified("", `(?:${inner})`, undefined);
  }
  /** What is matched, once or as often as its modifier says. */
  #modified(prefix, group, repeated) {
    const modifier = "?*+".includes(this.#text[this.#at] ?? " ") ? this.#text[this.#at++] : "";
    if (modifier === "") return prefix + group;
    if (modifier === "?" || repeated === undefined) return prefix === "" ? `${group}${modifier}` : `(?:${prefix}${group})${modifier}`;
    const many = `(?:${prefix}((?:${repeated})(?:${prefix}(?:${repeated}))*))`;
    return modifier === "+" ? many : `${many}?`;
  }
}

/** The first place in a pattern, outside of its groups, for which that holds; the pattern's length if there is none. */
function place(text, holds) {
  for (let at = 0, depth = 0; at < text.length; at++) {
    const character = text[at];
    if (character === "\\") at++;
    else if (character === "(" || character === "{") depth++;
    else if (character === ")" || character === "}") depth--;
    else if (depth === 0 && holds(at)) return at;
  }
  return text.length;
}

/** What is before a mark and, if it is there, what is behind it. */
function cut(text, mark, holds = () => true) {
  const at = place(text, (at) => text.startsWith(mark, at) && holds(at));
  return [text.slice(0, at), at === text.length ? undefined : text.slice(at + mark.length)];
}

/** A question mark behind a group says that it may be absent. */
const isModifier = (text, at) => /(:[\p{ID_Continue}$]+|[)}*])$/u.test(text.slice(0, at));

/** The parts of a pattern that is written as one text. */
function split(text, base) {
  const [beforeHash, hash] = cut(text, "#");
  const [address, search] = cut(beforeHash, "?", (at) => !isModifier(text, at));
  const [protocol, rest] = cut(address, "://");
  const behind = { search: search ?? (hash === undefined ? undefined : ""), hash };
  if (rest === undefined) {
    if (base === undefined) throw new TypeError("Failed to construct 'URLPattern': a relative pattern needs a base URL.");
    return { ...fromBase(base), ...present({ pathname: address === "" ? undefined : address, ...behind }) };
  }
  const [authority, path] = cut(rest, "/");
  const [, credentials, host] = /^(?:(.*)@)?(.*)$/.exec(authority);
  const [, hostname, port] = /^(.*?)(?::(\d*))?$/.exec(host);
  const [username, password] = credentials?.split(":") ?? [];
  return { protocol, username, password, hostname, port: port ?? "", pathname: `/${path ?? ""}`, ...behind };
}

const present = (parts) => Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined));

/** What a base URL gives to a pattern: everything up to its path. */
function fromBase(base) {
  const { protocol, hostname, port, pathname } = new (urls.use().URL)(base);
  return { protocol: protocol.slice(0, -1), hostname, port, pathname };
}

/** The parts of what is matched; undefined if it is no URL. */
function partsOf(input, base) {
  if (typeof input === "object" && input !== null && !(input instanceof urls.use().URL)) {
    const empty = Object.fromEntries(PARTS.map((part) => [part, ""]));
    return { ...empty, ...(input.baseURL === undefined ? {} : fromBase(input.baseURL)), ...present(input) };
  }
  const url = urls.use().URL.parse(`${input}`, base);
  if (url === null) return undefined;
  return { ...Object.fromEntries(PARTS.map((part) => [part, url[part]])), protocol: url.protocol.slice(0, -1), search: url.search.slice(1), hash: url.hash.slice(1) };
}

export class URLPattern {
  #patterns = {};
  #compiled = {};
  constructor(input = {}, base, options) {
    const isText = typeof input === "string" || input instanceof urls.use().URL;
    const settings = typeof base === "object" ? base : options;
    const given = isText ? split(`${input}`, typeof base === "string" ? base : undefined) : { ...(input.baseURL === undefined ? {} : fromBase(input.baseURL)), ...present(input) };
    for (const part of PARTS) {
      this.#patterns[part] = `${given[part] ?? "*"}`.replace(part === "protocol" ? /:$/ : part === "search" ? /^\?/ : part === "hash" ? /^#/ : /^$/, "");
      const compiled = new Compiler(this.#patterns[part], part);
      this.#compiled[part] = { ...compiled, regexp: new RegExp(`^${compiled.source}$`, settings?.ignoreCase ? "ui" : "u") };
    }
  }
  static part(pattern, part) {
    return pattern.#patterns[part];
  }
  get hasRegExpGroups() {
    return PARTS.some((part) => this.#compiled[part].hasRegExp);
  }
  test(input, base) {
    return this.exec(input, base) !== null;
  }
  exec(input = {}, base) {
    const parts = partsOf(input, base);
    if (parts === undefined) return null;
    const result = { inputs: base === undefined ? [input] : [input, base] };
    for (const part of PARTS) {
      const { regexp, names } = this.#compiled[part];
      const match = regexp.exec(`${parts[part]}`);
      if (match === null) return null;
      const groups = Object.fromEntries(names.map((name, at) => [name, match[at + 1]]));
      result[part] = { input: `${parts[part]}`, groups };
    }
    return result;
  }
}

const { part } = URLPattern;
delete URLPattern.part;
for (const name of PARTS) {
  Object.defineProperty(URLPattern.prototype, name, {
    get() {
      return part(this, name);
    },
    enumerable: true,
    configurable: true,
  });
}

tag(URLPattern);
export const globals = { URLPattern };
