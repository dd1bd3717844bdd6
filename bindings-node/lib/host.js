"use strict";

// What the native half asks of host code: instances of classes, and calls of methods and functions.

const native = require("./native.js");
const errors = require("./errors.js");
const references = require("./references.js");
const scope = require("./scope.js");
const { attend, bridge, count, on } = require("./bridge.js");
const { packResult, packThrown } = require("./codec.js");
const { Ctx } = require("./context.js");
const { DurableObject, methodOf } = require("./durable-object.js");
const { requestOf, responseMap } = require("./http.js");
const { warn } = require("./warnings.js");

/** Runs `work` now, and answers an ask with what comes of it. `owner` is the ctx of the object whose code it is. */
async function answer(ask, work, owner) {
  count(-1);
  try {
    const value = await scope.run(ask, owner, work);
    const packed = packResult(value);
    const [bytes, capabilities] = packed instanceof Promise ? await packed : packed;
    bridge.answer(ask, bytes, capabilities);
  } catch (thrown) {
    bridge.fail(ask, packThrown(thrown));
  }
  count(1);
  attend(); // whoever has asked goes on, and may soon ask again
}

function construct(ask, target, name, env, owner) {
  const Class = references.get(target);
  try {
    const instance = scope.run(ask, owner, () => new Class(new Ctx(owner), env.value()));
    const hasAlarm = methodOf(instance, "alarm") !== undefined;
    bridge.answerInstance(ask, references.add({ instance, owner }), hasAlarm);
  } catch (thrown) {
    bridge.fail(ask, packThrown(thrown));
  }
}

/** What cancels the requests that are being answered, by their asks. */
const answering = new Map();

async function fetch(ask, target, name, request) {
  const { instance, owner } = references.get(target);
  const method = methodOf(instance, "fetch");
  if (!method) return bridge.noFetchHandler(ask);
  const controller = new AbortController();
  const work = async () =>
    responseMap(await method.call(instance, requestOf(request.value(), controller.signal)));
  answering.set(ask, controller);
  await answer(ask, work, owner);
  answering.delete(ask);
}

function call(ask, target, name, args) {
  const { instance, owner } = references.get(target);
  if (!(instance instanceof DurableObject)) return bridge.fail(ask, packThrown(noRpc()));
  const method = methodOf(instance, name);
  if (!method) return bridge.noSuchMethod(ask, name);
  return answer(ask, () => method.apply(instance, args.value()), owner);
}

function alarm(ask, target, name, info) {
  const { instance, owner } = references.get(target);
  const method = methodOf(instance, "alarm");
  if (!method) return bridge.noAlarmHandler(ask);
  const work = async () => {
    try {
      await method.call(instance, info.value());
    } catch (thrown) {
      warn("An alarm's handler failed", thrown);
      throw thrown;
    }
  };
  return answer(ask, work, owner);
}

function invoke(ask, target, name, args) {
  const callee = references.get(target);
  return answer(ask, () => callee(...args.value()));
}

function dispatch(ask, target, name, args) {
  const object = references.get(target);
  const method = methodOf(object, name);
  if (!method) return bridge.noSuchMethod(ask, name);
  return answer(ask, () => method.apply(object, args.value()));
}

function noRpc() {
  return errors.make(
    "NOT_FOUND",
    "The receiving Durable Object does not support RPC, because its class was not declared with `extends DurableObject`. In order to enable RPC, make sure your class extends the special class `DurableObject`, which can be imported from the package \"facetbox\".",
  );
}

on(native.Kind.Construct, construct);
on(native.Kind.Cancel, (ask) => answering.get(ask)?.abort());
on(native.Kind.Fetch, fetch);
on(native.Kind.Call, call);
on(native.Kind.Alarm, alarm);
on(native.Kind.Invoke, invoke);
on(native.Kind.Dispatch, dispatch);
