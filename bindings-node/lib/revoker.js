"use strict";

const native = require("./native.js");
const { bridge } = require("./bridge.js");
const { pack, unpack } = require("./codec.js");

/** Takes functions, objects and stubs back, at once and from whoever has got them meanwhile. */
class Revoker {
  /** @type {import("./native.js").Revoker} */
  #native = new native.Revoker();

  wrap(value) {
    return unpack(bridge.wrap(this.#native, ...pack(value, { objects: true })));
  }

  revoke() {
    this.#native.revoke();
  }

  get isRevoked() {
    return this.#native.isRevoked;
  }
}

module.exports = { Revoker };
