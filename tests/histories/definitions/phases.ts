// Phases with functions, nested and side by side, marked phases, steps without ids, repeats, notes.
export default defineWorkflow(
  { id: "phases", phases: ["plan", { id: "build", label: "Build it" }, "check"] },
  async ({ event, step }) => {
    console.log("started at", new Date(), Math.random());
    const plan = await step.phase("plan", async () => {
      await step.annotation("thought", { message: "of a plan" });
      return await step.run("think", () => ["a", "b", "c"]);
    });
    await step.phase("build", async () => {
      for (const part of plan) {
        await step.phase(part, async () => {
          await step.run("make", () => part.toUpperCase());
          await step.log.warn("made", part);
        });
      }
      await Promise.all([
        step.phase("left", () => step.run("side", () => 1)),
        step.phase("right", () => step.run("side", () => 2)),
      ]);
    });
    step.phase("check");
    await step.run(() => "without an id");
    await step.cli({ command: "echo again" });
    await step.cli({ command: "echo and again" });
    await step.run("ünïcode ☃", () => "a key from its hash");
    await step.run("☃", () => "and another");
    await step.updateRun({ note: "seen" });
    return { parts: plan.length, mode: event.data.mode };
  },
);
