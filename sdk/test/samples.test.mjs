// Every definition in the tree runs twice, on machines whose clocks and chance differ, and asks for the same; with
// other recorded times and another seed of the run it still asks for the same steps.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { bundle, runToEnd, Worker } from "./worker.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));

function definitionsBelow(folder) {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(ts|js)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !file.includes("node_modules"))
    // Those depend on time and chance on purpose, and are steered from outside (scripts/record-histories).
    .filter((file) => !file.includes("tests/histories"))
    .map((file) => [file.slice(root.length), basename(file), readFileSync(file, "utf8")])
    .filter(([, , source]) => /\bdefineWorkflow\(/.test(source));
}

const readme = readFileSync(join(root, "README.md"), "utf8");
const examples = [...readme.matchAll(/```ts\n([^]*?)```/g)].map(([, source], index) => [
  `README.md, example ${index + 1}`,
  "example.ts",
  source,
]);

test("The README's examples fit the types that editors get", () => {
  const folder = mkdtempSync(join(tmpdir(), "agentcmd-readme-"));
  try {
    const files = examples.map(([, , source], index) => {
      writeFileSync(join(folder, `example${index}.ts`), source);
      return `example${index}.ts`;
    });
    const config = {
      extends: join(root, "sdk/test/types/tsconfig.json"),
      files: [...files, join(root, "sdk/types/index.d.ts")],
    };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
    const tsc = join(root, "sdk/node_modules/typescript/bin/tsc");
    const found = spawnSync(process.execPath, [tsc, "-p", folder], { encoding: "utf8" });
    assert.equal(found.stdout, "");
    assert.equal(found.status, 0);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

const data = {
  exitCode: 0,
  stdout: "out",
  commitSha: "c0ffee",
  branch: "b",
  files: ["a.txt"],
  cause: "",
  approved: true,
  remarks: ["fine"],
};
const answer = ({ type }) =>
  type === "sendEvent" ? { ids: ["1"] } : { success: true, data, sessionId: "s", trace: [], ...data };

/** On a machine of its own: its clock, its chance, and that of its JavaScript engine. */
async function play(code, machine, { seed = "42", at = 1_700_000_000_000 } = {}) {
  const worker = new Worker(code, { realNow: () => machine });
  worker.at = at;
  const request = { args: { feature: "login", name: "Ada", tries: 1 } };
  const end = await runToEnd(worker, answer, { closures: false, request, seed });
  assert.equal(end.c, "complete", JSON.stringify(end));
  return worker;
}

const found = [...definitionsBelow("tests"), ...definitionsBelow("demo"), ...definitionsBelow("sdk/test/types"), ...examples];

test("There are definitions to try", () => {
  assert.ok(found.length >= 5, found.map(([name]) => name).join());
});

for (const [name, file, source] of found) {
  if (file === "inference.ts") continue;
  test(`${name} asks for the same on every machine`, async () => {
    const code = bundle(source, { name: file });
    const first = await play(code, 5);
    const second = await play(code, Date.UTC(2040, 1));
    assert.deepEqual(second.commands, first.commands);
    const later = await play(code, 7, { seed: "7", at: Date.UTC(2031, 5) });
    assert.deepEqual(later.matched(), first.matched());
  });
}
