// Parts of the web API that code for Workers may know and that aren't here: each use says so. Methods that
// are absent are beside those that aren't.

const missing = (name) => new TypeError(`${name} is not supported.`);

const CLASSES = ["EventSource", "HTMLRewriter", "MessageChannel", "WebSocket", "WebSocketPair"];

export const globals = {
  caches: {
    get default() {
      throw missing("caches");
    },
    open: async () => {
      throw missing("caches");
    },
  },
};

for (const name of CLASSES) {
  const { [name]: constructor } = {
    [name]: class {
      constructor() {
        throw missing(name);
      }
    },
  };
  globals[name] = constructor;
}
