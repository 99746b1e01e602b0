import assert from "node:assert/strict";
import { test } from "node:test";
import { body, Worker } from "./worker.mjs";

async function begun(code) {
  const worker = new Worker(body(code));
  await worker.begin();
  return worker;
}

test("A query is answered from what the workflow knows, before, between and after its steps", async () => {
  const worker = await begun(`
    let done = 0;
    step.onQuery("progress", (args) => ({ done, of: args?.of ?? 3 }));
    for (; done < 2; done++) await step.cli("work", { command: "x" });
    return done;`);
  assert.deepEqual(worker.query("progress"), { ok: '{"done":0,"of":3}' });
  await worker.resolve("work", {});
  assert.deepEqual(worker.query("progress", { of: 5 }), { ok: '{"done":1,"of":5}' });
  await worker.resolve("work#2", {});
  assert.deepEqual(worker.query("progress"), { ok: '{"done":2,"of":3}' });
});

test("A query that there is none of names those that there are", async () => {
  const worker = await begun(`await step.cli("a", { command: "x" });`);
  assert.match(worker.query("x").error.message, /no query "x"; it has declared none so far/);
  const other = await begun(`step.onQuery("a", () => 1); step.onQuery("b", () => 1); await step.sleep("x", 1);`);
  const { error } = other.query("x");
  assert.equal(error.name, "UnknownQueryError");
  assert.match(error.message, /it answers "a", "b"/);
});

test("What answers may ask for nothing, and leaves nothing behind", async () => {
  const code = (answer) => `
    step.onQuery("q", (args, unused) => { ${answer} });
    await step.cli("a", { command: "x" });
    await step.phase("p", () => step.cli("b", { command: "x" }));
    return [Math.random(), new Date().getTime(), crypto.randomUUID()];`;
  const play = async (answer, expected) => {
    const worker = await begun(code(answer));
    const before = worker.commands.length;
    const found = worker.query("q");
    await new Promise((resolve) => setImmediate(resolve));
    if (expected) assert.match(found.error?.message ?? JSON.stringify(found), expected, answer);
    assert.equal(worker.commands.length, before, answer);
    assert.deepEqual(worker.effects, [], answer);
    await worker.resolve("a", {});
    await worker.resolve("p/b", {});
    await worker.finalise();
    return [worker.end.result, ...worker.matched()];
  };
  const undisturbed = await play("return 1");
  for (const [answer, expected] of [
    [`return step.cli("x", { command: "x" })`, /step\.cli\("x"\) was called by a function of step\.onQuery/],
    [`step.run("x", () => 1)`, /may ask for nothing/],
    [`step.sleep("x", 1)`, /may ask for nothing/],
    [`step.approve("x", { title: "t" })`, /may ask for nothing/],
    [`step.phase("x")`, /may ask for nothing/],
    [`step.onQuery("y", () => 1)`, /may ask for nothing/],
    [`step.cleanup(() => 1)`, /may ask for nothing/],
    [`return step.parallel([() => 1])`, /must answer at once/],
    [`setTimeout(() => {}, 1)`, /may ask for nothing/],
    [`require("node:fs").readFileSync("x")`, /works only inside a step/],
    [`step.log("hello"); console.log("x"); step.updateRun`, /ok/],
    [`Math.random(); crypto.randomUUID(); return 1`, /ok/],
    [`return Promise.resolve().then(() => step.cli("x", { command: "x" })).catch(() => {})`, /must answer at once/],
    [`return 1n`, /step\.onQuery\("q"\) returned a BigInt/],
    [`throw new RangeError("not now")`, /not now/],
  ]) {
    assert.deepEqual(await play(answer, expected), undisturbed, answer);
  }
});
