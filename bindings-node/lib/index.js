"use strict";

require("./host.js");
require("./rpc.js");

const errors = require("./errors.js");
const { ManualClock } = require("./clock.js");
const { Deployment } = require("./deployment.js");
const { DurableObject, RpcTarget } = require("./durable-object.js");
const { DurableObjectClass } = require("./classes.js");
const { guestGuide, guestTypes } = require("./guide.js");
const { Loader, WorkerCode, WorkerStub } = require("./loader.js");
const { Namespace } = require("./namespace.js");
const { ObjectId } = require("./object-id.js");
const { Revoker } = require("./revoker.js");
const { Runtime, open } = require("./runtime.js");
const { createRequestListener } = require("./server.js");
const { SqlCursor } = require("./sql.js");
const { Stub } = require("./stub.js");

module.exports = {
  open,
  guestGuide,
  guestTypes,
  createRequestListener,
  DurableObject,
  RpcTarget,
  WorkerCode,
  Runtime,
  Namespace,
  Deployment,
  ObjectId,
  Stub,
  Loader,
  WorkerStub,
  DurableObjectClass,
  SqlCursor,
  ManualClock,
  Revoker,
  ...errors.classes,
};
