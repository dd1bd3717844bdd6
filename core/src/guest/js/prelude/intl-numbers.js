// Numbers as people write them.

import { hidden } from "facetbox:base";
import { LOCALE, choice, localeOf, service, whole } from "facetbox:intl-base";

const SYMBOLS = { USD: "$", EUR: "€", GBP: "£", JPY: "¥", INR: "₹", CNY: "CN¥", KRW: "₩", CAD: "CA$", AUD: "A$", MXN: "MX$",
  BRL: "R$", NZD: "NZ$", HKD: "HK$", TWD: "NT$", ILS: "₪", VND: "₫", PHP: "₱" };
const WHOLE = ["JPY", "KRW", "VND", "CLP", "ISK", "UGX", "XAF", "XOF", "PYG", "RWF"];
const NAMES = { USD: "US dollars", EUR: "euros", GBP: "British pounds", JPY: "Japanese yen", CAD: "Canadian dollars", AUD: "Australian dollars" };
const SHORT = ["", "K", "M", "B", "T"];
const LONG = ["", " thousand", " million", " billion", " trillion"];

const AMERICAN = { decimal: ".", group: ",", minus: "-", percent: "0%", currency: "€0" };

/** The decimal digits of a finite number that isn't negative, and where its point is: 12.5 is ["125", 2]. */
function digitsOf(number) {
  const [mantissa, exponent = "0"] = `${number}`.split("e");
  const [before, after = ""] = mantissa.split(".");
  const digits = (before + after).replace(/^0+(?=.)/, "");
  return [digits, digits.length - after.length + Number(exponent)];
}

/** Rounds digits, half away from zero, to so many places behind the point. */
function rounded([digits, point], places) {
  const keep = point + places;
  if (keep >= digits.length) return [digits, point];
  if (keep < 0 || (keep === 0 && digits[0] < "5")) return ["0", 1];
  const up = BigInt(digits.slice(0, keep) || 0) + (digits[keep] < "5" ? 0n : 1n);
  const kept = `${up}`.padStart(keep, "0");
  return [kept, point + kept.length - keep];
}

/** Integer and fraction, the latter with at least so many places. */
function fixed([digits, point], least) {
  const padded = point <= 0 ? "0".repeat(1 - point) + digits : digits.padEnd(point, "0");
  const at = Math.max(point, 1);
  const fraction = padded.slice(at).replace(/0+$/, "");
  return [padded.slice(0, at).replace(/^0+(?=.)/, ""), fraction.padEnd(least, "0")];
}

function places(options, low, high) {
  const least = whole(options, "minimumFractionDigits", 0, 100);
  const most = whole(options, "maximumFractionDigits", 0, 100);
  if (least !== undefined && most !== undefined && least > most) throw new RangeError("maximumFractionDigits value is out of range.");
  return [least ?? Math.min(low, most ?? low), most ?? Math.max(high, least ?? high)];
}

function resolve(options, list) {
  const style = choice(options, "style", ["decimal", "percent", "currency", "unit"], "decimal");
  if (style === "unit" && options.unit === undefined) throw new TypeError("Unit is required with unit style.");
  const notation = choice(options, "notation", ["standard", "compact"], "standard");
  if (style === "currency" && options.currency === undefined) throw new TypeError("Currency code is required with currency style.");
  const currency = style === "currency" ? `${options.currency}`.toUpperCase() : undefined;
  const usual = style === "percent" || WHOLE.includes(currency) ? [0, 0] : style === "currency" ? [2, 2] : [0, 3];
  const isCompact = notation === "compact";
  const [least, most] = places(options, isCompact ? 0 : usual[0], isCompact ? 0 : usual[1]);
  return {
    locale: localeOf(list),
    style,
    currency,
    unit: style === "unit" ? unitOf(options) : undefined,
    notation,
    compactDisplay: choice(options, "compactDisplay", ["short", "long"], "short"),
    currencyDisplay: choice(options, "currencyDisplay", ["symbol", "narrowSymbol", "code", "name"], "symbol"),
    isAccounting: choice(options, "currencySign", ["standard", "accounting"], "standard") === "accounting",
    signDisplay: choice(options, "signDisplay", ["auto", "always", "never", "exceptZero"], "auto"),
    useGrouping: options.useGrouping !== false && options.useGrouping !== "false",
    minimumIntegerDigits: whole(options, "minimumIntegerDigits", 1, 21, 1),
    minimumFractionDigits: least,
    maximumFractionDigits: most,
    minimumSignificantDigits: whole(options, "minimumSignificantDigits", 1, 21),
    maximumSignificantDigits: whole(options, "maximumSignificantDigits", 1, 21),
    roundsCompactly: isCompact && options.minimumFractionDigits === undefined && options.maximumFractionDigits === undefined,
  };
}

