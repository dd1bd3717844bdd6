// AES, in the modes GCM, CBC and CTR, and wrapping keys.

import { native } from "facetbox:base";
import { keys } from "facetbox:lazy";

const { data, exported, failed, newKey, rawKey } = keys.use();
const { aes_gcm: gcm, aes_cbc: cbc, aes_ctr: ctr, aes_block: block } = native.late("ciphers");

function checkBits(bits) {
  if (![128, 192, 256].includes(bits)) {
    throw failed("OperationError", `AES keys have a length of 128, 192 or 256 bits, not ${bits}.`);
  }
  return bits;
}

function withBytes(bytes, { name }, extractable, usages) {
  const length = bytes.length * 8;
  if (![128, 192, 256].includes(length)) {
    throw failed("DataError", `Imported AES key length must be 128, 192, or 256 bits but provided ${length}.`);
  }
  return newKey(bytes, { name, length }, extractable, usages);
}

function inGcm(encrypts, bytes, message, { iv, additionalData, tagLength = 128 }) {
  if (tagLength !== 128) throw failed("NotSupportedError", `Tags of AES-GCM have 128 bits, not ${tagLength}.`);
  const more = additionalData === undefined ? new Uint8Array(0) : data(additionalData, "additional data");
  return gcm(encrypts, bytes, data(iv, "iv"), more, message);
}

const inCtr = (bytes, message, { counter, length }) => ctr(Number(length), bytes, data(counter, "counter"), message);

const cipher = (encrypts) => ({ bytes }, message, asked) => {
  if (asked.name === "AES-GCM") return inGcm(encrypts, bytes, message, asked);
  return asked.name === "AES-CBC" ? cbc(encrypts, bytes, data(asked.iv, "iv"), message) : inCtr(bytes, message, asked);
};

export const aes = {
  importKey: (format, given, asked, extractable, usages) => withBytes(rawKey(format, given, asked.name), asked, extractable, usages),
  exportKey: (format, secret) => exported(format, secret, `A${secret.algorithm.length}${secret.algorithm.name.slice(4)}`),
  bits: ({ length }) => checkBits(Number(length)),
  generateKey: (asked, extractable, usages) => withBytes(native.random(aes.bits(asked) / 8), asked, extractable, usages),
  encrypt: cipher(true),
  decrypt: cipher(false),
};

// Wrapping, as RFC 3394 has it: eight bytes that are known, and the key in parts of eight, six times round ---------------------

const PART = 8;
const KNOWN = 0xa6;
const ROUNDS = 6;

/** Mixes the first part with another one, with the number of the step in between. */
function mix(encrypts, key, all, at, step) {
  const pair = new Uint8Array(2 * PART);
  pair.set(all.subarray(0, PART));
  pair.set(all.subarray(at, at + PART), PART);
  const number = (bytes) => {
    const view = new DataView(bytes.buffer);
    view.setUint32(4, view.getUint32(4) ^ step);
    return bytes;
  };
  const mixed = encrypts ? number(block(true, key, pair)) : block(false, key, number(pair));
  all.set(mixed.subarray(0, PART));
  all.set(mixed.subarray(PART), at);
}

function checkParts(bytes, least) {
  if (bytes.length % PART !== 0 || bytes.length < least * PART) {
    throw failed("OperationError", `AES-KW takes at least ${least * PART} bytes, in parts of ${PART}, not ${bytes.length}.`);
  }
  return bytes.length / PART;
}

export const wrapping = {
  importKey: aes.importKey,
  exportKey: aes.exportKey,
  bits: aes.bits,
  generateKey: aes.generateKey,
  wrap({ bytes }, message) {
    const parts = checkParts(message, 2);
    const all = new Uint8Array(PART + message.length).fill(KNOWN, 0, PART);
    all.set(message, PART);
    for (let step = 1; step <= ROUNDS * parts; step++) mix(true, bytes, all, PART * (1 + ((step - 1) % parts)), step);
    return all;
  },
  unwrap({ bytes }, message) {
    const parts = checkParts(message, 3) - 1;
    const all = message.slice();
    for (let step = ROUNDS * parts; step > 0; step--) mix(false, bytes, all, PART * (1 + ((step - 1) % parts)), step);
    if (!all.subarray(0, PART).every((byte) => byte === KNOWN)) throw failed("OperationError", "AES-KW key unwrapping failed.");
    return all.slice(PART);
  },
};
