// What a coding workflow does: an agent, commands, git and artifacts in a worktree.
import { defineWorkflow, defineSchema } from "agentcmd-workflows";

const argsSchema = defineSchema({
  type: "object",
  properties: { feature: { type: "string", default: "greeting" } },
});

export default defineWorkflow(
  { id: "work", name: "Work", phases: ["research", "implement"], argsSchema },
  async ({ event, step }) => {
    const found = await step.phase("research", () =>
      step.agent<{ files: string[] }>("look", { agent: "claude", prompt: "Where is it?", json: true }));
    return await step.phase("implement", async () => {
      await step.agent("write", { agent: "claude", prompt: `Write ${event.data.args.feature}` });
      const test = await step.cli("test", { command: "grep -q hello greeting.txt" });
      const saved = await step.git("save", { operation: "commit", message: "feat: greet" });
      await step.artifact("notes", { name: "notes.md", type: "text", content: "# Notes" });
      await step.artifact("file", { name: "greeting.txt", type: "file", file: "greeting.txt" });
      return { files: found.data.files, test: test.success, saved: saved.success };
    });
  },
);
