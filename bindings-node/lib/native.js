"use strict";

// The compiled half: beside package.json where it was built, else in a package of its own, of which npm
// installs the one for the platform.

const { existsSync } = require("node:fs");
const { join } = require("node:path");

const { platformPackage } = require("./platform.js");

const BUILT = join(__dirname, "..", "facetbox.node");

function load() {
  if (existsSync(BUILT)) return require(BUILT);
  const { name } = platformPackage();
  try {
    return require(name);
  } catch (cause) {
    const hint = `Facetbox's native half can't be loaded: the package ${name} is missing or doesn't fit. In a clone, build it with \`npm run build\`.`;
    throw new Error(`${hint} (${cause.message})`, { cause });
  }
}

module.exports = load();
