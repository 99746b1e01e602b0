// The step API as workflow code sees it. Each method turns its arguments into one command; results are what the
// driver recorded, as they are.

import { agentConfig } from "./agents";
import { admit, askFor, type Config, idOf } from "./ask";
import { oneOf } from "./check";
import * as closures from "./closures";
import { milliseconds, moment } from "./duration";
import { sendEvent, waitForEvent } from "./events";
import { approve } from "./gates";
import { invoke } from "./invoke";
import { encode } from "./json";
import { keyOf } from "./keys";
import { lazy } from "./load_lazy";
import { optionsOf } from "./options";
import { patched } from "./patches";
import { waitFor } from "./pending";
import { begin, closeMarker, currentScope, enter, here, mark, phaseNow, returningTo, within } from "./phases";
import { registerProbe } from "./probes";
import { onQuery } from "./queries";
import { addCleanup, signal } from "./run";
import { clock, command, note, vm } from "./vm";

const bareInput = '{"config":{},"options":{}}';

/** (id, config, options), or (config, options): the id is then the type of the step. */
function argumentsOf(
  type: string,
  first: unknown,
  second: unknown,
  third: unknown,
): [string, Config, Config | undefined] {
  const withId = typeof first === "string";
  const id = withId ? idOf(type, first) : type;
  const config = withId ? second : first;
  const options = withId ? third : second;
  if (typeof config !== "object" || config === null) {
    throw new TypeError(`step.${type}("${id}") needs an object that says what to do`);
  }
  return [id, placed(config as Config), options as Config | undefined];
}

/** `cwd` and `workingDir` are one thing: each step type finds the one it knows. */
function placed(config: Config): Config {
  const folder = config.cwd ?? config.workingDir;
  return folder === undefined ? config : { ...config, cwd: folder, workingDir: folder };
}

function plain(type: string) {
  return (first: unknown, second?: unknown, third?: unknown): Promise<unknown> => {
    const [id, config, options] = argumentsOf(type, first, second, third);
    return askFor(type, id, { config, options });
  };
}

function agent(first: unknown, second?: unknown, third?: unknown): Promise<unknown> {
  const [id, config, options] = argumentsOf("agent", first, second, third);
  return askFor("agent", id, { config: agentConfig(config, `step.agent("${id}")`), options });
}

function cli(first: unknown, second?: unknown, third?: unknown): Promise<unknown> {
  const [id, config, options] = argumentsOf("cli", first, second, third);
  return askFor("cli", id, { config, options, name: config.name });
}

/** A run that is to ask pauses at a usage limit, as at any error that is not tried again by itself. */
function atUsageLimit(config: Config, options: Config | undefined, what: string): Config | undefined {
  if (config.onUsageLimit === undefined) return options;
  oneOf(config.onUsageLimit, ["park", "fail", "ask"], `${what}: onUsageLimit`);
  if (config.onUsageLimit !== "ask") return options;
  const retry = options?.retry ?? {};
  return { ...options, retry: { ...retry, nonRetryable: [...(retry.nonRetryable ?? []), "UsageLimitError"] } };
}

/** A schema goes to the driver as JSON Schema; what zod knows besides is done with the result. */
function ai(first: unknown, second?: unknown, third?: unknown): Promise<unknown> {
  const [id, config, given] = argumentsOf("ai", first, second, third);
  const options = atUsageLimit(config, given, `step.ai("${id}")`);
  if (config.schema === undefined || config.schema === null) return askFor("ai", id, { config, options });
  const schema = lazy().parts.schemas().schemaOf(config.schema, `step.ai("${id}")`);
  const asked = askFor("ai", id, { config: { ...config, schema: schema.json }, options });
  if (schema.finish === undefined) return asked;
  return returningTo(currentScope(), (asked as Promise<Config>).then(schema.finish));
}

/** Older definitions write `type` for `operation`, and `message` and `commitMessage` for each other. */
function git(first: unknown, second?: unknown, third?: unknown): Promise<unknown> {
  const [id, given, options] = argumentsOf("git", first, second, third);
  const { type, message, commitMessage, ...rest } = given;
  const config: Config = { ...rest, operation: rest.operation ?? type };
  const text = config.operation === "commit" ? (message ?? commitMessage) : (commitMessage ?? message);
  if (text !== undefined) config[config.operation === "commit" ? "message" : "commitMessage"] = text;
  return askFor("git", id, { config, options, name: config.name });
}

function phase(id: unknown, body?: unknown): Promise<unknown> {
  const name = idOf("phase", id);
  admit(`step.phase("${name}")`);
  if (typeof body !== "function") {
    mark(name);
    return Promise.resolve();
  }
  // A phase with a function stands beside a marked one, not in it.
  closeMarker(currentScope());
  return within(begin(name), body as () => unknown);
}

/** (id, fn), or (fn). */
function run(first: unknown, second?: unknown, third?: unknown): Promise<unknown> {
  const withId = typeof first === "string";
  const id = withId ? idOf("run", first) : "run";
  const body = withId ? second : first;
  if (typeof body !== "function") throw new TypeError(`step.run("${id}") needs a function`);
  const what = `step.run("${id}")`;
  admit(what);
  const scope = here();
  const given = (withId ? third : second) as Config | undefined;
  const options = optionsOf("run", given, what);
  const input = Object.keys(options).length === 0 ? bareInput : encode({ config: {}, options }, `${what} was given`);
  const key = keyOf(scope.path, id);
  const promise = waitFor(key, "step");
  closures.register(key, id, scope.phase, body as closures.Body);
  registerProbe(key, { type: "run", name: id, phase: scope.phase, config: {} }, given?.probe);
  // What a replay leaves open is begun by a job of its own.
  command({ c: "step", key, type: "run", name: id, phase: scope.phase, input }, vm.replaying ? undefined : key);
  return promise;
}

