// The JavaScript half uses what the native half has, and nothing else: checked by the compiler, against
// declarations that are made with the native half.

import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import ts from "typescript";
import { PACKAGE } from "./support.mjs";

/** How each kind of thing that the native half exports is declared around its members. */
const DECLARATIONS = {
  struct: ({ name, def }, methods) => `export class ${name} {\n${def}\n${methods.get(name) ?? ""}\n}`,
  interface: ({ name, def }) => `export interface ${name} {\n${def}\n}`,
  enum: ({ name, def }) => `export enum ${name} {\n${def}\n}`,
  type: ({ name, def }) => `export type ${name} = ${def}`,
  fn: ({ def }) => `export ${def}`,
};

/** The declarations of the native half, from the lines that its build has written. */
async function declarations() {
  const written = await readFile(join(PACKAGE, "../target/napi-types/facetbox-node"), "utf8");
  const items = written.trim().split("\n").map((line) => JSON.parse(line));
  const methods = new Map();
  for (const { kind, name, def } of items) {
    if (kind === "impl") methods.set(name, `${methods.get(name) ?? ""}\n${def}`);
  }
  const declared = items.filter(({ kind }) => kind !== "impl");
  const text = declared.map((item) => DECLARATIONS[item.kind](item, methods)).join("\n");
  // Names of parameters that are words of the language.
  return text.replaceAll(/(?<=[(,] ?)(class|function)(?=\??:)/g, "$1_");
}

const OPTIONS = {
  allowJs: true,
  checkJs: true,
  noEmit: true,
  target: ts.ScriptTarget.ES2023,
  lib: ["lib.es2024.d.ts", "lib.esnext.disposable.d.ts"],
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  types: ["node"],
  typeRoots: [join(PACKAGE, "node_modules/@types")],
  skipLibCheck: true,
};

/** What the compiler says of files when `native.js` is declared like this. */
function complaints(files, native) {
  const place = join(PACKAGE, "lib/native.d.ts");
  const host = ts.createCompilerHost(OPTIONS);
  const { fileExists, readFile: read } = host;
  host.fileExists = (file) => file === place || fileExists(file);
  host.readFile = (file) => (file === place ? native : read(file));
  const program = ts.createProgram(files, OPTIONS, host);
  return ts.getPreEmitDiagnostics(program).map(({ file, start, messageText }) => {
    const { line } = file ? ts.getLineAndCharacterOfPosition(file, start) : { line: 0 };
    return `${file?.fileName}:${line + 1}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`;
  });
}

test("the JavaScript half fits the native half", async () => {
  const native = await declarations();
  const names = (await readdir(join(PACKAGE, "lib"))).filter((name) => name !== "native.js");
  const files = names.map((name) => join(PACKAGE, "lib", name));
  assert.deepEqual(complaints(files, native), []);

  const renamed = native.replace("getByName(", "getByNames(");
  assert.notEqual(renamed, native);
  const [complaint] = complaints(files, renamed);
  assert.match(complaint ?? "", /lib\/namespace\.js:\d+: Property 'getByName' does not exist/);
});
