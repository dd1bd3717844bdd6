// What using a stub takes, beside the stub itself: calls, and the members of what isn't there yet.

import { later, native } from "facetbox:base";
import { capOf, Held, illegal, refusal, unsent } from "facetbox:held";
import { capabilities, gathering, messages } from "facetbox:lazy";
import { attempt } from "facetbox:operations";
import { Proxy } from "facetbox:proxies";

const { release, takeArrived } = capabilities.use();

/** Whether nothing has to be done before a stub can be used. */
const isReady = (state) => state.waiting === undefined && state.cap !== undefined && (state.start === undefined || native.is_bound(state.cap));

/** Undefined if a stub can be used, or a promise that it can. */
function readiness(state) {
  if (state.waiting !== undefined) return state.waiting;
  let waiting;
  if (state.cap === undefined) {
    waiting = state.deferred.then((cap) => {
      state.cap = cap;
    });
  } else if (state.start !== undefined) {
    const binding = native.bind(state.cap);
    if (binding === "bound") return undefined;
    waiting = binding === "wait" ? native.wait_for_start(state.cap) : startFacet(state);
  } else {
    return undefined;
  }
  const done = () => {
    state.waiting = undefined;
  };
  state.waiting = waiting;
  waiting.then(done, done);
  return waiting;
}

async function startFacet(state) {
  try {
    const given = await state.start();
    if (typeof given !== "object" || given === null) {
      throw new TypeError("The start callback of a facet must return an object with a class.");
    }
    const what = "The start callback of a facet must return an object whose class is a Durable Object class";
    native.start(state.cap, await capOf(given.class, what), idOption(given.id));
  } catch (error) {
    native.start_failed(state.cap, error);
    throw error;
  }
}

function idOption(id) {
  return id == null ? undefined : (Held.get(id)?.cap ?? `${id}`);
}

/** Starts the facet of a stub, if it isn't running. */
export async function started(stub) {
  const state = Held.get(await stub);
  if (state?.start === undefined) throw illegal();
  await readiness(state);
}

/** Begins an operation on a stub as soon as it can be used. Order is kept. */
function use(state, begin) {
  try {
    const ready = readiness(state);
    return ready === undefined ? begin() : ready.then(() => begin());
  } catch (error) {
    return Promise.reject(error);
  }
}

function call(state, method, args) {
  try {
    const waiting = gathering(args);
    if (waiting !== undefined) return waiting.then(() => call(state, method, args));
    if (isReady(state)) return native.call(state.cap, method, args);
    const packed = native.pack(args); // copied now, whenever it is sent
    return use(state, () => native.call(state.cap, method, packed));
  } catch (error) {
    return Promise.reject(error);
  }
}

/** The states of the stubs of functions and objects in a value that has arrived. */
function stubsIn(value, found) {
  const state = Held.get(value);
  if (state?.isReference) found.push(state);
  else if (state === undefined && typeof value === "object" && value !== null) {
    const isList = value instanceof Map || value instanceof Set;
    const parts = isList ? [...value].flat() : Object.keys(value).map((key) => value[key]);
    for (const part of parts) stubsIn(part, found);
  }
  return found;
}

function nothing() {}

/** What a call answers with may be declared with `using`, which disposes of the stubs in it. Called by the driver. */
export function disposable(value) {
  const hasArrived = takeArrived();
  if (!(Symbol.dispose in value)) {
    const held = hasArrived ? stubsIn(value, []) : [];
    const dispose = held.length === 0 ? nothing : () => held.forEach(release);
    Object.defineProperty(value, Symbol.dispose, { __proto__: null, value: dispose, writable: true, configurable: true });
  }
  return value;
}

const remoteError = (message) => Object.assign(new TypeError(message), { remote: true });

export function callIt(value, name, args) {
  if (typeof value !== "function") throw remoteError(`"${name}" is not a function.`);
  return value(...args);
}

function member(value, name) {
  const isObject = typeof value === "object" && value !== null;
  const found = Held.get(value) !== undefined || (isObject && Object.hasOwn(value, name)) ? value[name] : undefined;
  if (found === undefined) throw remoteError(`The RPC receiver does not implement the method "${name}".`);
  return found;
}

// All that is remote are proxies of this function, which has nothing of its own.
const target = () => {};
delete target.name;
delete target.length;
Object.preventExtensions(target);

/** Something remote that is called, awaited, and has members. Guests don't reach it, nor what it inherits. */
const REMOTE = {
  __proto__: null,
  get(_, name) {
    if (name === "then" || name === "catch" || name === "finally") {
      const promise = this.read();
      return name === "then" ? (done, failed) => promise.then(done, failed) : promise[name].bind(promise);
    }
    if (typeof name === "string") return name === "constructor" ? this.type : memberOf(this.read(), name);
    if (name === refusal) return unsent(this.type.name);
    if (name === Symbol.dispose) return this.dispose && (() => this.dispose());
    if (name === Symbol.toStringTag) return this.tag;
    return name === Symbol.toPrimitive ? () => `[object ${this.tag}]` : undefined;
  },
  apply(_, __, args) {
    return promised(this.call(args));
  },
};

/** A promise of what a call answers with, which can be called and has members before that is there. */
const PROMISE = {
  __proto__: REMOTE,
  tag: "JsRpcPromise",
  type: class RpcPromise {},
  read() {
    return this.promise;
  },
  call(args) {
    return this.promise.then((value) => callIt(value, "(this)", args));
  },
  dispose() {
    this.promise.then((value) => value?.[Symbol.dispose]?.()).catch(nothing);
  },
};

const PROPERTY = { __proto__: REMOTE, tag: "JsRpcProperty", type: class RpcProperty {} };

const promised = (promise) => new Proxy(target, { __proto__: PROMISE, promise });
const remoteMember = (call, read) => new Proxy(target, { __proto__: PROPERTY, call, read });

/** A member of what a promise will give. */
function memberOf(promise, name) {
  promise.catch(nothing); // whoever uses the member sees it
  return remoteMember(
    (args) => promise.then((value) => callIt(member(value, name), name, args)),
    () => promise.then((value) => member(value, name)),
  );
}

/** What sends a stub's requests. */
export function fetchOf(state) {
  const send = (request) => use(state, () => native.fetch(state.cap, request));
  return (input, init) => later(() => messages.use().exchange(messages.use().requestOf(input, init), send));
}

/** A member of a stub. */
export const memberOfStub = (state, name) =>
  remoteMember(
    (args) => call(state, name, args),
    () => use(state, () => native.get(state.cap, name)),
  );

/** A member of what a stub of an object stands for, whose capability `alive` gives. */
export const memberOfObject = (alive, name) =>
  remoteMember(
    (args) => {
      try {
        const waiting = gathering(args);
        if (waiting === undefined) return native.call_object(alive(), name, args);
        return waiting.then(() => native.call_object(alive(), name, args));
      } catch (error) {
        return Promise.reject(error);
      }
    },
    () => attempt(() => native.get_object_member(alive(), name)),
  );

/** Calls what a stub of a function stands for: one of the host gives a plain promise, one of a guest what has members. */
export function callFunction(alive, args, isOfGuest) {
  const answer = attempt(() => native.call_function(alive(), args), args);
  return isOfGuest ? promised(answer) : answer;
}
