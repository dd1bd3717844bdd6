"use strict";

const { text } = require("./arguments.js");
const { Namespace } = require("./namespace.js");
const { makeStub } = require("./stub.js");

/** A module that runs under a name: its classes are namespaces, its default export answers requests. */
class Deployment {
  /** @type {import("./native.js").Deployment} */
  #native;

  constructor(handle) {
    this.#native = handle;
  }

  get name() {
    return this.#native.name;
  }

  get classNames() {
    return this.#native.classNames;
  }

  namespace(className) {
    return new Namespace(this.#native.namespace(text(className, "A class's name")));
  }

  getEntrypoint(name = "default") {
    return makeStub(this.#native.getEntrypoint(text(name, "An export's name")));
  }

  async fetch(input, init) {
    return makeStub(this.#native.fetcher()).fetch(input, init);
  }
}

module.exports = { Deployment };
