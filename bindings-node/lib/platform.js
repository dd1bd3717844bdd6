"use strict";

/** The package that has the native half for this platform, and what its manifest says of that. */
function platformPackage() {
  const { platform, arch } = process;
  const libc = platform === "linux" ? libcName() : undefined;
  const abi = { glibc: "-gnu", musl: "-musl" }[libc] ?? (platform === "win32" ? "-msvc" : "");
  return {
    name: `facetbox-${platform}-${arch}${abi}`,
    os: [platform],
    cpu: [arch],
    libc: libc && [libc],
  };
}

/** The C library that this process runs on, as npm calls it. */
function libcName() {
  const report = /** @type {any} */ (process.report);
  const network = report.excludeNetwork;
  report.excludeNetwork = true; // else it may look up names of hosts, which takes seconds
  const { header } = report.getReport();
  report.excludeNetwork = network;
  return header.glibcVersionRuntime ? "glibc" : "musl";
}

module.exports = { platformPackage };
