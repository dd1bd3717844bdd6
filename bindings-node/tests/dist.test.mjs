// The tarballs, installed into an empty directory on a machine that has Node and nothing else.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readFile, readdir, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { PACKAGE, directoryFor } from "./support.mjs";

const exec = promisify(execFile);
const require = createRequire(import.meta.url);
const { version } = require("../package.json");
const { platformPackage } = require("../lib/platform.js");

const GUEST = `
local App = DurableObject:extend("App")
function App:fetch(request)
    local kv = self.ctx.storage.kv
    local count = (kv:get("counter") or 0) + 1
    kv:put("counter", count)
    return Response.new("You've made " .. count .. " requests.")
end
return { App = App }
`;

/** The main job, from an import line and annotations of types. */
const program = (importing, { request = "", data = "" } = {}) => `
${importing}

class AppRunner extends DurableObject {
  async fetch(request${request}) {
    const app = this.ctx.facets.get("app", async () => ({
      class: this.env.LOADER.load({ mainModule: "app.luau", modules: { "app.luau": GUEST } })
        .getDurableObjectClass("App"),
    }));
    return app.fetch(request);
  }
}

const GUEST = ${JSON.stringify(GUEST)};

async function main(data${data}) {
  const runtime = await open(data);
  const app = runtime.namespace("AppRunner", AppRunner).getByName("my-app");
  console.log(await (await app.fetch("http://app/")).text());
  await runtime.close();
}

main(process.argv[2] ?? "");
`;

const IMPORT = 'import { DurableObject, open } from "facetbox";';

const home = await directoryFor({ after });
/** An environment whose PATH has nothing but Node. */
const env = { PATH: join(home, "bin"), HOME: home, npm_config_cache: join(home, "cache") };

before(async () => {
  await mkdir(env.PATH);
  await symlink(process.execPath, join(env.PATH, "node"));
  await exec(process.execPath, ["dist.mjs", join(home, "dist")], { cwd: PACKAGE });
  await writeFile(join(home, "package.json"), '{ "private": true }');
  const tarballs = (await readdir(join(home, "dist"))).map((file) => join(home, "dist", file));
  const npm = await npmScript();
  const flags = ["install", "--offline", "--no-audit", "--no-fund", "--ignore-scripts"];
  await exec(process.execPath, [npm, ...flags, ...tarballs], { cwd: home, env });
});

/** npm's own program, to be run without a shell. */
async function npmScript() {
  const { stdout } = await exec("npm", ["root", "--global"]);
  return join(stdout.trim(), "npm", "bin", "npm-cli.js");
}

/** Runs a program twice on one directory, and checks that the second run goes on counting. */
async function counts(file) {
  const data = join(home, `data-${file}`);
  for (const count of [1, 2]) {
    const { stdout } = await exec(process.execPath, [join(home, file), data], { cwd: home, env });
    assert.equal(stdout, `You've made ${count} requests.\n`);
  }
}

test("two tarballs: the package without the native half, and that for this platform", async () => {
  const { name, libc } = platformPackage();
  const tarballs = (await readdir(join(home, "dist"))).sort();
  assert.deepEqual(tarballs, [`${name}-${version}.tgz`, `facetbox-${version}.tgz`].sort());
  const manifest = async (of) =>
    JSON.parse(await readFile(join(home, "node_modules", of, "package.json"), "utf8"));
  const main = await manifest("facetbox");
  assert.deepEqual(main.optionalDependencies, { [name]: version });
  assert.equal(main.scripts, undefined);
  assert.ok(!(await readdir(join(home, "node_modules", "facetbox"))).includes("facetbox.node"));
  const native = await manifest(name);
  assert.deepEqual(
    [native.os, native.cpu, native.libc],
    [[process.platform], [process.arch], libc],
  );
  if (process.platform === "linux") assert.ok(["glibc", "musl"].includes(native.libc[0]));
  const notices = await readFile(join(home, "node_modules", name, "THIRD-PARTY-NOTICES.txt"), "utf8");
  for (const part of ["Luau", "QuickJS", "SQLite", "napi 3", "rquickjs-sys 0"]) assert.ok(notices.includes(part), part);
});

test("an ES module runs the main job", async () => {
  await writeFile(join(home, "esm.mjs"), program(IMPORT));
  await counts("esm.mjs");
});

test("a CommonJS program runs the main job", async () => {
  await writeFile(join(home, "cjs.cjs"), program('const { DurableObject, open } = require("facetbox");'));
  await counts("cjs.cjs");
});

test("a TypeScript program is compiled strictly and runs the main job", async () => {
  const types = { request: ": Request", data: ": string" };
  const importing = `import { DurableObject, open, type Loader } from "facetbox";`;
  const source = program(importing, types).replace("extends DurableObject {", "extends DurableObject<{ LOADER: Loader }> {");
  await writeFile(join(home, "typed.mts"), source);
  const tools = join(PACKAGE, "node_modules");
  const flags = ["--strict", "--module", "nodenext", "--target", "es2022", "--lib", "es2023,esnext.disposable"];
  const roots = ["--typeRoots", join(tools, "@types"), "--types", "node"];
  const tsc = join(dirname(require.resolve("typescript")), "tsc.js");
  await exec(process.execPath, [tsc, ...flags, ...roots, "typed.mts"], { cwd: home, env });
  await counts("typed.mjs");
});

test("without the package for the platform the error names it", async () => {
  const { name } = platformPackage();
  const script = `
    const Module = require("node:module");
    const resolve = Module._resolveFilename;
    Module._resolveFilename = (request, ...rest) => resolve(request === ${JSON.stringify(name)} ? "nowhere" : request, ...rest);
    try { require("facetbox"); } catch (error) { console.log(error.message); }
  `;
  const { stdout } = await exec(process.execPath, ["--eval", script], { cwd: home, env });
  assert.match(stdout, new RegExp(`the package ${name} is missing`));
});
