// Turns TypeScript into JavaScript beside it that Node.js runs. Types are checked elsewhere.
import { readFileSync, writeFileSync } from "node:fs";
import ts from "typescript";

const compilerOptions = {
  module: ts.ModuleKind.CommonJS,
  target: ts.ScriptTarget.ES2022,
  jsx: ts.JsxEmit.ReactJSX,
  esModuleInterop: true,
};

for (const name of process.argv.slice(2)) {
  const { outputText } = ts.transpileModule(readFileSync(name, "utf-8"), { compilerOptions, fileName: name });
  writeFileSync(name.replace(/\.tsx?$/, ".js"), outputText);
}
