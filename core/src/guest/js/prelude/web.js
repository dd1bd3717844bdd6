// The web API beside fetch and URLs: text, bytes, structuredClone.

import { bytesOf, className, isBuffer, isOfPlatform, isView, native, tag, toBytes, toText } from "facetbox:base";
import { unsent } from "facetbox:held";
import { streams } from "facetbox:lazy";

// Text and bytes ----------------------------------------------------------------------------------

class TextEncoder {
  get encoding() {
    return "utf-8";
  }
  encode(text = "") {
    return toBytes(text);
  }
  encodeInto(text, target) {
    let [read, written] = [0, 0];
    for (const character of `${text}`.toWellFormed()) {
      const bytes = toBytes(character);
      if (written + bytes.length > target.length) break;
      target.set(bytes, written);
      written += bytes.length;
      read += character.length;
    }
    return { read, written };
  }
}

const ENCODINGS = [
  ["utf-8", /^(utf-?8|unicode-1-1-utf-8|unicode11utf8|unicode20utf8|x-unicode20utf8)$/],
  ["utf-16le", /^(utf-16(le)?|csunicode|iso-10646-ucs-2|ucs-2|unicode|unicodefeff)$/],
  ["utf-16be", /^(utf-16be|unicodefffe)$/],
  ["windows-1252", /^(windows-1252|(x-)?cp1252|(us-)?ascii|ansi_x3\.4-1968|(iso-?8859-?1|iso_8859-1(:1987)?)|latin1|l1|ibm819|cp819)$/],
];

function encodingOf(label) {
  const name = `${label}`.trim().toLowerCase();
  const known = ENCODINGS.find(([, labels]) => labels.test(name));
  if (known === undefined) throw new RangeError(`"${label}" is not a valid encoding, or not a supported one.`);
  return known[0];
}

