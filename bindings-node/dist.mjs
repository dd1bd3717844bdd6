// Packs the npm tarballs: the package itself, and the native half as a package for this platform.
//
//     node dist.mjs <out-dir>          after `npm run build`

import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const require = createRequire(import.meta.url);
const { platformPackage } = require("./lib/platform.js");

const MAX_BYTES = 12_000_000;
/** The licences of what the native half contains of others. */
const NOTICES = "THIRD-PARTY-NOTICES.txt";

const here = import.meta.dirname;
const out = resolve(process.argv[2] ?? join(here, "dist"));
const { scripts, devDependencies, ...manifest } = require("./package.json");
const { version, license, description, engines } = manifest;
const { name, os, cpu, libc } = platformPackage();

const staging = mkdtempSync(join(tmpdir(), "facetbox-dist-"));
mkdirSync(out, { recursive: true });

/** Stages files and a manifest in a directory, and packs it. */
function pack(fields, files) {
  const dir = join(staging, fields.name);
  mkdirSync(dir);
  for (const file of files) cpSync(join(here, file), join(dir, file), { recursive: true });
  for (const file of ["LICENSE-MIT", "LICENSE-APACHE"]) cpSync(join(here, "..", file), join(dir, file));
  writeFileSync(join(dir, "package.json"), `${JSON.stringify(fields, null, 2)}\n`);
  const options = ["pack", "--json", "--silent", "--ignore-scripts", "--pack-destination", out];
  const [packed] = JSON.parse(execFileSync("npm", options, { cwd: dir, encoding: "utf8" }));
  console.log(`${packed.filename}: ${packed.size} bytes packed, ${packed.unpackedSize} unpacked`);
  if (packed.unpackedSize > MAX_BYTES) throw new Error(`${packed.filename} has more than ${MAX_BYTES} bytes.`);
}

try {
  const files = manifest.files.filter((file) => file !== "facetbox.node");
  const main = { ...manifest, files, optionalDependencies: { [name]: version } };
  pack(main, [...files, "README.md"]);
  const native = { name, version, description, license, engines, os, cpu, libc, main: "facetbox.node" };
  execFileSync("python3", [join(here, "..", "packaging", "notices.py"), "facetbox-node", join(here, NOTICES)]);
  pack({ ...native, files: ["facetbox.node", NOTICES] }, ["facetbox.node", NOTICES]);
} finally {
  rmSync(staging, { recursive: true });
}
