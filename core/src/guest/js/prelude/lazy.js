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

function defineLazily(name, part) {
  const get = () => {
    const value = part.use().globals[name];
    // A guest may have put something in its place, and has kept the accessor; or it has frozen all globals.
    if (getOwnPropertyDescriptor(root, name)?.get === get) tryToDefine(root, name, property(value, false));
    return value;
  };
  defineProperty(root, name, {
    get,
    set(value) {
      // Assigned through an object that inherits from the global one, it is that object's.
      const own = this === undefined || this === root;
      defineProperty(own ? root : this, name, property(value, !own));
    },
    enumerable: false,
    configurable: true,
  });
}

/** What gives a module and has it load: `use()`; and the module if it is loaded: `loaded`. */
function lazily(path, globals = []) {
  const part = {
    loaded: undefined,
    use() {
      if (part.loaded === undefined) {
        const module = native.load_part(path);
        part.loaded ??= module; // what the module runs may be a guest's, and have used it already
      }
      return part.loaded;
    },
  };
  for (const name of globals) defineLazily(name, part);
  return part;
}

lazily("facetbox:console", ["console"]);
lazily("facetbox:timers", ["setTimeout", "setInterval", "clearTimeout", "clearInterval"]);
lazily("facetbox:absent", ["EventSource", "HTMLRewriter", "MessageChannel",
  "WebSocket", "WebSocketPair", "caches"]);
export const urls = lazily("facetbox:urls", ["URL", "URLSearchParams"]);
lazily("facetbox:patterns", ["URLPattern"]);
export const web = lazily("facetbox:web", ["TextEncoder", "TextDecoder", "Blob", "atob", "btoa", "structuredClone"]);
export const events = lazily("facetbox:events", ["Event", "CustomEvent", "EventTarget", "AbortSignal", "AbortController"]);
export const keys = lazily("facetbox:crypto", ["crypto", "CryptoKey"]);
export const ciphers = lazily("facetbox:ciphers");
export const signatures = lazily("facetbox:signatures");
lazily("facetbox:compression", ["CompressionStream", "DecompressionStream"]);
export const messages = lazily("facetbox:fetch", ["Headers", "Request", "Response"]);
export const streams = lazily("facetbox:streams", ["ReadableStream", "ReadableStreamDefaultReader", "ReadableStreamDefaultController"]);
export const byob = lazily("facetbox:byob", ["ReadableStreamBYOBReader"]);
export const pipes = lazily("facetbox:pipes", ["WritableStream", "WritableStreamDefaultWriter", "WritableStreamDefaultController", "TransformStream",
  "TransformStreamDefaultController", "IdentityTransformStream", "FixedLengthStream", "TextEncoderStream", "TextDecoderStream",
  "CountQueuingStrategy", "ByteLengthQueuingStrategy"]);
export const forms = lazily("facetbox:forms", ["FormData", "File"]);
export const intl = lazily("facetbox:intl", ["Intl"]);
export const locales = lazily("facetbox:locales");
export const zones = lazily("facetbox:zones");
export const references = lazily("facetbox:references");
export const stubs = lazily("facetbox:stubs");
export const cursors = lazily("facetbox:cursors");
export const transactions = lazily("facetbox:transactions");
