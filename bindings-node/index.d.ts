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
 * functions and objects of this process come back as themselves, those of guests as {@link RpcStub}s whose
 * calls are promises. Anything else throws {@link ValueError}, with the path to what can't cross.
 *
 * @module
 */

export * from "./types/errors.js";
export * from "./types/loader.js";
export * from "./types/namespace.js";
export * from "./types/object.js";
export * from "./types/runtime.js";
export * from "./types/storage.js";
export * from "./types/stub.js";
export * from "./types/tail.js";

/** Cloudflare's names of the same types. */
export type { Ctx as DurableObjectState } from "./types/object.js";
export type { Storage as DurableObjectStorage } from "./types/storage.js";
export type { Namespace as DurableObjectNamespace } from "./types/namespace.js";
export type { ObjectId as DurableObjectId } from "./types/namespace.js";
export type { Stub as DurableObjectStub } from "./types/stub.js";
export type { Facets as DurableObjectFacets } from "./types/object.js";
export type { Loader as WorkerLoader } from "./types/loader.js";
