/** Stubs, and what serves them over HTTP. @module */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import type { AbortedError, UnsupportedError } from "./errors.js";
import type { Namespace, ObjectId, Usage } from "./namespace.js";
import type { DurableObject, Facets, RpcTarget } from "./object.js";

/** What every stub has: sending requests. */
export interface Fetcher {
  /**
   * Sends a request to the object's fetch handler. Bodies are read whole. The host of the URL means
   * nothing. The signal of the request, or of `init`, cancels it; see {@link Stub.with}.
   */
  fetch(input: string | URL | Request, init?: RequestInit): Promise<Response>;
}

/**
 * Makes the listener of a `node:http`, `https` or `http2` server whose requests a stub, a deployment or a
 * function answers: `createServer(createRequestListener(stub))`. A function may also choose who answers:
 * `createRequestListener((request) => apps.getByName(new URL(request.url).hostname))`. When the client goes away, the request is
 * canceled. Servers that take a `fetch` function need no adapter: `stub.fetch` is one.
 */
export function createRequestListener(
  target: Fetcher | ((request: Request) => Response | Fetcher | Promise<Response | Fetcher>),
  options?: {
    /** Larger bodies are answered with 413. Default 32 MiB. */
    maxBodyBytes?: number;
    /**
     * What is answered when the handler fails; by default, or without a response, status 500. The default
     * emits a warning. What failed is never told to the client.
     */
    onError?: (error: unknown) => Response | void | Promise<Response | void>;
  },
): (incoming: IncomingMessage | Http2ServerRequest, outgoing: ServerResponse | Http2ServerResponse) => void;

/** The methods of `T` as a stub has them. Calls on one stub arrive in the order they are made. */
export type Methods<T> = 0 extends 1 & T
  ? Record<string, any>
  : {
      [K in Exclude<keyof T, keyof DurableObject | "alarm" | "startFacet" | "constructor">]: T[K] extends (
        ...args: infer Args
      ) => infer Result
        ? (...args: Args) => Promise<Received<Awaited<Result>>>
        : never;
    };

/** A value as its receiver has it: what is passed by reference comes as a stub. */
export type Received<V> = 0 extends 1 & V
  ? V
  : V extends ((...args: never[]) => unknown) | RpcTarget
    ? RpcStub<V>
    : V;

/**
 * A function, or an instance of {@link RpcTarget}, that a guest has passed in arguments or a result: its
 * calls are promises, and arrive in the order they are made. It works while the instance that has made it
 * runs, and fails with {@link AbortedError} once that has hibernated, was aborted or hit a limit.
 */
export type RpcStub<T = any> = (T extends (...args: infer Args) => infer Result
  ? (...args: Args) => Promise<Received<Awaited<Result>>>
  : Methods<T>) & {
  /** Lets the guest forget it now instead of when it is collected here; calls fail from then on. */
  [Symbol.dispose](): void;
};

/** Takes functions, objects and stubs back, at once and from whoever has got them meanwhile. Dropping it revokes nothing. */
export class Revoker {
  /**
   * A function, object or stub that works as `value` does until {@link Revoker.revoke}, to be put into an `env`, props or
   * arguments in its place; of an array or plain object, such as an `env`, a copy in which each of them does. Data is
   * copied. Functions and objects of this process are called through promises then, as {@link RpcStub}s are.
   *
   * @throws {InvalidArgument} for classes, namespaces, loaders and stubs of facets, which can't be taken back: abort the
   * facet that has them.
   * @throws {ValueError} for what can't cross.
   */
  wrap<T>(value: T): Received<T>;
  /**
   * Takes back all that was wrapped, and what will be: calls fail with {@link AbortedError} in whoever makes them, those
   * that are on their way included. A function that runs for one goes on to its end, but its answer is lost. What calls
   * have answered before isn't taken back.
   */
  revoke(): void;
  /** Whether that has been done. */
  readonly isRevoked: boolean;
}

/**
 * The address of an object. It binds to the running instance at its first use; when that breaks, the
 * stub keeps failing with its error, and a new stub reaches a new instance.
 */
export type Stub<T = any> = FacetStub<T> & { readonly id: ObjectId; readonly name?: string };

/** The address of a facet or an entrypoint. Facet stubs can't be sent. */
export type FacetStub<T = any> = Fetcher &
  Methods<T> & {
    /** Does nothing: what a stub holds is released when nobody refers to it any more. */
    [Symbol.dispose](): void;
  };

/**
 * What can be done with a stub beside calling it. These are functions of their own because every name on
 * a stub is a method of what it addresses.
 */
export const Stub: {
  /**
   * Calls a method by its name, whatever that is: `stub.then`, `stub.toJSON`, `stub.toString` and the like are no methods
   * of the object. For names that aren't known beforehand.
   */
  call(stub: Fetcher, method: string, args?: readonly unknown[]): Promise<any>;
  /**
   * A stub of the same address whose calls are canceled by a signal. A call that is canceled rejects
   * with the signal's reason; its event ends where it waits, and what it wrote before that stays.
   * A handler written in JavaScript isn't stopped, only not waited for: for requests it is told by
   * `request.signal`, which cancels the requests that it has passed on.
   */
  with<S extends Fetcher>(stub: S, options: { signal: AbortSignal }): S;
  /**
   * Whether the object has data, or the facet exists. Neither is started.
   *
   * @throws {UnsupportedError} for an entrypoint, as the functions below.
   */
  exists(stub: Fetcher): Promise<boolean>;
  /** What the object or facet takes; see {@link Namespace.usage} and {@link Facets.usage}. */
  usage(stub: Fetcher): Promise<Usage>;
  /** Copies the object or facet to a new directory; see {@link Namespace.export} and {@link Facets.export}. */
  export(stub: Fetcher, path: string | URL): Promise<void>;
};
