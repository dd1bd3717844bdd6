"use strict";

// The compiled half. `npm run build` puts it beside package.json.
try {
  module.exports = require("../facetbox.node");
} catch (cause) {
  const hint = "Facetbox's native module can't be loaded; build it with `npm run build`.";
  throw new Error(`${hint} (${cause.message})`, { cause });
}
