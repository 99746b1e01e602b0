// Options of steps, what definitions declare, and errors that say how to go on.
import assert from "node:assert/strict";
import { test } from "node:test";
import { body, Worker } from "./worker.mjs";

async function optionsOf(step, config) {
  const worker = new Worker(body(`await step.${step};`, config));
  await worker.begin();
  const [asked] = worker.of("step");
  if (asked.type === "finalizeWorkspace") {
    await worker.finalise();
    return worker.end.failure;
  }
  return JSON.parse(asked.input).options;
}

test("Durations of options become milliseconds", async () => {
  const given = `cli("a", { command: "x" }, { timeout: "10m", totalTimeout: "PT1H", queueTimeout: 5,
    silence: { warn: "30s", interrupt: 60000, kill: "2 minutes" }, onExhausted: "pause", onLost: "retry", other: 1,
    retry: { attempts: 5, initial: "2s", factor: 3, max: "1m", jitter: 0.5, nonRetryable: [SyntaxError, "E"], timeouts: true } })`;
  assert.deepEqual(await optionsOf(given), {
    timeout: 600_000,
    totalTimeout: 3_600_000,
    queueTimeout: 5,
    silence: { warn: 30_000, interrupt: 60_000, kill: 120_000 },
    onExhausted: "pause",
    onLost: "retry",
    other: 1,
    retry: {
      attempts: 5,
      initial: 2000,
      factor: 3,
      max: 60_000,
      jitter: 0.5,
      nonRetryable: ["SyntaxError", "E"],
      timeouts: true,
    },
  });
});

