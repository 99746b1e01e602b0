// Waits and gates that nobody answers in time.
export default defineWorkflow({ id: "nobody-came" }, async ({ step }) => {
  const event = await step.waitForEvent("word", { event: "never/sent", timeout: 10 });
  // `run` does not stay for a gate alone, so there is a timer beside it.
  const [gate] = await Promise.all([
    step.approve("nod", { title: "Well?", options: ["yes", "no"], timeout: 10 }),
    step.sleep("beside", 50),
  ]);
  const first = await Promise.race([
    step.waitForEvent("still", { event: "never/sent" }),
    step.sleep("enough", 10).then(() => "slept"),
  ]);
  await step.run(event === null && !gate.approved ? "alone" : "in-company", () => 1);
  return { event, approved: gate.approved, first };
});
