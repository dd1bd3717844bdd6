// Forms: FormData, File, and how they are written and read.

import { hasName, native, removeEntries, setEntry, tag, toText, valuesOf, walked } from "facetbox:base";
import { web } from "facetbox:lazy";

const { Blob, blobParts } = web.use();

const UNKNOWN =
  "Unrecognized Content-Type header value. FormData can only parse the following MIME types: multipart/form-data, application/x-www-form-urlencoded";

export class File extends Blob {
  #name;
  #lastModified;
  constructor(parts, name, options) {
    super(parts, options);
    this.#name = `${name}`;
    this.#lastModified = options?.lastModified === undefined ? Date.now() : Math.trunc(Number(options.lastModified)) || 0;
  }
  get name() {
    return this.#name;
  }
  get lastModified() {
    return this.#lastModified;
  }
}

let listOf;

/** The value of an entry: text, or a file with a name. */
function entryValue(value, filename) {
  const blob = blobParts(value);
  if (blob === undefined) {
    if (filename !== undefined) throw new TypeError("Only the name of a file may be given beside a value.");
    return `${value}`.toWellFormed();
  }
  if (value instanceof File && filename === undefined) return value;
  return new File([value], filename ?? value.name ?? "blob", { type: blob.type, lastModified: value.lastModified });
}

export class FormData {
  #list = []; // name, value, name, value, ...
  static {
    listOf = (form) => (typeof form === "object" && form !== null && #list in form ? form.#list : undefined);
  }
  append(name, value, filename) {
    this.#list.push(`${name}`, entryValue(value, filename));
  }
  set(name, value, filename) {
    setEntry(this.#list, `${name}`, entryValue(value, filename));
  }
  get(name) {
    return valuesOf(this.#list, `${name}`)[0] ?? null;
  }
  getAll(name) {
    return valuesOf(this.#list, `${name}`);
  }
  has(name) {
    return hasName(this.#list, `${name}`);
  }
  delete(name) {
    removeEntries(this.#list, (other) => other === `${name}`);
  }
  *entries() {
    for (let at = 0; at < this.#list.length; at += 2) yield [this.#list[at], this.#list[at + 1]];
  }
}
walked(FormData);

export const isForm = (value) => listOf(value) !== undefined;

// Writing -----------------------------------------------------------------------------------------

const quoted = (name) => `"${name.replaceAll("\n", "%0A").replaceAll("\r", "%0D").replaceAll('"', "%22")}"`;

/** A form as multipart/form-data: its bytes and media type. */
export function encode(form) {
  const boundary = native.uuid().replaceAll("-", "");
  const list = listOf(form);
  const parts = [];
  for (let at = 0; at < list.length; at += 2) {
    const [name, value] = [list[at], list[at + 1]];
    const head = `--${boundary}\r\nContent-Disposition: form-data; name=${quoted(name)}`;
    if (typeof value === "string") parts.push(`${head}\r\n\r\n${value}\r\n`);
    else parts.push(`${head}; filename=${quoted(value.name)}\r\nContent-Type: ${value.type || "application/octet-stream"}\r\n\r\n`, value, "\r\n");
  }
  parts.push(`--${boundary}--\r\n`);
  return [blobParts(new Blob(parts)).bytes, `multipart/form-data; boundary=${boundary}`];
}

// Reading -----------------------------------------------------------------------------------------

/** The parameter of a header's value, such as the boundary of a media type. */
function parameter(value, name) {
  const match = new RegExp(`;\\s*${name}=(?:"([^"]*)"|([^;\\s]+))`, "i").exec(value);
  return match && (match[1] ?? match[2]);
}

function readMultipart(form, bytes, boundary) {
  const text = native.decode(bytes, "windows-1252", false); // each byte is one character of it
  const mark = `--${boundary}`;
  let at = text.indexOf(mark);
  for (;;) {
    const start = at + mark.length;
    if (at < 0) throw new TypeError("FormData parse error: the body doesn't end with its boundary.");
    if (text.startsWith("--", start)) return;
    const headEnd = text.indexOf("\r\n\r\n", start);
    at = text.indexOf(`\r\n${mark}`, headEnd < 0 ? start : headEnd + 2);
    if (headEnd < 0 || at < 0) throw new TypeError("FormData parse error: a part has no end.");
    readPart(form, toText(bytes.slice(start, headEnd)), bytes.slice(headEnd + 4, at));
    at += 2;
  }
}

function readPart(form, head, content) {
  const disposition = /^content-disposition:(.*)$/im.exec(head)?.[1] ?? "";
  const [name, filename] = [parameter(disposition, "name"), parameter(disposition, "filename")];
  if (name === null) throw new TypeError("FormData parse error: a part has no name.");
  if (filename === null) return form.append(name, toText(content));
  const type = /^content-type:\s*(.*?)\s*$/im.exec(head)?.[1] ?? "application/octet-stream";
  return form.append(name, new File([content], filename, { type }));
}

/** Reads a form of that media type. */
export function decode(bytes, type) {
  const form = new FormData();
  const [essence] = type.toLowerCase().split(";");
  if (essence.trim() === "application/x-www-form-urlencoded") {
    listOf(form).push(...native.query_parse(toText(bytes)));
    return form;
  }
  if (essence.trim() !== "multipart/form-data") throw new TypeError(UNKNOWN);
  const boundary = parameter(type, "boundary");
  if (boundary === null) throw new TypeError("No boundary string in Content-Type header.");
  readMultipart(form, bytes, boundary);
  return form;
}

[File, FormData].forEach((constructor) => tag(constructor));
export const globals = { File, FormData };
