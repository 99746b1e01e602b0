// Runs the tests, and has an agent mend the code until they pass.
import { readFile } from "node:fs/promises";
import { defineSchema, defineWorkflow } from "agentcmd-workflows";

const argsSchema = defineSchema({
  type: "object",
  properties: {
    task: { type: "string", default: "Make the tests pass." },
    agent: { type: "string", default: "claude" },
    test: { type: "string", default: "" },
    rounds: { type: "integer", default: 5 },
  },
});

/** The command that is usual for what lies in the folder. */
async function usualTests(): Promise<string> {
  const text = (file: string) => readFile(file, "utf8").catch(() => "");
  if (/^test:/m.test(await text("Makefile"))) return "make test";
  if (/"test"\s*:/.test(await text("package.json"))) return "npm test";
  if (await text("Cargo.toml")) return "cargo test";
  if (await text("go.mod")) return "go test ./...";
  if (await text("pyproject.toml")) return "pytest";
  throw new Error('How tests are run is not known here: say it with --test "COMMAND"');
}

export default defineWorkflow(
  { id: "test-and-fix", name: "Test and fix", phases: ["fix"], argsSchema },
  async ({ event, step }) => {
    const { task, rounds } = event.data.args;
    const agent = event.data.args.agent as "claude";
    return await step.phase("fix", async () => {
      const test = event.data.args.test || (await step.run("find-tests", usualTests));
      for (let round = 0; ; round++) {
        const tests = await step.cli("run-tests", { command: test });
        if (tests.success) return { passed: true, fixes: round };
        if (round >= rounds) throw new Error(`${test} still fails after ${round} fixes`);
        const output = `${tests.data.stdout}\n${tests.data.stderr}`;
        const done = await step.agent("fix", { agent, prompt: `${task}\n\n\`${test}\` fails:\n\n${output}` });
        if (!done.success) throw new Error(`The agent gave up: ${done.error ?? "without a reason"}`);
      }
    });
  },
);
