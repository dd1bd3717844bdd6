/**
 * Facetbox: Durable Object Facets in your own process.
 *
 * Names and behaviour are those of Cloudflare's Durable Objects, Facets and Worker Loader. Calls of
 * stubs are promises, storage is synchronous, and guest code never runs on the event loop.
 *
 * Values that cross, in arguments, results, storage and props, are copies: undefined, null, booleans,
 * numbers, bigints, strings, `Uint8Array` and `ArrayBuffer` (which come back as `Uint8Array`), arrays,
 * plain objects, `Map`, `Set`, `Date` and errors, nested up to 128 levels and without cycles. Functions,
 * stubs, namespaces, loaders and instances of {@link RpcTarget} pass by reference and can't be stored;
 * functions and objects of this process come back as themselves. Anything else throws
 * {@link ValueError}, with the path to what can't cross.
 *
 * @module
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";

/** How a runtime is opened. */
export interface OpenOptions {
  /**
   * When an answer may leave: `full` (default) after its writes are on disk; `relaxed` once they
   * survive a crash of the process, though a power cut may lose the last moments; `none` for tests.
   */
  durability?: "full" | "relaxed" | "none";
  /** Limits of guests, in place of the defaults. */
  limits?: Limits;
  /** A clock in place of the wall clock, for tests. */
  clock?: ManualClock;
  /**
   * Who fires alarms: `automatic` (default) the runtime, at their time; `manual` whoever calls
   * {@link Runtime.runDueAlarms}.
   */
  alarms?: "automatic" | "manual";
  /**
   * Instances without events are dropped after so many milliseconds, and made again by the next event.
   * At least 1; default 10,000.
   */
  idleMs?: number;
  /** More instances than this are not kept: those used least recently are dropped earlier. Default 1,000. */
  maxWarm?: number;
  /** Threads that run guests, 1 to 256. Default: one per core. */
  threads?: number;
  /**
   * The languages that guests may be written in; modules in others are refused when they are loaded, with
   * {@link UnsupportedError}. Default: both. QuickJS, which runs JavaScript, gets memory-safety fixes more
   * often than Luau does.
   */
  engines?: readonly ("luau" | "javascript")[];
  /**
   * Gets the tail event of everything that runs, after its end and without ever delaying it: one at a time,
   * those of one object in order. If it answers a promise the next one waits for that; up to 1,024 events
   * do, and those beyond are dropped and counted. {@link Runtime.close} delivers what is left. If it fails, a
   * warning is emitted.
   */
  onTail?: (event: TailEvent) => void | Promise<void>;
}

/**
 * What one event of an object, facet or entrypoint did. The names are those of Cloudflare's trace items,
 * where it has them. Texts are as guests wrote them: treat them as untrusted input.
 */
export interface TailEvent {
  /** What the event was: a request, a method's call, an alarm, a delivery of tail events; null for a task. */
  readonly event:
    | { request: { method: string; url: string }; response?: { status: number } }
    | { rpcMethod: string }
    | { scheduledTime: Date; retryCount: number }
    | { consumedEvents: { scriptName: string }[] }
    | null;
  /** A task is what an earlier event has left behind: a timer, `waitUntil`. */
  readonly eventType: "fetch" | "rpc" | "alarm" | "tail" | "task";
  /** When it was delivered, in Unix milliseconds. */
  readonly eventTimestamp: number;
  /** Null for an entrypoint, which belongs to no object. */
  readonly namespace: string | null;
  readonly durableObjectId: string | null;
  readonly objectName: string | null;
  /** The names of the facets that lead to it; empty for the object itself. */
  readonly facets: string[];
  /** The class or export. */
  readonly entrypoint: string;
  readonly executionModel: "durableObject" | "stateless";
  readonly outcome: Outcome;
  /** CPU time of the guest in milliseconds; 0 for classes of this process. */
  readonly cpuTime: number;
  /** Milliseconds from delivery to answer. */
  readonly wallTime: number;
  readonly logs: {
    timestamp: number;
    level: "debug" | "info" | "log" | "warn" | "error";
    message: [string];
  }[];
  /** What it threw without catching it; the error that it ended with comes last. */
  readonly exceptions: { timestamp: number; name: string; message: string; stack?: string }[];
  /** Whether logs or exceptions were left out because of {@link Limits.logBytes}. */
  readonly truncated: boolean;
  /** Calls that it made to the outside. */
  readonly subrequests: number;
  /** Events that the receiver has missed since the one before. */
  readonly dropped: number;
}

