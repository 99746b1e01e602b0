// Promise.all, allSettled, any and race, step.parallel with a limit, and a loser that is cancelled.
export default defineWorkflow({ id: "parallel" }, async ({ step }) => {
  const quick = (id: string) => step.run(id, () => id);
  const bad = (id: string) => step.run(id, () => { throw new Error(id); }, { retry: { attempts: 1 } });
  const all = await Promise.all(["a", "b", "c"].map(quick));
  const settled = await Promise.allSettled([quick("d"), bad("e"), quick("f")]);
  const any = await Promise.any([bad("g"), quick("h")]);
  const first = await Promise.race([step.sleep("long", "1h").then(() => "slept"), quick("i")]);
  const limited = await step.parallel(
    [1, 2, 3, 4, 5].map((n) => async () => {
      const made = await step.run(`make-${n}`, () => n);
      return (await step.cli(`check-${n}`, { command: `exit ${made % 2}` })).success;
    }),
    { limit: 2 },
  );
  return { all, settled: settled.map((one) => one.status), any, first, limited };
});