class TextDecoder {
  #encoding;
  #fatal;
  #ignoreBom;
  #rest = new Uint8Array(0);
  #begun = false;
  constructor(label = "utf-8", options) {
    this.#encoding = encodingOf(label);
    this.#fatal = Boolean(options?.fatal);
    this.#ignoreBom = Boolean(options?.ignoreBOM);
  }
  get encoding() {
    return this.#encoding;
  }
  get fatal() {
    return this.#fatal;
  }
  get ignoreBOM() {
    return this.#ignoreBom;
  }
  decode(input, options) {
    const stream = Boolean(options?.stream);
    const bytes = this.#joined(input === undefined ? new Uint8Array(0) : bytesOf(input, "The input of decode()"));
    const [text, used] = this.#decoded(bytes, stream, this.#begun);
    this.#rest = stream ? bytes.slice(used) : new Uint8Array(0);
    this.#begun = stream && (this.#begun || used > 0);
    return text;
  }
  /** The bytes behind those that were left over. */
  #joined(bytes) {
    if (this.#rest.length === 0) return bytes;
    const joined = new Uint8Array(this.#rest.length + bytes.length);
    joined.set(this.#rest);
    joined.set(bytes, this.#rest.length);
    this.#rest = new Uint8Array(0);
    return joined;
  }
  /** The text, and how many bytes it was made of. */
  #decoded(bytes, stream, begun) {
    if (this.#encoding === "utf-8") return native.decode_utf8(bytes, this.#fatal, this.#ignoreBom || begun, stream);
    const wide = this.#encoding.startsWith("utf-16");
    const used = stream && wide ? usableUnits(bytes, this.#encoding) : bytes.length;
    const text = native.decode(bytes.subarray(0, used), this.#encoding, this.#fatal);
    return [wide && !this.#ignoreBom && !begun ? text.replace(/^\ufeff/, "") : text, used];
  }
}

/** So many bytes hold whole characters of UTF-16. */
function usableUnits(bytes, encoding) {
  const even = bytes.length - (bytes.length % 2);
  const high = even > 0 ? bytes[encoding === "utf-16le" ? even - 1 : even - 2] : 0;
  return high >= 0xd8 && high <= 0xdb ? even - 2 : even;
}

function atob(text) {
  if (arguments.length === 0) throw new TypeError("Failed to execute 'atob' on 'ServiceWorkerGlobalScope': parameter 1 is not of type 'string'.");
  return native.atob(`${text}`);
}

function btoa(text) {
  if (arguments.length === 0) throw new TypeError("Failed to execute 'btoa' on 'ServiceWorkerGlobalScope': parameter 1 is not of type 'String'.");
  const bytes = Uint8Array.from(`${text}`, (character) => {
    const code = character.codePointAt(0);
    if (code > 255) {
      throw new DOMException("btoa() can only operate on characters in the Latin1 (ISO/IEC 8859-1) range.", "InvalidCharacterError");
    }
    return code;
  });
  return native.btoa(bytes);
}

export let blobParts, blobOf;

export class Blob {
  #bytes;
  #type;
  static {
    blobParts = (value) =>
      typeof value === "object" && value !== null && #bytes in value ? { bytes: value.#bytes, type: value.#type } : undefined;
    blobOf = (bytes, type) => {
      const blob = new Blob();
      [blob.#bytes, blob.#type] = [bytes, type];
      return blob;
    };
  }
  constructor(parts = [], options) {
    if (typeof parts !== "object" || parts === null) {
      throw new TypeError("Failed to construct 'Blob': constructor parameter 1 is not of type 'Array'.");
    }
    const chunks = Array.from(parts, (part) => {
      if (typeof part === "object" && part !== null && #bytes in part) return part.#bytes;
      return isView(part) || isBuffer(part) ? bytesOf(part) : toBytes(part);
    });
    this.#bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
    let at = 0;
    for (const chunk of chunks) {
      this.#bytes.set(chunk, at);
      at += chunk.length;
    }
    const type = `${options?.type ?? ""}`.toLowerCase();
    this.#type = /[^ -~]/.test(type) ? "" : type;
  }
  get size() {
    return this.#bytes.length;
  }
  get type() {
    return this.#type;
  }
  async text() {
    return toText(this.#bytes);
  }
  async bytes() {
    return this.#bytes.slice();
  }
  stream() {
    return streams.use().ReadableStream.from([this.#bytes.slice()]);
  }
  async arrayBuffer() {
    return this.#bytes.slice().buffer;
  }
  slice(start, end, type) {
    return new Blob([this.#bytes.slice(start, end)], { type: type ?? "" });
  }
}

// Copies ------------------------------------------------------------------------------------------

const refuse = (what) => new DOMException(`${what} could not be cloned.`, "DataCloneError");
const BOXED = [Boolean, Number, String, BigInt];

/** Copies a value; what it holds twice the copy holds twice, cycles included. */
function structuredClone(value, options) {
  if (arguments.length === 0) throw new TypeError("structuredClone() needs a value.");
  const known = new Map();
  const keep = (from, to) => {
    known.set(from, to);
    return to;
  };
  const fill = (from, to) => {
    for (const key of Object.keys(from)) {
      const copied = copy(from[key]);
      Object.defineProperty(to, key, { value: copied, writable: true, enumerable: true, configurable: true });
    }
    return to;
  };
  function copy(from) {
    if (typeof from === "symbol") throw refuse(String(from));
    if (typeof from === "function") throw refuse(`${from.name || "A function"}`);
    if (typeof from !== "object" || from === null) return from;
    if (known.has(from)) return known.get(from);
    if (Array.isArray(from)) {
      const list = keep(from, []);
      list.length = from.length;
      return fill(from, list);
    }
    if (from instanceof Date) return keep(from, new Date(from.getTime()));
    if (from instanceof RegExp) return keep(from, new RegExp(from.source, from.flags));
    if (isBuffer(from)) return keep(from, from.slice(0));
    if (isView(from)) {
      const { constructor } = Object.getPrototypeOf(from);
      const count = from instanceof DataView ? from.byteLength : from.length;
      return keep(from, new constructor(copy(from.buffer), from.byteOffset, count));
    }
    if (from instanceof Map) {
      const map = keep(from, new Map());
      for (const [key, item] of [...from]) map.set(copy(key), copy(item));
      return map;
    }
    if (from instanceof Set) {
      const set = keep(from, new Set());
      for (const item of [...from]) set.add(copy(item));
      return set;
    }
    if (from instanceof Error) return keep(from, copyError(from));
    const boxed = BOXED.find((constructor) => from instanceof constructor);
    if (boxed !== undefined) return keep(from, Object(from.valueOf()));
    if (native.is_record(from) && !isOfPlatform(from)) return fill(from, keep(from, {}));
    throw new DOMException(unsent(className(from)), "DataCloneError");
  }
  function copyError(from) {
    if (from instanceof DOMException) return new DOMException(from.message, from.name);
    const standard = { EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };
    const constructor = Object.hasOwn(standard, from.name) ? standard[from.name] : Error;
    const error = from.name === "AggregateError" ? new AggregateError(copy(from.errors ?? []), from.message) : new constructor(from.message);
    Object.defineProperty(error, "stack", { value: from.stack, writable: true, configurable: true });
    if (Object.hasOwn(from, "cause")) error.cause = copy(from.cause);
    return error;
  }
  const copied = copy(value);
  for (const buffer of options?.transfer ?? []) buffer.transfer();
  return copied;
}

[TextEncoder, TextDecoder, Blob].forEach((constructor) => tag(constructor));
export const globals = {
  TextEncoder,
  TextDecoder,
  Blob,
  atob,
  btoa,
  structuredClone,
};
