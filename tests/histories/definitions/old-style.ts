// One object with execute(), no import.
export default defineWorkflow({
  id: "old-style",
  phases: ["one", "two"],
  async execute({ step, event }) {
    console.log("Starting at", new Date());
    step.phase("one");
    await step.cli({ command: "echo one" });
    step.phase("two");
    await step.git({ type: "commit-and-branch", branch: "feat/old-style" });
    return event.data.args;
  },
});
