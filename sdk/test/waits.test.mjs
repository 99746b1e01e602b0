import assert from "node:assert/strict";
import { test } from "node:test";
import { body, Worker } from "./worker.mjs";

/** Past set-up, with the body's own commands only; the replay of the same jobs must ask for the same. */
async function begun(code, request = {}) {
  const worker = new Worker(body(code));
  await worker.begin({ request });
  return worker;
}

async function resultOf(worker) {
  await worker.finalise();
  const again = await worker.replayed();
  assert.deepEqual(again.matched().slice(1), worker.matched());
  assert.equal(worker.end?.c, "complete", JSON.stringify(worker.end));
  return JSON.parse(worker.end.result);
}

test("A wait takes the event that comes, and says so", async () => {
  const worker = await begun(`return await step.waitForEvent("Merged", { event: "pull/merged" });`);
  assert.deepEqual(worker.of("wait"), [{ c: "wait", key: "merged", name: "Merged", phase: "", event: "pull/merged" }]);
  await worker.event("pull/closed");
  await worker.event("pull/merged", { number: 7 });
  assert.deepEqual(worker.of("match"), [{ c: "match", key: "merged", event: "2" }]);
  assert.deepEqual(await resultOf(worker), {
    id: "2",
    name: "pull/merged",
    data: { number: 7 },
    at: new Date(worker.at - 2000).toISOString(),
  });
});

test("Without an event in time a wait gives null", async () => {
  const worker = await begun(`return await step.waitForEvent("a", { event: "x", timeout: "1h 30m" });`);
  assert.equal(worker.of("wait")[0].timeoutAt, worker.at + 5_400_000);
  await worker.deliver({ job: "waitTimedOut", key: "a" });
  await worker.event("x");
  assert.equal(await resultOf(worker), null);
  assert.deepEqual(worker.of("match"), []);
});

test("Events that come early are kept, and each is taken once, the oldest first", async () => {
  const worker = await begun(`
    await step.cli("work", { command: "x" });
    const found = [];
    for (let i = 0; i < 3; i++) found.push((await step.waitForEvent("next", { event: "x" })).data);
    return found;`);
  await worker.event("x", 1);
  await worker.event("x", 2);
  await worker.resolve("work", {});
  await worker.event("x", 3);
  assert.deepEqual(worker.matched().slice(1, -1), [
    "wait next",
    "match next",
    "wait next#2",
    "match next#2",
    "wait next#3",
    "match next#3",
  ]);
  assert.deepEqual(await resultOf(worker), [1, 2, 3]);
});

test("Of several waits the oldest takes the event, unless it is for another one", async () => {
  const worker = await begun(`
    const waits = ["a", "b", "c"].map((id) => step.waitForEvent(id, { event: "x" }));
    return (await Promise.all(waits)).map((event) => event.data);`);
  await worker.event("x", "first");
  await worker.event("x", "for c", "c");
  await worker.event("x", "second");
  assert.deepEqual(worker.of("match").map(({ key }) => key), ["a", "c", "b"]);
  assert.deepEqual(await resultOf(worker), ["first", "second", "for c"]);
});

test("match compares a path in the data of both events", async () => {
  const code = `return (await step.waitForEvent("paid", { event: "paid", match: "order.id" })).data.by;`;
  const worker = await begun(code, { args: { order: { id: 7 } } });
  await worker.event("paid", { order: { id: 8 }, by: "another" });
  await worker.event("paid", { by: "nobody" });
  await worker.event("paid", { order: { id: 7 }, by: "us" });
  assert.equal(await resultOf(worker), "us");
  const without = await begun(code);
  await without.finalise();
  assert.match(without.end.failure.message, /waitForEvent\("paid"\): match: the event that started this run has no "order\.id"/);
});

test("A condition sees the event; one that throws ends its wait and leaves the event to others", async () => {
  const worker = await begun(`
    const bad = step.waitForEvent("bad", { event: "x", if: (event) => event.data.deep.value }).catch((e) => e.name);
    const good = step.waitForEvent("good", { event: "x", if: ({ name, data }) => name === "x" && data.n > 1 });
    return [await bad, (await good).data.n];`);
  await worker.event("x", { n: 1 });
  await worker.event("x", { n: 2 });
  assert.deepEqual(worker.matched().slice(0, -1), ["wait bad", "wait good", "cancelWait bad", "match good"]);
  assert.deepEqual(await resultOf(worker), ["TypeError", 2]);
});

