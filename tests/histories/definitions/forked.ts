// A fork from its second step on, with another argument.
export default defineWorkflow({ id: "forked" }, async ({ event, step }) => {
  const first = await step.run("first", () => Math.random());
  const n = event.data.args.n ?? 1;
  const second = await step.run("second", () => n * 10);
  await step.sleep("a-while", 20);
  const third = await step.run(n > 1 ? "third-of-the-fork" : "third", () => second + 1);
  return { first, third };
});
