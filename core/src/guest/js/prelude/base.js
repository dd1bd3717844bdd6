// Tools that the guest API is built on.
//
// What guests do to built-in prototypes harms only themselves: Rust checks whatever leaves the guest.
// Hidden state is kept in private fields, out of reach of tampering: the methods of a weak map could be
// replaced by ones that see it.

export const native = globalThis.facetboxNative;
delete globalThis.facetboxNative;

const { apply, getPrototypeOf } = Reflect;
const { trunc } = Math;
const { isError } = Error;

export const uncurry = (method) => (self, ...args) => apply(method, self, args);
export const getter = (prototype, name) => uncurry(Object.getOwnPropertyDescriptor(prototype, name).get);

// The frames that a guest is shown tell the names of functions, but don't give the functions: among them are
// the prelude's own.
Error.prepareStackTrace = (_, frames) => delete getPrototypeOf(frames[0]).getFunction;
new Error();
Error.prepareStackTrace = undefined;

// The engine never lets go of what it was given for the first of these, nor of what it was given for the second unless that
// is a function: an object would outlive its machine, which aborts the process.
const limit = Object.getOwnPropertyDescriptor(Error, "stackTraceLimit");
const prepare = Object.getOwnPropertyDescriptor(Error, "prepareStackTrace");
let frameLimit, prepared; // what the guest has set

// The engine reads how many frames to write down each time, here from a text that isn't ASCII: its copy of that takes more
// memory than it keeps at hand. That it asks for some at the end of the stack shows that the stack is used up.
const MAX_FRAMES = 64;
const SPACES = "\u00a0".repeat(256);
const texts = { __proto__: null };

Object.defineProperties(Error, {
  stackTraceLimit: {
    get: () => frameLimit,
    set(value) {
      frameLimit = +value;
      const most = frameLimit >= MAX_FRAMES ? MAX_FRAMES : frameLimit >= 1 ? trunc(frameLimit) : 0;
      apply(limit.set, Error, [(texts[most] ??= `${most}${SPACES}`)]);
    },
    configurable: true,
  },
  prepareStackTrace: {
    get: () => prepared,
    set(value) {
      prepared = value;
      apply(prepare.set, Error, [typeof value === "function" ? value : undefined]);
    },
    configurable: true,
  },
});
Error.stackTraceLimit = MAX_FRAMES;