test("Waits and gates that lose a race are withdrawn when the workflow ends", async () => {
  const worker = await begun(`
    const first = await Promise.race([
      step.waitForEvent("event", { event: "x" }).then(() => "event"),
      step.approve("gate", { title: "?" }).then(() => "gate"),
      step.sleep("nap", "1h").then(() => "nap"),
    ]);
    return first;`);
  await worker.fire("nap");
  assert.deepEqual(worker.matched().slice(3, -1), ["cancelWait event", "cancelGate gate"]);
  await worker.event("x");
  await worker.decide("gate", { approved: true });
  assert.equal(await resultOf(worker), "nap");
});

test("A cancelled run withdraws its waits and gates, and tells the code", async () => {
  const worker = await begun(`
    const ends = await Promise.allSettled([
      step.waitForEvent("event", { event: "x" }), step.approve("gate", { title: "?" }) ]);
    step.log(ends.map((end) => end.reason.name).join());`);
  await worker.cancel();
  assert.deepEqual(worker.matched().slice(0, 4), ["wait event", "gate gate", "cancelWait event", "cancelGate gate"]);
  assert.equal(worker.of("log")[0].message, "CancelledError,CancelledError");
});

test("A gate asks, and gives who decided what, why and when", async () => {
  const worker = await begun(`
    return await step.approve("Deploy", { title: "Deploy?", body: "To all", options: ["staging", "production"], timeout: "PT1H" });`);
  const [gate] = worker.of("gate");
  assert.equal(gate.timeoutAt, worker.at + 3_600_000);
  assert.deepEqual(JSON.parse(gate.gate), { title: "Deploy?", body: "To all", options: ["staging", "production"] });
  await worker.decide("deploy", { approved: true, option: "staging", by: "ada", reason: "fine" });
  assert.deepEqual(await resultOf(worker), {
    approved: true,
    option: "staging",
    by: "ada",
    reason: "fine",
    at: new Date(worker.at - 1000).toISOString(),
  });
});

test("A gate that nobody answers in time is not approved", async () => {
  const worker = await begun(`const { approved, option, by, reason } = await step.approve("a", { title: "?", timeout: 5 });
    return { approved, by, reason, option: String(option) };`);
  await worker.decide("a", { timedOut: true, by: "timeout" });
  assert.deepEqual(await resultOf(worker), {
    approved: false,
    by: "timeout",
    reason: "nobody decided in time",
    option: "undefined",
  });
});

test("sendEvent and invoke are steps with what they need", async () => {
  const worker = await begun(`
    const sent = await step.sendEvent("tell", { name: "order/paid", data: { id: 1 } });
    await step.sendEvent("tell all", [{ name: "a" }, { name: "b", data: [2] }]);
    const child = defineWorkflow({ id: "review" }, () => {});
    const result = await step.invoke("Review", { workflow: child, args: { n: 1 }, timeout: "10m", parentClose: "abandon" });
    return [sent, result, await step.invoke("other", { workflow: "other" })];`);
  await worker.resolve("tell", { ids: ["1"] });
  await worker.resolve("tell-all", { ids: ["2", "3"] });
  await worker.resolve("review", { found: 3 });
  await worker.resolve("other", null);
  assert.deepEqual(
    worker.of("step").slice(0, 4).map(({ type, key, input }) => [type, key, JSON.parse(input).config]),
    [
      ["sendEvent", "tell", { events: [{ name: "order/paid", data: { id: 1 } }] }],
      ["sendEvent", "tell-all", { events: [{ name: "a", data: {} }, { name: "b", data: [2] }] }],
      ["invoke", "review", { workflow: "review", args: { n: 1 }, parentClose: "abandon", timeout: 600_000 }],
      ["invoke", "other", { workflow: "other", args: {}, parentClose: "cancel" }],
    ],
  );
  assert.deepEqual(await resultOf(worker), [{ ids: ["1"] }, { found: 3 }, null]);
});

