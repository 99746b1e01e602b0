import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { body, bundle, runToEnd, Worker } from "./worker.mjs";

const sample = (name) => bundle(readFileSync(new URL(`types/${name}.ts`, import.meta.url), "utf8"));

test("Sample A runs unchanged, through an agent, a red test and git", async () => {
  const worker = new Worker(sample("sample_a"));
  const end = await runToEnd(
    worker,
    ({ type }) =>
      type === "agent"
        ? { success: true, data: { files: ["Makefile"] }, sessionId: "s", exitCode: 0, trace: [] }
        : type === "cli"
          ? { success: false, data: { exitCode: 2 }, error: "exit 2", trace: [] }
          : {
              success: true,
              data: { branch: "feat/login", hadUncommittedChanges: true, alreadyOnBranch: false },
              trace: [],
            },
    { request: { args: { feature: "login", tries: 1 } } },
  );
  assert.deepEqual(JSON.parse(end.result), { files: ["Makefile"], branch: "feat/login" });
  assert.deepEqual(worker.keys().slice(1, -1), ["research/look-around", "implement/run-tests", "implement/save"]);
  assert.deepEqual(worker.of("annotate"), [
    { c: "annotate", key: "implement/tests-red", phase: "implement", message: "exit 2" },
  ]);
  const [, agent, , git] = worker.of("step").map(({ input }) => JSON.parse(input).config);
  assert.deepEqual(agent, { agent: "claude", prompt: "Where is login?", json: true });
  assert.deepEqual(git, { operation: "commit-and-branch", branch: "feat/login", commitMessage: "feat: first cut" });
});

test("Sample B runs unchanged, with marked phases and steps without ids", async () => {
  const worker = new Worker(sample("sample_b"));
  const end = await runToEnd(worker);
  assert.equal(end.result, "null");
  assert.deepEqual(worker.keys().slice(1, -1), ["research/agent", "implement/git"]);
  assert.equal(worker.of("log").length, 1);
  assert.match(worker.of("log")[0].message, /^Starting workflow at 2023-11-14T/);
  assert.deepEqual(JSON.parse(worker.of("step")[2].input).config, {
    branch: "feat/new-feature",
    operation: "commit-and-branch",
  });
});

test("A definition tells what it declares", () => {
  const described = new Worker(sample("sample_a")).describe();
  assert.deepEqual(described.phases, [
    { id: "research", label: "research" },
    { id: "implement", label: "Implement" },
  ]);
  assert.deepEqual([described.id, described.name, described.description], ["feature", "Feature", ""]);
  assert.equal(JSON.parse(described.argsSchema).properties.tries.default, 1);
  assert.deepEqual(JSON.parse(new Worker(body("", { timeout: 5, concurrency: { limit: 1 } })).describe().config), {
    concurrency: { limit: 1 },
  });
  assert.equal(new Worker(body("", { timeout: 5 })).describe().timeout, 5);
});

test("Describing asks for nothing, whatever the top of the file does", () => {
  const worker = new Worker(`console.log("loaded", new Date()); setTimeout(() => {}, 5); ${body("")}`);
  assert.equal(worker.describe().id, "test");
  assert.deepEqual(worker.commands, []);
});

test("The default export wins, else the first named one that is a workflow", () => {
  const first = `export const helper = 1; export const one = defineWorkflow({ id: "one" }, async () => {}); export const two = defineWorkflow({ id: "two" }, async () => {});`;
  assert.equal(new Worker(bundle(first)).describe().id, "one");
  assert.equal(new Worker(bundle(`${first} export default two;`)).describe().id, "two");
  assert.equal(new Worker(`module.exports = defineWorkflow({ id: "cjs", execute() {} });`).describe().id, "cjs");
});

test("What is no definition is refused with a way out", () => {
  const refused = (code) => {
    try {
      new Worker(code).describe();
    } catch (error) {
      return error.message;
    }
    return "accepted";
  };
  assert.match(
    refused(bundle(`export const a = 1;`)),
    /^The file exports no workflow \(it exports a\).*export default defineWorkflow/,
  );
  assert.match(refused(`1;`), /it exports nothing/);
  assert.match(refused(`exports.default = defineWorkflow({}, () => {});`), /needs an id/);
  assert.match(refused(`exports.default = defineWorkflow({ id: "x" });`), /"x".*execute\(\)/);
  assert.match(refused(`throw new RangeError("at load");`), /at load/);
  assert.match(refused(`require("left-pad");`), /Cannot find module "left-pad"/);
});

test("A definition that throws at load fails its run", async () => {
  const worker = new Worker(`throw new RangeError("at load");`);
  await worker.start();
  assert.deepEqual(worker.matched(), ["fail"]);
  assert.equal(worker.end.failure.name, "RangeError");
});

