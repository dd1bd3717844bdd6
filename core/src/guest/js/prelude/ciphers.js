// AES, in the modes GCM, CBC and CTR.

import { native } from "facetbox:base";
import { keys } from "facetbox:lazy";

const { data, exported, failed, newKey, rawKey } = keys.use();
const { aes_gcm: gcm, aes_cbc: cbc, aes_ctr: ctr } = native.late("ciphers");

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
