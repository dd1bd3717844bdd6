"use strict";

// Responses whose bodies are whole. Node makes a stream of every body, which takes longer than most calls; here that is
// done for whoever asks for one.

const { Response } = globalThis;
const decoder = new TextDecoder();

/** What of a response isn't about its body. */
const HEAD = ["constructor", "type", "url", "redirected", "status", "ok", "statusText", "headers"];

/** The types say of its methods that they are properties, which methods can't override. */
const Standard = /** @type {any} */ (Response);

class WholeResponse extends Standard {
  /** The body, until somebody has taken it or asked for more than that. */
  #bytes;
  /** Node's own response with the body, once somebody has asked for that. */
  #full;

  /** `bytes` are given away. */
  constructor(bytes, init) {
    super(null, init);
    this.#bytes = bytes;
  }

  /** The body of a response of this kind, if nothing has been done with it yet, which is used then. */
  static take(response) {
    return #bytes in response ? response.#take() : undefined;
  }

  /** Runs `code` with Node's own response. */
  static with(response, code) {
    return code(response.#whole());
  }

  get bodyUsed() {
    return this.#full ? this.#full.bodyUsed : this.#bytes === undefined;
  }

  async text() {
    const bytes = this.#take();
    return bytes ? decoder.decode(bytes) : this.#whole().text();
  }

  async json() {
    const bytes = this.#take();
    return bytes ? JSON.parse(decoder.decode(bytes)) : this.#whole().json();
  }

  async arrayBuffer() {
    const bytes = this.#take();
    return bytes ? bytes.buffer : this.#whole().arrayBuffer();
  }

  clone() {
    if (!this.#bytes) return this.#whole().clone();
    const { status, statusText, headers } = this;
    return new WholeResponse(this.#bytes.slice(), { status, statusText, headers });
  }

  #take() {
    const bytes = this.#bytes;
    this.#bytes = undefined;
    return bytes;
  }

  /** Node's own response: with the body, or with one that has been used. */
  #whole() {
    if (!this.#full) {
      const bytes = this.#take();
      const { status, statusText, headers } = this;
      this.#full = new Response(bytes ?? "", { status, statusText, headers });
      if (!bytes) this.#full.arrayBuffer();
    }
    return this.#full;
  }
}

// Whatever else there is about a body, now or in later versions.
for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(Response.prototype))) {
  if (HEAD.includes(name) || Object.hasOwn(WholeResponse.prototype, name)) continue;
  const wrapped = { ...property };
  if (property.get) wrapped.get = function get() {
    return WholeResponse.with(this, (full) => property.get.call(full));
  };
  if (typeof property.value === "function") wrapped.value = function value(...args) {
    return WholeResponse.with(this, (full) => property.value.apply(full, args));
  };
  Object.defineProperty(WholeResponse.prototype, name, wrapped);
}
Object.defineProperty(WholeResponse.prototype, "constructor", { value: Response });

module.exports = { WholeResponse };
