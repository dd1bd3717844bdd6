// What the parts of Intl share.
//
// It is for English as it is written in the United States. Numbers and dates know the more common of other languages, in
// a part of its own; all else falls back to English, as it may.

import { part } from "facetbox:lazy";

export const LOCALE = "en-US";
const ENGLISH = /^en(-us)?$/i;

/** What is known of the language that is asked for; undefined for English as of the United States. */
export const localeOf = (list) => (list.length === 0 || ENGLISH.test(list[0]) ? undefined : part("locales").find(list));

/** One of the values that an option may have. */
export function choice(options, name, values, fallback) {
  const value = options[name];
  if (value === undefined) return fallback;
  if (!values.includes(`${value}`)) throw new RangeError(`Value ${value} out of range for Intl options property ${name}`);
  return `${value}`;
}

/** A whole number that an option may be. */
export function whole(options, name, low, high, fallback) {
  if (options[name] === undefined) return fallback;
  const value = Math.floor(Number(options[name]));
  if (!(value >= low && value <= high)) throw new RangeError(`${name} value is out of range.`);
  return value;
}

/** Refuses what names no language. */
export function checkLocales(locales) {
  const list = (typeof locales === "string" ? [locales] : Array.from(locales ?? [])).map((locale) => `${locale}`);
  for (const locale of list) {
    if (!/^[a-z]{2,8}(-[a-z0-9]{1,8})*$/i.test(locale)) throw new RangeError(`Incorrect locale information provided: ${locale}`);
  }
  return list;
}

/** Makes a constructor that may be called without `new`, with what all of Intl's have. */
export function service(name, make, members) {
  const constructor = {
    [name]: function (locales, options) {
      const list = checkLocales(locales);
      const self = new.target === undefined ? Object.create(constructor.prototype) : this;
      return make(self, { ...options }, list);
    },
  }[name];
  constructor.supportedLocalesOf = (locales) => checkLocales(locales);
  Object.defineProperties(constructor.prototype, Object.getOwnPropertyDescriptors(members));
  Object.defineProperty(constructor.prototype, Symbol.toStringTag, { __proto__: null, value: `Intl.${name}`, configurable: true });
  return constructor;
}
