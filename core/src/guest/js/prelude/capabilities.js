// Stubs of objects, facets and entrypoints, and of what was passed by reference. What they do is loaded when one is used.

import { native } from "facetbox:base";
import { Held, hold } from "facetbox:held";
import { loaders, stubs } from "facetbox:lazy";
import { Proxy } from "facetbox:proxies";

/** Whether a name is one of a member; `then` would make a promise of what has it. */
const isName = (name) => typeof name === "string" && name !== "then";

/** The members of a stub, each made once. */
export function methodsOf(state) {
  const members = new Map();
  const make = (name) => (name === "fetch" ? stubs.use().fetchOf(state) : stubs.use().memberOfStub(state, name));
  return (name) => {
    if (!isName(name)) return undefined;
    let member = members.get(name);
    if (member === undefined) {
      member = make(name);
      members.set(name, member);
    }
    return member;
  };
}

const FETCHER = { __proto__: null, [Symbol.toStringTag]: "Fetcher", [Symbol.toPrimitive]: () => "[object Fetcher]" };

export function makeStub(state, own = {}) {
  const method = methodsOf(state);
  const target = Object.assign(Object.create(null), FETCHER, own);
  const get = (_, name) => (Object.hasOwn(target, name) ? target[name] : method(name));
  return hold(new Proxy(target, { __proto__: null, get }), state);
}

const DISPOSED = "RPC stub used after being disposed.";

/** The capability of what was passed by reference, until it is disposed of. */
function alive(state) {
  if (state.cap === undefined) throw new Error(DISPOSED);
  return state.cap;
}

/** Disposes of what was passed by reference. */
export function release(state) {
  state.cap = undefined;
  state.refusal = DISPOSED;
}

/** What all stubs of functions and objects have, beside the members of what they stand for. */
const ownMembers = (state, again) => ({
  __proto__: null,
  dup: () => again(alive(state)),
  onRpcBroken() {},
  [Symbol.dispose]: () => release(state),
});

function makeObject(cap) {
  const state = { cap, isReference: true };
  const members = new Map();
  const own = ownMembers(state, makeObject);
  const get = (_, name) => {
    if (name in own) return own[name];
    if (name === Symbol.toStringTag) return "JsRpcStub";
    if (name === Symbol.toPrimitive) return () => "[object JsRpcStub]";
    if (!isName(name)) return undefined;
    if (!members.has(name)) {
      members.set(name, stubs.use().memberOfObject(() => alive(state), name));
    }
    return members.get(name);
  };
  const apply = () => stubs.use().callIt(undefined, "(this)");
  return hold(new Proxy(() => {}, { __proto__: null, apply, get, has: (_, name) => name in own }), state);
}

function makeFunction(cap, isOfGuest) {
  const state = { cap, isReference: true };
  const stub = (...args) => stubs.use().callFunction(() => alive(state), args, isOfGuest);
  const own = ownMembers(state, (cap) => makeFunction(cap, isOfGuest));
  for (const name of Reflect.ownKeys(own)) Object.defineProperty(stub, name, { __proto__: null, value: own[name], configurable: true });
  return hold(stub, state);
}

/** A stub of a function or an RpcTarget of the guest's own. */
export function stubOf(target) {
  const stub = native.stub_of([target]);
  if (!Held.get(stub)?.isReference) throw new TypeError("An RpcStub stands for a function or an RpcTarget.");
  return stub;
}

// Made by Rust ------------------------------------------------------------------------------------

const makers = {
  stub: (cap, id, name) => makeStub({ cap }, id === undefined ? {} : { id, name }),
  object: makeObject,
  function: makeFunction,
};

let hasArrived = false;

/** Whether any of these has arrived since this was asked last. */
export function takeArrived() {
  const some = hasArrived;
  hasArrived = false;
  return some;
}

/** The guest's form of a capability that is no id. */
export function make(kind, ...parts) {
  hasArrived = true;
  return (makers[kind] ?? loaders.use().makers[kind])(...parts);
}