test("Options that do not fit are refused with their name", async () => {
  for (const [options, message] of [
    [`"10m"`, /step\.cli\("a"\): its options must be an object/],
    [`{ timeout: "soon" }`, /step\.cli\("a"\): timeout: "soon" is no duration/],
    [`{ queueTimeout: -1 }`, /queueTimeout: -1 is no duration/],
    [`{ onLost: "again" }`, /onLost is "again"; it must be one of "retry", "resume", "probe", "ask", "fail"/],
    [`{ onExhausted: true }`, /onExhausted is true/],
    [`{ silence: "1m" }`, /silence is "1m"; it must be an object/],
    [`{ silence: { warn: "2m", kill: "1m" } }`, /warn, interrupt and kill must follow in this order/],
    [`{ retry: 3 }`, /retry is 3; it must be an object, such as \{ attempts: 5/],
    [`{ retry: { attempts: 0 } }`, /retry\.attempts is 0; it must be a whole number from 1/],
    [`{ retry: { factor: 0.5 } }`, /retry\.factor is 0\.5/],
    [`{ retry: { jitter: 2 } }`, /retry\.jitter is 2/],
    [`{ retry: { nonRetryable: "E" } }`, /retry\.nonRetryable must be a list/],
    [`{ retry: { tries: 2 } }`, /retry has no "tries"; it has: attempts, initial/],
  ]) {
    const failure = await optionsOf(`cli("a", { command: "x" }, ${options})`);
    assert.match(failure.message ?? "it was taken", message, options);
  }
});

test("retries of the definition are the policy of its steps that name none", async () => {
  const config = { retries: { attempts: 5, initial: "1s" } };
  const asked = { attempts: 5, initial: 1000 };
  assert.deepEqual(await optionsOf(`cli("a", { command: "x" })`, config), { retry: asked });
  assert.deepEqual(await optionsOf(`run("a", () => 1)`, config), { retry: asked });
  assert.deepEqual(await optionsOf(`agent("a", { agent: "claude", prompt: "p" }, { retry: { attempts: 1 } })`, config), {
    retry: { attempts: 1, initial: 1000 },
  });
  assert.deepEqual(await optionsOf(`invoke("a", { workflow: "w" })`, config), {});
  const worker = new Worker(body(``, config));
  await worker.start();
  assert.deepEqual(JSON.parse(worker.of("step")[0].input).options, {});
});

test("What a definition declares is checked when it is described", () => {
  const good = {
    concurrency: { limit: 2, key: "repository" },
    singleton: { key: "pull.number", mode: "cancel-old" },
    idempotency: "{repository}/{pull.number}",
    triggers: [
      { event: "pull/opened", if: { "base.branch": "main" } },
      { cron: "0 9 * * 1-5", timezone: "Europe/Berlin", overlap: "skip", args: { deep: true } },
    ],
    priority: -5,
    retries: { attempts: 2, max: "5m" },
    timeout: "2h",
    other: [1],
  };
  const described = new Worker(body("", good)).describe();
  assert.equal(described.timeout, 7_200_000);
  const { timeout: _, ...rest } = good;
  assert.deepEqual(JSON.parse(described.config), { ...rest, retries: { attempts: 2, max: 300_000 } });

  for (const [config, message] of [
    [{ concurrency: 0 }, /defineWorkflow\("test"\): concurrency is 0; it must be 3, or \{ limit: 1/],
    [{ concurrency: { limit: "2" } }, /concurrency\.limit is "2"/],
    [{ concurrency: { limit: 1, keys: "a" } }, /concurrency has no "keys"; it has: limit, key/],
    [{ singleton: "yes" }, /singleton is "yes"; it must be true, or/],
    [{ singleton: { mode: "stop" } }, /singleton\.mode is "stop"; it must be one of "skip", "cancel-old", "queue"/],
    [{ idempotency: "a..b" }, /idempotency is "a\.\.b"; it must be a path in the arguments/],
    [{ idempotency: "{env/pull" }, /idempotency is "\{env\/pull"; it must be .* or a text with such paths in braces/],
    [{ concurrency: { limit: 1, key: "{}" } }, /concurrency\.key is "\{\}"/],
    [{ singleton: { key: "a}" } }, /singleton\.key is "a\}"/],
    [{ triggers: { event: "x" } }, /triggers is .*; it must be a list/],
    [{ triggers: [{ event: "x", cron: "* * * * *" }] }, /triggers\[0\] must have either event or cron/],
    [{ triggers: [{ event: "" }] }, /triggers\[0\]\.event is ""/],
    [{ triggers: [{ event: "a" }, { cron: "* * * *" }] }, /triggers\[1\]\.cron is .* with 4 fields; it needs 5/],
    [{ triggers: [{ cron: "* * * * *", timezone: "Mars" }] }, /timezone is "Mars", which is no time zone/],
    [{ triggers: [{ cron: "* * * * *", overlap: "both" }] }, /overlap is "both"/],
    [{ triggers: [{ cron: "* * * * *", catchUp: "soon" }] }, /catchUp: "soon" is no duration/],
    [{ triggers: [{ cron: "* * * * *", mode: "home" }] }, /mode is "home"/],
    [{ priority: "high" }, /priority is "high"; it must be a whole number/],
    [{ retries: 3 }, /retries is 3; it must be an object/],
    [{ timeout: "never" }, /defineWorkflow\("test"\): timeout: "never" is no duration/],
    [{ timeout: 0 }, /timeout is 0/],
  ]) {
    assert.throws(() => new Worker(body("", config)).describe(), { message }, JSON.stringify(config));
  }
  const code = `exports.default = defineWorkflow({ id: "t", triggers: [{ event: "x", if: () => true }] }, () => {});`;
  assert.throws(() => new Worker(code).describe(), /triggers\[0\]\.if is a function; it must say which data/);
});

test("Errors of a closure say that no other attempt helps, or when it may", async () => {
  const failureOf = async (thrown) => {
    const worker = new Worker(
      body(`const { NonRetryableError, RetryAfterError } = require("agentcmd-workflows");
        await step.run("a", () => { throw ${thrown}; });`),
      { realNow: () => 1_700_000_000_000 },
    );
    await worker.begin();
    await worker.closures();
    const { name, message, final, retryAfter } = worker.ended[0].failure;
    return [name, message, final, retryAfter];
  };
  assert.deepEqual(await failureOf(`new NonRetryableError("no such repository")`), [
    "NonRetryableError",
    "no such repository",
    true,
    undefined,
  ]);
  const busy = (after) => failureOf(`new RetryAfterError("busy", ${after})`);
  assert.deepEqual(await busy(`"2m"`), ["RetryAfterError", "busy", undefined, 120_000]);
  assert.deepEqual(await busy("1500"), ["RetryAfterError", "busy", undefined, 1500]);
  assert.deepEqual(await busy("new Date(1700000005000)"), ["RetryAfterError", "busy", undefined, 5000]);
  assert.deepEqual(await busy("0"), ["RetryAfterError", "busy", undefined, 1]);
  assert.match((await busy(`"later"`))[1], /RetryAfterError: the time to wait: "later" is no duration/);
});

test("An error that no retry helps is thrown into the workflow as what it is", async () => {
  const worker = new Worker(
    body(`try { await step.run("a", () => 1); } catch (e) { return e instanceof NonRetryableError && e.name; }`),
  );
  await worker.begin();
  await worker.reject("a", { name: "NonRetryableError", message: "no" });
  await worker.finalise();
  assert.equal(worker.end.result, '"NonRetryableError"');
});
