"use strict";

const { bridge } = require("./bridge.js");
const { text } = require("./arguments.js");
const { packEnv } = require("./codec.js");

const LANGUAGE = "A guest language";

/** The guide for authors of guests, which doubles as a prompt. */
function guestGuide(language, env) {
  return bridge.guestGuide(text(language, LANGUAGE), ...packEnv(env));
}

/** The type file for authors of guests. */
function guestTypes(language) {
  return bridge.guestTypes(text(language, LANGUAGE));
}

module.exports = { guestGuide, guestTypes };
