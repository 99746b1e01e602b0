import assert from "node:assert/strict";
import { test } from "node:test";
import { body, Worker } from "./worker.mjs";

async function probed(options, type = "cli") {
  const given = type === "cli" ? '{ command: "deploy" }' : "async () => 1";
  const worker = new Worker(body(`return await step.${type}("a", ${given}, ${options});`));
  await worker.begin();
  return worker;
}

async function answerOf(probe, type = "cli") {
  const worker = await probed(`{ onLost: "probe", probe: ${probe} }`, type);
  await worker.deliver({ job: "probe", key: "a", attempt: 1 });
  return worker.ended.at(-1);
}

test("The driver is told that there is a probe, and not what it is", async () => {
  const worker = await probed(`{ probe: () => "done" }`);
  const asked = worker.of("step").find((step) => step.key === "a");
  assert.deepEqual(JSON.parse(asked.input).options, { probe: true, onLost: "probe" });
});

test("A probe says that the step was done, with a result of its type", async () => {
  const end = await answerOf(`() => "done"`);
  assert.equal(end.probe, true);
  assert.equal(end.attempt, 1);
  const { done, output } = JSON.parse(end.output);
  assert.equal(done, true);
  assert.deepEqual(JSON.parse(output), {
    data: { command: "deploy", exitCode: 0, stdout: "", stderr: "" },
    success: true,
    trace: [],
  });
});

test("A probe may bring the result, or say that nothing was done", async () => {
  const brought = JSON.parse((await answerOf(`async () => ({ output: { success: false, data: 7 } })`)).output);
  assert.deepEqual([brought.done, brought.success, JSON.parse(brought.output).data], [true, false, 7]);
  assert.deepEqual(JSON.parse((await answerOf(`() => "not-done"`)).output), { done: false });
});

test("A probe that throws, or says something else, cannot tell", async () => {
  assert.match((await answerOf(`() => { throw new Error("no registry"); }`)).failure.message, /no registry/);
  assert.match((await answerOf(`() => "perhaps"`)).failure.message, /gave "perhaps"; it must be "done"/);
});

test("A probe is a closure: it may ask for effects", async () => {
  const worker = await probed(`{ probe: async () => (await fetch("http://x")).ok ? "done" : "not-done" }`);
  await worker.deliver({ job: "probe", key: "a", attempt: 1 });
  assert.equal(worker.effects.at(-1).name, "fetch");
});

test("Options that do not fit each other are refused", async () => {
  for (const [options, expected] of [
    [`{ onLost: "probe" }`, /needs a probe/],
    [`{ probe: "done" }`, /must be a function/],
    [`{ onLost: "retry", probe: () => "done" }`, /never asked/],
  ]) {
    const worker = await probed(options);
    await worker.finalise();
    assert.match(worker.end.failure.message, expected);
  }
});
