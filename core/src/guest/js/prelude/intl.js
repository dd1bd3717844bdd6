// Intl, and what depends on a language elsewhere.

import { hidden, native } from "facetbox:base";
import { LOCALE, checkLocales, choice, service } from "facetbox:intl-base";
import { DateTimeFormat, localDate } from "facetbox:intl-dates";
import { NumberFormat } from "facetbox:intl-numbers";

const State = hidden();
const keep = (resolve) => (self, options) => new State(self, resolve(options));

// Comparing ---------------------------------------------------------------------------------------

const SENSITIVITIES = ["base", "accent", "case", "variant"];

function collation(options) {
  const sensitivity = choice(options, "sensitivity", SENSITIVITIES, "variant");
  const [numeric, ignorePunctuation] = [Boolean(options.numeric), Boolean(options.ignorePunctuation)];
  return { locale: LOCALE, usage: "sort", sensitivity, ignorePunctuation, numeric };
}

const compare = ({ sensitivity, numeric, ignorePunctuation }, one, other) =>
  native.collate(`${one}`.toWellFormed(), `${other}`.toWellFormed(), SENSITIVITIES.indexOf(sensitivity), numeric, ignorePunctuation);

const Collator = service("Collator", keep(collation), {
  get compare() {
    const options = State.get(this);
    return (one, other) => compare(options, one, other);
  },
  resolvedOptions() {
    return { ...State.get(this) };
  },
});

// Words -------------------------------------------------------------------------------------------

function ordinal(number) {
  const [last, two] = [number % 10, number % 100];
  if (two >= 11 && two <= 13) return "other";
  return ["other", "one", "two", "few"][last] ?? "other";
}

const PluralRules = service("PluralRules", keep((options) => ({ type: choice(options, "type", ["cardinal", "ordinal"], "cardinal") })), {
  select(number) {
    const value = Math.abs(Number(number));
    if (State.get(this).type === "ordinal") return ordinal(value);
    return value === 1 ? "one" : "other";
  },
  resolvedOptions() {
    return { locale: LOCALE, ...State.get(this) };
  },
});

const listOptions = (options) => ({
  type: choice(options, "type", ["conjunction", "disjunction", "unit"], "conjunction"),
  style: choice(options, "style", ["long", "short", "narrow"], "long"),
});

function last({ type, style }) {
  if (type === "disjunction") return "or ";
  if (type === "unit" || style === "narrow") return "";
  return style === "short" ? "& " : "and ";
}

const ListFormat = service("ListFormat", keep(listOptions), {
  format(items) {
    const [list, options] = [[...items], State.get(this)];
    const [comma, word] = [options.type === "unit" && options.style === "narrow" ? " " : ", ", last(options)];
    if (list.length < 2) return list.join("");
    const end = list.pop();
    const between = list.length === 1 && word !== "" ? " " : comma;
    return `${list.join(comma)}${between}${word}${end}`;
  },
});

const UNITS = { second: "sec.", minute: "min.", hour: "hr.", day: "day", week: "wk.", month: "mo.", quarter: "qtr.", year: "yr." };
const NEAR = { day: ["yesterday", "today", "tomorrow"], second: [undefined, "now", undefined] };

const relativeOptions = (options) => ({
  numeric: choice(options, "numeric", ["always", "auto"], "always"),
  style: choice(options, "style", ["long", "short", "narrow"], "long"),
});

function near(unit, value) {
  if (NEAR[unit] !== undefined) return NEAR[unit][value + 1];
  if (value === 0) return `this ${unit}`;
  return unit === "minute" || unit === "hour" ? undefined : `${value < 0 ? "last" : "next"} ${unit}`;
}

const RelativeTimeFormat = service("RelativeTimeFormat", keep(relativeOptions), {
  format(given, name) {
    const [value, unit] = [Number(given), `${name}`.replace(/s$/, "")];
    if (!Object.hasOwn(UNITS, unit)) throw new RangeError(`Invalid unit argument for Intl.RelativeTimeFormat.prototype.format() '${name}'`);
    const { numeric, style } = State.get(this);
    const word = numeric === "auto" && [-1, 0, 1].includes(value) ? near(unit, value) : undefined;
    if (word !== undefined) return word;
    const count = new NumberFormat(LOCALE).format(Math.abs(value));
    const long = Math.abs(value) === 1 ? unit : `${unit}s`;
    const shown = `${count} ${style === "long" || unit === "day" ? long : UNITS[unit]}`;
    return value < 0 || Object.is(value, -0) ? `${shown} ago` : `in ${shown}`;
  },
});

// What the language's own functions do --------------------------------------------------------------

export const localNumber = (number, locales, options) => new NumberFormat(locales, options).format(number);
export const localCompare = (one, other, options) => compare(collation({ ...options }), one, other);
export { localDate };

const Intl = {
  NumberFormat,
  DateTimeFormat,
  Collator,
  PluralRules,
  ListFormat,
  RelativeTimeFormat,
  getCanonicalLocales: (locales) => checkLocales(locales),
};
Object.defineProperty(Intl, Symbol.toStringTag, { __proto__: null, value: "Intl", configurable: true });
for (const name of ["DisplayNames", "DurationFormat", "Locale", "Segmenter"]) {
  Intl[name] = { [name]: class {
    constructor() {
      throw new TypeError(`Intl.${name} is not supported.`);
    }
  } }[name];
}
export const globals = { Intl };
