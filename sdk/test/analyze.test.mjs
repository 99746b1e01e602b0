import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import vm from "node:vm";
import { bundle, libexec } from "./worker.mjs";

const analyze = vm.runInNewContext(readFileSync(join(libexec, "analyze.js"), "utf8"));

function findings(source, options) {
  const code = bundle(source, options);
  const lines = code.split("\n");
  return JSON.parse(analyze(code)).map((found) => ({ ...found, text: lines[found.line - 1].slice(found.column) }));
}

function summary(source, options) {
  return findings(source, options).map(({ what, treatment }) => `${what} ${treatment}`);
}

test("Clock, chance, timers and effects outside steps are found with their treatment", () => {
  assert.deepEqual(
    summary(`
      import { readFileSync } from "node:fs";
      import * as child from "node:child_process";
      import os from "os";
      import { randomUUID, createHash } from "node:crypto";
      const started = [new Date()];
      const exact = new Date(0);
      export default defineWorkflow({ id: "x" }, async ({ step }) => {
        Date.now(); Math.random(); randomUUID(); createHash("md5"); performance.now();
        setTimeout(() => {}, 5);
        await fetch("http://x");
        readFileSync("a"); child.execSync("ls"); os.hostname();
        if (process.env.HOME) process.exit(1);
        process.cwd(); return [started, exact];
      });`),
    [
      "new Date() recorded",
      "Date.now() recorded",
      "Math.random() seeded",
      "crypto.randomUUID() seeded",
      "performance.now() recorded",
      "setTimeout() recorded",
      "fetch() refused",
      "fs.readFileSync() refused",
      "child_process.execSync() refused",
      "os.hostname() refused",
      "process.env.HOME refused",
      "process.exit() refused",
      "process.cwd() recorded",
    ],
  );
});

test("The inside of a closure is free, and so are functions used only there", () => {
  assert.deepEqual(
    summary(`
      import { readFile } from "node:fs/promises";
      async function load() { return deeper(); }
      const deeper = async () => readFile("a");
      function both() { return Date.now(); }
      async function direct() { return fetch("x"); }
      export default defineWorkflow({ id: "x" }, async ({ step }) => {
        await step.run("a", async () => { await fetch("x"); await load(); both(); return process.env.HOME; });
        await step.run("b", direct);
        both();
      });`),
    ["Date.now() recorded"],
  );
});

test("Places are those of the bundle", () => {
  const [found] = findings(`export default defineWorkflow({ id: "x" }, async () => { return [1, Math.random()]; });`);
  assert.ok(found.text.startsWith("Math.random()"), found.text);
  assert.ok(found.advice.length > 10);
});

test("Packages and names of one's own are passed over", () => {
  assert.deepEqual(
    summary(`
    import { z } from "zod";
    function fetch() {}
    export default defineWorkflow({ id: "x" }, async ({ step }) => { fetch(); z.string().parse("a"); });`),
    [],
  );
});
