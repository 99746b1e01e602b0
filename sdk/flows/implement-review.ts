// Does a task, has the result reviewed, and mends what tests and review find.
import { defineSchema, defineWorkflow } from "agentcmd-workflows";

const argsSchema = defineSchema({
  type: "object",
  properties: {
    task: { type: "string" },
    agent: { type: "string", default: "claude" },
    test: { type: "string", default: "" },
    rounds: { type: "integer", default: 3 },
  },
  required: ["task"],
});

export default defineWorkflow(
  { id: "implement-review", name: "Implement and review", phases: ["implement", "review"], argsSchema },
  async ({ event, step }) => {
    const { task, test, rounds } = event.data.args;
    const agent = event.data.args.agent as "claude";

    const work = async (id: string, prompt: string) => {
      const done = await step.agent(id, { agent, prompt });
      if (!done.success) throw new Error(`The agent gave up: ${done.error ?? "without a reason"}`);
    };

    const problems = async () => {
      const found: string[] = [];
      if (test) {
        const tests = await step.cli("run-tests", { command: test });
        if (!tests.success) found.push(`${test} fails:\n${tests.data.stdout}\n${tests.data.stderr}`);
      }
      const review = await step.agent("review", {
        agent,
        json: true,
        prompt: `Review what has been changed in this working tree (git status, git diff HEAD) for this task:

${task}

Change nothing. Look for what is missing, wrong or unsafe, not for matters of taste. Reply with JSON only:
{"approved": true or false, "issues": ["what is wrong, and where"]}`,
      });
      const { approved, issues } = (review.data ?? {}) as { approved?: boolean; issues?: string[] };
      if (!approved) found.push(...(issues?.length ? issues : ["the review did not approve"]));
      return found;
    };

    await step.phase("implement", () => work("implement", task));
    return await step.phase("review", async () => {
      for (let round = 1; ; round++) {
        const found = await problems();
        if (found.length === 0) return { approved: true, rounds: round };
        if (round >= rounds) throw new Error(`Not approved after ${round} rounds:\n${found.join("\n")}`);
        await work("mend", `Mend these problems with the work on the task below.\n\n${found.join("\n\n")}\n\nThe task: ${task}`);
      }
    });
  },
);
