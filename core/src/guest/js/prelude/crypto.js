// Web Cryptography: random values, digests, keyed digests and the keys that are derived with them. Ciphers and
// signatures with key pairs are parts of their own.

import { bytesOf, hidden, isView, later, native, tag, toBytes, toText, viewParts } from "facetbox:base";
import { part } from "facetbox:lazy";

const BLOCKS = { MD5: 64, "SHA-1": 64, "SHA-256": 64, "SHA-384": 128, "SHA-512": 128 };
const SIZES = { MD5: 16, "SHA-1": 20, "SHA-256": 32, "SHA-384": 48, "SHA-512": 64 };
const ROUNDS = 4_096; // that run without a look at the guest's limits

export const failed = (name, message) => new DOMException(message, name);
export const data = (source, what) => bytesOf(source, `The ${what}`);

// What can be done with the keys of each algorithm; a part is loaded with the first use of one of its own.
const KINDS = {
  HMAC: () => keyedDigest,
  PBKDF2: () => password,
  HKDF: () => password,
  "AES-GCM": () => part("ciphers").aes,
  "AES-CBC": () => part("ciphers").aes,
  "AES-CTR": () => part("ciphers").aes,
  "AES-KW": () => part("ciphers").wrapping,
  ECDSA: () => part("signatures").ecdsa,
  ECDH: () => part("signatures").ecdh,
  "RSASSA-PKCS1-V1_5": () => part("signatures").rsa,
};

/** An algorithm as an object, its name in the case that the standard has. */
function algorithmOf(given) {
  const algorithm = typeof given === "string" ? { name: given } : { ...given };
  const name = `${algorithm.name}`.toUpperCase();
  if (!Object.hasOwn(KINDS, name)) {
    const known = Object.keys(KINDS).join(", ");
    throw failed("NotSupportedError", `Unrecognized or unimplemented algorithm "${algorithm.name}": there are ${known}.`);
  }
  return { ...algorithm, name: name === "RSASSA-PKCS1-V1_5" ? "RSASSA-PKCS1-v1_5" : name };
}

/** Does something with keys of an algorithm, if that can be done. */
function withKind(name, operation, ...args) {
  const kind = KINDS[name.toUpperCase()]();
  if (kind[operation] === undefined) {
    throw failed("NotSupportedError", `The operation "${operation}" is not implemented for the algorithm "${name}".`);
  }
  return kind[operation](...args);
}

export function hashOf(given) {
  const name = `${given?.name ?? given}`.toUpperCase();
  if (!Object.hasOwn(BLOCKS, name)) {
    throw failed("NotSupportedError", `Unrecognized or unimplemented digest algorithm "${name}": there are MD5, SHA-1, SHA-256, SHA-384 and SHA-512.`);
  }
  return name;
}

// Keys --------------------------------------------------------------------------------------------

const Secret = hidden(); // { bytes, type, extractable, algorithm, usages }
export const secretOf = (key) => Secret.get(key);

/** All usages, in the order in which a key tells its own. */
const USAGES = ["encrypt", "decrypt", "sign", "verify", "deriveKey", "deriveBits", "wrapKey", "unwrapKey"];

const CIPHER = ["encrypt", "decrypt", "wrapKey", "unwrapKey"];
const DERIVED = ["deriveKey", "deriveBits"];
/** What keys of each algorithm and type may be used for. */
const USES = {
  HMAC: { secret: ["sign", "verify"] },
  PBKDF2: { secret: DERIVED },
  HKDF: { secret: DERIVED },
  "AES-GCM": { secret: CIPHER },
  "AES-CBC": { secret: CIPHER },
  "AES-CTR": { secret: CIPHER },
  "AES-KW": { secret: ["wrapKey", "unwrapKey"] },
  ECDSA: { public: ["verify"], private: ["sign"] },
  ECDH: { public: [], private: DERIVED },
  "RSASSA-PKCS1-v1_5": { public: ["verify"] },
};

function checkUses(name, type, usages) {
  const wrong = usages.find((usage) => !USES[name][type].includes(usage));
  if (wrong !== undefined) throw failed("SyntaxError", `A ${type} key of ${name} can't be used for "${wrong}".`);
  if (usages.length === 0 && type !== "public") throw failed("SyntaxError", "Secret and private keys must have at least one usage.");
}

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

export function newKey(bytes, algorithm, extractable, usages, type = "secret", parts = undefined) {
  const given = [...usages];
  checkUses(algorithm.name, type, given);
  const ordered = USAGES.filter((usage) => given.includes(usage));
  return new CryptoKey({ __proto__: null, bytes, type, algorithm, extractable: Boolean(extractable), usages: ordered, parts });
}

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

