// A change that old runs never see: step.patched says true and is remembered.
export default defineWorkflow({ id: "patched" }, async ({ step }) => {
  await step.run("before", () => 1);
  if (step.patched("two-checks")) await step.run("new-check", () => 2);
  await step.run("check", () => 3);
  return step.patched("two-checks");
});