/** How an event ended. */
export type Outcome =
  | "ok"
  | "exception"
  | "exceededCpu"
  | "exceededWallTime"
  | "exceededMemory"
  | "exceededStack"
  | "exceededStorage"
  | "exceededSubrequests"
  | "exceededMessage"
  | "exceededFacets"
  | "exceededDepth"
  | "canceled"
  | "aborted"
  | "internalError";

/** What one event, one virtual machine and one database may use. Zero is refused, never unlimited. */
export interface Limits {
  /** CPU time of one event in milliseconds, host functions excluded. Default 1,000. */
  cpuMs?: number;
  /** Time of one event from delivery to answer in milliseconds, waits included. Default 30,000. */
  wallMs?: number;
  /** Time that blockConcurrencyWhile() and transaction() may take in milliseconds. Default 30,000. */
  blockMs?: number;
  /** Memory of one virtual machine in bytes. Default 64 MiB. */
  memoryBytes?: number;
  /** Size of one database in bytes. Default 1 GiB. */
  storageBytes?: number;
  /** Calls that one event may make to the outside. Default 1,000. */
  subRequests?: number;
  /** Size of one message in bytes. Default 32 MiB. */
  messageBytes?: number;
  /** Log text kept per event in bytes. Default 256 KiB. */
  logBytes?: number;
  /** Levels of facets below an object, the object included. Default 16. */
  facetDepth?: number;
  /** Facets that one object or facet may have as children. Default 10,000. */
  facets?: number;
}

/**
 * Opens a data directory, which is made if it is missing; without a path, or with `":memory:"`, a
 * runtime that keeps nothing.
 *
 * An open runtime doesn't keep the process alive, nor does an alarm that is set; a pending call does.
 *
 * @throws {InUseError} if another runtime has the directory open; the message names its process.
 * @throws {StorageError} if it can't be made or written, or belongs to something else.
 */
export function open(path?: string | URL | null, options?: OpenOptions): Promise<Runtime>;

/**
 * A guide for authors of guests, in Markdown. It doubles as a prompt for a model that writes guests.
 *
 * @param env What the guests will get as `env`; the guide then tells how to use each entry.
 */
export function guestGuide(language: "luau" | "js", env?: Record<string, any>): string;

/** The types of all that guests see, as a `.d.luau` or `.d.ts` file. */
export function guestTypes(language: "luau" | "js"): string;

/** An open data directory. It stays open until it is closed, whether or not anyone refers to it. */
export class Runtime {
  private constructor();

  /**
   * Binds a name to a class. The name decides where the objects' data is: binding it again in another
   * process finds the same objects.
   *
   * @throws {InvalidArgument} for a name that is empty or bound already.
   */
  namespace<T = any, Env = any>(
    name: string,
    type: HostClass<T, Env> | DurableObjectClass<T>,
    options?: {
      /**
       * What instances of a JavaScript class get as `env`; by default `{ LOADER }`. Guest classes get
       * the `env` of their {@link WorkerCode}. Instances of any class may stand in it: guests can call
       * their methods whose names don't start with an underscore.
       */
      env?: Env;
      /** Limits of the namespace's objects, in place of the runtime's. */
      limits?: Limits;
    },
  ): Namespace<T>;

  /**
   * The namespace bound to a name.
   *
   * @throws {NotFoundError}
   */
  getNamespace<T = any>(name: string): Namespace<T>;

  /** A Worker Loader with a cache of its own, to be given in `env`. */
  loader(): Loader;