function timer(id: string, at: number): Promise<unknown> {
  const scope = here();
  const key = keyOf(scope.path, id);
  const promise = waitFor(key, "timer");
  command({ c: "timer", key, name: id, phase: scope.phase, at });
  return promise;
}

function sleep(first: unknown, second?: unknown): Promise<unknown> {
  const [id, duration] = second === undefined ? ["sleep", first] : [idOf("sleep", first), second];
  const what = `step.sleep("${id}")`;
  admit(what);
  return timer(id as string, vm.now + milliseconds(duration, what));
}

function sleepUntil(first: unknown, second?: unknown): Promise<unknown> {
  const [id, time] = second === undefined ? ["sleep-until", first] : [idOf("sleepUntil", first), second];
  const what = `step.sleepUntil("${id}")`;
  admit(what);
  return timer(id as string, moment(time, what));
}

/** Notes cannot fail, and their promises resolve in the same drain: not before somebody can wait for them. */
function noted<T>(value: T): Promise<T> {
  return returningTo(
    currentScope(),
    Promise.resolve().then(() => value),
  );
}

function annotation(first: unknown, second?: unknown): Promise<unknown> {
  const withId = typeof first === "string";
  const id = withId ? idOf("annotation", first) : "annotation";
  admit(`step.annotation("${id}")`);
  const given = withId ? (second ?? first) : first;
  const message = typeof given === "string" ? given : (given as Config | null)?.message;
  if (typeof message !== "string") throw new TypeError(`step.annotation("${id}") needs a message, a text`);
  const scope = here();
  const key = keyOf(scope.path, id);
  note({ c: "annotate", key, phase: scope.phase, message });
  return noted({ data: undefined, success: true, trace: [] });
}

function updateRun(fields: unknown): Promise<void> {
  admit("step.updateRun()");
  if (typeof fields !== "object" || fields === null) throw new TypeError("step.updateRun needs an object of fields");
  note({ c: "update", fields: encode(fields, "step.updateRun was given") });
  return noted(undefined);
}

export function logAt(level: "info" | "warn" | "error", args: unknown[]): void {
  note({ c: "log", level, phase: phaseNow(), message: textOf(args) });
}

/** Plain texts, the most of what is logged, need no formatting. */
function textOf(args: unknown[]): string {
  const isPlain =
    args.every((arg) => typeof arg === "string" || typeof arg === "number") && !String(args[0]).includes("%");
  return isPlain ? args.join(" ") : lazy().parts.inspect().format(args);
}

const log = Object.assign((...args: unknown[]) => logAt("info", args), {
  info: (...args: unknown[]) => logAt("info", args),
  warn: (...args: unknown[]) => logAt("warn", args),
  error: (...args: unknown[]) => logAt("error", args),
});

/** Runs functions side by side, at most `limit` at a time; results are in their order. The first error wins. */
async function parallel(thunks: unknown, options?: { limit?: number }): Promise<unknown[]> {
  if (!Array.isArray(thunks) || thunks.some((thunk) => typeof thunk !== "function")) {
    throw new TypeError("step.parallel needs a list of functions");
  }
  const limit = options?.limit ?? thunks.length;
  if (!(limit >= 1) && thunks.length > 0) throw new RangeError("step.parallel: the limit must be 1 or more");
  const scope = currentScope();
  const results: unknown[] = new Array(thunks.length);
  let next = 0;
  let failed = false;
  const work = async (): Promise<void> => {
    while (next < thunks.length && !failed) {
      const index = next++;
      enter(scope);
      try {
        results[index] = await thunks[index]();
      } catch (thrown) {
        failed = true;
        throw thrown;
      }
    }
  };
  const workers = Array.from({ length: Math.min(limit, thunks.length) }, work);
  await returningTo(scope, Promise.all(workers));
  return results;
}

function setupWorkspace(first: unknown = {}, second?: unknown, third?: unknown): Promise<unknown> {
  const withId = typeof first === "string";
  const id = withId ? idOf("setupWorkspace", first) : "setup-workspace";
  const config = (withId ? (second ?? {}) : first) as Config;
  return askFor("setupWorkspace", id, { config, options: (withId ? third : second) as Config | undefined });
}

function cleanupWorkspace(first: unknown = {}, second?: unknown, third?: unknown): Promise<unknown> {
  const withId = typeof first === "string";
  const id = withId ? idOf("cleanupWorkspace", first) : "cleanup-workspace";
  const config = (withId ? (second ?? {}) : first) as Config;
  return askFor("cleanupWorkspace", id, { config, options: (withId ? third : second) as Config | undefined });
}

function missing(name: string) {
  return (): never => {
    throw new Error(`step.${name} is not available in this version of agentcmd`);
  };
}

export const step = {
  phase,
  agent,
  cli,
  git,
  artifact: plain("artifact"),
  annotation,
  log,
  updateRun,
  run,
  sleep,
  sleepUntil,
  setupWorkspace,
  cleanupWorkspace,
  parallel,
  cleanup: (body: unknown) => addCleanup(body, true),
  compensate: (body: unknown) => addCleanup(body, false),
  now: () => clock(),
  get signal() {
    return signal();
  },
  ai,
  preview: missing("preview"),
  waitForEvent,
  sendEvent,
  invoke,
  approve,
  patched,
  onQuery,
  continueAsNew: missing("continueAsNew"),
};

export type StepApi = typeof step;
