// The smallest thing that keeps to Sdk of sdk/src/host.d.ts: for tests of the worker alone.
(function createSdk(host, globalThis) {
  const { Promise, Error, JSON } = globalThis;
  let workflow;
  let now = 0;
  const pending = new Map();  // key -> {resolve, reject}
  const closures = new Map(); // key -> function
  let replays = false;
  const effects = new Map();
  let effectCount = 0;

  const command = (value, closure) => host.command(JSON.stringify(value), closure);
  const failure = (error) => ({
    name: String(error?.name ?? 'Error'),
    message: String(error?.message ?? error),
    stack: host.mapStack(String(error?.stack ?? '')),
  });

  function wait(key) {
    return new Promise((resolve, reject) => pending.set(key, { resolve, reject }));
  }
  const step = {
    run(key, fn) {
      command({ c: 'step', key, type: 'run', name: key, phase: '', input: '{}' }, replays ? undefined : key);
      closures.set(key, fn);
      return wait(key);
    },
    cli(key, input) {
      command({ c: 'step', key, type: 'cli', name: key, phase: 'build', input: JSON.stringify(input) });
      return wait(key);
    },
    sleep(key, at) {
      command({ c: 'timer', key, name: key, phase: '', at });
      return wait(key);
    },
    log(message) {
      command({ c: 'log', level: 'info', phase: '', message });
    },
  };
  const effectsOf = (key, attempt) => ({
    effect(name, args) {
      const id = ++effectCount;
      return new Promise((resolve, reject) => {
        effects.set(id, { resolve, reject });
        host.effect(key, attempt, id, name, JSON.stringify(args));
      });
    },
    effectSync(name, args) {
      const answer = JSON.parse(host.effectSync(key, attempt, name, JSON.stringify(args)));
      if (answer.error) throw Object.assign(new Error(answer.error.message), answer.error);
      return answer.ok;
    },
    digest: (...args) => host.digest(...args),
    randomBytes: (count) => host.randomBytes(count),
    now: () => host.now(),
  });
  function begin({ key, attempt }) {
    const ended = (rest) => host.closureEnded(JSON.stringify({ key, attempt, ...rest }));
    Promise.resolve()
      .then(() => closures.get(key)(effectsOf(key, attempt)))
      .then((value) => ended({ output: JSON.stringify(value ?? null) }),
            (error) => ended({ failure: failure(error) }));
  }
  const jobs = {
    start(job) {
      const event = { data: JSON.parse(job.request), name: job.name, project: job.project, seed: job.seed };
      Promise.resolve()
        .then(() => workflow.fn({ step, event, now: () => now }))
        .then((value) => command({ c: 'complete', result: JSON.stringify(value ?? null) }),
              (error) => command({ c: 'fail', failure: failure(error) }));
    },
    resolve: (job) => pending.get(job.key).resolve(JSON.parse(job.output)),
    reject: (job) => pending.get(job.key).reject(Object.assign(new Error(job.failure.message), { name: job.failure.name })),
    fire: (job) => pending.get(job.key).resolve(),
    cancel(job) {
      for (const { reject } of pending.values()) reject(new Error(job.reason));
    },
    closure: (job) => begin(job),
  };

  return {
    load(definition) {
      globalThis.defineWorkflow = (config, fn) => (workflow = { config, fn });
      const module = { exports: {} };
      definition(module.exports, () => ({ defineWorkflow: globalThis.defineWorkflow }), module, host.file, '');
    },
    describe() {
      if (!workflow) throw new Error("exports no workflow");
      const { id, name, phases, timeout, argsSchema, ...config } = workflow.config;
      return JSON.stringify({
        id, name: name ?? id, description: '', timeout,
        phases: (phases ?? []).map((p) => (typeof p === 'string' ? { id: p, label: p } : p)),
        argsSchema: argsSchema && JSON.stringify(argsSchema), config: JSON.stringify(config),
      });
    },
    deliver(text, replaying) {
      replays = replaying;
      const job = JSON.parse(text);
      now = job.at;
      jobs[job.job](job);
    },
    settle(at, key, output) {
      now = at;
      jobs.resolve({ key, output });
    },
    usePatches: () => {},
    rejected: () => {},
    query: (name, args) => JSON.stringify({ ok: JSON.stringify({ name, args: JSON.parse(args), now }) }),
    beginClosure: (key) => begin({ key, attempt: 1 }),
    effectAnswered(id, ok, json) {
      const { resolve, reject } = effects.get(id);
      effects.delete(id);
      const value = JSON.parse(json);
      if (ok) resolve(value);
      else reject(Object.assign(new Error(value.message), value));
    },
  };
})