  /**
   * Runs a whole module in the style of Cloudflare Workers, which the platform trusts and which may hold
   * supervisors. Each class that it exports becomes the namespace `name/Class`, which its own code reaches
   * as `ctx.exports.Class`; its default export's fetch handler answers {@link Deployment.fetch}.
   *
   * The module is evaluated now, and its errors show here. Its env is that of `code` with `env` put over it,
   * and has a loader as `LOADER`. Deploying a name again replaces its code: objects that run fail what they
   * are doing with {@link ResetError}, data stays.
   *
   * @throws {LoadError} {@link GuestError} {@link LimitError} {@link UnsupportedError}
   * @throws {InvalidArgument} for a name that is empty, or if a namespace `name/Class` is bound otherwise.
   */
  deploy(name: string, code: WorkerCodeInit, env?: Record<string, any>): Promise<Deployment>;

  /**
   * Fires the alarms that are due, one after the other, and answers how many handlers ran. For runtimes
   * whose alarms are `manual`, and for tests with a {@link ManualClock}. It resolves when the handlers
   * have ended; what they throw doesn't come out, their alarms are tried again later.
   *
   * @throws {ClosedError} {@link StorageError}
   */
  runDueAlarms(): Promise<number>;

  /**
   * Checks every object on disk, running or not: its databases, that the facets which they name are
   * there, and that no alarm is missing in the index. Changes nothing; what is wrong is in the report.
   *
   * @throws {ClosedError} {@link StorageError} if directories can't be listed.
   */
  verify(): Promise<Report>;

  /**
   * Ends every object and closes every database. Pending calls and later ones fail with
   * {@link ClosedError}. Closing again does nothing.
   */
  close(): Promise<void>;

  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * A clock that stands still until it is moved, for tests of alarms.
 *
 * It replaces the wall clock of the runtime that is opened with it: what guests are told as the time, and
 * when alarms are due. Limits, timers and the `Date` of this process go by real time. Times are whole
 * numbers of Unix milliseconds.
 */
export class ManualClock {
  /** @throws {InvalidArgument} for anything but a whole number from 0 on. */
  constructor(nowMs: number);
  /** What it shows. */
  readonly nowMs: number;
  /** Sets it. Alarms that are due by then fire, unless they are manual. */
  set(nowMs: number): void;
  /**
   * Moves it on.
   *
   * @throws {InvalidArgument} for anything but a whole number from 0 on.
   */
  advance(byMs: number): void;
}

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
}

/**
 * The base of classes whose instances may be sent to guests anywhere, not only in `env`. Guests can call
 * methods whose names don't start with an underscore.
 */
export class RpcTarget {}

/** A name bound to a class; every id of it is one object in the whole runtime. */
export class Namespace<T = any> {
  private constructor();
  readonly name: string;
  /** The id that belongs to a name: always the same one. */
  idFromName(name: string): ObjectId;
  /**
   * Reads an id back from its text.
   *
   * @throws {InvalidArgument} for anything but 64 hex digits of an id of this namespace.
   */
  idFromString(id: string): ObjectId;
  /** A new random id. */
  newUniqueId(): ObjectId;
  /**
   * A stub of the object. Neither creates nor contacts it.
   *
   * @throws {InvalidArgument} for an id of another namespace.
   */
  get(id: ObjectId): Stub<T>;
  /** A stub of the object with this name. */
  getByName(name: string): Stub<T>;

