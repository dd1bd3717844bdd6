// URL and URLSearchParams.

import { eachEntry, hasName, native, removeEntries, setEntry, tag, valuesOf, walked } from "facetbox:base";

let paramsList, paramsOfUrl;

export class URLSearchParams {
  #list = []; // name, value, name, value, ...
  #changed = () => {};
  static {
    paramsList = (params) => params.#list;
    paramsOfUrl = (query, changed) => {
      const params = new URLSearchParams(query);
      params.#changed = changed;
      return params;
    };
  }
  constructor(init) {
    if (init === undefined) return;
    if (typeof init === "object" && init !== null && #list in init) this.#list = [...init.#list];
    else if (typeof init !== "object" || init === null) this.#list = native.query_parse(`${init}`.toWellFormed());
    else eachEntry(init, "URLSearchParams", (name, value) => this.#list.push(`${name}`, `${value}`));
  }
  get size() {
    return this.#list.length / 2;
  }
  get(name) {
    return valuesOf(this.#list, `${name}`)[0] ?? null;
  }
  getAll(name) {
    return valuesOf(this.#list, `${name}`);
  }
  has(name, value) {
    return value === undefined ? hasName(this.#list, `${name}`) : valuesOf(this.#list, `${name}`).includes(`${value}`);
  }
  set(name, value) {
    setEntry(this.#list, `${name}`, `${value}`);
    this.#changed();
  }
  append(name, value) {
    this.#list.push(`${name}`, `${value}`);
    this.#changed();
  }
  delete(name, value) {
    removeEntries(this.#list, (other, present) => other === `${name}` && (value === undefined || present === `${value}`));
    this.#changed();
  }
  sort() {
    const entries = [...this].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    this.#list.splice(0, this.#list.length, ...entries.flat());
    this.#changed();
  }
  *entries() {
    for (let at = 0; at < this.#list.length; at += 2) yield [this.#list[at], this.#list[at + 1]];
  }
  toString() {
    return native.query_text(this.#list.map((part) => part.toWellFormed()));
  }
}
walked(URLSearchParams);

export class URL {
  #parts;
  #params;
  constructor(input, base) {
    this.#parts = native.url_parse(`${input}`.toWellFormed(), base === undefined ? undefined : `${base}`.toWellFormed());
  }
  static canParse(input, base) {
    return URL.parse(input, base) !== null;
  }
  static parse(input, base) {
    try {
      return new URL(input, base);
    } catch {
      return null;
    }
  }
  static part(url, name) {
    return url.#parts[name];
  }
  static setPart(url, name, value) {
    url.#parts = native.url_set(url.#parts.href, name, `${value}`.toWellFormed());
    if (url.#params !== undefined && (name === "search" || name === "href")) {
      const list = paramsList(url.#params);
      list.splice(0, list.length, ...native.query_parse(url.#parts.search));
    }
  }
  get origin() {
    return this.#parts.origin;
  }
  get searchParams() {
    this.#params ??= paramsOfUrl(this.#parts.search, () => {
      this.#parts = native.url_set(this.#parts.href, "search", `${this.#params}`);
    });
    return this.#params;
  }
  toString() {
    return this.#parts.href;
  }
  toJSON() {
    return this.#parts.href;
  }
}

const { part, setPart } = URL;
delete URL.part;
delete URL.setPart;
for (const name of ["href", "protocol", "username", "password", "host", "hostname", "port", "pathname", "search", "hash"]) {
  Object.defineProperty(URL.prototype, name, {
    get() {
      return part(this, name);
    },
    set(value) {
      setPart(this, name, value);
    },
    enumerable: true,
    configurable: true,
  });
}

[URL, URLSearchParams].forEach((constructor) => tag(constructor));
export const globals = { URL, URLSearchParams };
