using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "main", worker = .bench),
    (name = "disk", disk = (writable = true)),
  ],
  sockets = [(name = "http", http = (), service = "main")],
);

const bench :Workerd.Worker = (
  compatibilityDate = "2026-06-01",
  compatibilityFlags = ["experimental"],
  modules = [(name = "worker.js", esModule = embed "worker.js")],
  durableObjectNamespaces = [
    (className = "Supervisor", uniqueKey = "bench", enableSql = true),
  ],
  durableObjectStorage = (localDisk = "disk"),
  bindings = [
    (name = "LOADER", workerLoader = ()),
    (name = "SUPERVISOR", durableObjectNamespace = "Supervisor"),
  ],
);
