// The run pauses when a step's attempts are used up, and goes on when it is resumed.
import * as fs from "node:fs";

export default defineWorkflow({ id: "exhausted" }, async ({ step }) => {
  const beside = step.run("beside", () => 1);
  const value = await step.run("wants-a-file", () => fs.readFileSync("go", "utf8"), {
    retry: { attempts: 2, initial: 1 },
    onExhausted: "pause",
  });
  return { value, beside: await beside };
});
