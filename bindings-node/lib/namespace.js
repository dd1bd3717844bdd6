"use strict";

const native = require("./native.js");
const errors = require("./errors.js");
const handles = require("./handles.js");
const { invalid, text } = require("./arguments.js");
const { ObjectId, idHandle } = require("./object-id.js");
const { makeStub } = require("./stub.js");

/** A name bound to a class; every id of it is one object in the whole runtime. */
class Namespace {
  #native;

  constructor(handle) {
    this.#native = handle;
    handles.bind(this, handle);
  }

  get name() {
    return this.#native.name;
  }

  idFromName(name) {
    return new ObjectId(this.#native.idFromName(text(name, "An object's name")));
  }

  idFromString(id) {
    return new ObjectId(this.#native.idFromString(text(id, "An id")));
  }

  newUniqueId(options) {
    if (options?.jurisdiction !== undefined && options.jurisdiction !== null) {
      throw errors.make("UNSUPPORTED", "Jurisdiction restrictions are not supported.");
    }
    return new ObjectId(this.#native.newUniqueId());
  }

  get(id) {
    if (!(id instanceof ObjectId)) throw invalid("get() takes an id of this namespace.");
    return makeStub(this.#native.get(idHandle(id)));
  }

  getByName(name) {
    return makeStub(this.#native.getByName(text(name, "An object's name")));
  }
}

handles.wrapWith(native.Namespace, (handle) => new Namespace(handle));

module.exports = { Namespace };
