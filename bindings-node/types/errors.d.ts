/** Errors. @module */

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
