// Languages and countries other than the United States: what they are called, and how they write dates and times.

import { LOCALES } from "facetbox:locale-data";

// A template has d, M, L (the month's name), y, E (the weekday's), h, mm, ss, a (the half of the day); doubled they have
// two digits. Letters that are meant themselves are in quotation marks.
const TOKENS = /'([^']*)'|dd|d|MM|M|L|yy|y|E|hh|h|mm|ss|a|[^]/g;

const NUMERIC = ["yMd", "Md", "yM", "EyMd", "medium", "short", "d", "y"];
const TEXT = ["yMd", "Md", "yM", "EyMd", "EMd"];
const CLOCK = ["hms", "hmsa", "h", "ha"];

const fields = (names, text) => Object.fromEntries(text.split(";").map((value, at) => [names[at], value]));

function baseOf(tag) {
  if (tag.startsWith("en-")) return tag === "en-GB" ? undefined : "en-GB";
  return tag.includes("-") ? tag.split("-")[0] : undefined;
}

function rowOf(tag) {
  const [row, base] = [LOCALES[tag].split("|"), baseOf(tag)];
  return base === undefined ? row : rowOf(base).map((value, at) => row[at] || value);
}

function read(tag) {
  const [numeric, long, short, clock, joins, months, shortMonths, alone, shortAlone, days, shortDays, halves, number, symbols] = rowOf(tag);
  const [decimal, group, flags, minus, percent, currency] = number.split(";");
  const own = (text, other) => (text === "=" ? other : text);
  return {
    numeric: fields(NUMERIC, numeric),
    long: fields(TEXT, long),
    short: fields(TEXT, own(short, long)),
    clock: fields(CLOCK, clock),
    joins: joins.split(";"),
    months: { long: months.split(","), short: shortMonths.split(","), alone: own(alone, months).split(","), shortAlone: own(shortAlone, shortMonths).split(",") },
    days: { long: days.split(","), short: shortDays.split(",") },
    halves: halves.split(","),
    isHalfDay: flags.includes("h"),
    keepsShort: flags.includes("f"), // names of months are short in the same way without a day
    number: { decimal, group, minus, percent, currency, isIndian: flags.includes("l"), groupsLate: flags.includes("m"), minusInside: flags.includes("i") },
    symbols: Object.fromEntries(own(symbols, "").split(",").map((pair) => pair.split("="))),
  };
}

const known = { __proto__: null };
const OTHERS = { no: "nb", nn: "nb" };

/** What is known of the first of these languages that anything is known of; undefined for English as of the United States. */
export function find(tags) {
  for (const given of tags) {
    const tag = given.replace(/^[a-z]+/i, (language) => language.toLowerCase()).replace(/-[a-z]{2}(?=-|$)/i, (country) => country.toUpperCase());
    const language = tag.split("-")[0];
    const key = [tag, OTHERS[language] ?? language].find((key) => key in LOCALES);
    if (key !== undefined) return { tag, ...(known[key] ??= read(key)) };
    if (language === "en") return undefined;
  }
  return undefined;
}

// Dates -------------------------------------------------------------------------------------------

const two = (number) => `${number}`.padStart(2, "0");

/** The parts that a template stands for; `part(token)` gives type and text. */
function filled(template, part) {
  const parts = [];
  for (const [token, quoted] of template.matchAll(TOKENS)) {
    const [type, value] = (quoted === undefined ? part(token) : undefined) ?? ["literal", quoted ?? token];
    const last = parts.at(-1);
    if (type === "literal" && last?.type === "literal") last.value += value;
    else parts.push({ type, value });
  }
  return parts;
}

function dateTemplate(locale, options) {
  const { weekday, year, month, day, dateStyle } = options;
  if (dateStyle === "medium" || dateStyle === "short") return locale.numeric[dateStyle];
  const isText = month === "long" || month === "short" || month === "narrow";
  const set = !isText ? locale.numeric : month === "long" ? locale.long : locale.short;
  const key = `${year ? "y" : ""}${month ? "M" : ""}${day ? "d" : ""}`;
  if (weekday && set[`E${key}`] !== undefined) return set[`E${key}`];
  const alone = key === "M" ? (isText ? "L" : "M") : "";
  const rest = set[key] ?? locale.numeric[key] ?? alone;
  return !weekday ? rest : rest === "" ? "E" : `E, ${rest}`;
}

export function dateParts(locale, options, date) {
  const template = dateTemplate(locale, options);
  const { month, weekday } = options;
  const isShort = month !== "long" && options.dateStyle !== "full" && options.dateStyle !== "long";
  const isAlone = isShort && locale.keepsShort ? !/[dy]/.test(template) : !template.includes("d");
  const names = isShort ? (isAlone ? "shortAlone" : "short") : isAlone ? "alone" : "long";
  const isWidened = (type) => options.dateStyle === undefined && options[type] === "2-digit";
  const number = (type, value, isWide) => [type, isWide || isWidened(type) ? two(value % 100) : `${value}`];
  return filled(template, (token) => {
    switch (token) {
      case "d":
      case "dd":
        return number("day", date.getUTCDate(), token === "dd");
      case "M":
      case "MM":
        return number("month", date.getUTCMonth() + 1, token === "MM");
      case "L":
        return ["month", month === "narrow" ? locale.months.long[date.getUTCMonth()][0].toUpperCase() : locale.months[names][date.getUTCMonth()]];
      case "y":
      case "yy":
        return number("year", date.getUTCFullYear(), token === "yy");
      case "E":
        return ["weekday", locale.days[weekday === "long" ? "long" : "short"][date.getUTCDay()]];
    }
    return undefined;
  });
}

export function timeParts(locale, options, date) {
  const { hour, minute, second, isHalfDay, timeStyle, timeZoneName, fractionalSecondDigits: digits } = options;
  if (hour === undefined) return undefined;
  const { hms, hmsa, h, ha } = locale.clock;
  const whole = isHalfDay ? hmsa : hms;
  const withMinutes = whole.replace(/(?: 'min' |[:.])?\s?ss(?: 's'|초)?/, "");
  const template = second !== undefined ? whole : minute !== undefined ? withMinutes : isHalfDay ? ha : h;
  const isNarrow = hour === "numeric" && minute === "2-digit" && timeStyle === undefined && timeZoneName === undefined;
  const hours = date.getUTCHours();
  const shown = isHalfDay ? hours % 12 || 12 : hours;
  const parts = filled(template, (token) => {
    switch (token) {
      case "h":
      case "hh":
        return ["hour", (token === "hh" && !isNarrow) || hour === "2-digit" ? two(shown) : `${shown}`];
      case "mm":
        return ["minute", two(date.getUTCMinutes())];
      case "ss":
        return ["second", two(date.getUTCSeconds())];
      case "a":
        return ["dayPeriod", locale.halves[hours < 12 ? 0 : 1]];
    }
    return undefined;
  });
  const at = parts.findIndex(({ type }) => type === "second");
  if (digits !== undefined && at >= 0) {
    const value = `${date.getUTCMilliseconds()}`.padStart(3, "0").slice(0, digits);
    parts.splice(at + 1, 0, { type: "literal", value: locale.number.decimal }, { type: "fractionalSecond", value });
  }
  return parts;
}

/** What is between date and time. */
export function between({ joins }, { dateStyle, month }) {
  const [numeric, long, medium] = joins;
  const isLong = dateStyle === "full" || dateStyle === "long" || (dateStyle === undefined && month === "long");
  const isMedium = dateStyle === "medium" || (dateStyle === undefined && month === "short");
  const text = isLong ? long : isMedium ? medium : numeric;
  return text.replaceAll("'", "");
}
