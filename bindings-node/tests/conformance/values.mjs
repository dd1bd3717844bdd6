// Values as the vectors spell them, and when two are equal.

import { types } from "node:util";

const FLOATS = { NaN, Infinity, "-Infinity": -Infinity, "-0": -0 };

const spellings = {
  $undefined: () => undefined,
  $float: (name) => FLOATS[name],
  $bigint: (digits) => BigInt(digits),
  $bytes: (base64) => new Uint8Array(Buffer.from(base64, "base64")),
  $date: (ms) => new Date(ms ?? NaN),
  $set: (items) => new Set(items.map(read)),
  $map: (entries) => new Map(entries.map((entry) => entry.map(read))),
  $error: ({ name, message }) => Object.assign(new Error(message), { name }),
  $request: ({ url, ...init }) => told(new Request(url, init), init),
  $response: ({ body = null, ...init }) => told(new Response(body, init), { ...init, body }),
  $headers: (fields) => new Headers(fields),
  $object: (object) => readObject(object),
};

/** The bodies of requests and responses, which can be read only once, and not at once. */
const bodies = new WeakMap();

function told(message, { headers = [], body = null }) {
  // Fetch adds what a text is; vectors name all headers.
  if (!headers.some(([name]) => name === "content-type")) message.headers.delete("content-type");
  bodies.set(message, body);
  return message;
}

/** Reads the body of a value that came, if it is a message. */
export async function withBody(value) {
  if (isMessage(value)) bodies.set(value, value.body === null ? null : await value.text());
  return value;
}

/** Reads a value from its JSON. */
export function read(json) {
  if (typeof json !== "object" || json === null) return json;
  if (Array.isArray(json)) return json.map(read);
  const [key, ...more] = Object.keys(json);
  if (more.length === 0 && Object.hasOwn(spellings, key)) return spellings[key](json[key]);
  return readObject(json);
}

function readObject(json) {
  // fromEntries makes own properties of all keys, "__proto__" too.
  return Object.fromEntries(Object.entries(json).map(([key, value]) => [key, read(value)]));
}

/**
 * Whether a value is the expected one. Numbers compare by value, objects regardless of order, null equals
 * undefined; an expected undefined or minus zero is met by nothing else.
 */
export function matches(expected, got) {
  if (expected === undefined) return got === undefined;
  if (expected === null) return got === null || got === undefined;
  if (typeof expected === "number") return matchesNumber(expected, got);
  if (typeof expected !== "object") return expected === got;
  const kind = kinds.find(({ is }) => is(expected));
  return kind.is(got) && kind.equal(expected, got);
}

function matchesNumber(expected, got) {
  return typeof got === "number" && (Object.is(expected, got) || (expected === got && !Object.is(expected, -0)));
}

const isMessage = (value) => value instanceof Request || value instanceof Response;

const sameMessage = (a, b) =>
  a.constructor === b.constructor &&
  [a.method, a.url, a.status].every((part, i) => part === [b.method, b.url, b.status][i]) &&
  all([...a.headers].flat(), [...b.headers].flat()) &&
  bodies.get(a) === bodies.get(b);

const all = (expected, got) =>
  expected.length === got.length && expected.every((item, i) => matches(item, got[i]));

const kinds = [
  { is: Array.isArray, equal: all },
  { is: isMessage, equal: sameMessage },
  { is: (value) => value instanceof Headers, equal: (a, b) => all([...a].flat(), [...b].flat()) },
  { is: types.isSet, equal: (a, b) => all([...a], [...b]) },
  { is: types.isMap, equal: (a, b) => all([...a], [...b]) },
  { is: types.isDate, equal: (a, b) => Object.is(a.getTime(), b.getTime()) },
  { is: types.isUint8Array, equal: (a, b) => Buffer.compare(a, b) === 0 },
  { is: types.isNativeError, equal: (a, b) => a.name === b.name && a.message === b.message },
  {
    is: (value) => typeof value === "object" && value !== null,
    equal: (a, b) =>
      Object.keys(a).length === Object.keys(b).length &&
      Object.entries(a).every(([key, value]) => Object.hasOwn(b, key) && matches(value, b[key])),
  },
];
