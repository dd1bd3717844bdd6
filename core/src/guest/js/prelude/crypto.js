// Web Cryptography: random values, digests, keyed digests and the keys that are derived with them.

import { bytesOf, hidden, isView, later, native, tag, viewParts } from "facetbox:base";

const BLOCKS = { MD5: 64, "SHA-1": 64, "SHA-256": 64, "SHA-384": 128, "SHA-512": 128 };
const SIZES = { MD5: 16, "SHA-1": 20, "SHA-256": 32, "SHA-384": 48, "SHA-512": 64 };
const ROUNDS = 4_096; // that run without a look at the guest's limits

const failed = (name, message) => new DOMException(message, name);
const data = (source, what) => bytesOf(source, `The ${what}`);

/** An algorithm as an object, its name in the case that the standard has. */
function algorithmOf(given) {
  const algorithm = typeof given === "string" ? { name: given } : { ...given };
  const known = ["HMAC", "PBKDF2", "HKDF"].find((name) => name === `${algorithm.name}`.toUpperCase());
  if (known === undefined) {
    throw failed("NotSupportedError", `Unrecognized or unimplemented algorithm "${algorithm.name}": there are HMAC, PBKDF2 and HKDF.`);
  }
  return { ...algorithm, name: known };
}

function hashOf(given) {
  const name = `${given?.name ?? given}`.toUpperCase();
  if (!Object.hasOwn(BLOCKS, name)) {
    throw failed("NotSupportedError", `Unrecognized or unimplemented digest algorithm "${name}": there are MD5, SHA-1, SHA-256, SHA-384 and SHA-512.`);
  }
  return name;
}

// Keys --------------------------------------------------------------------------------------------

const Secret = hidden(); // { bytes, type, extractable, algorithm, usages }

class CryptoKey {
  constructor(secret) {
    if (Object.getPrototypeOf(secret ?? {}) !== null) throw new TypeError("Illegal constructor");
    new Secret(this, secret);
  }
  get type() {
    return Secret.get(this).type;
  }
  get extractable() {
    return Secret.get(this).extractable;
  }
  get algorithm() {
    return Secret.get(this).algorithm;
  }
  get usages() {
    return Secret.get(this).usages;
  }
}

const newKey = (bytes, algorithm, extractable, usages) =>
  new CryptoKey({ __proto__: null, bytes, type: "secret", algorithm, extractable: Boolean(extractable), usages: [...usages] });

/** The bytes of a key that may be used for that. */
function secretFor(key, usage, name) {
  const secret = Secret.get(key);
  if (secret === undefined) throw new TypeError("The key is not of type 'CryptoKey'.");
  if (name !== secret.algorithm.name) {
    throw failed("InvalidAccessError", `Requested algorithm "${name}" does not match the key's, "${secret.algorithm.name}".`);
  }
  if (!secret.usages.includes(usage)) {
    throw failed("InvalidAccessError", `Requested key usage "${usage}" does not match any usage listed in this CryptoKey.`);
  }
  return secret;
}

