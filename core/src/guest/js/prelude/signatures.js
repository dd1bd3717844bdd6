// Key pairs: ECDSA and ECDH over the curve P-256, and RSA's signatures, which are verified only.

import { native } from "facetbox:base";
import { keys } from "facetbox:lazy";

const { data, failed, fromBase64Url, hashOf, newKey, secretOf, toBase64Url } = keys.use();
const natives = native.late("signatures");

const notSupported = (what) => failed("NotSupportedError", what);
const badFormat = (name, format) => notSupported(`Keys of ${name} can't be imported or exported in the format "${format}".`);

/** A number of a JSON Web Key. */
function part(key, name) {
  if (typeof key?.[name] !== "string") throw failed("DataError", `The JSON Web Key has no "${name}".`);
  return fromBase64Url(key[name]);
}

// The curve ---------------------------------------------------------------------------------------

function curve({ name, namedCurve }) {
  if (namedCurve !== "P-256") throw notSupported(`Unrecognized or unimplemented EC curve "${namedCurve}": there is P-256.`);
  return { name, namedCurve };
}

/** The point of a public key of a JSON Web Key. */
function pointOf(key) {
  if (key?.kty !== "EC" || key.crv !== "P-256") throw failed("DataError", 'The JSON Web Key must have "kty" "EC" and "crv" "P-256".');
  return natives.p256_point(Uint8Array.of(4, ...part(key, "x"), ...part(key, "y")));
}

const publicKey = (point, asked, extractable, usages) => newKey(point, curve(asked), extractable, usages, "public");

function privateKey(bytes, asked, extractable, usages) {
  return newKey(bytes, curve(asked), extractable, usages, "private", { point: natives.p256_public(bytes) });
}

function asJwk({ bytes, type, usages, parts }) {
  const point = type === "public" ? bytes : parts.point;
  const key = { kty: "EC", crv: "P-256", x: toBase64Url(point.slice(1, 33)), y: toBase64Url(point.slice(33)) };
  if (type === "private") key.d = toBase64Url(bytes);
  return { ...key, key_ops: [...usages], ext: true };
}

/** What can be done with the keys of an algorithm whose public ones are used for these. */
const pairs = (usesOfPublic) => ({
  importKey(format, given, asked, extractable, usages) {
    curve(asked);
    if (format === "jwk") {
      const point = pointOf(given);
      return given.d === undefined ? publicKey(point, asked, extractable, usages) : privateKey(part(given, "d"), asked, extractable, usages);
    }
    const bytes = data(given, "data of the key");
    if (format === "raw") return publicKey(natives.p256_point(bytes), asked, extractable, usages);
    if (format === "spki") return publicKey(natives.p256_of_spki(bytes), asked, extractable, usages);
    if (format === "pkcs8") return privateKey(natives.p256_of_pkcs8(bytes), asked, extractable, usages);
    throw badFormat(asked.name, format);
  },
  exportKey(format, secret) {
    const { bytes, type } = secret;
    if (format === "jwk") return asJwk(secret);
    if (format === "raw" && type === "public") return bytes.slice().buffer;
    if (format === "spki" && type === "public") return natives.p256_to_spki(bytes).buffer;
    if (format === "pkcs8" && type === "private") return natives.p256_to_pkcs8(bytes).buffer;
    throw badFormat(secret.algorithm.name, format);
  },
  generateKey(asked, extractable, usages) {
    curve(asked);
    const isOfPublic = (usage) => usesOfPublic.includes(usage);
    const ofPrivate = [...usages].filter((usage) => !isOfPublic(usage));
    if (ofPrivate.length === 0) throw failed("SyntaxError", "Attempt to generate asymmetric keys with no valid private key usages.");
    const bytes = natives.p256_generate();
    return {
      publicKey: publicKey(natives.p256_public(bytes), asked, true, [...usages].filter(isOfPublic)),
      privateKey: privateKey(bytes, asked, extractable, ofPrivate),
    };
  },
});

export const ecdsa = {
  ...pairs(["verify"]),
  sign: ({ bytes }, message, { hash }) => natives.p256_sign(bytes, native.digest(hashOf(hash), message)),
  verify: ({ bytes }, signature, message, { hash }) => natives.p256_verify(bytes, signature, native.digest(hashOf(hash), message)),
};

/** The most bits that two keys share. */
const SHARED_BITS = 256;

export const ecdh = {
  ...pairs([]),
  derive({ bytes }, { public: key }, bits) {
    const other = secretOf(key);
    if (other === undefined) throw new TypeError('The field "public" of the algorithm must be a CryptoKey.');
    if (other.type !== "public") throw failed("InvalidAccessError", `The provided key has type "${other.type}", not "public"`);
    const { name } = other.algorithm;
    if (name !== "ECDH") throw failed("InvalidAccessError", `Private key for derivation is using "ECDH" while public key is using "${name}".`);
    const length = bits ?? SHARED_BITS;
    if (!(length <= SHARED_BITS)) {
      throw failed("OperationError", `Derived key length (${length} bits) is too long (should be at most ${SHARED_BITS} bits).`);
    }
    const shared = natives.p256_shared(bytes, other.bytes).slice(0, Math.ceil(length / 8));
    if (length % 8 !== 0) shared[shared.length - 1] &= 0xff00 >> (length % 8);
    return shared;
  },
};

// RSA ---------------------------------------------------------------------------------------------

/** What is put before a digest that is signed: it says which hash it is of. */
const PREFIXES = {
  "SHA-1": "MCEwCQYFKw4DAhoFAAQU",
  "SHA-256": "MDEwDQYJYIZIAWUDBAIBBQAEIA==",
  "SHA-384": "MEEwDQYJYIZIAWUDBAICBQAEMA==",
  "SHA-512": "MFEwDQYJYIZIAWUDBAIDBQAEQA==",
};

function rsaAlgorithm(asked, modulus, exponent) {
  const hash = hashOf(asked.hash);
  return { name: asked.name, modulusLength: modulus.length * 8, publicExponent: exponent, hash: { name: hash } };
}

export const rsa = {
  importKey(format, given, asked, extractable, usages) {
    if (format === "pkcs8" || given?.d !== undefined) throw notSupported("Private keys of RSA can't be imported: signatures are verified only.");
    if (format !== "jwk" && format !== "spki") throw badFormat(asked.name, format);
    if (format === "jwk" && given?.kty !== "RSA") throw failed("DataError", 'The JSON Web Key must have "kty" "RSA".');
    const [modulus, exponent] = format === "jwk" ? [part(given, "n"), part(given, "e")] : natives.rsa_of_spki(data(given, "data of the key"));
    return newKey(modulus, rsaAlgorithm(asked, modulus, exponent), extractable, usages, "public", { exponent });
  },
  exportKey(format, { bytes, algorithm, usages, parts }) {
    if (format !== "jwk") throw badFormat(algorithm.name, format);
    const alg = `RS${algorithm.hash.name === "SHA-1" ? 1 : algorithm.hash.name.slice(4)}`;
    return { kty: "RSA", n: toBase64Url(bytes), e: toBase64Url(parts.exponent), alg, key_ops: [...usages], ext: true };
  },
  verify({ bytes, algorithm, parts }, signature, message) {
    const { name } = algorithm.hash;
    return natives.rsa_verify(bytes, parts.exponent, signature, fromBase64Url(PREFIXES[name]), native.digest(name, message));
  },
};
