// Reviews what is changed, and changes nothing itself.
import { defineSchema, defineWorkflow } from "agentcmd-workflows";

const argsSchema = defineSchema({
  type: "object",
  properties: {
    task: { type: "string", default: "Review what has been changed in this working tree (git status, git diff HEAD)." },
    agent: { type: "string", default: "claude" },
    test: { type: "string", default: "" },
  },
});

export default defineWorkflow(
  { id: "review", name: "Review", phases: ["review"], argsSchema },
  async ({ event, step }) => {
    const { task, test } = event.data.args;
    const agent = event.data.args.agent as "claude";
    return await step.phase("review", async () => {
      const tests = test ? await step.cli("run-tests", { command: test }) : undefined;
      const review = await step.agent("review", {
        agent,
        json: true,
        permissionMode: "plan",
        prompt: `${task}

Change nothing. Look for what is missing, wrong or unsafe, not for matters of taste. Reply with JSON only:
{"approved": true or false, "issues": ["what is wrong, and where"]}`,
      });
      if (!review.success) throw new Error(`The agent gave up: ${review.error ?? "without a reason"}`);
      return { tests: tests?.success, ...(review.data as unknown as object) };
    });
  },
);
