// A workflow that throws while steps are open: they are cancelled, clean-up runs, the run fails.
export default defineWorkflow({ id: "failed" }, async ({ step }) => {
  step.cleanup(() => step.run("clean", () => "cleaned"));
  step.compensate(() => step.run("undo", () => "undone"));
  void step.sleep("outstanding", "1h");
  await step.phase("doomed", async () => {
    const result = await step.cli("red", { command: "exit 3" });
    if (!result.success) throw new Error(`exit ${result.data.exitCode}`);
  });
});
