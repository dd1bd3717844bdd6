// console: levels, and values as text.

import { className, isView, native } from "facetbox:base";

const MAX_DEPTH = 4;
const MAX_ITEMS = 100;

function shownError(error, depth, seen) {
  const text = error.stack ? error.stack.trimEnd() : String(error);
  return Object.hasOwn(error, "cause") ? `${text}\n  [cause]: ${shown(error.cause, depth + 1, [...seen, error])}` : text;
}

function list(items, count, show) {
  const shownItems = items.slice(0, MAX_ITEMS).map(show);
  if (count > MAX_ITEMS) shownItems.push(`... ${count - MAX_ITEMS} more items`);
  return shownItems.length === 0 ? "" : ` ${shownItems.join(", ")} `;
}

function shown(value, depth, seen) {
  if (typeof value === "string") return depth === 0 ? value : JSON.stringify(value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return `[Function: ${value.name || "anonymous"}]`;
  if (Object.is(value, -0)) return "-0";
  if (typeof value !== "object" || value === null) return String(value);
  if (seen.includes(value)) return "[Circular]";
  if (value instanceof Error) return shownError(value, depth, seen);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
  if (value instanceof RegExp) return String(value);
  if (depth > MAX_DEPTH) return Array.isArray(value) ? "[Array]" : `[${className(value)}]`;
  const inside = (item) => shown(item, depth + 1, [...seen, value]);
  if (Array.isArray(value)) return `[${list(value, value.length, inside)}]`;
  const name = className(value);
  if (isView(value) && value.length !== undefined) return `${name}(${value.length}) [${list(Array.from(value.subarray(0, MAX_ITEMS)), value.length, inside)}]`;
  if (value instanceof Map) return `Map(${value.size}) {${list([...value], value.size, ([key, item]) => `${inside(key)} => ${inside(item)}`)}}`;
  if (value instanceof Set) return `Set(${value.size}) {${list([...value], value.size, inside)}}`;
  const keys = Object.keys(value);
  const entries = list(keys, keys.length, (key) => `${/^[A-Za-z_$][\w$]*$/.test(key) ? key : JSON.stringify(key)}: ${inside(value[key])}`);
  return `${name === "Object" ? "" : `${name} `}{${entries}}`;
}

const FORMATS = {
  s: (value) => (typeof value === "object" ? shown(value, 1, []) : `${typeof value === "symbol" ? String(value) : value}`),
  d: (value) => (typeof value === "bigint" ? `${value}n` : `${Number(value)}`),
  i: (value) => (typeof value === "bigint" ? `${value}n` : `${Math.trunc(Number(value))}`),
  f: (value) => `${Number(value)}`,
  j: (value) => JSON.stringify(value),
  o: (value) => shown(value, 1, []),
  O: (value) => shown(value, 1, []),
  c: () => "",
};

/** The arguments as one text; the first may be a format. */
function textOf(values) {
  if (typeof values[0] === "string" && values.length > 1 && values[0].includes("%")) {
    const rest = values.slice(1);
    const text = values[0].replace(/%([%sdifjoOc])/g, (all, kind) => {
      if (kind === "%") return "%";
      return rest.length === 0 ? all : FORMATS[kind](rest.shift());
    });
    return [text, ...rest.map((value) => shown(value, 0, []))].join(" ");
  }
  return values.map((value) => shown(value, 0, [])).join(" ");
}

const console = {};
const log = (level, values) => native.log(level, textOf(values));
for (const level of ["debug", "log", "info", "warn", "error", "trace"]) {
  console[level] = (...values) => log(level, values);
}

const counts = new Map();
const timers = new Map();
Object.assign(console, {
  assert(holds, ...values) {
    if (!holds) log("error", ["Assertion failed:", ...values].slice(0, values.length > 0 ? undefined : 1));
  },
  count(label = "default") {
    counts.set(`${label}`, (counts.get(`${label}`) ?? 0) + 1);
    log("log", [`${label}: ${counts.get(`${label}`)}`]);
  },
  countReset(label = "default") {
    counts.delete(`${label}`);
  },
  dir: (value) => log("log", [value]),
  dirxml: console.log,
  group: console.log,
  groupCollapsed: console.log,
  groupEnd() {},
  table: (value) => log("log", [value]),
  time(label = "default") {
    timers.set(`${label}`, performance.now());
  },
  timeLog(label = "default", ...values) {
    const begun = timers.get(`${label}`);
    if (begun !== undefined) log("log", [`${label}: ${(performance.now() - begun).toFixed(3)} ms`, ...values]);
  },
  timeEnd(label = "default") {
    console.timeLog(label);
    timers.delete(`${label}`);
  },
});

export const globals = { console };
