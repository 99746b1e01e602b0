// What a closure says of its progress is handed to the next attempt.
export default defineWorkflow({ id: "progress" }, async ({ step }) => {
  return await step.run(
    "count",
    async ({ attempt, lastProgress, progress }) => {
      const at = (lastProgress?.at ?? 0) + 1;
      await progress({ at });
      if (at < 3) throw new Error(`came to ${at}`);
      return { at, attempt };
    },
    { retry: { attempts: 4, initial: 1 } },
  );
});
