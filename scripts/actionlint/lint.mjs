// Runs actionlint over workflow files: node lint.mjs MODULES FILE... Prints findings and exits with 1 if there are any.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";

const [modules, ...files] = process.argv.slice(2);
const folder = join(modules, "node_modules", "@tktco", "node-actionlint");
createRequire(import.meta.url)(join(folder, "wasm_exec.js"));
globalThis.throwError = (message) => {
  throw new Error(message);
};
const go = new globalThis.Go();
const { instance } = await WebAssembly.instantiate(await readFile(join(folder, "main.wasm")), go.importObject);
go.run(instance);
let findings = 0;
for (const file of files) {
  for (const { line, column, message, kind } of globalThis.runActionlint(await readFile(file, "utf8"), file)) {
    if (!message) continue;
    console.log(`${file}:${line}:${column}: ${message} [${kind}]`);
    findings += 1;
  }
}
process.exit(findings ? 1 : 0);
