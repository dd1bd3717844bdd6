"use strict";

/** Warns of what host code has thrown where no caller hears of it. */
function warn(what, thrown) {
  process.emitWarning(`${what}: ${thrown?.stack ?? String(thrown)}`);
}

module.exports = { warn };
