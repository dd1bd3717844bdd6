// Errors on their way out of the guest and into it.

import { className, framesOf, headed } from "facetbox:base";

const { setPrototypeOf } = Object;
const ERRORS = { Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };
const DOM_ERRORS = ["AbortError", "DataCloneError", "DataError", "InvalidAccessError", "InvalidCharacterError", "NotSupportedError", "OperationError",
  "QuotaExceededError", "TimeoutError", "TypeMismatchError"];
const originals = new WeakMap(); // error -> Rust's error behind it

/** Sets an own property, whatever its name is: `__proto__` is one like any other. */
const setOwn = (object, key, value) =>
  Object.defineProperty(object, key, { value, writable: true, configurable: true, enumerable: true });

/**
 * Makes the error that guests catch of `error`, which the engine has made without a stack: the guest's function that it is
 * first thrown in, also by an `await`, gives it one. `fields` are the own properties that it had where it was thrown; `cause`
 * is a list of its cause or of nothing.
 */
export function makeError(error, name, stack, code, original, fields, cause) {
  const { message } = error;
  const hidden = (key, value) => {
    Object.defineProperty(error, key, { value, writable: true, configurable: true, enumerable: false });
  };
  if (DOM_ERRORS.includes(name)) {
    error = new DOMException(message, name);
    delete error.stack; // of this function
  } else {
    hidden("message", message);
    if (name === "AggregateError") {
      setPrototypeOf(error, AggregateError.prototype);
      hidden("errors", new AggregateError(fields?.errors ?? []).errors);
    } else setPrototypeOf(error, (Object.hasOwn(ERRORS, name) ? ERRORS[name] : Error).prototype);
  }
  if (error.name !== name) hidden("name", name);
  if (stack !== undefined) hidden("stack", headed(error, stack));
  if (!(error instanceof DOMException) && code !== undefined) hidden("code", code);
  if (cause.length > 0) hidden("cause", cause[0]);
  for (const key of Object.keys(fields ?? {})) {
    if (!Object.hasOwn(error, key)) setOwn(error, key, fields[key]);
  }
  if (original !== undefined) originals.set(error, original);
  return error;
}

/** The frames of an error, without the line that says what went wrong. */
function stackOf(error) {
  const stack = Object.hasOwn(error, "stack") ? error.stack : framesOf(error);
  return typeof stack === "string" ? stack.slice(Math.max(stack.search(/^ +at /m), 0)).toWellFormed() : "";
}

/** What Rust takes from a thrown object that is no error: its message if it has one, and what it carries. */
function thrownParts(object) {
  const message = typeof object.message === "string" ? object.message : `A value of type ${className(object)} was thrown`;
  return ["Error", message.toWellFormed(), "", undefined, { ...object }];
}

/** The same of an error: name, message, stack, the error behind it, own properties, cause if it has one. */
function partsOfError(error) {
  const text = (value) => (typeof value === "string" ? value.toWellFormed() : undefined);
  const fields = {};
  let some = false;
  for (const key of Object.keys(error)) {
    if (key === "name" || key === "message" || key === "stack" || key === "cause") continue;
    setOwn(fields, key, error[key]);
    some = true;
  }
  if (error instanceof AggregateError) {
    setOwn(fields, "errors", error.errors);
    some = true;
  }
  const parts = [text(error.name) ?? "Error", text(error.message) ?? "", stackOf(error), originals.get(error), some ? fields : undefined];
  if (Object.hasOwn(error, "cause")) parts.push(error.cause);
  return parts;
}

/** What Rust takes from a thrown object. */
export const errorParts = (thrown) => (thrown instanceof Error ? partsOfError : thrownParts)(thrown);
