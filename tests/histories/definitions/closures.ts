// Closures: their values, what they do to the world, errors that are caught, clock and chance of the body.
import * as fs from "node:fs";
import { execSync } from "node:child_process";

export default defineWorkflow({ id: "closures" }, async ({ step }) => {
  const nothing = await step.run("nothing", () => undefined);
  const big = await step.run("big", () => "x".repeat(10_000));
  await step.run("write", async () => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    fs.writeFileSync("closure.txt", "written");
    return execSync("cat closure.txt", { encoding: "utf8" });
  });
  let caught = "";
  try {
    await step.run("refuse", () => { throw new RangeError("no"); }, { retry: { attempts: 1 } });
  } catch (error) {
    caught = `${error.name}: ${error.message}`;
  }
  // Which steps follow depends on recorded time and seeded chance.
  for (let i = 0; i < 3; i++) {
    await step.run(Math.random() < 0.5 ? "heads" : "tails", () => i);
  }
  await step.run(Date.now() % 2 === 0 ? "even" : "odd", () => Date.now());
  return { nothing: nothing === undefined, big: big.length, caught };
});
