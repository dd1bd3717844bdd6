// Dates and times as people write them.

import { hidden } from "facetbox:base";
import { LOCALE, checkLocales, choice, localeOf, service, whole } from "facetbox:intl-base";
import { text } from "facetbox:intl-numbers";
import { part as load } from "facetbox:lazy";

const MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const WIDTHS = ["numeric", "2-digit"];
const TEXTS = ["long", "short", "narrow"];
const DATE = ["weekday", "year", "month", "day"];
const TIME = ["hour", "minute", "second", "fractionalSecondDigits"];

const DATE_STYLES = {
  full: { weekday: "long", year: "numeric", month: "long", day: "numeric" },
  long: { year: "numeric", month: "long", day: "numeric" },
  medium: { year: "numeric", month: "short", day: "numeric" },
  short: { year: "2-digit", month: "numeric", day: "numeric" },
};
const CLOCK = { hour: "numeric", minute: "2-digit", second: "2-digit" };
const TIME_STYLES = {
  full: { ...CLOCK, timeZoneName: "long" },
  long: { ...CLOCK, timeZoneName: "short" },
  medium: CLOCK,
  short: { hour: "numeric", minute: "2-digit" },
};

const UTC = /^(etc\/)?(utc|gmt|uct|zulu)$/i;
const checkZone = (zone) => (zone === undefined || UTC.test(zone) ? "UTC" : load("zones").check(`${zone}`));

/** What is shown; `usual` and `needed` are "date", "time", "any" or "all". */
function resolve(options, list, needed = "any", usual = "date") {
  const locale = localeOf(list);
  const timeZone = checkZone(options.timeZone);
  const styles = { dateStyle: choice(options, "dateStyle", Object.keys(DATE_STYLES)), timeStyle: choice(options, "timeStyle", Object.keys(TIME_STYLES)) };
  const shown = { ...DATE_STYLES[styles.dateStyle], ...TIME_STYLES[styles.timeStyle] };
  const isStyled = styles.dateStyle !== undefined || styles.timeStyle !== undefined;
  if (isStyled) checkStyles(styles, needed);
  else Object.assign(shown, components(options, needed, usual));
  const cycle = choice(options, "hourCycle", ["h11", "h12", "h23", "h24"]);
  const isUsual = cycle === undefined ? (locale?.isHalfDay ?? true) : cycle !== "h23" && cycle !== "h24";
  const isHalfDay = options.hour12 === undefined ? isUsual : Boolean(options.hour12);
  return { ...styles, ...shown, timeZone, isHalfDay, locale };
}

function checkStyles({ dateStyle, timeStyle }, needed) {
  if (needed === "date" && timeStyle !== undefined) throw new TypeError("Invalid option : timeStyle");
  if (needed === "time" && dateStyle !== undefined) throw new TypeError("Invalid option : dateStyle");
}

function components(options, needed, usual) {
  const shown = {
    weekday: choice(options, "weekday", TEXTS),
    year: choice(options, "year", WIDTHS),
    month: choice(options, "month", [...WIDTHS, ...TEXTS]),
    day: choice(options, "day", WIDTHS),
    hour: choice(options, "hour", WIDTHS),
    minute: choice(options, "minute", WIDTHS),
    second: choice(options, "second", WIDTHS),
    fractionalSecondDigits: whole(options, "fractionalSecondDigits", 1, 3),
    timeZoneName: choice(options, "timeZoneName", ["short", "long", "shortOffset", "longOffset", "shortGeneric", "longGeneric"]),
  };
  const has = (names) => names.some((name) => shown[name] !== undefined);
  const isEnough = (needed !== "time" && has(DATE)) || (needed !== "date" && has(TIME));
  if (!isEnough && usual !== "time") Object.assign(shown, { year: "numeric", month: "numeric", day: "numeric" });
  if (!isEnough && usual !== "date") Object.assign(shown, { hour: "numeric", minute: "numeric", second: "numeric" });
  return shown;
}

// Parts -------------------------------------------------------------------------------------------

const literal = (value) => ({ type: "literal", value });
const two = (number) => `${number}`.padStart(2, "0");
const sized = (number, width) => (width === "2-digit" ? two(number % 100) : `${number}`);
const named = (name, width) => (width === "long" ? name : name.slice(0, width === "short" ? 3 : 1));

/** Puts what is between them between the parts that are there. */
function joined(parts, between) {
  const present = parts.filter((part) => part !== undefined);
  return present.flatMap((part, at) => (at === 0 ? [part] : [literal(between(at, present)), part]));
}

