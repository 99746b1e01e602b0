// Sleeps, moments, and the timers of JavaScript, some of them taken back.
export default defineWorkflow({ id: "timers" }, async ({ step }) => {
  const begun = Date.now();
  await step.sleep("short", 5);
  await step.sleepUntil("moment", new Date(begun + 10));
  await step.sleepUntil("past", new Date(0));
  const late = setTimeout(() => { throw new Error("it was taken back"); }, 3_600_000);
  let ticks = 0;
  await new Promise<void>((resolve) => {
    const interval = setInterval(() => {
      if (++ticks < 3) return;
      clearInterval(interval);
      resolve();
    }, 2);
  });
  clearTimeout(late);
  await step.run(ticks === 3 && Date.now() >= begun + 10 ? "in-time" : "too-early", () => ticks);
  return ticks;
});
