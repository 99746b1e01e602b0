// Started by an event, in a group of its key: its event's data are its arguments.
export default defineWorkflow(
  {
    id: "triggered",
    concurrency: { limit: 1, key: "branch" },
    idempotency: "{branch}/{commit}",
    priority: 5,
    triggers: [{ event: "pushed", if: { branch: "main" } }],
    argsSchema: { type: "object", properties: { branch: { type: "string" }, deep: { type: "boolean", default: true } } },
  },
  async ({ event, step }) => {
    const { branch, deep } = event.data.args;
    await step.cli("look", { command: `echo ${branch}` });
    return await step.run(deep ? "deep" : "shallow", () => branch.length);
  },
);