test("What does not fit is refused with its name", async () => {
  for (const [code, message] of [
    [`step.waitForEvent("a", "x")`, /step\.waitForEvent\("a"\) is "x"; it must be an object, such as/],
    [`step.waitForEvent("a", { event: "" })`, /step\.waitForEvent\("a"\): event is ""; it must be a text/],
    [`step.waitForEvent("a", { event: "x", timeuot: 1 })`, /has no "timeuot"; it has: event, timeout, match, if/],
    [`step.waitForEvent("a", { event: "x", timeout: "soon" })`, /waitForEvent\("a"\): timeout: "soon" is no duration/],
    [`step.waitForEvent("a", { event: "x", match: "n", if: () => true })`, /either match or if/],
    [`step.waitForEvent({ event: "x" })`, /step\.waitForEvent needs an id/],
    [`step.approve("a", {})`, /step\.approve\("a"\): title is undefined/],
    [`step.approve("a", { title: "t", options: [] })`, /options must be a list of texts/],
    [`step.approve("a", { title: "t", options: ["x", "x"] })`, /two options are the same/],
    [`step.sendEvent("a", [])`, /needs an event, or a list of at least one/],
    [`step.sendEvent("a", { data: 1 })`, /the name of an event is undefined/],
    [`step.invoke("a", { workflow: 1 })`, /workflow \(an id\) is 1/],
    [`step.invoke("a", { workflow: "w", args: [1] })`, /args must be an object/],
    [`step.invoke("a", { workflow: "w", parentClose: "leave" })`, /parentClose is "leave"; it must be one of "cancel", "abandon"/],
  ]) {
    const worker = await begun(`await ${code};`);
    await worker.finalise();
    assert.match(worker.end.failure.message, message, code);
    assert.deepEqual(worker.matched(), ["step _system_finalize/finalize-workspace finalizeWorkspace", "fail"]);
  }
});

test("Promise.all, any, race and allSettled give the same in a replay, with timers of any length", async () => {
  const worker = await begun(`
    const after = (ms, value) => new Promise((resolve) => setTimeout(resolve, ms, value));
    const fails = (id) => step.cli(id, { command: "x" }).then(() => { throw new Error(id); });
    const all = await Promise.all([after(10, "a"), step.cli("b", { command: "x" })]);
    const any = await Promise.any([fails("c"), after(20, "d"), after(2 ** 40, "never")]);
    const race = await Promise.race([after(30, "e"), step.sleep("f", 40).then(() => "f")]);
    const settled = await Promise.allSettled([fails("g"), after(50, "h")]);
    return [all, any, race, settled.map((one) => one.reason?.message ?? one.value), Math.random()];`);
  await worker.resolve("b", '"b"');
  await worker.fire("timeout");
  await worker.resolve("c", "null");
  await worker.fire("timeout#2");
  await worker.fire("f");
  await worker.fire("timeout#5");
  await worker.resolve("g", "null");
  const never = worker.of("timer").find(({ key }) => key === "timeout#3");
  assert.ok(never.at - worker.at > 2 ** 39);
  assert.deepEqual(worker.of("cancelTimer").map(({ key }) => key), ["timeout#3", "timeout#4"]);
  const result = await resultOf(worker);
  assert.deepEqual(result.slice(0, 4), [["a", "b"], "d", "f", ["g", "h"]]);
});

test("A run that came by before a change is not patched; one that comes later is, for its whole life", async () => {
  const code = `
    const seen = [step.patched("new way")];
    await step.cli("a", { command: "x" });
    seen.push(step.patched("new way"));
    return seen;`;
  const late = await begun(code);
  assert.deepEqual(late.of("patch"), [{ c: "patch", id: "new way" }]);
  await late.resolve("a", {});
  await late.finalise();
  assert.deepEqual(JSON.parse(late.end.result), [true, true]);
  const again = await late.replayed({ patches: ["new way"] });
  assert.equal(again.end.result, late.end.result);
  assert.deepEqual(again.of("patch"), []);

  const early = await begun(code);
  const old = await early.replayed();
  old.replaying = false;
  await old.resolve("a", {});
  await old.finalise();
  assert.deepEqual(JSON.parse(old.end.result), [false, false]);
  assert.deepEqual(old.of("patch"), []);
});
