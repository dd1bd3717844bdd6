// Builds the native half and puts it beside package.json.

import { execFileSync } from "node:child_process";
import { copyFileSync, renameSync } from "node:fs";
import { join } from "node:path";

const here = import.meta.dirname;
const cargo = (args, stdio) =>
  execFileSync(process.env.CARGO ?? "cargo", args, { cwd: here, stdio, maxBuffer: 1 << 28 });

cargo(["build", "--release", "--package", "facetbox-node"], "inherit");
const metadata = cargo(["metadata", "--no-deps", "--format-version", "1"], "pipe");
const { target_directory: target } = JSON.parse(metadata);

const library = {
  darwin: "libfacetbox_node.dylib",
  win32: "facetbox_node.dll",
}[process.platform] ?? "libfacetbox_node.so";

// A rename, because a process that has the old one loaded would crash if it were overwritten.
const draft = join(here, `facetbox.node.${process.pid}`);
copyFileSync(join(target, "release", library), draft);
renameSync(draft, join(here, "facetbox.node"));
