/** Classes whose instances are objects or facets, and what an instance sees. @module */

export {}; // what isn't marked is private to this file

import type { InvalidArgument, LimitError, NotFoundError } from "./errors.js";
import type { DurableObjectClass } from "./loader.js";
import type { Namespace, ObjectId, Usage } from "./namespace.js";
import type { OpenOptions } from "./runtime.js";
import type { Storage } from "./storage.js";
import type { FacetStub } from "./stub.js";

/** What {@link DurableObject.alarm} is told. */
export interface AlarmInfo {
  /** The time that the alarm was set to, in Unix milliseconds; the same for every retry. */
  readonly scheduledTime: number;
  /** How often the handler has failed before. */
  readonly retryCount: number;
  /** Whether it has. */
  readonly isRetry: boolean;
}

/** A class written in JavaScript, as it is given to a namespace or a facet. */
export type HostClass<T = any, Env = any> = new (ctx: Ctx, env: Env) => T;

/**
 * The base of classes whose instances are objects or facets.
 *
 * Stubs can call the methods of the classes below it; own properties and accessors are out of reach.
 * Methods run on the event loop, one instance per object in the whole runtime. An instance that has had
 * no event for {@link OpenOptions.idleMs} is dropped with all that is in its fields, and the next event
 * makes another; what is to last belongs in storage. Timers and promises of its own don't keep it.
 */
export class DurableObject<Env = any> {
  protected ctx: Ctx;
  protected env: Env;
  constructor(ctx: Ctx, env: Env);
  /** Answers the requests that stubs send with `fetch`. */
  fetch?(request: Request): Response | Promise<Response>;
  /**
   * Runs when the alarm that {@link Storage.setAlarm} has set is due, at least once for each; stubs can't
   * call it. If it throws or rejects, a warning is emitted, and it is tried again up to six times: after 2
   * seconds, then 4, 8, 16, 32 and 64, each up to a quarter longer. After that the alarm is given up.
   */
  alarm?(info: AlarmInfo): void | Promise<void>;
  /**
   * Answers a stub of a facet, as {@link Facets.get} gives it: asked when the facet's alarm is due and it
   * isn't running, because only this class knows what runs there. Without it the alarm waits until the facet
   * is started otherwise.
   */
  startFacet?(name: string): FacetStub | Promise<FacetStub>;
}

/** Tells what passes by reference from what is copied. */
declare const byReference: unique symbol;

/**
 * The base of classes whose instances may be sent to guests anywhere, not only in `env`. Guests can call
 * methods whose names don't start with an underscore.
 */
export class RpcTarget {
  protected readonly [byReference]: true;
}

/** What an instance sees of its own object or facet: Cloudflare's `DurableObjectState`. */
export interface Ctx {
  /** The object's id; for a facet its parent's. Where its supervisor chose a text instead, it is that text. */
  readonly id: ObjectId;
  /** What the class was bound with; an empty object without. */
  readonly props: any;
  readonly storage: Storage;
  readonly facets: Facets;
  /**
   * Discards what is uncommitted and breaks the object and its facets: everyone who calls it through a
   * stub that is bound gets the reason. Never returns: it throws.
   */
  abort(reason?: string): never;
  /**
   * Keeps other events out until the callback's promise is settled, but for calls that come back from the
   * callback's own. If it fails or takes longer than {@link Limits.blockMs}, the object is reset, and its callers
   * get the error. In a constructor no event is let in before it has ended. May be nested, 64 deep.
   */
  blockConcurrencyWhile<R>(callback: () => R | Promise<R>): Promise<R>;
  /** Lets work go on after the answer; the instance isn't dropped as idle before. If it fails, a warning is emitted. */
  waitUntil(promise: Promise<unknown>): void;
}

/** The facets of one object or facet: its named children, each with a database of its own. */
export interface Facets {
  /**
   * A stub of the facet. Nothing starts before its first use; the callback runs then, once, unless the
   * facet runs already.
   *
   * @throws {InvalidArgument} for a name that is empty or longer than 256 bytes.
   * @throws {LimitError} when facets would be nested deeper than the limit.
   */
  get<T = any>(name: string, start: () => FacetOptions<T> | Promise<FacetOptions<T>>): FacetStub<T>;
  /** Stops the facet and its descendants; their stubs fail with the reason. Data is kept. */
  abort(name: string, reason?: unknown): void;
  /** Stops the facet and deletes its data, together with what this object writes in the same turn. */
  delete(name: string): void;
  /** Replaces facet `dst` and its descendants by a copy of `src`. */
  clone(src: string, dst: string): void;
  /** The names of the facets that exist, running or not, in order. */
  list(): string[];
  /** Whether the facet exists, running or not. */
  exists(name: string): boolean;
  /**
   * What the facet takes with all its own facets.
   *
   * @throws {NotFoundError} if there is no such facet.
   */
  usage(name: string): Promise<Usage>;
  /**
   * Copies the facet with its own facets to a new directory, as they were last committed. The directory
   * can be imported as an object; see {@link Namespace.export}.
   *
   * @throws {InvalidArgument} if the path exists.
   * @throws {NotFoundError} if there is no such facet, or it has no data.
   */
  export(name: string, path: string | URL): Promise<void>;
}

/** What a facet's start callback answers. */
export interface FacetOptions<T = any> {
  class: HostClass<T> | DurableObjectClass<T>;
  /** What the facet sees as its id; by default its parent's. */
  id?: ObjectId | string;
}
