// The names of the package for `import`; `require` gets the same objects.

import facetbox from "./lib/index.js";

export const {
  open,
  DurableObject,
  RpcTarget,
  WorkerCode,
  Runtime,
  Namespace,
  ObjectId,
  Loader,
  WorkerStub,
  DurableObjectClass,
  SqlCursor,
  ManualClock,
  FacetboxError,
  InvalidArgument,
  ClosedError,
  ForkedError,
  InUseError,
  UnsupportedError,
  NotFoundError,
  GuestError,
  LoadError,
  ValueError,
  LimitError,
  StorageError,
  AbortedError,
  ResetError,
  DeadlockError,
  PanicError,
} = facetbox;
