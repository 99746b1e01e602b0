// What the types must say, and what they must refuse: each @ts-expect-error fails the build if nothing is wrong.
import {
  buildSlashCommand,
  defineSchema,
  defineWorkflow,
  MODELS,
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
// @ts-expect-error: a workflow needs an id
defineWorkflow({}, async () => {});
