// What step.agent hands to the driver.
import assert from "node:assert/strict";
import { test } from "node:test";
import { body, Worker } from "./worker.mjs";

async function asked(config, definition) {
  const worker = new Worker(body(`await step.agent("a", { agent: "claude", prompt: "p", ...${config} });`, definition));
  await worker.begin();
  const [step] = worker.of("step");
  if (step.type !== "finalizeWorkspace") return JSON.parse(step.input).config;
  await worker.finalise();
  throw new Error(worker.end.failure.message);
}

test("Rules of the definition come before those of the step", async () => {
  const config = await asked(`{ allow: ["Bash(npm test:*)"], askTimeout: "2m" }`, { allow: ["Read"] });
  assert.deepEqual(config.allow, ["Read", "Bash(npm test:*)"]);
  assert.equal(config.askTimeout, 120_000);
});

test("A config without rules is handed on as it is", async () => {
  assert.deepEqual(await asked(`{ model: "m" }`), { agent: "claude", prompt: "p", model: "m" });
});

test("What does not fit is refused with its name", async () => {
  for (const [config, message] of [
    [`{ allow: "Read" }`, /step\.agent\("a"\): allow is "Read"; it must be a list of rules/],
    [`{ allow: ["Bash(npm"] }`, /must be a list of rules, such as \["Read", "Bash\(npm test:\*\)"\]/],
    [`{ allow: ["Bash(:*)"] }`, /must be a list of rules/],
    [`{ askTimeout: "soon" }`, /askTimeout: "soon" is no duration/],
    [`{ maxTurns: 0 }`, /maxTurns is 0; it must be a whole number from 1/],
  ]) {
    await assert.rejects(asked(config), message);
  }
});
