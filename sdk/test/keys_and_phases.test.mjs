import assert from "node:assert/strict";
import { test } from "node:test";
import { body, runToEnd, Worker } from "./worker.mjs";

async function keysOf(code, config) {
  const worker = new Worker(body(code, config));
  const end = await runToEnd(worker);
  assert.equal(end.c, "complete", end.failure?.message);
  return worker.keys().slice(1, -1);
}

test("Keys are phase, slug, and a number for repeats", async () => {
  assert.deepEqual(
    await keysOf(`
      for (let i = 0; i < 3; i++) await step.cli("Run_the  Tests!", { command: "x" });
      await step.phase("In Review", async () => { await step.cli("a--b-", { command: "x" }); await step.cli("a--b-", { command: "x" }); });
      await step.phase("In Review", () => step.cli("a--b-", { command: "x" }));
      await step.cli("x".repeat(80), { command: "x" });`),
    [
      "run-the-tests",
      "run-the-tests#2",
      "run-the-tests#3",
      "in-review/a-b",
      "in-review/a-b#2",
      "in-review/a-b#3",
      "x".repeat(64),
    ],
  );
});

test("Different ids with the same slug, and ids without one, get digits of their hash", async () => {
  const keys = await keysOf(`
    for (const id of ["Save it", "save-it", "保存", "読込", "save-it", "保存"]) await step.cli(id, { command: "x" });`);
  assert.equal(keys[0], "save-it");
  assert.match(keys[1], /^save-it-[0-9a-f]{6}$/);
  assert.match(keys[2], /^[0-9a-f]{6}$/);
  assert.match(keys[3], /^[0-9a-f]{6}$/);
  assert.equal(keys[4], `${keys[1]}#2`);
  assert.equal(keys[5], `${keys[2]}#2`);
  assert.equal(new Set(keys).size, 6);
});

test("Nested phases give back the phase around them", async () => {
  const worker = new Worker(
    body(
      `
    await step.phase("outer", async () => {
      await step.cli("a", { command: "x" });
      const value = await step.phase("inner", async () => { await step.cli("b", { command: "x" }); return 7; });
      await step.cli("c" + value, { command: "x" });
    });
    await step.cli("d", { command: "x" });`,
      { phases: [{ id: "outer", label: "The Outer" }] },
    ),
  );
  await runToEnd(worker);
  assert.deepEqual(worker.keys().slice(1, -1), ["outer/a", "outer/inner/b", "outer/c7", "d"]);
  assert.deepEqual(
    worker
      .of("phase")
      .filter(({ phase }) => !phase.startsWith("_"))
      .map(({ state, phase, label }) => [state, phase, label].filter(Boolean).join(" ")),
    ["started outer The Outer", "started outer/inner inner", "completed outer/inner", "completed outer"],
  );
});

test("Phases side by side keep their steps, whatever order they end in", async () => {
  const worker = new Worker(
    body(`
    const work = (name, n) => step.phase(name, async () => {
      for (let i = 0; i < n; i++) {
        await step.annotation("note", { message: name });
        await (async () => step.cli("s" + i, { command: "x" }))();
      }
    });
    await Promise.all([work("one", 2), work("two", 2)]);
    await step.cli("after", { command: "x" });`),
  );
  await worker.begin();
  assert.deepEqual(worker.keys(), ["one/s0", "two/s0"]);
  await worker.resolve("two/s0", {});
  assert.deepEqual(worker.keys().slice(2), ["two/s1"]);
  await worker.resolve("one/s0", {});
  assert.deepEqual(worker.keys().slice(3), ["one/s1"]);
  await worker.resolve("one/s1", {});
  await worker.resolve("two/s1", {});
  assert.deepEqual(worker.keys().slice(4), ["after"]);
  assert.deepEqual(
    worker.of("annotate").map(({ key, message }) => `${key} ${message}`),
    ["one/note one", "two/note two", "two/note#2 two", "one/note#2 one"],
  );
});

test("A phase that throws is told as failed and the scope around it comes back", async () => {
  const worker = new Worker(
    body(`
    await step.phase("bad", async () => { await step.cli("a", { command: "x" }); throw new Error("no"); }).catch(() => {});
    await step.phase("sync", () => { throw new Error("at once"); }).catch(() => {});
    await step.cli("b", { command: "x" });`),
  );
  await runToEnd(worker);
  assert.deepEqual(worker.keys().slice(1, -1), ["bad/a", "b"]);
  assert.deepEqual(
    worker
      .of("phase")
      .filter(({ state }) => state === "failed")
      .map(({ phase, message }) => `${phase}: ${message}`),
    ["bad: no", "sync: at once"],
  );
});

