import assert from "node:assert/strict";
import { test } from "node:test";
import { body, runToEnd, Worker } from "./worker.mjs";

test("A run sets up, works, finalises and completes", async () => {
  const worker = new Worker(
    body(`
    const made = await step.cli("Run Tests", { command: "make" }, { timeout: 5000 });
    return { code: made.data.exitCode, dir: event.data.workingDir, run: event.data.runId, tries: event.data.args.tries };`),
  );
  await worker.start({ request: { mode: "worktree", branchName: "b", args: { tries: 2 } } });
  const [phase, setup] = worker.commands;
  assert.deepEqual(phase, { c: "phase", state: "started", phase: "_system_setup", label: "System Setup" });
  assert.equal(setup.key, "_system_setup/setup-workspace");
  assert.equal(setup.type, "setupWorkspace");
  assert.deepEqual(JSON.parse(setup.input), { config: { mode: "worktree", branchName: "b" }, options: {} });
  worker.commands = [];
  await worker.resolve(setup.key, { workingDir: "/wt", worktreePath: "/wt", branch: "b", mode: "worktree" });
  assert.deepEqual(worker.matched(), ["step run-tests cli"]);
  const cli = worker.of("step")[0];
  assert.equal(cli.name, "Run Tests");
  assert.deepEqual(JSON.parse(cli.input), { config: { command: "make" }, options: { timeout: 5000 } });
  worker.commands = [];
  await worker.resolve(cli.key, { success: true, data: { exitCode: 3 }, trace: [] });
  const final = worker.of("step")[0];
  assert.equal(final.type, "finalizeWorkspace");
  assert.deepEqual(JSON.parse(final.input).config, {
    outcome: "completed",
    workspace: { workingDir: "/wt", worktreePath: "/wt", branch: "b", mode: "worktree" },
  });
  assert.equal(worker.end, undefined);
  await worker.finalise();
  assert.deepEqual(JSON.parse(worker.end.result), { code: 3, dir: "/wt", run: "r_1", tries: 2 });
});

test("What the workflow throws fails the run, with a mapped stack, after finalising", async () => {
  const worker = new Worker(body(`await step.cli("a", { command: "x" }); throw new RangeError("too far");`));
  const end = await runToEnd(worker);
  assert.equal(end.c, "fail");
  assert.equal(end.failure.name, "RangeError");
  assert.equal(end.failure.message, "too far");
  assert.match(end.failure.stack, /^mapped: /);
  const final = worker.of("step").find((step) => step.type === "finalizeWorkspace");
  assert.equal(JSON.parse(final.input).config.outcome, "failed");
});

test("A failure of set-up fails the run without running the workflow", async () => {
  const worker = new Worker(body(`await step.cli("a", { command: "x" });`));
  await worker.start();
  await worker.reject("_system_setup/setup-workspace", { message: "no git" });
  assert.deepEqual(worker.matched(), ["step _system_setup/setup-workspace setupWorkspace", "fail"]);
  assert.equal(worker.end.failure.message, "no git");
});

test("A failure of finalising is a warning", async () => {
  const worker = new Worker(body(`return 1;`));
  await worker.begin();
  await worker.reject("_system_finalize/finalize-workspace", { message: "disk" });
  assert.equal(worker.end.c, "complete");
  assert.match(worker.of("log").find((log) => log.level === "warn").message, /disk/);
});

test("A rejected step throws into the workflow with its name and stack", async () => {
  const worker = new Worker(
    body(`
    try { await step.agent("a", { agent: "claude", prompt: "p" }); }
    catch (error) { return [error.name, error.message, error.stack, error instanceof Error]; }`),
  );
  await worker.begin();
  await worker.reject("a", { name: "SpawnError", message: "not found", stack: "at x (y.ts:1:2)" });
  await worker.finalise();
  assert.deepEqual(JSON.parse(worker.end.result), ["SpawnError", "not found", "at x (y.ts:1:2)", true]);
});

test("What is outstanding at the end is cancelled before finalising", async () => {
  const worker = new Worker(
    body(`
    const slow = step.cli("slow", { command: "x" }).then(() => step.cli("never", { command: "x" }));
    step.sleep("nap", "1h");
    setTimeout(() => step.log("never"), 5000);
    return await Promise.race([slow, step.cli("fast", { command: "y" })]);`),
  );
  await worker.begin();
  assert.deepEqual(worker.matched(), ["step slow cli", "timer nap", "timer timeout", "step fast cli"]);
  worker.commands = [];
  await worker.resolve("fast", { success: true });
  assert.deepEqual(worker.matched(), [
    "cancelStep slow",
    "cancelTimer nap",
    "cancelTimer timeout",
    "step _system_finalize/finalize-workspace finalizeWorkspace",
  ]);
  await worker.resolve("slow", { success: true });
  await worker.finalise();
  assert.deepEqual(JSON.parse(worker.end.result), { success: true });
  assert.ok(!worker.keys().includes("never"));
});

