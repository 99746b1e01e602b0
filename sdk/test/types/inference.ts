// What the types must say, and what they must refuse: each @ts-expect-error fails the build if nothing is wrong.
import {
  buildSlashCommand,
  defineSchema,
  defineWorkflow,
  MODELS,
  NonRetryableError,
  RetryAfterError,
  type ProjectEvent,
  type CmdImplementSpecResponse,
} from "agentcmd-workflows";
import { defineWorkflow as fromDist } from "../agentcmd-workflows/dist";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(_equal: Same<A, B>): void {}

const argsSchema = defineSchema({
  type: "object",
  properties: {
    name: { type: "string" },
    priority: { enum: ["high", "low"] },
    tries: { type: "integer", default: 3 },
    tags: { type: "array", items: { type: "string" } },
    nested: { type: "object", properties: { deep: { type: "boolean" } }, required: ["deep"] },
  },
  required: ["name", "priority"],
});

export const typed = defineWorkflow(
  { id: "a", phases: ["one", { id: "two", label: "Two" }], argsSchema },
  async ({ event, step }) => {
    const args = event.data.args;
    same<typeof args.name, string>(true);
    same<typeof args.priority, "high" | "low">(true);
    same<typeof args.tries, number>(true);
    same<typeof args.tags, string[] | undefined>(true);
    same<typeof args.nested, { deep: boolean } | undefined>(true);
    // @ts-expect-error: no such argument
    args.missing;

    await step.phase("one", async () => {});
    await step.phase("not-declared", async () => {});
    const commit = await step.git("c", { operation: "commit", message: "m" });
    same<typeof commit.data.hadChanges, boolean>(true);
    const pr = await step.git("pr", { operation: "pr", title: "t" });
    same<typeof pr.data.prUrl, string | undefined>(true);
    // @ts-expect-error: a commit needs a message
    await step.git("c", { operation: "commit" });
    // @ts-expect-error: no such operation
    await step.git("c", { operation: "rebase" });
    const reply = await step.agent<CmdImplementSpecResponse>("go", {
      agent: "claude",
      json: true,
      prompt: buildSlashCommand("/cmd:implement-spec", { specIdOrNameOrPath: "1" }),
    });
    same<typeof reply.data.tasks.total, number>(true);
    const text = await step.agent("say", { agent: "claude", prompt: "hi" });
    same<typeof text.data, string>(true);
    const n = await step.run("n", async () => 1);
    same<typeof n, number>(true);
    const both = await step.parallel([async () => 1, () => "a"], { limit: 2 });
    same<typeof both, [number, string]>(true);
    await step.sleep("s", "1h 30m");
    const counted = await step.run(
      "counted",
      async ({ attempt, lastProgress, progress }) => {
        await progress({ done: attempt });
        if (attempt > 3) throw new NonRetryableError("enough");
        throw new RetryAfterError("busy", "2m");
        return lastProgress.done as number;
      },
      { retry: { attempts: 5, nonRetryable: [SyntaxError] }, silence: { warn: "1m" }, onLost: "retry" },
    );
    same<typeof counted, number>(true);
    const merged = await step.waitForEvent<{ n: number }>("e", { event: "x", if: ({ data }) => data.n > 1 });
    same<typeof merged, ProjectEvent<{ n: number }> | null>(true);
    const { option } = await step.approve("gate", { title: "?", options: ["yes", "later"] });
    same<typeof option, "yes" | "later" | undefined>(true);
    same<Awaited<ReturnType<typeof step.sendEvent>>["ids"], string[]>(true);
    await step.sendEvent("tell", [{ name: "a" }, { name: "b", data: 1 }]);
    same<number, Awaited<ReturnType<typeof step.invoke<number>>>>(true);
    await step.invoke("child", { workflow: shapeB, args: { deep: true }, parentClose: "abandon" });
    step.onQuery("n", () => 1);
    same<ReturnType<typeof step.patched>, boolean>(true);
    // @ts-expect-error: a gate needs its question
    await step.approve("gate", {});
    // @ts-expect-error: no such policy
    await step.cli("x", { command: "x" }, { onLost: "again" });
    // @ts-expect-error: a command is needed
    await step.cli("x", {});
    return MODELS.anthropic.OPUS_4_5;
  },
);

export const untyped = fromDist({ id: "b" }, async ({ event }) => event.data.args.anything);
export const shapeB = defineWorkflow({
  id: "c",
  argsSchema: { type: "object", properties: { deep: { type: "boolean" } }, required: ["deep"] },
  async execute({ event, step }) {
    same<typeof event.data.args.deep, boolean>(true);
    await step.cli({ command: "ls" });
    await step.git({ type: "commit", message: "m" });
  },
});
export const declared = defineWorkflow(
  {
    id: "d",
    timeout: "2h",
    retries: { attempts: 5 },
    concurrency: { limit: 1, key: "repository" },
    singleton: { mode: "queue" },
    idempotency: "pull.number",
    triggers: [{ event: "pull/opened", if: { base: "main" } }, { cron: "0 9 * * 1-5", timezone: "Europe/Berlin" }],
  },
  async () => {},
);
// @ts-expect-error: no such mode
defineWorkflow({ id: "e", singleton: { mode: "stop" } }, async () => {});
// @ts-expect-error: a workflow needs an id
defineWorkflow({}, async () => {});