function partsOf(options, value) {
  const exact = typeof value === "bigint" ? value : Number(value);
  const isNegative = exact < 0 || Object.is(exact, -0);
  const magnitude = exact < 0 ? -exact : Object.is(exact, -0) ? 0 : exact;
  return signed(options, isNegative, numberParts(options, magnitude));
}

function numberParts(options, magnitude) {
  if (typeof magnitude === "number" && !Number.isFinite(magnitude)) {
    return [Number.isNaN(magnitude) ? { type: "nan", value: "NaN" } : { type: "infinity", value: "∞" }];
  }
  const [digits, point] = digitsOf(magnitude);
  const shifted = [digits, point + (options.style === "percent" && digits !== "0" ? 2 : 0)];
  return options.notation === "compact" ? compact(options, shifted) : plain(options, shifted);
}

const State = hidden();
const make = (self, options, list) => new State(self, resolve(options, list));

export const NumberFormat = service("NumberFormat", make, {
  get format() {
    const options = State.get(this);
    return (value) => text(partsOf(options, value));
  },
  formatToParts(value) {
    return partsOf(State.get(this), value);
  },
  resolvedOptions() {
    const { locale, style, currency, notation, signDisplay, useGrouping, minimumIntegerDigits, minimumFractionDigits, maximumFractionDigits } = State.get(this);
    const digits = { minimumIntegerDigits, minimumFractionDigits, maximumFractionDigits };
    return { locale: locale?.tag ?? LOCALE, numberingSystem: "latn", style, ...(currency && { currency }), ...digits, useGrouping: useGrouping ? "auto" : false, notation, signDisplay };
  },
});

/** The places behind the point that are kept, and those that are there at least. */
function precision(options, [digits, point]) {
  const { minimumSignificantDigits: low, maximumSignificantDigits: high } = options;
  if (low === undefined && high === undefined) {
    if (!options.roundsCompactly) return [options.maximumFractionDigits, options.minimumFractionDigits];
    return [digits === "0" ? 0 : Math.max(2 - point, 0), 0];
  }
  const first = digits === "0" ? 1 : point;
  return [(high ?? 21) - first, Math.max((low ?? 1) - first, 0)];
}

function plain(options, number) {
  const [most, least] = precision(options, number);
  const [integer, fraction] = fixed(rounded(number, most), least);
  const parts = [];
  const long = integer.padStart(options.minimumIntegerDigits, "0");
  const { decimal, group: comma, isIndian, groupsLate } = options.locale?.number ?? AMERICAN;
  const isGrouped = options.useGrouping && !(groupsLate && long.length < 5);
  const groups = isGrouped ? long.replace(isIndian ? /\B(?=(\d\d)*\d{3}$)/g : /\B(?=(\d{3})+$)/g, ",").split(",") : [long];
  for (const group of groups) {
    if (parts.length > 0) parts.push({ type: "group", value: comma });
    parts.push({ type: "integer", value: group });
  }
  if (fraction !== "") parts.push({ type: "decimal", value: decimal }, { type: "fraction", value: fraction });
  return parts;
}

function compact(options, [digits, point]) {
  let step = Math.min(Math.max(Math.floor((point - 1) / 3), 0), 4);
  if (digits === "0") step = 0;
  const scaled = (step) => [digits, point - 3 * step];
  const wide = rounded(scaled(step), precision(options, scaled(step))[0]);
  if (step < 4 && fixed(wide, 0)[0].length > 3) step++;
  const parts = plain({ ...options, useGrouping: step === 4 }, scaled(step));
  const name = (options.compactDisplay === "long" ? LONG : SHORT)[step];
  return name === "" ? parts : [...parts, { type: "compact", value: name }];
}

/** Adds what is around a number: sign, currency, percent sign. */
function signed(options, isNegative, number) {
  const isZero = number.every(({ type, value }) => (type !== "integer" && type !== "fraction") || /^0+$/.test(value)) && number[0].type === "integer";
  const { signDisplay, style, isAccounting } = options;
  const minus = isNegative && signDisplay !== "never" && !(isZero && (signDisplay === "exceptZero" || signDisplay === "negative"));
  const plus = !isNegative && (signDisplay === "always" || (signDisplay === "exceptZero" && !isZero && number[0].type !== "nan"));
  const local = options.locale?.number ?? AMERICAN;
  if (minus && local.minusInside && style === "currency") return withCurrency(options, [{ type: "minusSign", value: local.minus }, ...number]);
  const parts = style === "currency" ? withCurrency(options, number) : style === "unit" ? withUnit(options, number) : [...number];
  const percent = { type: "percentSign", value: "%" };
  if (style === "percent" && local.percent.startsWith("0")) parts.push(...behind(local.percent, percent));
  else if (style === "percent") parts.unshift(percent);
  if (minus && isAccounting) return [{ type: "literal", value: "(" }, ...parts, { type: "literal", value: ")" }];
  if (minus) parts.unshift({ type: "minusSign", value: local.minus });
  if (plus) parts.unshift({ type: "plusSign", value: "+" });
  return parts;
}

