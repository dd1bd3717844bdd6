/** Guest code, and what comes of loading it. @module */

import type { InvalidArgument, LoadError, NotFoundError, UnsupportedError } from "./errors.js";
import type { Namespace } from "./namespace.js";
import type { Limits, Runtime } from "./runtime.js";
import type { FacetStub, Fetcher } from "./stub.js";
import type { TailEvent } from "./tail.js";

/** Loads guest code: the only way from text to a class. */
export class Loader {
  private constructor();
  /**
   * The worker cached as `id`, loaded from what the callback answers if there is none. Without an id
   * nothing is cached. What goes wrong shows at the first use of the worker, and isn't cached.
   */
  get(
    id: string | null | undefined,
    getCode: () => WorkerCodeInit | Promise<WorkerCodeInit>,
  ): WorkerStub;
  /**
   * Loads code that isn't cached. Errors in modules show at the first use of the worker.
   *
   * @throws {InvalidArgument} {@link LoadError} {@link UnsupportedError}
   */
  load(code: WorkerCodeInit): WorkerStub;
}

/** Guest code with all that it is given. */
export interface WorkerCodeInit {
  /** The module that exports classes; its type chooses the engine. */
  mainModule: string;
  /** The modules by name: text whose type the extension tells, or an object that tells it. */
  modules: Record<string, string | Module>;
  /**
   * What the code gets as `env`: data, functions, stubs, loaders, and instances of classes, whose methods
   * it can call. That and `globalOutbound` are its only ways out.
   */
  env?: Record<string, any>;
  /** Who answers its `fetch()`. Default: nobody. */
  globalOutbound?: ((request: Request) => Response | Promise<Response>) | Fetcher | null;
  /** Who gets the tail events of this code, in lists: functions, or stubs whose method `tail` is called; at most 16. */
  tails?: (Fetcher | ((events: TailEvent[]) => void | Promise<void>))[];
  /** Limits, where lower than the runtime's. */
  limits?: Limits;
  compatibilityDate?: string;
  compatibilityFlags?: string[];
}

/** One module of guest code. */
export type Module =
  | { luau: string }
  | { js: string }
  | { text: string }
  | { data: Uint8Array | ArrayBuffer }
  | { json: any };

/** Guest code as an object of a class. A plain object with the same fields serves as well. */
export class WorkerCode {
  constructor(fields: WorkerCodeInit);
}

export interface WorkerCode extends WorkerCodeInit {}

/** Loaded code. */
export class WorkerStub {
  private constructor();
  /** An exported class, without a name the default export. That it exists is checked when it is used. */
  getDurableObjectClass<T = any>(name?: string | null, options?: ExportOptions): DurableObjectClass<T>;
  /** An exported entrypoint, stateless; without a name the default export. */
  getEntrypoint<T = any>(name?: string | null, options?: ExportOptions): FacetStub<T>;
}

/** Options of a class or entrypoint taken from a worker. */
export interface ExportOptions {
  /** What the instance sees as `ctx.props`. */
  props?: any;
  /** Limits, where lower than those of the code. */
  limits?: Limits;
}

/** A module that runs under a name; see {@link Runtime.deploy}. Later versions answer here, too. */
export class Deployment implements Fetcher {
  private constructor();
  readonly name: string;
  /** The classes that it exports, sorted. */
  readonly classNames: string[];
  /**
   * The namespace of an exported class.
   *
   * @throws {NotFoundError}
   */
  namespace<T = any>(className: string): Namespace<T>;
  /**
   * A stub of an exported entrypoint, of the code that is deployed now; without a name the default export.
   *
   * @throws {NotFoundError}
   */
  getEntrypoint<T = any>(name?: string): FacetStub<T>;
  /**
   * Sends a request to the default export.
   *
   * @throws {NotFoundError} if it has no fetch handler.
   */
  fetch(input: string | URL | Request, init?: RequestInit): Promise<Response>;
}

/** A class of guest code, for namespaces and facets. */
export class DurableObjectClass<T = any> {
  private constructor();
  private readonly instance: T;
}
