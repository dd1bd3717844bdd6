/** Namespaces and the objects in them. @module */

import type {
  AbortedError,
  InvalidArgument,
  LimitError,
  NotFoundError,
  StorageError,
} from "./errors.js";
import type { SqlValue } from "./storage.js";
import type { Stub } from "./stub.js";

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

/** What an object or a facet takes and has used, everything below it included. */
export interface Usage {
  /** Bytes of its databases and their logs. */
  readonly storageBytes: number;
  /** Facets at all levels below it. */
  readonly facets: number;
  /** Events that have ended, since it was made; so are the following. */
  readonly events: number;
  /** CPU time of guests in milliseconds. */
  readonly cpuMs: number;
  /** Rows that were read: entries of the key-value store, and rows of SQL as far as SQLite counts them. */
  readonly rowsRead: number;
  /** Rows that were written, without entries of indexes. */
  readonly rowsWritten: number;
  /** Bytes of the arguments and requests of events. */
  readonly bytesIn: number;
  /** Bytes of their results and responses. */
  readonly bytesOut: number;
  /** Calls that guests have made of what isn't theirs: host functions and objects, stubs, `fetch()`. */
  readonly subrequests: number;
}

/** What {@link Namespace.query} answers. */
export interface QueryRows {
  readonly columns: string[];
  /** The rows, each with a value for every column. */
  readonly rows: SqlValue[][];
  /** Whether rows are missing because there are more than 10,000, or more than 16 MiB. */
  readonly truncated: boolean;
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