const fromBase64Url = (text) => Uint8Array.from(native.atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
const toBase64Url = (bytes) => native.btoa(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

function hmacAlgorithm(algorithm, bytes) {
  return { name: "HMAC", hash: { name: hashOf(algorithm.hash) }, length: bytes.length * 8 };
}

function importKey(format, given, algorithm, extractable, usages) {
  const asked = algorithmOf(algorithm);
  if (format !== "raw" && !(format === "jwk" && asked.name === "HMAC")) {
    throw failed("NotSupportedError", `Keys of ${asked.name} can't be imported in the format "${format}".`);
  }
  const bytes = format === "jwk" ? fromBase64Url(`${given.k}`) : data(given, "data of the key");
  const own = asked.name === "HMAC" ? hmacAlgorithm(asked, bytes) : { name: asked.name };
  if (bytes.length === 0 && asked.name === "HMAC") throw failed("DataError", "An HMAC key must not be empty.");
  return newKey(bytes, own, extractable, usages);
}

function exportKey(format, key) {
  const secret = Secret.get(key);
  if (secret === undefined) throw new TypeError("The key is not of type 'CryptoKey'.");
  if (!secret.extractable) throw failed("InvalidAccessError", `Attempt to export non-extractable ${secret.algorithm.name} key.`);
  if (format === "raw") return secret.bytes.slice().buffer;
  if (format !== "jwk") throw failed("NotSupportedError", `Keys can't be exported in the format "${format}".`);
  const alg = `HS${secret.algorithm.hash.name.slice(4)}`;
  return { kty: "oct", k: toBase64Url(secret.bytes), alg, key_ops: [...secret.usages], ext: true };
}

function generateKey(algorithm, extractable, usages) {
  const asked = algorithmOf(algorithm);
  if (asked.name !== "HMAC") throw failed("NotSupportedError", `Keys of ${asked.name} can't be generated.`);
  const length = asked.length === undefined ? BLOCKS[hashOf(asked.hash)] : Math.ceil(asked.length / 8);
  const bytes = native.random(length);
  return newKey(bytes, hmacAlgorithm(asked, bytes), extractable, usages);
}

// Keyed digests -----------------------------------------------------------------------------------

function sign(algorithm, key, message) {
  const { bytes, algorithm: own } = secretFor(key, "sign", algorithmOf(algorithm).name);
  return native.hmac(own.hash.name, bytes, data(message, "data to sign")).buffer;
}

function isSame(a, b) {
  let difference = a.length ^ b.length;
  for (let at = 0; at < a.length; at++) difference |= a[at] ^ b[at];
  return difference === 0;
}

function verify(algorithm, key, signature, message) {
  const { bytes, algorithm: own } = secretFor(key, "verify", algorithmOf(algorithm).name);
  return isSame(native.hmac(own.hash.name, bytes, data(message, "data to verify")), data(signature, "signature"));
}

function timingSafeEqual(one, other) {
  const [a, b] = [data(one, "first argument"), data(other, "second argument")];
  if (a.length !== b.length) throw new TypeError("Input buffers must have the same byte length.");
  return isSame(a, b);
}

// Derived keys ------------------------------------------------------------------------------------

/** Blocks, each a function of its number, joined and cut. */
function joined(length, size, block) {
  const all = new Uint8Array(Math.ceil(length / size) * size);
  for (let at = 0; at < all.length; at += size) all.set(block(at / size + 1), at);
  return all.slice(0, length);
}

function pbkdf2(secret, { salt, iterations, hash }, length) {
  const name = hashOf(hash);
  const count = Math.trunc(Number(iterations));
  if (!(count >= 1)) throw failed("OperationError", `PBKDF2 requires a positive iteration count (requested ${iterations}).`);
  const salted = data(salt, "salt");
  return joined(length, SIZES[name], (number) => {
    const first = new Uint8Array(salted.length + 4);
    first.set(salted);
    new DataView(first.buffer).setUint32(salted.length, number);
    let last = first;
    const sum = new Uint8Array(SIZES[name]);
    for (let left = count; left > 0; left -= ROUNDS) {
      const [next, some] = native.hmac_rounds(name, secret, last, Math.min(left, ROUNDS));
      for (let at = 0; at < sum.length; at++) sum[at] ^= some[at];
      last = next;
    }
    return sum;
  });
}

function hkdf(secret, { salt, info, hash }, length) {
  const name = hashOf(hash);
  if (length > 255 * SIZES[name]) throw failed("OperationError", "HKDF can't derive so many bits.");
  const [key, about] = [native.hmac(name, data(salt, "salt"), secret), data(info, "info")];
  let last = new Uint8Array(0);
  return joined(length, SIZES[name], (number) => {
    const block = new Uint8Array(last.length + about.length + 1);
    block.set(last);
    block.set(about, last.length);
    block[block.length - 1] = number;
    last = native.hmac(name, key, block);
    return last;
  });
}

function derived(algorithm, key, bits, usage) {
  const asked = algorithmOf(algorithm);
  const { bytes } = secretFor(key, usage, asked.name);
  if (!(bits > 0) || bits % 8 !== 0) throw failed("OperationError", "The length of derived bits must be a multiple of 8.");
  return (asked.name === "PBKDF2" ? pbkdf2 : hkdf)(bytes, asked, bits / 8);
}

function deriveKey(algorithm, key, wanted, extractable, usages) {
  const asked = algorithmOf(wanted);
  if (asked.name !== "HMAC") throw failed("NotSupportedError", `Keys of ${asked.name} can't be derived.`);
  const bits = asked.length ?? BLOCKS[hashOf(asked.hash)] * 8;
  const bytes = derived(algorithm, key, bits, "deriveKey");
  return newKey(bytes, hmacAlgorithm(asked, bytes), extractable, usages);
}

// The interfaces ----------------------------------------------------------------------------------

const operations = {
  digest: (algorithm, message) => native.digest(hashOf(algorithm), data(message, "data of digest()")).buffer,
  importKey,
  exportKey,
  generateKey,
  sign,
  verify,
  deriveBits: (algorithm, key, bits) => derived(algorithm, key, bits, "deriveBits").buffer,
  deriveKey,
};

for (const name of ["encrypt", "decrypt", "wrapKey", "unwrapKey"]) {
  operations[name] = () => {
    throw new TypeError(`crypto.subtle.${name}() is not supported.`);
  };
}

const subtle = { timingSafeEqual };
for (const name of Object.keys(operations)) subtle[name] = (...args) => later(() => operations[name](...args));

const crypto = {
  get [Symbol.toStringTag]() {
    return "Crypto";
  },
  randomUUID: () => native.uuid(),
  getRandomValues(target) {
    if (!isView(target) || target instanceof DataView || target instanceof Float32Array || target instanceof Float64Array) {
      throw failed("TypeMismatchError", "ArrayBufferView argument to getRandomValues() must be an integer-typed view.");
    }
    const [buffer, offset, length] = viewParts(target);
    new Uint8Array(buffer, offset, length).set(native.random(length));
    return target;
  },
  subtle,
};

tag(CryptoKey);
export const globals = { crypto, CryptoKey };
