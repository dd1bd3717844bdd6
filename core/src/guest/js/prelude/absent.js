// Parts of the web API that code for Workers may know and that aren't here: each use says so.

import { define } from "facetbox:base";
import { Response } from "facetbox:fetch";
import { crypto } from "facetbox:web";

const missing = (name) => new TypeError(`${name} is not supported.`);

const CLASSES = ["CompressionStream", "DecompressionStream", "EventSource", "File", "FormData", "HTMLRewriter", "MessageChannel",
  "TransformStream", "URLPattern", "WebSocket", "WebSocketPair", "WritableStream"];
const SUBTLE = ["decrypt", "deriveBits", "deriveKey", "encrypt", "exportKey", "generateKey", "importKey", "sign", "timingSafeEqual",
  "unwrapKey", "verify", "wrapKey"];

for (const name of CLASSES) {
  const { [name]: constructor } = {
    [name]: class {
      constructor() {
        throw missing(name);
      }
    },
  };
  define({ [name]: constructor });
}

for (const name of SUBTLE) {
  crypto.subtle[name] = async () => {
    throw missing(`crypto.subtle.${name}()`);
  };
}

const caches = {
  get default() {
    throw missing("caches");
  },
  open: async () => {
    throw missing("caches");
  },
};

Response.error = () => {
  throw missing("Response.error()");
};
define({ caches });
