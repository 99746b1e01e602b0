// Events: one that came before it was asked for, one that comes while it is waited for behind another that does not
// match, one that never comes; one that it sends itself, and two in one list.
export default defineWorkflow({ id: "events" }, async ({ step }) => {
  await step.cli("until-sent", { command: "touch reached; until [ -e go ]; do sleep 0.05; done" });
  const early = await step.waitForEvent("early", { event: "early/sent" });
  const [late, never] = await Promise.all([
    step.waitForEvent("late", { event: "late/sent", match: "n" }),
    step.waitForEvent("never", { event: "never/sent", timeout: 20 }),
  ]);
  await step.sendEvent("one", { name: "own/sent", data: { of: "itself" } });
  const own = await step.waitForEvent("own", { event: "own/sent", if: (event) => event.data.of === "itself" });
  const sent = await step.sendEvent("several", [{ name: "a" }, { name: "b", data: { b: 1 } }]);
  await step.run("last", () => 1);
  return { early: early.data, late: late.data, never, own: own.data, sent: sent.ids.length };
});
