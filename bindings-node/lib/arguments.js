"use strict";

const { fileURLToPath } = require("node:url");

const errors = require("./errors.js");

/** Makes the error of a wrong argument. */
const invalid = (message) => errors.make("INVALID_ARGUMENT", message);

/** Checks that an argument is text that UTF-8 can hold. */
function text(value, what) {
  if (typeof value !== "string") throw invalid(`${what} must be a string, got ${kind(value)}.`);
  if (!value.isWellFormed()) throw invalid(`${what} must not have a lone surrogate.`);
  return value;
}

/** Checks that an argument is a function. */
function callback(value, what) {
  if (typeof value !== "function") throw invalid(`${what} must be a function, got ${kind(value)}.`);
  return value;
}

/** Checks that an argument is a list of texts. */
function texts(value, what) {
  if (!Array.isArray(value)) throw invalid(`${what} must be an array, got ${kind(value)}.`);
  return value.map((item) => text(item, `A member of ${what}`));
}

/** The text of a path, which may be a file URL. */
function pathText(value, what) {
  return text(value instanceof URL ? fileURLToPath(value) : value, what);
}

/** Checks that an argument is a whole number within bounds. */
function whole(value, least, most, what) {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  const got = typeof value === "number" ? value : kind(value);
  throw invalid(`${what} must be a whole number from ${least} to ${most}, got ${got}.`);
}

/** Reads an options object, refusing what it doesn't know. */
function options(value, known, what) {
  if (value === undefined || value === null) return {};
  if (typeof value !== "object") {
    throw invalid(`The options of ${what} must be an object, got ${kind(value)}.`);
  }
  const picked = { ...value };
  const unknown = Object.keys(picked).find((key) => !known.includes(key));
  if (unknown !== undefined) {
    throw invalid(`Unknown option '${unknown}' of ${what}; known options: ${known.join(", ")}.`);
  }
  return picked;
}

/** What kind of value something is, for messages. */
function kind(value) {
  if (value === null) return "null";
  return Array.isArray(value) ? "an array" : typeof value;
}

module.exports = { invalid, text, callback, pathText, texts, whole, options, kind };
