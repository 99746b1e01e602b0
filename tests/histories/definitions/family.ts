// Children (of the same workflow): one with a result, two at once, one that fails, and one in a phase.
export default defineWorkflow({ id: "family", phases: ["last"] }, async ({ event, step }) => {
  const { child, fails } = event.data.args;
  if (fails) throw new TypeError("told to");
  if (child) return await step.run("work", () => child * 2);
  const two = await step.invoke("two", { workflow: "family", args: { child: 1 } });
  const both = await Promise.all([2, 3].map((n) => step.invoke(`times-${n}`, { workflow: "family", args: { child: n } })));
  let failure = "";
  try {
    await step.invoke("fails", { workflow: "family", args: { fails: true } });
  } catch (error) {
    failure = error.name;
  }
  await step.phase("last", () => step.invoke("again", { workflow: "family", args: { child: 4 } }));
  await step.run("last", () => 1);
  return { two, both, failure };
});