  /**
   * The objects that have data, in order of their ids: at most `limit` (default 1,000) of those after
   * `after`. An object has data from its first write until it is deleted, even if its storage is empty.
   *
   * @throws {InvalidArgument} for an id of another namespace, as every method below.
   */
  list(options?: { after?: ObjectId; limit?: number }): Promise<ObjectInfo[]>;
  /** All objects that have data, in order of their ids, read page by page. */
  objects(): AsyncIterableIterator<ObjectInfo>;
  /** Whether the object has data. It isn't started. */
  exists(id: ObjectId): Promise<boolean>;
  /**
   * Ends the object and removes its data, its facets and their alarms, all at once; does nothing if there
   * is none. What it was doing is cut short. Stubs that are bound to it fail with {@link AbortedError}; a
   * new stub reaches a new, empty object.
   */
  delete(id: ObjectId): Promise<void>;
  /** What the object takes with all its facets; zero if it has no data. */
  usage(id: ObjectId): Promise<Usage>;
  /**
   * Copies the object with all its facets to a new directory, while it runs: between two of its events.
   * The directory holds plain SQLite files and a `manifest.json` that tells which facet is where.
   *
   * @throws {InvalidArgument} if the path exists.
   * @throws {NotFoundError} if the object has no data.
   */
  export(id: ObjectId, path: string | URL): Promise<void>;
  /**
   * Makes the object from what was exported, of the same object or another, with facets and alarms: all
   * of it or, after an error, nothing. The files may come from anywhere: they are copied and checked.
   *
   * @throws {InvalidArgument} if the object has data.
   * @throws {StorageError} with the code `CORRUPT` for files that are no export, damaged or too new.
   * @throws {LimitError} for more than the namespace's limits allow.
   */
  import(id: ObjectId, path: string | URL): Promise<void>;
  /**
   * Runs one SQL statement that reads, on the database of the object or of the facet that a list of names
   * leads to. It sees everything, Facetbox's own tables included, between two events of what it reads.
   *
   * @throws {InvalidArgument} for a statement that does anything but read.
   * @throws {NotFoundError} if there is no such object or facet, or it has no data.
   * @throws {LimitError} for a query that takes too much time or memory.
   */
  query(
    id: ObjectId,
    sql: string,
    params?: readonly (SqlValue | boolean)[],
    options?: { facets?: readonly string[] },
  ): Promise<QueryRows>;
}

/** An object that has data. */
export interface ObjectInfo {
  readonly id: ObjectId;
  /** The name that the id was made from, if the object was reached by it when it wrote. */
  readonly name?: string;
}

/** What an object or a facet takes, everything below it included. */
export interface Usage {
  /** Bytes of its databases and their logs. */
  readonly storageBytes: number;
  /** Facets at all levels below it. */
  readonly facets: number;
}

/** What {@link Namespace.query} answers. */
export interface QueryRows {
  readonly columns: string[];
  /** The rows, each with a value for every column. */
  readonly rows: SqlValue[][];
  /** Whether rows are missing because there are more than 10,000, or more than 16 MiB. */
  readonly truncated: boolean;
}

/** What {@link Runtime.verify} has found. */
export interface Report {
  /** Objects that have data. */
  readonly objects: number;
  /** Databases of objects and facets, damaged ones included. */
  readonly databases: number;
  /** Directories of facets that a crash has left; they are removed when their parent starts next. */
  readonly leftovers: number;
  /** What is wrong. Empty if everything is well. */
  readonly problems: { readonly path: string; readonly message: string }[];
}

/** Identifies one object. */
export class ObjectId {
  private constructor();
  /** The name it was made from, if it was and was not read back from text. */
  readonly name?: string;
  /** The id as 64 hex digits. */
  toString(): string;
  /** Whether both are ids of the same object. */
  equals(other: ObjectId): boolean;
}

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
 * function answers: `createServer(createRequestListener(stub))`. When the client goes away, the request is
 * canceled. Servers that take a `fetch` function need no adapter: `stub.fetch` is one.
 */
export function createRequestListener(
  target: Fetcher | ((request: Request) => Response | Promise<Response>),
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
      [K in Exclude<keyof T, keyof DurableObject | "alarm" | "constructor">]: T[K] extends (
        ...args: infer Args
      ) => infer Result
        ? (...args: Args) => Promise<Awaited<Result>>
        : never;
    };

/**
 * The address of an object. It binds to the running instance at its first use; when that breaks, the
 * stub keeps failing with its error, and a new stub reaches a new instance.
 */
export type Stub<T = any> = Fetcher & Methods<T> & { readonly id: ObjectId; readonly name?: string };

/** The address of a facet or an entrypoint. Facet stubs can't be sent. */
export type FacetStub<T = any> = Fetcher & Methods<T>;

/**
 * What can be done with a stub beside calling it. These are functions of their own because every name on
 * a stub is a method of what it addresses.
 */
