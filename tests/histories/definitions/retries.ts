// A closure that throws twice and then does not; one that nobody can help.
import * as fs from "node:fs";

export default defineWorkflow({ id: "retries" }, async ({ step }) => {
  const tries = await step.run("flaky", () => {
    fs.appendFileSync("tries", "try\n");
    const count = fs.readFileSync("tries", "utf8").split("\n").length - 1;
    if (count < 3) throw new Error(`not yet: ${count}`);
    return count;
  }, { retry: { attempts: 5, initial: 2 } });
  const hopeless = await step
    .run("hopeless", () => { throw new TypeError("never"); }, { retry: { attempts: 3, initial: 1, nonRetryable: ["TypeError"] } })
    .catch((error: Error) => error.name);
  return { tries, hopeless };
});
