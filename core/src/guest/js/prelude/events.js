// Events and abort signals.

import { native, tag } from "facetbox:base";

let sendTo, isStopped;

class Event {
  #type;
  #options;
  #target = null;
  #isCurrent = false;
  #isPrevented = false;
  #isStopped = false;
  static {
    sendTo = (event, target) => {
      event.#target = target ?? event.#target;
      event.#isCurrent = target !== undefined;
    };
    isStopped = (event) => event.#isStopped;
  }
  constructor(type, options) {
    this.#type = `${type}`;
    this.#options = { ...options };
    this.timeStamp = performance.now();
  }
  get type() {
    return this.#type;
  }
  get target() {
    return this.#target;
  }
  get srcElement() {
    return this.#target;
  }
  get currentTarget() {
    return this.#isCurrent ? this.#target : null;
  }
  get eventPhase() {
    return this.#isCurrent ? 2 : 0;
  }
  get bubbles() {
    return Boolean(this.#options.bubbles);
  }
  get cancelable() {
    return Boolean(this.#options.cancelable);
  }
  get composed() {
    return Boolean(this.#options.composed);
  }
  get isTrusted() {
    return false;
  }
  get defaultPrevented() {
    return this.#isPrevented;
  }
  preventDefault() {
    this.#isPrevented = this.cancelable;
  }
  stopPropagation() {}
  stopImmediatePropagation() {
    this.#isStopped = true;
  }
  composedPath() {
    return this.#isCurrent ? [this.#target] : [];
  }
}

class CustomEvent extends Event {
  #detail;
  constructor(type, options) {
    super(type, options);
    this.#detail = options?.detail;
  }
  get detail() {
    return this.#detail;
  }
}

class EventTarget {
  #listeners = [];
  addEventListener(type, listener, options) {
    const signal = options?.signal;
    const known = this.#listeners.some((known) => known.type === type && known.listener === listener);
    if (listener == null || known || signal?.aborted) return;
    this.#listeners.push({ type, listener, once: Boolean(options?.once) });
    signal?.addEventListener("abort", () => this.removeEventListener(type, listener), { once: true });
  }
  removeEventListener(type, listener) {
    const at = this.#listeners.findIndex((known) => known.type === type && known.listener === listener);
    if (at < 0) return;
    this.#listeners[at].isRemoved = true;
    this.#listeners.splice(at, 1);
  }
  dispatchEvent(event) {
    const called = this.#listeners.filter((known) => known.type === event.type);
    this.#listeners = this.#listeners.filter((known) => !known.once || known.type !== event.type);
    sendTo(event, this);
    // As in workerd, which has the handler of an abort signal among the listeners, though, as the standard says.
    const own = this instanceof AbortSignal ? undefined : this[`on${event.type}`];
    if (typeof own === "function") called.unshift({ listener: own });
    for (const { listener, isRemoved } of called) {
      if (isStopped(event)) break;
      if (isRemoved) continue;
      try {
        if (typeof listener === "function") Reflect.apply(listener, this, [event]);
        else listener.handleEvent(event);
      } catch (error) {
        native.exception(error);
      }
    }
    sendTo(event);
    return !event.defaultPrevented;
  }
}

let abortSignal;
export let newSignal;

class AbortSignal extends EventTarget {
  static #making = false;
  #aborted = false;
  #reason;
  #onabort = null;
  #handle;
  static {
    newSignal = () => {
      AbortSignal.#making = true;
      return new AbortSignal();
    };
    abortSignal = (signal, reason = new DOMException("The operation was aborted", "AbortError")) => {
      if (signal.#aborted) return;
      signal.#aborted = true;
      signal.#reason = reason;
      signal.dispatchEvent(new Event("abort"));
    };
  }
  constructor() {
    if (!AbortSignal.#making) throw new TypeError("Illegal constructor");
    AbortSignal.#making = false;
    super();
  }
  get aborted() {
    return this.#aborted;
  }
  get reason() {
    return this.#reason;
  }
  get onabort() {
    return this.#onabort;
  }
  set onabort(handler) {
    const next = typeof handler === "function" ? handler : null;
    this.#handle ??= (event) => Reflect.apply(this.#onabort, this, [event]);
    if (next === null) this.removeEventListener("abort", this.#handle);
    else if (this.#onabort === null) this.addEventListener("abort", this.#handle);
    this.#onabort = next;
  }
  throwIfAborted() {
    if (this.#aborted) throw this.#reason;
  }
  static abort(reason) {
    const signal = newSignal();
    abortSignal(signal, reason);
    return signal;
  }
  static timeout(delay) {
    const signal = newSignal();
    const error = new DOMException("The operation was aborted due to timeout", "TimeoutError");
    setTimeout(() => abortSignal(signal, error), delay);
    return signal;
  }
  static any(signals) {
    const signal = newSignal();
    for (const other of [...signals]) {
      if (other.aborted) abortSignal(signal, other.reason);
      else other.addEventListener("abort", () => abortSignal(signal, other.reason), { once: true });
    }
    return signal;
  }
}

class AbortController {
  #signal = newSignal();
  get signal() {
    return this.#signal;
  }
  abort(reason) {
    abortSignal(this.#signal, reason);
  }
}

[Event, CustomEvent, EventTarget, AbortSignal, AbortController].forEach((constructor) => tag(constructor));
export const globals = { Event, CustomEvent, EventTarget, AbortSignal, AbortController };
