import { defineSchema, defineWorkflow } from "agentcmd-workflows";

const argsSchema = defineSchema({
  type: "object",
  properties: { feature: { type: "string" } },
  required: ["feature"],
});

type Findings = { files: string[]; cause: string };
type Review = { approved: boolean; remarks: string[] };

export default defineWorkflow(
  { id: "feature", name: "Feature", phases: ["research", "implement", "review"], argsSchema },
  async ({ event, step }) => {
    const { feature } = event.data.args;

    const findings = await step.phase("research", async () => {
      const test = await step.cli("run-tests", { command: "make -s test" });
      await step.annotation("tests-red", { message: `The tests exit with ${test.data.exitCode}` });
      const look = await step.agent<Findings>("look-around", {
        agent: "claude",
        prompt: `Find out why these tests fail, change nothing:\n${test.data.stdout}`,
        json: true,
      });
      return look.data;
    });

    const commit = await step.phase("implement", async () => {
      await step.agent("fix", { agent: "claude", prompt: `Implement ${feature} in ${findings.files.join(", ")}. ${findings.cause}` });
      const test = await step.cli("run-tests", { command: "make -s test" });
      if (!test.success) throw new Error(`The tests still fail:\n${test.data.stdout}`);
      const saved = await step.git("save", { operation: "commit", message: `feat: ${feature}` });
      return saved.data.commitSha;
    });

    return await step.phase("review", async () => {
      const diff = await step.cli("diff", { command: "git show --stat --format=%s" });
      const review = await step.agent<Review>("review", {
        agent: "claude",
        prompt: `Review this commit:\n${diff.data.stdout}`,
        json: true,
      });
      await step.artifact("review-notes", {
        name: "review.md",
        type: "text",
        content: `# ${feature}\n\n${review.data.remarks.map((remark) => `- ${remark}`).join("\n")}\n`,
      });
      return { commit, approved: review.data.approved };
    });
  },
);
