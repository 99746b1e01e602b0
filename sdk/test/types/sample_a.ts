// style A: the npm package
import { defineWorkflow, defineSchema } from "agentcmd-workflows";
const argsSchema = defineSchema({ type: "object", properties: { feature: { type: "string" }, tries: { type: "number", default: 1 } }, required: ["feature"] });
export default defineWorkflow(
  { id: "feature", name: "Feature", phases: ["research", { id: "implement", label: "Implement" }], argsSchema },
  async ({ event, step }) => {
    const found = await step.phase("research", async () =>
      step.agent<{ files: string[] }>("look-around", { agent: "claude", prompt: `Where is ${event.data.args.feature}?`, json: true }));
    return await step.phase("implement", async () => {
      const test = await step.cli("run-tests", { command: "make -s test" });
      if (!test.success) await step.annotation("tests-red", { message: `exit ${test.data.exitCode}` });
      const saved = await step.git("save", { operation: "commit-and-branch", branch: `feat/${event.data.args.feature}`, commitMessage: "feat: first cut" });
      return { files: found.data.files, branch: saved.data.branch };
    });
  },
);