function dateParts(options, date) {
  if (options.locale !== undefined) return load("locales").dateParts(options.locale, options, date);
  const part = (type, value) => (options[type] === undefined ? undefined : { type, value: value(options[type]) });
  const weekday = part("weekday", (width) => named(DAYS[date.getUTCDay()], width));
  const year = part("year", (width) => sized(date.getUTCFullYear(), width));
  const day = part("day", (width) => sized(date.getUTCDate(), width));
  const isText = TEXTS.includes(options.month);
  const month = part("month", (width) => (isText ? named(MONTHS[date.getUTCMonth()], width) : sized(date.getUTCMonth() + 1, width)));
  const rest = joined([month, day, year], (at, present) => (!isText ? "/" : present[at].type === "year" && day !== undefined ? ", " : " "));
  if (weekday === undefined) return rest;
  return rest.length === 0 ? [weekday] : [weekday, literal(", "), ...rest];
}

function timeParts(options, date) {
  const local = options.locale && load("locales").timeParts(options.locale, options, date);
  const parts = local ?? clockParts(options, date);
  const { timeZoneName } = options;
  if (timeZoneName !== undefined) {
    if (parts.length > 0) parts.push(literal(" "));
    parts.push({ type: "timeZoneName", value: zoneName(options, date) });
  }
  return parts;
}

function clockParts(options, date) {
  const { hour, minute, second, fractionalSecondDigits: digits, isHalfDay } = options;
  const hours = date.getUTCHours();
  const shownHour = isHalfDay ? hours % 12 || 12 : hours;
  const isWide = hour === "2-digit" || (!isHalfDay && hour !== undefined);
  const isAlone = hour === undefined && minute === undefined;
  const parts = joined(
    [
      hour && { type: "hour", value: isWide ? two(shownHour) : `${shownHour}` },
      minute && { type: "minute", value: hour === undefined && second === undefined ? `${date.getUTCMinutes()}` : two(date.getUTCMinutes()) },
      second && { type: "second", value: isAlone ? `${date.getUTCSeconds()}` : two(date.getUTCSeconds()) },
    ],
    () => ":",
  );
  if (digits !== undefined) {
    const thousandths = `${date.getUTCMilliseconds()}`.padStart(3, "0");
    parts.push(literal("."), { type: "fractionalSecond", value: thousandths.slice(0, digits) });
  }
  if (hour !== undefined && isHalfDay) parts.push(literal(" "), { type: "dayPeriod", value: hours < 12 ? "AM" : "PM" });
  return parts;
}

const UTC_NAMES = { short: "UTC", long: "Coordinated Universal Time", shortOffset: "GMT+0", longOffset: "GMT+00:00", shortGeneric: "GMT", longGeneric: "GMT" };

function zoneName({ timeZone, timeZoneName: width }, { instant }) {
  return timeZone === "UTC" ? UTC_NAMES[width] : load("zones").nameAt(timeZone, instant, width);
}

/** A date whose parts in UTC are those that clocks of the zone show. */
function localTime(timeZone, given) {
  const instant = given === undefined ? Date.now() : Number(given);
  const date = new Date(timeZone === "UTC" ? instant : instant + load("zones").offsetAt(timeZone, instant) * 1_000);
  date.instant = instant;
  return date;
}

function partsOf(options, given) {
  const date = localTime(options.timeZone, given);
  if (Number.isNaN(date.getTime())) throw new RangeError("Invalid time value");
  const [day, time] = [dateParts(options, date), timeParts(options, date)];
  if (day.length === 0 || time.length === 0) return [...day, ...time];
  if (options.locale !== undefined) return [...day, literal(load("locales").between(options.locale, options)), ...time];
  const isWeekday = day.length === 1 && day[0].type === "weekday";
  const isLong = options.month === "long" && options.dateStyle === undefined;
  const isStyled = options.dateStyle === "full" || options.dateStyle === "long";
  return [...day, literal(isWeekday ? " " : isLong || isStyled ? " at " : ", "), ...time];
}

const State = hidden();
const make = (self, options, list) => new State(self, resolve(options, list));

export const DateTimeFormat = service("DateTimeFormat", make, {
  get format() {
    const options = State.get(this);
    return (date) => text(partsOf(options, date));
  },
  formatToParts(date) {
    return partsOf(State.get(this), date);
  },
  formatRange(from, to) {
    const options = State.get(this);
    const [start, end] = [text(partsOf(options, from)), text(partsOf(options, to))];
    return start === end ? start : `${start} – ${end}`;
  },
  resolvedOptions() {
    const { isHalfDay, locale, ...shown } = State.get(this);
    const given = Object.entries(shown).filter(([, value]) => value !== undefined);
    return { locale: locale?.tag ?? LOCALE, calendar: "gregory", numberingSystem: "latn", ...Object.fromEntries(given) };
  },
});

/** A date as `toLocaleString()` and its kin write it. */
export function localDate(date, locales, options, needed, usual) {
  const shown = resolve({ ...options }, checkLocales(locales), needed, usual);
  return Number.isNaN(date.getTime()) ? "Invalid Date" : text(partsOf(shown, date));
}
