// Every step of the engine once, so that tests that try all definitions try them all.
import { defineWorkflow, NonRetryableError, RetryAfterError } from "agentcmd-workflows";

export default defineWorkflow(
  {
    id: "every-step",
    phases: ["ask", { id: "work", label: "Work" }],
    retries: { attempts: 2, initial: 10 },
    concurrency: { limit: 2 },
    triggers: [{ event: "everything/wanted" }],
    timeout: "1h",
  },
  async ({ event, step }) => {
    let done = 0;
    step.onQuery("done", () => done);
    step.cleanup(() => step.cli("tidy", { command: "true" }));
    step.compensate(() => step.cli("undo", { command: "true" }));

    const decision = await step.phase("ask", async () => {
      const early = await step.waitForEvent("early", { event: "everything/early", timeout: "1h" });
      const approval = await step.approve("go", { title: `Go on with ${early?.data.n}?`, options: ["yes", "soon"] });
      return approval.option;
    });

    return await step.phase("work", async () => {
      const count = step.patched("count-by-two") ? 2 : 1;
      for (; done < count; done++) await step.sleep("nap", 1);
      const results = await step.parallel(
        [1, 2, 3].map((n) => () => step.cli("side by side", { command: `echo ${n}` })),
        { limit: 2 },
      );
      const first = await Promise.race([
        step.sleep("slow", "2h").then(() => "slow"),
        new Promise<string>((resolve) => setTimeout(resolve, 5, "quick")),
      ]);
      await Promise.allSettled([Promise.any([step.cli("x", { command: "true" })]), step.sleepUntil("then", event.data.args.then ?? 0)]);
      await step.run("closure", async ({ attempt, lastProgress, progress }) => {
        await progress({ attempt, lastProgress });
        if (attempt === 1) throw new RetryAfterError("once more", 1);
        if (attempt > 2) throw new NonRetryableError("never");
      });
      await step.sendEvent("tell", { name: "everything/done", data: { done } });
      return { decision, done, results: results.length, first, random: Math.random() < 1, aborted: step.signal.aborted };
    });
  },
);
