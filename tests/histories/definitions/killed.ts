// Its driver is killed in the middle of a closure and a command: the closure is lost and begins again.
import { execSync } from "node:child_process";

export default defineWorkflow({ id: "killed" }, async ({ step }) => {
  await step.run("before", () => 1);
  const [command] = await Promise.all([
    step.cli("command", { command: "until [ -e go ]; do sleep 0.05; done; echo survived" }),
    step.run("closure", () => execSync("touch reached; until [ -e go ]; do sleep 0.05; done; echo again", { encoding: "utf8" })),
  ]);
  return command.success;
});
