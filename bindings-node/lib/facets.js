"use strict";

const native = require("./native.js");
const references = require("./references.js");
const scope = require("./scope.js");
const { bridge, on } = require("./bridge.js");
const { callback, invalid, kind, pathText, text } = require("./arguments.js");
const { classHandle } = require("./classes.js");
const { packError, packThrown } = require("./codec.js");
const { ObjectId, idHandle } = require("./object-id.js");
const { makeStub } = require("./stub.js");

const facetName = (name) => text(name, "A facet's name");

/** The facets of one object or facet: its named children. */
class Facets {
  /** @type {import("./native.js").Ctx} */
  #ctx;
  /** @type {import("./native.js").Facets} */
  #native;
  #wrote;

  constructor(ctx, wrote) {
    this.#ctx = ctx;
    this.#native = ctx.facets;
    this.#wrote = wrote;
  }

  get(name, start) {
    callback(start, "The start callback of a facet");
    const reference = references.add({ start, owner: this.#ctx });
    return makeStub(this.#native.get(facetName(name), reference));
  }

  abort(name, reason) {
    const error = reason instanceof Error ? reason : new Error(reason ?? "Facet was aborted.");
    this.#native.abort(facetName(name), packError(error));
  }

  delete(name) {
    this.#wrote();
    this.#native.delete(facetName(name));
  }

  clone(src, dst) {
    this.#wrote();
    this.#native.clone(facetName(src), facetName(dst));
  }

  list() {
    return this.#native.list();
  }

  exists(name) {
    return this.#native.exists(facetName(name));
  }

  async usage(name) {
    return this.#native.usage(facetName(name));
  }

  async export(name, path) {
    await this.#native.export(facetName(name), pathText(path, "The path of an export"));
  }
}

/** Runs a start callback and answers how the facet is to start. */
async function answerStart(ask, target) {
  try {
    const { start, owner } = references.get(target);
    const options = await scope.run(ask, owner, start);
    if (typeof options !== "object" || options === null) {
      throw invalid(`A facet's start callback must answer { class }, got ${kind(options)}.`);
    }
    const { class: type, id } = options;
    bridge.answerFacet(ask, await classHandle(type, "The class of a facet"), facetId(id));
  } catch (thrown) {
    bridge.fail(ask, packThrown(thrown));
  }
}

function facetId(id) {
  if (id === undefined || id === null) return undefined;
  return id instanceof ObjectId ? idHandle(id) : text(id, "A facet's id");
}

on(native.Kind.Start, answerStart);

module.exports = { Facets };