test("Cancel rejects what waits once, cleans up, finalises, and ends cancelled whatever is returned", async () => {
  const worker = new Worker(
    body(`
    step.cleanup(() => step.cli("tidy", { command: "rm" }));
    step.compensate(() => step.cli("undo", { command: "undo" }));
    const seen = [];
    step.signal.addEventListener("abort", () => seen.push("abort"));
    try { await Promise.all([step.cli("a", { command: "x" }), step.sleep("b", 1000)]); }
    catch (error) { seen.push(error.name, error instanceof CancelledError); }
    finally { await step.run("note", () => seen); }
    return "done";`),
  );
  await worker.begin();
  await worker.cancel("Ctrl-C");
  assert.deepEqual(worker.matched().slice(2), ["cancelStep a", "cancelTimer b", "step note run"]);
  await worker.closures();
  assert.deepEqual(JSON.parse(worker.ended[0].output), ["abort", "CancelledError", true]);
  await worker.resolve("note", []);
  assert.equal(worker.matched().at(-1), "step undo cli");
  await worker.resolve("undo", {});
  assert.equal(worker.matched().at(-1), "step tidy cli");
  await worker.resolve("tidy", {});
  const final = worker.of("step").at(-1);
  assert.equal(JSON.parse(final.input).config.outcome, "cancelled");
  await worker.finalise();
  assert.deepEqual(worker.end, { c: "cancelled" });
});

test("A cancelled run that waits for a timer's callback ends too", async () => {
  const worker = new Worker(
    body(`await new Promise((resolve) => setTimeout(resolve, 60000)); await step.cli("after", { command: "x" });`),
  );
  await worker.begin();
  assert.equal(worker.of("timer")[0].at, worker.at + 60000);
  await worker.cancel();
  await worker.finalise();
  assert.deepEqual(worker.end, { c: "cancelled" });
  assert.ok(!worker.keys().includes("after"));
});

test("A cancel while finalising does not disturb it, and the run ends cancelled", async () => {
  const worker = new Worker(body(`return 1;`));
  await worker.begin();
  await worker.cancel();
  assert.deepEqual(worker.of("cancelStep"), []);
  await worker.finalise();
  assert.deepEqual(worker.end, { c: "cancelled" });
});

test("Compensations run on failure only, clean-ups always, last in first out", async () => {
  const code = (last) =>
    body(`
    step.cleanup(() => step.cli("c1", { command: "x" }));
    step.compensate(() => step.cli("undo", { command: "x" }));
    step.cleanup(() => { throw new Error("broken"); });
    step.cleanup(() => step.cli("c2", { command: "x" }));
    ${last}`);
  const good = new Worker(code("return 1;"));
  await runToEnd(good);
  assert.deepEqual(good.keys().slice(1, -1), ["c2", "c1"]);
  assert.match(good.of("log")[0].message, /broken/);
  const bad = new Worker(code("throw new Error('no');"));
  await runToEnd(bad);
  assert.deepEqual(bad.keys().slice(1, -1), ["c2", "undo", "c1"]);
});

test("A workflow that waits for what nothing settles fails instead of waiting for ever", async () => {
  const worker = new Worker(body(`await new Promise(() => {});`));
  const end = await runToEnd(worker);
  assert.equal(end.c, "fail");
  assert.match(end.failure.message, /no step, timer or closure/);
});

test("An error in a timer's callback fails the run", async () => {
  const worker = new Worker(
    body(`setTimeout(() => { throw new Error("late"); }, 10); await step.sleep("long", 1000);`),
  );
  await worker.begin();
  await worker.fire("timeout");
  await worker.finalise();
  assert.equal(worker.end.failure.message, "late");
});

test("Results that JSON cannot hold fail with their name", async () => {
  for (const [value, message] of [
    ["10n", /The workflow returned a BigInt at value/],
    ["{ a: { b: new Map() } }", /at value\.a\.b a Map/],
    ["(() => { const a = {}; a.self = a; return a; })()", /contains itself, at value\.self/],
    ["() => 1", /a function, which JSON cannot hold/],
  ]) {
    const end = await runToEnd(new Worker(body(`return ${value};`)));
    assert.equal(end.c, "fail");
    assert.match(end.failure.message, message);
  }
  const given = await runToEnd(new Worker(body(`await step.agent("ask", { prompt: 1n });`)));
  assert.match(given.failure.message, /step\.agent\("ask"\) was given a BigInt at value\.config\.prompt/);
});

test("Steps of the next version say that they are missing", async () => {
  for (const name of ["preview", "continueAsNew"]) {
    const end = await runToEnd(new Worker(body(`await step.${name}("x", {});`)));
    assert.match(end.failure.message, new RegExp(`step\\.${name} is not available in this version`));
  }
});
