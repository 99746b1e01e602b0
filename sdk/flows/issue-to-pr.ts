// Takes an issue of the repository's host, does what it asks for, and opens a pull request. It needs gh, logged in.
import { defineSchema, defineWorkflow } from "agentcmd-workflows";

const argsSchema = defineSchema({
  type: "object",
  properties: {
    task: { type: "string" },
    agent: { type: "string", default: "claude" },
    test: { type: "string", default: "" },
    base: { type: "string", default: "main" },
  },
  required: ["task"],
});

export default defineWorkflow(
  { id: "issue-to-pr", name: "Issue to pull request", phases: ["read", "implement", "publish"], argsSchema },
  async ({ event, step }) => {
    const { task, test, base } = event.data.args;
    const agent = event.data.args.agent as "claude";
    const number = /\d+/.exec(task)?.[0];
    if (!number) throw new Error('Which issue? Name its number: agentcmd do "issue 12" --flow issue-to-pr');

    const issue = await step.phase("read", async () => {
      const shown = await step.cli("read-issue", { command: `gh issue view ${number} --json title,body` });
      if (!shown.success) throw new Error(`Issue ${number} cannot be read: ${shown.data.stderr}`);
      return JSON.parse(shown.data.stdout) as { title: string; body: string };
    });
    await step.phase("implement", async () => {
      const prompt = `${task}\n\nIssue ${number}: ${issue.title}\n\n${issue.body}`;
      const done = await step.agent("implement", { agent, prompt });
      if (!done.success) throw new Error(`The agent gave up: ${done.error ?? "without a reason"}`);
      if (!test) return;
      const tests = await step.cli("run-tests", { command: test });
      if (!tests.success) throw new Error(`${test} fails:\n${tests.data.stdout}\n${tests.data.stderr}`);
    });
    return await step.phase("publish", async () => {
      const title = `${issue.title} (#${number})`;
      const made = await step.git("commit", { operation: "commit", message: title });
      if (!made.data.hadChanges) throw new Error("The agent has changed nothing");
      const pushed = await step.cli("push", { command: "git push -u origin HEAD" });
      if (!pushed.success) throw new Error(`The branch cannot be pushed: ${pushed.data.stderr}`);
      const body = `Closes #${number}.`;
      const opened = await step.git("open", { operation: "pr", title, body, baseBranch: base });
      if (!opened.success) throw new Error(`The pull request cannot be opened: ${opened.error}`);
      return { url: opened.data.prUrl };
    });
  },
);