test("Marked phases hold for what follows, until the next or the end", async () => {
  const worker = new Worker(
    body(`
    step.phase("research");
    await step.agent({ agent: "claude", prompt: "a" });
    await step.agent({ agent: "claude", prompt: "b" });
    await step.phase("implement");
    await step.agent({ agent: "claude", prompt: "c" });
    await step.phase("with function", () => step.cli({ command: "x" }));
    await step.cli({ command: "y" });`),
  );
  await runToEnd(worker);
  assert.deepEqual(worker.keys().slice(1, -1), [
    "research/agent",
    "research/agent#2",
    "implement/agent",
    "with-function/cli",
    "cli",
  ]);
  assert.deepEqual(
    worker
      .of("phase")
      .filter(({ phase }) => !phase.startsWith("_"))
      .map(({ state, phase }) => `${state} ${phase}`),
    [
      "started research",
      "completed research",
      "started implement",
      "completed implement",
      "started with function",
      "completed with function",
    ],
  );
});

test("Git knows its aliases, and cwd and workingDir are one thing", async () => {
  const worker = new Worker(
    body(`
    await step.git({ type: "commit-and-branch", branch: "b", message: "m" });
    await step.git("c", { operation: "commit", commitMessage: "m" });
    await step.cli("d", { command: "x", workingDir: "sub", name: "Shown" });
    await step.agent("e", { agent: "claude", prompt: "p", cwd: "sub" });`),
  );
  await runToEnd(worker);
  const [a, c, d, e] = worker
    .of("step")
    .slice(1)
    .map((step) => ({ ...step, ...JSON.parse(step.input) }));
  assert.deepEqual(a.config, { operation: "commit-and-branch", branch: "b", commitMessage: "m" });
  assert.deepEqual(c.config, { operation: "commit", message: "m" });
  assert.deepEqual([d.config.cwd, d.config.workingDir, d.name], ["sub", "sub", "Shown"]);
  assert.equal(e.config.workingDir, "sub");
});

test("Sleeps and timeouts become timers at the recorded time", async () => {
  const worker = new Worker(
    body(`
    await step.sleep("short", "1h 30m");
    await step.sleep("iso", "PT2M");
    await step.sleepUntil("day", "2030-01-01T00:00:00Z");
    await new Promise((resolve) => setTimeout(resolve, 250));
    let n = 0; await new Promise((resolve) => { const t = setInterval(() => { if (++n === 2) { clearInterval(t); resolve(); } }, 100); });
    const unused = setTimeout(() => {}, 1000); clearTimeout(unused);
    return n;`),
  );
  await worker.begin();
  const due = () => worker.of("timer").at(-1);
  assert.equal(due().at, worker.at + 5_400_000);
  await worker.fire("short");
  assert.equal(due().at, worker.at + 120_000);
  await worker.fire("iso");
  assert.equal(due().at, Date.UTC(2030, 0, 1));
  await worker.fire("day");
  assert.deepEqual([due().key, due().at], ["timeout", worker.at + 250]);
  await worker.fire("timeout");
  await worker.fire("interval");
  await worker.fire("interval#2");
  assert.deepEqual(worker.of("cancelTimer"), [{ c: "cancelTimer", key: "timeout#2" }]);
  await worker.finalise();
  assert.equal(worker.end.result, "2");
});

test("A wrong duration is an error that names the step", async () => {
  const end = await runToEnd(new Worker(body(`await step.sleep("nap", "soon");`)));
  assert.match(end.failure.message, /step\.sleep\("nap"\): "soon" is no duration/);
});

test("Parallel runs at most so many at a time and keeps the phase", async () => {
  const worker = new Worker(
    body(
      `return await step.phase("p", () => step.parallel([1, 2, 3].map((n) => async () => (await step.cli("s" + n, { command: "x" })).n), { limit: 2 }));`,
    ),
  );
  await worker.begin();
  assert.deepEqual(worker.keys(), ["p/s1", "p/s2"]);
  await worker.resolve("p/s2", { n: 2 });
  assert.deepEqual(worker.keys(), ["p/s1", "p/s2", "p/s3"]);
  await worker.resolve("p/s3", { n: 3 });
  await worker.resolve("p/s1", { n: 1 });
  await worker.finalise();
  assert.equal(worker.end.result, "[1,2,3]");
});
