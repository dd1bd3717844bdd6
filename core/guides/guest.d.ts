// Types of what JavaScript guests of Facetbox find, for editors and for models that write guests.
// The Web API has the types of lib.dom or @cloudflare/workers-types, as far as it is there.

declare module "cloudflare:workers" {
  export class DurableObject<Env = unknown, Props = unknown> {
    constructor(ctx: DurableObjectState<Props>, env: Env);
    protected ctx: DurableObjectState<Props>;
    protected env: Env;
    fetch?(request: Request): Response | Promise<Response>;
    alarm?(info: AlarmInvocationInfo): void | Promise<void>;
  }

  export class WorkerEntrypoint<Env = unknown, Props = unknown> {
    constructor(ctx: ExecutionContext<Props>, env: Env);
    protected ctx: ExecutionContext<Props>;
    protected env: Env;
    fetch?(request: Request): Response | Promise<Response>;
  }

  /** Objects of subclasses cross to the caller as stubs. */
  export class RpcTarget {}

  /** Keeps the guest running until the promise has settled. */
  export function waitUntil(promise: Promise<unknown>): void;

  /** The env of this code, for code outside of classes. */
  export const env: Record<string, unknown>;
}

declare module "facetbox" {
  export * from "cloudflare:workers";
}

interface ExecutionContext<Props = unknown> {
  /** Given by who started the guest. */
  readonly props: Props;
  /** The exports of this code: classes as namespaces and facet classes, entrypoints as stubs. */
  readonly exports: Record<string, any>;
  /** Keeps the guest running until the promise has settled. */
  waitUntil(promise: Promise<unknown>): void;
}

interface DurableObjectState<Props = unknown> extends ExecutionContext<Props> {
  readonly id: DurableObjectId;
  readonly storage: DurableObjectStorage;
  readonly facets: DurableObjectFacets;
  /** Runs nothing else of this object until the callback's promise has settled; if it rejects, the object is reset. */
  blockConcurrencyWhile<T>(callback: () => Promise<T>): Promise<T>;
  /** Ends this instance at once; what is uncommitted is discarded. */
  abort(reason?: string): never;
}

interface DurableObjectId {
  readonly name?: string;
  toString(): string;
  equals(other: DurableObjectId): boolean;
}

interface AlarmInvocationInfo {
  readonly retryCount: number;
  readonly isRetry: boolean;
  readonly scheduledTime: number;
}

interface ListOptions {
  start?: string;
  startAfter?: string;
  end?: string;
  prefix?: string;
  reverse?: boolean;
  limit?: number;
}

interface SyncKvStorage {
  get<T = unknown>(key: string): T | undefined;
  put(key: string, value: unknown): void;
  delete(key: string): boolean;
  list<T = unknown>(options?: ListOptions): Iterable<[string, T]>;
}

type SqlValue = null | number | string | ArrayBuffer;

interface SqlStorageCursor<Row> extends Iterable<Row> {
  next(): { done?: false; value: Row } | { done: true; value?: never };
  toArray(): Row[];
  /** The only row; throws if there is none or more than one. */
  one(): Row;
  raw(): IterableIterator<SqlValue[]> & { toArray(): SqlValue[][] };
  readonly columnNames: string[];
  readonly rowsRead: number;
  readonly rowsWritten: number;
}

interface SqlStorage {
  exec<Row = Record<string, SqlValue>>(query: string, ...bindings: (SqlValue | boolean | ArrayBufferView | undefined)[]): SqlStorageCursor<Row>;
  readonly databaseSize: number;
}

interface DurableObjectTransaction {
  get<T = unknown>(key: string): Promise<T | undefined>;
  get<T = unknown>(keys: string[]): Promise<Map<string, T>>;
  put(key: string, value: unknown): Promise<void>;
  put(entries: Record<string, unknown>): Promise<void>;
  delete(key: string): Promise<boolean>;
  delete(keys: string[]): Promise<number>;
  list<T = unknown>(options?: ListOptions): Promise<Map<string, T>>;
  getAlarm(): Promise<number | null>;
  setAlarm(time: number | Date): Promise<void>;
  deleteAlarm(): Promise<void>;
  rollback(): void;
}

interface DurableObjectStorage extends Omit<DurableObjectTransaction, "rollback"> {
  readonly kv: SyncKvStorage;
  readonly sql: SqlStorage;
  deleteAll(): Promise<void>;
  sync(): Promise<void>;
  transaction<T>(callback: (txn: DurableObjectTransaction) => Promise<T>): Promise<T>;
  transactionSync<T>(callback: () => T): T;
}

interface FacetStartupOptions {
  class: DurableObjectClass;
  id?: DurableObjectId | string;
}

interface DurableObjectFacets {
  /** The facet of that name; the callback names its class when it has to be started. */
  get(name: string, start: () => FacetStartupOptions | Promise<FacetStartupOptions>): Stub;
  abort(name: string, reason: unknown): void;
  /** Ends the facet and erases its database and those below it. */
  delete(name: string): void;
  clone(source: string, target: string): void;
  list(): string[];
  exists(name: string): boolean;
}

/** Something outside that answers calls: an object, a facet, an entrypoint. */
interface Stub {
  fetch(request: Request | string | URL, init?: RequestInit): Promise<Response>;
  [method: string]: (...args: any[]) => Promise<any>;
}

interface DurableObjectClass {}

interface WorkerLoader {
  load(code: WorkerCode): WorkerStub;
  /** As load, but code of the same id is loaded once. */
  get(id: string, callback: () => WorkerCode | Promise<WorkerCode>): WorkerStub;
}

interface WorkerCode {
  mainModule: string;
  modules: Record<string, string | { js: string } | { luau: string } | { text: string } | { json: unknown } | { data: ArrayBuffer }>;
  env?: Record<string, unknown>;
  /** Receives each fetch() of the guest; without it there is no network. */
  globalOutbound?: Stub | null;
  limits?: GuestLimits;
  compatibilityDate?: string;
  compatibilityFlags?: string[];
}

/** May only lower what holds already. */
interface GuestLimits {
  cpuMs?: number;
  wallMs?: number;
  memoryBytes?: number;
  storageBytes?: number;
  subRequests?: number;
  messageBytes?: number;
}

interface ExportOptions {
  props?: unknown;
  limits?: GuestLimits;
}

interface WorkerStub {
  getDurableObjectClass(name?: string, options?: ExportOptions): DurableObjectClass;
  getEntrypoint(name?: string, options?: ExportOptions): Stub;
}
