// The declarations say what there is: compared with the modules themselves.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join } from "node:path";
import { test } from "node:test";
import ts from "typescript";
import * as facetbox from "facetbox";
import { PACKAGE } from "./support.mjs";

const require = createRequire(import.meta.url);
const index = join(PACKAGE, "index.d.ts");
const program = ts.createProgram([index], { module: ts.ModuleKind.NodeNext, strict: true });
const checker = program.getTypeChecker();
const declared = checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(index)));
const named = (name) => declared.find((symbol) => symbol.name === name);

/** The names of the public members of a class or interface, without symbols and fields. */
function methods(name) {
  const type = checker.getDeclaredTypeOfSymbol(named(name));
  const isField = ({ valueDeclaration: node }) =>
    (ts.isPropertySignature(node) && !ts.isFunctionTypeNode(node.type)) || ts.isPropertyDeclaration(node);
  const members = type.getProperties().filter((member) => !member.name.startsWith("__@"));
  return members.filter((member) => !isField(member)).map(({ name: member }) => member).sort();
}

/** The names of the methods of a class. */
function methodsOf({ prototype }) {
  const properties = Object.entries(Object.getOwnPropertyDescriptors(prototype));
  const isMethod = ([key, { value }]) => typeof value === "function" && key !== "constructor";
  return properties.filter(isMethod).map(([key]) => key).sort();
}

test("every value that is declared is exported, and the other way round", () => {
  const isValue = (symbol) => (symbol.flags & ts.SymbolFlags.Value) !== 0;
  const exported = Object.keys(facetbox).filter((name) => name !== "default");
  assert.deepEqual(declared.filter(isValue).map(({ name }) => name).sort(), exported.sort());
});

for (const name of ["Runtime", "Namespace", "Deployment", "Loader", "WorkerStub", "ManualClock", "ObjectId"]) {
  test(`the methods of ${name} are those that are declared`, () => {
    assert.deepEqual(methods(name), methodsOf(facetbox[name]));
  });
}

const inside = { Ctx: "context", Facets: "facets", Storage: "storage", Sql: "sql" };

for (const [name, file] of Object.entries(inside)) {
  test(`the methods of ${name} are those that are declared`, () => {
    assert.deepEqual(methods(name), methodsOf(require(`../lib/${file}.js`)[name]));
  });
}

test("the functions for stubs are those that are declared", () => {
  const type = checker.getTypeOfSymbolAtLocation(named("Stub"), program.getSourceFile(index));
  assert.deepEqual(type.getProperties().map(({ name }) => name).sort(), Object.keys(facetbox.Stub).sort());
});