export const Stub: {
  /**
   * Calls a method by its name, whatever that is: `stub.then`, `stub.toString` and the like are no methods
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

/** What an instance sees of its own object or facet: Cloudflare's `DurableObjectState`. */
export interface Ctx {
  /** The object's id; for a facet its parent's, or the text that its supervisor chose. */
  readonly id: ObjectId | string;
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
   * Keeps other events out until the callback's promise is settled, at most 30 seconds. If it fails, the
   * object is reset, and its callers get the error.
   */
  blockConcurrencyWhile<R>(callback: () => R | Promise<R>): Promise<R>;
  /** Lets work go on after the answer. If it fails, a warning is emitted. */
  waitUntil(promise: Promise<unknown>): void;
}

/** The storage of one object or facet. What one turn of the event loop writes is committed together. */
export interface Storage {
  readonly kv: Kv;
  readonly sql: Sql;
  /** Runs a function in a transaction, which is rolled back if it throws. May be nested. */
  transactionSync<R>(body: () => R): R;
  /** Resolves when everything written so far is durable. */
  sync(): Promise<void>;
  /**
   * A text that names this moment: each one sorts after those that were given before, restarts included.
   * Going back to a bookmark isn't supported yet.
   */
  getCurrentBookmark(): Promise<string>;
  /**
   * The time that the alarm is set to, in Unix milliseconds. Within its handler the alarm reads as unset.
   */
  getAlarm(): Promise<number | null>;
  /**
   * Sets the alarm of the object or facet, in place of the one that is set: at that time the class's
   * `alarm(info)` runs. A time in the past means now. It is set when what the method writes is committed.
   *
   * @throws {UnsupportedError} named "TypeError" if the class has no `alarm()`.
   * @throws {InvalidArgument} for a time that isn't above 0, or no time.
   */
  setAlarm(time: Date | number): Promise<void>;
  /** Deletes the alarm, if one is set. A handler that runs already goes on. */
  deleteAlarm(): Promise<void>;
  get<V = any>(key: string): Promise<V | undefined>;
  get<V = any>(keys: string[]): Promise<Map<string, V>>;
  put(key: string, value: unknown): Promise<void>;
  put(entries: Record<string, unknown>): Promise<void>;
  delete(key: string): Promise<boolean>;
  delete(keys: string[]): Promise<number>;
  list<V = any>(options?: ListOptions): Promise<Map<string, V>>;
  /** Deletes everything that the object and its facets store. */
  deleteAll(): Promise<void>;
}

/** The key-value pairs of one object; keys are ordered by their UTF-8 bytes. */
export interface Kv {
  get<V = any>(key: string): V | undefined;
  put(key: string, value: unknown): void;
  /** Answers whether the key was there. */
  delete(key: string): boolean;
  list<V = any>(options?: ListOptions): IterableIterator<[string, V]>;
}

/** Which keys a list covers, and how. */
export interface ListOptions {
  /** First key, inclusive. */
  start?: string;
  /** Last key before the first, exclusive. */
  startAfter?: string;
  /** End, exclusive. */
  end?: string;
  prefix?: string;
  /** From the last key to the first. */
  reverse?: boolean;
  /** At most so many entries. */
  limit?: number;
}

/** SQL over the database of one object. */
export interface Sql {
  /**
   * Runs one or more statements, the last with the bindings.
   *
   * @throws {StorageError} with SQLite's message.
   */
  exec<Row extends Record<string, SqlValue> = Record<string, SqlValue>>(
    query: string,
    ...bindings: (SqlValue | boolean | undefined | ArrayBuffer)[]
  ): SqlCursor<Row>;
  /** Bytes of the database in use. */
  readonly databaseSize: number;
}

export type SqlValue = string | number | bigint | Uint8Array | null;

/** The rows of one `exec`, read as they are asked for. */
export class SqlCursor<Row = Record<string, SqlValue>> implements IterableIterator<Row> {
  private constructor();
  next(): IteratorResult<Row, undefined>;
  [Symbol.iterator](): this;
  /** The rows that are left. */
  toArray(): Row[];
  /** The only row that is left. Throws if there is none or more than one. */
  one(): Row;
  /** The rows that are left as arrays of their columns. */
  raw<Columns extends SqlValue[] = SqlValue[]>(): IterableIterator<Columns> & {
    toArray(): Columns[];
  };
  readonly columnNames: string[];
  readonly rowsRead: number;
  readonly rowsWritten: number;
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
  /** Who gets the tail events of this code, in lists: functions, or stubs whose method `tail` is called. */
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

/** The stable name of an error's kind. */
export type ErrorCode =
  | "INVALID_ARGUMENT"
  | "CLOSED"
  | "FORKED"
  | "IN_USE"
  | "UNSUPPORTED"
  | "NOT_FOUND"
  | "GUEST_ERROR"
  | "LOAD_ERROR"
  | "VALUE_ERROR"
  | "LIMIT_CPU"
  | "LIMIT_WALL"
  | "LIMIT_MEMORY"
  | "LIMIT_STACK"
  | "LIMIT_STORAGE"
  | "LIMIT_SUBREQUESTS"
  | "LIMIT_MESSAGE"
  | "LIMIT_FACETS"
  | "LIMIT_DEPTH"
  | "STORAGE"
  | "CORRUPT"
  | "ABORTED"
  | "RESET"
  | "DEADLOCK"
  | "PANIC";

/**
 * The root of every error of Facetbox. `instanceof` tells the kind; `name` and `message` are the guest's
 * own: a `RangeError` that guest code throws is a {@link GuestError} whose `name` is "RangeError".
 *
 * `cause` is what guest code gave as one: an error, in most cases.
 *
 * An exception that host code throws (a function in `env`, a method of a JavaScript class) isn't
 * wrapped: where no guest caught it, it comes out as the very same object. A guest that catches it gets its
 * name and message, not its stack and not its cause.
 */
export class FacetboxError extends Error {
  constructor(
    message: string,
    details?: { code?: ErrorCode; name?: string; path?: string; guestStack?: string; cause?: unknown },
  );
  readonly code: ErrorCode;
  /** The stable number of the code. */
  readonly number: number;
  /** The path `namespace/object/facet/…` of where it happened. */
  readonly path?: string;
  /** The guest's stack, innermost first, each line `module:line` and a function name. */
  readonly guestStack?: string;
}

/** An argument or option has a wrong type, value or range. */
export class InvalidArgument extends FacetboxError {}
/** The runtime was closed. */
export class ClosedError extends FacetboxError {}
/** The runtime was opened in another process, before a fork. */
export class ForkedError extends FacetboxError {}
/** The data directory is open in another runtime. */
export class InUseError extends FacetboxError {}
/** The operation or module type is not supported. */
export class UnsupportedError extends FacetboxError {}
/** No such namespace, method or export. */
export class NotFoundError extends FacetboxError {}
/** Guest code threw an error. */
export class GuestError extends FacetboxError {}
/** Guest code does not load: syntax, missing or cyclic module, size. */
export class LoadError extends FacetboxError {}
/** A value can't cross: cycle, depth, type or range. */
export class ValueError extends FacetboxError {}
/** A limit was exceeded; `code` tells which. */
export class LimitError extends FacetboxError {}
/** The database or the file system refused an operation, or a file isn't ours. */
export class StorageError extends FacetboxError {}
/** The object or facet was aborted, with the reason as the message. */
export class AbortedError extends FacetboxError {}
/** The object was reset to its last committed state. */
export class ResetError extends FacetboxError {}
/** Calls wait for each other in a cycle. */
export class DeadlockError extends FacetboxError {}
/** A bug in Facetbox; the object involved was reset. */
export class PanicError extends FacetboxError {}

/** Cloudflare's names of the same types. */
export type {
  Ctx as DurableObjectState,
  Storage as DurableObjectStorage,
  Namespace as DurableObjectNamespace,
  ObjectId as DurableObjectId,
  Stub as DurableObjectStub,
  Facets as DurableObjectFacets,
  Loader as WorkerLoader,
};
