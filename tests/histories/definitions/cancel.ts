// Cancelled while a command and a timer are open: compensations and clean-ups run, last in first out.
export default defineWorkflow({ id: "cancel" }, async ({ step }) => {
  step.cleanup(() => step.run("always", () => "cleaned"));
  await step.run("book", () => "booked");
  step.compensate(() => step.cli("unbook", { command: "echo unbooked" }));
  try {
    await Promise.all([step.cli("hold", { command: "touch reached; sleep 3600" }), step.sleep("nap", "1h")]);
  } finally {
    await step.run("finally", () => step.signal.aborted);
  }
});