/** The prelude's frames: its code has no places. */
const OWN_FRAMES = /^ +at .*\(<null>.*\n/gm;

// Programs print the stack alone, so it begins with what went wrong, as V8's does.
const stack = Object.getOwnPropertyDescriptor(Error.prototype, "stack");
/** The frames of an error, if it is one and has any. */
export const framesOf = (error) => apply(stack.get, error, []);
/** The same without code of ours, for guests that have no stack left to run it. */
export const engineStack = stack.get;
Object.defineProperty(Error.prototype, "stack", {
  get() {
    const frames = framesOf(this);
    if (typeof frames === "string") return headed(this, frames.replace(OWN_FRAMES, ""));
    // One of ours that nobody has thrown yet.
    return frames === undefined && isError(this) ? `${this}` : frames;
  },
  set: stack.set,
  configurable: true,
});
export const headed = (error, frames) => `${error}\n${frames}`;

const capture = Error.captureStackTrace;
const errorText = uncurry(Error.prototype.toString);
Object.defineProperty(Error, "captureStackTrace", {
  value: function captureStackTrace(object, caller = captureStackTrace) {
    capture(object, caller);
    const { stack } = object;
    if (typeof stack === "string") object.stack = `${errorText(object)}\n${stack}`;
  },
  writable: true,
  configurable: true,
});

const TypedArray = getPrototypeOf(Uint8Array);
const viewBuffer = getter(TypedArray.prototype, "buffer");
const viewOffset = getter(TypedArray.prototype, "byteOffset");
const viewTag = getter(TypedArray.prototype, Symbol.toStringTag);
const viewLength = getter(TypedArray.prototype, "byteLength");
const dataBuffer = getter(DataView.prototype, "buffer");
const dataOffset = getter(DataView.prototype, "byteOffset");
const dataLength = getter(DataView.prototype, "byteLength");
const bufferLength = getter(ArrayBuffer.prototype, "byteLength");

export const isView = ArrayBuffer.isView;

/** The name of the class of an object. */
export function className(value) {
  try {
    const name = getPrototypeOf(value)?.constructor?.name;
    return typeof name === "string" && name !== "" ? name : "Object";
  } catch {
    return "Object";
  }
}

export function isBuffer(value) {
  try {
    bufferLength(value);
    return true;
  } catch {
    return false;
  }
}

/** The name of the class of a view, whatever a guest has made of its prototypes. */
export const viewName = (view) => viewTag(view) ?? "DataView";

/** Where the bytes of a view are: its buffer, offset and length. */
export function viewParts(view) {
  return view instanceof DataView
    ? [dataBuffer(view), dataOffset(view), dataLength(view)]
    : [viewBuffer(view), viewOffset(view), viewLength(view)];
}

/** A copy of the bytes of a buffer or view. */
export function bytesOf(source, what) {
  if (isView(source)) return new Uint8Array(...viewParts(source)).slice();
  if (isBuffer(source)) return new Uint8Array(source).slice();
  throw new TypeError(`${what} must be an ArrayBuffer or a view of one.`);
}

export const toText = (bytes) => native.decode_utf8(bytes, false, false, false)[0];
export const toBytes = (text) => native.encode_utf8(`${text}`.toWellFormed());

/**
 * The engine describes the properties of objects by shapes, which objects share, and forgets those that no object has. Each
 * function it makes gets its length and then its name: here is one in between, so that the shape isn't made each time.
 */
export const unnamed = Object.defineProperty(Object.create(Function.prototype), "length", { __proto__: null, value: 0, configurable: true });

/** A promise of what `work` gives, errors included. */
export async function later(work) {
  return work();
}

class Stamped {
  constructor(object) {
    return object;
  }
}

/** Makes a place for state that belongs to objects: set once, with `new Hidden(object, state)`. */
export function hidden() {
  return class Hidden extends Stamped {
    #state;
    constructor(object, state) {
      super(object);
      this.#state = state;
    }
    static get(value) {
      return ((typeof value === "object" && value !== null) || typeof value === "function") && #state in value ? value.#state : undefined;
    }
  };
}

/** Prototypes of the API's own classes. */
export const platform = new WeakSet();

/** Whether an object is one of the API's own. */
export function isOfPlatform(object) {
  for (let level = object; level !== null; level = getPrototypeOf(level)) {
    if (platform.has(level)) return true;
  }
  return false;
}

/** Lets Object.prototype.toString name the instances of a class. */
export function tag(constructor, name = constructor.name) {
  platform.add(constructor.prototype);
  Object.defineProperty(constructor.prototype, Symbol.toStringTag, { __proto__: null, value: name, configurable: true });
}

/** Makes globals as the standard has them: not enumerable. */
export function define(globals) {
  for (const name of Object.keys(globals)) {
    Object.defineProperty(globalThis, name, {
      value: globals[name],
      writable: true,
      configurable: true,
      enumerable: false,
    });
  }
}

/** Calls add(name, value) for each entry of a sequence of pairs or of an object. */
export function eachEntry(init, what, add) {
  if (typeof init !== "object" && typeof init !== "function") {
    throw new TypeError(`${what} can't be made from a ${typeof init}.`);
  }
  if (init[Symbol.iterator] == null) {
    for (const name of Object.keys(init)) add(name, init[name]);
    return;
  }
  for (const entry of init) {
    const pair = [...entry];
    if (pair.length !== 2) {
      throw new TypeError(`Each entry of ${what} must be a pair of a name and a value.`);
    }
    add(pair[0], pair[1]);
  }
}

// Flat lists of names and values -------------------------------------------------------------------

export const valuesOf = (list, name) =>
  list.filter((_, at) => at % 2 === 1 && list[at - 1] === name);

export const hasName = (list, name) => list.some((part, at) => at % 2 === 0 && part === name);

/** Removes the entries for which drop(name, value) holds. */
export function removeEntries(list, drop) {
  let to = 0;
  for (let at = 0; at < list.length; at += 2) {
    if (drop(list[at], list[at + 1])) continue;
    list[to] = list[at];
    list[to + 1] = list[at + 1];
    to += 2;
  }
  list.length = to;
}

/** Replaces the first entry of that name and removes the others, or appends one. */
export function setEntry(list, name, value) {
  const place = list.findIndex((part, at) => at % 2 === 0 && part === name);
  if (place < 0) {
    list.push(name, value);
    return;
  }
  list[place + 1] = value;
  let seen = false;
  removeEntries(list, (other) => other === name && (seen || !(seen = true)));
}

// Modules are loaded late, when a guest may have replaced these.
const { defineProperty } = Object;
const { ownKeys } = Reflect;

const walks = {
  forEach(callback, self) {
    for (const [name, value] of this) Reflect.apply(callback, self, [value, name, this]);
  },
  *keys() {
    for (const [name] of this.entries()) yield name;
  },
  *values() {
    for (const [, value] of this.entries()) yield value;
  },
  [Symbol.iterator]() {
    return this.entries();
  },
};

/** Gives a class that has `entries()` the other ways to walk them. */
export function walked(constructor) {
  for (const name of ownKeys(walks)) {
    defineProperty(constructor.prototype, name, { __proto__: null, value: walks[name], writable: true, configurable: true });
  }
}
