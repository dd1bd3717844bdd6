"use strict";

/** Warns of what host code has thrown where no caller hears of it. */
function warn(what, thrown) {
  process.emitWarning(`${what}: ${thrown?.stack ?? String(thrown)}`);
}

const told = new Set();

/** Warns of what a program does again and again, and is wrong each time. */
function warnOnce(what) {
  if (told.has(what)) return;
  told.add(what);
  process.emitWarning(what);
}

module.exports = { warn, warnOnce };