test("The SDK is found under each of its names", async () => {
  for (const name of [
    "agentcmd-workflows",
    "../../agentcmd-workflows/dist",
    "./agentcmd-workflows/dist/index.js",
    "/x/agentcmd-workflows/src",
    "agentcmd-workflows/index.js",
  ]) {
    const worker = new Worker(
      `const sdk = require(${JSON.stringify(name)}); exports.default = sdk.defineWorkflow({ id: "x" }, () => Object.keys(sdk).sort());`,
    );
    const names = JSON.parse((await runToEnd(worker)).result);
    for (const expected of [
      "defineWorkflow",
      "defineSchema",
      "buildSlashCommand",
      "SlashCommandArgOrder",
      "MODELS",
      "VERSION",
      "parseSlashCommands",
      "parseArgumentHint",
      "parseJsonResponseSchema",
      "generateSlashCommandTypesCode",
      "generateSlashCommandTypesFromDir",
      "generateResponseTypeCode",
      "commandNameToTypeName",
      "commandNameToArgsTypeName",
    ]) {
      assert.ok(names.includes(expected), `${name}: ${expected}`);
    }
  }
});

test("TypeScript with enums, relative imports, packages and every module of Node loads", async () => {
  const code = bundle(
    `import { defineWorkflow } from "agentcmd-workflows";
     import { z } from "zod";
     import fs, { readFileSync } from "node:fs"; import * as path from "path"; import { promisify } from "node:util";
     import net from "node:net"; import { Transform } from "node:stream"; import { EventEmitter } from "events"; import assert from "node:assert/strict";
     import { helper } from "./lib/helper";
     enum Color { Red = "red" }
     class Pipe extends Transform {}
     export default defineWorkflow({ id: "big" }, async ({ step }) => {
       const parsed = z.object({ n: z.number().default(3) }).parse({});
       let refused = ""; try { net.connect(1); } catch (error) { refused = (error as Error).message; }
       const emitter = new EventEmitter(); let heard = 0; emitter.once("x", (n: number) => (heard += n)); emitter.emit("x", 2); emitter.emit("x", 2);
       return [parsed.n, Color.Red, helper(2), path.join("a", "../b"), path.resolve("x"), typeof fs.readFileSync === typeof readFileSync, typeof promisify, refused, heard, typeof assert.equal];
     });`,
    { files: { "lib/helper.ts": `export const helper = (n: number): number => n * 2;` } },
  );
  const end = await runToEnd(new Worker(code));
  assert.equal(end.c, "complete", end.failure?.message);
  const result = JSON.parse(end.result);
  assert.match(result.splice(7, 1)[0], /node:net \(connect\) is not available/);
  assert.deepEqual(result, [3, "red", 4, "b", "/project/x", true, "function", 2, "function"]);
});

test("Slash commands keep their places and quote what they are given", async () => {
  const call = async (code) => JSON.parse((await runToEnd(new Worker(body(`return ${code};`)))).result);
  assert.equal(
    await call(`buildSlashCommand("/cmd:implement-spec", { specIdOrNameOrPath: "it's" })`),
    String.raw`/cmd:implement-spec 'it'\''s'`,
  );
  assert.equal(await call(`buildSlashCommand("/cmd:audit", { scope: "src" })`), "/cmd:audit '' 'src'");
  const hints = ["[a, (b), c?]", "[pr-number] [priority]", "<file> [line]", "[]", ["one", "(two)"], '["x", "y?"]'];
  assert.deepEqual(
    await call(
      `${JSON.stringify(hints)}.map((hint) => require("agentcmd-workflows").parseArgumentHint(hint)
        .map(({ name, required }) => (required ? name : name + "?")).join(" "))`,
    ),
    ["a b? c?", "pr-number priority", "file line?", "", "one two?", "x y?"],
  );
  assert.equal(
    await call(
      `require("agentcmd-workflows").generateSlashCommandTypesCode(["/a:b", "/a-b"].map((name) =>
        ({ name, description: "", arguments: [] }))).match(/interface \\w+Args \\{\\}/g).join(" ")`,
    ),
    "interface ABArgs {} interface AB2Args {}",
  );
  assert.equal(await call(`buildSlashCommand("/cmd:create-pr")`), "/cmd:create-pr");
  assert.equal(await call(`buildSlashCommand("/mine", { b: 1, a: "" })`), "/mine '1' ''");
  assert.equal(
    await call(`require("agentcmd-workflows").commandNameToArgsTypeName("/cmd:generate-spec")`),
    "CmdGenerateSpecArgs",
  );
  assert.deepEqual(await call(`require("agentcmd-workflows").parseArgumentHint("[a, (b), c?]")`), [
    { name: "a", required: true },
    { name: "b", required: false },
    { name: "c", required: false },
  ]);
});

test("Commands are read from a folder and become types", async () => {
  const markdown = `---\ndescription: Does it\nargument-hint: [a-b, (c)]\n---\n<json_output>\n{"ok": true, "odd-name": [1]}\n</json_output>\n**JSON Field Descriptions:**\n- \`ok\`: Whether it went well\n`;
  const worker = new Worker(
    body(`return await step.run("t", async () => {
    const sdk = require("agentcmd-workflows"); const commands = await sdk.parseSlashCommands("cmds"); return sdk.generateSlashCommandTypesCode(commands); });`),
  );
  await worker.begin();
  await worker.closures();
  await worker.answer(worker.effects[0], [{ name: "cmd/do-it.md", parent: "cmds/cmd", kind: "file" }]);
  await worker.answer(worker.effects[1], markdown);
  const code = JSON.parse(worker.ended[0].output);
  for (const part of [
    `"/cmd:do-it"`,
    `"a-b": string;`,
    "c?: string;",
    "/** Whether it went well */",
    `"odd-name": Array<number>;`,
  ])
    assert.ok(code.includes(part), `${part} in\n${code}`);
});
