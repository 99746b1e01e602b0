// The retry of a run that failed: what had succeeded is taken over, what had not is done anew.
import { existsSync } from "node:fs";

export default defineWorkflow({ id: "retried", phases: ["later"] }, async ({ step }) => {
  const before = await step.run("before", () => Math.random());
  const [beside] = await Promise.all([
    step.run("beside", () => "taken over"),
    step.phase("later", () =>
      step.run("fails-once", () => {
        if (!existsSync("go")) throw new NonRetryableError("not yet");
        return "done anew";
      }),
    ),
  ]);
  await step.sleep("a-while", 20);
  await step.cli("after", { command: "true" });
  return { before, beside };
});
