// The runtime that a case runs in, and the supervisor that forwards its steps to facets.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DurableObject, Stub, open } from "facetbox";
import { read } from "./values.mjs";

/** The class `App` of a case. */
function appClass(loader, { code, props }) {
  return loader.load(code).getDurableObjectClass("App", { props });
}

/** A supervisor that passes on to the facet that each call names. */
class Supervisor extends DurableObject {
  call(facet, method, args) {
    return Stub.call(this.#facet(facet), method, args);
  }

  async request(facet, { url, ...init }) {
    return whole(await this.#facet(facet).fetch(new Request(url, init)));
  }

  abort(facet, reason) {
    this.ctx.facets.abort(facet, new Error(reason));
  }

  delete(facet) {
    this.ctx.facets.delete(facet);
  }

  #facet(name) {
    const { LOADER, CASE } = this.env;
    return this.ctx.facets.get(name, async () => ({ class: appClass(LOADER, CASE()) }));
  }
}

async function whole(response) {
  const { status, headers } = response;
  return { status, headers: [...headers], body: await response.text() };
}

/** A case's data directory, with the runtime that is open on it. */
export class World {
  #case;
  #guest;
  #directory;
  #runtime;
  #namespace;

  static async open(given, guest) {
    const world = new World();
    world.#case = given;
    world.#guest = guest;
    world.#directory = await mkdtemp(join(tmpdir(), "facetbox-conformance-"));
    await world.#start();
    return world;
  }

  async restart() {
    await this.#runtime.close();
    await this.#start();
  }

  async close() {
    await this.#runtime.close();
    await rm(this.#directory, { recursive: true, force: true });
  }

  /** Calls a method of a facet, or of the object itself if the case is a supervisor. */
  call(object, facet, method, args) {
    const stub = this.#namespace.getByName(object);
    return this.#case.supervisor ? Stub.call(stub, method, args) : stub.call(facet, method, args);
  }

  /** Sends a request likewise, and answers { status, headers, body }. */
  async fetch(object, facet, request) {
    const stub = this.#namespace.getByName(object);
    if (!this.#case.supervisor) return stub.request(facet, request);
    const { url, ...init } = request;
    return whole(await stub.fetch(url, init));
  }

  abort(object, facet, reason) {
    return this.#namespace.getByName(object).abort(facet, reason);
  }

  delete(object, facet) {
    return this.#namespace.getByName(object).delete(facet);
  }

  async #start() {
    this.#runtime = await open(join(this.#directory, "data"), { durability: "none" });
    const loader = this.#runtime.loader();
    const { supervisor, namespace = "conformance" } = this.#case;
    const type = supervisor ? appClass(loader, this.#worker({ LOADER: loader })) : Supervisor;
    const env = { LOADER: loader, CASE: undefined };
    if (!supervisor) env.CASE = () => this.#worker({});
    this.#namespace = this.#runtime.namespace(namespace, type, { env });
  }

  #worker(more) {
    const { env = {}, props, limits, modules = {}, [this.#guest]: source } = this.#case;
    const mainModule = `main.${this.#guest}`;
    const code = {
      mainModule,
      modules: { ...read(modules), [mainModule]: source },
      env: { ...read(env), ...more },
      limits,
    };
    return { code, props: read(props ?? null) };
  }
}