export const fromBase64Url = (text) => Uint8Array.from(native.atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
export const toBase64Url = (bytes) => native.btoa(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

function hmacAlgorithm(algorithm, bytes) {
  return { name: "HMAC", hash: { name: hashOf(algorithm.hash) }, length: bytes.length * 8 };
}

/** The bytes of a key that is imported, raw or from a JSON Web Key. */
export function rawKey(format, given, name) {
  if (format === "raw") return data(given, "data of the key");
  if (format !== "jwk") throw failed("NotSupportedError", `Keys of ${name} can't be imported in the format "${format}".`);
  if (given?.kty !== "oct" || typeof given.k !== "string") throw failed("DataError", `A JSON Web Key of ${name} must have "kty" "oct" and "k".`);
  return fromBase64Url(given.k);
}

function importKey(format, given, algorithm, extractable, usages) {
  const asked = algorithmOf(algorithm);
  return withKind(asked.name, "importKey", format, given, asked, extractable, usages);
}

function exportKey(format, key) {
  const secret = Secret.get(key);
  if (secret === undefined) throw new TypeError("The key is not of type 'CryptoKey'.");
  const { name } = secret.algorithm;
  if (!secret.extractable) throw failed("InvalidAccessError", `Attempt to export non-extractable ${name} key.`);
  return withKind(name, "exportKey", format, secret);
}

/** A secret key that is exported, as it is or as a JSON Web Key. */
export function exported(format, secret, alg) {
  if (format === "raw") return secret.bytes.slice().buffer;
  if (format !== "jwk") throw failed("NotSupportedError", `Keys can't be exported in the format "${format}".`);
  return { kty: "oct", k: toBase64Url(secret.bytes), alg, key_ops: [...secret.usages], ext: true };
}

function generateKey(algorithm, extractable, usages) {
  const asked = algorithmOf(algorithm);
  return withKind(asked.name, "generateKey", asked, extractable, usages);
}

// Signing, encrypting -----------------------------------------------------------------------------

function sign(algorithm, key, message) {
  const asked = algorithmOf(algorithm);
  const secret = secretFor(key, "sign", asked.name);
  return withKind(asked.name, "sign", secret, data(message, "data to sign"), asked).buffer;
}

function verify(algorithm, key, signature, message) {
  const asked = algorithmOf(algorithm);
  const secret = secretFor(key, "verify", asked.name);
  return withKind(asked.name, "verify", secret, data(signature, "signature"), data(message, "data to verify"), asked);
}

/** Encrypts or decrypts. */
const ciphering = (operation) => (algorithm, key, message) => {
  const asked = algorithmOf(algorithm);
  const secret = secretFor(key, operation, asked.name);
  return withKind(asked.name, operation, secret, data(message, `data to ${operation}`), asked).buffer;
};

/** What wraps keys with the keys of an algorithm. */
const wrapping = (name, operation, cipher) => (name === "AES-KW" ? operation : cipher);

function wrapKey(format, key, wrapper, algorithm) {
  const asked = algorithmOf(algorithm);
  const secret = secretFor(wrapper, "wrapKey", asked.name);
  const exported = exportKey(format, key);
  const bytes = format === "jwk" ? toBytes(JSON.stringify(exported)) : new Uint8Array(exported);
  return withKind(asked.name, wrapping(asked.name, "wrap", "encrypt"), secret, bytes, asked).buffer;
}

function unwrapKey(format, wrapped, wrapper, algorithm, wanted, extractable, usages) {
  const asked = algorithmOf(algorithm);
  const secret = secretFor(wrapper, "unwrapKey", asked.name);
  const bytes = withKind(asked.name, wrapping(asked.name, "unwrap", "decrypt"), secret, data(wrapped, "wrapped key"), asked);
  return importKey(format, format === "jwk" ? JSON.parse(toText(bytes)) : bytes, wanted, extractable, usages);
}

function isSame(a, b) {
  let difference = a.length ^ b.length;
  for (let at = 0; at < a.length; at++) difference |= a[at] ^ b[at];
  return difference === 0;
}

// Keyed digests -----------------------------------------------------------------------------------

const keyedDigest = {
  importKey(format, given, asked, extractable, usages) {
    const bytes = rawKey(format, given, "HMAC");
    if (bytes.length === 0) throw failed("DataError", "An HMAC key must not be empty.");
    return newKey(bytes, hmacAlgorithm(asked, bytes), extractable, usages);
  },
  exportKey: (format, secret) => exported(format, secret, `HS${secret.algorithm.hash.name.slice(4)}`),
  bits: (asked) => asked.length ?? BLOCKS[hashOf(asked.hash)] * 8,
  generateKey(asked, extractable, usages) {
    const bytes = native.random(Math.ceil(keyedDigest.bits(asked) / 8));
    return newKey(bytes, hmacAlgorithm(asked, bytes), extractable, usages);
  },
  sign: ({ bytes, algorithm }, message) => native.hmac(algorithm.hash.name, bytes, message),
  verify: (secret, signature, message) => isSame(keyedDigest.sign(secret, message), signature),
};

function timingSafeEqual(one, other) {
  const [a, b] = [data(one, "first argument"), data(other, "second argument")];
  if (a.length !== b.length) throw new TypeError("Input buffers must have the same byte length.");
  return isSame(a, b);
}

// Derived keys ------------------------------------------------------------------------------------

const password = {
  importKey(format, given, { name }, extractable, usages) {
    if (format !== "raw") throw failed("NotSupportedError", `Keys of ${name} can't be imported in the format "${format}".`);
    if (extractable) throw failed("SyntaxError", `Keys of ${name} can't be extractable.`);
    return newKey(data(given, "data of the key"), { name }, extractable, usages);
  },
  bits: () => null,
  derive({ bytes, algorithm }, asked, bits) {
    if (!(bits > 0) || bits % 8 !== 0) throw failed("OperationError", "The length of derived bits must be a multiple of 8.");
    return (algorithm.name === "PBKDF2" ? pbkdf2 : hkdf)(bytes, asked, bits / 8);
  },
};

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
  return withKind(asked.name, "derive", secretFor(key, usage, asked.name), asked, bits);
}

function deriveKey(algorithm, key, wanted, extractable, usages) {
  const asked = algorithmOf(wanted);
  const bytes = derived(algorithm, key, withKind(asked.name, "bits", asked), "deriveKey");
  return withKind(asked.name, "importKey", "raw", bytes, asked, extractable, usages);
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
  encrypt: ciphering("encrypt"),
  decrypt: ciphering("decrypt"),
  wrapKey,
  unwrapKey,
};

const subtle = {
  timingSafeEqual,
  get [Symbol.toStringTag]() {
    return "SubtleCrypto";
  },
};
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
