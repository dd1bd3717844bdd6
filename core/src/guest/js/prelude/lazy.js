// The parts of the API that a guest may never use: each is a module that is loaded at its first use, or at the
// first use of one of its globals.
//
// Until then these globals are accessors, which become plain properties when they are used or assigned to.
// A load that fails, because the stack is used up or because a guest has broken what the module is made
// with, leaves nothing behind, and the next use tries again.

import { native } from "facetbox:base";

const { defineProperty, getOwnPropertyDescriptor } = Object;
const tryToDefine = Reflect.defineProperty;
const root = globalThis;

// Without a prototype: what a guest has put on that of all objects would be taken for parts of the descriptor.
const property = (value, enumerable) => ({ __proto__: null, value, writable: true, enumerable, configurable: true });

export const lateGlobals = []; // their names
const parts = []; // the part that makes each
let getters; // their accessors' functions, which the engine has made

/** Takes the functions that get these globals, in their order. */
export function keepLateGetters(made) {
  getters = made;
}

/** Called by such a function: gives the global. */
export function getLate(at) {
  const name = lateGlobals[at];
  const value = parts[at].use().globals[name];
  // A guest may have put something in its place, and has kept the accessor; or it has frozen all globals.
  if (getOwnPropertyDescriptor(root, name)?.get === getters[at]) tryToDefine(root, name, property(value, false));
  return value;
}

/** Called where such a global is assigned to. */
export function setLate(self, at, value) {
  // Assigned through an object that inherits from the global one, it is that object's.
  const own = self === undefined || self === root;
  defineProperty(own ? root : self, lateGlobals[at], property(value, !own));
}

/** A module that is loaded when it is used: `use()` gives it, and `loaded` if it is there already. */
class Part {
  loaded;
  constructor(path) {
    this.path = path;
  }
  use() {
    if (this.loaded === undefined) {
      const module = native.load_part(this.path);
      this.loaded ??= module; // what the module runs may be a guest's, and have used it already
    }
    return this.loaded;
  }
}

function lazily(path, globals = []) {
  const part = new Part(path);
  for (const name of globals) {
    lateGlobals.push(name);
    parts.push(part);
  }
  return part;
}

const rare = { __proto__: null };
/** A part that few guests need and that has no globals. */
export const part = (name) => (rare[name] ??= native.load_part(`facetbox:${name}`));

lazily("facetbox:console", ["console"]);
lazily("facetbox:weak", ["WeakRef", "FinalizationRegistry"]);
lazily("facetbox:timers", ["setTimeout", "setInterval", "clearTimeout", "clearInterval"]);
lazily("facetbox:absent", ["EventSource", "HTMLRewriter", "MessageChannel",
  "WebSocket", "WebSocketPair", "caches"]);
export const urls = lazily("facetbox:urls", ["URL", "URLSearchParams"]);
lazily("facetbox:patterns", ["URLPattern"]);
export const web = lazily("facetbox:web", ["TextEncoder", "TextDecoder", "Blob", "atob", "btoa", "structuredClone"]);
export const events = lazily("facetbox:events", ["Event", "CustomEvent", "EventTarget", "AbortSignal", "AbortController"]);
export const keys = lazily("facetbox:crypto", ["crypto", "CryptoKey"]);
lazily("facetbox:compression", ["CompressionStream", "DecompressionStream"]);
export const messages = lazily("facetbox:fetch", ["Headers", "Request", "Response"]);
export const streams = lazily("facetbox:streams", ["ReadableStream", "ReadableStreamDefaultReader", "ReadableStreamDefaultController"]);
export const byob = lazily("facetbox:byob", ["ReadableStreamBYOBReader", "ReadableStreamBYOBRequest"]);
export const pipes = lazily("facetbox:pipes", ["WritableStream", "WritableStreamDefaultWriter", "WritableStreamDefaultController", "TransformStream",
  "TransformStreamDefaultController", "IdentityTransformStream", "FixedLengthStream", "TextEncoderStream", "TextDecoderStream",
  "CountQueuingStrategy", "ByteLengthQueuingStrategy"]);
export const forms = lazily("facetbox:forms", ["FormData", "File"]);
export const intl = lazily("facetbox:intl", ["Intl"]);
export const references = lazily("facetbox:references");
export const capabilities = lazily("facetbox:capabilities");
export const loaders = lazily("facetbox:loaders");
export const stubs = lazily("facetbox:stubs");
export const cursors = lazily("facetbox:cursors");
export const transactions = lazily("facetbox:transactions");

/** A promise that the bodies in a value are data, of what a guest streams; undefined if they are already. */
export const gathering = (value) => (streams.loaded === undefined ? undefined : messages.loaded?.gathering(value));