/** A sign behind a number, and what its template has in between. */
const behind = (template, sign) => (template.length > 2 ? [{ type: "literal", value: template.slice(1, -1) }, sign] : [sign]);

function withCurrency({ currency, currencyDisplay, locale }, number) {
  if (currencyDisplay === "name") {
    return [...number, { type: "literal", value: " " }, { type: "currency", value: NAMES[currency] ?? currency }];
  }
  const symbol = currencyDisplay === "code" ? currency : (locale?.symbols[currency] ?? SYMBOLS[currency] ?? currency);
  const shown = { type: "currency", value: currencyDisplay === "narrowSymbol" ? symbol.replace(/^[A-Z]+(?=[^A-Z])/, "") : symbol };
  const isNumber = number[0].type === "integer";
  const { currency: template } = locale?.number ?? AMERICAN;
  if (template.startsWith("0")) return [...number, ...behind(template, shown)];
  if (template.length > 2) return [shown, { type: "literal", value: template.slice(1, -1) }, ...number];
  return /[A-Z]$/.test(symbol) && isNumber ? [shown, { type: "literal", value: "\u00a0" }, ...number] : [shown, ...number];
}

// Units: their short names, those that follow without a space, and the long names that don't only get an s.
const UNITS = { kilometer: "km", meter: "m", centimeter: "cm", millimeter: "mm", mile: "mi", foot: "ft", inch: "in", yard: "yd", kilogram: "kg", gram: "g", pound: "lb",
  ounce: "oz", stone: "st", liter: "L", milliliter: "mL", gallon: "gal", celsius: "°C", fahrenheit: "°F", percent: "%", degree: "deg", second: "sec", minute: "min", hour: "hr",
  day: "day", week: "wk", month: "mth", year: "yr", millisecond: "ms", byte: "byte", kilobyte: "kB", megabyte: "MB", gigabyte: "GB", terabyte: "TB", petabyte: "PB", bit: "bit",
  kilobit: "kb", megabit: "Mb", gigabit: "Gb", acre: "ac", hectare: "ha" };
const NARROW = { byte: "B", day: "d", week: "w", year: "y", month: "m", hour: "h", minute: "m", second: "s", foot: "′", inch: "″", pound: "#", degree: "°" };
const CLOSE = ["celsius", "fahrenheit", "percent"];
const PLURAL = ["day", "week", "month", "year"];
const NAMES_OF_UNITS = { foot: ["foot", "feet"], inch: ["inch", "inches"], celsius: ["degree Celsius", "degrees Celsius"], fahrenheit: ["degree Fahrenheit", "degrees Fahrenheit"],
  percent: ["percent", "percent"], stone: ["stone", "stones"] };

function unitOf(options) {
  const unit = `${options.unit}`;
  for (const part of unit.split("-per-")) {
    if (!Object.hasOwn(UNITS, part)) throw new RangeError(`Invalid unit argument for Intl.NumberFormat() '${unit}'`);
  }
  return { names: unit.split("-per-"), display: choice(options, "unitDisplay", ["short", "narrow", "long"], "short") };
}

function withUnit({ unit: { names, display } }, number) {
  const isOne = number.length === 1 && number[0].value === "1";
  const [first, per] = names;
  const [one, many] = NAMES_OF_UNITS[first] ?? [first, `${first}s`];
  const narrow = display === "narrow" ? (NARROW[first] ?? UNITS[first]) : undefined;
  const short = narrow ?? UNITS[first] + (PLURAL.includes(first) && !isOne ? "s" : "");
  const speed = per === "hour" && (first === "mile" ? "mph" : first === "kilometer" ? "km/h" : undefined);
  const shown = display === "long" ? (isOne ? one : many) + (per ? ` per ${per}` : "") : speed || short + (per ? `/${UNITS[per][0]}` : "");
  const gap = CLOSE.includes(first) && display !== "long" ? [] : display === "narrow" ? [] : [{ type: "literal", value: " " }];
  return [...number, ...gap, { type: "unit", value: shown }];
}

/** Parts as one text. */
export const text = (parts) => parts.map((part) => part.value).join("");
