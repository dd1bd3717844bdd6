"use strict";

const { sep } = require("node:path");

const native = require("./native.js");
const references = require("./references.js");

const table = native.errorTable();
const rowOf = new Map(table.map((row) => [row.number, row]));
const numberOf = new Map(table.map((row) => [row.code, row.number]));
const guestError = numberOf.get("GUEST_ERROR");

/** The root of every error of Facetbox. `name` and `message` are what guest code sees. */
class FacetboxError extends Error {
  /**
   * @param {string} message
   * @param {{ code?: string, name?: string, path?: string, guestStack?: string, cause?: unknown }} [details]
   */
  constructor(message, { code = "GUEST_ERROR", name, path, guestStack, cause } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    const row = rowOf.get(numberOf.get(code));
    const frames = ownFrames(this.stack.slice(Error.prototype.toString.call(this).length));
    hidden(this, "name", name ?? row.name);
    this.code = row.code;
    this.number = row.number;
    if (path) this.path = path;
    hidden(this, "guestStack", guestStack || undefined);
    hidden(this, "stack", `${this.name}: ${message}${guestFrames(guestStack)}${frames}`);
  }
}

function hidden(error, key, value) {
  Object.defineProperty(error, key, { value, writable: true, configurable: true });
}

/** Stack frames without those of this package. */
function ownFrames(frames) {
  return frames.split("\n").filter((line) => !line.includes(`${__dirname}${sep}`)).join("\n");
}

function guestFrames(stack) {
  if (!stack) return "";
  return stack.split("\n").map((line) => `\n    at ${line.trim()}`).join("");
}

/** @type {Record<string, typeof FacetboxError>} */
const classes = { FacetboxError };
for (const { class: name } of table) {
  classes[name] ??= { [name]: class extends FacetboxError {} }[name];
}

/** Makes the error of a code. */
function make(code, message, details) {
  const { class: name } = rowOf.get(numberOf.get(code));
  return new classes[name](message, { ...details, code });
}

/** The exception of a described error: the very one that host code threw, if it was one. */
function exception({ number, reference, message, ...details }) {
  if (reference) return references.get(reference);
  return make(rowOf.get(number).code, message, details);
}

const builtins = new Map(
  [Error, TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError].map((type) => [
    type.name,
    type,
  ]),
);

/** Runs what makes an error, without a stack: that takes longer than all else, and only tells where a value was read. */
function stackless(make) {
  const { stackTraceLimit } = Error;
  Reflect.set(Error, "stackTraceLimit", 0);
  try {
    return make();
  } finally {
    Reflect.set(Error, "stackTraceLimit", stackTraceLimit);
  }
}

/** An error that is a value: what somebody sent, not what somebody threw. */
function errorValue(description) {
  return stackless(() => valueOf(description));
}

function valueOf(description) {
  const { number, name, message, guestStack, cause } = description;
  const { code } = rowOf.get(number);
  if (code !== "GUEST_ERROR") return exception({ ...description, reference: 0 });
  const options = cause === undefined ? undefined : { cause };
  const error = new (builtins.get(name) ?? Error)(message, options);
  if (error.name !== name) hidden(error, "name", name);
  if (guestStack) hidden(error, "stack", `${name}: ${message}${guestFrames(guestStack)}`);
  return error;
}

/** How long a chain of causes is told. */
const MAX_CAUSES = 8;

/**
 * What of an exception crosses. A host's stack stays behind, because it tells file names of the host, and
 * so does the cause, which whoever wrapped it may not have meant for guests.
 */
function describe(error, causes = 0) {
  const cause = causes > 0 ? describeCause(error.cause, causes - 1) : undefined;
  if (error instanceof FacetboxError) {
    // Whoever has it may have changed it.
    const { name, message, guestStack = "", path = "" } = /** @type {any} */ (error);
    const number = numberOf.get(error.code) ?? guestError;
    const texts = { name: `${name}`, message: `${message}`, guestStack: `${guestStack}`, path: `${path}` };
    return { number, ...texts, cause };
  }
  const { name = "Error", message = "" } = error;
  return { number: guestError, name: String(name), message: String(message), guestStack: "", path: "", cause };
}

/** What of an error crosses that is a value: causes that are errors or primitive values, too. */
function describeValue(error) {
  return describe(error, MAX_CAUSES);
}

function describeCause(cause, causes) {
  if (cause instanceof Error) return { error: describe(cause, causes) };
  const crosses = cause === null || !["object", "function", "symbol"].includes(typeof cause);
  return crosses && { value: typeof cause === "string" ? cause.toWellFormed() : cause };
}

/** Describes anything that was thrown; never throws itself. */
function describeThrown(thrown) {
  const reference = references.add(thrown);
  try {
    if (thrown instanceof Error) return { ...describe(thrown), reference };
    return { ...describe({ message: String(thrown) }), reference };
  } catch {
    return { ...describe({ message: "An exception that can't be read." }), reference };
  }
}

module.exports = {
  ...classes,
  classes,
  make,
  exception,
  errorValue,
  describe,
  describeValue,
  describeThrown,
};
