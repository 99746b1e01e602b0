// Gates that people answer: with an option and a reason, with no, and with the first of several.
export default defineWorkflow({ id: "gates", phases: ["plan", "ship"] }, async ({ step }) => {
  const size = await step.phase("plan", () =>
    step.approve("how-large", { title: "How large?", body: "It could be either.", options: ["small", "large"] }));
  const ship = await step.phase("ship", async () => {
    const [left, right] = await Promise.all([
      step.approve("left", { title: "Left?" }),
      step.approve("right", { title: "Right?" }),
    ]);
    return left.approved && !right.approved;
  });
  await step.run(size.option === "large" && ship ? "as-told" : "otherwise", () => size.reason);
  return { size: size.option, ship };
});
