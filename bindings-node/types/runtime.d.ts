/** Runtimes: how they are opened, and what they do. @module */

import type {
  ClosedError,
  GuestError,
  InUseError,
  InvalidArgument,
  LimitError,
  LoadError,
  NotFoundError,
  ResetError,
  StorageError,
  UnsupportedError,
} from "./errors.js";
import type {
  Deployment,
  DurableObjectClass,
  Loader,
  WorkerCode,
  WorkerCodeInit,
} from "./loader.js";
import type { Namespace } from "./namespace.js";
import type { HostClass } from "./object.js";
import type { Metrics, TailEvent } from "./tail.js";

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
   * Default 10,000. With 0 they are dropped when the runtime looks next, within some milliseconds.
   */
  idleMs?: number;
  /** More instances than this are not kept: those used least recently are dropped earlier. Default 1,000; 0 counts as 1. */
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
   * whose alarms are `manual`, and for tests with a {@link ManualClock}. Each object's and facet's fires once:
   * one that its handler sets to a time that is past fires in the next call. It resolves when the handlers
   * have ended; what they throw doesn't come out, their alarms are tried again later.
   *
   * @throws {ClosedError} {@link StorageError}
   */
  runDueAlarms(): Promise<number>;

  /** What the runtime has done since it was opened, and what it keeps now. Also after it was closed. */
  metrics(): Metrics;
  /** {@link Runtime.metrics} in the text format of Prometheus: names begin with `facetbox_`, times are in seconds. */
  metricsText(): string;

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
