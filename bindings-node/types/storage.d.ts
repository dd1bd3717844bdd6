/** The storage of one object or facet. @module */

import type { InvalidArgument, StorageError, UnsupportedError } from "./errors.js";

/** The storage of one object or facet. What one turn of the event loop writes is committed together. */
export interface Storage {
  readonly kv: Kv;
  readonly sql: Sql;
  /**
   * Runs a function in a transaction, which is rolled back if it throws. May be nested. What an async function does
   * after its first `await` is no part of it, nor does it roll back if that rejects: a warning is emitted.
   */
  transactionSync<R>(body: () => R): R;
  /**
   * Runs a function in a transaction that may wait, and commits it when the function's promise resolves. It
   * is rolled back if that rejects, and by `rollback()`. Other events are kept out meanwhile, at most
   * {@link Limits.blockMs}. May be nested.
   */
  transaction<R>(body: (transaction: Transaction) => R | Promise<R>): Promise<R>;
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

/** What the function given to {@link Storage.transaction} gets. */
export interface Transaction
  extends Pick<
    Storage,
    "get" | "put" | "delete" | "list" | "getAlarm" | "setAlarm" | "deleteAlarm"
  > {
  /** Undoes what was written in the transaction; what is written afterwards isn't part of it. */
  rollback(): void;
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
