"use strict";

const native = require("./native.js");
const errors = require("./errors.js");
const handles = require("./handles.js");
const scope = require("./scope.js");
const { invalid, kind, options, pathText, text, texts, whole } = require("./arguments.js");
const { result } = require("./calls.js");
const { packList } = require("./codec.js");
const { ObjectId, idHandle } = require("./object-id.js");
const { makeStub } = require("./stub.js");

/** A name bound to a class; every id of it is one object in the whole runtime. */
class Namespace {
  /** @type {import("./native.js").Namespace} */
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
    return makeStub(this.#native.get(handleOf(id)));
  }

  getByName(name) {
    return makeStub(this.#native.getByName(text(name, "An object's name")));
  }

  /** One page of the objects that have data. */
  async list(given) {
    const { after, limit = PAGE } = options(given, ["after", "limit"], "list()");
    whole(limit, 1, 2 ** 31 - 1, "limit");
    const page = await this.#native.list(after == null ? undefined : handleOf(after), limit);
    return page.map(objectInfo);
  }

  /** All objects that have data, page by page. */
  async *objects() {
    for (let after; ; ) {
      const page = await this.list({ after });
      yield* page;
      if (page.length < PAGE) return;
      after = page.at(-1).id;
    }
  }

  async exists(id) {
    return this.#native.exists(handleOf(id));
  }

  async delete(id) {
    await this.#native.delete(handleOf(id));
  }

  async usage(id) {
    return this.#native.usage(handleOf(id));
  }

  async export(id, path) {
    await result(this.#native.export(scope.number(), handleOf(id), pathText(path, "The path of an export")));
  }

  async import(id, path) {
    await this.#native.import(handleOf(id), pathText(path, "The path of an import"));
  }

  async query(id, sql, params = [], given) {
    const { facets = [] } = options(given, ["facets"], "query()");
    if (!Array.isArray(params)) throw invalid(`params must be an array, got ${kind(params)}.`);
    const path = texts(facets, "facets");
    const query = text(sql, "A query");
    return result(this.#native.query(scope.number(), handleOf(id), path, query, ...packList(params, "params")));
  }
}

/** How many objects a page has by default. */
const PAGE = 1_000;

function handleOf(id) {
  if (id instanceof ObjectId) return idHandle(id);
  throw invalid(`An id of this namespace is needed, got ${kind(id)}.`);
}

function objectInfo(handle) {
  return { id: new ObjectId(handle), name: handle.name ?? undefined };
}

handles.wrapWith(native.Namespace, (handle) => new Namespace(handle));

module.exports = { Namespace };
